"""Replies: what the service gives back, written as S3 writes it and read by the SDK's own parser."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from botocore.parsers import create_parser
from hypothesis import given
from hypothesis import strategies as st

from sampan.dialects.aws.s3.dialect import S3Dialect
from sampan.kernel.body import Bytes
from sampan.kernel.fault import Fault, Kind
from sampan.services.identity.model import Document, Language
from sampan.services.objects.model import (
    Acl,
    Block,
    BucketInfo,
    BucketPage,
    ChecksumType,
    Condition,
    CopyObject,
    Deleted,
    Found,
    Meta,
    Ownership,
    PartInfo,
    PartPage,
    Range,
    Source,
    StorageClass,
    Tagged,
    Target,
    Versioning,
    Written,
)
from tests.aws.door import ACCOUNT, AT_MS, ETAG, OWNER, Door, info
from tests.aws.sdk import REQUEST_ID, Sent, catch, client, fault_of, presigned

BUCKET = BucketInfo("bkt", ACCOUNT, AT_MS, {"aws": "eu-west-1", "aliyun": "cn-hangzhou"}, Versioning.ENABLED, {})


# --- buckets ---------------------------------------------------------------------------------------------------------


def test_list_buckets(door: Door) -> None:
    parsed = door.said("list_buckets", BucketPage((BUCKET,), "bkt"), Prefix="b", MaxBuckets=1)
    assert parsed["Owner"] == OWNER
    (bucket,) = parsed["Buckets"]
    assert (bucket["Name"], bucket["BucketRegion"]) == ("bkt", "eu-west-1")
    assert bucket["CreationDate"].isoformat() == "2023-11-14T22:13:20+00:00"
    command = door.command("list_buckets", ContinuationToken=parsed["ContinuationToken"], BucketRegion="eu-west-1")
    assert (command.after, command.place.region, command.limit) == ("bkt", "eu-west-1", 10_000)


def test_create_bucket(door: Door) -> None:
    parsed = door.said("create_bucket", BUCKET, Bucket="bkt")
    assert parsed["Location"] == "/bkt"
    assert door.command("create_bucket", Bucket="bkt").place.region == "us-east-1"
    elsewhere = {"LocationConstraint": "eu-west-1"}
    assert door.command("create_bucket", Bucket="bkt", CreateBucketConfiguration=elsewhere).place.region == "eu-west-1"
    west = client(region="eu-west-1")
    assert door.bind(catch(west, "create_bucket", Bucket="bkt", CreateBucketConfiguration=elsewhere))[
        1
    ].place.region == ("eu-west-1")
    for s3, params, code in (
        (west, {}, "IllegalLocationConstraintException"),
        (
            west,
            {"CreateBucketConfiguration": {"LocationConstraint": "eu-west-2"}},
            "IllegalLocationConstraintException",
        ),
        (client(), {"CreateBucketConfiguration": {"LocationConstraint": "nowhere"}}, "InvalidLocationConstraint"),
        (client(), {"ACL": "log-delivery-write"}, "NotImplemented"),
        (client(), {"ObjectLockEnabledForBucket": True}, "NotImplemented"),
    ):
        sent = catch(s3, "create_bucket", Bucket="bkt", **params)
        assert door.refused(sent, fault_of(lambda sent=sent: door.bind(sent)))[1]["Code"] == code


def test_creating_ones_own_bucket_again(door: Door) -> None:
    def again(region: str, where: str) -> int:
        sent = catch(client(region=region), "head_bucket", Bucket="bkt")
        fault = Fault(Kind.EXISTS, "bucket", bucket="bkt", mine=True, info=replace(BUCKET, places={"aws": where}))
        return door.dialect.refuse(replace(sent, method="PUT").request(), REQUEST_ID, fault).status

    assert again("us-east-1", "us-east-1") == 200
    assert again("us-east-1", "eu-west-1") == 409
    assert again("eu-west-1", "eu-west-1") == 409
    sent = catch(client(), "create_bucket", Bucket="bkt")
    assert door.refused(sent, Fault(Kind.EXISTS, "bucket", mine=False))[1]["Code"] == "BucketAlreadyExists"


def test_head_and_location(door: Door) -> None:
    assert door.said("head_bucket", BUCKET, Bucket="bkt")["BucketRegion"] == "eu-west-1"
    door.said("get_bucket_location", BUCKET, Bucket="bkt")
    assert b">eu-west-1</LocationConstraint>" in door.reply.body  # type: ignore[operator]
    door.said("get_bucket_location", replace(BUCKET, places={"aws": "us-east-1"}), Bucket="bkt")
    assert b'/2006-03-01/"></LocationConstraint>' in door.reply.body  # type: ignore[operator]
    # Clients ask for the location to find out the region: it is told whatever region was signed for.
    assert door.command("get_bucket_location", Bucket="bkt").place is None
    assert door.command("head_bucket", Bucket="bkt").place.region == "us-east-1"


def test_versioning(door: Door) -> None:
    assert door.said("get_bucket_versioning", BUCKET, Bucket="bkt") == {"Status": "Enabled"}
    assert door.said("get_bucket_versioning", replace(BUCKET, versioning=Versioning.NEVER), Bucket="bkt") == {}
    for word, value in (("Enabled", Versioning.ENABLED), ("Suspended", Versioning.SUSPENDED)):
        command = door.command("put_bucket_versioning", Bucket="bkt", VersioningConfiguration={"Status": word})
        assert command.versioning is value
    sent = catch(client(), "put_bucket_versioning", Bucket="bkt", VersioningConfiguration={"Status": "Off"})
    assert door.refused(sent, fault_of(lambda: door.bind(sent)))[1]["Code"] == "IllegalVersioningConfigurationException"


def test_tags(door: Door) -> None:
    tags = {" key with spaces ": "v & <w>", "ü": ""}
    tag_set = [{"Key": key, "Value": value} for key, value in tags.items()]
    assert door.command("put_bucket_tagging", Bucket="bkt", Tagging={"TagSet": tag_set}).tags == tags
    assert door.said("get_bucket_tagging", tags, Bucket="bkt")["TagSet"] == tag_set
    assert door.command("delete_bucket_tagging", Bucket="bkt").tags == {}
    command = door.command("put_object_tagging", Bucket="bkt", Key="k", VersionId="v", Tagging={"TagSet": tag_set})
    assert (command.tags, command.version) == (tags, "v")
    parsed = door.said("get_object_tagging", Tagged(tags, "v1"), Bucket="bkt", Key="k")
    assert (parsed["TagSet"], parsed["VersionId"]) == (tag_set, "v1")
    twice = catch(client(), "put_bucket_tagging", Bucket="bkt", Tagging={"TagSet": tag_set[:1] * 2})
    assert door.refused(twice, fault_of(lambda: door.bind(twice)))[1]["Code"] == "InvalidTag"
    assert door.command("put_object", Bucket="b", Key="k", Body=b"", Tagging="a=1&b=x%20%26+y").tags == {
        "a": "1",
        "b": "x & y",
    }


def test_access_control_lists(door: Door) -> None:
    for parsed in (
        door.said("get_bucket_acl", BUCKET, Bucket="bkt"),
        door.said("get_object_acl", Found(info(), 0, 4, False, None), Bucket="bkt", Key="k"),
    ):
        assert parsed["Owner"] == OWNER
        assert parsed["Grants"] == [{"Grantee": {**OWNER, "Type": "CanonicalUser"}, "Permission": "FULL_CONTROL"}]
        again = {key: parsed[key] for key in ("Owner", "Grants")}
        door.command("put_bucket_acl", Bucket="bkt", AccessControlPolicy=again)
    door.command("put_object_acl", Bucket="bkt", Key="k", ACL="private")
    everybody = {"Grantee": {"Type": "Group", "URI": "http://acs.amazonaws.com/groups/global/AllUsers"}}
    policy = {"Owner": OWNER, "Grants": [{**everybody, "Permission": "READ"}]}
    for canned in ("private", "public-read", "public-read-write", "authenticated-read"):
        command = door.command("put_bucket_acl", Bucket="bkt", ACL=canned)
        assert (command.acl, command.objects) == (canned, False)
    open_to_all = door.said("get_bucket_acl", replace(BUCKET, acl=Acl.PUBLIC_READ_WRITE), Bucket="bkt")
    assert [grant["Permission"] for grant in open_to_all["Grants"]] == ["FULL_CONTROL", "READ", "WRITE"]
    assert open_to_all["Grants"][1]["Grantee"] == everybody["Grantee"]
    assert door.command("put_bucket_acl", Bucket="bkt", AccessControlPolicy=policy).acl is Acl.PUBLIC_READ
    group = 'uri="http://acs.amazonaws.com/groups/global/AllUsers"'
    granted = door.command("put_bucket_acl", Bucket="bkt", GrantRead=group, GrantFullControl=f'id="{OWNER["ID"]}"')
    assert granted.acl is Acl.PUBLIC_READ
    assert door.command("put_bucket_acl", Bucket="bkt", GrantRead=group, GrantWrite=group).acl is Acl.PUBLIC_READ_WRITE
    stranger = {"Grantee": {"Type": "CanonicalUser", "ID": "f" * 64}, "Permission": "READ"}
    for params, code in (
        ({"GrantRead": "id=x"}, "NotImplemented"),
        ({"GrantReadACP": group}, "NotImplemented"),
        ({"AccessControlPolicy": {"Owner": OWNER, "Grants": [stranger]}}, "NotImplemented"),
        ({"GrantRead": "everybody"}, "InvalidArgument"),
        ({"GrantRead": group, "ACL": "private"}, "InvalidArgument"),
        ({"ACL": "secret"}, "InvalidArgument"),
        ({}, "MalformedXML"),
    ):
        sent = catch(client(), "put_bucket_acl", Bucket="bkt", **params)
        assert door.refused(sent, fault_of(lambda sent=sent: door.bind(sent)))[1]["Code"] == code, params


def test_access_control_lists_of_objects(door: Door) -> None:
    group = 'uri="http://acs.amazonaws.com/groups/global/AuthenticatedUsers"'
    for params, acl in (
        ({"ACL": "private"}, Acl.PRIVATE),
        ({"ACL": "public-read"}, Acl.PUBLIC_READ),
        ({"ACL": "public-read-write"}, Acl.PUBLIC_READ),  # there is no writing of an object in S3
        ({"GrantRead": group}, Acl.AUTHENTICATED_READ),
        ({"ACL": "bucket-owner-full-control"}, None),
        ({}, None),
    ):
        assert door.command("put_object", Bucket="bkt", Key="k", Body=b"", **params).meta.acl is acl
        assert door.command("copy_object", Bucket="bkt", Key="k", CopySource="bkt/j", **params).acl is acl
        assert door.command("create_multipart_upload", Bucket="bkt", Key="k", **params).meta.acl is acl
        if params:
            assert door.command("put_object_acl", Bucket="bkt", Key="k", **params).acl is (acl or Acl.PRIVATE)
    shown = Found(info(meta=Meta(acl=Acl.AUTHENTICATED_READ)), 0, 4, False, None)
    grants = door.said("get_object_acl", shown, Bucket="bkt", Key="k")["Grants"]
    assert [grant["Grantee"].get("URI", "")[-18:] for grant in grants] == ["", "AuthenticatedUsers"]


def test_what_forbids_a_bucket_to_be_public(door: Door) -> None:
    config = {"BlockPublicAcls": True, "RestrictPublicBuckets": True}
    block = door.command("put_public_access_block", Bucket="bkt", PublicAccessBlockConfiguration=config).block
    assert block == Block(refuse_acls=True, restrict=True)
    assert door.command("delete_public_access_block", Bucket="bkt").block is None
    said = door.said("get_public_access_block", replace(BUCKET, block=block), Bucket="bkt")
    assert said["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True, "IgnorePublicAcls": False, "BlockPublicPolicy": False, "RestrictPublicBuckets": True,
    }  # fmt: skip
    assert door.said("get_bucket_policy_status", True, Bucket="bkt")["PolicyStatus"] == {"IsPublic": True}
    rule = {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    made = door.command("put_bucket_ownership_controls", Bucket="bkt", OwnershipControls=rule)
    assert made.ownership is Ownership.WRITER
    shown = door.said("get_bucket_ownership_controls", replace(BUCKET, ownership=Ownership.ENFORCED), Bucket="bkt")
    assert shown["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert door.command("delete_bucket_ownership_controls", Bucket="bkt").ownership is None
    made = door.command("create_bucket", Bucket="bkt", ACL="public-read", ObjectOwnership="BucketOwnerPreferred")
    assert (made.acl, made.objects, made.ownership) == (Acl.PUBLIC_READ, False, Ownership.PREFERRED)
    for name, noun in (("get_public_access_block", "public access block"),
                       ("get_bucket_ownership_controls", "ownership controls")):  # fmt: skip
        with pytest.raises(Fault, match=noun):
            door.said(name, BUCKET, Bucket="bkt")


def test_bucket_policies(door: Door) -> None:
    command = door.command("put_bucket_policy", Bucket="bkt", Policy='{"Version": "2012-10-17"}')
    assert command.document == Document(Language.IAM, '{"Version": "2012-10-17"}')
    assert door.said("get_bucket_policy", Document(Language.IAM, "{}"), Bucket="bkt")["Policy"] == "{}"
    door.command("delete_bucket_policy", Bucket="bkt")


# --- objects ---------------------------------------------------------------------------------------------------------


def test_put_object(door: Door) -> None:
    command = door.command(
        "put_object", Bucket="bkt", Key="k", Body=b"hello", ContentType="text/plain", CacheControl="no-cache",
        ContentEncoding="gzip", Metadata={"Colour": "red"}, StorageClass="GLACIER_IR", WebsiteRedirectLocation="/x",
        IfNoneMatch="*",
    )  # fmt: skip
    assert command.meta == Meta(
        "text/plain", {"cache-control": "no-cache", "content-encoding": "gzip"}, {"colour": "red"},
        StorageClass.ARCHIVE_INSTANT, {"website": "/x"},
    )  # fmt: skip
    assert command.condition == Condition(none_match=("*",))
    written = Written(ETAG, 5, 0, AT_MS, "v1", {"crc32": b"\x36\x10\xa6\x86"})
    parsed = door.said("put_object", written, Bucket="bkt", Key="k", Body=b"hello")
    assert parsed == {
        "ETag": f'"{ETAG}"', "VersionId": "v1", "ChecksumCRC32": "NhCmhg==", "ChecksumType": "FULL_OBJECT",
    }  # fmt: skip


@pytest.mark.parametrize(
    "params",
    [
        {"ServerSideEncryption": "AES256"},
        {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "k"},
        {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": 1900000000},
        {"ObjectLockLegalHoldStatus": "ON"},
        {"ACL": "aws-exec-read"},
        {"IfNoneMatch": f'"{ETAG}"'},
        {"WriteOffsetBytes": 5},
    ],
)
def test_wishes_that_are_not_done_are_not_ignored(door: Door, params: dict[str, Any]) -> None:
    sent = catch(client(), "put_object", Bucket="bkt", Key="k", Body=b"x", **params)
    status, error, _ = door.refused(sent, fault_of(lambda: door.bind(sent)))
    assert (status, error["Code"]) == (501, "NotImplemented")
    assert error["Header"].lower() in sent.headers


def test_the_owner_that_is_expected(door: Door) -> None:
    """The guard knows whose the bucket is, and refuses another's."""
    sent = catch(client(), "head_bucket", Bucket="bkt", ExpectedBucketOwner=ACCOUNT)
    assert door.bind(sent)[0].owners == (ACCOUNT, "")
    copy = {"Bucket": "bkt", "Key": "k", "CopySource": "a/b", "ExpectedSourceBucketOwner": "999999999999"}
    assert door.bind(catch(client(), "copy_object", **copy))[0].owners == ("", "999999999999")


