"""Accounts are walls."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import ClassVar

import pytest

from sampan.gateway.guard import Guard
from sampan.kernel.caller import ANONYMOUS, Caller
from sampan.kernel.command import Command
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.policy import Owned
from sampan.services.objects import model

ALICE = Caller("000000000001", "root", "AKIAALICE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Touch(Command):
    """A command that touches what it is told to."""

    action: ClassVar[str] = "objects:Touch"
    pairs: tuple[tuple[str, str], ...]

    def touches(self) -> tuple[tuple[str, str], ...]:
        return self.pairs


class Owners:
    """Knows two buckets, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, caller: Caller, command: Command, path: str) -> Owned | None:
        bucket = path.partition("/")[0]
        self.asked.append(bucket)
        owner = {"hers": ALICE.account, "his": "000000000002"}.get(bucket)
        return None if owner is None else Owned(owner)


@pytest.fixture
def owners() -> Owners:
    return Owners()


def allowed(owners: Owners, caller: Caller, *paths: str, action: str = "objects:Touch") -> bool:
    try:
        Guard({"objects": owners}).allow(caller, Touch(pairs=tuple((action, path) for path in paths)))
    except Fault as fault:
        assert (fault.kind, fault.noun) == (Kind.DENIED, "action")
        assert fault.facts["action"] == action
        assert fault.facts["path"] in paths
        return False
    return True


def test_the_owner_may(owners: Owners) -> None:
    assert allowed(owners, ALICE, "hers")
    assert allowed(owners, ALICE, "hers/key/with/slashes")


def test_others_may_not(owners: Owners) -> None:
    assert not allowed(owners, ALICE, "his")
    assert not allowed(owners, ALICE, "his/hers")


def test_one_foreign_path_among_many_is_enough(owners: Owners) -> None:
    assert not allowed(owners, ALICE, "hers/a", "his/b")
    assert not allowed(owners, ALICE, "hers/a", "hers/b", "his/c", "hers/d")


def test_nobody_may_nothing(owners: Owners) -> None:
    for path in ("", "hers", "nobodys", "nobodys/key"):
        assert not allowed(owners, ANONYMOUS, path)


def test_what_nobody_owns_is_left_to_the_service(owners: Owners) -> None:
    assert allowed(owners, ALICE, "nobodys/key")
    assert allowed(owners, ALICE, "")


def test_making_a_bucket_is_asked_of_the_callers_own_account() -> None:
    guard = Guard({"objects": Owners()})
    guard.allow(ALICE, model.CreateBucket(bucket="his"))
    with pytest.raises(Fault):
        guard.allow(ALICE, model.DeleteBucket(bucket="his"))
    with pytest.raises(Fault):
        guard.allow(ANONYMOUS, model.CreateBucket(bucket="new"))


def test_a_copy_is_asked_of_both_sides() -> None:
    guard = Guard({"objects": Owners()})
    copy = model.CopyObject(bucket="hers", key="k", source=model.Source("his", "k"))
    with pytest.raises(Fault) as caught:
        guard.allow(ALICE, copy)
    assert caught.value.facts["path"] == "his/k"


def test_a_batch_asks_once(owners: Owners) -> None:
    assert allowed(owners, ALICE, *(f"hers/{n}" for n in range(1000)))
    assert owners.asked == ["hers"]


def test_a_request_may_name_the_owners_that_it_expects() -> None:
    """Not those of whoever happens to have a bucket of that name."""
    guard = Guard({"objects": Owners()})
    copy = model.CopyObject(bucket="hers", key="k", source=model.Source("hers", "k"))
    for owners in ((), ("", ""), (ALICE.account, ""), (ALICE.account, ALICE.account)):
        guard.allow(ALICE, copy, owners=owners)
    for owners in (("000000000002", ""), ("", "000000000002")):
        with pytest.raises(Fault):
            guard.allow(ALICE, copy, owners=owners)
    guard.allow(ALICE, model.HeadBucket(bucket="nobodys"), owners=("000000000002", ""))


def test_who_calls_is_noted() -> None:
    noted: list[tuple[Caller, str]] = []
    guard = Guard({"objects": Owners()}, used=lambda *what: noted.append(what))
    for caller in (ALICE, ANONYMOUS):
        with contextlib.suppress(Fault):
            guard.allow(caller, model.HeadBucket(bucket="hers"))
    assert noted == [(ALICE, "objects")]
