"""The commands that ask what policies would say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from sampan.kernel.names import Resource
from sampan.kernel.policy import Principal
from sampan.services.identity.bases import IdentityCommand
from sampan.services.identity.values import Document, EntityRef


@dataclass(frozen=True, slots=True, kw_only=True)
class GetContextKeys(IdentityCommand):
    """The condition keys that an entity's policies (its groups' included) and these documents ask for.
    -> tuple[str, ...], core names."""

    action: ClassVar[str] = "identity:GetContextKeys"
    of: EntityRef | None = None
    documents: tuple[Document, ...] = ()

    def touches(self) -> tuple[tuple[str, str], ...]:
        if self.of is None:
            return (("identity:GetCustomContextKeys", ""),)
        return ((self.action, f"{self.of.kind}/{self.of.name}"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatePolicies(IdentityCommand):
    """What an entity's policies and these documents would say of each action on each resource.

    An action is the core actions that one of a cloud's stands for: all of them are needed. A resource of no owner is
    the principal's. `principal` None: the entity, or some user of the account. `boundary` stands for the entity's own.
    `asked` (values of condition keys) is added to what is known of the
    entity. -> tuple[tuple[Simulated, ...], ...], by action and resource."""

    action: ClassVar[str] = "identity:SimulatePolicies"
    of: EntityRef | None = None
    documents: tuple[Document, ...] = ()
    boundary: Document | None = None
    resource_policy: Document | None = None
    actions: tuple[frozenset[str], ...]
    resources: tuple[Resource, ...]
    principal: Principal | None = None
    asked: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def touches(self) -> tuple[tuple[str, str], ...]:
        if self.of is None:
            return (("identity:SimulateCustomPolicies", ""),)
        return ((self.action, f"{self.of.kind}/{self.of.name}"),)
