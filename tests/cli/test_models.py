"""`sampan models`, beside a running server and without one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sampan.cli.main import main
from tests.harness import Server


@pytest.fixture
def models(
    fresh_server: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., str]:
    """Runs `sampan models`, and gives what it said with single spaces."""
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words: str, code: int = 0, secret: str = "") -> str:
        monkeypatch.setenv("SAMPAN_UPSTREAM_KEY", secret)
        assert main(["models", *words, "--data", str(fresh_server.data)]) == code
        captured = capsys.readouterr()
        return "\n".join(" ".join(line.split()) for line in (captured.out or captured.err).splitlines())

    return run


def test_a_model_is_added_named_limited_and_taken_away(models: Callable[..., str]) -> None:
    upstream = "http://127.0.0.1:9/v1"  # where nobody listens
    added = models("add", "far", upstream, "--set", "task=generate", "--set", "length_max=100", secret="sk-hidden")
    assert f"far {upstream} generate" in added and "sk-hidden" not in added
    models("alias", "gpt-4o-mini", "far")
    assert "gpt-4o-mini far generate" in models("ls")
    models("quota", "--model", "far", "--requests", "5", "--in-flight", "2")
    assert models("quotas").splitlines()[1:] == ["all all far 5 2"]
    models("quota", "--model", "far")
    assert len(models("quotas").splitlines()) == 1
    models("price", "far", "EUR", "0.4", "1.25")
    assert models("prices").splitlines()[1:] == ["far EUR 0.4 1.25 0.4"]
    models("logging", "1", "--texts")
    assert len(models("log").splitlines()) == len(models("usage").splitlines()) == 1
    models("unalias", "gpt-4o-mini")
    models("rm", "far")
    assert len(models("ls").splitlines()) == 1


def test_what_cannot_be_done_is_told_in_a_line(models: Callable[..., str], tmp_path: Path) -> None:
    for words in (
        ("rm", "none"),
        ("add", "new", str(tmp_path / "nowhere")),
        ("add", "new"),
        ("price", "none", "EUR", "1", "1"),
    ):
        said = models(*words, code=1)
        assert said.startswith("sampan models: ") and len(said.splitlines()) == 1
