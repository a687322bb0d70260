"""The benchmark of inference runs, and its models can be told by every server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.llm import folders

if folders.missing():
    pytest.skip(f"{', '.join(folders.missing())} not installed: pip install 'sampan[llm]'", allow_module_level=True)

from bench import bare, inference, random_models
from sampan.llm.engine import Engine, Options
from sampan.llm.talk import Talk


@pytest.mark.long  # two engines and a server are started for it
def test_a_quick_run_measures_every_door(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "figures.json"
    assert inference.main(["--quick", "--threads", "1", "--json", str(file)]) == 0
    rows = json.loads(file.read_text())["models"]["small"]
    assert list(rows) == [inference.BARE, "sampan, OpenAI", "sampan, Anthropic", "sampan, Bedrock"]
    for row in rows.values():
        assert row["1"]["first_ms"]["median"] > 0
        assert row["4"]["per_second"]["low"] > 0
    assert "| sampan, Bedrock |" in capsys.readouterr().out


def test_the_models_say_a_letter_with_every_token(tmp_path: Path) -> None:
    folder = random_models.write(tmp_path / "m", random_models.SMALL | {"num_hidden_layers": 1})
    talk = Talk(Engine.load(folder, options=Options(cache_bytes=1 << 24)), folder)
    wishes = bare.Wishes(temperature=0, tokens_max=20)
    ask = bare.Ask(messages=(bare.Message("user", (bare.Part(text=bare.question(1, 4)),)),), sampling=wishes)
    pieces = list(talk.say(ask))
    assert [piece.text.isalpha() for piece in pieces[:-1]] == [True] * 20
    assert pieces[-1].usage.answer_tokens == 20
