"""What no session gets around: boundaries, session policies, and what it inherited."""

from __future__ import annotations

import pytest

from sampan.kernel.fault import Kind
from sampan.kernel.names import Resource
from sampan.kernel.policy import Held, Named, Plain, Principal, Question, decide
from sampan.services.identity import mfa
from sampan.services.identity import model as m
from tests.identity.test_access import GET, Library, get, ref
from tests.identity.world import START_MS, allow, refused, say


@pytest.fixture
def world() -> Library:
    return Library()


def assume(world: Library, who: str, role: str, **more: str) -> m.Session:
    return world.act(who, m.AssumeRole(account=world.one.account, role=role, session="night", **more))


def test_a_bucket_policy_that_names_somebody_does_not_lift_his_boundary(world: Library) -> None:
    ann = world.user(world.root, "ann")
    world.bucket_policy(allow(GET, on="objects:books/*", who=[f"user:{world.one.account}:ann"]))
    assert world.may(ann, get("a/1"))
    world.act(world.root, m.CreatePolicy(policy="/none", document=say()))
    world.act(world.root, m.SetBoundary(ref=ref("ann"), policy="/none"))
    assert not world.may(ann, get("a/1"))


def test_a_session_policy_limits_a_root_too() -> None:
    question = Question(Principal("root", "000000000001"), GET, Resource("objects", "books/a", "000000000001"))
    assert decide(question, None).allowed
    assert not decide(question, Held(Plain([]), None, (Plain([Named("session", ())]),))).allowed


def test_temporary_credentials_get_no_others(world: Library) -> None:
    ann = world.user(world.root, "ann", allow("*"))
    session = world.act(ann, m.GetSessionToken()).key_id
    for command in (m.GetSessionToken(), m.GetFederationToken(name="guest")):
        assert refused(lambda command=command: world.act(session, command)) == (Kind.DENIED, "action")


def test_who_came_with_a_second_factor_keeps_it_in_a_role(world: Library) -> None:
    ann = world.user(world.root, "ann", allow("*"))
    account = world.one.account
    world.role(world.root, "helm", [f"account:{account}"], allow(GET, if_=[["bool", "mfa", ["true"]]]))
    seed = world.act(world.root, m.CreateMfaDevice(name="phone")).seed
    step = START_MS // mfa.STEP_MS
    codes = (mfa.code_at(seed, step - 1), mfa.code_at(seed, step))
    world.act(world.root, m.BindMfaDevice(user="ann", name="phone", codes=codes))
    plain = world.act(ann, m.GetSessionToken()).key_id
    proven = world.act(ann, m.GetSessionToken(mfa_code=mfa.code_at(seed, step + 1))).key_id
    for who, expected in ((ann, False), (plain, False), (proven, True)):
        assert world.may(assume(world, who, "helm").key_id, get("a/1")) is expected


def test_a_source_identity_is_for_good(world: Library) -> None:
    ann = world.user(world.root, "ann", allow("*"))
    for name in ("helm", "deck"):
        world.role(world.root, name, [f"account:{world.one.account}"], allow("*"))
    first = assume(world, ann, "helm", source_identity="ann")
    second = assume(world, first.key_id, "deck", source_identity="somebody")
    assert (first.source_identity, second.source_identity) == ("ann", "ann")
