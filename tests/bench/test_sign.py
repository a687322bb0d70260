"""The signatures that the benchmarks and the walk over all operations make are those of the vendors' SDKs."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote

from alibabacloud_oss_v2.credentials import Credentials
from alibabacloud_oss_v2.signer import SignerV4
from alibabacloud_oss_v2.types import HttpRequest, SigningContext
from alibabacloud_tea_openapi.utils import Utils
from darabonba.request import DaraRequest

from bench.sign import EMPTY_SHA256, canonical_query
from bench.sign_aliyun import AcsSigner, OssSigner

WHEN = datetime(2026, 11, 22, 10, 23, 20, tzinfo=UTC)
QUERY = {"acl": "", "prefix": "a b/ü+c"}
HOST = "127.0.0.1:4566"


def test_oss_v4() -> None:
    more = {"content-md5": "x", "x-oss-meta-a": "b", "range": "bytes=0-1"}
    mine = OssSigner("AKID", "SECRET", HOST, WHEN).headers("PUT", "/bucket/key ü", QUERY, more)
    url = f"http://{HOST}/bucket/{quote('key ü')}?{canonical_query(QUERY)}"
    request = HttpRequest("PUT", url, headers=dict(more))
    SignerV4().sign(
        SigningContext(
            product="oss",
            region="cn-hangzhou",
            bucket="bucket",
            key="key ü",
            request=request,
            credentials=Credentials("AKID", "SECRET"),
            signing_time=WHEN,
        )
    )
    assert mine["authorization"] == request.headers["Authorization"]


def test_acs3() -> None:
    mine = AcsSigner("AKID", "SECRET", HOST, "2015-05-01", WHEN).headers("GetUser", QUERY, {"x-acs-a": "b"})
    request = DaraRequest()
    request.method, request.pathname, request.query = "POST", "/", QUERY
    request.headers = {name: value for name, value in mine.items() if name != "authorization"}
    theirs = Utils.get_authorization(request, "ACS3-HMAC-SHA256", EMPTY_SHA256, "AKID", "SECRET")
    assert mine["authorization"] == theirs
