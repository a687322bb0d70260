"""What goes over the wire to a model's process has the waist's words, and costs a worker no PyTorch."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from typing import get_args

import msgspec
import pytest

from sampan.kernel import asking
from sampan.llm import values

PAIRS = [(name, name) for name in (
    "Part", "Message", "Call", "Tool", "Shape", "Ask", "Logprob", "Usage", "Piece", "Ranking", "Tokens",
    "Abilities",
)] + [("Sampling", "Wishes")]  # fmt: skip
WORDS = ("Role", "Medium", "Tooling", "ShapeKind", "Say", "Finish", "Task")


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_fields_agree(ours, theirs):
    fields = [field.name for field in dataclasses.fields(getattr(asking, ours))]
    assert fields == [field.name for field in msgspec.structs.fields(getattr(values, theirs))]


@pytest.mark.parametrize("name", WORDS)
def test_words_agree(name):
    assert tuple(getattr(asking, name)) == get_args(getattr(values, name))


def test_a_question_without_choices_means_the_same():
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(asking.Ask()), type=values.Ask) == values.Ask()
    piece = values.Piece(0, "end", logprobs=(values.Logprob(1, "a", b"a", -1.0),), finish="stop")
    told = msgspec.msgpack.decode(msgspec.msgpack.encode(piece), type=asking.Piece)
    assert told == asking.Piece(
        0, asking.Say.END, logprobs=(asking.Logprob(1, "a", b"a", -1.0),), finish=asking.Finish.STOP
    )


def test_a_worker_loads_no_torch():
    heavy = ("torch", "numpy", "jinja2", "tokenizers")
    code = f"import sys, sampan.engines.llm_local; print([one for one in {heavy} if one in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
