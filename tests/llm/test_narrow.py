"""Checkpoints with narrow weights give the model that they were made from: as far as their own rounding allows, and
exactly what their format's own reader makes of them."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
import transformers
from compressed_tensors.compressors.pack_quantized.helpers import pack_to_int32
from safetensors.torch import load_file, save_file

from sampan.llm import __main__ as program
from sampan.llm import publish, quantise
from sampan.llm.errors import ModelError, RequestError, UnsupportedError
from sampan.llm.levels import packed, unpacked
from sampan.llm.loader import load
from sampan.llm.models.attention import Span
from sampan.llm.models.cache import Cache
from sampan.llm.models.decoder import Batch
from sampan.llm.models.layers import Dense
from tests.llm import reference

GROUP = 32
SHAPE = {"hidden_size": 128, "intermediate_size": 192}


def logits(model, prompt):
    slots = torch.arange(len(prompt))
    plan = model.plan([Span(0, len(prompt), len(prompt), slots)])
    cache = Cache(model.config, len(prompt), model.dtype, model.device)
    with torch.inference_mode():
        return model.logits(model.hidden(Batch(torch.tensor(prompt), slots, slots, plan), cache))


def rounded(weight, bits, *, symmetric, group=GROUP):
    """Levels from 0 on, scale and zero per row and group, and the weight that they mean."""
    parts = weight.float().view(weight.shape[0], -1, group)
    top = (1 << bits) - 1
    if symmetric:
        scale = parts.abs().amax(2) / (top // 2)
        zero = torch.full_like(scale, 1 << (bits - 1))
    else:
        low, high = parts.amin(2).clamp(max=0), parts.amax(2).clamp(min=0)
        scale = (high - low) / top
        zero = (-low / scale).round()
    scale = scale.half().float()
    levels = ((parts / scale.unsqueeze(2)).round() + zero.unsqueeze(2)).clamp(0, top)
    wide = (levels - zero.unsqueeze(2)) * scale.unsqueeze(2)
    return levels.view(weight.shape).to(torch.uint8), scale, zero.to(torch.uint8), wide.view(weight.shape)


def words(values, bits):
    """Columns packed into words, lowest bits first, in plain Python's arithmetic."""
    each = 32 // bits
    rows = [
        [sum(int(v) << (bits * i) for i, v in enumerate(row[at : at + each])) for at in range(0, len(row), each)]
        for row in values.tolist()
    ]
    return torch.tensor(
        [[word - (1 << 32) if word >= 1 << 31 else word for word in row] for row in rows], dtype=torch.int32
    )


def gptq(levels, scale, zero, bits, *, version=1, order=None):
    index = torch.arange(levels.shape[1]) // GROUP if order is None else order
    return {
        "qweight": words(levels, bits).T.contiguous(),
        "qzeros": words(zero.T - (1 if version == 1 else 0), bits),
        "scales": scale.T.half().contiguous(),
        "g_idx": index.to(torch.int32),
    }


def awq(levels, scale, zero):
    def shuffled(values):
        return values.reshape(values.shape[0], -1, 8)[:, :, [0, 2, 4, 6, 1, 3, 5, 7]].reshape(values.shape)

    return {
        "qweight": words(shuffled(levels.T), 4),
        "qzeros": words(shuffled(zero.T), 4),
        "scales": scale.T.half().contiguous(),
    }


def narrowed(source, target, store, told):
    """The checkpoint with every linear of its layers replaced by what `store` makes of it; and as it is then meant."""
    target.mkdir()
    out, meant = {}, {}
    for name, tensor in load_file(source / "model.safetensors").items():
        if name.endswith("_proj.weight") and tensor.dim() == 2:
            stored, wide = store(tensor)
            out |= {f"{name.removesuffix('weight')}{last}": part for last, part in stored.items()}
            meant[name] = wide
        else:
            out[name] = meant[name] = tensor
    save_file(out, target / "model.safetensors", {"format": "pt"})
    config = json.loads((source / "config.json").read_text()) | {"quantization_config": told}
    (target / "config.json").write_text(json.dumps(config))
    return meant


def meaning(folder, meant):
    """transformers' model with the weights as they are meant."""
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    model.load_state_dict({name: tensor.float() for name, tensor in meant.items()}, strict=False)
    return model


def theirs(model, prompt):
    with torch.inference_mode():
        return model(torch.tensor([prompt]), use_cache=False).logits[0]


def _gptq(bits, version):
    def store(weight):
        levels, scale, zero, wide = rounded(weight, bits, symmetric=False)
        zero = zero.clamp(min=1)
        wide = (levels.view(*zero.shape, GROUP).float() - zero.unsqueeze(2)) * scale.unsqueeze(2)
        return gptq(levels, scale, zero, bits, version=version), wide.view(weight.shape)

    form = "gptq" if version == 1 else "gptq_v2"
    return store, {"quant_method": "gptq", "bits": bits, "group_size": GROUP, "checkpoint_format": form}


