"""Signature Version 2: what the SDK signs is let in, and no changed copy of it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.dialects.aws.s3.dialect import S3Dialect
from sampan.dialects.aws.wire import dates
from sampan.dialects.aws.wire.sigv2 import SigV2
from sampan.kernel.fault import Fault
from tests.aws.sdk import Ring, Sent, catch, client, key, outcome, presigned

EXAMPLE_MS = dates.parse_http("Tue, 27 Mar 2007 19:36:42 +0000") or 0
EXAMPLE_KEYS = Ring(AKIAIOSFODNN7EXAMPLE=key("AKIAIOSFODNN7EXAMPLE"))


def test_the_manuals_example_verifies() -> None:
    """ "Signing and Authenticating REST Requests" of the S3 user guide: object GET on a virtual host."""
    request = Sent(
        "GET",
        "/photos/puppy.jpg",
        "",
        {
            "host": "awsexamplebucket1.us-west-1.s3.amazonaws.com",
            "date": "Tue, 27 Mar 2007 19:36:42 +0000",
            "authorization": "AWS AKIAIOSFODNN7EXAMPLE:qgk2+6Sv9/oM7G3qLEjTH1a1l1g=",
        },
    )
    signed = SigV2(frozenset()).verify_header(request.request(), "awsexamplebucket1", EXAMPLE_KEYS, EXAMPLE_MS)
    assert (signed.caller.key_id, signed.region) == ("AKIAIOSFODNN7EXAMPLE", "")


def put() -> Sent:
    return catch(
        client(signature="s3"), "put_object", Bucket="bkt", Key="a b/ü", Body=b"hello", ContentType="text/plain",
        Metadata={"colour": "red"},
    )  # fmt: skip


def test_what_the_sdk_signs_verifies(dialect: S3Dialect, keys: Ring, now_ms: int) -> None:
    s3 = client(signature="s3")
    virtual = client(signature="s3", endpoint="http://objects.example.org", addressing_style="virtual")
    for request in (
        put(),
        catch(s3, "list_buckets"),
        catch(s3, "list_objects", Bucket="bkt", Prefix="a b", Delimiter="/"),
        catch(s3, "get_object_tagging", Bucket="bkt", Key="k", VersionId="v +/="),
        catch(s3, "upload_part", Bucket="bkt", Key="k", UploadId="u", PartNumber=3, Body=b"x"),
        catch(virtual, "get_object", Bucket="bkt", Key="a b"),
        catch(virtual, "list_object_versions", Bucket="bkt"),
    ):
        assert outcome(dialect, request, keys, now_ms) == "", request


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda r: replace(r, method="DELETE"), "SignatureDoesNotMatch"),
        (lambda r: replace(r, path="/bkt/other"), "SignatureDoesNotMatch"),
        (lambda r: replace(r, query="acl"), "SignatureDoesNotMatch"),
        (lambda r: replace(r, query="uploadId=x&partNumber=1"), "SignatureDoesNotMatch"),
        (lambda r: replace(r, query="renameObject"), "SignatureDoesNotMatch"),
        (lambda r: r.with_header("content-type", "text/html"), "SignatureDoesNotMatch"),
        (lambda r: r.with_header("content-md5", "XUFAKrxLKna5cZ2REBfFkg=="), "SignatureDoesNotMatch"),
        (lambda r: r.with_header("x-amz-meta-colour", "blue"), "SignatureDoesNotMatch"),
        (lambda r: r.with_header("x-amz-meta-colour", None), "SignatureDoesNotMatch"),
        (lambda r: r.with_header("x-amz-copy-source", "a/b"), "SignatureDoesNotMatch"),
        (lambda r: r.with_header("date", None), "AccessDenied"),
        (lambda r: r.with_header("date", "Tue, 27 Mar 2007 19:36:42 +0000"), "RequestTimeTooSkewed"),
        (lambda r: r.with_header("authorization", "AWS AK:"), "SignatureDoesNotMatch"),
        (lambda r: r.with_header("authorization", "AWS :x"), "InvalidArgument"),
        (lambda r: r.with_header("authorization", "AWS nothing"), "InvalidArgument"),
        (lambda r: r.with_header("authorization", "AWS NOBODY:x"), "InvalidAccessKeyId"),
        (lambda r: r.with_header("authorization", "AWS OFF:x"), "InvalidAccessKeyId"),
        (lambda r: r.with_header("x-amz-security-token", "x"), "InvalidToken"),
    ],
)
def test_changes_get_the_vendors_error(
    change: Callable[[Sent], Sent], code: str, dialect: S3Dialect, keys: Ring, now_ms: int
) -> None:
    assert outcome(dialect, change(put()), keys, now_ms) == code


def test_a_virtual_host_is_signed_as_its_bucket(dialect: S3Dialect, keys: Ring, now_ms: int) -> None:
    s3 = client(signature="s3", endpoint="http://objects.example.org", addressing_style="virtual")
    request = catch(s3, "get_object", Bucket="bkt", Key="k")
    assert outcome(dialect, request.with_header("host", "bkx.objects.example.org"), keys, now_ms) == (
        "SignatureDoesNotMatch"
    )


def test_urls(dialect: S3Dialect, keys: Ring, now_ms: int) -> None:
    def url(operation: str = "get_object", secret: str | None = None, **params: str) -> str:
        s3 = client(signature="s3", secret=secret) if secret else client(signature="s3")
        return str(s3.generate_presigned_url(operation, Params={"Bucket": "bkt", "Key": "k", **params}, ExpiresIn=600))

    good = url(ResponseContentType="text/plain")
    assert outcome(dialect, presigned(good), keys, now_ms) == ""
    assert outcome(dialect, presigned(good), keys, now_ms + 601 * 1000) == "AccessDenied"
    assert outcome(dialect, presigned(url(secret="wrong")), keys, now_ms) == "SignatureDoesNotMatch"
    for old, new in (("/bkt/k", "/bkt/l"), ("plain", "html"), ("Expires=1", "Expires=2"), ("?", "?acl&")):
        assert outcome(dialect, presigned(good.replace(old, new)), keys, now_ms) == "SignatureDoesNotMatch", new
    assert outcome(dialect, presigned(good.replace("Expires=", "Expires=x")), keys, now_ms) == "AccessDenied"
    assert outcome(dialect, presigned(good.replace("&Signature=", "&Sig=")), keys, now_ms) == "AccessDenied"
    # Headers that the SDK puts into the URL are signed there and count as headers.
    storing = url("put_object", ACL="private", StorageClass="GLACIER")
    exchange = dialect.open(presigned(storing, "PUT", {"content-length": "0"}).request(), "R", keys, now_ms)
    assert exchange.headers["x-amz-storage-class"] == "GLACIER"
    assert outcome(dialect, presigned(storing.replace("GLACIER", "STANDARD"), "PUT"), keys, now_ms) == (
        "SignatureDoesNotMatch"
    )


def test_tokens(dialect: S3Dialect, keys: Ring, now_ms: int) -> None:
    def said(key_id: str, token: str | None) -> tuple[str, str]:
        s3 = client(key_id, token=token, signature="s3")
        url = s3.generate_presigned_url("get_object", Params={"Bucket": "bkt", "Key": "k"})
        return outcome(dialect, catch(s3, "list_buckets"), keys, now_ms), outcome(dialect, presigned(url), keys, now_ms)

    assert said("TEMP", "the-session-token") == ("", "")
    assert said("TEMP", None) == ("InvalidToken", "InvalidToken")
    assert said("TEMP", "foreign") == ("InvalidToken", "InvalidToken")
    assert said("OLD", "the-session-token") == ("ExpiredToken", "ExpiredToken")


@given(st.text(max_size=100))
def test_any_authorization_is_a_fault_and_no_accident(tail: str) -> None:
    request = Sent("GET", "/", "", {"authorization": "AWS " + tail, "date": "Tue, 27 Mar 2007 19:36:42 +0000"})
    with pytest.raises(Fault):
        SigV2(frozenset()).verify_header(request.request(), "", EXAMPLE_KEYS, EXAMPLE_MS)
