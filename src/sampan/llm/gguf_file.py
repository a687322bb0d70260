"""GGUF files (llama.cpp's format) as a source of weights. The specification is ggml's docs/gguf.md; names and the
order of Llama's rotary pairs are those of llama.cpp's converter.

Weights of every type that the `gguf` package can widen are widened on reading, and brought to the wanted form like any
others; those of four bits (Q4_0, Q4_1, Q4_K) can also be had as the levels that they are.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gguf
import numpy
import torch
from torch import Tensor

from sampan.llm import config as configuration
from sampan.llm.config import ModelConfig
from sampan.llm.errors import ModelError, UnsupportedError
from sampan.llm.levels import Levels

_ARCHITECTURES = {
    "llama": "llama",
    "qwen2": "qwen2",
    "qwen3": "qwen3",
    "qwen2moe": "qwen2_moe",
    "qwen3moe": "qwen3_moe",
}
_TOP = {"embed_tokens": "token_embd", "norm": "output_norm"}
_PARTS = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "mlp.gate": "ffn_gate_inp",
    "mlp.shared_expert.gate_proj": "ffn_gate_shexp",
    "mlp.shared_expert.up_proj": "ffn_up_shexp",
    "mlp.shared_expert.down_proj": "ffn_down_shexp",
    "mlp.shared_expert_gate": "ffn_gate_inp_shexp",
}
_EXPERT = re.compile(r"blk\.(\d+)\.ffn_(gate|up|down)_exps\.weight")


class GgufFile:
    """One GGUF file: its configuration, and its tensors under the names that the loader asks for."""

    def __init__(self, path: str | Path) -> None:
        """Raises ModelError for what is not a whole GGUF file."""
        self._path = Path(path)
        try:
            self._reader = gguf.GGUFReader(self._path)
        except OSError as error:
            raise ModelError(f"cannot read {path}: {error.strerror}") from error
        except Exception as error:  # the package raises whatever it stumbles over
            raise ModelError(f"{self._path.name} is not a whole GGUF file: {error}") from error
        self._tensors = {tensor.name: tensor for tensor in self._reader.tensors}
        architecture = str(self.value("general.architecture", ""))
        if architecture not in _ARCHITECTURES:
            raise UnsupportedError(f"GGUF architecture {architecture!r} is not supported")
        self._architecture = architecture
        self.config = self._config()
        self._where = dict(self._listed())

    def names(self) -> frozenset[str]:
        return frozenset(self._where)

    def read(self, name: str) -> Tensor:
        stored, expert = self._where[name]
        found = self._tensors[stored]
        data = found.data if expert is None else found.data[expert]
        try:
            wide = gguf.quants.dequantize(numpy.asarray(data), found.tensor_type)
        except NotImplementedError as error:
            raise UnsupportedError(f"{stored}: GGUF type {found.tensor_type.name} is not supported") from error
        tensor = torch.from_numpy(numpy.array(wide, dtype=numpy.float32))
        if self._architecture == "llama":
            tensor = self._unpaired(name, tensor)
        # A single row comes without its first axis.
        return tensor.unsqueeze(0) if name.endswith("shared_expert_gate.weight") and tensor.dim() == 1 else tensor

    def levels(self, name: str) -> Levels | None:
        """The weight as whole numbers, if it has four bits and a scale for each 32."""
        stored, expert = self._where[name]
        found = self._tensors[stored]
        read = _LEVELS.get(found.tensor_type)
        if read is None:
            return None
        data = numpy.asarray(found.data if expert is None else found.data[expert])
        given = read(torch.from_numpy(numpy.array(data)))
        if self._architecture != "llama":
            return given
        levels, scale, zero = (self._unpaired(name, part) for part in (given.levels, given.scale, given.zero))
        return Levels(levels, scale, zero, given.bits)

    def _unpaired(self, name: str, tensor: Tensor) -> Tensor:
        """Llama's rotary pairs lie side by side in GGUF, and half a head apart here."""
        heads = {"q_proj": self.config.heads, "k_proj": self.config.kv_heads}.get(name.split(".")[-2], 0)
        if not heads:
            return tensor
        rest = tensor.shape[1:]
        return tensor.view(heads, -1, 2, *rest).transpose(1, 2).reshape(tensor.shape)

    def _listed(self) -> list[tuple[str, tuple[str, int | None]]]:
        names = {f"{ours}.weight": f"{theirs}.weight" for ours, theirs in _TOP.items()}
        for i in range(self.config.layers):
            for ours, theirs in _PARTS.items():
                for kind in ("weight", "bias"):
                    names[f"layers.{i}.{ours}.{kind}"] = f"blk.{i}.{theirs}.{kind}"
        known = {theirs: ours for ours, theirs in names.items()}
        out: list[tuple[str, tuple[str, int | None]]] = []
        for stored in self._tensors:
            expert = _EXPERT.fullmatch(stored)
            if expert is not None and self.config.experts is not None:
                at = f"model.layers.{expert[1]}.mlp.experts"
                out += [(f"{at}.{j}.{expert[2]}_proj.weight", (stored, j)) for j in range(self.config.experts.count)]
            elif stored == "rope_freqs.weight":
                continue  # read with the configuration
            elif stored == "output.weight":
                out.append(("lm_head.weight", (stored, None)))
            else:
                out.append((f"model.{known.get(stored, stored)}", (stored, None)))
        return out

    def _config(self) -> ModelConfig:
        """The metadata as a config.json."""
        at = self._architecture
        heads = self.value(f"{at}.attention.head_count")
        embedding = self._tensors.get("token_embd.weight")
        if embedding is None or len(embedding.shape) != 2:
            raise ModelError(f"{self._path.name} lacks token_embd.weight")
        raw: dict[str, Any] = {
            "model_type": _ARCHITECTURES[at],
            "vocab_size": int(embedding.shape[1]),
            "hidden_size": self.value(f"{at}.embedding_length"),
            "num_hidden_layers": self.value(f"{at}.block_count"),
            "num_attention_heads": heads,
            "num_key_value_heads": self.value(f"{at}.attention.head_count_kv", heads),
            "head_dim": self.value(f"{at}.attention.key_length"),
            "intermediate_size": self.value(f"{at}.feed_forward_length"),
            "max_position_embeddings": self.value(f"{at}.context_length"),
            "rms_norm_eps": self.value(f"{at}.attention.layer_norm_rms_epsilon"),
            "rope_theta": self.value(f"{at}.rope.freq_base", 10_000.0),
            "tie_word_embeddings": "output.weight" not in self._tensors,
            "eos_token_id": self.value("tokenizer.ggml.eos_token_id"),
            "num_experts": self.value(f"{at}.expert_count"),
            "num_experts_per_tok": self.value(f"{at}.expert_used_count"),
            "moe_intermediate_size": self.value(f"{at}.expert_feed_forward_length"),
            "shared_expert_intermediate_size": self.value(f"{at}.expert_shared_feed_forward_length"),
            "norm_topk_prob": at == "qwen3moe",
            "attention_bias": "blk.0.attn_q.bias" in self._tensors,
            "torch_dtype": "bfloat16",
            "rope_scaling": self._scaling(),
        }
        config = configuration.parse({name: value for name, value in raw.items() if value is not None})
        if "rope_freqs.weight" not in self._tensors:
            return config
        factors = tuple(self._tensors["rope_freqs.weight"].data.astype(numpy.float32).ravel().tolist())
        if len(factors) != config.head // 2 or not all(0 < factor < math.inf for factor in factors):
            raise ModelError(f"{self._path.name}: rope_freqs.weight does not fit")
        return replace(config, rope=replace(config.rope, kind="factors", factors=factors))

    def _scaling(self) -> dict[str, Any] | None:
        kind = self.value(f"{self._architecture}.rope.scaling.type", "none")
        if kind == "none":
            return None
        original = self.value(f"{self._architecture}.rope.scaling.original_context_length")
        factor = self.value(f"{self._architecture}.rope.scaling.factor", 1.0)
        return {"rope_type": kind, "factor": factor, "original_max_position_embeddings": original}

    def value(self, key: str, default: Any = None) -> Any:
        """What the file says under a key of its metadata."""
        field = self._reader.get_field(key)
        return default if field is None else field.contents()


