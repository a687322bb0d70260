"""A model's `config.json`, read once into a frozen value that says everything the decoder needs.

The families (Qwen2/2.5, Qwen3, their mixture-of-experts forms, Llama, Mistral) are one architecture with a handful of
switches; `_FAMILIES` is the table of those switches. Fields and defaults follow the models' published configurations
as transformers reads them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sampan.llm.errors import ModelError, UnsupportedError

CONFIG_BYTES_MAX = 1 << 20  # real ones are a few KiB
LAYERS_MAX = 1024
WIDTH_MAX = 1 << 20  # hidden sizes, vocabularies, numbers of experts: far above anything published


@dataclass(frozen=True, slots=True)
class Rope:
    """Rotary position embedding: the base, and how it is stretched beyond the trained length."""

    theta: float
    kind: str = "default"  # default | linear | dynamic | yarn | llama3 | factors
    factor: float = 1.0
    original_positions: int = 0
    attention_factor: float | None = None
    beta_fast: float = 32.0
    beta_slow: float = 1.0
    mscale: float = 0.0
    mscale_all_dim: float = 0.0
    truncate: bool = True
    low_frequency_factor: float = 1.0
    high_frequency_factor: float = 4.0
    factors: tuple[float, ...] = ()  # one per frequency, which it divides: how GGUF files say llama3


@dataclass(frozen=True, slots=True)
class Experts:
    """The mixture-of-experts part: which layers have it, and how tokens are routed."""

    count: int
    chosen: int  # experts per token
    width: int  # intermediate size of one expert
    shared_width: int  # intermediate size of the expert that sees every token; 0 when there is none
    normalise: bool  # make the chosen experts' weights sum to one
    layers: frozenset[int]


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The shape of a decoder. Sizes are in elements, `positions` in tokens."""

    family: str
    vocabulary: int
    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    head: int  # size of one attention head
    positions: int
    norm_eps: float
    rope: Rope
    qkv_bias: bool
    output_bias: bool
    mlp_bias: bool
    qk_norm: bool
    tied: bool
    windows: tuple[int, ...]  # per layer: tokens that a query sees, 0 for all
    experts: Experts | None
    end_tokens: tuple[int, ...]
    dtype: str  # as published: bfloat16, float16 or float32

    @property
    def room(self) -> int:
        """The longest text, in tokens: what the model was trained for, or what its rope scaling stretches that to."""
        if self.rope.kind == "dynamic":
            return int(self.positions * self.rope.factor)
        if self.rope.kind == "yarn":  # published both with and without the stretch in max_position_embeddings
            return max(self.positions, int(self.rope.original_positions * self.rope.factor))
        return self.positions


@dataclass(frozen=True, slots=True)
class _Family:
    qkv_bias: bool | None = False  # None: the config's `attention_bias` says
    qk_norm: bool = False
    moe: bool = False
    window: str = "none"  # none | upper (layers from max_window_layers on) | lower | all


_FAMILIES = {
    "qwen2": _Family(qkv_bias=True, window="upper"),
    "qwen3": _Family(qkv_bias=None, qk_norm=True, window="upper"),
    "qwen2_moe": _Family(qkv_bias=True, moe=True, window="lower"),
    "qwen3_moe": _Family(qkv_bias=None, qk_norm=True, moe=True, window="flag"),
    "llama": _Family(qkv_bias=None),
    "mistral": _Family(window="all"),
}
# What transformers assumes when a published config leaves the field out.
_NORM_TOPK_DEFAULT = {"qwen2_moe": False, "qwen3_moe": False}
_THETA_DEFAULT = 10_000.0


def read(folder: Path) -> dict[str, Any]:
    """The config.json of the model in `folder`. Raises ModelError."""
    return read_json(folder / "config.json", CONFIG_BYTES_MAX)


def read_json(path: Path, bytes_max: int) -> dict[str, Any]:
    """A JSON object from a file of bounded size. Raises ModelError."""
    try:
        if path.stat().st_size > bytes_max:
            raise ModelError(f"{path.name} is larger than {bytes_max} bytes")
        value = json.loads(path.read_bytes())
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path.name} is not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise ModelError(f"{path.name} does not hold a JSON object")
    return value


