"""The table of operations: complete, and found by what SDKs really send."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import urlsplit

import botocore.session
import pytest
from botocore.model import OperationModel, Shape
from botocore.serialize import create_serializer

from sampan.dialects.aws.s3.address import Addresses
from sampan.dialects.aws.s3.dialect import S3Dialect
from sampan.gateway.contract import FAULTS
from sampan.gateway.dispatch import Dispatcher
from sampan.kernel.fault import Kind
from sampan.kernel.names import Place
from sampan.services.objects import model
from tests.aws.sdk import Ring, Sent, catch, client, fault_of

S3 = botocore.session.get_session().get_service_model("s3")
OLD_NAMES = {
    "GetBucketLifecycle": "GetBucketLifecycleConfiguration",
    "PutBucketLifecycle": "PutBucketLifecycleConfiguration",
    "GetBucketNotification": "GetBucketNotificationConfiguration",
    "PutBucketNotification": "PutBucketNotificationConfiguration",
    "ListDirectoryBuckets": "ListBuckets",
}
ANY_VALUES: dict[str, Any] = {"Bucket": "bkt", "Key": "folder/key", "CopySource": "other/key", "PartNumber": 1}


def value_of(shape: Shape, name: str) -> Any:
    """Anything that the shape allows; structures with what they must have."""
    if name in ANY_VALUES:
        return ANY_VALUES[name]
    match shape.type_name:
        case "structure":
            return {member: value_of(shape.members[member], member) for member in shape.required_members}
        case "list":
            return [value_of(shape.member, "")]
        case "map":
            return {}
        case "integer" | "long":
            return 1
        case "boolean":
            return True
        case "timestamp":
            return 1700000000
        case "blob":
            return b""
        case _:
            return shape.enum[0] if getattr(shape, "enum", None) else "x"


def serialised(operation: OperationModel) -> Sent:
    """The request as the SDK's serialiser writes it, without a signature."""
    shape = operation.input_shape
    params = value_of(shape, "") if shape is not None else {}
    made = create_serializer(S3.metadata["protocol"], False).serialize_to_request(params, operation)
    url = urlsplit(made["url_path"])
    query = [url.query] if url.query else []
    query += [f"{name}={value}" for name, value in made["query_string"].items()]
    headers = {name.lower(): str(value) for name, value in made["headers"].items()}
    return Sent(made["method"], url.path, "&".join(query), {"host": "127.0.0.1:4566", **headers})


def test_every_operation_is_there_once(dialect: S3Dialect) -> None:
    names = [operation.name for operation in dialect.operations]
    assert len(names) == len(set(names))
    # A browser's form is no operation of the SDKs.
    assert set(names) == {*S3.operation_names, "PostObject"}


@pytest.mark.parametrize("name", S3.operation_names)
def test_an_sdks_request_finds_its_operation(name: str, dialect: S3Dialect) -> None:
    request = serialised(S3.operation_model(name)).request()
    address = Addresses(()).read(request.host, request.path)
    row = dialect._table.choose(request, address.bucket, address.key, request.headers)
    assert row.name == OLD_NAMES.get(name, name)


@pytest.mark.parametrize(
    ("method", "path", "query", "kind"),
    [
        ("DELETE", "/bkt", "acl", Kind.UNKNOWN),  # would else delete the bucket
        ("DELETE", "/bkt", "versioning", Kind.UNKNOWN),
        ("DELETE", "/bkt/key", "acl", Kind.UNKNOWN),
        ("PUT", "/bkt/key", "versions", Kind.UNKNOWN),
        ("PUT", "/bkt/key", "uploadId=x", Kind.UNKNOWN),  # a part without a number is no object
        ("PUT", "/bkt/key", "acl&tagging", Kind.INVALID),
        ("GET", "/bkt", "location&policy", Kind.INVALID),
        ("DELETE", "/", "", Kind.UNKNOWN),
        ("PATCH", "/bkt/key", "", Kind.UNKNOWN),
        ("BREW", "/", "", Kind.UNKNOWN),
    ],
)
def test_what_is_no_operation(method: str, path: str, query: str, kind: Kind, dialect: S3Dialect) -> None:
    request = Sent(method, path, query, {"host": "127.0.0.1"}).request()
    assert fault_of(lambda: dialect.open(request, "R", Ring(), 0)).kind is kind