def test_get_object(door: Door) -> None:
    meta = Meta("", {"cache-control": "no-cache"}, {"colour": "rot", "ort": "Köln"}, StorageClass.ARCHIVE_COLD)
    whole = info(meta=meta, version="v1", checksums={"sha1": b"x" * 20}, tags=2)
    found = Found(whole, 0, 4, False, Bytes(b"hello"))
    parsed = door.said("get_object", found, Bucket="bkt", Key="k", ChecksumMode="ENABLED")
    assert parsed["LastModified"].isoformat() == "2023-11-14T22:13:20+00:00"
    assert parsed["ContentType"] == "binary/octet-stream"
    assert parsed["Metadata"] == {"colour": "rot", "ort": "=?UTF-8?B?S8O2bG4=?="}
    assert parsed["StorageClass"] == "GLACIER"
    assert (parsed["TagCount"], parsed["VersionId"], parsed["ContentLength"]) == (2, "v1", 5)
    assert (parsed["ChecksumSHA1"], parsed["ChecksumType"]) == ("eHh4eHh4eHh4eHh4eHh4eHh4eHg=", "FULL_OBJECT")
    head = door.said("head_object", Found(whole, 0, 4, False, None), Bucket="bkt", Key="k")
    assert "ChecksumSHA1" not in head
    assert (head["ContentLength"], door.reply.body) == (5, b"")


