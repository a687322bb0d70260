"""What files say of a model, beside what loading it shows."""

from __future__ import annotations

import json

import pytest

from sampan.llm import facts, settings
from sampan.llm.errors import AbsentError, ModelError
from sampan.llm.gguf_file import GgufFile
from sampan.llm.settings import Settings
from tests.llm import folders, reference
from tests.llm.test_gguf import tokenizer_of, write


@pytest.mark.parametrize("name", ["qwen3", "qwen3-yarn", "llama-dynamic", "qwen3-moe"])
def test_a_folder(models, name):
    folder = models(name)
    found = facts.abilities(folder, Settings())
    model = reference.opened(folder)
    assert found.parameters == sum(one.numel() for one in model.parameters())
    assert found.size_bytes > found.parameters
    assert (found.vocabulary, found.architecture) == (reference.VOCABULARY, model.config.model_type)
    assert (found.task, found.template, found.tools) == ("generate", False, False)
    assert facts.abilities(folder, Settings(length_max=20)).length_max == 20


def test_kinds_of_folders(tmp_path):
    chat = facts.abilities(folders.chat(tmp_path / "chat"), Settings())
    assert (chat.task, chat.tools, chat.thinking, chat.length_max) == ("generate", True, True, folders.LENGTH_MAX)
    embeds = facts.abilities(folders.embedding(tmp_path / "embedding"), Settings())
    assert (embeds.task, embeds.dimensions, embeds.tools) == ("embed", 64, False)
    assert facts.abilities(folders.reranker(tmp_path / "reranker"), Settings()).task == "rank"
    assert facts.abilities(tmp_path / "reranker", Settings(task="generate")).task == "generate"
    assert facts.pooling(tmp_path / "embedding") == "last"
    (tmp_path / "embedding/1_Pooling/config.json").write_text('{"pooling_mode_mean_tokens": true}')
    assert facts.pooling(tmp_path / "embedding") == "mean"


def test_a_model_that_only_transformers_knows(tmp_path):
    folder = folders.chat(tmp_path / "chat")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({"model_type": "gemma9", "text_config": config}))
    found = facts.abilities(folder, Settings())
    assert (found.architecture, found.length_max) == ("gemma9", folders.LENGTH_MAX)
    assert found.vocabulary == config["vocab_size"]


def test_a_gguf_file(models, bytewise, tmp_path):
    more = tokenizer_of(bytewise, "gpt2", chat_template="{{ tools }}<think>")
    path = write(tmp_path / "model.gguf", "qwen3", models, more=more, vocab_size=2100)
    file = GgufFile(path)
    found = facts.abilities(path, Settings())
    assert found.length_max == file.config.room
    assert found.parameters == sum(file.read(name).numel() for name in file.names())
    assert (found.architecture, found.tools, found.thinking) == ("qwen3", True, True)
    for size in (3, 30, 300, 3000):
        (tmp_path / "cut.gguf").write_bytes(path.read_bytes()[:size])
        with pytest.raises(ModelError, match="GGUF"):
            facts.abilities(tmp_path / "cut.gguf", Settings())


def test_memory_is_counted_by_width(models):
    folder = models("qwen3")
    weights = facts.abilities(folder, Settings()).parameters
    least = {"cache_bytes": 1}
    needs = {name: facts.memory_bytes(folder, Settings(weights=name, **least)) for name in ("auto", "int8", "int4")}
    assert needs["auto"] - facts.RUNTIME_BYTES == pytest.approx(4 * weights, rel=0.05)
    assert needs["auto"] > needs["int8"] > needs["int4"]
    with_cache = facts.memory_bytes(folder, Settings()) - needs["auto"]
    token = 2 * 3 * 2 * 32 * 4  # keys and values, layers, heads, their size, bytes
    assert with_cache == pytest.approx(token * 256 * facts.SEQUENCES_MAX, rel=0.01)
    assert facts.memory_bytes(folder, Settings(cache_bytes=1000)) == needs["auto"] + 999
    assert facts.memory_bytes(folder, Settings(device="cuda")) == 2 * facts.RUNTIME_BYTES


def test_what_is_no_model(tmp_path):
    with pytest.raises(AbsentError):
        facts.abilities(tmp_path / "nobody", Settings())
    with pytest.raises(ModelError):
        facts.abilities(tmp_path, Settings())
    folder = folders.chat(tmp_path / "chat")
    for junk in (b"", b"\xff" * 16, b"\x02\0\0\0\0\0\0\0{}"[:9], b"\x10\0\0\0\0\0\0\0" + b'{"a": {"b": 1}}  '):
        (folder / "model.safetensors").write_bytes(junk)
        with pytest.raises(ModelError, match="safetensors"):
            facts.abilities(folder, Settings())


@pytest.mark.parametrize(
    "given", [{"colour": 1}, {"threads": -1}, {"threads": "two"}, {"task": "dance"}, {"keep_s": "x"}]
)
def test_settings_that_make_no_sense(given):
    with pytest.raises(ModelError, match="settings"):
        settings.read(given)
