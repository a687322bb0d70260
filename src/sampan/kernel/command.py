"""The waist: a command is a frozen value that says everything about one operation, in words of no vendor."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from sampan.kernel.caller import Caller


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Base of all commands.

    `action` names the permission that the command needs ("objects:GetObject"). `touches` lists the (action, path)
    pairs that the guard asks about; a path is a bucket, or bucket "/" key. `waits`: running it may take seconds, and
    nobody needs it any more when the client has left, so that it is cancelled then.
    """

    action: ClassVar[str]
    waits: ClassVar[bool] = False

    def touches(self) -> tuple[tuple[str, str], ...]:
        raise NotImplementedError(type(self).__name__)

    def context(self) -> Mapping[str, tuple[str, ...]]:
        """The values of condition keys that the command itself says, by core name: policies may ask for them."""
        return {}


Handler = Callable[[Caller, Any], Awaitable[Any]]
"""Runs one command for a caller and returns its result, or raises Fault."""

Handlers = Mapping[type[Command], Handler]
"""A service: one handler for each of its commands."""
