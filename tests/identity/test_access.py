"""Who may do what: policies of users, groups, roles and buckets, asked by the guard as they are at that moment."""

from __future__ import annotations

from typing import Any

import pytest

from sampan.kernel.body import Bytes
from sampan.kernel.fault import Kind
from sampan.services.identity import model as m
from sampan.services.objects import model as om
from tests.identity.world import World, allow, deny, refused, say

USER, GROUP, ROLE = m.EntityKind.USER, m.EntityKind.GROUP, m.EntityKind.ROLE
GET = "objects:GetObject"


def ref(name: str, kind: m.EntityKind = USER) -> m.EntityRef:
    return m.EntityRef(kind, name)


def get(key: str, bucket: str = "books") -> om.HeadObject:
    return om.HeadObject(bucket=bucket, key=key)


class Library(World):
    """Account `one` has a bucket of books; account `two` has one of films."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = self.account("one"), self.account("two")
        self.root, self.stranger = self.one.key_id, self.two.key_id
        self.act(self.root, om.CreateBucket(bucket="books"))
        self.act(self.stranger, om.CreateBucket(bucket="films"))
        self.act(self.root, om.PutObject(bucket="books", key="a/1", body=Bytes(b"x")))

    def bucket_policy(self, *statements: Any) -> None:
        self.act(self.root, om.PutBucketPolicy(bucket="books", document=say(*statements)))


@pytest.fixture
def world() -> Library:
    return Library()


def test_a_root_may_everything_of_its_own_and_nothing_else(world: Library) -> None:
    assert world.may(world.root, get("a/1"))
    assert world.may(world.root, om.ListBuckets())
    assert not world.may(world.root, get("x", "films"))
    assert world.may(world.root, get("x", "nobodys"))
    assert world.may(world.root, om.CreateBucket(bucket="films"))


def test_a_user_may_what_its_policies_say(world: Library) -> None:
    ann = world.user(world.root, "ann", allow(GET, on="objects:books/a/*"), deny(GET, on="objects:books/a/secret"))
    assert world.may(ann, get("a/1"))
    assert not world.may(ann, get("b/1"))
    assert not world.may(ann, get("a/secret"))
    assert not world.may(ann, om.PutObject(bucket="books", key="a/1", body=Bytes(b"")))
    assert not world.may(ann, om.ListBuckets())
    assert not world.may(ann, om.CreateBucket(bucket="new"))
    assert not world.may(ann, get("x", "films"))
    assert not world.may(world.user(world.root, "bea"), get("a/1"))
    assert world.act(ann, get("a/1")).info.size == 1


def test_a_change_is_in_force_for_the_next_request_in_every_worker(world: Library) -> None:
    ann = world.user(world.root, "ann")
    act = lambda command: world.act(world.root, command)  # noqa: E731
    read = say(allow(GET))

    act(m.CreateEntity(ref=ref("readers", GROUP)))
    act(m.CreatePolicy(policy="/p", document=read))
    steps: list[tuple[Any, bool]] = [
        (m.PutInlinePolicy(ref=ref("ann"), name="x", document=read), True),
        (m.PutInlinePolicy(ref=ref("ann"), name="x", document=None), False),
        (m.AttachPolicy(ref=ref("ann"), policy="/p", attached=True), True),
        (m.CreatePolicyVersion(policy="/p", document=say(), make_default=True), False),
        (m.SetDefaultPolicyVersion(policy="/p", version=1), True),
        (m.SetBoundary(ref=ref("ann"), policy="aliyun:/AliyunOSSReadOnlyAccess"), True),
        (m.AttachPolicy(ref=ref("ann"), policy="/p", attached=False), False),
        (m.SetMember(group="readers", user="ann", member=True), False),
        (m.AttachPolicy(ref=ref("readers", GROUP), policy="/p", attached=True), True),
        (m.CreatePolicy(policy="/none", document=say()), True),
        (m.SetBoundary(ref=ref("ann"), policy="/none"), False),
        (m.SetBoundary(ref=ref("ann"), policy=None), True),
        (m.UpdateEntity(ref=ref("ann"), new_name="bea"), True),
        (m.SetMember(group="readers", user="bea", member=False), False),
        (m.PutInlinePolicy(ref=ref("bea"), name="t", document=say(
            allow(GET, if_=[["string-equals", "principal-tag/team", ["red"]]]))), False),
        (m.TagEntity(ref=ref("bea"), tags={"Team": "red"}), True),
        (m.TagEntity(ref=ref("bea"), remove=("Team",)), False),
    ]  # fmt: skip
    assert not world.may(ann, get("a/1"))
    for command, expected in steps:
        act(command)
        assert world.may(ann, get("a/1")) is expected, command


def test_conditions_ask_the_command_the_request_and_the_caller(world: Library) -> None:
    ann = world.user(
        world.root,
        "ann",
        allow("objects:ListObjects", if_=[["string-like", "objects:prefix", ["home/${username}/*"]]]),
        allow("objects:PutObject", "objects:PutObjectTags", if_=[["string-equals", "request-tag/kind", ["draft"]]]),
        allow("objects:DeleteObject", if_=[["ip-address", "source-ip", ["10.0.0.0/8"]], ["bool", "secure", ["true"]]]),
    )
    assert world.may(ann, om.ListObjects(bucket="books", prefix="home/ann/x"))
    assert not world.may(ann, om.ListObjects(bucket="books", prefix="home/bea/x"))
    put = lambda tags: om.PutObject(bucket="books", key="k", body=Bytes(b""), tags=tags)  # noqa: E731
    assert (world.may(ann, put({"Kind": "draft"})), world.may(ann, put({})), world.may(ann, put({"kind": "x"}))) == (
        True,
        False,
        False,
    )
    drop = om.DeleteObject(bucket="books", key="k")
    for ip, secure, expected in (("10.1.1.1", "true", True), ("10.1.1.1", "false", False), ("11.1.1.1", "true", False)):
        assert world.may(ann, drop, lambda ip=ip, secure=secure: {"source-ip": (ip,), "secure": (secure,)}) is expected
    assert not world.may(ann, drop)


def test_a_command_cannot_say_who_its_caller_is(world: Library) -> None:
    """What a client writes into a request never takes the place of what is known of it."""
    ann = world.user(world.root, "ann", allow(GET, if_=[["string-equals", "username", ["root"]]]))

    class Lying(om.HeadObject):
        def context(self) -> dict[str, tuple[str, ...]]:
            return {"username": ("root",)}

    assert not world.may(ann, Lying(bucket="books", key="a/1"))


def test_identity_is_guarded_as_everything_is(world: Library) -> None:
    ann = world.user(world.root, "ann", allow("identity:GetUser", "identity:CreateAccessKey", on="identity:user/ann"))
    world.user(world.root, "bea")
    assert world.may(ann, m.GetEntity(ref=ref("ann")))
    assert world.may(ann, m.GetEntity(ref=ref("")))
    assert world.may(ann, m.CreateAccessKey(user="", form="AKIA"))
    assert not world.may(ann, m.CreateAccessKey(user="bea", form="AKIA"))
    assert not world.may(ann, m.GetEntity(ref=ref("bea")))
    assert not world.may(ann, m.PutInlinePolicy(ref=ref("ann"), name="x", document=say(allow("*"))))
    assert world.act(ann, m.GetEntity(ref=ref(""))).name == "ann"


def test_tags_of_what_is_touched(world: Library) -> None:
    world.act(world.root, m.CreateEntity(ref=ref("x"), tags={"Team": "red"}))
    world.act(world.root, om.PutBucketTags(bucket="books", tags={"team": "red"}))
    ann = world.user(world.root, "ann", allow("*", if_=[["string-equals", "resource-tag/team", ["red"]]]))
    assert world.may(ann, m.GetEntity(ref=ref("x")))
    assert not world.may(ann, m.GetEntity(ref=ref("ann")))
    assert world.may(ann, get("a/1"))
    world.act(world.root, om.PutBucketTags(bucket="books", tags={}))
    assert not world.may(ann, get("a/1"))


# --- buckets' own policies --------------------------------------------------------------------------------------------


def test_a_bucket_policy_is_validated_kept_and_removed(world: Library) -> None:
    command = om.GetBucketPolicy(bucket="books")
    assert refused(lambda: world.act(world.root, command)) == (Kind.MISSING, "bucket policy")
    world.bucket_policy(allow(GET, on="objects:books/*", who=["any"]))
    assert world.act(world.root, command) == say(allow(GET, on="objects:books/*", who=["any"]))
    for bad in (m.Document(m.Language.IAM, "{"), say(allow(GET, on="objects:films/*", who=["any"]))):
        put = om.PutBucketPolicy(bucket="books", document=bad)
        assert refused(lambda put=put: world.act(world.root, put)) == (Kind.INVALID, "policy document")
    world.act(world.root, om.DeleteBucketPolicy(bucket="books"))
    world.act(world.root, om.DeleteBucketPolicy(bucket="books"))
    assert refused(lambda: world.act(world.root, command)) == (Kind.MISSING, "bucket policy")


def test_a_bucket_policy_opens_to_everybody_and_closes_again(world: Library) -> None:
    world.bucket_policy(allow(GET, on="objects:books/open/*", who=["any"]))
    ann = world.user(world.root, "ann")
    for who in (None, ann, world.stranger):
        assert world.may(who, get("open/1"))
        assert not world.may(who, get("a/1"))
    assert not world.may(None, om.ListBuckets())
    world.act(world.root, om.DeleteBucketPolicy(bucket="books"))
    for who in (None, ann, world.stranger):
        assert not world.may(who, get("open/1"))


def test_across_accounts_both_sides_must_agree(world: Library) -> None:
    world.bucket_policy(allow(GET, on="objects:books/*", who=[f"account:{world.two.account}"]))
    tom = world.user(world.stranger, "tom")
    jim = world.user(world.stranger, "jim", allow(GET, on="objects:books/a/*"))
    assert world.may(world.stranger, get("b/1")), "the root of the other account needs no policy of its own"
    assert not world.may(tom, get("a/1"))
    assert world.may(jim, get("a/1"))
    assert not world.may(jim, get("b/1"))
    world.act(world.root, om.DeleteBucketPolicy(bucket="books"))
    assert not world.may(jim, get("a/1"))


def test_a_policy_that_leaves_it_to_the_account_gives_its_users_nothing(world: Library) -> None:
    world.bucket_policy(allow(GET, on="objects:books/*", who=[f"account:{world.one.account}"]))
    ann = world.user(world.root, "ann")
    assert not world.may(ann, get("a/1"))
    world.bucket_policy(allow(GET, on="objects:books/*", who=[f"user:{world.one.account}:ann"]))
    assert world.may(ann, get("a/1"))


def test_a_denial_in_a_bucket_policy_holds_for_all_and_the_root_can_mend_it(world: Library) -> None:
    world.bucket_policy(*(deny("*", on=on, who=["any"]) for on in ("objects:books/*", "objects:books")))
    ann = world.user(world.root, "ann", allow("*"))
    assert not world.may(ann, get("a/1"))
    assert not world.may(ann, om.DeleteBucketPolicy(bucket="books"))
    assert not world.may(world.root, get("a/1"))
    assert not world.may(world.stranger, om.DeleteBucketPolicy(bucket="books"))
    world.act(world.root, om.DeleteBucketPolicy(bucket="books"))
    assert world.may(ann, get("a/1"))


@pytest.mark.parametrize("objects", [True, False])
@pytest.mark.parametrize("acl", list(om.Acl))
def test_canned_acls(world: Library, acl: om.Acl, objects: bool) -> None:
    world.act(world.root, om.PutBucketAcl(bucket="books", acl=acl, objects=objects))
    assert world.act(world.root, om.GetBucketAcl(bucket="books")).acl is acl
    listing, put = om.ListObjects(bucket="books"), om.PutObject(bucket="books", key="k", body=Bytes(b""))
    for who, open_to in ((None, acl.startswith("public")), (world.stranger, acl is not om.Acl.PRIVATE)):
        assert world.may(who, listing) is open_to
        assert world.may(who, get("a/1")) is (open_to and objects)
        assert world.may(who, put) is (acl is om.Acl.PUBLIC_READ_WRITE)
        assert not world.may(who, om.DeleteBucket(bucket="books"))
        assert not world.may(who, om.PutBucketAcl(bucket="books", acl=om.Acl.PUBLIC_READ, objects=True))


# --- isolation --------------------------------------------------------------------------------------------------------


def test_accounts_do_not_see_each_others_identities(world: Library) -> None:
    """Every command finds nothing of another account, though names and policies are the same."""
    for root in (world.root, world.stranger):
        world.act(root, m.CreateEntity(ref=ref("ann")))
    key = world.act(world.root, m.CreateAccessKey(user="ann", form="AKIA")).key_id
    world.act(world.root, m.CreatePolicy(policy="/p", document=say(allow("*"))))
    world.act(world.root, m.CreateMfaDevice(name="d"))
    refusals = [
        (m.DeleteAccessKey(user="ann", key_id=key), "access key"),
        (m.SetAccessKey(user="ann", key_id=key, active=False), "access key"),
        (m.GetAccessKeyUse(key_id=key), "access key"),
        (m.GetPolicy(policy="/p"), "policy"),
        (m.AttachPolicy(ref=ref("ann"), policy="/p", attached=True), "policy"),
        (m.SetBoundary(ref=ref("ann"), policy="/p"), "policy"),
        (m.DeleteMfaDevice(name="d"), "mfa device"),
    ]
    for command, noun in refusals:
        assert refused(lambda command=command: world.act(world.stranger, command)) == (Kind.MISSING, noun)
    assert world.act(world.stranger, m.ListAccessKeys(user="ann")) == ()
    assert world.act(world.stranger, m.ListPolicies(own=True)).items == ()
    assert world.act(world.stranger, m.GetInlinePolicies(ref=ref("ann"))) == {}
    ann = world.user(world.stranger, "tom", allow("*"))
    assert not world.may(ann, get("a/1")), "all that an account's policy gives is in that account"


def test_a_deleted_users_key_is_gone_and_a_namesake_inherits_nothing(world: Library) -> None:
    ann = world.user(world.root, "ann", allow(GET))
    assert world.may(ann, get("a/1"))
    token = world.act(ann, m.GetSessionToken())
    assert world.may(token.key_id, get("a/1"))
    act = lambda command: world.act(world.root, command)  # noqa: E731
    act(m.PutInlinePolicy(ref=ref("ann"), name="own", document=None))
    act(m.DeleteAccessKey(user="ann", key_id=ann))
    act(m.DeleteEntity(ref=ref("ann")))
    assert world.identity.find(ann) is None
    again = world.user(world.root, "ann", allow(GET))
    assert world.may(again, get("a/1"))
    assert not world.may(token.key_id, get("a/1")), "a session of the deleted user"
    assert refused(lambda: world.act(token.key_id, m.GetCallerIdentity())) == (Kind.MISSING, "key")
