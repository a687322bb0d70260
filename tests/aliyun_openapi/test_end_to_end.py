"""RAM and STS of a real Sampan, driven by the vendor's SDKs: the service, the guard and the doors together."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import oss2
import pytest
from alibabacloud_credentials.provider import RamRoleArnCredentialsProvider, StaticAKCredentialsProvider
from alibabacloud_ram20150501 import models as ram
from alibabacloud_ram20150501.client import Client as Ram
from alibabacloud_sts20150401 import models as sts
from alibabacloud_sts20150401.client import Client as Sts
from alibabacloud_tea_openapi.models import Config
from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.client import AcsClient
from aliyunsdkram.request.v20150501.GetUserRequest import GetUserRequest
from darabonba.exceptions import DaraException

from tests.harness import Server

NUMBER = "1000000000000000"
TRUST = {"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"RAM": [f"acs:ram::{NUMBER}:root"]}}
EVERYBODY = json.dumps({"Version": "1", "Statement": [TRUST]})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("end") / "data", "--workers", "2") as server:
        yield server


def config(server: Server, key: str = "", secret: str = "", token: str | None = None) -> Config:
    return Config(
        access_key_id=key or server.key_id,
        access_key_secret=secret or server.secret,
        security_token=token,
        endpoint=f"127.0.0.1:{server.port}",
        protocol="HTTP",
    )


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "1", "Statement": [{"Effect": "Allow", **statement} for statement in statements]})


def refused(call: Any, *args: Any) -> str:
    """The code with which a call is refused."""
    with pytest.raises(DaraException) as caught:
        call(*args)
    return str(caught.value.code)


def test_a_users_life(server: Server) -> None:
    client = Ram(config(server))
    made = client.create_user(
        ram.CreateUserRequest(user_name="ann", display_name="Ann", email="a@b", comments="c")
    ).body
    assert refused(client.create_user, ram.CreateUserRequest(user_name="ann")) == "EntityAlreadyExists.User"
    client.update_user(ram.UpdateUserRequest(user_name="ann", new_user_name="anne", new_display_name="Anne"))
    user = client.get_user(ram.GetUserRequest(user_name="anne")).body.user
    assert (user.user_id, user.display_name, user.email) == (made.user.user_id, "Anne", "a@b")
    client.create_group(ram.CreateGroupRequest(group_name="crew", comments="all hands"))
    client.add_user_to_group(ram.AddUserToGroupRequest(user_name="anne", group_name="crew"))
    groups = client.list_groups_for_user(ram.ListGroupsForUserRequest(user_name="anne")).body.groups.group
    assert [group.group_name for group in groups] == ["crew"]
    assert refused(client.delete_user, ram.DeleteUserRequest(user_name="anne")) == "DeleteConflict.User.Group"
    assert refused(client.delete_group, ram.DeleteGroupRequest(group_name="crew")) == "DeleteConflict.Group.User"
    client.remove_user_from_group(ram.RemoveUserFromGroupRequest(user_name="anne", group_name="crew"))
    client.delete_group(ram.DeleteGroupRequest(group_name="crew"))
    client.delete_user(ram.DeleteUserRequest(user_name="anne"))
    assert refused(client.get_user, ram.GetUserRequest(user_name="anne")) == "EntityNotExist.User"


def test_pages_of_users(server: Server) -> None:
    client = Ram(config(server))
    names = [f"page{number}" for number in range(5)]
    for name in names:
        client.create_user(ram.CreateUserRequest(user_name=name))
    found: list[str] = []
    marker = None
    while True:
        page = client.list_users(ram.ListUsersRequest(max_items=2, marker=marker)).body
        found += [user.user_name for user in page.users.user]
        if not page.is_truncated:
            break
        marker = page.marker
    assert [name for name in found if name in names] == names
    for name in names:
        client.delete_user(ram.DeleteUserRequest(user_name=name))


def test_a_key_works_at_once_and_not_when_it_is_inactive(server: Server) -> None:
    client = Ram(config(server))
    client.create_user(ram.CreateUserRequest(user_name="keyed"))
    made = client.create_access_key(ram.CreateAccessKeyRequest(user_name="keyed")).body.access_key
    assert made.access_key_id.startswith("LTAI")
    me = Sts(config(server, made.access_key_id, made.access_key_secret)).get_caller_identity().body
    assert (me.identity_type, me.arn) == ("RAMUser", f"acs:ram::{NUMBER}:user/keyed")
    own = Ram(config(server, made.access_key_id, made.access_key_secret))
    assert refused(own.get_user, ram.GetUserRequest(user_name="keyed")) == "NoPermission"
    inactive = ram.UpdateAccessKeyRequest(user_name="keyed", user_access_key_id=made.access_key_id, status="Inactive")
    client.update_access_key(inactive)
    assert refused(Sts(config(server, made.access_key_id, made.access_key_secret)).get_caller_identity) == (
        "InvalidAccessKeyId.Inactive"
    )
    assert refused(client.delete_user, ram.DeleteUserRequest(user_name="keyed")) == "DeleteConflict.User.AccessKey"
    client.delete_access_key(ram.DeleteAccessKeyRequest(user_name="keyed", user_access_key_id=made.access_key_id))
    client.delete_user(ram.DeleteUserRequest(user_name="keyed"))


def test_the_account(server: Server) -> None:
    client = Ram(config(server))
    me = Sts(config(server)).get_caller_identity().body
    assert (me.identity_type, me.account_id, me.arn) == ("Account", NUMBER, f"acs:ram::{NUMBER}:root")
    assert refused(client.get_account_alias) == "EntityNotExist.AccountAlias"
    client.set_account_alias(ram.SetAccountAliasRequest(account_alias="harbour"))
    assert client.get_account_alias().body.account_alias == "harbour"
    client.clear_account_alias()


def codes(seed: str, at: float) -> list[str]:
    """The codes of RFC 6238 of the present step and the next."""
    found = []
    for step in (int(at) // 30 - 1, int(at) // 30):
        digest = hmac.new(base64.b32decode(seed), struct.pack(">Q", step), hashlib.sha1).digest()
        number = struct.unpack(">I", digest[digest[-1] & 15 :][:4])[0] & 0x7FFFFFFF
        found.append(f"{number % 1_000_000:06}")
    return found


def test_passwords_and_second_factors(server: Server) -> None:
    client = Ram(config(server))
    client.create_user(ram.CreateUserRequest(user_name="two"))
    client.create_login_profile(
        ram.CreateLoginProfileRequest(user_name="two", password="Harbour-12345!", password_reset_required=True)
    )
    assert client.get_login_profile(
        ram.GetLoginProfileRequest(user_name="two")
    ).body.login_profile.password_reset_required
    device = client.create_virtual_mfadevice(ram.CreateVirtualMFADeviceRequest(virtual_mfadevice_name="phone")).body
    serial = device.virtual_mfadevice.serial_number
    bind = ram.BindMFADeviceRequest(
        serial_number=serial, user_name="two", authentication_code_1="000000", authentication_code_2="000001"
    )
    assert refused(client.bind_mfadevice, bind) == "CheckAuthenticationCodeFail"
    first, second = codes(device.virtual_mfadevice.base_32string_seed, time.time())
    bind.authentication_code_1, bind.authentication_code_2 = first, second
    client.bind_mfadevice(bind)
    assert client.get_user_mfainfo(ram.GetUserMFAInfoRequest(user_name="two")).body.mfadevice.serial_number == serial
    drop = ram.DeleteVirtualMFADeviceRequest(serial_number=serial)
    assert refused(client.delete_virtual_mfadevice, drop) == "DeleteConflict.VirtualMFADevice.User"
    client.unbind_mfadevice(ram.UnbindMFADeviceRequest(user_name="two"))
    client.delete_virtual_mfadevice(drop)
    client.delete_login_profile(ram.DeleteLoginProfileRequest(user_name="two"))
    client.delete_user(ram.DeleteUserRequest(user_name="two"))


def test_the_older_sdk(server: Server) -> None:
    client = AcsClient(server.key_id, server.secret, "cn-hangzhou", auto_retry=False)
    request = GetUserRequest()
    request.set_endpoint(f"127.0.0.1:{server.port}")
    request.set_protocol_type("http")
    request.set_UserName("nobody")
    with pytest.raises(ServerException) as caught:
        client.do_action_with_exception(request)
    assert caught.value.get_error_code() == "EntityNotExist.User"


def test_a_request_is_good_once_whichever_worker_gets_it(server: Server) -> None:
    """Sent again and again, over connections of their own, so that both workers see it."""
    import http.client

    from tests.aliyun_openapi.signed import rpc

    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    params = {"Action": "GetCallerIdentity", "Version": "2015-04-01", "Format": "JSON", "AccessKeyId": server.key_id}
    captured = rpc({}, secret=server.secret, time=now, SignatureNonce="only-once", **params)
    answers = []
    for _ in range(12):
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        connection.request("GET", captured.target)
        answers.append(json.loads(connection.getresponse().read()).get("Code", "fine"))
        connection.close()
    assert answers == ["fine"] + ["SignatureNonceUsed"] * 11


# --- policies ---------------------------------------------------------------------------------------------------------


def test_a_policys_life(server: Server) -> None:
    client = Ram(config(server))
    text = policy({"Action": "oss:GetObject", "Resource": "acs:oss:*:*:photos/*"})
    client.create_policy(ram.CreatePolicyRequest(policy_name="read", policy_document=text, description="reads"))
    bad = policy({"Action": "oss:GetObject", "Resource": "nonsense"})
    assert refused(client.create_policy, ram.CreatePolicyRequest(policy_name="bad", policy_document=bad)) == (
        "MalformedPolicyDocument"
    )
    found = client.get_policy(ram.GetPolicyRequest(policy_name="read", policy_type="Custom")).body
    assert found.default_policy_version.policy_document == text
    more = policy({"Action": "oss:*", "Resource": "*"})
    version = client.create_policy_version(
        ram.CreatePolicyVersionRequest(policy_name="read", policy_document=more, set_as_default=True)
    ).body.policy_version
    assert (version.version_id, version.is_default_version) == ("v2", True)
    drop = ram.DeletePolicyVersionRequest(policy_name="read", version_id="v2")
    assert refused(client.delete_policy_version, drop) == "DeleteConflict.Policy.Version.Default"
    client.set_default_policy_version(ram.SetDefaultPolicyVersionRequest(policy_name="read", version_id="v1"))
    client.delete_policy_version(drop)
    client.delete_policy(ram.DeletePolicyRequest(policy_name="read"))
    gone = ram.GetPolicyRequest(policy_name="read", policy_type="Custom")
    assert refused(client.get_policy, gone) == "EntityNotExist.Policy"


def test_a_role_reads_one_prefix_and_nothing_else(server: Server) -> None:
    root = Ram(config(server))
    bucket = oss2.Bucket(oss2.AuthV4(server.key_id, server.secret), server.url, "prefixed", region="cn-hangzhou")
    bucket.create_bucket()
    bucket.put_object("open/a", b"a")
    bucket.put_object("shut/b", b"b")
    root.create_user(ram.CreateUserRequest(user_name="walker"))
    key = root.create_access_key(ram.CreateAccessKeyRequest(user_name="walker")).body.access_key
    for name, text in (
        ("walk", policy({"Action": "sts:AssumeRole", "Resource": f"acs:ram::{NUMBER}:role/reader"})),
        ("look", policy({"Action": "oss:GetObject", "Resource": "acs:oss:*:*:prefixed/open/*"})),
    ):
        root.create_policy(ram.CreatePolicyRequest(policy_name=name, policy_document=text))
    root.create_role(ram.CreateRoleRequest(role_name="reader", assume_role_policy_document=EVERYBODY))
    attach = {"policy_type": "Custom"}
    root.attach_policy_to_role(ram.AttachPolicyToRoleRequest(policy_name="look", role_name="reader", **attach))
    client = Sts(config(server, key.access_key_id, key.access_key_secret))
    request = sts.AssumeRoleRequest(role_arn=f"acs:ram::{NUMBER}:role/reader", role_session_name="stroll")
    root.attach_policy_to_user(ram.AttachPolicyToUserRequest(policy_name="walk", user_name="walker", **attach))
    made = client.assume_role(request).body.credentials
    auth = oss2.StsAuth(made.access_key_id, made.access_key_secret, made.security_token, auth_version="v4")
    session = oss2.Bucket(auth, server.url, "prefixed", region="cn-hangzhou")
    assert session.get_object("open/a").read() == b"a"
    for name in ("shut/b",):
        with pytest.raises(oss2.exceptions.AccessDenied):
            session.get_object(name)
    with pytest.raises(oss2.exceptions.AccessDenied):
        session.put_object("open/c", b"c")
    me = Sts(config(server, made.access_key_id, made.access_key_secret, made.security_token)).get_caller_identity().body
    assert me.arn == f"acs:ram::{NUMBER}:assumed-role/reader/stroll"
    # What one cloud's door gave opens the other's, and the other way round.
    assert made.access_key_id.startswith("STS.")
    theirs = {"aws_access_key_id": made.access_key_id, "aws_secret_access_key": made.access_key_secret}
    s3 = boto3.client(
        "s3", endpoint_url=server.url, region_name="us-east-1", aws_session_token=made.security_token, **theirs
    )
    assert s3.get_object(Bucket="prefixed", Key="open/a")["Body"].read() == b"a"
    aws_sts = boto3.client(
        "sts", endpoint_url=server.url, region_name="us-east-1",
        aws_access_key_id=key.access_key_id, aws_secret_access_key=key.access_key_secret,
    )  # fmt: skip
    role = "arn:aws:iam::000000000000:role/reader"
    given = aws_sts.assume_role(RoleArn=role, RoleSessionName="stroll")["Credentials"]
    assert given["AccessKeyId"].startswith("ASIA")
    auth = oss2.StsAuth(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], auth_version="v4")
    session = oss2.Bucket(auth, server.url, "prefixed", region="cn-hangzhou")
    assert session.get_object("open/a").read() == b"a"


def test_a_role_by_its_arn_over_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Server(tmp_path / "data", "--tls") as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "data" / "tls" / "ca.pem"))
        endpoint = f"127.0.0.1:{server.port}"
        root = Ram(Config(server.key_id, server.secret, endpoint=endpoint, protocol="HTTPS"))
        root.create_user(ram.CreateUserRequest(user_name="pilot"))
        key = root.create_access_key(ram.CreateAccessKeyRequest(user_name="pilot")).body.access_key
        text = policy({"Action": "sts:AssumeRole", "Resource": "*"})
        root.create_policy(ram.CreatePolicyRequest(policy_name="steer", policy_document=text))
        attach = ram.AttachPolicyToUserRequest(policy_name="steer", policy_type="Custom", user_name="pilot")
        root.attach_policy_to_user(attach)
        root.create_role(ram.CreateRoleRequest(role_name="helm", assume_role_policy_document=EVERYBODY))
        provider = RamRoleArnCredentialsProvider(
            credentials_provider=StaticAKCredentialsProvider(
                access_key_id=key.access_key_id, access_key_secret=key.access_key_secret
            ),
            role_arn=f"acs:ram::{NUMBER}:role/helm",
            role_session_name="watch",
            sts_endpoint=endpoint,
        )
        found = provider.get_credentials()
        given = (found.get_access_key_id(), found.get_access_key_secret())
        me = Sts(
            Config(*given, security_token=found.get_security_token(), endpoint=endpoint, protocol="HTTPS")
        ).get_caller_identity()
        assert me.body.arn == f"acs:ram::{NUMBER}:assumed-role/helm/watch"
