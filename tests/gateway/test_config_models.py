"""Models of the configuration: tables, and the words of `--model`."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from sampan.config import Misconfigured, add_flags, load
from sampan.services.inference.model import Backend, EngineKind


def read(folder: Path, text: str, **environment: str):
    (folder / "sampan.toml").write_text(text)
    return load({}, {"HOME": "/h", **environment}, folder)


def test_a_table_says_it_all(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        """
        models_memory = "24GiB"
        [models."Qwen/Qwen3-8B"]
        source = "weights/qwen"
        aliases = ["gpt-4o-mini"]
        weights = "int4"
        threads = 4
        keep_s = 60
        shared = false
        [models.lawyer]
        base = "Qwen/Qwen3-8B"
        adapter = "/adapters/lawyer"
        [[models.far.backends]]
        source = "https://a.example/v1"
        secret = "sk-far"
        [[models.far.backends]]
        source = "b"
        """,
    )
    assert found.models_memory == 24 << 30
    qwen, lawyer, far = found.models.values()
    settings = {"weights": "int4", "threads": 4}
    assert qwen.aliases == ("gpt-4o-mini",)
    assert qwen.deployment.backends == (Backend(EngineKind.LOCAL, str(tmp_path / "weights/qwen"), settings=settings),)
    assert (qwen.deployment.keep_s, qwen.deployment.shared, qwen.deployment.fixed) == (60, False, True)
    assert (lawyer.deployment.base, lawyer.deployment.adapter) == ("Qwen/Qwen3-8B", "/adapters/lawyer")
    assert [backend.engine for backend in far.deployment.backends] == [EngineKind.OPENAI, EngineKind.LOCAL]
    assert far.deployment.backends[0].secret == "sk-far"
    assert "sk-far" not in repr(found)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("models = 5", "models in .*must be tables"),
        ("[models]\nqwen = 5", "must be tables"),
        ('[models."-x"]\nsource = "a"', "'-x' is no name for a model"),
        ("[models.a]", "a: needs a source"),
        ("[models.a]\nsource = 5", "a: source must be a text"),
        ('[models.a]\nsource = "a"\nweights = []', "a: weights must be"),
        ('[models.a]\nsource = "a"\nkeep_s = -1', "a: keep_s must be"),
        ('[models.a]\nsource = "a"\nwarm = 1', "a: warm must be true or false"),
        ('[models.a]\nsource = "a"\naliases = "b"', "a: aliases must be a list"),
        ('[models.a]\nsource = "a"\naliases = ["a"]', "a is the name of two models"),
        ('[models.a]\nbase = "b"', "a: base and adapter"),
        ('[models.a]\nbase = "b"\nadapter = "c"', "a: its base b is no table"),
        ("[models.a]\nbackends = []", "a: backends must be tables"),
        ('[models.a]\nsource = "a"\nbackends = [{source = "b"}]', "a: with backends"),
        ('models_memory = "much"', "models_memory in .*: must be a number of bytes"),
        ("model = [5]", "model in .*must be a model's folder"),
        ('model = "nowhere"', "model: nowhere is no folder"),
    ],
)
def test_bad_tables_are_told_clearly(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(Misconfigured, match=message):
        read(tmp_path, text)


def test_words_name_folders_files_tables_and_what_was_fetched(tmp_path: Path) -> None:
    (tmp_path / "Qwen3-0.6B").mkdir()
    (tmp_path / "tiny.gguf").touch()
    fetched = tmp_path / "hub" / "models--Qwen--Qwen3-4B"
    (fetched / "refs").mkdir(parents=True)
    (fetched / "refs" / "main").write_text("abc123")
    parser = argparse.ArgumentParser()
    add_flags(parser)
    words = ("Qwen3-0.6B", "mine=tiny.gguf", "tiny.gguf", "Qwen/Qwen3-4B", "table")
    flags = parser.parse_args([*(part for word in words for part in ("--model", word)), "--models-memory", "2g"])
    (tmp_path / "sampan.toml").write_text('[models.table]\nsource = "/x"\n[models.cold]\nsource = "/y"\n')
    found = load(vars(flags), {"HOME": "/h", "HF_HUB_CACHE": str(tmp_path / "hub")}, tmp_path)
    assert {name: table.deployment.backends[0].source for name, table in found.models.items()} == {
        "table": "/x",
        "cold": "/y",
        "Qwen3-0.6B": str(tmp_path / "Qwen3-0.6B"),
        "mine": str(tmp_path / "tiny.gguf"),
        "tiny": str(tmp_path / "tiny.gguf"),
        "Qwen/Qwen3-4B": str(fetched / "snapshots" / "abc123"),
    }
    assert [name for name, table in found.models.items() if table.deployment.warm] == [
        name for name in found.models if name != "cold"
    ]
    assert found.models_memory == 2 << 30