def parse(raw: Mapping[str, Any]) -> ModelConfig:
    """A `config.json`'s content as a ModelConfig. Raises ModelError, UnsupportedError."""
    name = raw.get("model_type")
    family = _FAMILIES.get(str(name))
    if family is None:
        raise UnsupportedError(f"model_type {name!r} is not supported; known: {', '.join(sorted(_FAMILIES))}")
    if raw.get("hidden_act", "silu") != "silu":
        raise UnsupportedError(f"hidden_act {raw['hidden_act']!r} is not supported")
    fields = _Fields(raw)
    hidden, heads, layers = fields.whole("hidden_size"), fields.whole("num_attention_heads"), fields.layers()
    kv_heads = fields.whole("num_key_value_heads", heads)
    head = fields.whole("head_dim", 128 if str(name).startswith("qwen3") else hidden // heads)
    if heads % kv_heads or head % 2:
        raise ModelError(f"{heads} heads of {head} over {kv_heads} key-value heads do not fit together")
    bias = bool(raw.get("attention_bias", False)) if family.qkv_bias is None else family.qkv_bias
    positions = fields.whole("max_position_embeddings", bound=1 << 28)
    return ModelConfig(
        family=str(name),
        vocabulary=fields.whole("vocab_size"),
        hidden=hidden,
        intermediate=fields.whole("intermediate_size"),
        layers=layers,
        heads=heads,
        kv_heads=kv_heads,
        head=head,
        positions=positions,
        norm_eps=fields.number("rms_norm_eps", 1e-6),
        rope=_rope(raw, positions),
        qkv_bias=bias,
        output_bias=bias and family.qkv_bias is None,
        mlp_bias=bool(raw.get("mlp_bias", False)),
        qk_norm=family.qk_norm,
        tied=bool(raw.get("tie_word_embeddings", False)),
        windows=_windows(raw, family, layers),
        experts=_experts(raw, fields, str(name), layers) if family.moe else None,
        end_tokens=_end_tokens(raw.get("eos_token_id")),
        dtype=str(raw.get("dtype") or raw.get("torch_dtype") or "float32"),
    )


class _Fields:
    """Bounded reads from an untrusted mapping."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self._raw = raw

    def whole(self, name: str, default: int | None = None, bound: int = WIDTH_MAX) -> int:
        value = self._raw.get(name)
        value = default if value is None else value
        if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= bound:
            raise ModelError(f"config.json: {name} must be a whole number from 1 to {bound}, not {value!r}")
        return value

    def number(self, name: str, default: float) -> float:
        value = self._raw.get(name, default)
        if not isinstance(value, int | float) or not 0 < value < 1e12:
            raise ModelError(f"config.json: {name} must be a positive number, not {value!r}")
        return float(value)

    def layers(self) -> int:
        return self.whole("num_hidden_layers", bound=LAYERS_MAX)


def _rope(raw: Mapping[str, Any], positions: int) -> Rope:
    """`rope_parameters` (transformers 5) or `rope_theta` with `rope_scaling` (what is published)."""
    given = raw.get("rope_parameters") or raw.get("rope_scaling") or {}
    if not isinstance(given, Mapping):
        raise ModelError("config.json: the rope parameters must be an object")
    fields = _Fields(given)
    theta = _Fields({"rope_theta": given.get("rope_theta", raw.get("rope_theta", _THETA_DEFAULT))})
    kind = str(given.get("rope_type", given.get("type", "default")))
    if kind not in ("default", "linear", "dynamic", "yarn", "llama3"):
        raise UnsupportedError(f"rope scaling {kind!r} is not supported")
    if float(given.get("partial_rotary_factor", 1.0)) != 1.0:
        raise UnsupportedError("partial rotary embeddings are not supported")
    original = given.get("original_max_position_embeddings") or raw.get("original_max_position_embeddings")
    attention = given.get("attention_factor")
    return Rope(
        theta=theta.number("rope_theta", _THETA_DEFAULT),
        kind=kind,
        factor=fields.number("factor", 1.0),
        original_positions=_Fields({"n": original}).whole("n", positions, bound=1 << 28),
        attention_factor=None if attention is None else float(attention),
        beta_fast=float(given.get("beta_fast") or 32.0),
        beta_slow=float(given.get("beta_slow") or 1.0),
        mscale=float(given.get("mscale") or 0.0),
        mscale_all_dim=float(given.get("mscale_all_dim") or 0.0),
        truncate=bool(given.get("truncate", True)),
        low_frequency_factor=fields.number("low_freq_factor", 1.0),
        high_frequency_factor=fields.number("high_freq_factor", 4.0),
    )


def _windows(raw: Mapping[str, Any], family: _Family, layers: int) -> tuple[int, ...]:
    size = raw.get("sliding_window")
    flagged = bool(raw.get("use_sliding_window", False))
    if family.window == "none" or not size or (family.window != "all" and not flagged):
        return (0,) * layers
    window = _Fields(raw).whole("sliding_window", bound=1 << 28)
    kinds = raw.get("layer_types")
    if family.window in ("upper", "lower") and isinstance(kinds, list) and len(kinds) == layers:
        return tuple(window if kind == "sliding_attention" else 0 for kind in kinds)
    edge = int(raw.get("max_window_layers", 28))
    if family.window == "upper":
        return tuple(window if i >= edge else 0 for i in range(layers))
    if family.window == "lower":
        return tuple(window if (i + 1) % 2 and i < edge else 0 for i in range(layers))
    return (window,) * layers


def _experts(raw: Mapping[str, Any], fields: _Fields, name: str, layers: int) -> Experts:
    dense = set(raw.get("mlp_only_layers") or ())
    every = fields.whole("decoder_sparse_step", 1)
    count = fields.whole("num_experts" if raw.get("num_experts") else "num_local_experts")
    chosen = fields.whole("num_experts_per_tok")
    if chosen > count:
        raise ModelError(f"config.json: {chosen} experts per token of {count}")
    return Experts(
        count=count,
        chosen=chosen,
        width=fields.whole("moe_intermediate_size"),
        shared_width=fields.whole("shared_expert_intermediate_size") if name == "qwen2_moe" else 0,
        normalise=bool(raw.get("norm_topk_prob", _NORM_TOPK_DEFAULT[name])),
        layers=frozenset(i for i in range(layers) if i not in dense and (i + 1) % every == 0),
    )


def _end_tokens(value: object) -> tuple[int, ...]:
    given = value if isinstance(value, list) else [] if value is None else [value]
    return tuple(token for token in given if isinstance(token, int))
