"""Turns that are kept and gone on from."""

from __future__ import annotations

from typing import Any

import pytest

from sampan.kernel.asking import Ask, Message, Part, Role
from sampan.kernel.fault import Kind
from sampan.services.inference import model as m
from tests.inference.world import ALICE, BOB, World, question


def texts(messages: tuple[Message, ...]) -> list[tuple[str, str]]:
    return [(message.role.value, message.text) for message in messages]


def keep(world: World, text: str = "Hi", **more: Any) -> m.Answer:
    return world.ask(text, keep=True, prefix="resp_", **more)


@pytest.mark.parametrize("stream", [False, True])
def test_a_turn_is_kept_and_gone_on_from(world: World, stream: bool) -> None:
    answer = keep(world, note=b"mine", stream=stream)
    if stream:
        world.pieces(answer)
    turn = world.run(m.GetTurn(turn=answer.id))
    assert (turn.id, turn.account, turn.model, turn.note) == (answer.id, ALICE.account, "qwen", b"mine")
    assert texts(turn.messages) == [("user", "Hi"), ("assistant", "Hello, world")]
    world.restart()
    second = keep(world, "And?", previous=answer.id)
    asked = [("user", "Hi"), ("assistant", "Hello, world"), ("user", "And?")]
    assert texts(world.engine.asked[-1][1].messages) == asked
    found = world.run(m.GetTurn(turn=second.id))
    assert texts(found.messages) == [*asked, ("assistant", "Hello, world")]
    assert found.previous == answer.id
    # What was gone on from may be forgotten.
    world.run(m.DeleteTurn(turn=answer.id))
    assert world.fault(m.GetTurn(turn=answer.id)).noun == "turn"
    world.ask("More", previous=second.id)
    assert len(world.engine.asked[-1][1].messages) == 5


def test_whoever_sees_the_end_can_go_on_from_it(world: World) -> None:
    stream = keep(world, stream=True)
    pieces = world.pieces(stream, 4)  # the reader leaves when it has the last piece
    assert pieces[-1].say is m.Say.END
    assert world.run(m.GetTurn(turn=stream.id)).id == stream.id


def test_what_was_not_finished_is_not_kept(world: World) -> None:
    stream = keep(world, stream=True)
    world.pieces(stream, 3)
    assert world.fault(m.GetTurn(turn=stream.id)).kind is Kind.MISSING


def test_a_lead_goes_before_everything_and_is_not_kept(world: World) -> None:
    def ask(system: str | None, previous: str = "") -> m.Answer:
        lead = (Message(Role.SYSTEM, (Part(text=system),)),) if system else ()
        return world.run(m.Generate(model="qwen", ask=question(), lead=lead, previous=previous, keep=True))

    first = ask("be kind")
    assert [message.text for message in world.engine.asked[-1][1].messages] == ["be kind", "Hi"]
    second = ask(None, first.id)
    assert [message.role for message in world.engine.asked[-1][1].messages] == [Role.USER, Role.ASSISTANT, Role.USER]
    ask("be brief", second.id)
    roles = [message.role for message in world.engine.asked[-1][1].messages]
    assert roles == [Role.SYSTEM, Role.USER, Role.ASSISTANT, Role.USER, Role.ASSISTANT, Role.USER]


def test_a_turn_is_its_accounts_alone(world: World) -> None:
    turn = keep(world).id
    for command in (
        m.GetTurn(turn=turn),
        m.DeleteTurn(turn=turn),
        m.NoteTurn(turn=turn, note=b"x"),
        m.Generate(model="qwen", ask=question(), previous=turn),
    ):
        fault = world.fault(command, BOB)
        assert (fault.kind, fault.noun) == (Kind.MISSING, "turn")
    assert len(world.engine.asked) == 1


@pytest.mark.parametrize("turn", ["", "resp_", "x" * 200, "\0" * 32, "é" * 40, "0" * 32])
def test_no_other_text_finds_it(world: World, turn: str) -> None:
    kept = keep(world).id
    assert world.fault(m.GetTurn(turn=turn)).kind is Kind.MISSING
    assert world.fault(m.GetTurn(turn="msg_" + kept[5:])).kind is Kind.MISSING


def test_a_note_can_be_changed(world: World) -> None:
    turn = keep(world, note=b"one").id
    world.run(m.NoteTurn(turn=turn, note=b"two"))
    assert world.run(m.GetTurn(turn=turn)).note == b"two"
    assert world.fault(m.NoteTurn(turn=turn, note=bytes(5 << 20))).facts["field"] == "note"


def test_a_conversation_that_grows_too_large_is_refused(world: World) -> None:
    turn = keep(world, "x" * (5 << 20)).id
    fault = world.fault(m.Generate(model="qwen", ask=question("x" * (4 << 20)), previous=turn, keep=True))
    assert (fault.kind, fault.noun) == (Kind.TOO_LARGE, "prompt")
    world.ask("x" * (4 << 20), previous=turn)


def test_all_that_a_message_holds_comes_back(world: World) -> None:
    message = Message(
        Role.ASSISTANT,
        (Part(text="t"), Part(m.Medium.IMAGE, data=b"\x89PNG", media_type="image/png")),
        "thought",
        (m.Call("c1", "f", '{"a": 1}'),),
        "c0",
        "name",
    )
    ask = Ask(messages=(message,))
    turn = world.run(m.Generate(model="qwen", ask=ask, keep=True)).id
    assert world.run(m.GetTurn(turn=turn)).messages[0] == message
