"""Every command has somebody who runs it, and says what it touches."""

from __future__ import annotations

import inspect

import pytest

from sampan.kernel.caller import ANONYMOUS
from sampan.services.inference import model as m
from sampan.services.inference.service import COMMANDS
from tests.inference.world import ALICE, World, question

ALL = [
    kind
    for kind in vars(m).values()
    if inspect.isclass(kind) and issubclass(kind, m.Command) and "action" in vars(kind)
]
VALUES = {
    "ask": question(), "command": m.GetModel(model="qwen"), "quota": m.Quota(""), "price": m.Price("a", "b", "c", "d"),
    "logging": m.Logging(), "body": None, "texts": ("a",), "documents": ("a",), "tokens": (1,), "note": b"",
    "window_s": 1, "name": "n", "query": "q", "alias": "a",
}  # fmt: skip


def made(kind: type[m.Command]) -> m.Command:
    parameters = inspect.signature(kind).parameters.values()
    needed = [one.name for one in parameters if one.default is inspect.Parameter.empty]
    return kind(**{name: VALUES.get(name, "x") for name in needed})


def test_every_command_is_run() -> None:
    assert len(ALL) > 30
    assert set(ALL) == set(COMMANDS)


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_what_is_touched_is_somebodys_or_nobodys(world: World, kind: type[m.Command]) -> None:
    """Nothing that a command names belongs to another account: what is another's is not there."""
    command = made(kind)
    touched = command.touches()
    assert touched
    for action, path in touched:
        assert action.startswith("inference:")
        for caller in (ALICE, ANONYMOUS):
            owned = world.service.owned(caller, command, path)
            assert owned is None or owned.owner == caller.account