def _gptq_shuffled():
    order = torch.arange(1 << 12) % 4  # groups that are not runs

    def store(weight):
        groups = weight.shape[1] // GROUP
        index = order[: weight.shape[1]] % groups
        levels = torch.randint(0, 16, weight.shape, dtype=torch.uint8)
        scale = (torch.rand(weight.shape[0], groups) * 0.02 + 0.01).half().float()
        zero = torch.randint(1, 16, scale.shape, dtype=torch.uint8)
        wide = (levels.float() - zero[:, index]) * scale[:, index]
        return gptq(levels, scale, zero, 4, order=index), wide

    return store, {"quant_method": "gptq", "bits": 4, "group_size": GROUP, "desc_act": True}


def _awq():
    def store(weight):
        levels, scale, zero, wide = rounded(weight, 4, symmetric=False)
        return awq(levels, scale, zero), wide

    return store, {"quant_method": "awq", "bits": 4, "group_size": GROUP, "version": "gemm", "zero_point": True}


def _compressed(bits, symmetric):
    def store(weight):
        levels, scale, zero, wide = rounded(weight, bits, symmetric=symmetric)
        half = 1 << (bits - 1)
        stored = {
            "weight_packed": pack_to_int32((levels.int() - half).to(torch.int8), bits),
            "weight_scale": scale,
            "weight_shape": torch.tensor(weight.shape),
        }
        if not symmetric:
            stored["weight_zero_point"] = pack_to_int32((zero.int() - half).to(torch.int8), bits, packed_dim=0)
        return stored, wide

    return store, {"quant_method": "compressed-tensors", "format": "pack-quantized"}


def _plain_int8():
    def store(weight):
        levels, scale, _, wide = rounded(weight, 8, symmetric=True, group=weight.shape[1])
        return {"weight": (levels.int() - 128).to(torch.int8), "weight_scale": scale}, wide

    return store, {"quant_method": "compressed-tensors", "format": "int-quantized"}


def _float8(blocks):
    def store(weight):
        if blocks:
            rows, width = -(-weight.shape[0] // 128), -(-weight.shape[1] // 128)
            scale = torch.rand(rows, width) * 0.01 + 0.005
            spread = scale.repeat_interleave(128, 0)[: weight.shape[0]].repeat_interleave(128, 1)[:, : weight.shape[1]]
        else:
            scale = spread = weight.abs().amax(1, keepdim=True) / 448
        narrow = (weight / spread).clamp(-448, 448).to(torch.float8_e4m3fn)
        return {"weight": narrow, "weight_scale_inv" if blocks else "weight_scale": scale}, narrow.float() * spread

    if blocks:
        return store, {"quant_method": "fp8", "weight_block_size": [128, 128]}
    return store, {"quant_method": "compressed-tensors", "format": "float-quantized"}


WAYS = {
    "gptq-4": _gptq(4, 1),
    "gptq-8": _gptq(8, 1),
    "gptq-v2": _gptq(4, 2),
    "gptq-shuffled": _gptq_shuffled(),
    "awq": _awq(),
    "packed-4": _compressed(4, True),
    "packed-4-zero": _compressed(4, False),
    "packed-8": _compressed(8, True),
    "int8": _plain_int8(),
    "float8": _float8(False),
    "float8-blocks": _float8(True),
}


@pytest.mark.parametrize("way", list(WAYS))
def test_logits_are_those_of_the_weights_that_are_meant(models, tmp_path, way):
    source, prompt = models("qwen2", **SHAPE), reference.prompt(24)
    meant = narrowed(source, tmp_path / "narrow", *WAYS[way])
    expected = theirs(meaning(source, meant), prompt)
    assert (logits(load(tmp_path / "narrow", dtype="float32"), prompt) - expected).abs().max() < 1e-3
    # In bfloat16 the levels stay as they are where the kernels take them; what comes out differs by
    # rounding alone, that of the inputs to int8 included.
    model = load(tmp_path / "narrow", dtype="bfloat16")
    kept = {"gptq-4", "gptq-v2", "awq", "packed-4", "packed-4-zero"}
    width = "int4" if way in kept else "int8" if way == "int8" else "wide"
    assert reference.width(model.layers[0].mlp.gate_up) == width
    assert relative(logits(model, prompt), expected) < 0.1


def relative(ours, exact) -> float:
    return float((ours.float() - exact).norm() / exact.norm())


def test_experts_are_read_too(tmp_path):
    source = tmp_path / "source"
    reference.model("qwen3-moe", moe_intermediate_size=64).to(torch.bfloat16).save_pretrained(source)
    publish.write(source, tmp_path / "out", "int4")
    made, again = load(source, dtype="bfloat16", form=quantise.narrow4), load(tmp_path / "out", dtype="bfloat16")
    x = torch.randn(3, 64).to(torch.bfloat16)
    for one, other in zip(made.layers[1].mlp.experts, again.layers[1].mlp.experts, strict=True):
        assert reference.width(other.down) == "int4"
        assert torch.equal(one.gate_up(x), other.gate_up(x))
        assert torch.equal(one.down(x), other.down(x))


@pytest.mark.parametrize("width", ["int8", "int4"])
def test_what_is_written_is_read_by_us_and_by_transformers(tmp_path, width):
    source, prompt = tmp_path / "source", reference.prompt(24)
    reference.model("qwen3", **SHAPE).to(torch.bfloat16).save_pretrained(source)
    (source / "chat_template.jinja").write_text("{{ messages }}")
    out = tmp_path / "out"
    assert program.main(["quantise", str(source), str(out), "--weights", width]) == 0
    assert (out / "chat_template.jinja").exists()
    assert (out / "model.safetensors").stat().st_size < (0.85 if width == "int8" else 0.7) * (
        source / "model.safetensors"
    ).stat().st_size
    ours = logits(load(out, dtype="float32"), prompt)
    model = transformers.AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32).eval()
    assert (ours - theirs(model, prompt)).abs().max() < 1e-3
    # The same weights as when the original is made narrow on loading.
    made = load(source, dtype="bfloat16", form=quantise.FORMS[width])
    again = load(out, dtype="bfloat16")
    x = torch.randn(3, 128).to(torch.bfloat16)
    assert torch.equal(made.layers[1].qkv(x), again.layers[1].qkv(x))
    assert relative(ours, reference.logits(source, prompt)) < (0.05 if width == "int8" else 0.6)