def test_ranges_and_parts(door: Door) -> None:
    parsed = door.said(
        "get_object", Found(info(size=10), 2, 4, True, Bytes(b"llo")), Bucket="bkt", Key="k", Range="bytes=2-4"
    )
    assert (door.reply.status, parsed["ContentRange"], parsed["ContentLength"]) == (206, "bytes 2-4/10", 3)
    many = info(size=10, parts=3, checksums={"crc32": b"abcd"}, checksum_type=ChecksumType.COMPOSITE)
    parsed = door.said(
        "head_object", Found(many, 0, 4, True, None), Bucket="bkt", Key="k", PartNumber=1, ChecksumMode="ENABLED"
    )
    assert (door.reply.status, parsed["PartsCount"]) == (206, 3)
    assert "ChecksumCRC32" not in parsed  # it is the whole's
    for header, wanted in (
        ("bytes=0-9", Range(0, 9)),
        ("bytes=5-", Range(5, None)),
        ("bytes=-3", Range(None, 3)),
        ("bytes=9-5", None),
        ("bytes=-", None),
        ("bytes=0-1,3-4", None),
        ("lines=1-2", None),
    ):
        assert door.command("get_object", Bucket="bkt", Key="k", Range=header).range == wanted
    assert door.command("get_object", Bucket="bkt", Key="k", PartNumber=7).part == 7
    both = catch(client(), "get_object", Bucket="bkt", Key="k", PartNumber=7, Range="bytes=0-1")
    assert door.refused(both, fault_of(lambda: door.bind(both)))[1]["Code"] == "InvalidRequest"
    none = catch(client(), "get_object", Bucket="bkt", Key="k", PartNumber=0)
    assert door.refused(none, fault_of(lambda: door.bind(none)))[1]["Code"] == "InvalidPartNumber"


