"""GGUF files give the model that they were made from."""

from __future__ import annotations

import io
import json

import gguf
import pytest
import torch

from sampan.llm import __main__ as program
from sampan.llm import gguf_text, quantise
from sampan.llm.errors import ModelError, UnsupportedError
from sampan.llm.gguf_file import _LEVELS, _PARTS, GgufFile
from sampan.llm.loader import load
from sampan.llm.models.attention import Span
from sampan.llm.models.cache import Cache
from sampan.llm.models.decoder import Batch
from tests.llm import reference
from tests.tongues import TEXTS

LENGTH = 30


def paired(tensor, heads):
    """As llama.cpp's converter lays out Llama's rotary pairs."""
    return tensor.view(heads, 2, tensor.shape[0] // heads // 2, *tensor.shape[1:]).transpose(1, 2).reshape(tensor.shape)


def write(path, name, models, kind=gguf.GGMLQuantizationType.F32, more=lambda writer: None, **changes):
    """The family's checkpoint as a GGUF file; `more` adds to its metadata."""
    model = reference.opened(models(name, **changes))
    config, architecture = model.config, {"llama2": "llama", "llama3": "llama"}.get(name, name.replace("-", ""))
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
    more(writer)
    if name == "llama3":
        factors = reference.inverse_frequencies(config, "default") / reference.inverse_frequencies(config, "llama3")
        writer.add_tensor("rope_freqs.weight", factors.numpy())
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


@pytest.mark.parametrize("name", ["llama2", "llama3", "qwen2", "qwen3", "qwen3-moe"])
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


FOUR_BITS = ("Q4_0", "Q4_1", "Q4_K")


@pytest.mark.parametrize("kind", FOUR_BITS)
def test_four_bits_stay_four_bits(models, tmp_path, kind):
    """The levels are the file's, by the gguf package's own reading; so is what they are multiplied to."""
    torch.manual_seed(0)
    kind = gguf.GGMLQuantizationType[kind]
    size = gguf.GGML_QUANT_SIZES[kind][1]
    raw = torch.randint(0, 256, (64, 256 // gguf.GGML_QUANT_SIZES[kind][0], size), dtype=torch.uint8)
    for at in range(0, {"Q4_0": 2, "Q4_1": 4, "Q4_K": 4}[kind.name], 2):  # scales that are numbers, one of them none
        raw[:, :, at : at + 2] = (torch.rand(raw.shape[:2]) * 0.01).half().unsqueeze(-1).view(torch.uint8)
    raw[0, 0, :2] = 0
    raw = raw.view(64, -1)
    wide = torch.from_numpy(gguf.quants.dequantize(raw.numpy(), kind))
    levels = _LEVELS[kind](raw)
    assert (levels.wide() - wide).abs().max() < 1e-6
    x = torch.randn(3, 256).to(torch.bfloat16)
    made = quantise.kept(levels, None, torch.bfloat16, torch.device("cpu"))
    assert reference.width(made) == "int4"
    exact = x.float() @ wide.T
    assert float((made(x).float() - exact).norm() / exact.norm()) < 0.02


@pytest.mark.parametrize("name", ["llama2", "qwen3"])
def test_a_file_of_four_bits_answers_as_its_wide_self(models, tmp_path, name):
    shape = {"hidden_size": 128, "intermediate_size": 192}
    path = write(tmp_path / "model.gguf", name, models, gguf.GGMLQuantizationType.Q4_0, **shape)
    prompt, model = reference.prompt(LENGTH), load(path, dtype="bfloat16")
    assert all(reference.width(layer.qkv) == "int4" for layer in model.layers)
    exact = logits(load(path, dtype="float32"), prompt)
    assert float((logits(model, prompt) - exact).norm() / exact.norm()) < 0.1


# --- the tokenizer inside ---------------------------------------------------------------------------------------------


def tokenizer_of(text, kind, **told):
    """A tokenizer's tables as llama.cpp's converter writes them."""
    raw = json.loads(text._tokenizer.to_str())
    added = {one["id"]: one for one in raw["added_tokens"]}
    vocabulary = raw["model"]["vocab"] | {one["content"]: id_ for id_, one in added.items()}
    tokens = [token for token, _ in sorted(vocabulary.items(), key=lambda one: one[1])]
    types = [1 if i not in added else 3 if added[i]["special"] else 4 for i in range(len(tokens))]
    merges = [" ".join(pair) for pair in raw["model"]["merges"]]
    ranks = {merge.replace(" ", ""): -rank for rank, merge in reversed(list(enumerate(merges)))}

    def more(writer):
        writer.add_tokenizer_model(kind)
        writer.add_token_list(tokens)
        if kind == "gpt2":
            writer.add_token_merges(merges)
        else:
            writer.add_token_scores([float(ranks.get(token, -len(merges) - 1)) for token in tokens])
        marked = [6 if token.startswith("<0x") else type_ for token, type_ in zip(tokens, types, strict=True)]
        writer.add_token_types(marked)
        for name, value in told.items():
            getattr(writer, f"add_{name}")(value)

    return more


def test_the_file_alone_can_be_talked_to(models, bytewise, tmp_path, capsys, monkeypatch):
    end = bytewise.token_id("<|im_end|>")
    chat = "{% for m in messages %}<|im_start|>{{ m.content }}{{ eos_token }}{% endfor %}"
    told = {"tokenizer_pre": "qwen2", "eos_token_id": end, "chat_template": chat}
    more = tokenizer_of(bytewise, "gpt2", **told)
    path = write(tmp_path / "model.gguf", "qwen3", models, more=more, vocab_size=2100)
    text = gguf_text.text(GgufFile(path))
    for sample in [*TEXTS.values(), "it's 1234\n\n  x", "<|im_start|>user <think>"]:
        assert text.encode(sample) == bytewise.encode(sample)
    assert text.end_tokens == (end,)
    assert gguf_text.template(GgufFile(path)).render([{"content": "hi"}]) == "<|im_start|>hi<|im_end|>"
    monkeypatch.setattr("sys.stdin", io.StringIO("hello\n"))
    assert program.main(["chat", str(path), "--tokens", "3", "--cache-mib", "4", "--dtype", "float32"]) == 0
    assert capsys.readouterr().out.strip()


def test_pieces_with_scores(models, pieces, tmp_path):
    path = write(tmp_path / "model.gguf", "llama2", models, more=tokenizer_of(pieces, "llama", bos_token_id=1))
    text = gguf_text.text(GgufFile(path))
    for sample in TEXTS.values():
        assert text.encode(sample) == pieces.encode(sample)
        assert text.decode(text.encode(sample)) == sample
    assert text.encode("x", special=True) == [1, *text.encode("x")]


def test_tokenizers_that_cannot_be_read_are_refused(models, bytewise, tmp_path):
    assert gguf_text.text(GgufFile(write(tmp_path / "none.gguf", "qwen2", models))) is None
    for name, more in (
        ("pre", tokenizer_of(bytewise, "gpt2", tokenizer_pre="deepseek")),
        ("kind", lambda writer: (writer.add_tokenizer_model("t5"), writer.add_token_list(["a"]))),
    ):
        with pytest.raises(UnsupportedError):
            gguf_text.text(GgufFile(write(tmp_path / f"{name}.gguf", "qwen2", models, more=more)))

    def odd(writer):
        writer.add_tokenizer_model("gpt2")
        writer.add_token_list(["a", "b"])
        writer.add_token_merges(["a c"])

    with pytest.raises(ModelError, match="not whole"):
        gguf_text.text(GgufFile(write(tmp_path / "odd.gguf", "qwen2", models, more=odd)))


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
