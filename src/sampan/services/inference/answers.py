"""Answers: asking a model to go on, whole or piece by piece."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace

from sampan.kernel.asking import Ask, Piece, Say, Task, Usage
from sampan.kernel.caller import Caller
from sampan.kernel.fault import Fault, Kind
from sampan.services.inference import backends, names, quotas, together, turns
from sampan.services.inference.books import LEFT, Entry
from sampan.services.inference.context import Context
from sampan.services.inference.model import Answer, Choice, Deployment, Generate, Stream, whole


async def generate(context: Context, caller: Caller, command: Generate) -> Answer | Stream:
    """The first piece is awaited here, also of a stream: until then everything can be refused."""
    deployment = names.find(context, caller, command.model)
    await backends.check_task(context, deployment, Task.GENERATE)
    messages = turns.conversation(context, caller, command)
    question = replace(command.ask, messages=(*command.lead, *messages), tenant=caller.account)
    questions = [question, *(replace(other, tenant=caller.account) for other in command.others)]
    now_ms = context.clock.now_ms()
    answer_id = context.fresh_id(command.prefix, now_ms)

    async def keep(choices: Sequence[Choice], usage: Usage) -> None:
        await turns.keep(context, caller, command, messages, answer_id, now_ms, choices[0], usage)

    entry = Entry(context, caller, deployment, command.model, answer_id, sum(map(quotas.guess, questions)))
    if entry.keeps_texts:
        entry.asked = question
    usage, finish = Usage(), ""
    try:
        if command.stream:
            first, rest = await together.begin(context, deployment, questions)
            entry.first()
            count = sum(each.sampling.n for each in questions)
            telling = Telling(first, rest, entry, count, keep if command.keep else None)
            return Stream(answer_id, command.model, deployment.name, now_ms, telling)
        choices, usage = await _whole(context, deployment, questions)
        if command.keep:
            await keep(choices, usage)
        entry.close(usage, choices[0].finish, choices[0].text)
        return Answer(answer_id, command.model, deployment.name, now_ms, choices, usage)
    except BaseException as error:
        finish = str(error) if isinstance(error, Fault) else LEFT
        entry.close(usage, finish)
        raise


async def _whole(
    context: Context, deployment: Deployment, questions: Sequence[Ask]
) -> tuple[tuple[Choice, ...], Usage]:
    choices, usage = whole(await together.whole(context, deployment, questions))
    if not choices:
        raise Fault(Kind.UNAVAILABLE, "answer", "the model stopped in the middle")
    return choices, usage


class Telling:
    """Implements `model.Pieces`: an engine's pieces as they come, written into the books when they end.

    With `keep` the pieces are put together, and it is called before the last one is given away: who has seen the end
    can go on from there.
    """

    __slots__ = ("_entry", "_first", "_gathered", "_keep", "_last", "_open", "_rest")

    def __init__(
        self,
        first: Piece,
        rest: AsyncIterator[Piece],
        entry: Entry,
        count: int,
        keep: Callable[[Sequence[Choice], Usage], Awaitable[None]] | None,
    ) -> None:
        self._first: Piece | None = first
        self._last = first
        self._rest = rest
        self._entry = entry
        self._open = count  # answers that have not ended
        self._keep = keep
        self._gathered: list[Piece] | None = [] if keep is not None or entry.keeps_texts else None

    def __aiter__(self) -> Telling:
        return self

    async def __anext__(self) -> Piece:
        piece, self._first = self._first, None
        if piece is None:
            try:
                piece = await self._rest.__anext__()
            except StopAsyncIteration:
                self._close(str(self._last.finish or ""))
                raise
            except Fault as fault:
                self._close(str(fault))
                raise
        self._last = piece
        if self._gathered is not None:
            self._gathered.append(piece)
        if piece.say is Say.END:
            self._open -= 1
            if self._open == 0 and self._keep is not None:
                await self._keep(*whole(self._gathered or ()))
        return piece

    async def aclose(self) -> None:
        """Free what the engine holds for it. Safe to call twice."""
        self._first = None
        self._close(str(self._last.finish) if self._open <= 0 else LEFT)
        await backends.end(self._rest)

    def _close(self, finish: str) -> None:
        choices = whole(self._gathered)[0] if self._gathered and self._entry.keeps_texts else ()
        self._entry.close(self._last.usage, finish, choices[0].text if choices else "")

    def __del__(self) -> None:
        # Whoever forgot to close it shall not keep a place among the requests under way.
        self._close(LEFT)