def test_conditions(door: Door) -> None:
    command = door.command(
        "get_object", Bucket="bkt", Key="k", IfMatch=f'"{ETAG}", W/"x"', IfNoneMatch="*", IfModifiedSince=AT_MS // 1000,
        IfUnmodifiedSince=AT_MS // 1000,
    )  # fmt: skip
    second = AT_MS // 1000 * 1000
    assert command.condition == Condition((ETAG, "x"), ("*",), second, second)


def test_response_overrides(door: Door) -> None:
    url = client(signature="s3v4").generate_presigned_url(
        "get_object",
        Params={"Bucket": "bkt", "Key": "k", "ResponseContentType": "text/html", "ResponseCacheControl": "no-store"},
    )
    found = Found(info(meta=Meta("text/plain")), 0, 4, False, Bytes(b"hello"))
    parsed = door.answer(presigned(url), found)
    assert (parsed["ContentType"], parsed["CacheControl"]) == ("text/html", "no-store")
    assert [name for name, _ in door.reply.headers if name.lower() == "content-type"] == ["content-type"]
    anonymous = Sent("GET", "/bkt/k", "response-content-type=text/html", {"host": "127.0.0.1"})
    assert door.refused(anonymous, fault_of(lambda: door.bind(anonymous)))[1]["Code"] == "InvalidRequest"


