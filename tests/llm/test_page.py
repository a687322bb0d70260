"""The page's examples run, in its order: its programs as one session, its commands as they are typed."""

from __future__ import annotations

import io
import re
import shlex
from pathlib import Path

import peft
import pytest
import torch

from sampan.llm import __main__ as program
from tests.llm import reference

PAGE = Path(__file__).parents[2] / "docs" / "llm.md"
CHAT = "{% for m in messages %}<|im_start|>{{ m.content }}<|im_end|>{% endfor %}<|im_start|>"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture
def home(bytewise, tmp_path, monkeypatch):
    """A folder with the models that the page speaks of, small and random."""
    for name, layers in (("Qwen3-0.6B", 2), ("Qwen3-0.1B", 1)):
        made = reference.model("qwen3", vocab_size=2100, num_hidden_layers=layers, hidden_size=128)
        made.to(torch.bfloat16).save_pretrained(tmp_path / name)
        bytewise._tokenizer.save(str(tmp_path / name / "tokenizer.json"))
        (tmp_path / name / "chat_template.jinja").write_text(CHAT)
    config = peft.LoraConfig(r=4, target_modules=["q_proj"], init_lora_weights=False)
    peft.get_peft_model(reference.checkpointed(tmp_path / "Qwen3-0.6B"), config).save_pretrained(
        tmp_path / "my-adapter"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_programs_answer(home, capsys):
    codes = blocks("py")
    assert len(codes) >= 3
    names: dict[str, object] = {}
    for code in codes:
        exec(compile(code, str(PAGE), "exec"), names)
        assert len(capsys.readouterr().out) > 1


def test_the_commands_do(home, capsys, monkeypatch):
    lines = [line for block in blocks("console") for line in block.splitlines() if "sampan.llm " in line]
    assert {line.split()[4] for line in lines} == {"chat", "generate", "quantise", "bench"}
    for line in lines:
        monkeypatch.setattr("sys.stdin", io.StringIO("hello\n"))
        words = shlex.split(line.removeprefix("$ python -m sampan.llm "))
        few = ["--tokens", "3", "--cache-mib", "8"] if words[0] != "quantise" else []
        assert program.main([*words, *few]) == 0, line
        assert words[0] == "quantise" or capsys.readouterr().out.strip()
