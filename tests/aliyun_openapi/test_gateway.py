"""What no SDK sends: XML replies, requests signed by hand, and requests that lie."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.dialects.aliyun.oss.dialect import OssDialect
from sampan.dialects.aliyun.ram.dialect import RamDialect
from sampan.dialects.aliyun.sts.dialect import AliyunStsDialect
from sampan.dialects.aws.s3.dialect import S3Dialect
from sampan.gateway.dispatch import Dispatcher
from sampan.gateway.http import Reply
from sampan.kernel.fault import Fault, Kind
from sampan.services.identity.model import Page
from tests.aliyun_openapi.captured import NOW_MS, Captured, Once, Ring, bound, key, load
from tests.aliyun_openapi.door import ANN
from tests.aliyun_openapi.signed import rpc

GET_USER = {"Action": "GetUser", "Version": "2015-05-01", "UserName": "ann"}
RING = Ring(key())


def ram() -> RamDialect:
    return RamDialect("cn-hangzhou", Once())


def served(captured: Captured, answer: Any = ANN) -> Reply:
    """What the dialect replies. `answer` may be a Fault."""
    dialect = ram()
    request = captured.request()
    try:
        x = dialect.open(request, "ID", RING, NOW_MS)
        assert x.operation is not None and x.operation.bind is not None and x.operation.render is not None
        x.operation.bind(x, captured.body)
        if isinstance(answer, Fault):
            raise answer
        return x.operation.render(x, answer)
    except Fault as fault:
        return dialect.refuse(request, "ID", fault)


def code(captured: Captured) -> str:
    body: bytes = served(captured).body  # type: ignore[assignment]
    if body.startswith(b"<"):
        return ElementTree.fromstring(body).findtext("Code") or ""
    return str(json.loads(body).get("Code", ""))


# --- the form of a reply ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [False, True])
@pytest.mark.parametrize("asked", ["XML", "JSON", "xml", ""])
@pytest.mark.parametrize("answer", [Page((ANN, ANN), "ann"), Fault(Kind.MISSING, "user", "<&>")])
def test_the_form_of_a_reply(form: bool, asked: str, answer: object) -> None:
    params = {"Action": "ListUsers", "Version": "2015-05-01", **({"Format": asked} if asked else {})}
    reply = served(rpc(params, form=form), answer)
    body: bytes = reply.body  # type: ignore[assignment]
    if asked == "JSON":
        assert dict(reply.headers)["content-type"] == "application/json;charset=utf-8"
        value = json.loads(body)
        assert ("Users" in value) != ("Code" in value)
        return
    assert dict(reply.headers)["content-type"] == "text/xml;charset=utf-8"
    root = ElementTree.fromstring(body)
    if isinstance(answer, Fault):
        assert (root.tag, root.findtext("Code"), root.findtext("RequestId")) == ("Error", "EntityNotExist.User", "ID")
    else:
        assert [user.text for user in root.findall("Users/User/UserName")] == ["ann", "ann"]
        assert (root.tag, root.findtext("IsTruncated")) == ("ListUsersResponse", "true")


# --- requests that lie ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [False, True])
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ""),
        ({"secret": "wrong"}, "SignatureDoesNotMatch"),
        ({"AccessKeyId": ""}, "MissingAccessKeyId"),
        ({"AccessKeyId": "no one"}, "IncompleteSignature"),
        ({"AccessKeyId": "nobody"}, "InvalidAccessKeyId.NotFound"),
        ({"SignatureMethod": "HMAC-MD5"}, "IncompleteSignature"),
        ({"SignatureMethod": ""}, "MissingSignatureMethod"),
        ({"SignatureVersion": "2.0"}, "IncompleteSignature"),
        ({"SignatureNonce": ""}, "MissingSignatureNonce"),
        ({"SignatureNonce": "n" * 257}, "InvalidParameter.SignatureNonce"),
        ({"time": ""}, "MissingTimestamp"),
        ({"time": "yesterday"}, "InvalidTimeStamp.Format"),
        ({"time": "2026-11-22T10:23:20+08:00"}, "InvalidTimeStamp.Format"),
        ({"time": "2026-02-30T10:23:20Z"}, "InvalidTimeStamp.Format"),
        ({"time": "2026-11-22T10:08:19Z"}, "InvalidTimeStamp.Expired"),
        ({"time": "2026-11-22T10:38:21Z"}, "InvalidTimeStamp.Expired"),
        ({"time": "2026-11-22T10:08:21Z"}, ""),
        ({"SecurityToken": "stray"}, "InvalidSecurityToken.Malformed"),
    ],
)
def test_what_a_signature_must_have(form: bool, changes: dict[str, str], expected: str) -> None:
    assert code(rpc({**GET_USER, "Format": "JSON"}, form=form, **changes)) == expected


def test_what_is_not_signed_chooses_nothing() -> None:
    """The older RPC signature covers no header: neither may turn one operation into another."""
    whole = rpc({**GET_USER, "Format": "JSON"})
    assert code(whole.header("x-acs-action", "GetUser")) == ""
    assert code(rpc({**GET_USER, "Format": "JSON"}).header("x-acs-action", "DeleteUser")) == "IncompleteSignature"
    assert code(rpc({**GET_USER, "Format": "JSON"}).header("x-acs-version", "2015-04-01")) == "IncompleteSignature"
    nameless = {name: value for name, value in GET_USER.items() if name != "Action"}
    assert code(rpc({**nameless, "Format": "JSON"}).header("x-acs-action", "DeleteUser")) == "MissingAction"


def test_a_parameter_given_twice_is_refused() -> None:
    whole = rpc({**GET_USER, "Format": "JSON"})
    twice = whole.but(target=whole.target.replace("/?", "/?Action=DeleteUser&"))
    assert code(twice) == "IncompleteSignature"
    in_form = rpc({**GET_USER, "Format": "JSON"}, form=True)
    assert code(in_form.but(target="/?UserName=bob&Format=JSON")) == "IncompleteSignature"


def test_a_body_that_is_not_signed_says_nothing() -> None:
    whole = rpc({"Action": "GetUser", "Version": "2015-05-01", "Format": "JSON"})
    injected = whole.but(method="GET", body=b'{"UserName":"bob"}').header("content-type", "application/json")
    assert code(injected) == "MissingUserName"


def test_nobody_may_do_nothing() -> None:
    for action in ("GetUser", "DeleteUser", "GetCallerIdentity"):
        version = "2015-04-01" if action == "GetCallerIdentity" else "2015-05-01"
        dialect = AliyunStsDialect("r", Once()) if version == "2015-04-01" else ram()
        unsigned = Captured("GET", f"/?Action={action}&Version={version}&UserName=ann", {"host": "h"})
        with pytest.raises(Fault) as caught:
            bound(dialect, unsigned, RING)
        assert (caught.value.kind, caught.value.noun) == (Kind.ABSENT, "authorization")


def test_another_scheme_is_refused() -> None:
    bearer = Captured("POST", "/?UserName=ann", {"host": "h", "authorization": "Bearer x", "x-acs-action": "GetUser"})
    assert code(bearer) == "IncompleteSignature"
    captured = load("tea_ram_02_GetUser_error")
    sm3 = captured.headers["authorization"].replace("SHA256", "SM3")
    assert code(captured.header("authorization", sm3)) == "IncompleteSignature"


def test_an_unknown_operation_is_said_to_be() -> None:
    assert code(rpc({"Action": "Sink", "Version": "2015-05-01", "Format": "JSON"})) == "InvalidApi.NotFound"
    assert code(rpc({"Action": "Sink", "Version": "2015-05-01", "Format": "JSON"}, form=True)) == "InvalidApi.NotFound"


def test_a_form_may_name_its_operation_itself() -> None:
    reply = served(rpc({**GET_USER, "Format": "JSON"}, form=True))
    assert json.loads(reply.body)["User"]["UserName"] == "ann"  # type: ignore[arg-type]


# --- who gets which request -------------------------------------------------------------------------------------------

DISPATCHER = Dispatcher(
    [
        S3Dialect(("localhost",), "us-east-1"),
        OssDialect(("localhost",), "cn-hangzhou"),
        RamDialect("cn-hangzhou", Once()),
        AliyunStsDialect("cn-hangzhou", Once()),
    ]
)


@pytest.mark.parametrize(
    ("captured", "expected"),
    [
        (load("tea_ram_01_CreateUser"), "aliyun/ram"),
        (load("tea_sts_02_AssumeRole"), "aliyun/sts"),
        (load("node_popcore_rpc_01_get"), "aliyun/ram"),
        (load("node_popcore_rpc_02_post"), "aliyun/ram"),
        (load("core_sts_01_GetCallerIdentity"), "aliyun/sts"),
        (rpc(GET_USER), "aliyun/ram"),
        (rpc({**GET_USER, "Version": "2015-04-01"}), "aliyun/sts"),
        (rpc(GET_USER, form=True).header("host", "ram.aliyuncs.com"), "aliyun/ram"),
        (rpc(GET_USER, form=True).header("host", "sts.cn-hangzhou.aliyuncs.com"), "aliyun/sts"),
        (Captured("GET", "/?Action=AssumeRoleWithOIDC&Version=2015-04-01", {"host": "h"}), "aliyun/sts"),
    ],
)
def test_each_request_has_one_door(captured: Captured, expected: str) -> None:
    claimants = [dialect.name for rank, dialect in DISPATCHER.claimants(captured.request()) if rank == 0]
    assert len(claimants) <= 1
    picked = DISPATCHER.pick(captured.request())
    assert picked is not None and picked.name == expected


# --- whatever is sent -------------------------------------------------------------------------------------------------

TEXT = st.text(st.characters(exclude_categories=()), max_size=20)
NAMES = st.sampled_from(["Action", "Version", "UserName", "Tag.1.Key", "Tag", "MaxItems", "Signature", "Format", "x"])


@given(
    pairs=st.dictionaries(st.one_of(NAMES, TEXT), st.one_of(TEXT, st.sampled_from(["[{}]", "[1]", "{", "CreateRole"]))),
    authorization=st.one_of(st.none(), TEXT, st.sampled_from(["acs a:b", "ACS3-HMAC-SHA256 Credential=a"])),
    body=st.binary(max_size=60),
    form=st.booleans(),
)
def test_nothing_but_faults_comes_out(
    pairs: dict[str, str], authorization: str | None, body: bytes, form: bool
) -> None:
    def quoted(text: str) -> str:
        return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "surrogatepass"))

    query = "&".join(f"{quoted(name)}={quoted(value)}" for name, value in pairs.items())
    headers = {"host": "h"}
    if authorization is not None:
        headers["authorization"] = authorization
    if form:
        headers["content-type"] = "application/x-www-form-urlencoded"
    reply = served(Captured("POST", f"/?{query}", headers, body))
    assert 400 <= reply.status < 600 and reply.status != 500
    assert b"InternalError" not in bytes(reply.body)  # type: ignore[arg-type]


PARAMETERS = """
    UserName RoleName PolicyName PolicyType Tag Tag.1.Key Tag.1.Value ResourceNames.1 ResourceType MaxItems Marker
    VersionId Status ServiceName SerialNumber PolicyDocument AssumeRolePolicyDocument TagKeys All MaxSessionDuration
    UserAccessKeyId
""".split()  # noqa: SIM905 - a list of words reads better than a list of strings


@given(
    operation=st.sampled_from(sorted(operation.name for operation in ram().operations)),
    params=st.dictionaries(
        st.sampled_from(PARAMETERS),
        st.one_of(TEXT, st.sampled_from(["true", "7200", "role", "policy", "Custom", "System", "v1", "[1]", '["a"]'])),
    ),
)
def test_signed_nonsense_is_a_command_or_a_fault(operation: str, params: dict[str, str]) -> None:
    clean = {name: value.encode("utf-8", "replace").decode() for name, value in params.items()}
    captured = rpc({**clean, "Action": operation, "Version": "2015-05-01"})
    dialect = ram()
    x = dialect.open(captured.request(), "ID", RING, NOW_MS)
    assert x.operation is not None
    if x.operation.bind is None:
        return
    try:
        x.operation.bind(x, b"")
    except Fault as fault:
        assert dialect.refuse(captured.request(), "ID", fault).status in (400, 404, 501)
