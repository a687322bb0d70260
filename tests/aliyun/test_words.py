"""Every fault has OSS's words, in the form that the vendor's SDKs read."""

from __future__ import annotations

import base64
from types import SimpleNamespace

import alibabacloud_oss_v2 as oss_v2
import oss2
import pytest
from alibabacloud_oss_v2._client import _to_service_error
from oss2.exceptions import make_exception
from requests.structures import CaseInsensitiveDict

from sampan.dialects.aliyun.oss import words
from sampan.dialects.aliyun.oss.dialect import OssDialect
from sampan.gateway.contract import FAULTS as GATEWAY_FAULTS
from sampan.gateway.http import Reply, Request
from sampan.kernel.fault import Fault, Kind
from sampan.services.objects.model import FAULTS as OBJECT_FAULTS

ID = "5C06A3B67B8B5A3DA422299D"
DIALECT = OssDialect((), "cn-hangzhou")
ALL = sorted(GATEWAY_FAULTS | OBJECT_FAULTS)
# What the service really says with each fault, and what a mean client may make it say.
FACTS = {
    "bucket": "photos", "key": "a<b>&\x00\ud800", "key_id": "TESTAK", "version": "null", "upload": "U<>", "name": "x",
    "value": "]]>", "expected": 6, "etag": "5d41402abc4b2a76b9719d911017c592", "modified_ms": 1795343000000, "size": 5,
    "request_time": "yesterday", "server_time_ms": 1795343000000, "expires_ms": 10**20, "string_to_sign": "GET\n\n/ü",
    "canonical_request": "", "signature": "x", "operation": "GetBucketCors", "condition": "If-Match", "number": 3,
    "size_min": 102400, "given": "cn-beijing", "delete_marker": None,
}  # fmt: skip


def refuse(kind: Kind, noun: str, method: str = "GET", **facts: object) -> Reply:
    request = Request(method, b"/photos/k", b"", {"host": "photos.oss-cn-hangzhou.aliyuncs.com:80"})
    reply = DIALECT.refuse(request, ID, Fault(kind, noun, "because", **{**FACTS, **facts}))
    DIALECT.finish(request, ID, reply)
    return reply


def seen_by_oss2(reply: Reply) -> oss2.exceptions.OssError:
    headers = CaseInsensitiveDict(reply.headers)
    return make_exception(SimpleNamespace(status=reply.status, headers=headers, read=lambda _: reply.body))


def seen_by_oss_v2(reply: Reply) -> oss_v2.exceptions.ServiceError:
    return _to_service_error(
        SimpleNamespace(
            status_code=reply.status,
            headers=CaseInsensitiveDict({"Date": "Sun, 22 Nov 2026 10:17:27 GMT", **dict(reply.headers)}),
            content=reply.body,
            close=lambda: None,
            request=SimpleNamespace(method="GET", url=""),
        )
    )


def test_words_are_complete() -> None:
    assert set(ALL) <= DIALECT.words
    assert set(ALL) >= DIALECT.words, "words for faults that nobody raises"


ERRORS = [(kind, noun) for kind, noun in ALL if noun != "bucket tags" and kind != Kind.UNCHANGED]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(("kind", "noun"), ERRORS)
def test_both_sdks_read_every_error(kind: Kind, noun: str, method: str) -> None:
    reply = refuse(kind, noun, method)
    word = words.ELSEWHERE if noun == "region" else words.WORDS[kind, noun]
    headers = dict(reply.headers)
    assert (method == "HEAD") == (reply.body == b"")
    assert ("x-oss-err" in headers) == (method == "HEAD")
    assert headers.get("x-oss-ec", "") == word.ec
    assert headers["x-oss-request-id"] == ID
    old, new = seen_by_oss2(reply), seen_by_oss_v2(reply)
    assert (old.status, old.code, old.ec, old.details["RequestId"]) == (word.status, word.code, word.ec, ID)
    assert (new.status_code, new.code, new.ec, new.request_id) == (word.status, word.code, word.ec, ID)
    assert old.details["HostId"] == "photos.oss-cn-hangzhou.aliyuncs.com"
    assert old.message


