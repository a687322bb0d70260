"""What real SDKs sent: every request is OSS's, verifies, and asks for the right thing; tampered copies do not."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest

from sampan.dialects.aliyun.oss.dialect import OssDialect
from sampan.gateway.dispatch import Dispatcher
from sampan.kernel.fault import Fault, Kind
from tests.aliyun.captured import NAMES, Captured, Ring, key, load, ring_for, secret_for

ID = "5C06A3B67B8B5A3DA422299D"

OPERATIONS = {
    "abort": "AbortMultipartUpload", "acl_get_bucket": "GetBucketAcl", "acl_put_obj": "PutObjectAcl",
    "append": "AppendObject", "batch_delete": "DeleteMultipleObjects", "complete": "CompleteMultipartUpload",
    "copy": "CopyObject", "delete": "DeleteObject", "deleteMulti": "DeleteMultipleObjects",
    "delete_multiple": "DeleteMultipleObjects", "get": "GetObject", "get_object": "GetObject",
    "get_object_meta": "GetObjectMeta", "get_object_range": "GetObject", "head_object": "HeadObject",
    "init_multipart": "InitiateMultipartUpload", "lifecycle": "PutBucketLifecycle", "list_buckets": "ListBuckets",
    "listV2": "ListObjectsV2", "listv1": "ListObjects", "listv2": "ListObjectsV2", "live": "PutLiveChannel",
    "missing": "GetObject", "policy_put": "PutBucketPolicy", "presigned": "GetObject", "presigned_get": "GetObject",
    "presigned_put": "PutObject", "put": "PutObject", "put_bucket": "PutBucket", "put_object": "PutObject",
    "putfalse": "PutObject", "puttrue": "PutObject", "restore": "RestoreObject", "sts_localhost_sld": "PutObject",
    "symlink_get": "GetSymlink", "symlink_put": "PutSymlink", "tagging": "PutObjectTagging",
    "upload_part": "UploadPart", "versioning": "PutBucketVersioning",
}  # fmt: skip

UNDONE = {"process_image": "x-oss-process", "put_callback": "x-oss-callback"}


@pytest.fixture(scope="module")
def dialect() -> OssDialect:
    return OssDialect((), "cn-hangzhou")


def what(name: str) -> str:
    """`put_object` of `oss2_v4_03_put_object`."""
    words = name.split("_")
    return "_".join(words[next(i for i, word in enumerate(words) if word.isdigit()) + 1 :])


SIGNED = [name for name in NAMES if what(name) not in UNDONE]


def test_the_captures_are_there() -> None:
    assert len(NAMES) == 102


@pytest.mark.parametrize("name", NAMES)
def test_is_claimed_by_its_signature(dialect: OssDialect, name: str) -> None:
    assert Dispatcher([dialect]).claimants(load(name).request())[0] == (0, dialect)


@pytest.mark.parametrize("name", SIGNED)
def test_verifies_and_routes(dialect: OssDialect, name: str) -> None:
    captured = load(name)
    x = dialect.open(captured.request(), ID, ring_for(name), captured.signed_ms)
    assert x.caller.account == "123456789012"
    assert x.operation is not None
    assert x.operation.name == OPERATIONS[what(name)]
    assert x.bucket == ("" if what(name) == "list_buckets" else "wirebkt")
    if "hello world" in x.key:
        assert x.key == "dir/hello world+中.txt"


@pytest.mark.parametrize("name", [name for name in NAMES if what(name) in UNDONE])
def test_what_is_not_done_is_named(dialect: OssDialect, name: str) -> None:
    captured = load(name)
    with pytest.raises(Fault) as caught:
        dialect.open(captured.request(), ID, ring_for(name), captured.signed_ms)
    assert (caught.value.kind, caught.value.noun) == (Kind.NOT_DONE, "operation")
    assert UNDONE[what(name)] in caught.value.why


# --- tampering -------------------------------------------------------------------------------------------------------


def refused(dialect: OssDialect, captured: Captured, ring: Ring, now_ms: int) -> str:
    """The vendor's code for the refusal."""
    request = captured.request()
    with pytest.raises(Fault) as caught:
        dialect.open(request, ID, ring, now_ms)
    reply = dialect.refuse(request, ID, caught.value)
    body = reply.body if reply.body else base64.b64decode(dict(reply.headers)["x-oss-err"])
    assert isinstance(body, bytes)
    assert reply.status >= 400
    assert b"TESTSK" not in body
    return body.decode().split("<Code>")[1].split("</Code>")[0]


def _query(captured: Captured, more: str) -> Captured:
    path, mark, query = captured.target.partition("?")
    return captured.but(target=f"{path}?{query}&{more}" if mark else f"{path}?{more}")


TAMPERED: dict[str, Callable[[Captured], Captured]] = {
    "method": lambda c: c.but(method="GET" if c.method != "GET" else "HEAD"),
    "key": lambda c: c.but(target=c.target.replace("wirebkt", "wirebkt/other", 1) if "wirebkt/" in c.target else
                           "/other" + c.target),
    "sub-resource": lambda c: _query(c, "acl"),
    "vendor's parameter": lambda c: _query(c, "x-oss-ac-source-ip=1.2.3.4"),
    "vendor's header": lambda c: c.header("x-oss-meta-evil", "1"),
    "content type": lambda c: c.header("content-type", "text/evil"),
    "content md5": lambda c: c.header("content-md5", "AAAAAAAAAAAAAAAAAAAAAA=="),
}  # fmt: skip