def test_shards(models, tmp_path, monkeypatch):
    source, prompt = models("llama3"), reference.prompt(12)
    publish.write(source, tmp_path / "one", "int8")
    monkeypatch.setattr(publish, "SHARD_BYTES", 50_000)
    publish.write(source, tmp_path / "many", "int8")
    assert len(list((tmp_path / "many").glob("model-*.safetensors"))) > 2
    assert torch.equal(*(logits(load(tmp_path / name, dtype="float32"), prompt) for name in ("one", "many")))


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_words(bits):
    values = torch.randint(0, 1 << bits, (5, 64), dtype=torch.uint8)
    assert torch.equal(packed(values, bits), words(values, bits))
    assert torch.equal(unpacked(packed(values, bits), bits), values)


def test_a_form_that_is_asked_for_is_made(models, tmp_path):
    narrowed(models("qwen2", **SHAPE), tmp_path / "narrow", *WAYS["gptq-shuffled"])
    made = load(tmp_path / "narrow", dtype="bfloat16", form=quantise.narrow8)
    assert reference.width(made.layers[0].qkv) == "int8"
    assert isinstance(load(tmp_path / "narrow", dtype="bfloat16", form=Dense).layers[0].qkv, Dense)


def test_what_does_not_fit_is_refused(models, tmp_path):
    source = models("qwen2", **SHAPE)
    out = tmp_path / "gptq"
    narrowed(source, out, *WAYS["gptq-4"])
    whole = load_file(out / "model.safetensors")
    at = "model.layers.0.self_attn.q_proj"
    for name, change, kind in (
        (f"{at}.scales", lambda t: t * torch.nan, "finite"),
        (f"{at}.scales", lambda t: t[:1], "is not stored"),
        (f"{at}.g_idx", lambda t: t + 1, "is not stored"),
        (f"{at}.qweight", lambda t: t[:, :8], "shape"),
        (f"{at}.qzeros", lambda t: None, "is not stored"),
        (f"{at}.extra", lambda t: torch.zeros(1), "no use for"),
    ):
        changed = whole | {name: change(whole.get(name))}
        save_file(
            {one: tensor.contiguous() for one, tensor in changed.items() if tensor is not None},
            out / "model.safetensors",
        )
        with pytest.raises(ModelError, match=kind):
            load(out)
    # Zeros where there is no bias are GPTQ's habit; anything else is a mistake.
    for value, fits in ((0.0, True), (1.0, False)):
        save_file(whole | {"model.layers.0.mlp.down_proj.bias": torch.full((128,), value)}, out / "model.safetensors")
        if fits:
            load(out)
        else:
            with pytest.raises(ModelError, match="no use for"):
                load(out)
    config = json.loads((out / "config.json").read_text())
    (out / "config.json").write_text(json.dumps(config | {"quantization_config": {"quant_method": "bitsandbytes"}}))
    with pytest.raises(UnsupportedError, match="bitsandbytes"):
        load(out)
    with pytest.raises(ModelError, match="already"):
        publish.write(out, tmp_path / "again", "int8")
    with pytest.raises(RequestError, match="exists"):
        publish.write(source, out, "int8")
    with pytest.raises(RequestError, match="int3"):
        publish.write(source, tmp_path / "three", "int3")
    shutil.rmtree(out)
