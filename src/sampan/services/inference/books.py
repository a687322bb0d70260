"""What is written down of each request: what it takes of quotas, what it used, and a line in the request log."""

from __future__ import annotations

import asyncio

from sampan.kernel.asking import Ask, Usage
from sampan.kernel.caller import Caller
from sampan.kernel.fault import Fault
from sampan.kernel.ports import Transaction
from sampan.services.inference import logs, metering, quotas
from sampan.services.inference.context import Context
from sampan.services.inference.model import Deployment, Logged

FLUSH_S = 1.0
LEFT = "left"  # the finish of a request whose client went away


class Entry:
    """One request, from its beginning to its end. Close it whatever happens; only the first time counts.

    Raises Fault(TOO_MANY, "requests" | "tokens" | "in flight") when a quota has no room for it. `name` is what the
    model was called, and `tokens` a guess of what it may use.
    """

    __slots__ = ("_begun_ms", "_budgets", "_caller", "_closed", "_context", "_deployment", "_first_ms", "_guess", "_id",
                 "_logging", "_name", "asked")  # fmt: skip

    def __init__(
        self, context: Context, caller: Caller, deployment: Deployment, name: str, request_id: str, tokens: int
    ) -> None:
        self._budgets = quotas.of(context, caller, deployment.name)
        if self._budgets:
            quotas.take(context, self._budgets, tokens)
        self._closed = False
        self._context = context
        self._caller = caller
        self._deployment = deployment.name
        self._name = name
        self._id = request_id
        self._guess = tokens
        self._begun_ms = context.clock.now_ms()
        self._first_ms: int | None = None
        self._logging = logs.wanted(context)
        self.asked: Ask | None = None  # for the log

    @property
    def keeps_texts(self) -> bool:
        """Whether the log wants to know what is said."""
        return self._logging is not None and self._logging.texts

    def first(self) -> None:
        """The first piece is here."""
        self._first_ms = self._context.clock.now_ms() - self._begun_ms

    def close(self, usage: Usage, finish: str, said: str = "") -> None:
        """The request is over, and used this."""
        if self._closed:
            return
        self._closed = True
        context, now_ms = self._context, self._context.clock.now_ms()
        if self._budgets:
            context.limiter.settle(self._budgets, self._guess, usage.tokens, now_ms)
        context.pending.use(metering.use(context, self._caller, self._deployment, now_ms), usage)
        if self._logging is None:
            return
        asked = logs.asked(self.asked) if self.keeps_texts and self.asked is not None else ""
        context.pending.log(
            Logged(
                self._id,
                self._begun_ms,
                self._caller.account,
                self._caller.key_id,
                self._name,
                self._deployment,
                now_ms - self._begun_ms,
                self._first_ms,
                usage,
                finish,
                asked,
                logs.cut(said) if self.keeps_texts else "",
            )
        )


async def flush(context: Context) -> None:
    """Write what was used and logged since the last time. Raises the Store's faults; then it is tried again."""
    used, logged = context.pending.take()
    if not used and not logged:
        return

    def change(tx: Transaction) -> None:
        metering.write(tx, context, used)
        logs.write(tx, logged)

    try:
        await context.store.write(change)
    except BaseException:
        context.pending.put_back(used, logged)
        raise


async def keep(context: Context) -> None:
    """Write what was used and logged, again and again, until cancelled."""
    writing: asyncio.Future[None] | None = None
    try:
        while True:
            await asyncio.sleep(FLUSH_S)
            # A write that has begun is finished, whatever happens to this loop: nothing may count twice, or not at all.
            writing = asyncio.ensure_future(flush(context))
            try:
                await asyncio.shield(writing)
            except Fault:
                pass  # the disk is full or failing: it is kept until it can be written
            except Exception:
                context.log.exception("what was used could not be written by a mistake of ours")
    finally:
        if writing is not None:
            await asyncio.gather(writing, return_exceptions=True)