def test_copies(door: Door) -> None:
    command = door.command(
        "copy_object", Bucket="bkt", Key="k", CopySource={"Bucket": "other", "Key": "ü/a b?c", "VersionId": "v"},
        CopySourceIfMatch=ETAG, ChecksumAlgorithm="SHA256",
    )  # fmt: skip
    assert isinstance(command, CopyObject)
    assert command.source == Source("other", "ü/a b?c", "v")
    assert command.source_condition == Condition((ETAG,))
    assert (command.meta, command.tags, command.storage_class, command.checksum) == (None, None, None, "sha256")
    command = door.command(
        "copy_object", Bucket="bkt", Key="k", CopySource="/other/a+b", MetadataDirective="REPLACE",
        Metadata={"a": "b"}, TaggingDirective="REPLACE", Tagging="x=y", StorageClass="GLACIER",
    )  # fmt: skip
    assert (command.source.key, command.meta.user, command.tags) == ("a+b", {"a": "b"}, {"x": "y"})
    assert command.storage_class is StorageClass.ARCHIVE
    written = Written(ETAG, 5, 0, AT_MS, "v2", {"crc32": b"abcd"}, source_version="v1")
    parsed = door.said("copy_object", written, Bucket="bkt", Key="k", CopySource="a/b")
    assert parsed["CopyObjectResult"]["ETag"] == f'"{ETAG}"'
    assert parsed["CopyObjectResult"]["ChecksumCRC32"] == "YWJjZA=="
    assert (parsed["VersionId"], parsed["CopySourceVersionId"]) == ("v2", "v1")
    for source in ("bucket-alone", "/", "bucket/"):
        sent = catch(client(), "copy_object", Bucket="bkt", Key="k", CopySource="a/b").with_header(
            "x-amz-copy-source", source
        )
        unsigned = sent.with_header("authorization", None)
        assert fault_of(lambda unsigned=unsigned: door.bind(unsigned)).facts["name"] == "x-amz-copy-source"


