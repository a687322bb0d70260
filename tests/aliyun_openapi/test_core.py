"""The vendor's older SDK, unmodified: RPC by HMAC-SHA1."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.auth.credentials import StsTokenCredential
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.request import CommonRequest
from aliyunsdkram.request.v20150501.CreatePolicyRequest import CreatePolicyRequest
from aliyunsdkram.request.v20150501.GetUserRequest import GetUserRequest
from aliyunsdkram.request.v20150501.ListUsersRequest import ListUsersRequest
from aliyunsdksts.request.v20150401.AssumeRoleRequest import AssumeRoleRequest

from sampan.kernel.fault import Fault, Kind
from sampan.services.identity import model
from sampan.services.identity.model import Document, EntityKind, EntityRef, Language, Session, WhoAmI
from tests.aliyun_openapi.captured import ACCOUNT, key
from tests.aliyun_openapi.door import ANN, READ, TEXT, Door, opened

ANN_REF = EntityRef(EntityKind.USER, "ann")


def client(**more: Any) -> AcsClient:
    return AcsClient("TESTAK", "TESTSK", "cn-hangzhou", auto_retry=False, **more)


def do(door: Door, request: Any, by: AcsClient | None = None) -> bytes:
    request.set_endpoint(door.address)
    request.set_protocol_type("http")
    reply: bytes = (by or client()).do_action_with_exception(request)
    return reply


def test_get_user(door: Door) -> None:
    door.answer = ANN
    request = GetUserRequest()
    request.set_UserName("ann")
    assert json.loads(do(door, request))["User"]["DisplayName"] == "Ann"
    assert door.commands == [model.GetEntity(ref=ANN_REF)]


def test_a_policy_in_the_query_and_in_a_form(door: Door) -> None:
    door.answer = READ
    request = CreatePolicyRequest()
    request.set_PolicyName("read")
    request.set_PolicyDocument(TEXT)
    do(door, request)
    common = CommonRequest(domain=door.address, version="2015-05-01", action_name="CreatePolicy")
    common.set_method("POST")
    common.add_query_param("PolicyName", "read")
    common.add_body_params("PolicyDocument", TEXT)
    do(door, common)
    assert door.commands == [model.CreatePolicy(policy="/read", document=Document(Language.RAM, TEXT))] * 2


def test_errors(door: Door) -> None:
    door.answer = Fault(Kind.MISSING, "user")
    request = GetUserRequest()
    request.set_UserName("ann")
    with pytest.raises(ServerException) as caught:
        do(door, request)
    assert caught.value.get_error_code() == "EntityNotExist.User"
    assert caught.value.get_http_status() == 404
    assert caught.value.get_request_id() == "0123456789ABCDEF01234567"


def test_a_wrong_secret_is_told_what_to_sign(door: Door) -> None:
    """The SDK compares the server's string to sign with its own, and blames the secret if they agree."""
    wrong = AcsClient("TESTAK", "wrong", "cn-hangzhou", auto_retry=False)
    with pytest.raises(ServerException) as caught:
        do(door, ListUsersRequest(), wrong)
    assert caught.value.get_error_code() in ("SignatureDoesNotMatch", "InvalidAccessKeySecret")
    assert "InvalidAccessKeySecret" in str(caught.value) or "string to sign" in str(caught.value)


def test_assume_role_and_then_be_it(door: Door) -> None:
    far = 4102444800000
    door.answer = Session(ACCOUNT, "STS.K", "secret", "to/ken+=", far, session="watch", role="helm", role_id="A")
    request = AssumeRoleRequest()
    request.set_RoleArn("acs:ram::1000123456789012:role/helm")
    request.set_RoleSessionName("watch")
    made = json.loads(do(door, request))["Credentials"]
    with opened(key("STS.K", "secret", "to/ken+=", expires_ms=far)) as again:
        given = StsTokenCredential(made["AccessKeyId"], made["AccessKeySecret"], made["SecurityToken"])
        again.answer = WhoAmI(ACCOUNT, "role", "helm", "A", "watch")
        common = CommonRequest(domain=again.address, version="2015-04-01", action_name="GetCallerIdentity")
        by = AcsClient(region_id="cn-hangzhou", credential=given, auto_retry=False)
        assert json.loads(do(again, common, by))["IdentityType"] == "AssumedRoleUser"
        wrong = AcsClient(region_id="cn-hangzhou", credential=StsTokenCredential("STS.K", "bad", "to/ken+="))
        with pytest.raises(ServerException):
            do(again, common, wrong)
        assert b"to/ken" not in again.sent
        assert b"to%252Fken" not in again.sent
        assert b"to%25252Fken" not in again.sent
