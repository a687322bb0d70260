"""What the guard knows of a refusal: who asked for what, what refused it, and what it was told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sampan.kernel.names import Resource
from sampan.kernel.policy import Decision, Principal


@dataclass(frozen=True, slots=True)
class Denial:
    """`id` is the principal's own id ("" for a root or nobody), `context` the values of condition keys, by core name.

    It is for the one who was refused, and for who writes policies: it tells what a policy of theirs would have to say.
    """

    principal: Principal
    id: str
    action: str
    resource: Resource
    decision: Decision
    context: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
