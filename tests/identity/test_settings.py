"""What an account wants of passwords, and what it lets users do for themselves."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from sampan.kernel.fault import Kind
from sampan.services.identity import model as m
from sampan.services.identity import passwords
from tests.identity.test_access import Library, ref
from tests.identity.world import allow, deny, refused, say

DAY_MS = 24 * 3600 * 1000
STRICT = m.PasswordPolicy(chars_min=10, lower=True, upper=True, digits=True, symbols=True)


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """The digests' cost is not what is tested here."""
    monkeypatch.setattr(passwords, "COST", 2)


@pytest.fixture
def world() -> Library:
    return Library()


def put(world: Library, password: str, user: str = "ann", create: bool = False) -> None:
    world.act(world.root, m.PutLoginProfile(user=user, create=create, password=password))


@pytest.mark.parametrize(
    ("password", "policy", "good"),
    [
        ("Secret12", None, True),
        ("secret12", None, False),
        ("Secret1", None, False),
        ("secrets", m.PasswordPolicy(), True),
        ("short", m.PasswordPolicy(), False),
        ("Secret-1234", STRICT, True),
        ("Secret-12", STRICT, False),
        ("SECRET-1234", STRICT, False),
        ("secret-1234", STRICT, False),
        ("Secret-Word", STRICT, False),
        ("Secret12345", STRICT, False),
        ("Secret 1234", STRICT, False),
        ("x" * 128, m.PasswordPolicy(), True),
        ("x" * 129, m.PasswordPolicy(), False),
        ("Secret-1234\n", STRICT, False),
        ("ann-of-the-hill", m.PasswordPolicy(), True),
        ("ANN-of-the-Hill-1", m.PasswordPolicy(), False),
    ],
)
def test_what_a_password_must_be(world: Library, password: str, policy: m.PasswordPolicy | None, good: bool) -> None:
    name = "ann-of-the-hill-1"
    world.act(world.root, m.CreateEntity(ref=ref(name)))
    if policy is not None:
        world.act(world.root, m.SetPasswordPolicy(policy=policy))
    if good:
        put(world, password, name, create=True)
    else:
        assert refused(lambda: put(world, password, name, create=True)) == (Kind.INVALID, "password")


def test_the_policy_itself(world: Library) -> None:
    settings = world.act(world.root, m.GetPasswordPolicy())
    assert (settings.passwords, settings.own) == (None, frozenset())
    none = m.SetPasswordPolicy(policy=None)
    assert refused(lambda: world.act(world.root, none)) == (Kind.MISSING, "password policy")
    assert world.act(world.root, m.SetPasswordPolicy(policy=STRICT, own=True)).passwords == STRICT
    # What is said of one thing leaves the other.
    world.act(world.root, m.SetPreferences(own={m.Own.DEVICES: True}, note={"a": "b"}))
    settings = world.act(world.root, m.SetPasswordPolicy(policy=STRICT))
    assert (settings.own, settings.note) == ({m.Own.PASSWORD, m.Own.DEVICES}, {"a": "b"})
    world.act(world.root, m.SetPreferences(own={m.Own.PASSWORD: False}))
    assert world.act(world.root, m.GetPreferences()).own == {m.Own.DEVICES}
    assert world.act(world.stranger, m.GetPasswordPolicy()).passwords is None
    for wrong in ({"chars_min": 5}, {"chars_min": 129}, {"days_max": 1096}, {"reuse": 25}, {"reuse": -1}):
        command = m.SetPasswordPolicy(policy=replace(STRICT, **wrong))
        assert refused(lambda command=command: world.act(world.root, command)) == (Kind.INVALID, "password policy")
    world.act(world.root, none)
    assert world.act(world.root, m.GetPasswordPolicy()).passwords is None


def test_a_user_changes_its_own_password(world: Library) -> None:
    ann = world.user(world.root, "ann", allow("identity:ChangePassword", on="identity:user/ann"))
    change = m.ChangePassword(old="Secret-123", new="Secret-124")
    assert "Secret" not in repr(change)
    assert refused(lambda: world.act(ann, change)) == (Kind.MISSING, "login profile")
    put(world, "Secret-123", create=True)
    assert refused(lambda: world.act(ann, replace(change, old="Secret-12"))) == (Kind.DENIED, "password")
    assert refused(lambda: world.act(ann, replace(change, old="x" * 1000))) == (Kind.DENIED, "password")
    assert refused(lambda: world.act(ann, replace(change, new="weak"))) == (Kind.INVALID, "password")
    world.act(world.root, m.PutLoginProfile(user="ann", create=False, reset_required=True))
    world.act(ann, change)
    assert not world.act(world.root, m.GetLoginProfile(user="ann")).reset_required
    assert refused(lambda: world.act(ann, change)) == (Kind.DENIED, "password")
    world.act(ann, m.ChangePassword(old="Secret-124", new="Secret-123"))
    assert refused(lambda: world.act(world.root, change)) == (Kind.INVALID, "caller")
    session = world.act(ann, m.GetSessionToken()).key_id
    world.act(session, change)


