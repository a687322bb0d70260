"""The captured requests verify; changed in any way that matters, they do not."""

from __future__ import annotations

import pytest

from sampan.dialects.aliyun.wire.openapi import OpenApiDialect, Product, Row
from sampan.gateway.http import Reply
from sampan.kernel.fault import Fault, Kind
from sampan.services.identity import model
from tests.aliyun_openapi.captured import ACCOUNT, NAMES, NOW_MS, Captured, Once, bound, load, ring_for


class Products:
    """Both versions of the captured calls, and a product of the ROA style, each with an operation that echoes."""

    def __init__(self) -> None:
        nonces = Once()

        def echo(x: object) -> model.GetCallerIdentity:
            return model.GetCallerIdentity()

        def rows(*declared: str) -> tuple[Row, ...]:
            named = [text.partition(" ") for text in declared]
            return tuple(Row(name, parameters, echo, lambda x, result: x.params) for name, _, parameters in named)

        ram = rows("CreateUser UserName! DisplayName", "GetUser UserName!", "CreatePolicy PolicyName! PolicyDocument!")
        assume = "AssumeRole RoleArn! RoleSessionName! DurationSeconds:int Policy"
        sts = rows("GetCallerIdentity", assume)
        clusters = (
            Row("DescribeClusters", "a", echo, lambda x, result: x.params, route="GET /clusters"),
            Row("CreateCluster", "x!:int", echo, lambda x, result: x.params, route="POST /clusters"),
        )
        self.by_version = {
            version: OpenApiDialect(Product(code, version, r"none", table, {}), "cn-hangzhou", nonces)
            for code, version, table in (
                ("ram", "2015-05-01", ram),
                ("sts", "2015-04-01", sts),
                ("cs", "2015-12-15", clusters),
            )
        }

    def of(self, captured: Captured) -> OpenApiDialect:
        return self.by_version[captured.headers["x-acs-version"]]


@pytest.fixture
def products() -> Products:
    return Products()


@pytest.mark.parametrize("name", NAMES)
def test_every_captured_request_verifies_once(name: str, products: Products) -> None:
    captured = load(name)
    dialect = products.of(captured)
    x, _ = bound(dialect, captured, ring_for(name))
    assert x.caller.account == ACCOUNT
    assert any(test.version == captured.headers["x-acs-version"] for test in dialect.claims)
    if name == "core_roa_01_ROA_get":
        return  # this old client sends no nonce in the ROA style
    with pytest.raises(Fault) as again:
        bound(dialect, captured, ring_for(name))
    assert (again.value.kind, again.value.noun) == (Kind.CONFLICT, "nonce")


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("tea_ram_01_CreateUser", {"UserName": "u1", "DisplayName": "用户 1"}),
        ("core_rpc_01_common_CreateUser", {"UserName": "u 1"}),
        ("node_popcore_rpc_02_post", {"UserName": "u 1"}),
        ("core_rpc_04_common_body", {"PolicyName": "p", "PolicyDocument": '{"a": "b c"}'}),
        (
            "tea_sts_02_AssumeRole",
            {
                "RoleArn": "acs:ram::123:role/r",
                "RoleSessionName": "sess",
                "DurationSeconds": 900,
                "Policy": '{"Version":"1","Statement":[]}',
            },
        ),
        ("node_popcore_roa_02_post", {"x": 1}),
        ("node_popcore_roa_01_get", {"a": "b"}),
    ],
)
def test_parameters_are_read_from_wherever_they_are(name: str, params: object, products: Products) -> None:
    captured = load(name)
    x, _ = bound(products.of(captured), captured, ring_for(name))
    assert x.params == params  # type: ignore[attr-defined]


def tampered(name: str) -> list[Captured]:
    """A captured request, changed in every way that must break it."""
    whole = load(name)
    more = [
        whole.but(method="PUT"),
        whole.but(target=whole.target + ("&" if "?" in whole.target else "?") + "z=1"),
        whole.header("x-acs-action", "DeleteUser"),
        whole.header("x-acs-version", "2015-04-02"),
    ]
    authorization = whole.headers.get("authorization")
    if authorization is not None:
        more += [whole.but(target="/x" + whole.target), whole.header("authorization", authorization[:-3] + "AA=")]
    if authorization is not None and authorization.startswith("ACS3"):
        more += [whole.header("host", "elsewhere"), whole.header("x-acs-new", "1")]
        more += [whole.header("authorization", authorization.replace("host;", ""))]
    if whole.target.startswith("/?"):
        more.append(whole.but(target=whole.target.replace("=", "=x", 1)))
    if b"UserName" in whole.body:
        more.append(whole.but(body=whole.body.replace(b"UserName=u", b"UserName=v")))
        more.append(whole.but(body=b"UserName=v&" + whole.body))
    return more


@pytest.mark.parametrize("name", NAMES)
def test_no_change_goes_unnoticed(name: str) -> None:
    for changed in tampered(name):
        products = Products()
        dialect = products.of(load(name))
        with pytest.raises(Fault) as caught:
            bound(dialect, changed, ring_for(name))
        expected = (Kind.MISMATCH, Kind.INVALID, Kind.UNKNOWN, Kind.ABSENT, Kind.SKEWED, Kind.MISSING)
        assert caught.value.kind in expected, changed


@pytest.mark.parametrize("minutes", [-40, 40])
def test_clocks_must_agree(minutes: int, products: Products) -> None:
    captured = load("tea_ram_01_CreateUser")
    with pytest.raises(Fault) as caught:
        bound(products.of(captured), captured, ring_for("tea_ram"), NOW_MS + minutes * 60_000)
    assert caught.value.kind == Kind.SKEWED


def test_errors_tell_no_secret(products: Products) -> None:
    for name in ("core_sts_01_GetCallerIdentity", "tea_sts_token_01_GetCallerIdentity"):
        captured = load(name)
        token = "TOKEN" if name.startswith("core") else "TOK"
        wrong = captured.but(target=captured.target + ("&z=1" if "?" in captured.target else "?z=1"))
        dialect = products.of(captured)
        with pytest.raises(Fault) as caught:
            bound(dialect, wrong, ring_for(name))
        assert caught.value.kind == Kind.MISMATCH
        reply: Reply = dialect.refuse(captured.request(), "ID", caught.value)
        assert token.encode() not in bytes(reply.body).replace(b"SecurityToken", b"")  # type: ignore[arg-type]