@pytest.mark.parametrize(
    ("kind", "noun", "expected"),
    [
        (Kind.MISSING, "bucket", oss2.exceptions.NoSuchBucket),
        (Kind.MISSING, "object", oss2.exceptions.NoSuchKey),
        (Kind.MISSING, "upload", oss2.exceptions.NoSuchUpload),
        (Kind.CONFLICT, "bucket", oss2.exceptions.BucketNotEmpty),
        (Kind.MISMATCH, "position", oss2.exceptions.PositionNotEqualToLength),
        (Kind.CONFLICT, "append", oss2.exceptions.ObjectNotAppendable),
        (Kind.UNMET, "condition", oss2.exceptions.PreconditionFailed),
        (Kind.DENIED, "action", oss2.exceptions.AccessDenied),
        (Kind.MISMATCH, "signature", oss2.exceptions.SignatureDoesNotMatch),
        (Kind.INVALID, "digest", oss2.exceptions.InvalidDigest),
        (Kind.INVALID, "key", oss2.exceptions.InvalidObjectName),
        (Kind.INVALID, "argument", oss2.exceptions.InvalidArgument),
        (Kind.INVALID, "document", oss2.exceptions.MalformedXml),
        (Kind.NOT_DONE, "operation", oss2.exceptions.NotImplemented),
    ],
)
def test_oss2_knows_its_own_exceptions(kind: Kind, noun: str, expected: type[Exception]) -> None:
    assert type(seen_by_oss2(refuse(kind, noun))) is expected


def test_an_append_at_the_wrong_place_says_the_right_one() -> None:
    error = seen_by_oss2(refuse(Kind.MISMATCH, "position"))
    assert isinstance(error, oss2.exceptions.PositionNotEqualToLength)
    assert error.next_position == 6


def test_not_modified_has_no_body_and_the_etag() -> None:
    reply = refuse(Kind.UNCHANGED, "object")
    headers = dict(reply.headers)
    assert (reply.status, reply.body) == (304, b"")
    assert headers["etag"] == '"5D41402ABC4B2A76B9719D911017C592"'
    assert headers["last-modified"] == "Sun, 22 Nov 2026 10:23:20 GMT"


def test_the_region_error_is_that_of_the_signature_or_of_the_endpoint() -> None:
    error = Fault(Kind.INVALID, "region", expected="cn-hangzhou", given="cn-beijing")
    signed = Request("GET", b"/", b"", {"authorization": "OSS4-HMAC-SHA256 x"})
    reply = DIALECT.refuse(signed, ID, error)
    assert (reply.status, dict(reply.headers)["x-oss-ec"]) == (400, "0002-00000226")
    presigned = Request("GET", b"/", b"x-oss-credential=x", {})
    assert DIALECT.refuse(presigned, ID, error).status == 400
    reply = DIALECT.refuse(Request("GET", b"/", b"", {}), ID, error)
    assert reply.status == 403
    assert b"<Endpoint>oss-cn-hangzhou.aliyuncs.com</Endpoint>" in bytes(reply.body)  # type: ignore[arg-type]


def test_a_delete_marker_says_so() -> None:
    headers = dict(refuse(Kind.CONFLICT, "delete marker", version="v1").headers)
    assert (headers["x-oss-delete-marker"], headers["x-oss-version-id"]) == ("true", "v1")
    headers = dict(refuse(Kind.MISSING, "object", delete_marker="v2").headers)
    assert (headers["x-oss-delete-marker"], headers["x-oss-version-id"]) == ("true", "v2")
    assert "x-oss-delete-marker" not in dict(refuse(Kind.MISSING, "object").headers)


def test_two_faults_are_none_to_oss() -> None:
    assert refuse(Kind.EXISTS, "bucket", mine=True).status == 200
    assert refuse(Kind.EXISTS, "bucket", mine=False).status == 409
    reply = refuse(Kind.MISSING, "bucket tags")
    assert reply.status == 200
    assert b"<TagSet></TagSet>" in bytes(reply.body)  # type: ignore[arg-type]


def test_an_unknown_fault_is_an_internal_error() -> None:
    assert refuse(Kind.MISSING, "unheard of").status == 500


def test_a_long_error_is_cut() -> None:
    reply = refuse(Kind.INVALID, "argument", value="x" * 1_000_000)
    assert len(bytes(reply.body)) < 20_000  # type: ignore[arg-type]
    reply = refuse(Kind.INVALID, "argument", "HEAD", value="x" * 100)
    assert b"InvalidArgument" in base64.b64decode(dict(reply.headers)["x-oss-err"])