def test_earlier_passwords_do_not_come_back(world: Library) -> None:
    world.act(world.root, m.CreateEntity(ref=ref("ann")))
    put(world, "Secret-0", create=True)
    put(world, "Secret-1")
    # A policy that comes later looks back, too.
    world.act(world.root, m.SetPasswordPolicy(policy=m.PasswordPolicy(reuse=2)))
    for password in ("Secret-0", "Secret-1"):
        assert refused(lambda password=password: put(world, password)) == (Kind.INVALID, "password")
    put(world, "Secret-2")
    assert refused(lambda: put(world, "Secret-1")) == (Kind.INVALID, "password")
    put(world, "Secret-0")
    world.act(world.root, m.SetPasswordPolicy(policy=m.PasswordPolicy(reuse=24)))
    for number in range(40):
        put(world, f"Secret-x{number}")
    assert refused(lambda: put(world, "Secret-x16")) == (Kind.INVALID, "password")
    put(world, "Secret-x15")


def test_one_that_is_too_old_is_an_administrator_s(world: Library) -> None:
    ann = world.user(world.root, "ann", allow("identity:ChangePassword"))
    put(world, "Secret-123", create=True)
    world.act(world.root, m.SetPasswordPolicy(policy=m.PasswordPolicy(days_max=10, hard=True)))
    world.clock.ms += 10 * DAY_MS - 1
    world.act(ann, m.ChangePassword(old="Secret-123", new="Secret-124"))
    world.clock.ms += 10 * DAY_MS
    late = m.ChangePassword(old="Secret-124", new="Secret-125")
    assert refused(lambda: world.act(ann, late)) == (Kind.DENIED, "password")
    put(world, "Secret-124")
    world.act(ann, late)
    world.act(world.root, m.SetPasswordPolicy(policy=m.PasswordPolicy(days_max=10)))
    world.clock.ms += 10 * DAY_MS
    world.act(ann, m.ChangePassword(old="Secret-125", new="Secret-126"))


def test_two_changes_at_once_are_one(world: Library) -> None:
    ann = world.user(world.root, "ann", allow("identity:ChangePassword"))
    put(world, "Secret-123", create=True)
    caller = world.caller(ann)

    async def race() -> list[object]:
        changes = [m.ChangePassword(old="Secret-123", new=f"Secret-x{number}") for number in range(4)]
        handler = world.identity.handlers[m.ChangePassword]
        return await asyncio.gather(*(handler(caller, change) for change in changes), return_exceptions=True)

    assert sorted(str(type(one).__name__) for one in asyncio.run(race())) == ["Fault", "Fault", "Fault", "NoneType"]


KEYS = m.ListAccessKeys(user="ann")


def test_what_users_may_do_for_themselves(world: Library) -> None:
    ann = world.user(world.root, "ann")
    world.user(world.root, "bob")
    change = m.ChangePassword(old="a", new="b")
    offered = {
        m.Own.PASSWORD: [change, m.GetPasswordPolicy()],
        m.Own.ACCESS_KEYS: [KEYS, m.CreateAccessKey(user="", form="AKIA"), m.DeleteAccessKey(user="ann", key_id="x")],
        m.Own.DEVICES: [m.BindMfaDevice(user="ann", name="d", codes=("1", "2")), m.ListMfaDevices(user="")],
    }
    for own in m.Own:
        world.act(world.root, m.SetPreferences(own={each: each is own for each in m.Own}))
        for each, commands in offered.items():
            assert [world.may(ann, command) for command in commands] == [each is own] * len(commands), (own, each)
        assert not world.may(ann, m.ListAccessKeys(user="bob"))
        assert not world.may(ann, m.DeleteLoginProfile(user="ann"))
    world.act(world.root, m.SetPreferences(own=dict.fromkeys(m.Own, False)))
    assert not world.may(ann, KEYS)


def test_denials_and_limits_count_all_the_same(world: Library) -> None:
    ann = world.user(world.root, "ann")
    world.act(world.root, m.SetPreferences(own={m.Own.ACCESS_KEYS: True}))
    assert world.may(ann, KEYS)
    own = m.PutInlinePolicy(ref=ref("ann"), name="own", document=say(deny("identity:ListAccessKeys")))
    world.act(world.root, own)
    assert not world.may(ann, KEYS)
    world.act(world.root, replace(own, document=None))
    bound = m.CreatePolicy(policy="/bound", document=say(allow("objects:GetObject")))
    world.act(world.root, bound)
    world.act(world.root, m.SetBoundary(ref=ref("ann"), policy="/bound"))
    assert not world.may(ann, KEYS)


def test_a_new_user_of_an_old_name_is_somebody_else(world: Library) -> None:
    ann = world.user(world.root, "ann")
    world.act(world.root, m.SetPreferences(own={m.Own.ACCESS_KEYS: True}))
    world.act(world.root, m.UpdateEntity(ref=ref("ann"), new_name="anna"))
    world.act(world.root, m.CreateEntity(ref=ref("ann")))
    assert not world.may(ann, KEYS)
