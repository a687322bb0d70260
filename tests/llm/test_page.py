"""The example of the page runs."""

from __future__ import annotations

import re
from pathlib import Path

from tests.llm import reference

PAGE = Path(__file__).parents[2] / "docs" / "llm.md"


def test_the_first_example_answers(bytewise, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "Qwen3-0.6B"
    reference.model("qwen3", vocab_size=2100).save_pretrained(folder)
    bytewise._tokenizer.save(str(folder / "tokenizer.json"))
    monkeypatch.chdir(tmp_path)
    code = re.search(r"^```py\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert code is not None
    exec(compile(code[1], str(PAGE), "exec"), {})
    assert len(capsys.readouterr().out) > 1
