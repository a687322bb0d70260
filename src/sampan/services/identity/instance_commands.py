"""The commands on instance profiles: what carries a role to a machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from sampan.services.identity.bases import IdentityCommand, asked_tags


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceProfileCommand(IdentityCommand):
    """A command on one instance profile."""

    name: str

    def touches(self) -> tuple[tuple[str, str], ...]:
        return ((self.action, f"instance-profile/{self.name}"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateInstanceProfile(InstanceProfileCommand):
    """Without a role yet. -> InstanceProfile."""

    action: ClassVar[str] = "identity:CreateInstanceProfile"
    path: str = "/"
    tags: Mapping[str, str] = field(default_factory=dict)

    def context(self) -> Mapping[str, tuple[str, ...]]:
        return asked_tags(self.tags)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetInstanceProfile(InstanceProfileCommand):
    """-> InstanceProfile."""

    action: ClassVar[str] = "identity:GetInstanceProfile"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListInstanceProfiles(IdentityCommand):
    """All, or those that carry a role, by name, greater than `after`. -> Page[InstanceProfile]."""

    action: ClassVar[str] = "identity:ListInstanceProfiles"
    role: str | None = None
    path_prefix: str = "/"
    after: str = ""
    limit: int = 100

    def touches(self) -> tuple[tuple[str, str], ...]:
        if self.role is not None:
            return (("identity:ListInstanceProfilesOfRole", f"role/{self.role}"),)
        return ((self.action, "instance-profile/*"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetInstanceRole(InstanceProfileCommand):
    """Put a role in, or take it out. A profile carries one. -> None."""

    action: ClassVar[str] = "identity:AddInstanceRole"
    role: str
    present: bool

    def touches(self) -> tuple[tuple[str, str], ...]:
        profile = f"instance-profile/{self.name}"
        if not self.present:
            return (("identity:RemoveInstanceRole", profile),)
        # Whoever may start machines with a profile gets what its role may.
        return ((self.action, profile), ("identity:PassRole", f"role/{self.role}"))


@dataclass(frozen=True, slots=True, kw_only=True)
class TagInstanceProfile(InstanceProfileCommand):
    """Add or replace `tags`, and remove those named in `remove`. -> None."""

    action: ClassVar[str] = "identity:TagInstanceProfile"
    tags: Mapping[str, str] = field(default_factory=dict)
    remove: tuple[str, ...] = ()

    def context(self) -> Mapping[str, tuple[str, ...]]:
        return asked_tags(self.tags, self.remove)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteInstanceProfile(InstanceProfileCommand):
    """It must carry no role. -> None."""

    action: ClassVar[str] = "identity:DeleteInstanceProfile"
