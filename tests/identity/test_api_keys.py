"""API keys: found by what is sent, in force and out of force at once, limited to their scope."""

from __future__ import annotations

import pytest

from sampan.kernel.caller import bearer
from sampan.kernel.fault import Fault, Kind
from sampan.services.identity import model as m
from sampan.services.objects import model as om
from tests.identity.test_access import Library, get, ref
from tests.identity.world import allow, refused, run

DAY_MS = 24 * 3600 * 1000


@pytest.fixture
def world() -> Library:
    library = Library()
    library.user(library.root, "ann", allow("objects:GetObject", on="objects:books/*"))
    return library


def issue(world: Library, user: str = "ann", root: str = "", **more: object) -> m.IssuedApiKey:
    return world.act(root or world.root, m.CreateApiKey(**{"user": user, "form": "sk-", **more}))


def who(world: Library, token: str) -> str:
    """Who calls with this, to both workers; or what is wrong with it."""
    said = set()
    for identity in (world.identity, world.other[0]):
        try:
            caller = bearer(identity, token, world.clock.now_ms())
            said.add(f"{caller.account} {caller.kind} {caller.principal} {caller.key_id}")
        except Fault as fault:
            said.add(f"{fault.noun} {fault.kind}")
            assert len(token) < 4 or token not in f"{fault!r} {fault} {fault.why} {fault.facts}"
    assert len(said) == 1, said
    return said.pop()


@pytest.mark.parametrize("form", ["sk-", "ABSK"])
def test_it_is_its_user_and_shown_once(world: Library, form: str) -> None:
    issued = issue(world, form=form)
    assert issued.token.startswith(form)
    assert len(issued.token) == len(form) + 44
    assert issued.token not in repr(issued)
    assert who(world, issued.token) == f"{world.one.account} user ann {issued.key.key_id}"
    assert world.act(world.root, m.ListApiKeys(user="ann")) == (issued.key,)
    rows = b"".join(key + value for key, value in world.store.view().__enter__().scan(b"", b"\xff"))
    assert issued.token[4:].encode() not in rows


def test_nothing_else_is_one(world: Library) -> None:
    token = issue(world).token
    for wrong in (
        "",
        "sk-",
        token[:-1],
        token + "=",
        token.swapcase(),
        token.replace("sk-", "ABSK"),
        "é" * 8,
        "x" * 9999,
    ):
        assert who(world, wrong) == "key missing"
    assert world.identity.find(issue(world).key.key_id) is None  # and it signs nothing


def test_the_root_has_its_own(world: Library) -> None:
    issued = issue(world, user="")
    assert who(world, issued.token) == f"{world.one.account} root root {issued.key.key_id}"
    assert world.act(world.root, m.ListApiKeys(user="")) == (issued.key,)
    issue(world)
    assert [key.user for key in world.act(world.root, m.ListApiKeys(user=None))] == ["root", "ann"]


def test_every_change_counts_at_once(world: Library) -> None:
    issued = issue(world)
    key_id = issued.key.key_id
    assert "ann" in who(world, issued.token)
    world.act(world.root, m.UpdateApiKey(user="ann", key_id=key_id, active=False))
    assert who(world, issued.token) == "key conflict"
    assert not world.act(world.root, m.ListApiKeys(user="ann"))[0].active
    world.act(world.root, m.UpdateApiKey(user="ann", key_id=key_id, active=True))
    assert "ann" in who(world, issued.token)
    again = world.act(world.root, m.ResetApiKey(user="ann", key_id=key_id))
    assert (again.key, again.token != issued.token) == (issued.key, True)
    assert who(world, issued.token) == "key missing"
    assert "ann" in who(world, again.token)
    world.act(world.root, m.DeleteApiKey(user="ann", key_id=key_id))
    assert who(world, again.token) == "key missing"
    assert world.act(world.root, m.ListApiKeys(user="ann")) == ()


def test_it_ends_in_time(world: Library) -> None:
    issued = issue(world, lasts_ms=2 * DAY_MS)
    assert issued.key.expires_ms == world.clock.ms + 2 * DAY_MS
    world.clock.ms += 2 * DAY_MS - 1
    assert "ann" in who(world, issued.token)
    reset = world.act(world.root, m.ResetApiKey(user="ann", key_id=issued.key.key_id))
    world.clock.ms += 1
    assert who(world, reset.token) == "token expired"
    (listed,) = world.act(world.root, m.ListApiKeys(user="ann"))
    assert (listed.expired, listed.active) == (True, True)
    for lasts_ms in (0, -DAY_MS, 36_601 * DAY_MS):
        assert refused(lambda lasts_ms=lasts_ms: issue(world, lasts_ms=lasts_ms)) == (Kind.INVALID, "duration")


