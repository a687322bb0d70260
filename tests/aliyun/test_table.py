"""The table of operations: whole, reachable, and chosen by what V1 signs."""

from __future__ import annotations

import re
from collections import Counter

import alibabacloud_oss_v2 as oss_v2
import oss2
import pytest

from sampan.dialects.aliyun.oss import ops, undone
from sampan.dialects.aliyun.oss.dialect import OssDialect
from sampan.dialects.aliyun.oss.routes import BUCKET, OBJECT, SERVICE, Route
from sampan.dialects.aliyun.wire.oss_v1 import SUBRESOURCES
from sampan.gateway.dispatch import Dispatcher
from sampan.gateway.http import Request

ROUTES = ops.all_routes()
TABLE = ops.table()
# SDK methods that are made of others, or make no request at all.
HELPERS = re.compile(
    r"(_to_file|_from_file|_with_url.*|_exist|_exists|_from|_iterator|paginator|presign|close|sign_.*)$"
)


def asked(route: Route) -> tuple[dict[str, str], dict[str, str]]:
    """A request's parameters and headers that take this route."""
    params = {route.marker: ""} if route.marker else {}
    headers: dict[str, str] = {}
    if route.also:
        test = route.also[0]
        name, _, value = test.partition("=")
        if test.endswith(":"):
            headers[test[:-1]] = "x"
        else:
            params[name] = value
    return params, headers


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.operation.name}-{route.level}")
def test_every_row_is_reached(route: Route) -> None:
    params, headers = asked(route)
    found = TABLE.find(route.level, route.method, params, headers)
    assert found is not None
    assert found.name == route.operation.name


def test_names_are_unique() -> None:
    assert [name for name, count in Counter(row.name for row in TABLE.operations).items() if count > 1] == []
    assert OssDialect((), "cn-hangzhou").operations == TABLE.operations


def test_what_is_done_is_done_wholly() -> None:
    for operation in TABLE.operations:
        assert (operation.bind is None) == (operation.render is None), operation.name
    assert sum(operation.bind is not None for operation in TABLE.operations) == 46


# Ordinary parameters by which nothing but readers and what is not done are chosen; see `oss_v1`.
UNSIGNED = {"list-type", "regions", "accessmonitor"}


def test_v1_signs_every_parameter_that_chooses_an_operation() -> None:
    for route in ROUTES:
        names = {route.marker, *(test.partition("=")[0] for test in route.also if not test.endswith(":"))} - {""}
        for name in names - UNSIGNED:
            assert name in SUBRESOURCES or name.startswith("x-oss-"), (route.operation.name, name)


def test_v1_signs_what_the_sdks_sign() -> None:
    signed = set(oss2.auth.ProviderAuth._subresource_key_set)
    signed |= oss_v2.signer.SignerV1._subresource_key_set
    assert {name for name in signed if name not in SUBRESOURCES and not name.startswith("x-oss-")} == set()


def test_every_method_of_oss_v2_has_a_row() -> None:
    ours = {operation.name.lower() for operation in TABLE.operations}
    theirs = {
        name.replace("_", "").lower()
        for name in dir(oss_v2.Client)
        if not name.startswith("_") and HELPERS.search(name) is None
    } - {"invokeoperation", "getobjecttofile", "putobjectfromfile", "downloader", "uploader", "copier", "appendfile",
         "openfile", "isobjectexist", "isbucketexist", "getendpoint"}  # fmt: skip
    assert theirs - ours == set()


@pytest.mark.parametrize("method", ["PATCH", "TRACE", "CONNECT", "get", "PROPFIND"])
@pytest.mark.parametrize("level", [SERVICE, BUCKET, OBJECT])
def test_other_methods_are_unknown(level: str, method: str) -> None:
    assert TABLE.find(level, method, {}, {}) is None


def test_what_is_not_done_asks_for_nothing_that_is() -> None:
    markers = {route.marker for route in ROUTES if route.operation.bind is not None}
    assert not undone.PARAMETERS & markers


@pytest.mark.parametrize(
    ("host", "target", "headers", "rank"),
    [
        ("photos.oss-cn-hangzhou.aliyuncs.com", b"/k", {}, 1),
        ("oss-cn-hangzhou-internal.aliyuncs.com", b"/", {}, 1),
        ("127.0.0.1", b"/photos/k", {"x-oss-date": "x"}, 1),
        ("127.0.0.1", b"/photos/k?x-oss-process=image/info", {}, 2),
        ("127.0.0.1", b"/photos/k?OSSAccessKeyId=x", {}, 0),
        ("127.0.0.1", b"/photos/k", {"authorization": "OSS x:y"}, 0),
        ("127.0.0.1", b"/photos/k", {"authorization": "AWS x:y"}, None),
        ("127.0.0.1", b"/photos/k", {"authorization": "AWS4-HMAC-SHA256 x", "x-oss-meta-a": "1"}, None),
        ("127.0.0.1", b"/photos/k", {}, None),
        ("photos.s3.amazonaws.com", b"/k", {}, None),
        ("sts.cn-hangzhou.aliyuncs.com", b"/", {}, None),
        ("evil-oss-cn-hangzhou.aliyuncs.com.example", b"/", {}, None),
    ],
)
def test_claims(host: str, target: bytes, headers: dict[str, str], rank: int | None) -> None:
    path, _, query = target.partition(b"?")
    request = Request("GET", path, query, {"host": host, **headers})
    found = Dispatcher([OssDialect((), "cn-hangzhou")]).claimants(request)
    assert (found[0][0] if found else None) == rank
