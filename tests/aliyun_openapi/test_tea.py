"""The vendor's current SDKs for RAM and STS, unmodified, over a socket."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from alibabacloud_ram20150501 import models as ram
from alibabacloud_ram20150501.client import Client as Ram
from alibabacloud_sts20150401 import models as sts
from alibabacloud_sts20150401.client import Client as Sts
from alibabacloud_tea_openapi.models import Config
from alibabacloud_tea_util.models import RuntimeOptions
from darabonba.exceptions import DaraException

from sampan.dialects.aliyun.ram.dialect import RamDialect
from sampan.dialects.aliyun.sts.dialect import AliyunStsDialect
from sampan.kernel.fault import Fault, Kind
from sampan.services.identity import model
from sampan.services.identity.model import (
    Document,
    Language,
    Session,
    WhoAmI,
)
from tests.aliyun_openapi.captured import ACCOUNT, key
from tests.aliyun_openapi.cases import CASES, NUMBER
from tests.aliyun_openapi.door import ANN, HELM, MS, TEXT, TIME, Door, opened

ROLE_TAGS = {"ResourceType": "role", "ResourceNames": ["a"], "Tag": [{"Key": "v"}]}
FOREIGN_DEVICE = "acs:ram::1000000000000009:mfa/p"


def config(door: Door, **more: Any) -> Config:
    given = {"access_key_id": "TESTAK", "access_key_secret": "TESTSK", **more}
    return Config(endpoint=door.address, protocol="HTTP", region_id="cn-hangzhou", **given)


def call(door: Door, operation: str, answer: Any, client: Any = None, **params: Any) -> dict[str, Any]:
    """Call an operation by the SDK; the reply as the SDK read it."""
    models = sts if isinstance(client, Sts) else ram
    client = client or Ram(config(door))
    door.answer = answer
    request = getattr(models, f"{operation}Request", None)
    name = re.sub(r"(?<!^)(?=[A-Z][a-z])|(?<=[a-z0-9])(?=[A-Z])", "_", operation).lower()
    method = next(
        m for n, m in inspect.getmembers(client) if n.replace("_", "") == f"{name}withoptions".replace("_", "")
    )
    arguments = [] if request is None else [request().from_map(params)]
    result: dict[str, Any] = method(*arguments, RuntimeOptions(autoretry=False)).body.to_map()
    # What the SDK's own models do not know, it drops: there must be no such thing in a reply.
    assert result == json.loads(door.sent)
    assert result.pop("RequestId") == "0123456789ABCDEF01234567"
    return result


@pytest.mark.parametrize(
    ("operation", "params", "command", "answer", "look", "expected"), CASES, ids=[c[0] for c in CASES]
)
def test_ram(
    door: Door,
    operation: str,
    params: dict[str, Any],
    command: model.IdentityCommand,
    answer: Any,
    look: Callable[[dict[str, Any]], object],
    expected: object,
) -> None:
    reply = call(door, operation, answer, **params)
    assert door.commands == [command]
    assert look(reply) == expected


# --- STS --------------------------------------------------------------------------------------------------------------

SESSION = Session(
    ACCOUNT, "STS.K", "secret", "token", MS, session="watch", role="helm", role_id=HELM.id, source_identity="ann",
    subject="sub", audience="aud", provider="hub",
)  # fmt: skip
ROLE_ARN = f"acs:ram::{NUMBER}:role/helm"
CREDENTIALS = {"AccessKeyId": "STS.K", "AccessKeySecret": "secret", "SecurityToken": "token", "Expiration": TIME}


def test_assume_role(door: Door) -> None:
    reply = call(
        door, "AssumeRole", SESSION, Sts(config(door)), RoleArn=ROLE_ARN, RoleSessionName="watch", Policy=TEXT,
        DurationSeconds=900, ExternalId="e-1", SourceIdentity="ann",
    )  # fmt: skip
    assert door.commands == [
        model.AssumeRole(
            account=ACCOUNT, role="helm", session="watch", duration_s=900, policy=Document(Language.RAM, TEXT),
            external_id="e-1", source_identity="ann", form="STS.",
        )
    ]  # fmt: skip
    assert reply["AssumedRoleUser"]["Arn"] == f"{ROLE_ARN}/watch"
    assert re.fullmatch("3[0-9]{17}:watch", reply["AssumedRoleUser"]["AssumedRoleId"])
    assert (reply["Credentials"], reply["SourceIdentity"]) == (CREDENTIALS, "ann")


def test_a_token_of_a_provider_needs_no_key(door: Door) -> None:
    anonymous = Sts(config(door, access_key_id="", access_key_secret=""))
    reply = call(
        door, "AssumeRoleWithOIDC", SESSION, anonymous, RoleArn=ROLE_ARN, RoleSessionName="watch", OIDCToken="a.b.c",
        OIDCProviderArn=f"acs:ram::{NUMBER}:oidc-provider/hub",
    )  # fmt: skip
    assert door.commands == [
        model.AssumeRoleWithToken(
            account=ACCOUNT, role="helm", session="watch", token="a.b.c", provider="hub", form="STS."
        )
    ]
    assert reply["Credentials"] == CREDENTIALS
    assert reply["OIDCTokenInfo"]["Subject"] == "sub"
    assert "a.b.c" not in repr(door.commands)


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        (
            WhoAmI(ACCOUNT, "root", "root", ""),
            {
                "IdentityType": "Account",
                "Arn": f"acs:ram::{NUMBER}:root",
                "AccountId": NUMBER,
                "UserId": NUMBER,
                "PrincipalId": NUMBER,
            },
        ),
        (WhoAmI(ACCOUNT, "user", "ann", ANN.id), {"IdentityType": "RAMUser", "Arn": f"acs:ram::{NUMBER}:user/ann"}),
        (
            WhoAmI(ACCOUNT, "role", "helm", HELM.id, "watch"),
            {"IdentityType": "AssumedRoleUser", "Arn": f"acs:ram::{NUMBER}:assumed-role/helm/watch"},
        ),
        (WhoAmI(ACCOUNT, "federated", "bob", ""), {"Arn": f"acs:ram::{NUMBER}:federated-user/bob"}),
    ],
)
def test_who_am_i(door: Door, who: WhoAmI, expected: dict[str, str]) -> None:
    reply = call(door, "GetCallerIdentity", who, Sts(config(door)))
    assert {name: reply[name] for name in expected} == expected


def test_the_older_signature_of_the_same_client(door: Door) -> None:
    client = Sts(config(door, signature_algorithm="v2"))
    reply = call(door, "AssumeRole", SESSION, client, RoleArn=ROLE_ARN, RoleSessionName="watch")
    assert reply["Credentials"] == CREDENTIALS


def test_temporary_credentials_sign_with_their_token() -> None:
    far = 4102444800000
    with opened(key("STS.K", "secret", "token", expires_ms=far)) as door:
        who = WhoAmI(ACCOUNT, "role", "helm", HELM.id, "watch")
        given = {"access_key_id": "STS.K", "access_key_secret": "secret"}
        assert call(door, "GetCallerIdentity", who, Sts(config(door, **given, security_token="token")))
        for wrong, code in (
            ({"security_token": "other"}, "InvalidSecurityToken.Malformed"),
            ({}, "MissingSecurityToken"),
        ):
            with pytest.raises(DaraException) as caught:
                call(door, "GetCallerIdentity", who, Sts(config(door, **given, **wrong)))
            assert caught.value.code == code
    with opened(key("STS.K", "secret", "token", expires_ms=1)) as door:
        with pytest.raises(DaraException) as caught:
            call(door, "GetCallerIdentity", who, Sts(config(door, **given, security_token="token")))
        assert caught.value.code == "InvalidSecurityToken.Expired"


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "code", "status"),
    [
        (Fault(Kind.MISSING, "user"), "EntityNotExist.User", 404),
        (Fault(Kind.EXISTS, "role"), "EntityAlreadyExists.Role", 409),
        (Fault(Kind.CONFLICT, "user", "ann has access keys", name="ann"), "DeleteConflict.User.AccessKey", 409),
        (Fault(Kind.CONFLICT, "user", "key is in groups", name="key"), "DeleteConflict.User.Group", 409),
        (Fault(Kind.CONFLICT, "user", "ann has a second factor", name="ann"), "DeleteConflict.User.MFADevice", 409),
        (Fault(Kind.CONFLICT, "user", "phone is in use", name="phone"), "DeleteConflict.VirtualMFADevice.User", 409),
        (Fault(Kind.CONFLICT, "group", "crew has members", name="crew"), "DeleteConflict.Group.User", 409),
        (
            Fault(Kind.CONFLICT, "policy", "/read has other versions", policy="/read"),
            "DeleteConflict.Policy.Version",
            409,
        ),
        (Fault(Kind.TOO_MANY, "attachment", what="group"), "LimitExceeded.User.Group", 409),
        (Fault(Kind.TOO_MANY, "entity", what="user"), "LimitExceeded.User", 409),
        (Fault(Kind.DENIED, "action"), "NoPermission", 403),
        (Fault(Kind.INVALID, "name", name="a b", what="user"), "InvalidParameter.UserName.InvalidChars", 400),
        (Fault(Kind.INVALID, "policy document", "no Effect", where="/Statement/0"), "MalformedPolicyDocument", 400),
        (Fault(Kind.INTERNAL, "server", "secret"), "InternalError", 500),
        (Fault(Kind.FULL, "store"), "ServiceUnavailable", 503),
    ],
)
def test_errors_are_the_vendors(door: Door, fault: Fault, code: str, status: int) -> None:
    with pytest.raises(DaraException) as caught:
        call(door, "GetUser", fault, UserName="ann")
    assert (caught.value.code, caught.value.status_code) == (code, status)
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    ("operation", "params", "code"),
    [
        ("CreateUser", {}, "MissingUserName"),
        ("GetPolicy", {"PolicyName": "p", "PolicyType": "Odd"}, "InvalidParameter.PolicyType"),
        ("ListUsers", {"MaxItems": 1001}, "InvalidParameter.MaxItems"),
        ("ListUsers", {"Marker": "?"}, "InvalidParameter.Marker"),
        ("SetDefaultPolicyVersion", {"PolicyName": "p", "VersionId": "2"}, "InvalidParameter.VersionId.Format"),
        ("CreateUser", {"UserName": "u", "Comments": "x" * 1025}, "InvalidParameter.Comments.Length"),
        ("TagResources", {"ResourceType": "role", "ResourceNames": ["a"], "Tag": [{"Value": "v"}]}, "MissingTag.1.Key"),
        (
            "TagResources",
            {"ResourceType": "role", "ResourceNames": ["a", "b"], "Tag": [{"Key": "v"}]},
            "NotImplemented",
        ),
        (
            "DeleteVirtualMFADevice",
            {"SerialNumber": "acs:ram::1000000000000009:mfa/p"},
            "EntityNotExist.VirtualMFADevice",
        ),
    ],
)
def test_bad_parameters(door: Door, operation: str, params: dict[str, Any], code: str) -> None:
    with pytest.raises(DaraException) as caught:
        call(door, operation, None, **params)
    assert caught.value.code == code
    assert door.commands == []


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"RoleArn": "acs:ram::1:role", "RoleSessionName": "watch"}, "InvalidParameter.RoleArn"),
        ({"RoleArn": f"acs:ram::{NUMBER}:user/ann", "RoleSessionName": "watch"}, "InvalidParameter.RoleArn"),
        ({"RoleArn": ROLE_ARN, "RoleSessionName": "no spaces"}, "InvalidParameter.RoleSessionName"),
        ({"RoleArn": ROLE_ARN, "RoleSessionName": "watch", "Policy": "x" * 2049}, "InvalidParameter.PolicySize"),
        ({"RoleSessionName": "watch"}, "MissingRoleArn"),
    ],
)
def test_bad_parameters_of_sts(door: Door, params: dict[str, Any], code: str) -> None:
    with pytest.raises(DaraException) as caught:
        call(door, "AssumeRole", SESSION, Sts(config(door)), **params)
    assert caught.value.code == code


def test_wrong_keys(door: Door) -> None:
    for given, code in (
        ({"access_key_secret": "wrong"}, "SignatureDoesNotMatch"),
        ({"access_key_id": "nobody"}, "InvalidAccessKeyId.NotFound"),
    ):
        with pytest.raises(DaraException) as caught:
            call(door, "GetCallerIdentity", None, Sts(config(door, **given)))
        assert caught.value.code == code
    with opened(key("TESTAK", "TESTSK", active=False)) as closed, pytest.raises(DaraException) as caught:
        call(closed, "GetCallerIdentity", None, Sts(config(closed)))
    assert caught.value.code == "InvalidAccessKeyId.Inactive"


# --- the tables -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dialect", "models"), [(RamDialect, ram), (AliyunStsDialect, sts)])
def test_the_tables_have_every_operation_with_every_parameter(dialect: Any, models: Any) -> None:
    """Those of the SDK's models, which are made from the vendor's own metadata."""
    known = {name.removesuffix("Response") for name in dir(models) if name.endswith("Response")}
    calls = dialect("cn-hangzhou", None)._calls
    assert set(calls) == known
    for name in known:
        request = getattr(models, f"{name}ShrinkRequest", getattr(models, f"{name}Request", None))
        source = "" if request is None else inspect.getsource(request.to_map)
        parameters = {parameter.name for parameter in calls[name].parameters}
        assert parameters == set(re.findall(r"result\['(\w+)'\]", source)), name