@pytest.mark.parametrize("how", TAMPERED)
@pytest.mark.parametrize("name", NAMES)
def test_a_tampered_copy_is_refused(dialect: OssDialect, name: str, how: str) -> None:
    captured = load(name)
    code = refused(dialect, TAMPERED[how](captured), ring_for(name), captured.signed_ms)
    assert code == "SignatureDoesNotMatch"


@pytest.mark.parametrize("name", [name for name in NAMES if "_v1" not in name and "sld" not in name])
def test_v2_and_v4_sign_every_parameter(dialect: OssDialect, name: str) -> None:
    captured = load(name)
    code = refused(dialect, _query(captured, "prefix=evil"), ring_for(name), captured.signed_ms)
    assert code == "SignatureDoesNotMatch"


def test_v1_does_not_sign_an_ordinary_parameter(dialect: OssDialect) -> None:
    captured = load("oss2_v1_04_get_object_range")
    request = _query(captured, "max-keys=1").request()
    assert dialect.open(request, ID, ring_for(""), captured.signed_ms).caller.account


@pytest.mark.parametrize("name", NAMES)
def test_another_secret_is_refused(dialect: OssDialect, name: str) -> None:
    captured = load(name)
    token = captured.headers.get("x-oss-security-token") or captured.headers.get("security-token")
    params = dict(captured.request().query)
    token = token or params.get("security-token") or params.get("x-oss-security-token")
    wrong = secret_for(name) + "x"
    ring = Ring(key("TESTAK", wrong, token), key("STS.AK", wrong, token))
    assert refused(dialect, captured, ring, captured.signed_ms) == "SignatureDoesNotMatch"


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_key_is_refused(dialect: OssDialect, name: str) -> None:
    captured = load(name)
    assert refused(dialect, captured, Ring(), captured.signed_ms) == "InvalidAccessKeyId"


@pytest.mark.parametrize("name", [name for name in NAMES if "presigned" not in name])
@pytest.mark.parametrize("minutes", [-16, 16])
def test_another_time_is_refused(dialect: OssDialect, name: str, minutes: int) -> None:
    captured = load(name)
    now_ms = captured.signed_ms + minutes * 60_000
    assert refused(dialect, captured, ring_for(name), now_ms) == "RequestTimeTooSkewed"


@pytest.mark.parametrize("name", [name for name in NAMES if "presigned" not in name])
@pytest.mark.parametrize("minutes", [-14, 14])
def test_a_little_skew_is_fine(dialect: OssDialect, name: str, minutes: int) -> None:
    captured = load(name)
    if what(name) in UNDONE:
        return
    assert dialect.open(captured.request(), ID, ring_for(name), captured.signed_ms + minutes * 60_000).caller.account


@pytest.mark.parametrize("name", [name for name in NAMES if "presigned" not in name])
def test_a_changed_date_is_refused(dialect: OssDialect, name: str) -> None:
    captured = load(name)
    header = "x-oss-date" if "x-oss-date" in captured.headers else "date"
    value = captured.headers[header]
    at = len(value) - (2 if value.endswith("Z") else 5)  # the last digit of the seconds
    changed = value[:at] + str((int(value[at]) + 1) % 10) + value[at + 1 :]
    code = refused(dialect, captured.header(header, changed), ring_for(name), captured.signed_ms)
    assert code == "SignatureDoesNotMatch"


@pytest.mark.parametrize("name", [name for name in NAMES if "presigned" in name])
def test_an_expired_url_is_refused(dialect: OssDialect, name: str) -> None:
    captured = load(name)
    assert refused(dialect, captured, ring_for(name), captured.signed_ms + 2 * 3600_000) == "AccessDenied"


@pytest.mark.parametrize("name", [name for name in NAMES if "presigned" in name])
def test_a_longer_life_is_refused(dialect: OssDialect, name: str) -> None:
    captured = load(name)
    target = captured.target.replace("x-oss-expires=", "x-oss-expires=1").replace("&Expires=", "&Expires=9")
    target = target.replace("?Expires=", "?Expires=9")
    assert target != captured.target
    code = refused(dialect, captured.but(target=target), ring_for(name), captured.signed_ms)
    assert code == "SignatureDoesNotMatch"


@pytest.mark.parametrize("name", NAMES)
def test_half_a_signature_is_not_none(dialect: OssDialect, name: str) -> None:
    """Leaving out a part of a URL's signature never makes the request an anonymous one."""
    captured = load(name)
    path, _, query = captured.target.partition("?")
    parts = query.split("&")
    marks = ("OSSAccessKeyId", "Signature", "Expires", "x-oss-signature", "x-oss-credential", "x-oss-expires",
             "x-oss-signature-version", "x-oss-date")  # fmt: skip
    for part in parts:
        if part.partition("=")[0] in marks:
            rest = "&".join(other for other in parts if other is not part)
            code = refused(dialect, captured.but(target=f"{path}?{rest}"), ring_for(name), captured.signed_ms)
            assert code in ("InvalidArgument", "SignatureDoesNotMatch")
