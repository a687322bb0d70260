"""Refusals, sealed: read by the account that they are of, and by nobody else."""

from __future__ import annotations

import pytest

from sampan.kernel.denial import Denial
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.names import Resource
from sampan.kernel.policy import Decision, Outcome, Principal
from sampan.services.identity import model as m
from tests.identity.test_access import Library, get
from tests.identity.world import deny, refused


@pytest.fixture
def world() -> Library:
    return Library()


def test_what_the_guard_knows_comes_back_whole(world: Library) -> None:
    ann = world.user(world.root, "ann", deny("objects:GetObject", on="objects:books/*"))
    with pytest.raises(Fault) as caught:
        world.guard.allow(world.caller(ann), get("a/1"), lambda: {"source-ip": ("10.0.0.1",)})
    denial = caught.value.facts["denial"]
    assert (denial.principal.name, denial.action, denial.resource.path) == ("ann", "objects:GetObject", "books/a/1")
    assert (denial.decision.outcome, denial.decision.policy) == (Outcome.EXPLICIT, "user/ann:own")
    assert denial.context["source-ip"] == ("10.0.0.1",)
    message = world.identity.told(denial)
    for identity in (world.identity, world.other[0]):
        assert message != identity.told(denial), "it is told twice alike"
    assert world.act(world.root, m.DecodeDenial(message=message)) == denial
    command = m.DecodeDenial(message=message)
    assert refused(lambda: world.act(world.stranger, command)) == (Kind.INVALID, "denial")
    assert refused(lambda: world.act(ann, command)) == (Kind.DENIED, "action")


def test_it_never_grows_beyond_what_can_be_asked(world: Library) -> None:
    context = {f"key{number}": ("x" * 5000,) for number in range(100)}
    denial = Denial(
        Principal("root", world.one.account), "", "objects:GetObject", Resource("objects", "k" * 2000),
        Decision(Outcome.IMPLICIT), context,
    )  # fmt: skip
    message = world.identity.told(denial)
    assert len(message) < 10_240
    found = world.act(world.root, m.DecodeDenial(message=message))
    assert (found.action, found.context, len(found.resource.path)) == ("objects:GetObject", {}, 256)
