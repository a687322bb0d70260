"""Users, groups, roles, their keys and policies: what each command does, and what it refuses."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from sampan.engines.store_sqlite import SqliteStore
from sampan.kernel.command import Command
from sampan.kernel.fault import Kind
from sampan.services.identity import model as m
from sampan.services.identity import passwords, rows
from tests.identity.world import World, allow, refused, say

USER, GROUP, ROLE = m.EntityKind.USER, m.EntityKind.GROUP, m.EntityKind.ROLE


def ref(name: str, kind: m.EntityKind = USER) -> m.EntityRef:
    return m.EntityRef(kind, name)


TRUST = say(allow("identity:AssumeRole", who=["any"]))
READ = say(allow("objects:GetObject"))


class Root(World):
    """A world with one account, and short words for its root."""

    def __init__(self, store: Any = None) -> None:
        super().__init__(store)
        self.root = self.account("one")

    def do(self, command: Command) -> Any:
        return self.act(self.root.key_id, command)

    def no(self, command: Command) -> tuple[Kind, str]:
        return refused(lambda: self.do(command))


@pytest.fixture(params=["memory", "sqlite"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    store = SqliteStore(tmp_path / "store") if request.param == "sqlite" else None
    made = Root(store)
    yield made
    made.store.close()


@pytest.mark.parametrize("kind", list(m.EntityKind))
def test_the_life_of_an_entity(world: Root, kind: m.EntityKind) -> None:
    trust = TRUST if kind is ROLE else None
    made = world.do(m.CreateEntity(ref=ref("Ann", kind), path="/team/", tags={"a": "b"}, trust=trust, note={"x": "y"}))
    assert world.do(m.GetEntity(ref=ref("ann", kind))) == made, "names are found whatever their case"
    assert (made.name, made.path, made.tags, made.trust, made.note) == ("Ann", "/team/", {"a": "b"}, trust, {"x": "y"})
    assert len(made.id) == 16
    assert world.no(m.CreateEntity(ref=ref("ANN", kind), trust=trust)) == (Kind.EXISTS, kind)
    world.clock.ms += 5
    changed = world.do(m.UpdateEntity(ref=ref("Ann", kind), new_name="Bea", new_path="/", description="d"))
    assert (changed.name, changed.path, changed.id) == ("Bea", "/", made.id)
    assert changed.updated_ms == made.updated_ms + 5
    assert world.no(m.GetEntity(ref=ref("Ann", kind))) == (Kind.MISSING, kind)
    world.do(m.TagEntity(ref=ref("Bea", kind), tags={"c": "d"}, remove=("a",)))
    assert world.do(m.GetEntity(ref=ref("Bea", kind))).tags == {"c": "d"}
    world.do(m.DeleteEntity(ref=ref("Bea", kind)))
    assert world.no(m.DeleteEntity(ref=ref("Bea", kind))) == (Kind.MISSING, kind)
    assert world.do(m.CreateEntity(ref=ref("Bea", kind), trust=trust)).id != made.id


@pytest.mark.parametrize("name", ["", "a b", "ä", "a/b", "x" * 65, "a\0"])
def test_names_are_sane(world: Root, name: str) -> None:
    assert world.no(m.CreateEntity(ref=ref(name))) == (Kind.INVALID, "name")
    assert name == "" or world.no(m.GetEntity(ref=ref(name))) == (Kind.MISSING, "user")


@pytest.mark.parametrize("path", ["", "a", "/a", "a/", "//", "/" + "a" * 512 + "/", "/ä/"])
def test_paths_are_sane(world: Root, path: str) -> None:
    assert world.no(m.CreateEntity(ref=ref("ann"), path=path)) == (Kind.INVALID, "name")


def test_lists_come_in_pages_by_name(world: Root) -> None:
    for name in ("b", "A", "c", "D"):
        world.do(m.CreateEntity(ref=ref(name), path="/x/" if name in "bD" else "/"))
    first = world.do(m.ListEntities(kind=USER, limit=3))
    assert ([entity.name for entity in first.items], first.next) == (["A", "b", "c"], "c")
    rest = world.do(m.ListEntities(kind=USER, after=first.next, limit=3))
    assert ([entity.name for entity in rest.items], rest.next) == (["D"], None)
    assert [entity.name for entity in world.do(m.ListEntities(kind=USER, path_prefix="/x")).items] == ["b", "D"]
    assert world.do(m.ListEntities(kind=GROUP)).items == ()


def test_members(world: Root) -> None:
    world.do(m.CreateEntity(ref=ref("ann")))
    for name in ("g1", "g2"):
        world.do(m.CreateEntity(ref=ref(name, GROUP)))
        for _ in range(2):
            world.do(m.SetMember(group=name, user="Ann", member=True))
    assert [e.name for e in world.do(m.ListMembers(of=ref("ann"))).items] == ["g1", "g2"]
    assert world.do(m.ListMembers(of=ref("ann"), limit=1)).next == "g1"
    world.do(m.UpdateEntity(ref=ref("ann"), new_name="zoe"))
    assert [e.name for e in world.do(m.ListMembers(of=ref("g2", GROUP))).items] == ["zoe"]
    assert world.no(m.DeleteEntity(ref=ref("zoe"))) == (Kind.CONFLICT, "user")
    assert world.no(m.DeleteEntity(ref=ref("g1", GROUP))) == (Kind.CONFLICT, "group")
    for name in ("g1", "g2"):
        world.do(m.SetMember(group=name, user="zoe", member=False))
    world.do(m.DeleteEntity(ref=ref("zoe")))
    assert world.no(m.SetMember(group="g1", user="zoe", member=True)) == (Kind.MISSING, "user")
    assert world.no(m.SetMember(group="g3", user="zoe", member=True)) == (Kind.MISSING, "group")


def test_a_user_is_in_ten_groups_at_most(world: Root) -> None:
    world.do(m.CreateEntity(ref=ref("ann")))
    for n in range(11):
        world.do(m.CreateEntity(ref=ref(f"g{n}", GROUP)))
    for n in range(10):
        world.do(m.SetMember(group=f"g{n}", user="ann", member=True))
    assert world.no(m.SetMember(group="g10", user="ann", member=True)) == (Kind.TOO_MANY, "attachment")


def test_keys(world: Root) -> None:
    world.do(m.CreateEntity(ref=ref("ann")))
    one = world.do(m.CreateAccessKey(user="ann", form="AKIA"))
    world.clock.ms += 1
    two = world.do(m.CreateAccessKey(user="ann", form="LTAI"))
    assert (len(one.key_id), one.key_id[:4], len(two.key_id), two.key_id[:4]) == (20, "AKIA", 24, "LTAI")
    assert world.no(m.CreateAccessKey(user="ann", form="AKIA")) == (Kind.TOO_MANY, "access key")
    assert [key.key_id for key in world.do(m.ListAccessKeys(user="ann"))] == [one.key_id, two.key_id]
    assert world.no(m.DeleteEntity(ref=ref("ann"))) == (Kind.CONFLICT, "user")
    key = world.identity.find(one.key_id)
    assert key is not None
    assert (key.secret, key.caller.kind, key.caller.principal) == (one.secret, "user", "ann")
    world.do(m.SetAccessKey(user="ann", key_id=one.key_id, active=False))
    for identity in (world.identity, world.other[0]):
        changed = identity.find(one.key_id)
        assert changed is not None
        assert not changed.active
    world.do(m.DeleteAccessKey(user="ann", key_id=one.key_id))
    assert world.identity.find(one.key_id) is None
    assert world.no(m.DeleteAccessKey(user="ann", key_id=one.key_id)) == (Kind.MISSING, "access key")
    assert world.no(m.DeleteAccessKey(user="", key_id=two.key_id)) == (Kind.MISSING, "access key")
    assert world.do(m.ListAccessKeys(user=""))[0].key_id == world.root.key_id, "the root has keys, too"


def test_the_last_use_of_a_key(world: Root) -> None:
    world.do(m.CreateEntity(ref=ref("ann")))
    key_id = world.do(m.CreateAccessKey(user="ann", form="AKIA")).key_id
    assert world.do(m.GetAccessKeyUse(key_id=key_id)) == m.KeyUse("ann", None)
    world.identity.used(world.caller(key_id), "objects", "r")
    world.clock.ms += 1000
    world.identity.used(world.caller(key_id), "objects", "r")
    asyncio.run(world.identity.flush())
    assert world.do(m.GetAccessKeyUse(key_id=key_id)) == m.KeyUse("ann", world.clock.ms - 1000, "objects", "r")
    assert world.no(m.GetAccessKeyUse(key_id="AKIANOBODY")) == (Kind.MISSING, "access key")


def test_passwords_are_kept_as_digests(world: Root) -> None:
    ann = world.do(m.CreateEntity(ref=ref("ann")))
    for bad in ("short1A", "alllowercase", "x" * 129):
        assert world.no(m.PutLoginProfile(user="ann", create=True, password=bad)) == (Kind.INVALID, "password")
    assert world.no(m.GetLoginProfile(user="ann")) == (Kind.MISSING, "login profile")
    assert world.no(m.PutLoginProfile(user="ann", create=False, password="Secret-123")) == (
        Kind.MISSING,
        "login profile",
    )
    world.do(m.PutLoginProfile(user="ann", create=True, password="Secret-123", reset_required=True))
    assert world.no(m.PutLoginProfile(user="ann", create=True, password="Secret-123")) == (Kind.EXISTS, "login profile")
    assert world.do(m.GetLoginProfile(user="ann")).reset_required
    with world.store.view() as view:
        assert b"Secret-123" not in b"".join(value for _, value in view.scan(b"i", b"j"))
    check = lambda text: asyncio.run(passwords.verify(world.identity._context, ann.account, ann.id, text))  # noqa: E731
    assert (check("Secret-123"), check("Secret-124")) == (True, False)
    world.do(m.PutLoginProfile(user="ann", create=False, reset_required=False))
    assert (check("Secret-123"), world.do(m.GetLoginProfile(user="ann")).reset_required) == (True, False)
    assert world.no(m.DeleteEntity(ref=ref("ann"))) == (Kind.CONFLICT, "user")
    world.do(m.DeleteLoginProfile(user="ann"))
    world.do(m.DeleteEntity(ref=ref("ann")))


# --- policies ---------------------------------------------------------------------------------------------------------


def test_policies_and_their_versions(world: Root) -> None:
    made = world.do(m.CreatePolicy(policy="/team/readers", document=READ, description="d", tags={"t": "v"}))
    assert world.do(m.GetPolicy(policy="/team/readers")) == made
    assert (made.name, made.path, made.default, made.cloud) == ("readers", "/team/", 1, "")
    assert world.no(m.GetPolicy(policy="/readers")) == (Kind.MISSING, "policy")
    assert world.no(m.CreatePolicy(policy="/readers", document=READ)) == (Kind.EXISTS, "policy")
    assert world.no(m.CreatePolicy(policy="/b", document=m.Document(m.Language.RAM, "{"))) == (
        Kind.INVALID,
        "policy document",
    )
    for n in range(2, 6):
        version = world.do(m.CreatePolicyVersion(policy="/team/readers", document=READ, make_default=n == 3))
        assert (version.version, version.default) == (n, n == 3)
    assert world.no(m.CreatePolicyVersion(policy="/team/readers", document=READ, make_default=True)) == (
        Kind.TOO_MANY,
        "policy version",
    )
    world.do(m.CreatePolicyVersion(policy="/team/readers", document=READ, make_default=False, rotate=True))
    versions = world.do(m.ListPolicyVersions(policy="/team/readers"))
    assert [v.version for v in versions] == [6, 5, 4, 3, 2]
    assert world.no(m.DeletePolicyVersion(policy="/team/readers", version=3)) == (Kind.CONFLICT, "policy version")
    world.do(m.SetDefaultPolicyVersion(policy="/team/readers", version=6))
    world.do(m.DeletePolicyVersion(policy="/team/readers", version=3))
    assert world.no(m.GetPolicyVersion(policy="/team/readers", version=3)) == (Kind.MISSING, "policy version")
    assert world.do(m.GetPolicyVersion(policy="/team/readers")).version == 6
    world.do(m.TagPolicy(policy="/team/readers", tags={"n": "1"}, remove=("t",)))
    assert world.do(m.GetPolicy(policy="/team/readers")).tags == {"n": "1"}
    assert world.no(m.DeletePolicy(policy="/team/readers")) == (Kind.CONFLICT, "policy")
    world.do(m.DeletePolicy(policy="/team/readers", versions=True))
    assert world.do(m.CreatePolicy(policy="/readers", document=READ)).default == 1


def test_attachments_and_boundaries(world: Root) -> None:
    world.do(m.CreateEntity(ref=ref("ann")))
    world.do(m.CreatePolicy(policy="/readers", document=READ))
    for policy in ("/readers", "aws:/AdministratorAccess"):
        for _ in range(2):
            world.do(m.AttachPolicy(ref=ref("ann"), policy=policy, attached=True))
        assert [e.name for e in world.do(m.ListAttachments(policy=policy))] == ["ann"]
    assert [p.policy for p in world.do(m.ListAttached(ref=ref("ann"))).items] == [
        "/readers",
        "aws:/AdministratorAccess",
    ]
    assert world.do(m.GetPolicy(policy="/readers")).attachments == 1
    world.do(m.SetBoundary(ref=ref("ann"), policy="/readers"))
    assert world.do(m.GetPolicy(policy="/readers")).boundaries == 1
    assert world.do(m.GetEntity(ref=ref("ann"))).boundary == "/readers"
    assert [e.name for e in world.do(m.ListAttachments(policy="/readers", boundary=True))] == ["ann"]
    assert world.no(m.DeleteEntity(ref=ref("ann"))) == (Kind.CONFLICT, "user")
    world.do(m.AttachPolicy(ref=ref("ann"), policy="/readers", attached=False))
    assert world.no(m.AttachPolicy(ref=ref("ann"), policy="/readers", attached=False)) == (Kind.MISSING, "policy")
    assert world.no(m.DeletePolicy(policy="/readers")) == (Kind.CONFLICT, "policy")
    world.do(m.SetBoundary(ref=ref("ann"), policy=None))
    world.do(m.DeletePolicy(policy="/readers"))
    assert world.no(m.DeletePolicy(policy="aws:/AdministratorAccess")) == (Kind.MISSING, "policy")
    assert world.no(m.AttachPolicy(ref=ref("ann"), policy="/readers", attached=True)) == (Kind.MISSING, "policy")


def test_attachments_are_bounded(world: Root) -> None:
    world.do(m.CreateEntity(ref=ref("ann")))
    for n in range(21):
        world.do(m.CreatePolicy(policy=f"/p{n}", document=READ))
    for n in range(20):
        world.do(m.AttachPolicy(ref=ref("ann"), policy=f"/p{n}", attached=True))
    assert world.no(m.AttachPolicy(ref=ref("ann"), policy="/p20", attached=True)) == (Kind.TOO_MANY, "attachment")


def test_lists_of_policies(world: Root) -> None:
    for name in ("/b", "/x/a", "/c"):
        world.do(m.CreatePolicy(policy=name, document=READ))
    world.do(m.CreateEntity(ref=ref("g", GROUP)))
    world.do(m.AttachPolicy(ref=ref("g", GROUP), policy="/b", attached=True))

    def listed(**more: Any) -> list[str]:
        found, after = [], ""
        while after is not None:
            page = world.do(m.ListPolicies(after=after, limit=2, **more))
            found += [policy.policy for policy in page.items]
            after = page.next
        return found

    clouds = ["aliyun:/AliyunOSSReadOnlyAccess", "aws:/AdministratorAccess"]
    assert listed() == ["/x/a", "/b", "/c", *clouds]
    assert listed(own=True) == ["/x/a", "/b", "/c"]
    assert listed(own=False) == clouds
    assert listed(cloud="aws", own=False) == clouds[1:]
    assert listed(attached_only=True) == ["/b"]
    assert listed(path_prefix="/x/") == ["/x/a"]


def sized(size: int) -> m.Document:
    """A policy of so many characters, and as much white space."""
    bare = len("".join(say(allow("o", on="objects:")).text.split()))
    return m.Document(m.Language.RAM, say(allow("o", on="objects:" + "x" * (size - bare))).text + " \n" * size)


def test_managed_policies_have_their_own_size(world: Root) -> None:
    world.do(m.CreatePolicy(policy="/a", document=sized(6144)))
    over = sized(6145)
    assert world.no(m.CreatePolicy(policy="/b", document=over)) == (Kind.TOO_LARGE, "policy document")
    version = m.CreatePolicyVersion(policy="/a", document=over, make_default=True)
    assert world.no(version) == (Kind.TOO_LARGE, "policy document")


def test_a_policy_s_description_changes(world: Root) -> None:
    world.do(m.CreatePolicy(policy="/a", document=READ, description="before"))
    world.clock.ms += 1000
    changed = world.do(m.DescribePolicy(policy="/a", description="after"))
    assert (changed.description, changed.updated_ms) == ("after", world.clock.ms)
    assert world.do(m.GetPolicy(policy="/a")).description == "after"
    assert world.no(m.DescribePolicy(policy="/b", description="x")) == (Kind.MISSING, "policy")
    assert world.no(m.DescribePolicy(policy="/a", description="x" * 1025)) == (Kind.INVALID, "name")
    assert world.no(m.DescribePolicy(policy="aws:/AdministratorAccess", description="x")) == (Kind.MISSING, "policy")


def test_whose_key_it_is(world: Root) -> None:
    other = world.account("two")
    assert world.do(m.GetKeyAccount(key_id=other.key_id)) == other.account
    session = world.do(m.GetSessionToken())
    assert world.do(m.GetKeyAccount(key_id=session.key_id)) == session.account
    for wrong in ("AKIANOBODY", "", "é", "x" * 500):
        assert world.no(m.GetKeyAccount(key_id=wrong)) == (Kind.MISSING, "access key")


def test_policies_of_ones_own(world: Root) -> None:
    world.do(m.CreateEntity(ref=ref("ann")))
    world.do(m.PutInlinePolicy(ref=ref("ann"), name="One", document=READ))
    assert world.do(m.GetInlinePolicies(ref=ref("ann"))) == {"One": READ}
    assert world.do(m.GetInlinePolicies(ref=ref("ann"), name="one")) == {"One": READ}
    assert world.no(m.GetInlinePolicies(ref=ref("ann"), name="two")) == (Kind.MISSING, "policy")
    for kind, size_max in ((m.EntityKind.USER, 2048), (m.EntityKind.GROUP, 5120), (m.EntityKind.ROLE, 10_240)):
        whom = ref("sized", kind)
        world.do(m.CreateEntity(ref=whom, trust=say() if kind is m.EntityKind.ROLE else None))
        world.do(m.PutInlinePolicy(ref=whom, name="one", document=sized(size_max - 100)))
        over = m.PutInlinePolicy(ref=whom, name="two", document=sized(101))
        assert world.no(over) == (Kind.TOO_LARGE, "policy document")
        world.do(m.PutInlinePolicy(ref=whom, name="two", document=sized(100)))
    world.do(m.PutInlinePolicy(ref=ref("ann"), name="one", document=None))
    assert world.no(m.PutInlinePolicy(ref=ref("ann"), name="one", document=None)) == (Kind.MISSING, "policy")


# --- the account ------------------------------------------------------------------------------------------------------


def test_aliases_are_unique_among_accounts(world: Root) -> None:
    other = world.account("two")
    world.do(m.SetAlias(alias="harbour"))
    world.do(m.SetAlias(alias="harbour"))
    assert refused(lambda: world.act(other.key_id, m.SetAlias(alias="harbour"))) == (Kind.EXISTS, "alias")
    world.do(m.SetAlias(alias="pier"))
    world.act(other.key_id, m.SetAlias(alias="harbour"))
    world.do(m.SetAlias(alias=None))
    assert world.no(m.SetAlias(alias=None)) == (Kind.MISSING, "alias")
    for bad in ("Ab", "a", "a--b", "-ab", "123456789012", "ü"):
        assert world.no(m.SetAlias(alias=bad)) == (Kind.INVALID, "name")


def test_the_summary_counts(world: Root) -> None:
    world.do(m.CreateEntity(ref=ref("ann")))
    world.do(m.CreateEntity(ref=ref("r", ROLE), trust=TRUST))
    world.do(m.CreatePolicy(policy="/p", document=READ))
    world.account("two")
    counts = world.do(m.GetSummary()).counts
    assert {name: counts[name] for name in ("users", "groups", "roles", "policies", "mfa_devices", "alias")} == {
        "users": 1,
        "groups": 0,
        "roles": 1,
        "policies": 1,
        "mfa_devices": 0,
        "alias": 0,
    }


def test_deleting_leaves_no_rows(world: Root) -> None:
    """What was made and unmade leaves nothing but the generation."""

    def stored() -> set[bytes]:
        with world.store.view() as view:
            return {key for key, _ in view.scan(b"i", b"j") if not key.startswith(b"ig")}

    before = stored()
    world.do(m.CreateEntity(ref=ref("ann")))
    world.do(m.CreateEntity(ref=ref("g", GROUP)))
    world.do(m.SetMember(group="g", user="ann", member=True))
    world.do(m.CreatePolicy(policy="/p", document=READ))
    world.do(m.AttachPolicy(ref=ref("ann"), policy="/p", attached=True))
    world.do(m.SetBoundary(ref=ref("ann"), policy="/p"))
    key = world.do(m.CreateAccessKey(user="ann", form="LTAI"))
    world.do(m.UpdateEntity(ref=ref("ann"), new_name="bea"))
    world.do(m.AttachPolicy(ref=ref("bea"), policy="/p", attached=False))
    world.do(m.SetMember(group="g", user="bea", member=False))
    world.do(m.DeleteAccessKey(user="bea", key_id=key.key_id))
    world.do(m.DeleteEntity(ref=ref("bea")))
    world.do(m.DeleteEntity(ref=ref("g", GROUP)))
    world.do(m.DeletePolicy(policy="/p"))
    assert stored() == before
    assert rows.ENDS not in {key[:2] for key in before}