def test_its_user_s_policies_hold_and_its_scope_as_well(world: Library) -> None:
    free, bound, elsewhere = (
        bearer(world.identity, issue(world, scope=scope).token, 0) for scope in ((), ("objects",), ("models", "hub"))
    )
    for caller in (free, bound):
        world.guard.allow(caller, get("a/1"))
        assert refused(lambda caller=caller: world.guard.allow(caller, om.ListBuckets())) == (Kind.DENIED, "action")
    assert refused(lambda: world.guard.allow(elsewhere, get("a/1"))) == (Kind.DENIED, "action")
    world.guard.allow(free, m.GetCallerIdentity())
    assert refused(lambda: world.guard.allow(bound, m.GetCallerIdentity())) == (Kind.DENIED, "action")
    root = bearer(world.identity, issue(world, user="", scope=("models",)).token, 0)
    assert refused(lambda: world.guard.allow(root, get("a/1"))) == (Kind.DENIED, "action")


def test_another_s_key_is_not_there(world: Library) -> None:
    world.act(world.root, m.CreateEntity(ref=ref("bob")))
    key_id = issue(world).key.key_id
    for root, user in ((world.root, "bob"), (world.root, ""), (world.stranger, "")):
        for command in (
            m.UpdateApiKey(user=user, key_id=key_id, active=False),
            m.ResetApiKey(user=user, key_id=key_id),
            m.DeleteApiKey(user=user, key_id=key_id),
        ):
            assert refused(lambda root=root, command=command: world.act(root, command)) == (Kind.MISSING, "api key")
    roots = issue(world, user="").key.key_id
    theirs = m.DeleteApiKey(user="", key_id=roots)
    assert refused(lambda: world.act(world.stranger, theirs)) == (Kind.MISSING, "api key")
    assert world.act(world.stranger, m.ListApiKeys(user=None)) == ()
    assert refused(lambda: issue(world, root=world.stranger)) == (Kind.MISSING, "user")


def test_there_are_so_many_and_no_more_and_a_user_goes_without(world: Library) -> None:
    keys = [issue(world).key.key_id for _ in range(20)]
    assert len(set(keys)) == 20
    assert refused(lambda: issue(world)) == (Kind.TOO_MANY, "api key")
    issue(world, user="")
    world.act(world.root, m.CreateEntity(ref=ref("bob")))
    bobs = issue(world, user="bob")
    delete = m.DeleteEntity(ref=ref("bob"))
    assert refused(lambda: world.act(world.root, delete)) == (Kind.CONFLICT, "user")
    world.act(world.root, m.DeleteApiKey(user="bob", key_id=bobs.key.key_id))
    world.act(world.root, delete)


def test_it_keeps_to_its_user_under_a_new_name(world: Library) -> None:
    issued = issue(world)
    world.act(world.root, m.UpdateEntity(ref=ref("ann"), new_name="anna"))
    caller = bearer(world.identity, issued.token, 0)
    world.guard.allow(caller, get("a/1"))
    assert world.identity.standing(caller).principal.name == "anna"
    assert [key.user for key in world.act(world.root, m.ListApiKeys(user=None))] == ["anna"]


def test_when_it_was_used_is_known(world: Library) -> None:
    issued = issue(world)
    world.identity.used(bearer(world.identity, issued.token, 0), "models")
    run(world.identity.flush())
    assert world.act(world.root, m.ListApiKeys(user="ann"))[0].used_ms == world.clock.ms


def test_the_root_s_own_comes_from_its_file(world: Library) -> None:
    run(world.identity.adopt_root("AKIAROOT", "s3cret-s3cret"))
    first, second = world.identity.new_api_key(), "sk-chosen-by-somebody-else"
    run(world.identity.adopt_root_api_key(first))
    run(world.identity.adopt_root_api_key(first))
    assert who(world, first).startswith("000000000000 root root ")
    (kept,) = world.act("AKIAROOT", m.ListApiKeys(user=None))
    run(world.identity.adopt_root_api_key(second))
    assert who(world, first) == "key missing"
    assert who(world, second).startswith("000000000000 root root ")
    # What the file says holds, whatever was done to the key meanwhile.
    (now,) = world.act("AKIAROOT", m.ListApiKeys(user=None))
    assert now.key_id != kept.key_id
    reset = world.act("AKIAROOT", m.ResetApiKey(user="", key_id=now.key_id))
    run(world.identity.adopt_root_api_key(second))
    assert who(world, reset.token) == "key missing"
    assert who(world, second).startswith("000000000000 root root ")
    taken = issue(world).token
    assert refused(lambda: run(world.identity.adopt_root_api_key(taken))) == (Kind.EXISTS, "key")
    assert who(world, second).startswith("000000000000 root root ")
