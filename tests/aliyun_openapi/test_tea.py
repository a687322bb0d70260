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
    AccessKey,
    Document,
    Entity,
    EntityKind,
    EntityRef,
    IssuedKey,
    KeyUse,
    Language,
    LoginProfile,
    MfaDevice,
    Page,
    PolicyVersion,
    Session,
    WhoAmI,
)
from tests.aliyun_openapi.captured import ACCOUNT, key
from tests.aliyun_openapi.door import ANN, CREW, HELM, MS, READ, TEXT, TIME, TRUST, VERSION, Door, opened

NUMBER = "1000123456789012"
ANN_REF = EntityRef(EntityKind.USER, "ann")
CREW_REF = EntityRef(EntityKind.GROUP, "crew")
HELM_REF = EntityRef(EntityKind.ROLE, "helm")
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


CASES: list[tuple[str, dict[str, Any], model.IdentityCommand, Any, Callable[[dict[str, Any]], object], object]] = [
    (
        "CreateUser",
        {"UserName": "ann", "DisplayName": "安 a+b", "Email": "a@b", "Comments": "of the crew"},
        model.CreateEntity(ref=ANN_REF, description="of the crew", note={"display-name": "安 a+b", "email": "a@b"}),
        ANN,
        lambda r: (r["User"]["UserName"], r["User"]["Email"], r["User"]["CreateDate"], r["User"]["UserId"][0]),
        ("ann", "ann@example.com", TIME, "2"),
    ),
    ("GetUser", {"UserName": "ann"}, model.GetEntity(ref=ANN_REF), ANN, lambda r: r["User"]["Comments"], "of the crew"),
    (
        "UpdateUser",
        {"UserName": "ann", "NewUserName": "anne", "NewEmail": "x@y"},
        model.UpdateEntity(ref=ANN_REF, new_name="anne", note={"email": "x@y"}),
        ANN,
        lambda r: r["User"]["DisplayName"],
        "Ann",
    ),
    ("DeleteUser", {"UserName": "ann"}, model.DeleteEntity(ref=ANN_REF), None, lambda r: r, {}),
    (
        "ListUsers",
        {"MaxItems": 2},
        model.ListEntities(kind=EntityKind.USER, limit=2),
        Page((ANN,), "ann"),
        lambda r: (r["IsTruncated"], r["Marker"], [user["UserName"] for user in r["Users"]["User"]]),
        (True, "YW5u", ["ann"]),
    ),
    (
        "ListUsers",
        {"Marker": "YW5u"},
        model.ListEntities(kind=EntityKind.USER, after="ann"),
        Page((), None),
        lambda r: (r["IsTruncated"], r["Users"]["User"]),
        (False, []),
    ),
    (
        "CreateGroup",
        {"GroupName": "crew", "Comments": "all"},
        model.CreateEntity(ref=CREW_REF, description="all"),
        CREW,
        lambda r: r["Group"]["GroupId"],
        "g-bbcdefghijklmnop",
    ),
    ("GetGroup", {"GroupName": "crew"}, model.GetEntity(ref=CREW_REF), CREW, lambda r: r["Group"]["UpdateDate"], TIME),
    (
        "UpdateGroup",
        {"GroupName": "crew", "NewGroupName": "all", "NewComments": "c"},
        model.UpdateEntity(ref=CREW_REF, new_name="all", description="c"),
        CREW,
        lambda r: r["Group"]["GroupName"],
        "crew",
    ),
    ("DeleteGroup", {"GroupName": "crew"}, model.DeleteEntity(ref=CREW_REF), None, lambda r: r, {}),
    (
        "ListGroups",
        {},
        model.ListEntities(kind=EntityKind.GROUP),
        Page((CREW,), None),
        lambda r: r["Groups"]["Group"][0]["Comments"],
        "all hands",
    ),
    (
        "AddUserToGroup",
        {"UserName": "ann", "GroupName": "crew"},
        model.SetMember(group="crew", user="ann", member=True),
        None,
        lambda r: r,
        {},
    ),
    (
        "RemoveUserFromGroup",
        {"UserName": "ann", "GroupName": "crew"},
        model.SetMember(group="crew", user="ann", member=False),
        None,
        lambda r: r,
        {},
    ),
    (
        "ListUsersForGroup",
        {"GroupName": "crew"},
        model.ListMembers(of=CREW_REF),
        Page((ANN,), None),
        lambda r: r["Users"]["User"],
        [{"UserName": "ann", "DisplayName": "Ann"}],
    ),
    (
        "ListGroupsForUser",
        {"UserName": "ann"},
        model.ListMembers(of=ANN_REF, limit=1000),
        Page((CREW,), None),
        lambda r: r["Groups"]["Group"][0]["GroupName"],
        "crew",
    ),
    (
        "CreateRole",
        {
            "RoleName": "helm",
            "AssumeRolePolicyDocument": TRUST,
            "MaxSessionDuration": 7200,
            "Tag": [{"Key": "deck", "Value": "upper"}],
        },
        model.CreateEntity(
            ref=HELM_REF, trust=Document(Language.RAM, TRUST), session_s_max=7200, tags={"deck": "upper"}
        ),
        HELM,
        lambda r: (r["Role"]["Arn"], r["Role"]["AssumeRolePolicyDocument"], r["Role"]["MaxSessionDuration"]),
        (f"acs:ram::{NUMBER}:role/helm", TRUST, 7200),
    ),
    (
        "GetRole",
        {"RoleName": "helm"},
        model.GetEntity(ref=HELM_REF),
        HELM,
        lambda r: (r["Role"]["RoleId"][0], r["Role"]["RolePrincipalName"]),
        ("3", f"helm@role.{NUMBER}.onaliyunservice.com"),
    ),
    (
        "UpdateRole",
        {"RoleName": "helm", "NewAssumeRolePolicyDocument": TRUST},
        model.UpdateEntity(ref=HELM_REF, trust=Document(Language.RAM, TRUST)),
        HELM,
        lambda r: r["Role"]["UpdateDate"],
        TIME,
    ),
    ("DeleteRole", {"RoleName": "helm"}, model.DeleteEntity(ref=HELM_REF), None, lambda r: r, {}),
    (
        "ListRoles",
        {"Tag": [{"Key": "deck", "Value": "upper"}]},
        model.ListEntities(kind=EntityKind.ROLE),
        Page((HELM, Entity(EntityKind.ROLE, "oar", "A" * 16, ACCOUNT, "/", MS, MS)), None),
        lambda r: [(role["RoleName"], role["Tags"]["Tag"]) for role in r["Roles"]["Role"]],
        [("helm", [{"TagKey": "deck", "TagValue": "upper"}])],
    ),
    (
        "CreateServiceLinkedRole",
        {"ServiceName": "ros.aliyuncs.com"},
        model.CreateEntity(
            ref=EntityRef(EntityKind.ROLE, "AliyunServiceRoleForRos"),
            trust=Document(
                Language.RAM,
                '{"Statement": [{"Action": "sts:AssumeRole", "Effect": "Allow", '
                '"Principal": {"Service": ["ros.aliyuncs.com"]}}], "Version": "1"}',
            ),
            service_linked="ros.aliyuncs.com",
        ),
        HELM,
        lambda r: r["Role"]["RoleName"],
        "helm",
    ),
    (
        "DeleteServiceLinkedRole",
        {"RoleName": "helm"},
        model.DeleteEntity(ref=HELM_REF),
        None,
        lambda r: r["DeletionTaskId"],
        "task/role/helm/0123456789ABCDEF01234567",
    ),
    (
        "CreatePolicy",
        {"PolicyName": "read", "PolicyDocument": TEXT, "Description": "reads", "Tag": [{"Key": "a", "Value": "b"}]},
        model.CreatePolicy(policy="/read", document=Document(Language.RAM, TEXT), description="reads", tags={"a": "b"}),
        READ,
        lambda r: (r["Policy"]["PolicyName"], r["Policy"]["PolicyType"], r["Policy"]["DefaultVersion"]),
        ("read", "Custom", "v2"),
    ),
    (
        "GetPolicy",
        {"PolicyName": "read", "PolicyType": "Custom"},
        model.GetPolicy(policy="/read"),
        READ,
        lambda r: (r["DefaultPolicyVersion"]["PolicyDocument"], r["Policy"]["AttachmentCount"]),
        (TEXT, 1),
    ),
    (
        "DeletePolicy",
        {"PolicyName": "read", "CascadingDelete": True},
        model.DeletePolicy(policy="/read", versions=True),
        None,
        lambda r: r,
        {},
    ),
    (
        "ListPolicies",
        {"PolicyType": "Custom"},
        model.ListPolicies(own=True, cloud="aliyun"),
        Page((READ,), None),
        lambda r: r["Policies"]["Policy"][0]["Tags"]["Tag"],
        [{"TagKey": "a", "TagValue": "b"}],
    ),
    (
        "CreatePolicyVersion",
        {"PolicyName": "read", "PolicyDocument": TEXT, "SetAsDefault": True},
        model.CreatePolicyVersion(policy="/read", document=Document(Language.RAM, TEXT), make_default=True),
        VERSION,
        lambda r: (r["PolicyVersion"]["VersionId"], r["PolicyVersion"]["IsDefaultVersion"]),
        ("v2", True),
    ),
    (
        "GetPolicyVersion",
        {"PolicyName": "AliyunOSSFullAccess", "PolicyType": "System", "VersionId": "v1"},
        model.GetPolicyVersion(policy="aliyun:/AliyunOSSFullAccess", version=1),
        PolicyVersion(1, Document(Language.RAM, TEXT), False, MS),
        lambda r: (r["PolicyVersion"]["PolicyDocument"], r["PolicyVersion"]["IsDefaultVersion"]),
        (TEXT, False),
    ),
    (
        "ListPolicyVersions",
        {"PolicyName": "read", "PolicyType": "Custom"},
        model.ListPolicyVersions(policy="/read"),
        (VERSION,),
        lambda r: [version["VersionId"] for version in r["PolicyVersions"]["PolicyVersion"]],
        ["v2"],
    ),
    (
        "SetDefaultPolicyVersion",
        {"PolicyName": "read", "VersionId": "v2"},
        model.SetDefaultPolicyVersion(policy="/read", version=2),
        None,
        lambda r: r,
        {},
    ),
    (
        "DeletePolicyVersion",
        {"PolicyName": "read", "VersionId": "v1"},
        model.DeletePolicyVersion(policy="/read", version=1),
        None,
        lambda r: r,
        {},
    ),
    (
        "AttachPolicyToUser",
        {"PolicyName": "aws/AdministratorAccess", "PolicyType": "System", "UserName": "ann"},
        model.AttachPolicy(ref=ANN_REF, policy="aws:/AdministratorAccess", attached=True),
        None,
        lambda r: r,
        {},
    ),
    (
        "DetachPolicyFromRole",
        {"PolicyName": "read", "PolicyType": "Custom", "RoleName": "helm"},
        model.AttachPolicy(ref=HELM_REF, policy="/read", attached=False),
        None,
        lambda r: r,
        {},
    ),
    (
        "ListPoliciesForGroup",
        {"GroupName": "crew"},
        model.ListAttached(ref=CREW_REF, limit=1000),
        Page((READ,), None),
        lambda r: [(policy["PolicyName"], policy["PolicyType"]) for policy in r["Policies"]["Policy"]],
        [("read", "Custom")],
    ),
    (
        "ListEntitiesForPolicy",
        {"PolicyName": "read", "PolicyType": "Custom"},
        model.ListAttachments(policy="/read"),
        (ANN, CREW, HELM),
        lambda r: (
            r["Users"]["User"][0]["UserName"],
            r["Groups"]["Group"][0]["GroupName"],
            r["Roles"]["Role"][0]["Arn"],
        ),
        ("ann", "crew", f"acs:ram::{NUMBER}:role/helm"),
    ),
    (
        "CreateAccessKey",
        {"UserName": "ann"},
        model.CreateAccessKey(user="ann", form="LTAI"),
        IssuedKey(ACCOUNT, "LTAI1", "s", user="ann", created_ms=MS),
        lambda r: r["AccessKey"],
        {"AccessKeyId": "LTAI1", "AccessKeySecret": "s", "Status": "Active", "CreateDate": TIME},
    ),
    (
        "UpdateAccessKey",
        {"UserAccessKeyId": "LTAI1", "Status": "Inactive"},
        model.SetAccessKey(user="", key_id="LTAI1", active=False),
        None,
        lambda r: r,
        {},
    ),
    (
        "DeleteAccessKey",
        {"UserName": "ann", "UserAccessKeyId": "LTAI1"},
        model.DeleteAccessKey(user="ann", key_id="LTAI1"),
        None,
        lambda r: r,
        {},
    ),
    (
        "ListAccessKeys",
        {"UserName": "ann"},
        model.ListAccessKeys(user="ann"),
        (AccessKey("LTAI1", "ann", False, MS),),
        lambda r: r["AccessKeys"]["AccessKey"],
        [{"AccessKeyId": "LTAI1", "Status": "Inactive", "CreateDate": TIME}],
    ),
    (
        "GetAccessKeyLastUsed",
        {"UserName": "ann", "UserAccessKeyId": "LTAI1"},
        model.GetAccessKeyUse(key_id="LTAI1"),
        KeyUse("ann", MS),
        lambda r: r["AccessKeyLastUsed"]["LastUsedDate"],
        TIME,
    ),
    (
        "CreateLoginProfile",
        {"UserName": "ann", "Password": "p&= +w", "PasswordResetRequired": True},
        model.PutLoginProfile(user="ann", create=True, password="p&= +w", reset_required=True),
        LoginProfile("ann", MS, True),
        lambda r: r["LoginProfile"]["PasswordResetRequired"],
        True,
    ),
    (
        "GetLoginProfile",
        {"UserName": "ann"},
        model.GetLoginProfile(user="ann"),
        LoginProfile("ann", MS, False),
        lambda r: r["LoginProfile"]["UserName"],
        "ann",
    ),
    (
        "UpdateLoginProfile",
        {"UserName": "ann", "Password": "new"},
        model.PutLoginProfile(user="ann", create=False, password="new"),
        LoginProfile("ann", MS, False),
        lambda r: r,
        {},
    ),
    ("DeleteLoginProfile", {"UserName": "ann"}, model.DeleteLoginProfile(user="ann"), None, lambda r: r, {}),
    (
        "CreateVirtualMFADevice",
        {"VirtualMFADeviceName": "phone"},
        model.CreateMfaDevice(name="phone"),
        MfaDevice("phone", None, None, "SEED"),
        lambda r: r["VirtualMFADevice"],
        {"SerialNumber": f"acs:ram::{NUMBER}:mfa/phone", "Base32StringSeed": "SEED"},
    ),
    (
        "BindMFADevice",
        {
            "SerialNumber": f"acs:ram::{NUMBER}:mfa/phone",
            "UserName": "ann",
            "AuthenticationCode1": "012345",
            "AuthenticationCode2": "543210",
        },
        model.BindMfaDevice(user="ann", name="phone", codes=("012345", "543210")),
        None,
        lambda r: r,
        {},
    ),
    ("UnbindMFADevice", {"UserName": "ann"}, model.UnbindMfaDevice(user="ann", name=""), None, lambda r: len(r), 1),
    (
        "ListVirtualMFADevices",
        {},
        model.ListMfaDevices(),
        (MfaDevice("phone", "ann", MS),),
        lambda r: r["VirtualMFADevices"]["VirtualMFADevice"][0]["ActivateDate"],
        TIME,
    ),
    (
        "GetUserMFAInfo",
        {"UserName": "ann"},
        model.ListMfaDevices(user="ann"),
        (MfaDevice("phone", "ann", MS),),
        lambda r: r["MFADevice"]["SerialNumber"],
        f"acs:ram::{NUMBER}:mfa/phone",
    ),
    (
        "DeleteVirtualMFADevice",
        {"SerialNumber": f"acs:ram::{NUMBER}:mfa/phone"},
        model.DeleteMfaDevice(name="phone"),
        None,
        lambda r: r,
        {},
    ),
    ("SetAccountAlias", {"AccountAlias": "harbour"}, model.SetAlias(alias="harbour"), None, lambda r: r, {}),
    ("GetAccountAlias", {}, model.GetAlias(), "harbour", lambda r: r["AccountAlias"], "harbour"),
    ("ClearAccountAlias", {}, model.SetAlias(alias=None), None, lambda r: r, {}),
    (
        "TagResources",
        {"ResourceType": "role", "ResourceNames": ["helm"], "Tag": [{"Key": "a", "Value": "b"}]},
        model.TagEntity(ref=HELM_REF, tags={"a": "b"}),
        None,
        lambda r: r,
        {},
    ),
    (
        "UntagResources",
        {"ResourceType": "policy", "ResourceNames": ["read"], "TagKeys": ["a", "b"]},
        model.TagPolicy(policy="/read", remove=("a", "b")),
        None,
        lambda r: r,
        {},
    ),
    (
        "ListTagResources",
        {"ResourceType": "role", "ResourceNames": ["helm"]},
        model.GetEntity(ref=HELM_REF),
        HELM,
        lambda r: r["TagResources"],
        [{"ResourceType": "role", "ResourceName": "helm", "TagKey": "deck", "TagValue": "upper"}],
    ),
]


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
            external_id="e-1", source_identity="ann",
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
        model.AssumeRoleWithToken(account=ACCOUNT, role="helm", session="watch", token="a.b.c", provider="hub")
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
        ("GetPasswordPolicy", {}, "NotImplemented"),
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
