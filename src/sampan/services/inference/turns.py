"""Turns: questions and their answers that were kept, to be gone on from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sampan.kernel.asking import Message, Part, Role, Usage
from sampan.kernel.caller import Caller
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.limits import MIB
from sampan.kernel.ports import Transaction, View
from sampan.services.inference import rows
from sampan.services.inference.context import Context
from sampan.services.inference.model import Choice, DeleteTurn, Generate, GetTurn, NoteTurn, Turn

TURN_BYTES_MAX = 8 * MIB  # twice a request's document: what was said before, and what is added to it
NOTE_BYTES_MAX = 4 * MIB
KEPT_MS = 30 * 24 * 3600 * 1000  # as OpenAI keeps responses (API reference, "Responses")


async def get_turn(context: Context, caller: Caller, command: GetTurn) -> Turn:
    with context.store.view() as view:
        return find(view, caller.account, command.turn)


async def delete_turn(context: Context, caller: Caller, command: DeleteTurn) -> None:
    def change(tx: Transaction) -> None:
        find(tx, caller.account, command.turn)
        tx.delete(rows.turn(caller.account, command.turn))

    await context.store.write(change)


async def note_turn(context: Context, caller: Caller, command: NoteTurn) -> None:
    _check_note(command.note)

    def change(tx: Transaction) -> None:
        turn = find(tx, caller.account, command.turn)
        tx.put(rows.turn(caller.account, command.turn), rows.encode(replace(turn, note=command.note)))

    await context.store.write(change)


def find(view: View, account: str, turn_id: str) -> Turn:
    """Raises Fault(MISSING, "turn"), also for a turn of another account."""
    raw = view.get(rows.turn(account, turn_id)) if rows.is_id(turn_id) else None
    turn = rows.decode_turn(raw) if raw is not None else None
    if turn is None or turn.id != turn_id:
        raise Fault(Kind.MISSING, "turn", f"there is no {turn_id[:128]!r}", turn=turn_id[:128])
    return turn


def conversation(context: Context, caller: Caller, command: Generate) -> tuple[Message, ...]:
    """All messages of a question but its lead: those of the turn that it goes on from first.

    Raises Fault(MISSING, "turn"), and Fault(TOO_LARGE, "prompt") for more than can be kept.
    """
    messages = command.ask.messages
    if command.previous:
        with context.store.view() as view:
            messages = (*find(view, caller.account, command.previous).messages, *messages)
    if command.keep:
        _check_note(command.note)
        size = len(rows.encode(messages))
        if size > TURN_BYTES_MAX:
            raise Fault(Kind.TOO_LARGE, "prompt", f"a stored conversation has at most {TURN_BYTES_MAX} bytes")
    return messages


async def keep(
    context: Context,
    caller: Caller,
    command: Generate,
    messages: Sequence[Message],
    turn_id: str,
    created_ms: int,
    choice: Choice,
    usage: Usage,
) -> None:
    """Store a turn with its answer."""
    parts = (Part(text=choice.text),) if choice.text else ()
    answer = Message(Role.ASSISTANT, parts, choice.reasoning, choice.calls)
    said = (*messages, answer)
    turn = Turn(
        turn_id,
        caller.account,
        command.model,
        created_ms,
        said,
        command.note,
        command.previous,
        choice.finish,
        usage,
    )

    def change(tx: Transaction) -> None:
        tx.put(rows.turn(caller.account, turn_id), rows.encode(turn))
        tx.put(rows.expiry(created_ms + KEPT_MS, "t", caller.account, turn_id), b"")

    await context.store.write(change)


def _check_note(note: bytes) -> None:
    if len(note) > NOTE_BYTES_MAX:
        raise Fault(Kind.INVALID, "request", "the note on a turn is too large", field="note")