def test_deletes(door: Door) -> None:
    parsed = door.said("delete_object", Deleted("k", "v9", True), Bucket="bkt", Key="k")
    assert (door.reply.status, parsed) == (204, {"DeleteMarker": True, "VersionId": "v9"})
    assert door.command("delete_object", Bucket="bkt", Key="k", IfMatch=ETAG).condition == Condition((ETAG,))


def test_batch_deletes(door: Door) -> None:
    objects = [{"Key": " a&b "}, {"Key": "c", "VersionId": "v1"}, {"Key": "d", "ETag": f'"{ETAG}"'}]
    params = {"Bucket": "bkt", "Delete": {"Objects": objects}}
    assert door.command("delete_objects", **params).targets == (
        Target(" a&b "), Target("c", "v1"), Target("d", None, ETAG),
    )  # fmt: skip
    outcomes = (
        Deleted(" a&b ", "m1", True), Deleted("c", "v1"), Fault(Kind.UNMET, "condition", condition="ETag"),
    )  # fmt: skip
    parsed = door.said("delete_objects", outcomes, **params)
    assert parsed["Deleted"] == [
        {"Key": " a&b ", "DeleteMarker": True, "DeleteMarkerVersionId": "m1"},
        {"Key": "c", "VersionId": "v1"},
    ]
    assert parsed["Errors"][0]["Key"] == "d" and parsed["Errors"][0]["Code"] == "PreconditionFailed"
    params["Delete"]["Quiet"] = True  # type: ignore[index]
    assert "Deleted" not in door.said("delete_objects", outcomes, **params)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "MalformedXML"),
        (b"<Delete/>", "MalformedXML"),
        (b"<Delete><Object/></Delete>", "MalformedXML"),
        (b"<Delete><Object><Key>a</Key></Object>", "MalformedXML"),
        (b"<Other><Object><Key>a</Key></Object></Other>", "MalformedXML"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><Delete><Object><Key>&b;</Key></Object></Delete>', "MalformedXML"),
        (b"<Delete>" + b"<Object><Key>a</Key></Object>" * 1001 + b"</Delete>", "MalformedXML"),
    ],
)
def test_malformed_batches(door: Door, body: bytes, code: str) -> None:
    sent = Sent("POST", "/bkt", "delete", {"host": "127.0.0.1", "content-md5": "XUFAKrxLKna5cZ2REBfFkg=="}, body)
    assert door.refused(sent, fault_of(lambda: door.bind(sent)))[1]["Code"] == code
    bare = sent.with_header("content-md5", None)
    status, error, _ = door.refused(bare, fault_of(lambda: door.bind(bare)))
    assert (status, error["Code"], error["Message"]) == (
        400, "InvalidRequest", "Missing required header for this request: Content-MD5",
    )  # fmt: skip


