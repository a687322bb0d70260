"""Models with random weights to measure servers with: what they say is nonsense, and a letter with every token.

Only tokens of ASCII text can be said (the others' rows of the output are zero), so that every token is a piece of its
own in a stream, and no answer ends before its time.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from bench.llm import SHAPE
from bench.llm_engines import RandomWeights
from tests.llm import folders

SMALL = SHAPE | {
    "vocab_size": 4096, "hidden_size": 384, "intermediate_size": 1024, "num_hidden_layers": 6, "num_attention_heads": 6,
    "num_key_value_heads": 2, "head_dim": 64,
}  # fmt: skip
# Plain ChatML, which every server can read.
TEMPLATE = """\
{%- for message in messages %}
{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"""
SHAPES: dict[str, dict[str, Any]] = {"small": SMALL, "0.6B": SHAPE}


def write(folder: Path, shape: dict[str, Any]) -> Path:
    """A folder as models are published, with a tokenizer of some hundreds of tokens and a chat template."""
    folders.chat(folder)
    config = json.loads((folder / "config.json").read_text()) | shape
    (folder / "config.json").write_text(json.dumps(config))
    said_of = json.loads((folder / "tokenizer_config.json").read_text()) | {"chat_template": TEMPLATE}
    (folder / "tokenizer_config.json").write_text(json.dumps(said_of))
    torch.manual_seed(0)
    source = RandomWeights(shape)
    weights = {name: source.read(name) for name in source.names()}
    said = torch.tensor(spoken(Tokenizer.from_file(str(folder / "tokenizer.json"))))
    rows = weights["model.embed_tokens.weight"]
    rows[torch.ones(len(rows), dtype=torch.bool).index_fill(0, said, False)] = 0
    save_file(weights, folder / "model.safetensors")
    return folder


def spoken(tokenizer: Tokenizer) -> list[int]:
    """Tokens that are plain letters."""
    known = [(one, tokenizer.decode([one])) for one in range(tokenizer.get_vocab_size(with_added_tokens=False))]
    return [one for one, text in known if text.isascii() and text.isalpha()]


def write_gguf(folder: Path, file: Path) -> Path:
    """The same model for llama.cpp, as its own converter would name things."""
    import gguf

    config = json.loads((folder / "config.json").read_text())
    made = json.loads((folder / "tokenizer.json").read_text())
    writer = gguf.GGUFWriter(file, "qwen3")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_key_length(config["head_dim"])
    writer.add_value_length(config["head_dim"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config["rope_theta"])
    _add_tokens(writer, made, config["vocab_size"])
    for name, tensor in load_file(folder / "model.safetensors").items():
        if tensor.dim() == 1:
            writer.add_tensor(_gguf_name(name), tensor.float().numpy())
        else:
            raw = tensor.contiguous().view(torch.uint8).numpy()
            writer.add_tensor(_gguf_name(name), raw, raw_dtype=gguf.GGMLQuantizationType.BF16)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def _add_tokens(writer: Any, made: dict[str, Any], size: int) -> None:
    import gguf

    known = {one: text for text, one in made["model"]["vocab"].items()}
    added = {one["id"]: one["content"] for one in made["added_tokens"]}
    texts = [added.get(one) or known.get(one) or f"[PAD{one}]" for one in range(size)]
    kinds = [
        gguf.TokenType.CONTROL if one in added else gguf.TokenType.NORMAL if one in known else gguf.TokenType.UNUSED
        for one in range(size)
    ]
    merges = [one if isinstance(one, str) else " ".join(one) for one in made["model"]["merges"]]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(texts)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    end = next(one for one, text in added.items() if text == folders.END_TURN)
    writer.add_eos_token_id(end)
    writer.add_chat_template(TEMPLATE)


def _gguf_name(name: str) -> str:
    top = {"model.embed_tokens": "token_embd", "model.norm": "output_norm"}
    parts = {
        "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
        "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
        "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
    }  # fmt: skip
    stem = name.removesuffix(".weight")
    if stem in top:
        return f"{top[stem]}.weight"
    _, _, layer, part = stem.split(".", 3)
    return f"blk.{layer}.{parts[part]}.weight"
