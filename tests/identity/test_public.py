"""What opens a bucket or an object to everybody, and what keeps it shut: ACLs of both, ownership, and the block."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sampan.kernel.body import Bytes
from sampan.kernel.conditions import Condition
from sampan.kernel.fault import Kind
from sampan.kernel.policy import Effect, PrincipalPattern, ResourcePattern, Statement
from sampan.services.identity import model as m
from sampan.services.objects import model as om
from sampan.services.objects.public import is_public
from tests.identity.test_access import GET, Library, get
from tests.identity.world import allow, refused, say

ALL = om.Block(True, True, True, True)
EVERYBODY = allow(GET, on="objects:books/*", who=["any"])


def put(key: str, acl: om.Acl | None = None, **tags: str) -> om.PutObject:
    return om.PutObject(bucket="books", key=key, body=Bytes(b"x"), meta=om.Meta(acl=acl), tags=tags)


@pytest.fixture
def world() -> Library:
    return Library()


def readers(world: Library, key: str) -> tuple[bool, bool]:
    """Whether nobody in particular may read it, and whether another account may."""
    return world.may(None, get(key)), world.may(world.stranger, get(key))


@pytest.mark.parametrize(
    ("acl", "expected"),
    [
        (None, (False, False)),
        (om.Acl.PRIVATE, (False, False)),
        (om.Acl.PUBLIC_READ, (True, True)),
        (om.Acl.PUBLIC_READ_WRITE, (True, True)),
        (om.Acl.AUTHENTICATED_READ, (False, True)),
    ],
)
def test_an_objects_own_acl(world: Library, acl: om.Acl | None, expected: tuple[bool, bool]) -> None:
    """However it got it, and for itself alone."""
    act = lambda command: world.act(world.root, command)  # noqa: E731
    act(put("put", acl))
    act(put("set"))
    act(om.PutObjectAcl(bucket="books", key="set", acl=acl))
    act(om.CopyObject(bucket="books", key="copied", source=om.Source("books", "a/1"), acl=acl))
    act(om.AppendObject(bucket="books", key="appended", position=0, body=Bytes(b"x"), meta=om.Meta(acl=acl)))
    for key, first, last in (("begun", acl, None), ("ended", om.Acl.PRIVATE if acl else None, acl)):
        upload = act(om.CreateUpload(bucket="books", key=key, meta=om.Meta(acl=first))).upload
        act(om.PutPart(bucket="books", key=key, upload=upload, number=1, body=Bytes(b"x")))
        act(om.CompleteUpload(bucket="books", key=key, upload=upload, parts=None, part_bytes_min=1, acl=last))
    for key in ("put", "set", "copied", "appended", "begun", "ended"):
        assert readers(world, key) == expected, key
        assert act(om.HeadObject(bucket="books", key=key)).info.meta.acl is acl
        assert world.may(None, om.PutObject(bucket="books", key=key, body=Bytes(b""))) is (
            acl is om.Acl.PUBLIC_READ_WRITE
        )
        assert not world.may(None, om.PutObjectAcl(bucket="books", key=key, acl=om.Acl.PUBLIC_READ))
    assert readers(world, "a/1") == (False, False)
    assert not world.may(None, om.ListObjects(bucket="books"))


def test_an_objects_acl_goes_before_its_buckets(world: Library) -> None:
    act = lambda command: world.act(world.root, command)  # noqa: E731
    act(om.PutBucketAcl(bucket="books", acl=om.Acl.PUBLIC_READ, objects=True))
    act(put("secret", om.Acl.PRIVATE))
    assert readers(world, "a/1") == (True, True)
    assert readers(world, "secret") == (False, False)
    act(om.PutObjectAcl(bucket="books", key="secret", acl=None))
    assert readers(world, "secret") == (True, True), "the bucket's counts again"
    act(om.PutBucketAcl(bucket="books", acl=om.Acl.PUBLIC_READ_WRITE, objects=False))
    assert readers(world, "a/1") == (False, False)
    assert world.may(None, put("secret"))
    act(om.PutObjectAcl(bucket="books", key="secret", acl=om.Acl.PRIVATE))
    assert world.may(None, put("secret")), "writing into a bucket is a matter of the bucket"


def test_each_version_has_an_acl_of_its_own(world: Library) -> None:
    act = lambda command: world.act(world.root, command)  # noqa: E731
    act(om.PutBucketVersioning(bucket="books", versioning=om.Versioning.ENABLED))
    old = act(put("v", om.Acl.PUBLIC_READ)).version
    new = act(put("v")).version
    asked = lambda version: om.HeadObject(bucket="books", key="v", version=version)  # noqa: E731
    assert [world.may(None, asked(version)) for version in (old, new, None)] == [True, False, False]
    act(om.PutObjectAcl(bucket="books", key="v", version=old, acl=om.Acl.PRIVATE))
    act(om.PutObjectAcl(bucket="books", key="v", acl=om.Acl.PUBLIC_READ))
    assert [world.may(None, asked(version)) for version in (old, new, None)] == [False, True, True]
    assert not world.may(None, asked("0" * 32)), "whether there is such a version is nobody's business"


def test_a_link_opens_nothing_that_it_leads_to(world: Library) -> None:
    ann = world.user(world.root, "ann", allow(GET, "objects:PutObject", on="objects:books/open/*"))
    world.act(ann, om.PutSymlink(bucket="books", key="open/link", target="a/1"))
    assert not world.may(ann, get("open/link"))
    assert world.may(ann, om.GetSymlink(bucket="books", key="open/link"))
    world.act(ann, om.PutSymlink(bucket="books", key="open/link", target="open/1"))
    assert world.may(ann, get("open/link"))


def test_a_copy_takes_tags_only_from_where_they_may_be_read(world: Library) -> None:
    world.act(world.root, put("tagged", kind="draft"))
    copy = om.CopyObject(bucket="books", key="out/1", source=om.Source("books", "tagged"))
    plain = om.CopyObject(bucket="books", key="out/1", source=om.Source("books", "a/1"))
    ann = world.user(world.root, "ann", allow(GET, "objects:PutObject"))
    assert (world.may(ann, copy), world.may(ann, plain)) == (False, True)
    for action in ("objects:GetObjectTags", "objects:PutObjectTags"):
        both = say(allow(GET, "objects:PutObject", action))
        world.act(world.root, m.PutInlinePolicy(ref=m.EntityRef(m.EntityKind.USER, "ann"), name="own", document=both))
        assert not world.may(ann, copy)


def test_tags_that_an_object_has(world: Library) -> None:
    world.act(world.root, put("a/draft", Kind="draft"))
    only = [["string-equals", "objects:tag/kind", ["draft"]]]
    ann = world.user(world.root, "ann", allow(GET, "objects:DeleteObject", if_=only))
    assert world.may(ann, get("a/draft"))
    assert not world.may(ann, get("a/1"))
    assert not world.may(ann, om.DeleteObjects(bucket="books", targets=(om.Target("a/draft"), om.Target("a/1"))))
    assert world.may(ann, om.DeleteObjects(bucket="books", targets=(om.Target("a/draft"),)))
    world.act(world.root, om.PutObjectTags(bucket="books", key="a/draft", tags={"kind": "final"}))
    assert not world.may(ann, get("a/draft"))


# --- what keeps it shut -----------------------------------------------------------------------------------------------


def test_where_acls_do_not_count(world: Library) -> None:
    act = lambda command: world.act(world.root, command)  # noqa: E731
    act(put("open", om.Acl.PUBLIC_READ))
    act(om.PutBucketAcl(bucket="books", acl=om.Acl.PUBLIC_READ, objects=True))
    act(om.PutBucketOwnership(bucket="books", ownership=om.Ownership.ENFORCED))
    assert readers(world, "open") == readers(world, "a/1") == (False, False)
    for command in _settings(om.Acl.PRIVATE):
        assert refused(lambda command=command: act(command)) == (Kind.CONFLICT, "acl"), command
    act(put("plain"))
    for ownership in (om.Ownership.WRITER, om.Ownership.PREFERRED, None):
        act(om.PutBucketOwnership(bucket="books", ownership=ownership))
        assert readers(world, "open") == readers(world, "a/1") == (True, True)
    made = om.CreateBucket(bucket="made", acl=om.Acl.PUBLIC_READ, ownership=om.Ownership.ENFORCED)
    assert refused(lambda: act(made)) == (Kind.CONFLICT, "acl")


def _settings(acl: om.Acl) -> list[Any]:
    """Every way to set an ACL."""
    source = om.Source("books", "a/1")
    return [
        om.PutBucketAcl(bucket="books", acl=acl, objects=True),
        put("k", acl),
        om.PutObjectAcl(bucket="books", key="a/1", acl=acl),
        om.CopyObject(bucket="books", key="k", source=source, acl=acl),
        om.AppendObject(bucket="books", key="log", position=0, body=Bytes(b""), meta=om.Meta(acl=acl)),
        om.PutSymlink(bucket="books", key="l", target="a/1", meta=om.Meta(acl=acl)),
        om.CreateUpload(bucket="books", key="k", meta=om.Meta(acl=acl)),
    ]


def test_the_block_refuses_what_is_public(world: Library) -> None:
    act = lambda command: world.act(world.root, command)  # noqa: E731
    act(om.PutBucketBlock(bucket="books", block=om.Block(refuse_acls=True, refuse_policy=True)))
    for acl in (om.Acl.PUBLIC_READ, om.Acl.PUBLIC_READ_WRITE, om.Acl.AUTHENTICATED_READ):
        for command in _settings(acl):
            assert refused(lambda command=command: act(command)) == (Kind.DENIED, "public access"), command
    for command in _settings(om.Acl.PRIVATE):
        act(command)
    assert refused(lambda: world.bucket_policy(EVERYBODY)) == (Kind.DENIED, "public access")
    mine = allow(GET, on="objects:books/*", who=[f"account:{world.two.account}"])
    world.bucket_policy(mine)
    act(om.PutBucketBlock(bucket="books", block=None))
    world.bucket_policy(EVERYBODY)
    assert act(om.GetBucketPolicyStatus(bucket="books")) is True


def test_the_block_shuts_what_is_public_already(world: Library) -> None:
    act = lambda command: world.act(world.root, command)  # noqa: E731
    act(put("open", om.Acl.PUBLIC_READ))
    act(om.PutBucketAcl(bucket="books", acl=om.Acl.PUBLIC_READ, objects=True))
    assert readers(world, "a/1") == readers(world, "open") == (True, True)
    act(om.PutBucketBlock(bucket="books", block=om.Block(ignore_acls=True)))
    assert readers(world, "a/1") == readers(world, "open") == (False, False)
    act(om.PutBucketBlock(bucket="books", block=None))
    assert readers(world, "a/1") == readers(world, "open") == (True, True)
    act(om.PutBucketAcl(bucket="books", acl=om.Acl.PRIVATE, objects=True))
    world.bucket_policy(EVERYBODY)
    ann = world.user(world.root, "ann")
    assert readers(world, "a/1") == (True, True)
    act(om.PutBucketBlock(bucket="books", block=om.Block(restrict=True)))
    assert readers(world, "a/1") == (False, False)
    assert world.may(ann, get("a/1")), "the owner's own people are not the public"
    # A policy that is not public is none of its business.
    world.bucket_policy(allow(GET, on="objects:books/*", who=[f"account:{world.two.account}"]))
    assert readers(world, "a/1") == (False, True)


def test_a_command_may_be_asked_which_acl_it_sets(world: Library) -> None:
    ann = world.user(
        world.root,
        "ann",
        allow("*"),
        allow("objects:*", "objects:PutObject", "objects:PutBucketAcl", effect="deny",
              if_=[["string-like", "objects:acl", ["public-*"]]]),
    )  # fmt: skip
    assert world.may(ann, put("k"))
    assert world.may(ann, put("k", om.Acl.PRIVATE))
    assert not world.may(ann, put("k", om.Acl.PUBLIC_READ))
    assert not world.may(ann, om.PutBucketAcl(bucket="books", acl=om.Acl.PUBLIC_READ, objects=True))


def test_the_class_that_a_bucket_gives_its_objects(world: Library) -> None:
    act = lambda command: world.act(world.root, command)  # noqa: E731
    act(om.CreateBucket(bucket="cold", storage_class=om.StorageClass.ARCHIVE))
    left, said = om.Meta(class_of_bucket=True), om.Meta(storage_class=om.StorageClass.REDUCED)
    act(om.PutObject(bucket="cold", key="left", body=Bytes(b""), meta=left))
    act(om.PutObject(bucket="cold", key="said", body=Bytes(b""), meta=said))
    act(om.PutObject(bucket="cold", key="plain", body=Bytes(b"")))
    act(om.CopyObject(bucket="cold", key="copy", source=om.Source("books", "a/1"), class_of_bucket=True))
    upload = act(om.CreateUpload(bucket="cold", key="parts", meta=left)).upload
    act(om.PutPart(bucket="cold", key="parts", upload=upload, number=1, body=Bytes(b"x")))
    act(om.CompleteUpload(bucket="cold", key="parts", upload=upload, parts=None, part_bytes_min=1))
    act(om.AppendObject(bucket="cold", key="log", position=0, body=Bytes(b"x"), meta=left))
    found = {each.key: str(each.meta.storage_class) for each in act(om.ListObjects(bucket="cold")).objects}
    assert found == {
        "left": "archive", "said": "reduced", "plain": "standard", "copy": "archive", "parts": "archive",
        "log": "archive",
    }  # fmt: skip


# --- the meaning of public --------------------------------------------------------------------------------------------

ANYBODY = (PrincipalPattern("any"),)
BOOKS = (ResourcePattern("objects", "*", "books/*"),)


def said(*conditions: Condition, who: tuple[PrincipalPattern, ...] = ANYBODY, **more: Any) -> Statement:
    return Statement(more.pop("effect", Effect.ALLOW), frozenset({GET}), BOOKS, conditions, who, **more)


@pytest.mark.parametrize(
    ("statement", "public"),
    [
        (said(), True),
        (said(effect=Effect.DENY), False),
        (said(who=(PrincipalPattern("account", "000000000001"),)), False),
        (said(who=(PrincipalPattern("account", "000000000001"), *ANYBODY)), True),
        (said(who=(PrincipalPattern("user", "000000000001", "ann"),), but_principals=True), True),
        (said(Condition("ip-address", "source-ip", ("10.0.0.0/8",))), False),
        (said(Condition("ip-address", "source-ip", ("10.0.0.0/8", "0.0.0.0/1"))), True),
        (said(Condition("ip-address", "source-ip", ("2001:db8::/32",))), False),
        (said(Condition("not-ip-address", "source-ip", ("10.0.0.0/8",))), True),
        (said(Condition("string-equals", "account", ("000000000001",))), False),
        (said(Condition("string-like", "account", ("0000*",))), True),
        (said(Condition("string-equals", "account", ("000000000001",), if_exists=True)), True),
        (said(Condition("string-not-equals", "account", ("000000000001",))), True),
        (said(Condition("string-equals", "aws!aws:sourcevpce", ("vpce-1",))), False),
        (said(Condition("string-equals", "user-agent", ("me",))), True),
        (said(Condition("string-equals", "userid", ("${username}",))), True),
    ],
)
def test_the_meaning_of_public(statement: Statement, public: bool) -> None:
    assert is_public([said(effect=Effect.DENY), statement]) is public


def test_a_policy_status_needs_a_policy(world: Library) -> None:
    status = om.GetBucketPolicyStatus(bucket="books")
    assert refused(lambda: world.act(world.root, status)) == (Kind.MISSING, "bucket policy")
    world.bucket_policy(allow(GET, on="objects:books/*", who=[f"account:{world.two.account}"]))
    assert world.act(world.root, status) is False
    assert json.loads(world.act(world.root, om.GetBucketPolicy(bucket="books")).text)