def test_attributes(door: Door) -> None:
    parts = tuple(PartInfo(n, 5, ETAG, AT_MS, 0, {"sha256": bytes([n]) * 32}) for n in (1, 2))
    made = info(
        size=10, parts=3, checksums={"sha256": b"x" * 32}, checksum_type=ChecksumType.COMPOSITE, etag=ETAG + "-3"
    )
    wanted = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"]
    parsed = door.said(
        "get_object_attributes", PartPage(None, parts, 2, 3, made), Bucket="bkt", Key="k", ObjectAttributes=wanted,
        MaxParts=2,
    )  # fmt: skip
    assert (parsed["ETag"], parsed["ObjectSize"], parsed["StorageClass"]) == (ETAG + "-3", 10, "STANDARD")
    assert parsed["Checksum"]["ChecksumSHA256"].endswith("-3") and parsed["Checksum"]["ChecksumType"] == "COMPOSITE"
    found = parsed["ObjectParts"]
    assert (found["TotalPartsCount"], found["IsTruncated"], found["NextPartNumberMarker"]) == (3, True, 2)
    assert [part["PartNumber"] for part in found["Parts"]] == [1, 2]
    parsed = door.said(
        "get_object_attributes",
        Found(info(), 0, 4, False, None),
        Bucket="bkt",
        Key="k",
        ObjectAttributes=["ObjectSize"],
    )
    assert set(parsed) == {"ObjectSize", "LastModified"}


# --- errors ----------------------------------------------------------------------------------------------------------


def test_an_error_says_what_s3_says(door: Door) -> None:
    sent = Sent("GET", "/bkt/a%20%3Cb%3E", "", {"host": "127.0.0.1"})
    status, error, headers = door.refused(sent, Fault(Kind.MISSING, "object", key="a <b>"))
    assert (status, error["Code"], error["Key"]) == (404, "NoSuchKey", "a <b>")
    assert (error["RequestId"], headers["x-amz-request-id"]) == (REQUEST_ID[:16], REQUEST_ID[:16])
    assert (error["HostId"], headers["server"]) == (headers["x-amz-id-2"], "AmazonS3")
    status, error, headers = door.refused(
        replace(sent, method="HEAD"), Fault(Kind.MISSING, "object", key="k", delete_marker="v1")
    )
    assert (status, error["Code"], headers["x-amz-delete-marker"], headers["x-amz-version-id"]) == (
        404,
        "404",
        "true",
        "v1",
    )


def test_the_wrong_region_says_the_right_one(door: Door) -> None:
    fault = Fault(Kind.INVALID, "region", bucket="bkt", expected="eu-west-1", given="us-east-1")
    status, error, headers = door.refused(Sent("GET", "/bkt", "", {}), fault)
    assert (status, error["Code"], error["Region"]) == (400, "AuthorizationHeaderMalformed", "eu-west-1")
    assert "region 'us-east-1' is wrong; expecting 'eu-west-1'" in error["Message"]
    status, _, headers = door.refused(Sent("HEAD", "/bkt", "", {}), fault)
    assert (status, headers["x-amz-bucket-region"]) == (400, "eu-west-1")


def test_not_modified_has_no_body(door: Door) -> None:
    reply = door.dialect.refuse(
        Sent("GET", "/bkt/k", "", {}).request(),
        REQUEST_ID,
        Fault(Kind.UNCHANGED, "object", etag=ETAG, modified_ms=AT_MS),
    )
    assert (reply.status, reply.body) == (304, b"")
    assert dict(reply.headers) == {"ETag": f'"{ETAG}"', "Last-Modified": "Tue, 14 Nov 2023 22:13:20 GMT"}


def test_every_fault_makes_a_reply(door: Door) -> None:
    for method in ("GET", "HEAD", "PUT"):
        for kind, noun in door.dialect.words:
            reply = door.dialect.refuse(Sent(method, "/bkt/k", "", {}).request(), REQUEST_ID, Fault(kind, noun))
            assert 300 <= reply.status < 600
            assert (b"<Code>" in reply.body) is (method != "HEAD" and reply.status != 304)  # type: ignore[operator]
    unknown = door.dialect.refuse(Sent("GET", "/", "", {}).request(), REQUEST_ID, Fault(Kind.FULL, "moon"))
    assert unknown.status == 500


@given(st.text(max_size=50), st.text(max_size=50))
def test_an_error_is_xml_whatever_it_quotes(key: str, why: str) -> None:
    dialect = S3Dialect((), "us-east-1")
    for fault in (
        Fault(Kind.MISSING, "object", key=key),
        Fault(Kind.INVALID, "argument", why, name=key, value=why),
        Fault(Kind.MISMATCH, "signature", string_to_sign=key, canonical_request=why, key_id=key),
    ):
        reply = dialect.refuse(Sent("GET", "/bkt/k", "", {}).request(), REQUEST_ID, fault)
        parsed = create_parser("rest-xml").parse({"headers": {}, "body": reply.body, "status_code": reply.status}, None)
        assert parsed["Error"]["Code"]
