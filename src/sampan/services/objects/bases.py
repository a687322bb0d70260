"""What commands on buckets and on objects have in common."""

from __future__ import annotations

from dataclasses import dataclass

from sampan.kernel.command import Command
from sampan.kernel.names import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketCommand(Command):
    """A command on one bucket. `place` is the region that the caller's request names, if it names any: the service
    refuses one that is not the bucket's own in that cloud (INVALID, "region")."""

    bucket: str
    place: Place | None = None

    def touches(self) -> tuple[tuple[str, str], ...]:
        return ((self.action, self.bucket),)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectCommand(BucketCommand):
    """A command on one object."""

    key: str

    def touches(self) -> tuple[tuple[str, str], ...]:
        return ((self.action, f"{self.bucket}/{self.key}"),)
