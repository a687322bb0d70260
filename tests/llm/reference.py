"""The reference: tiny random models that transformers writes, and what transformers makes of them."""

from __future__ import annotations

import functools
import hashlib
import json
from pathlib import Path

import torch
import transformers

VOCABULARY = 320
_COMMON = {
    "vocab_size": VOCABULARY,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "initializer_range": 0.2,  # wide, so that logits differ enough for a wrong one to show
    "bos_token_id": 1,
    "eos_token_id": 2,
}
_MOE = {"num_experts": 6, "num_experts_per_tok": 2, "moe_intermediate_size": 32, "num_hidden_layers": 2}
_LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 500000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
_YARN = {"rope_type": "yarn", "rope_theta": 1e6, "factor": 4.0, "original_max_position_embeddings": 64}
_SLIDING = {"use_sliding_window": True, "sliding_window": 8, "max_window_layers": 1}

# name: (transformers' model, what differs from the common shape)
FAMILIES: dict[str, tuple[str, dict]] = {
    "qwen2": ("Qwen2", {"tie_word_embeddings": True}),
    "qwen2-sliding": ("Qwen2", _SLIDING),
    "qwen3": ("Qwen3", {"head_dim": 32, "tie_word_embeddings": True}),
    "qwen3-untied-bias": ("Qwen3", {"head_dim": 16, "attention_bias": True}),
    "qwen3-sliding": ("Qwen3", {"head_dim": 16} | _SLIDING),
    "qwen3-yarn": ("Qwen3", {"head_dim": 32, "rope_parameters": _YARN}),
    "qwen2-moe": ("Qwen2Moe", _MOE | {"shared_expert_intermediate_size": 48, "decoder_sparse_step": 1}),
    "qwen2-moe-mixed": (
        "Qwen2Moe",
        _MOE | {"shared_expert_intermediate_size": 48, "decoder_sparse_step": 2, "norm_topk_prob": True},
    ),
    "qwen2-moe-sliding": ("Qwen2Moe", _MOE | {"shared_expert_intermediate_size": 48} | _SLIDING),
    "qwen3-moe": ("Qwen3Moe", _MOE | {"head_dim": 16, "norm_topk_prob": True}),
    "qwen3-moe-dense-first": ("Qwen3Moe", _MOE | {"head_dim": 16, "mlp_only_layers": [0]}),
    "llama2": ("Llama", {"num_key_value_heads": 4}),
    "llama-bias": ("Llama", {"attention_bias": True, "mlp_bias": True}),
    "llama3": ("Llama", {"rope_parameters": _LLAMA3, "head_dim": 32}),
    "llama-linear": ("Llama", {"rope_parameters": {"rope_type": "linear", "rope_theta": 1e4, "factor": 4.0}}),
    "llama-dynamic": (
        "Llama",
        {
            "rope_parameters": {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0},
            "max_position_embeddings": 32,
        },
    ),
    "mistral": ("Mistral", {"sliding_window": 8}),
    "mistral-full": ("Mistral", {"sliding_window": None, "head_dim": 24}),
}


_LINEAR = {
    "linear_key_head_dim": 16,
    "linear_value_head_dim": 16,
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
    "linear_conv_kernel_dim": 4,
    "head_dim": 32,
    "num_hidden_layers": 4,
}
_SHARED = {"shared_expert_intermediate_size": 48}
_FALCON = {"ffn_hidden_size": 96, "alibi": True}
_JAMBA = {
    "num_experts": 2,
    "num_experts_per_tok": 1,
    "mamba_d_state": 8,
    "attn_layer_period": 2,
    "attn_layer_offset": 1,
}

# Architectures that the library leaves to transformers.
FOREIGN: dict[str, tuple[str, dict]] = {
    "qwen3-next": ("Qwen3Next", _MOE | _SHARED | _LINEAR),
    "qwen3.5": ("Qwen3_5Text", _LINEAR),
    "gemma2": ("Gemma2", {"head_dim": 16, "sliding_window": 8}),
    "phi": ("Phi", {}),
    "falcon": ("Falcon", _FALCON),
    "mamba": ("Mamba", {"state_size": 8}),
    "mamba2": ("Mamba2", {"state_size": 16, "num_heads": 8, "head_dim": 16, "n_groups": 1, "chunk_size": 16}),
    "jamba": ("Jamba", _JAMBA),
}

ROPE_VL = {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [4, 2, 2], "mrope_interleaved": True}


def common(**changes) -> dict:
    """The common shape, with changes."""
    return _COMMON | changes


def checkpoint(root: Path, name: str, **changes) -> Path:
    """A folder with the named family's checkpoint, written on the first call."""
    digest = hashlib.sha256(json.dumps(changes, sort_keys=True).encode()).hexdigest()[:8]
    folder = root / f"{name}-{digest}"
    if not folder.exists():
        shard = changes.pop("max_shard_size", "5GB")
        model(name, **changes).save_pretrained(folder, max_shard_size=shard)
    return folder


def model(name: str, **changes) -> torch.nn.Module:
    kind, differences = (FAMILIES | FOREIGN)[name]
    config = getattr(transformers, f"{kind}Config")(**(_COMMON | differences | changes))
    torch.manual_seed(0)
    made = transformers.AutoModelForCausalLM.from_config(config)
    with torch.no_grad():  # transformers leaves biases at zero and norms at one, which would hide their absence
        for parameter in made.parameters():
            if parameter.dim() == 1:
                parameter.add_(torch.randn_like(parameter) * 0.2)
    return made


@functools.lru_cache(maxsize=32)
def _kept(folder: Path, dtype: torch.dtype) -> torch.nn.Module:
    return transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).eval()


def opened(folder: Path, dtype: torch.dtype = torch.float32) -> torch.nn.Module:
    """transformers' model; a new one for dynamic scaling, where it remembers the longest text that it has seen."""
    return (_kept.__wrapped__ if "dynamic" in folder.name else _kept)(folder, dtype)


def checkpointed(folder: Path) -> torch.nn.Module:
    """The model anew, to be changed."""
    return transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def logits(folder: Path, tokens: list[int], dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """[tokens, vocabulary]"""
    with torch.inference_mode():
        return opened(folder, dtype)(torch.tensor([tokens]), use_cache=False).logits[0]


def greedy(folder: Path, tokens: list[int], count: int, dtype: torch.dtype = torch.float32) -> list[int]:
    """The next `count` tokens, without regard to end tokens."""
    with torch.inference_mode():
        out = opened(folder, dtype).generate(
            torch.tensor([tokens]),
            max_new_tokens=count,
            min_new_tokens=count,
            do_sample=False,
            eos_token_id=None,
            pad_token_id=0,
        )
    return out[0, len(tokens) :].tolist()


def prompt(length: int, seed: int = 0) -> list[int]:
    """Random token ids, none of them special."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(3, VOCABULARY, (length,), generator=generator).tolist()


def inverse_frequencies(config, kind: str) -> torch.Tensor:
    """Rotary frequencies [head / 2] as transformers makes them."""
    if kind == "default":
        head = config.head_dim
        return 1.0 / (config.rope_parameters["rope_theta"] ** (torch.arange(0, head, 2).float() / head))
    return transformers.modeling_rope_utils.ROPE_INIT_FUNCTIONS[kind](config, torch.device("cpu"))[0]


def width(linear) -> str:
    """How a linear keeps its weights: "int4", "int8" or "wide", whosever kernels it uses."""
    kind = getattr(linear, "kind", None)
    name = type(linear).__name__ if kind is None else kind.name
    return next((width for width in ("int4", "int8") if width in name.lower()), "wide")