def _half(data: Tensor) -> Tensor:
    """[rows, blocks, 2 bytes] as numbers."""
    return data.contiguous().view(torch.float16).float().squeeze(-1)


def _q4_0(data: Tensor) -> Levels:
    """Blocks of 32: a scale, then bytes that hold value i low and value i + 16 high."""
    blocks = data.view(data.shape[0], -1, 18)
    scale = _half(blocks[:, :, :2])
    return Levels(_nibbles(blocks[:, :, 2:]), scale, torch.full_like(scale, 8), 4)


def _q4_1(data: Tensor) -> Levels:
    """The same with the least value of the block."""
    blocks = data.view(data.shape[0], -1, 20)
    return _above(_nibbles(blocks[:, :, 4:]), _half(blocks[:, :, :2]), _half(blocks[:, :, 2:4]))


def _q4_k(data: Tensor) -> Levels:
    """Blocks of 256: two numbers that scale eight scales and eight least values of six bits, then four runs of bytes
    that hold the values of one group low and of the next high."""
    blocks = data.view(data.shape[0], -1, 144)
    rows, count = blocks.shape[:2]
    low, high, rest = (blocks[:, :, 4 + 4 * i : 8 + 4 * i].int() for i in range(3))
    scales = torch.cat((low & 63, (rest & 15) | ((low >> 2) & 48)), -1)
    least = torch.cat((high & 63, (rest >> 4) | ((high >> 2) & 48)), -1)
    scale = (_half(blocks[:, :, :2]).unsqueeze(-1) * scales).view(rows, -1)
    lowest = (_half(blocks[:, :, 2:4]).unsqueeze(-1) * least).view(rows, -1)
    return _above(_nibbles(blocks[:, :, 16:].reshape(rows, 4 * count, 32)), scale, -lowest)


def _nibbles(data: Tensor) -> Tensor:
    """[rows, values] from [rows, blocks, bytes]: in each block the low halves come first."""
    return torch.cat((data & 15, data >> 4), -1).view(data.shape[0], -1)


def _above(levels: Tensor, scale: Tensor, least: Tensor) -> Levels:
    """w = level * scale + least; where the scale is nothing, least is the value of all."""
    flat = scale == 0
    scale = torch.where(flat, torch.where(least == 0, torch.ones_like(least), -least), scale)
    zero = torch.where(flat, (least != 0).float(), -least / scale)
    spread = flat.repeat_interleave(levels.shape[1] // scale.shape[1], 1)
    return Levels(torch.where(spread, torch.zeros_like(levels), levels), scale, zero, 4)


_LEVELS: dict[gguf.GGMLQuantizationType, Callable[[Tensor], Levels]] = {
    gguf.GGMLQuantizationType.Q4_0: _q4_0,
    gguf.GGMLQuantizationType.Q4_1: _q4_1,
    gguf.GGMLQuantizationType.Q4_K: _q4_k,
}
