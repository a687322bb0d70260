"""Signature Version 4: what the SDK signs is let in, and no changed copy of it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.dialects.aws.s3.dialect import S3Dialect
from sampan.dialects.aws.wire import dates
from sampan.dialects.aws.wire.sigv4 import SigV4
from sampan.kernel.fault import Fault, Kind
from tests.aws.sdk import Ring, Sent, catch, client, fault_of, key, outcome, presigned

HOUR_MS = 3600 * 1000
KEYS = (
    "plain.txt",
    "folder/deep/key",
    "spaces and+plus",
    "ümläut/日本語/🙂",
    "~tilde-._!*'()",
    "a//b/../c/./d",
    "/leading",
    "percent%2Fsigns%",
    'q?mark&amp=;:@$,#[]{}|^`\\"<>',
    "trailing/",
    "\t tab and control \x01",
)


# --- AWS's own examples ----------------------------------------------------------------------------------------------
# "Examples: Signature Calculations in AWS Signature Version 4" of the S3 API reference.

EXAMPLE_MS = dates.parse_amz("20130524T000000Z") or 0
EXAMPLE_KEYS = Ring(AKIAIOSFODNN7EXAMPLE=key("AKIAIOSFODNN7EXAMPLE"))
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def example(method: str, path: str, query: str, signed: str, signature: str, **headers: str) -> Sent:
    names = {"host": "examplebucket.s3.amazonaws.com", "x-amz-date": "20130524T000000Z", "x-amz-content-sha256": EMPTY}
    names |= {name.replace("_", "-"): value for name, value in headers.items()}
    names["authorization"] = (
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
        f"SignedHeaders={signed},Signature={signature}"
    )
    return Sent(method, path, query, names)


EXAMPLES = {
    "get": example(
        "GET", "/test.txt", "", "host;range;x-amz-content-sha256;x-amz-date",
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41", range="bytes=0-9",
    ),
    "put": example(
        "PUT", "/test$file.text", "", "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        date="Fri, 24 May 2013 00:00:00 GMT", x_amz_storage_class="REDUCED_REDUNDANCY",
        x_amz_content_sha256="44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
    ),
    "lifecycle": example(
        "GET", "/", "lifecycle", "host;x-amz-content-sha256;x-amz-date",
        "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
    ),
    "list": example(
        "GET", "/", "max-keys=2&prefix=J", "host;x-amz-content-sha256;x-amz-date",
        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_of_the_manual_verify(name: str) -> None:
    signed = SigV4("s3").verify_header(EXAMPLES[name].request(), EXAMPLE_KEYS, EXAMPLE_MS)
    assert (signed.caller.key_id, signed.region) == ("AKIAIOSFODNN7EXAMPLE", "us-east-1")


def test_presigned_example_of_the_manual_verifies() -> None:
    url = (
        "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
        "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z"
        "&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
        "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    )
    day_ms = 86400 * 1000
    assert SigV4("s3").verify_query(presigned(url).request(), EXAMPLE_KEYS, EXAMPLE_MS + day_ms).region == "us-east-1"
    late = fault_of(lambda: SigV4("s3").verify_query(presigned(url).request(), EXAMPLE_KEYS, EXAMPLE_MS + day_ms + 1))
    assert late.kind is Kind.EXPIRED


# --- what the SDK signs ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", KEYS)
def test_keys_of_all_kinds_verify_and_arrive(name: str, dialect: S3Dialect, keys: Ring, now_ms: int) -> None:
    for request in (
        catch(client(), "put_object", Bucket="bkt", Key=name, Body=b"x"),
        catch(client(), "get_object", Bucket="bkt", Key=name, VersionId="a/b +=&"),
        presigned(client(signature="s3v4").generate_presigned_url("get_object", Params={"Bucket": "bkt", "Key": name})),
    ):
        exchange = dialect.open(request.request(), "R", keys, now_ms)
        assert (exchange.bucket, exchange.key) == ("bkt", name)
        assert exchange.caller.key_id == "AK"


def test_a_virtual_host_names_the_bucket(dialect: S3Dialect, keys: Ring, now_ms: int) -> None:
    s3 = client(endpoint="http://objects.example.org:4566", addressing_style="virtual")
    exchange = dialect.open(catch(s3, "get_object", Bucket="bkt", Key="a/b").request(), "R", keys, now_ms)
    assert (exchange.bucket, exchange.key) == ("bkt", "a/b")


def test_metadata_with_runs_of_spaces_verifies(dialect: S3Dialect, keys: Ring, now_ms: int) -> None:
    request = catch(client(), "put_object", Bucket="bkt", Key="k", Body=b"x", Metadata={"note": "two  spaces   three"})
    assert outcome(dialect, request, keys, now_ms) == ""


def test_the_region_that_was_signed_for_is_known(dialect: S3Dialect, keys: Ring, now_ms: int) -> None:
    s3 = client(region="eu-central-1")
    exchange = dialect.open(catch(s3, "head_bucket", Bucket="bkt").request(), "R", keys, now_ms)
    assert exchange.place is not None
    assert (exchange.place.cloud, exchange.place.region) == ("aws", "eu-central-1")


def test_headers_that_were_moved_into_a_url_count(dialect: S3Dialect, keys: Ring, now_ms: int) -> None:
    """The SDK for JavaScript signs x-amz-* headers as query parameters."""
    url = _presign_with("http://127.0.0.1:4566/bkt/k?x-amz-meta-colour=red&x-amz-storage-class=GLACIER", "PUT")
    request = presigned(url, "PUT", {"content-length": "1"}, b"x")
    exchange = dialect.open(request.request(), "R", keys, now_ms)
    command: Any = exchange.operation.bind(exchange, b"") if exchange.operation and exchange.operation.bind else None
    assert command.meta.user == {"colour": "red"}
    assert command.meta.storage_class == "archive"


def _presign_with(url: str, method: str) -> str:
    from botocore.auth import S3SigV4QueryAuth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    from tests.aws.sdk import SECRET

    request = AWSRequest(method, url)
    S3SigV4QueryAuth(Credentials("AK", SECRET), "s3", "us-east-1").add_auth(request)
    return str(request.prepare().url)


# --- changed copies --------------------------------------------------------------------------------------------------


def put(**more: Any) -> Sent:
    return catch(
        client(**more), "put_object", Bucket="bkt", Key="folder/key", Body=b"hello", ContentType="text/plain",
        Metadata={"colour": "red"}, Tagging="a=b", StorageClass="STANDARD_IA",
    )  # fmt: skip


def test_every_signed_header_holds(dialect: S3Dialect, keys: Ring, now_ms: int) -> None:
    request = put()
    assert outcome(dialect, request, keys, now_ms) == ""
    signed = request.headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    assert {"host", "content-type", "x-amz-meta-colour", "x-amz-tagging", "x-amz-checksum-crc32"} <= set(signed)
    for name in signed:
        for value in (request.headers[name] + "0", "", None):
            code = outcome(dialect, request.with_header(name, value), keys, now_ms)
            assert code, (name, value)
            if name not in ("x-amz-date", "x-amz-content-sha256"):
                assert code == "SignatureDoesNotMatch", (name, value)


def test_an_empty_header_cannot_be_taken_away(dialect: S3Dialect, keys: Ring, now_ms: int) -> None:
    request = catch(client(), "put_object", Bucket="bkt", Key="k", Body=b"x", Metadata={"empty": ""})
    assert outcome(dialect, request, keys, now_ms) == ""
    assert outcome(dialect, request.with_header("x-amz-meta-empty", None), keys, now_ms) == "SignatureDoesNotMatch"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda r: replace(r, method="POST"), "SignatureDoesNotMatch"),
        (lambda r: replace(r, path="/bkt/folder/kez"), "SignatureDoesNotMatch"),
        (lambda r: replace(r, path="/bkt/folder//key"), "SignatureDoesNotMatch"),
        (lambda r: replace(r, path="/bkt/x/../folder/key"), "SignatureDoesNotMatch"),
        (lambda r: replace(r, query="versionId=1"), "SignatureDoesNotMatch"),
        (lambda r: replace(r, query="acl"), "SignatureDoesNotMatch"),
        (lambda r: replace(r, body=b"hellp"), "XAmzContentSHA256Mismatch"),
        (lambda r: replace(r, body=b""), "IncompleteBody"),
        (lambda r: replace(r, body=b"hello!"), "IncompleteBody"),
        (lambda r: r.with_header("x-amz-acl", "private"), "AccessDenied"),
        (lambda r: r.with_header("x-amz-copy-source", "other/key"), "AccessDenied"),
        (lambda r: r.with_header("x-amz-security-token", "made-up"), "InvalidToken"),
        (lambda r: r.with_header("x-amz-content-sha256", "UNSIGNED-PAYLOAD"), "SignatureDoesNotMatch"),
        (lambda r: r.with_header("x-amz-content-sha256", None), "InvalidRequest"),
        (lambda r: r.with_header("x-amz-date", None), "AccessDenied"),
        (lambda r: r.with_header("x-amz-date", "yesterday"), "AccessDenied"),
        (lambda r: r.with_header("authorization", None), "AccessDenied-by-guard"),
        (lambda r: r.with_header("authorization", "AWS4-HMAC-SHA256"), "AuthorizationHeaderMalformed"),
        (lambda r: r.with_header("authorization", "AWS4-HMAC-SHA512 x=y"), "InvalidArgument"),
        (lambda r: r.with_header("authorization", "AWS4-ECDSA-P256-SHA256 x=y"), "NotImplemented"),
        (lambda r: r.with_header("authorization", "AWS AK:c2lnbmF0dXJl"), "SignatureDoesNotMatch"),
        (lambda r: replace(r, query="X-Amz-Signature=0"), "InvalidArgument"),
        (lambda r: replace(r, query="Signature=0"), "InvalidArgument"),
    ],
)
def test_changes_get_the_vendors_error(change: Any, code: str, dialect: S3Dialect, keys: Ring, now_ms: int) -> None:
    # An unsigned request is opened as nobody's: what nobody may do is the guard's to say.
    if code == "AccessDenied-by-guard":
        exchange = dialect.open(change(put()).request(), "R", keys, now_ms)
        assert exchange.caller.anonymous
        return
    assert outcome(dialect, change(put()), keys, now_ms) == code


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("Signature=", "Signature=0", "SignatureDoesNotMatch"),
        ("Signature=", "Signature=é", "SignatureDoesNotMatch"),
        (", Signature=", ", Sig=", "AuthorizationHeaderMalformed"),
        ("Credential=AK/", "Credential=NOBODY/", "InvalidAccessKeyId"),
        ("Credential=AK/", "Credential=\udcff/", "InvalidAccessKeyId"),
        ("Credential=AK/", f"Credential={'A' * 9999}/", "InvalidAccessKeyId"),
        ("Credential=AK/", "Credential=OTHER/", "SignatureDoesNotMatch"),
        ("Credential=AK/", "Credential=OFF/", "InvalidAccessKeyId"),
        ("Credential=AK/", "Credential=TEMP/", "InvalidToken"),
        ("Credential=AK/", "Credential=/", "AuthorizationHeaderMalformed"),
        ("Credential=AK/20", "Credential=AK/19", "AuthorizationHeaderMalformed"),
        ("Credential=AK/20", "Credential=AK/ab", "AuthorizationHeaderMalformed"),
        ("/us-east-1/", "/eu-west-1/", "SignatureDoesNotMatch"),
        ("/us-east-1/", "//", "AuthorizationHeaderMalformed"),
        ("/s3/", "/sqs/", "AuthorizationHeaderMalformed"),
        ("/aws4_request", "/aws3_request", "AuthorizationHeaderMalformed"),
        ("/aws4_request", "", "AuthorizationHeaderMalformed"),
        ("host;", "", "AccessDenied"),
        (";x-amz-meta-colour", "", "AccessDenied"),
        (";x-amz-tagging", "", "AccessDenied"),
        ("content-type;", "", "SignatureDoesNotMatch"),
        ("host;", "host;x-foo;", "SignatureDoesNotMatch"),
        ("SignedHeaders=", "SignedHeaders=, SignedHeaders=", "AuthorizationHeaderMalformed"),
    ],
)
def test_a_changed_authorization_gets_the_vendors_error(
    old: str, new: str, code: str, dialect: S3Dialect, keys: Ring, now_ms: int
) -> None:
    request = put()
    authorization = request.headers["authorization"]
    assert old in authorization
    assert outcome(dialect, request.with_header("authorization", authorization.replace(old, new)), keys, now_ms) == code


def test_a_wrong_secret_is_refused_in_every_form(dialect: S3Dialect, keys: Ring, now_ms: int) -> None:
    wrong = client(secret="not-the-secret")
    v4 = client(secret="not-the-secret", signature="s3v4")
    url = v4.generate_presigned_url("get_object", Params={"Bucket": "bkt", "Key": "k"})
    assert outcome(dialect, catch(wrong, "list_buckets"), keys, now_ms) == "SignatureDoesNotMatch"
    assert outcome(dialect, presigned(url), keys, now_ms) == "SignatureDoesNotMatch"


@pytest.mark.parametrize("minutes", [-16, 16])
def test_a_clock_far_away_is_refused(minutes: int, dialect: S3Dialect, keys: Ring, now_ms: int) -> None:
    request = catch(client(), "list_buckets")
    assert outcome(dialect, request, keys, now_ms + minutes * 60 * 1000) == "RequestTimeTooSkewed"
    assert outcome(dialect, request, keys, now_ms + minutes * 14 * 60 * 1000 // 16) == ""


def test_tokens(dialect: S3Dialect, keys: Ring, now_ms: int) -> None:
    def said(key_id: str, token: str | None) -> tuple[str, str]:
        s3 = client(key_id, token=token, signature="s3v4")
        url = s3.generate_presigned_url("get_object", Params={"Bucket": "bkt", "Key": "k"})
        return outcome(dialect, catch(s3, "list_buckets"), keys, now_ms), outcome(dialect, presigned(url), keys, now_ms)

    assert said("TEMP", "the-session-token") == ("", "")
    assert said("TEMP", None) == ("InvalidToken", "InvalidToken")
    assert said("TEMP", "the-session-tokem") == ("InvalidToken", "InvalidToken")
    assert said("AK", "the-session-token") == ("InvalidToken", "InvalidToken")
    assert said("OLD", "the-session-token") == ("ExpiredToken", "ExpiredToken")
    good = catch(client("TEMP", token="the-session-token"), "list_buckets")
    assert outcome(dialect, good.with_header("x-amz-security-token", None), keys, now_ms) == "InvalidToken"


def test_no_error_tells_a_secret(dialect: S3Dialect, keys: Ring, now_ms: int) -> None:
    request = catch(client("TEMP", token="the-session-token"), "get_object", Bucket="bkt", Key="k")
    request = replace(request, path="/bkt/other")
    fault = fault_of(lambda: dialect.open(request.request(), "R", keys, now_ms))
    body = dialect.refuse(request.request(), "R" * 24, fault).body
    assert isinstance(body, bytes) and b"SignatureDoesNotMatch" in body and b"<CanonicalRequest>" in body
    assert b"the-session-token" not in body and b"EXAMPLEKEY" not in body
    assert b"the-session-token".hex(" ").encode() not in body


# --- presigned URLs --------------------------------------------------------------------------------------------------


def url() -> str:
    return str(
        client(signature="s3v4").generate_presigned_url(
            "get_object",
            Params={"Bucket": "bkt", "Key": "k", "ResponseContentType": "text/plain"},
            ExpiresIn=600,
        )
    )


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("/bkt/k?", "/bkt/l?", "SignatureDoesNotMatch"),
        ("text%2Fplain", "text%2Fhtml", "SignatureDoesNotMatch"),
        ("response-content-type=text%2Fplain&", "", "SignatureDoesNotMatch"),
        ("X-Amz-Expires=600", "X-Amz-Expires=601", "SignatureDoesNotMatch"),
        ("X-Amz-Expires=600", "X-Amz-Expires=604801", "AuthorizationQueryParametersError"),
        ("X-Amz-Expires=600", "X-Amz-Expires=0", "AuthorizationQueryParametersError"),
        ("X-Amz-Expires=600", "X-Amz-Expires=-1", "AuthorizationQueryParametersError"),
        ("X-Amz-Expires=600", "X-Amz-Expires=ten", "AuthorizationQueryParametersError"),
        ("X-Amz-Expires=600", "X-Amz-Expires=600&X-Amz-Expires=600", "AuthorizationQueryParametersError"),
        ("X-Amz-Expires=600&", "", "AuthorizationQueryParametersError"),
        ("X-Amz-Date=20", "X-Amz-Date=x0", "AuthorizationQueryParametersError"),
        ("%2Fs3%2F", "%2Fiam%2F", "AuthorizationQueryParametersError"),
        ("X-Amz-Credential=AK%2F20", "X-Amz-Credential=AK%2F19", "AuthorizationQueryParametersError"),
        ("X-Amz-Credential=AK", "X-Amz-Credential=OFF", "InvalidAccessKeyId"),
        ("X-Amz-Algorithm=AWS4-HMAC-SHA256", "X-Amz-Algorithm=AWS4-HMAC-SHA1", "AuthorizationQueryParametersError"),
        ("X-Amz-Algorithm=AWS4-HMAC-SHA256&", "", "AuthorizationQueryParametersError"),
        ("X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders=", "AccessDenied"),
        ("X-Amz-Signature=", "X-Amz-Signature=0", "SignatureDoesNotMatch"),
        ("&X-Amz-Signature=", "&versionId=1&X-Amz-Signature=", "SignatureDoesNotMatch"),
        ("&X-Amz-Signature=", "&x-amz-meta-a=b&X-Amz-Signature=", "SignatureDoesNotMatch"),
    ],
)
def test_a_changed_url_gets_the_vendors_error(
    old: str, new: str, code: str, dialect: S3Dialect, keys: Ring, now_ms: int
) -> None:
    good = url()
    assert old in good
    assert outcome(dialect, presigned(good), keys, now_ms) == ""
    assert outcome(dialect, presigned(good.replace(old, new)), keys, now_ms) == code


def test_a_url_ends_when_it_says(dialect: S3Dialect, keys: Ring, now_ms: int) -> None:
    good = presigned(url())
    assert outcome(dialect, good, keys, now_ms + 599 * 1000) == ""
    assert outcome(dialect, good, keys, now_ms + 602 * 1000) == "AccessDenied"
    assert outcome(dialect, good, keys, now_ms - 16 * 60 * 1000) == "AccessDenied"


def test_a_url_lets_no_other_header_in(dialect: S3Dialect, keys: Ring, now_ms: int) -> None:
    good = presigned(url())
    assert outcome(dialect, good.with_header("x-amz-checksum-mode", "ENABLED"), keys, now_ms) == "AccessDenied"
    assert outcome(dialect, good.with_header("host", "127.0.0.1:1"), keys, now_ms) == "SignatureDoesNotMatch"


# --- anything at all -------------------------------------------------------------------------------------------------


@given(st.text(max_size=200))
def test_any_authorization_is_a_fault_and_no_accident(tail: str) -> None:
    request = put_template().with_header("authorization", "AWS4-HMAC-SHA256 " + tail)
    with pytest.raises(Fault):
        SigV4("s3").verify_header(request.request(), EXAMPLE_KEYS, EXAMPLE_MS)


@given(st.sampled_from(("Credential", "SignedHeaders", "Signature")), st.text(max_size=60))
def test_any_part_of_an_authorization_is_a_fault_and_no_accident(part: str, value: str) -> None:
    parts = {"Credential": "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request", "SignedHeaders": "host"}
    parts |= {"Signature": "0" * 64, part: value}
    header = "AWS4-HMAC-SHA256 " + ", ".join(f"{name}={text}" for name, text in parts.items())
    with pytest.raises(Fault):
        SigV4("s3").verify_header(
            put_template().with_header("authorization", header).request(), EXAMPLE_KEYS, EXAMPLE_MS
        )


@given(st.dictionaries(st.sampled_from(("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires",
                                        "X-Amz-SignedHeaders", "X-Amz-Signature")), st.text(max_size=40)))  # fmt: skip
def test_any_query_is_a_fault_and_no_accident(parameters: dict[str, str]) -> None:
    from urllib.parse import urlencode

    query = urlencode({name: value.encode("utf-8", "surrogatepass") for name, value in parameters.items()})
    with pytest.raises(Fault):
        SigV4("s3").verify_query(replace(put_template(), query=query).request(), EXAMPLE_KEYS, EXAMPLE_MS)


def put_template() -> Sent:
    return EXAMPLES["get"]
