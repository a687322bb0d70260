"""Signatures of requests that the SDKs make here and now: keys, tokens, times, and schemes mixed up."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import alibabacloud_oss_v2 as oss_v2
import oss2
import pytest

from sampan.dialects.aliyun.oss.dialect import OssDialect
from sampan.dialects.aliyun.oss.exchange import OssExchange
from sampan.dialects.aliyun.wire import oss_v4
from sampan.dialects.aliyun.wire.oss_claim import Scope
from sampan.kernel.fault import Fault, Kind
from tests.aliyun.captured import Captured, Ring, key
from tests.aliyun.offline import bucket, captured, client, sent

ID = "5C06A3B67B8B5A3DA422299D"
RING = Ring(key("TESTAK", "TESTSK"))
AUTHS = {"v1": oss2.Auth, "v2": oss2.AuthV2, "v4": oss2.AuthV4}
KEYS = ["plain", "a b", "dir/中文/ü+&=?#%25", "'()*!~", "a..b", "a//b", "\u00a0\U0001f600", "%41", "a" * 1000]


def now() -> int:
    return time.time_ns() // 1_000_000


def opened(
    request: Captured, ring: Ring = RING, at_ms: int | None = None, domains: tuple[str, ...] = ()
) -> OssExchange:
    dialect = OssDialect(domains, "cn-hangzhou")
    return dialect.open(request.request(), ID, ring, now() if at_ms is None else at_ms)


def fault(request: Captured, ring: Ring = RING, at_ms: int | None = None) -> tuple[Kind, str]:
    with pytest.raises(Fault) as caught:
        opened(request, ring, at_ms)
    return caught.value.kind, caught.value.noun


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("version", AUTHS)
def test_oss2_any_key(version: str, name: str) -> None:
    request = sent(lambda: bucket(AUTHS[version]("TESTAK", "TESTSK")).put_object(name, b"x"))
    x = opened(request)
    assert (x.bucket, x.key) == ("photos", name)


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:4566", "http://oss-cn-hangzhou.aliyuncs.com"])
@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("version", ["v1", "v4"])
def test_oss_v2_any_key(version: str, name: str, endpoint: str) -> None:
    request = sent(
        lambda: client(version, endpoint).put_object(
            oss_v2.PutObjectRequest(bucket="photos", key=name, body=b"x", metadata={"a": "b c"})
        )
    )
    x = opened(request)
    assert (x.bucket, x.key) == ("photos", name)


HOSTS = ["http://oss-cn-hangzhou.aliyuncs.com", "http://oss-cn-hangzhou-internal.aliyuncs.com",
         "http://store.example:4566", "http://sub.store.example"]  # fmt: skip


@pytest.mark.parametrize("endpoint", HOSTS)
@pytest.mark.parametrize("version", AUTHS)
def test_virtual_hosts(version: str, endpoint: str) -> None:
    request = sent(lambda: bucket(AUTHS[version]("TESTAK", "TESTSK"), endpoint).get_object("photos/k"))
    assert request.headers["host"].startswith("photos.")
    x = opened(request, domains=("store.example", "sub.store.example"))
    assert (x.bucket, x.key) == ("photos", "photos/k")


@pytest.mark.parametrize("version", AUTHS)
def test_bucket_in_host_and_path_is_path_style(version: str) -> None:
    request = sent(lambda: bucket(AUTHS[version]("TESTAK", "TESTSK")).get_object("k"))
    x = opened(request.header("host", "photos.oss-cn-hangzhou.aliyuncs.com"))
    assert (x.bucket, x.key) == ("photos", "k")


def test_the_region_of_the_signature_goes_before_that_of_the_host() -> None:
    request = sent(
        lambda: bucket(oss2.AuthV4("TESTAK", "TESTSK"), "http://oss-cn-beijing.aliyuncs.com").get_object("k")
    )
    place = opened(request).place
    assert place is not None
    assert place.region == "cn-hangzhou"
    request = sent(lambda: bucket(oss2.Auth("TESTAK", "TESTSK"), "http://oss-cn-beijing.aliyuncs.com").get_object("k"))
    place = opened(request).place
    assert place is not None
    assert place.region == "cn-beijing"


# --- presigned URLs --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", AUTHS)
def test_signed_url_lives_as_long_as_it_says(version: str) -> None:
    url = bucket(AUTHS[version]("TESTAK", "TESTSK")).sign_url("GET", "a b/中", 600, slash_safe=True)
    request = captured("GET", url, {})
    assert opened(request).key == "a b/中"
    assert opened(request, at_ms=now() + 590_000).key == "a b/中"
    assert fault(request, at_ms=now() + 602_000) == (Kind.EXPIRED, "request")


def test_v4_url_is_good_a_quarter_of_an_hour_before_its_date() -> None:
    url = bucket(oss2.AuthV4("TESTAK", "TESTSK")).sign_url("GET", "k", 60)
    request = captured("GET", url, {})
    assert opened(request, at_ms=now() - 14 * 60_000).key == "k"
    assert fault(request, at_ms=now() - 16 * 60_000) == (Kind.EXPIRED, "request")


@pytest.mark.parametrize(("seconds", "good"), [(1, True), (604800, True), (604801, False), (0, False)])
def test_v4_url_lives_a_week_at_most(seconds: int, good: bool) -> None:
    url = bucket(oss2.AuthV4("TESTAK", "TESTSK")).sign_url("GET", "k", seconds)
    request = captured("GET", url, {})
    if good:
        assert opened(request).key == "k"
    else:
        assert fault(request) == (Kind.INVALID, "argument")


@pytest.mark.parametrize("version", AUTHS)
def test_signed_url_covers_headers_and_overrides(version: str) -> None:
    params = {"response-content-type": "text/x", "versionId": "null"}
    url = bucket(AUTHS[version]("TESTAK", "TESTSK")).sign_url("GET", "k", 60, params=params)
    assert opened(captured("GET", url, {})).params["response-content-type"] == "text/x"
    assert fault(captured("GET", url.replace("text%2Fx", "text%2Fy"), {})) == (Kind.MISMATCH, "signature")
    assert fault(captured("GET", url, {"x-oss-range-behavior": "standard"})) == (Kind.MISMATCH, "signature")


@pytest.mark.parametrize("version", ["v1", "v4"])
def test_oss_v2_presigns(version: str) -> None:
    signed = client(version).presign(oss_v2.GetObjectRequest(bucket="photos", key="a/ü b"))
    assert opened(captured("GET", signed.url, signed.signed_headers)).key == "a/ü b"


# --- keys and tokens -------------------------------------------------------------------------------------------------


def sts(version: str, token: str) -> Captured:
    auth = oss2.StsAuth("TESTAK", "TESTSK", token, version)
    return sent(lambda: bucket(auth).get_object("k"))


def sts_url(version: str, token: str) -> Captured:
    return captured("GET", bucket(oss2.StsAuth("TESTAK", "TESTSK", token, version)).sign_url("GET", "k", 600), {})


def bare(version: str, token: str) -> Captured:
    """alibabacloud-oss-v2 with V1 sends the token in a header of its own, unsigned."""
    request = oss_v2.GetObjectRequest(bucket="photos", key="k")
    return sent(lambda: client("v1" if version == "v2" else version, token=token).get_object(request))


@pytest.mark.parametrize("make", [sts, sts_url, bare])
@pytest.mark.parametrize("version", AUTHS)
def test_session_tokens(version: str, make: Callable[[str, str], Captured]) -> None:
    until = now() + 60_000
    ring = Ring(key("TESTAK", "TESTSK", "TOKEN+/=", expires_ms=until))
    request = make(version, "TOKEN+/=")
    assert opened(request, ring).caller.key_id == "TESTAK"
    assert fault(request, ring, until) == (Kind.EXPIRED, "token")
    assert fault(make(version, "OTHER"), ring) == (Kind.INVALID, "token")
    assert fault(request, RING) == (Kind.INVALID, "token"), "a long-term key has no token"


@pytest.mark.parametrize("version", AUTHS)
def test_a_temporary_key_without_its_token_is_unknown(version: str) -> None:
    ring = Ring(key("TESTAK", "TESTSK", "TOKEN"))
    request = sent(lambda: bucket(AUTHS[version]("TESTAK", "TESTSK")).get_object("k"))
    assert fault(request, ring) == (Kind.MISSING, "key")


def test_two_tokens_are_refused() -> None:
    ring = Ring(key("TESTAK", "TESTSK", "TOKEN"))
    assert fault(bare("v1", "TOKEN").header("x-oss-security-token", "OTHER"), ring) == (Kind.INVALID, "token")


def test_an_inactive_key_is_refused() -> None:
    request = sent(lambda: bucket(oss2.Auth("TESTAK", "TESTSK")).get_object("k"))
    assert fault(request, Ring(key("TESTAK", "TESTSK", active=False))) == (Kind.CONFLICT, "key")


def test_no_token_in_the_error() -> None:
    request = sts("v1", "SECRET-TOKEN").header("x-oss-meta-a", "tampered")
    with pytest.raises(Fault) as caught:
        opened(request, Ring(key("TESTAK", "TESTSK", "SECRET-TOKEN")))
    assert "SECRET-TOKEN" not in repr(caught.value.facts)


# --- schemes mixed up ------------------------------------------------------------------------------------------------


def test_two_schemes_at_once_are_refused() -> None:
    url = bucket(oss2.AuthV4("TESTAK", "TESTSK")).sign_url("GET", "k", 60)
    old = bucket(oss2.Auth("TESTAK", "TESTSK")).sign_url("GET", "k", 60)
    header = sent(lambda: bucket(oss2.Auth("TESTAK", "TESTSK")).get_object("k")).headers
    assert fault(captured("GET", url, header)) == (Kind.INVALID, "authorization")
    assert fault(captured("GET", f"{url}&{old.partition('?')[2]}", {})) == (Kind.INVALID, "authorization")


@pytest.mark.parametrize(
    "value",
    ["", "OSS", "OSS ", "OSS TESTAK", "OSS TESTAK:", "Basic TESTAK:x", "OSS2 ", "OSS2 AccessKeyId:TESTAK", "OSS4 x",
     "OSS4-HMAC-SHA256 ", "OSS4-HMAC-SHA256 Credential=TESTAK,Signature=", "OSS \x00:x", "OSS TESTAK :x"],
)  # fmt: skip
def test_a_broken_header_is_never_anonymous(value: str) -> None:
    request = captured("GET", "http://127.0.0.1/photos/k", {})
    request = request.header("authorization", value).header(
        "date", time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())
    )
    assert fault(request) in [(Kind.INVALID, "authorization"), (Kind.MISMATCH, "signature"), (Kind.MISSING, "key")]


@pytest.mark.parametrize("date", [None, "yesterday", "Sun, 99 Nov 2026 10:17:27 GMT", "2026-11-22T10:17:27Z"])
def test_a_header_without_a_date_is_refused(date: str | None) -> None:
    for auth in (oss2.Auth, oss2.AuthV2):
        request = sent(lambda auth=auth: bucket(auth("TESTAK", "TESTSK")).get_object("k"))
        assert fault(request.header("date", date)) == (Kind.ABSENT, "authorization")


@pytest.mark.parametrize(
    ("old", "new", "noun"),
    [("cn-hangzhou", "CN_Hangzhou", "region"), ("cn-hangzhou", "", "region"), ("/oss/", "/s3/", "authorization"),
     ("aliyun_v4_request", "aws4_request", "authorization"), ("TESTAK/", "TESTAK/19700101/", "authorization")],
)  # fmt: skip
def test_a_broken_scope_is_refused(old: str, new: str, noun: str) -> None:
    request = sent(lambda: bucket(oss2.AuthV4("TESTAK", "TESTSK")).get_object("k"))
    value = request.headers["authorization"].replace(old, new)
    assert fault(request.header("authorization", value)) == (Kind.INVALID, noun)


def test_a_scope_of_another_day_is_refused() -> None:
    request = sent(lambda: bucket(oss2.AuthV4("TESTAK", "TESTSK")).get_object("k"))
    today = request.headers["x-oss-date"][:8]
    value = request.headers["authorization"].replace(today, "19700101")
    assert fault(request.header("authorization", value)) == (Kind.INVALID, "authorization")


def test_nobody_lists_buckets() -> None:
    request = captured("GET", "http://oss-cn-hangzhou.aliyuncs.com/", {})
    assert fault(request) == (Kind.ABSENT, "authorization")


def test_nobody_may_still_ask_for_an_object() -> None:
    x = opened(captured("GET", "http://photos.oss-cn-hangzhou.aliyuncs.com/k", {}))
    assert x.caller.anonymous
    assert (x.bucket, x.key) == ("photos", "k")


# --- derived keys ----------------------------------------------------------------------------------------------------


def test_derived_keys_are_bounded_and_never_kept_for_a_wrong_signature() -> None:
    derived: Any = oss_v4.DerivedKeys()
    request = sent(lambda: bucket(oss2.AuthV4("TESTAK", "TESTSK")).get_object("k")).request()
    claim = oss_v4.from_header(request, request.headers["authorization"])
    assert not derived.matches(request, claim, "/photos/k", "WRONG")
    assert len(derived._kept) == 0
    for number in range(oss_v4._KEYS_MAX + 10):
        derived._kept.setdefault(("x", Scope(str(number), "r", "oss")), b"")
        if len(derived._kept) >= oss_v4._KEYS_MAX:
            break
    assert derived.matches(request, claim, "/photos/k", "TESTSK")
    assert len(derived._kept) == oss_v4._KEYS_MAX
    assert derived.matches(request, claim, "/photos/k", "TESTSK"), "the kept key is the right one"


def test_verifying_is_quick() -> None:
    """Far above what is measured (17 to 35 µs), far below what a mistake would cost."""
    request = sent(lambda: bucket(oss2.AuthV4("TESTAK", "TESTSK")).put_object("k", b"x")).request()
    dialect = OssDialect((), "cn-hangzhou")
    at_ms, times = now(), []
    for _ in range(10):  # the best of ten, in this process's own time: other processes do not count
        began = time.process_time()
        for _ in range(50):
            dialect.open(request, ID, RING, at_ms)
        times.append((time.process_time() - began) / 50)
    assert min(times) < 300e-6