@pytest.mark.parametrize(
    ("host", "path", "bucket", "key"),
    [
        ("127.0.0.1", "/bkt/a/b", "bkt", "a/b"),
        ("localhost", "/bkt", "bkt", ""),
        ("localhost", "/", "", ""),
        ("[::1]", "/bkt//a", "bkt", "/a"),
        ("sampan", "/bkt/a", "bkt", "a"),
        ("minio.example.com", "/bkt/a", "bkt", "a"),
        ("bkt.localhost", "/a/b", "bkt", "a/b"),
        ("bkt.with.dots.localhost", "/a", "bkt.with.dots", "a"),
        ("s3.localhost", "/bkt/a", "bkt", "a"),
        ("bkt.s3.localhost", "/a", "bkt", "a"),
        ("bkt.s3.eu-west-1.localhost", "/a", "bkt", "a"),
        ("bkt.s3.amazonaws.com", "/a", "bkt", "a"),
        ("bkt.s3.eu-central-1.amazonaws.com", "//a", "bkt", "/a"),
        ("bkt.s3.dualstack.eu-central-1.amazonaws.com", "/a", "bkt", "a"),
        ("bkt.s3-us-west-2.amazonaws.com", "/", "bkt", ""),
        ("s3.eu-central-1.amazonaws.com", "/bkt/a", "bkt", "a"),
        ("bkt.s3.localhost.localstack.cloud", "/a", "bkt", "a"),
        ("s3.localhost.localstack.cloud", "/bkt/a", "bkt", "a"),
        ("bkt.oss-cn-hangzhou.aliyuncs.com", "/a", "bkt", "a"),
        ("oss-cn-hangzhou.aliyuncs.com", "/bkt/a", "bkt", "a"),
        ("", "/bkt/a", "bkt", "a"),
        ("", "", "", ""),
        ("", "*", "", ""),
    ],
)
def test_addresses(host: str, path: str, bucket: str, key: str) -> None:
    address = Addresses(("localhost",)).read(host, path)
    assert (address.bucket, address.key) == (bucket, key)


def test_there_are_words_for_every_fault(dialect: S3Dialect) -> None:
    assert dialect.words >= FAULTS | model.FAULTS


def test_claims_hold_for_s3_and_for_nothing_of_sqs(dialect: S3Dialect) -> None:
    def rank(path: str = "/", query: str = "", **headers: str) -> int | None:
        found = Dispatcher([dialect]).claimants(Sent("GET", path, query, {"host": "127.0.0.1", **headers}).request())
        return found[0][0] if found else None

    scope = "Credential=AK/20260101/us-east-1/{}/aws4_request"
    assert rank(authorization=f"AWS4-HMAC-SHA256 {scope.format('s3')}, SignedHeaders=host") == 0
    assert rank(authorization=f"AWS4-HMAC-SHA256 {scope.format('sqs')}, SignedHeaders=host") == 2
    assert rank(authorization="AWS AK:x") == 0
    assert rank(query="X-Amz-Credential=AK%2F20260101%2Fus-east-1%2Fs3%2Faws4_request") == 0
    assert rank(query="AWSAccessKeyId=AK") == 0
    assert rank(host="bkt.s3.amazonaws.com") == 1
    assert rank(host="sqs.eu-west-1.amazonaws.com", authorization="Bearer x") is None
    assert rank(authorization="OSS AK:x") is None
    assert rank() == 2


@pytest.mark.parametrize(("path", "query"), [("/bkt/%ff", ""), ("/%c3/k", ""), ("/bkt", "prefix=%80"), ("/bkt", "%fe")])
def test_what_is_not_utf8_is_no_uri(path: str, query: str, dialect: S3Dialect) -> None:
    request = Sent("GET", path, query, {"host": "127.0.0.1"}).request()
    assert fault_of(lambda: dialect.open(request, "R", Ring(), 0)).noun == "uri"


def test_oss_hosts_speak_s3_with_their_own_regions(dialect: S3Dialect, keys: Ring, now_ms: int) -> None:
    for region, endpoint in (
        ("cn-hangzhou", "http://oss-cn-hangzhou.aliyuncs.com"),
        ("oss-cn-hangzhou", "http://127.0.0.1"),
    ):
        sent = catch(client(region=region, endpoint=endpoint), "get_object", Bucket="bkt", Key="k")
        exchange = dialect.open(sent.request(), "R", keys, now_ms)
        assert (exchange.bucket, exchange.place) == ("bkt", Place("aliyun", "cn-hangzhou"))


def test_ids_look_like_s3s(dialect: S3Dialect) -> None:
    from sampan.dialects.aws.s3.names import canonical_id

    assert len(base64.b16decode(canonical_id("123456789012").upper())) == 32
    assert canonical_id("123456789012") != canonical_id("123456789013")
