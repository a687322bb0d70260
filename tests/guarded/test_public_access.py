"""ACLs and the public access block, set through one cloud's SDK and seen through the other's, and by whoever comes."""

from __future__ import annotations

import http.client
import itertools
import re
from typing import Any

import boto3
import oss2
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.harness import Server

_NAMES = itertools.count()


@pytest.fixture
def s3(server: Server) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id=server.key_id,
        aws_secret_access_key=server.secret,
        config=Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}),
    )


@pytest.fixture
def bucket(server: Server, s3: Any) -> oss2.Bucket:
    """A bucket with two objects, as OSS sees it."""
    name = f"public-{next(_NAMES)}"
    auth = oss2.AuthV4(server.key_id, server.secret)
    bucket = oss2.Bucket(auth, server.url, name, region="cn-hangzhou", is_path_style=True)
    bucket.create_bucket("private", oss2.models.BucketCreateConfig("IA"))
    bucket.put_object("a", b"calm")
    s3.put_object(Bucket=name, Key="b", Body=b"calm")
    return bucket


def seen(server: Server, bucket: oss2.Bucket, key: str) -> int:
    """The status that a stranger without a key gets."""
    connection = http.client.HTTPConnection(server.host, timeout=10)
    try:
        connection.request("GET", f"/{bucket.bucket_name}/{key}")
        return connection.getresponse().status
    finally:
        connection.close()


def code(act: Any, **params: Any) -> str:
    with pytest.raises(ClientError) as caught:
        act(**params)
    return str(caught.value.response["Error"]["Code"])


def test_an_acl_set_through_one_door_is_seen_through_the_other(server: Server, s3: Any, bucket: oss2.Bucket) -> None:
    name = bucket.bucket_name
    grants = lambda key: len(s3.get_object_acl(Bucket=name, Key=key)["Grants"])  # noqa: E731
    assert (seen(server, bucket, "a"), grants("a"), bucket.get_object_acl("a").acl) == (403, 1, "default")
    s3.put_object_acl(Bucket=name, Key="a", ACL="public-read")
    assert (seen(server, bucket, "a"), grants("a"), bucket.get_object_acl("a").acl) == (200, 2, "public-read")
    bucket.put_object_acl("a", "private")
    bucket.put_bucket_acl("public-read")
    assert (seen(server, bucket, "a"), grants("a"), bucket.get_object_acl("a").acl) == (403, 1, "private")
    assert seen(server, bucket, "b") == 200, "the bucket's ACL is OSS's, which speaks of objects"
    s3.put_bucket_acl(Bucket=name, ACL="public-read")
    assert seen(server, bucket, "b") == 403, "S3's does not"
    bucket.put_object("c", b"calm", headers={"x-oss-object-acl": "public-read"})
    assert seen(server, bucket, "c") == 200
    again = s3.get_object_acl(Bucket=name, Key="c")
    s3.put_object_acl(Bucket=name, Key="b", AccessControlPolicy={key: again[key] for key in ("Owner", "Grants")})
    assert seen(server, bucket, "b") == 200


def test_the_block(server: Server, s3: Any, bucket: oss2.Bucket) -> None:
    name = bucket.bucket_name
    assert code(s3.get_public_access_block, Bucket=name) == "NoSuchPublicAccessBlockConfiguration"
    bucket.put_object_acl("a", "public-read")
    bucket.put_bucket_public_access_block(True)
    assert seen(server, bucket, "a") == 403
    assert set(s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket.get_bucket_info().acl.grant == "private"
    assert code(s3.put_object_acl, Bucket=name, Key="b", ACL="public-read") == "AccessDenied"
    with pytest.raises(oss2.exceptions.AccessDenied):
        bucket.put_bucket_acl("public-read")
    s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration={"BlockPublicPolicy": True})
    assert seen(server, bucket, "a") == 200
    assert bucket.get_bucket_public_access_block().block_public_access is False
    bucket.delete_bucket_public_access_block()
    assert code(s3.get_bucket_policy_status, Bucket=name) == "NoSuchBucketPolicy"
    open_to_all = f'{{"Version":"1","Statement":[{{"Effect":"Allow","Principal":["*"],"Action":["oss:GetObject"],"Resource":["acs:oss:*:*:{name}/*"]}}]}}'  # noqa: E501
    bucket.put_bucket_policy(open_to_all)
    assert s3.get_bucket_policy_status(Bucket=name)["PolicyStatus"] == {"IsPublic": True}
    assert seen(server, bucket, "b") == 200


def test_ownership_switches_acls_off(server: Server, s3: Any, bucket: oss2.Bucket) -> None:
    name = bucket.bucket_name
    assert code(s3.get_bucket_ownership_controls, Bucket=name) == "OwnershipControlsNotFoundError"
    s3.put_object_acl(Bucket=name, Key="a", ACL="public-read")
    enforced = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    s3.put_bucket_ownership_controls(Bucket=name, OwnershipControls=enforced)
    assert seen(server, bucket, "a") == 403
    refusal = code(s3.put_object, Bucket=name, Key="a", Body=b"", ACL="public-read")
    assert refusal == "AccessControlListNotSupported"
    s3.put_object(Bucket=name, Key="a", Body=b"storm", ACL="bucket-owner-full-control")
    with pytest.raises(oss2.exceptions.AccessDenied):
        bucket.put_object_acl("a", "public-read")


def test_a_buckets_storage_class_is_its_objects_and_the_time_is_told(s3: Any, bucket: oss2.Bucket) -> None:
    found = bucket.head_object("a")
    assert found.headers["x-oss-storage-class"] == bucket.get_bucket_info().storage_class == "IA"
    assert "StorageClass" not in s3.head_object(Bucket=bucket.bucket_name, Key="b"), "S3 says STANDARD by itself"
    assert re.fullmatch("[1-9][0-9]*", found.headers["x-oss-server-time"])
