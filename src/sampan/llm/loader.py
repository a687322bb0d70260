"""From a model folder to a Decoder: every tensor is checked, and brought straight to its final form."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from sampan.llm import config as configuration
from sampan.llm import levels, narrow, quantise
from sampan.llm.chat import ChatTemplate
from sampan.llm.config import ModelConfig
from sampan.llm.contract import Runner
from sampan.llm.errors import ModelError, UnsupportedError
from sampan.llm.models.decoder import Decoder, Layer
from sampan.llm.models.layers import Linear, linear
from sampan.llm.models.mlp import Gated, Mixture
from sampan.llm.text import Text
from sampan.llm.weights import Safetensors, Source

Form = Callable[[Tensor, Tensor | None], Linear]
Progress = Callable[[int, int], None]

_DTYPES = {
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
    "float32": torch.float32,
    "float64": torch.float64,
}
# Tensors that some checkpoints carry and that no decoder needs.
_IGNORED = (".rotary_emb.inv_freq", ".masked_bias", ".k_scale", ".v_scale")


def load(
    folder: str | Path,
    *,
    dtype: str = "auto",
    device: str = "cpu",
    form: Form = linear,
    progress: Progress | None = None,
) -> Decoder:
    """The model in `folder` (or a .gguf file), ready to run.

    `dtype` is "auto" (as published) or one of bfloat16, float16, float32, float64; `form` makes the linears (see
    `sampan.llm.quantise` for narrow ones); `progress(done, all)` is told of each layer.
    Raises ModelError for a folder that cannot be trusted or used, UnsupportedError for one that is not yet known.
    """
    path = Path(folder)
    if path.suffix == ".gguf":
        from sampan.llm.gguf_file import GgufFile  # here, so that its package is needed only by those who use it

        file = GgufFile(path)
        return build(file.config, file, dtype=dtype, device=device, form=form, progress=progress)
    if not path.is_dir():
        raise ModelError(f"{path} is not a folder")
    raw = configuration.read(path)
    config = configuration.parse(raw)
    source = narrow.source(path, Safetensors(path), raw)
    if dtype == "auto" and config.dtype == "float16" and isinstance(source, narrow.Narrow) and device == "cpu":
        dtype = "bfloat16"  # what narrow weights are multiplied with here
    return build(config, source, dtype=dtype, device=device, form=form, progress=progress)


def text(folder: str | Path, vocabulary: int) -> Text | None:
    """The tokenizer of a model folder, or of a .gguf file: what lies beside, or what is inside. Raises ModelError."""
    path = Path(folder)
    home = path if path.is_dir() else path.parent
    if (home / "tokenizer.json").is_file():
        return Text.load(home, vocabulary)
    if path.suffix == ".gguf":
        from sampan.llm import gguf_text
        from sampan.llm.gguf_file import GgufFile

        return gguf_text.text(GgufFile(path))
    return None


def template(folder: str | Path) -> ChatTemplate | None:
    """The chat template in the same places. Raises ModelError."""
    path = Path(folder)
    found = ChatTemplate.load(path if path.is_dir() else path.parent)
    if found is None and path.suffix == ".gguf":
        from sampan.llm import gguf_text
        from sampan.llm.gguf_file import GgufFile

        return gguf_text.template(GgufFile(path))
    return found


def open_any(
    folder: str | Path,
    *,
    dtype: str = "auto",
    device: str = "cpu",
    form: Form = linear,
    progress: Progress | None = None,
) -> Decoder | Runner:
    """As `load`; what is not known here is run by transformers. Raises ModelError, and UnsupportedError if there is no
    transformers, or if it does not know the model either."""
    try:
        return load(folder, dtype=dtype, device=device, form=form, progress=progress)
    except UnsupportedError as error:
        if not Path(folder).is_dir():
            raise
        try:
            from sampan.llm.foreign import loader as foreign  # here: transformers is an extra, and slow to import
        except ImportError:
            raise UnsupportedError(f"{error}; pip install 'sampan[transformers]' to run it by transformers") from error
        if form is not linear:
            raise UnsupportedError("a model that transformers runs keeps its weights as they are") from error
        return foreign.load(Path(folder), dtype=dtype, device=device)


def build(
    config: ModelConfig,
    source: Source,
    *,
    dtype: str = "auto",
    device: str = "cpu",
    form: Form = linear,
    progress: Progress | None = None,
) -> Decoder:
    """A Decoder of the configured shape from named tensors. Raises ModelError."""
    name = config.dtype if dtype == "auto" else dtype
    if name not in _DTYPES:
        raise UnsupportedError(f"dtype {name!r} is not one of {', '.join(_DTYPES)}")
    with torch.inference_mode():
        return _Builder(config, source, _DTYPES[name], torch.device(device), form).decoder(progress)


class _Builder:
    """Takes tensors from a source one by one, and keeps the books: what is missing, and what is left over."""

    def __init__(
        self, config: ModelConfig, source: Source, dtype: torch.dtype, device: torch.device, form: Form
    ) -> None:
        self.config, self._source, self._dtype, self._device, self._form = config, source, dtype, device, form
        self._names = source.names()
        self._left = set(self._names)
        # A bare backbone (an embedding model) is published without the prefix.
        self._prefix = "model." if "model.embed_tokens.weight" in self._names else ""

    def decoder(self, progress: Progress | None) -> Decoder:
        config = self.config
        embedding = self._take("embed_tokens.weight", config.vocabulary, config.hidden)
        layers = []
        for i in range(config.layers):
            layers.append(self._layer(i))
            if progress is not None:
                progress(i + 1, config.layers)
        last = self._take("norm.weight", config.hidden)
        head = self._head(embedding)
        self._settle()
        return Decoder(config, embedding, layers, last, head)

    def _head(self, embedding: Tensor) -> Linear | None:
        self._left.discard("lm_head.weight") if self.config.tied else None
        if self.config.tied:
            return self._form(embedding, None)
        if "lm_head.weight" not in self._names:
            if self._prefix:
                raise ModelError("the weights lack lm_head.weight, and the embeddings are not tied")
            return None
        return self._form(self._read("lm_head.weight", (self.config.vocabulary, self.config.hidden)), None)

    def _layer(self, i: int) -> Layer:
        config, at = self.config, f"layers.{i}"
        q, kv = config.heads * config.head, config.kv_heads * config.head
        return Layer(
            qkv=self._fused(
                [(f"{at}.self_attn.{name}_proj", size) for name, size in (("q", q), ("k", kv), ("v", kv))],
                config.hidden,
                config.qkv_bias,
            ),
            output=self._fused([(f"{at}.self_attn.o_proj", config.hidden)], q, config.output_bias),
            norms=self._norms(at) if config.qk_norm else None,
            before_attention=self._take(f"{at}.input_layernorm.weight", config.hidden),
            before_mlp=self._take(f"{at}.post_attention_layernorm.weight", config.hidden),
            mlp=self._mixture(i) if config.experts and i in config.experts.layers else self._dense(i),
            window=config.windows[i],
        )

    def _norms(self, at: str) -> tuple[Tensor, Tensor]:
        head = self.config.head
        return (
            self._take(f"{at}.self_attn.q_norm.weight", head),
            self._take(f"{at}.self_attn.k_norm.weight", head),
        )

    def _dense(self, i: int) -> Gated:
        return self._gated(f"layers.{i}.mlp", self.config.intermediate, str(i))

    def _gated(self, at: str, width: int, name: str) -> Gated:
        hidden, bias = self.config.hidden, self.config.mlp_bias
        return Gated(
            gate_up=self._fused([(f"{at}.gate_proj", width), (f"{at}.up_proj", width)], hidden, bias),
            down=self._fused([(f"{at}.down_proj", hidden)], width, bias),
            name=name,
        )

    def _mixture(self, i: int) -> Mixture:
        experts, at = self.config.experts, f"layers.{i}.mlp"
        assert experts is not None
        shared = experts.shared_width > 0
        return Mixture(
            router=linear(self._take(f"{at}.gate.weight", experts.count, self.config.hidden)),
            experts=[self._gated(f"{at}.experts.{j}", experts.width, f"{i}.experts.{j}") for j in range(experts.count)],
            chosen=experts.chosen,
            normalise=experts.normalise,
            shared=self._gated(f"{at}.shared_expert", experts.shared_width, f"{i}.shared") if shared else None,
            shared_gate=linear(self._take(f"{at}.shared_expert_gate.weight", 1, self.config.hidden))
            if shared
            else None,
        )

    def _fused(self, parts: list[tuple[str, int]], width: int, bias: bool) -> Linear:
        """Several linears over the same input as one. Narrow weights stay as they are, unless a form is asked for."""
        given = [self._levels(f"{name}.weight", size, width) for name, size in parts] if self._form is linear else []
        kept = levels.stacked([one for one in given if one is not None]) if given and None not in given else None
        if kept is not None:
            biases = [self._take(f"{name}.bias", size) for name, size in parts] if bias else []
            self._left -= {self._prefix + f"{name}.weight" for name, _ in parts}
            return quantise.kept(kept, torch.cat(biases) if biases else None, self._dtype, self._device)
        weights = [self._take(f"{name}.weight", size, width) for name, size in parts]
        biases = [self._take(f"{name}.bias", size) for name, size in parts] if bias else []
        weight = weights[0] if len(weights) == 1 else torch.cat(weights)
        return self._form(weight, torch.cat(biases) if biases else None)

    def _levels(self, name: str, *shape: int) -> levels.Levels | None:
        name = self._prefix + name
        found = self._source.levels(name) if name in self._names else None
        if found is not None and found.shape != shape:
            raise ModelError(f"{name} has shape {found.shape}; the configuration says {shape}")
        if found is not None and not bool((found.scale.sum() + found.zero.sum()).isfinite()):
            raise ModelError(f"{name} holds values that are not finite")
        return found

    def _take(self, name: str, *shape: int) -> Tensor:
        return self._read(self._prefix + name, shape)

    def _read(self, name: str, shape: tuple[int, ...]) -> Tensor:
        if name not in self._names:
            raise ModelError(f"the weights lack {name}")
        tensor = self._source.read(name)
        self._left.discard(name)
        if tuple(tensor.shape) != shape:
            raise ModelError(f"{name} has shape {tuple(tensor.shape)}; the configuration says {shape}")
        if not tensor.is_floating_point():
            raise ModelError(f"{name} holds {tensor.dtype}, not floating point numbers")
        if not bool(tensor.sum(dtype=torch.float64).isfinite()):
            raise ModelError(f"{name} holds values that are not finite")
        return tensor.to(self._device, self._dtype)

    def _settle(self) -> None:
        left = sorted(name for name in self._left if not name.endswith(_IGNORED) and not self._empty(name))
        if left:
            raise ModelError(f"the weights hold {len(left)} tensors that this model has no use for, such as {left[0]}")

    def _empty(self, name: str) -> bool:
        """Whether it is a bias of zeros, which GPTQ's tools give to linears that have none."""
        return name.endswith(".bias") and isinstance(self._source, narrow.Narrow) and not self._source.read(name).any()
