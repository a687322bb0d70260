"""The request log: a share of the requests, kept for a while, with or without what was said."""

from __future__ import annotations

from sampan.kernel.asking import Ask
from sampan.kernel.caller import Caller
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.ports import Transaction
from sampan.services.inference import rows
from sampan.services.inference.context import Context
from sampan.services.inference.model import ListLogged, Logged, Logging, SetLogging
from sampan.services.inference.redaction import redacted

CHARS_MAX = 8192  # of what was asked, and of what was said
KEPT_MS = 30 * 24 * 3600 * 1000
KEPT_MAX = 100_000  # rows
LIST_MAX = 1000
_SHARES = 1 << 32


async def set_logging(context: Context, caller: Caller, command: SetLogging) -> None:
    context.check_operator(caller, command.action)
    if not 0 <= command.logging.share <= 1:
        raise Fault(Kind.INVALID, "request", "a share is a number from 0 to 1", field="share")
    await context.store.write(lambda tx: tx.put(rows.LOGGING, rows.encode(command.logging)))


async def list_logged(context: Context, caller: Caller, command: ListLogged) -> tuple[Logged, ...]:
    context.check_operator(caller, command.action)
    limit = max(0, min(command.limit, LIST_MAX))
    found: list[Logged] = []
    prefix = rows.all_logged()
    with context.store.view() as view:
        for _, raw in view.scan(prefix, rows.successor(prefix), reverse=True):
            if len(found) == limit:
                break
            logged = rows.decode_logged(raw)
            if command.account in ("", logged.account):
                found.append(logged)
    return tuple(found)


# --- for who asks a model ---------------------------------------------------------------------------------------------


def wanted(context: Context) -> Logging | None:
    """How the next request is to be logged; None: not at all."""
    logging = context.logged.find(rows.LOGGING)
    if logging is None or logging.share <= 0:
        return None
    chosen = logging.share >= 1 or int.from_bytes(context.chance.token(4), "big") < logging.share * _SHARES
    return logging if chosen else None


def asked(ask: Ask) -> str:
    """What was asked, for a person to read, without secrets."""
    if ask.prompt is not None:
        return cut(ask.prompt if isinstance(ask.prompt, str) else " ".join(map(str, ask.prompt[:CHARS_MAX])))
    return cut("\n".join(f"{message.role}: {message.text[:CHARS_MAX]}" for message in ask.messages))


def cut(text: str) -> str:
    """The end of a text, without secrets: what was said last says most."""
    return redacted(text[-CHARS_MAX:])


def write(tx: Transaction, taken: list[Logged]) -> None:
    """Keep what was logged."""
    for logged in taken:
        tx.put(rows.logged(logged.time_ms, logged.id), rows.encode(logged))


async def forget(context: Context) -> None:
    """Remove what is too old, or too much."""
    prefix = rows.all_logged()
    oldest = rows.logged(max(0, context.clock.now_ms() - KEPT_MS), "")
    with context.store.view() as view:
        newest_first = view.scan(prefix, rows.successor(prefix), reverse=True)
        old = [key for place, (key, _) in enumerate(newest_first) if key < oldest or place >= KEPT_MAX]

    def change(tx: Transaction) -> None:
        for key in old:
            tx.delete(key)

    if old:
        await context.store.write(change)
