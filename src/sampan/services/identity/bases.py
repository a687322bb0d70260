"""What all commands of identity have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sampan.kernel.command import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityCommand(Command):
    """A command on something of the caller's account. The path that the guard asks about is the kind and the name."""

    def touches(self) -> tuple[tuple[str, str], ...]:
        return ((self.action, ""),)


def asked_tags(tags: Mapping[str, str], remove: tuple[str, ...] = ()) -> dict[str, tuple[str, ...]]:
    """The condition keys that say which tags a command gives or takes."""
    if not tags and not remove:
        return {}
    return {"tag-keys": (*tags, *remove), **{f"request-tag/{name.lower()}": (value,) for name, value in tags.items()}}
