"""GGUF files give the model that they were made from."""

from __future__ import annotations

import gguf
import pytest
import torch

from sampan.llm.errors import ModelError, UnsupportedError
from sampan.llm.gguf_file import _PARTS, GgufFile
from sampan.llm.loader import load
from sampan.llm.models.attention import Span
from sampan.llm.models.decoder import Batch, Cache
from tests.llm import reference

LENGTH = 30


def paired(tensor, heads):
    """As llama.cpp's converter lays out Llama's rotary pairs."""
    return tensor.view(heads, 2, tensor.shape[0] // heads // 2, *tensor.shape[1:]).transpose(1, 2).reshape(tensor.shape)


def write(path, name, models, kind=gguf.GGMLQuantizationType.F32):
    """The family's checkpoint as a GGUF file."""
    model = reference.opened(models(name))
    config, architecture = model.config, {"llama2": "llama"}.get(name, name.replace("-", ""))
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    writer.add_key_length(head)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_eos_token_id(2)
    if getattr(config, "num_experts", 0):
        writer.add_expert_count(config.num_experts)
        writer.add_expert_used_count(config.num_experts_per_tok)
        writer.add_expert_feed_forward_length(config.moe_intermediate_size)
    top = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
    for full, tensor in model.state_dict().items():
        stem, suffix = full.rsplit(".", 1)
        if stem == "lm_head" and config.tie_word_embeddings:
            continue
        if stem in top:
            target = f"{top[stem]}.{suffix}"
        elif full.endswith("experts.gate_up_proj"):
            layer, half = full.split(".")[2], tensor.shape[1] // 2
            add(writer, f"blk.{layer}.ffn_gate_exps.weight", tensor[:, :half], kind)
            add(writer, f"blk.{layer}.ffn_up_exps.weight", tensor[:, half:], kind)
            continue
        elif full.endswith("experts.down_proj"):
            target = f"blk.{full.split('.')[2]}.ffn_down_exps.weight"
        else:
            _, _, layer, part = stem.split(".", 3)
            target = f"blk.{layer}.{_PARTS[part]}.{suffix}"
            if architecture == "llama" and part in ("self_attn.q_proj", "self_attn.k_proj"):
                heads = config.num_attention_heads if "q_proj" in part else config.num_key_value_heads
                tensor = paired(tensor, heads)
        add(writer, target, tensor, kind if tensor.dim() > 1 else gguf.GGMLQuantizationType.F32)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def add(writer, name, tensor, kind):
    data = tensor.detach().contiguous().numpy()
    writer.add_tensor(name, gguf.quants.quantize(data, kind), raw_dtype=kind)


def logits(model, prompt):
    slots = torch.arange(len(prompt))
    plan = model.plan([Span(0, len(prompt), len(prompt), slots)])
    cache = Cache(model.config, len(prompt), model.dtype, model.device)
    with torch.inference_mode():
        return model.logits(model.hidden(Batch(torch.tensor(prompt), slots, slots, plan), cache))


@pytest.mark.parametrize("name", ["llama2", "qwen2", "qwen3", "qwen3-moe"])
def test_logits_are_those_of_the_original(models, tmp_path, name):
    path, prompt = write(tmp_path / "model.gguf", name, models), reference.prompt(LENGTH)
    model = load(path, dtype="float32")
    assert (logits(model, prompt) - reference.logits(models(name), prompt)).abs().max() < 1e-4


@pytest.mark.parametrize(("kind", "error"), [("F16", 0.0005), ("BF16", 0.003), ("Q8_0", 0.008), ("Q4_0", 0.12)])
def test_narrow_types_are_widened(models, tmp_path, kind, error):
    path = write(tmp_path / "model.gguf", "llama2", models, gguf.GGMLQuantizationType[kind])
    found = load(path, dtype="float32").layers[1].qkv.weight
    state = reference.opened(models("llama2")).state_dict()
    expected = torch.cat([state[f"model.layers.1.self_attn.{part}_proj.weight"] for part in "qkv"])
    assert 0 < float((found - expected).norm() / expected.norm()) < error


def test_bad_files_are_refused(models, tmp_path):
    path = write(tmp_path / "model.gguf", "llama2", models)
    whole = path.read_bytes()
    for length in (0, 3, 100, len(whole) // 2):
        path.write_bytes(whole[:length])
        with pytest.raises(ModelError):
            load(path)
    path.write_bytes(whole.replace(b"attn_q.weight", b"attn_x.weight"))
    with pytest.raises(ModelError, match="lack"):
        load(path)
    llama = b"general.architecture" + bytes([8, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0]) + b"llama"
    path.write_bytes(whole.replace(llama, llama.replace(b"llama", b"mamba")))
    with pytest.raises(UnsupportedError, match="mamba"):
        GgufFile(path)
    with pytest.raises(ModelError, match="cannot read"):
        load(tmp_path / "nowhere.gguf")
