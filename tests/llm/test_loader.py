"""What the loader takes, and what it refuses: every bad folder gives an error that says what is wrong."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from sampan.llm import config, loader
from sampan.llm.errors import ModelError, UnsupportedError


@pytest.fixture
def folder(models, tmp_path):
    """A copy of a good model, to spoil."""
    return shutil.copytree(models("qwen3"), tmp_path / "model")


def edit(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def edit_weights(folder, change):
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors")


def test_shards_are_the_same_model(models):
    whole, sharded = loader.load(models("llama3")), loader.load(models("llama3", max_shard_size="100KB"))
    assert len(list(models("llama3", max_shard_size="100KB").glob("*.safetensors"))) > 3
    assert torch.equal(whole.embedding, sharded.embedding)
    assert torch.equal(whole.layers[2].qkv.weight, sharded.layers[2].qkv.weight)


def test_progress_is_told(folder):
    seen = []
    loader.load(folder, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_published_configs_are_read():
    """The older spelling of rope and dtype, as in Qwen2.5's and Llama 3.1's own files."""
    base = {
        "model_type": "llama",
        "vocab_size": 128256,
        "hidden_size": 4096,
        "intermediate_size": 14336,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "max_position_embeddings": 131072,
        "rope_theta": 500000.0,
        "torch_dtype": "bfloat16",
        "eos_token_id": [128001, 128008, 128009],
        "rope_scaling": {
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192,
            "rope_type": "llama3",
        },
    }
    read = config.parse(base)
    assert (read.rope.kind, read.rope.theta, read.rope.original_positions) == ("llama3", 500000.0, 8192)
    assert read.head == 128
    assert read.dtype == "bfloat16"
    assert read.end_tokens == (128001, 128008, 128009)
    assert config.parse(base | {"rope_scaling": {"type": "linear", "factor": 2.0}}).rope.kind == "linear"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"hidden_size": -1}, "hidden_size"),
        ({"hidden_size": 1 << 40}, "hidden_size"),
        ({"num_hidden_layers": "three"}, "num_hidden_layers"),
        ({"num_key_value_heads": 3}, "do not fit"),
        ({"hidden_size": 128}, "shape"),
        ({"num_hidden_layers": 4}, "lack"),
        ({"num_hidden_layers": 2}, "no use for"),
        ({"tie_word_embeddings": False}, "lm_head"),
    ],
)
def test_a_config_that_does_not_fit(folder, changes, words):
    edit(folder, **changes)
    with pytest.raises(ModelError, match=words):
        loader.load(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"model_type": "mamba"},
        {"hidden_act": "gelu"},
        {"quantization_config": {"quant_method": "bitsandbytes"}},
        {"rope_parameters": {"rope_type": "longrope", "rope_theta": 1e4}},
    ],
)
def test_what_is_not_done_is_said(folder, changes):
    edit(folder, **changes)
    with pytest.raises(UnsupportedError):
        loader.load(folder)


def test_a_file_cut_short(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelError, match="not a whole safetensors file"):
        loader.load(folder)


def test_a_header_that_lies(folder):
    path = folder / "model.safetensors"
    path.write_bytes((1 << 62).to_bytes(8, "little") + path.read_bytes()[8:])
    with pytest.raises(ModelError, match="not a whole safetensors file"):
        loader.load(folder)


def test_pickles_are_refused(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="pickled"):
        loader.load(folder)


def test_a_missing_tensor(folder):
    edit_weights(folder, lambda weights: weights.pop("model.layers.1.mlp.up_proj.weight"))
    with pytest.raises(ModelError, match=r"layers\.1\.mlp\.up_proj"):
        loader.load(folder)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_numbers(folder, value):
    edit_weights(folder, lambda weights: weights["model.norm.weight"].__setitem__(3, value))
    with pytest.raises(ModelError, match=r"model\.norm\.weight.*finite"):
        loader.load(folder)


def test_whole_numbers_are_no_weights(folder):
    edit_weights(folder, lambda weights: weights.update({"model.norm.weight": torch.ones(64, dtype=torch.int32)}))
    with pytest.raises(ModelError, match="floating"):
        loader.load(folder)


def test_an_index_may_not_leave_its_folder(models, tmp_path):
    folder = shutil.copytree(models("llama3", max_shard_size="100KB"), tmp_path / "model")
    path = folder / "model.safetensors.index.json"
    index = json.loads(path.read_text())
    index["weight_map"]["model.norm.weight"] = "../other/model.safetensors"
    path.write_text(json.dumps(index))
    with pytest.raises(ModelError, match="not a safetensors file of this folder"):
        loader.load(folder)


def test_a_missing_shard(models, tmp_path):
    folder = shutil.copytree(models("llama3", max_shard_size="100KB"), tmp_path / "model")
    next(folder.glob("*-of-*.safetensors")).unlink()
    with pytest.raises(ModelError, match="missing"):
        loader.load(folder)


@pytest.mark.parametrize("content", ["", "[]", "{", "[" * 100_000])
def test_a_config_that_is_no_config(folder, content):
    (folder / "config.json").write_text(content)
    with pytest.raises(ModelError):
        loader.load(folder)


def test_no_folder(tmp_path):
    with pytest.raises(ModelError, match="not a folder"):
        loader.load(tmp_path / "nowhere")
