"""Commands that are run without a client: the lines of batches, and what was deferred."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from sampan.kernel.caller import Caller
from sampan.kernel.command import Command
from sampan.kernel.fault import Fault, Kind
from sampan.services.inference import answers, texts
from sampan.services.inference.context import Context
from sampan.services.inference.model import Embed, Generate, Rank, Tokenize

_RUN: Mapping[type[Command], Callable[[Context, Caller, Any], Awaitable[Any]]] = MappingProxyType(
    {Generate: answers.generate, Embed: texts.embed, Rank: texts.rank, Tokenize: texts.tokenize}
)
BEHIND = -1  # the priority of what nobody waits for


async def run(context: Context, caller: Caller, command: Command, *, behind: bool = False) -> Any:
    """Ask the guard, then the model; `behind` others who wait. What is no Fault becomes one, and is logged."""
    function = _RUN.get(type(command))
    if function is None or getattr(command, "stream", False):
        raise Fault(Kind.INVALID, "request", "only answers, embeddings and rankings can wait", field="url")
    if behind and isinstance(command, Generate):
        command = replace(command, ask=replace(command.ask, priority=BEHIND))
    context.allow(caller, command)
    try:
        return await function(context, caller, command)
    except Fault:
        raise
    except Exception:
        context.log.exception("a command that nobody waited for failed by a mistake of ours")
        raise Fault(Kind.INTERNAL, "server") from None
