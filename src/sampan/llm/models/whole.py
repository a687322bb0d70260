"""All layers of a decoder in one call to the library's own kernels (kernels/forward.h), for steps of few tokens.

From Python, the way to each of nine kernels per layer takes as long as the smaller of them do.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sampan.llm import native
from sampan.llm.models.mlp import Gated, Tweak
from sampan.llm.products import Described, Panels

if TYPE_CHECKING:
    from sampan.llm.models.attention import Rows
    from sampan.llm.models.cache import Cache
    from sampan.llm.models.decoder import Batch, Decoder, Layer

_INT, _POINTER = ctypes.c_int32, ctypes.c_void_p


class _Layer(ctypes.Structure):
    _fields_ = (
        *((name, Described) for name in ("qkv", "output", "gate_up", "down")),
        *((name, _POINTER) for name in ("query_norm", "key_norm", "before_attention", "before_mlp")),
        ("window", _INT),
    )


class _Model(ctypes.Structure):
    _fields_ = (
        *((name, _INT) for name in ("layers", "hidden", "heads", "kv_heads", "head", "inner")),
        ("eps", ctypes.c_float),
        ("layer", ctypes.POINTER(_Layer)),
        ("last", _POINTER),
    )


class _Step(ctypes.Structure):
    _fields_ = (
        ("rows", _INT),
        *((name, _POINTER) for name in ("x", "cosine", "sine", "slots", "seen", "starts", "lengths")),
        *((name, _POINTER) for name in ("keys", "values")),
        ("layer_size", ctypes.c_int64),
        *((name, _POINTER) for name in ("room", "out")),
    )


class Whole:
    """A decoder's layers, described once."""

    def __init__(self, decoder: Decoder, inner: int) -> None:
        config = decoder.config
        self._call = native.function("decode", [_POINTER, _POINTER])
        self._layers = (_Layer * config.layers)(*map(_layer, decoder.layers))
        shape = (config.layers, config.hidden, config.heads, config.kv_heads, config.head, inner)
        self._model = _Model(*shape, config.norm_eps, self._layers, decoder.last.data_ptr())
        self._hidden = config.hidden
        self._width = 2 * config.hidden + (3 * config.heads + 2 * config.kv_heads) * config.head + 3 * inner
        self._layer_numbers = config.kv_heads * config.head

    @classmethod
    def of(cls, decoder: Decoder) -> Whole | None:
        """For decoders of which every product is one of the library's own."""
        inner = {layer.mlp.down.shape[1] for layer in decoder.layers if isinstance(layer.mlp, Gated)}
        plain = decoder.kernels is not None and decoder.dtype == torch.bfloat16 and len(inner) == 1
        return cls(decoder, inner.pop()) if plain and all(map(_known, decoder.layers)) else None

    def takes(self, batch: Batch, cache: Cache) -> bool:
        """Whether all that a step asks for is done here."""
        rows = batch.plan.paged
        every = rows is not None and rows.rows == slice(0, batch.tokens.shape[0])
        return every and not cache.rounded and type(batch.tweak) is Tweak

    def __call__(self, x: Tensor, rotation: tuple[Tensor, Tensor], slots: Tensor, seen: Rows, cache: Cache) -> Tensor:
        """The last layer's normed states for the embeddings `x`, which are used up."""
        rows = x.shape[0]
        room, out = torch.empty(rows, self._width, dtype=x.dtype), torch.empty_like(x)
        keys, values = cache.keys[0], cache.values[0]
        assert isinstance(keys, Tensor) and isinstance(values, Tensor)
        kept = (x, *rotation, slots, seen.slots, seen.starts, seen.lengths, keys, values)
        at = [tensor.data_ptr() for tensor in kept]
        step = _Step(rows, *at, cache.slots * self._layer_numbers, room.data_ptr(), out.data_ptr())
        self._call(ctypes.byref(self._model), ctypes.byref(step))
        return out


def _known(layer: Layer) -> bool:
    products = (layer.qkv, layer.output, layer.mlp.gate_up, layer.mlp.down) if isinstance(layer.mlp, Gated) else ()
    return bool(products) and all(isinstance(product, Panels) for product in products)


def _layer(layer: Layer) -> _Layer:
    assert isinstance(layer.mlp, Gated)
    products = (layer.qkv, layer.output, layer.mlp.gate_up, layer.mlp.down)
    norms = (None, None) if layer.norms is None else (layer.norms[0].data_ptr(), layer.norms[1].data_ptr())
    before = (layer.before_attention.data_ptr(), layer.before_mlp.data_ptr())
    described = [product.described for product in products if isinstance(product, Panels)]
    return _Layer(*described, *norms, *before, layer.window)
