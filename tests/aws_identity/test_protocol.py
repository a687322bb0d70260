"""What every service of AWS in the query protocol has in common: signatures, parameters, errors."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from sampan.gateway.contract import FAULTS
from sampan.kernel.denial import Denial
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.names import Resource
from sampan.kernel.policy import Decision, Outcome, Principal
from sampan.services.identity import model
from tests.aws.sdk import Ring, Sent
from tests.aws_identity.sdk import REQUEST_ID, Door, catch, client


def test_every_operation_of_the_model_is_in_the_table(iam: Door, sts: Door) -> None:
    for door in (iam, sts):
        assert sorted(operation.name for operation in door.dialect.operations) == sorted(door.model.operation_names)


def test_every_fault_has_words(iam: Door, sts: Door) -> None:
    for door in (iam, sts):
        assert (FAULTS | model.FAULTS) - door.dialect.words == set()
        for kind, noun in door.dialect.words:
            status, code, message = door.refused(Fault(kind, noun))
            assert 400 <= status < 600
            assert code.isalpha()
            assert message


def test_what_is_not_done_says_so(iam: Door) -> None:
    fault = iam.fault(catch(client("iam"), "list_saml_providers"))
    assert iam.refused(fault) == (501, "NotImplemented", "ListSAMLProviders is not done by this server yet.")


def test_a_refusal_names_the_action_as_iam_does(iam: Door) -> None:
    denial = Denial(
        Principal("role", "111122223333", "builder", "night"), "X", "identity:CreateUser",
        Resource("identity", "user/ann"), Decision(Outcome.IMPLICIT, "identity"),
    )  # fmt: skip
    assert iam.refused(Fault(Kind.DENIED, "action", "core words", denial=denial)) == (
        403,
        "AccessDenied",
        "User: arn:aws:sts::111122223333:assumed-role/builder/night is not authorized to perform: iam:CreateUser on "
        "resource: arn:aws:iam::111122223333:user/ann because no identity-based policy allows the iam:CreateUser "
        "action",
    )


# --- signatures -------------------------------------------------------------------------------------------------------


def test_a_signature_covers_the_body(iam: Door) -> None:
    good = catch(client("iam"), "create_user", UserName="ann")
    assert iam.bind(good)[0].caller.key_id == "AK"
    fault = iam.fault(replace(good, body=good.body.replace(b"ann", b"bob")))
    assert iam.refused(fault)[:2] == (403, "SignatureDoesNotMatch")
    fault = iam.fault(replace(good, query="UserName=bob"))
    assert iam.refused(fault)[:2] == (403, "SignatureDoesNotMatch")


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (catch(client("iam", secret="wrong"), "list_users"), "SignatureDoesNotMatch"),
        (catch(client("iam"), "list_users").with_header("x-amz-date", "20200101T000000Z"), "IncompleteSignature"),
        (catch(client("iam"), "list_users").with_header("authorization", "AWS4-HMAC-SHA256 x"), "IncompleteSignature"),
        (catch(client("iam", token="another-token"), "list_users"), "InvalidClientTokenId"),
        (catch(client("iam", signed=False), "list_users"), "MissingAuthenticationToken"),
        (catch(client("sts"), "get_caller_identity"), "IncompleteSignature"),
    ],
    ids=["secret", "date", "malformed", "token", "unsigned", "another service"],
)
def test_bad_signatures(iam: Door, request_: Sent, code: str) -> None:
    assert iam.refused(iam.fault(request_))[1] == code


def test_a_session_brings_its_token(iam: Door) -> None:
    assert iam.bind(catch(client("iam", token="the-session-token"), "list_users"))[0].caller.key_id == "TEMP"


def test_who_is_not_known_hears_nothing_else(iam: Door) -> None:
    iam.keys = Ring()
    for operation in ("list_users", "generate_credential_report"):
        fault = iam.fault(catch(client("iam"), operation))
        assert iam.refused(fault)[:2] == (403, "InvalidClientTokenId")


def test_a_clock_that_is_wrong(iam: Door, now_ms: int) -> None:
    iam.now_ms = now_ms + 3600 * 1000
    status, code, message = iam.refused(iam.fault(catch(client("iam"), "list_users")))
    assert (status, code) == (403, "SignatureDoesNotMatch")
    assert re.fullmatch(r"Signature expired: \S+Z is now earlier than \S+Z \(\S+Z - 15 min\.\)", message)


# --- parameters -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "params", "message"),
    [
        (
            "create_user",
            {"UserName": "a b"},
            "1 validation error detected: Value 'a b' at 'userName' failed to satisfy constraint: Member must satisfy "
            "regular expression pattern: [\\w+=,.@-]+",
        ),
        (
            "create_user",
            {},
            "1 validation error detected: Value null at 'userName' failed to satisfy constraint: Member must not be "
            "null",
        ),
        (
            "list_users",
            {"MaxItems": 1001},
            "1 validation error detected: Value '1001' at 'maxItems' failed to satisfy constraint: Member must have "
            "value less than or equal to 1000",
        ),
        (
            "tag_user",
            {"UserName": "ann", "Tags": [{"Key": "a", "Value": "v"}, {"Key": "k" * 129}]},
            "2 validation errors detected: Value '" + "k" * 129 + "' at 'tags.2.member.key' failed to satisfy "
            "constraint: Member must have length less than or equal to 128; Value null at 'tags.2.member.value' failed "
            "to satisfy constraint: Member must not be null",
        ),
        (
            "create_login_profile",
            {"UserName": "ann", "Password": "x" * 129},
            "1 validation error detected: Value '***' at 'password' failed to satisfy constraint: Member must have "
            "length less than or equal to 128",
        ),
        ("list_users", {"Marker": "no marker"}, "Invalid Marker: no marker"),
    ],
)
def test_what_the_model_does_not_allow(iam: Door, operation: str, params: dict[str, object], message: str) -> None:
    assert iam.refused(iam.fault(catch(client("iam"), operation, **params))) == (400, "ValidationError", message)


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ("Action=Nothing&Version=2010-05-08", "InvalidAction"),
        ("Action=ListUsers&Version=2011-06-15", "InvalidAction"),
        ("Version=2010-05-08", "InvalidAction"),
        ("Action=ListUsers&MaxItems=many", "ValidationError"),
        ("Action=ListUsers&MaxItems=1&MaxItems=2", "ValidationError"),
        ("Action=ListUsers&MaxItems.member.1=1", "ValidationError"),
        ("Action=UntagUser&UserName=a&TagKeys.member.x=1", "ValidationError"),
        ("Action=GetUser&UserName=%ff", "ValidationError"),
        ("Action=ListUsers&" + ".".join("a" * 20), "ValidationError"),
        ("&".join(f"a{number}" for number in range(10_001)), "ValidationError"),
    ],
)
def test_forms_that_no_sdk_sends(iam: Door, form: str, code: str) -> None:
    """Read before anything is verified by the model; nothing raises but a Fault."""
    request = Sent("POST", "/", "", {"host": "127.0.0.1:4566"})
    with pytest.raises(Fault) as caught:
        iam.dialect._protocols[0].read(request.request(), form.encode())
    assert iam.refused(caught.value)[1] == code


def test_a_list_is_in_the_order_of_its_numbers(iam: Door) -> None:
    request = Sent("POST", "/", "", {"host": "127.0.0.1:4566"})
    numbers = (10, 2, 1, 11)
    form = "Action=UntagUser&UserName=ann&" + "&".join(f"TagKeys.member.{number}=k{number}" for number in numbers)
    _, params = iam.dialect._protocols[0].read(request.request(), form.encode())
    assert params["TagKeys"] == ["k1", "k2", "k10", "k11"]


def test_other_methods_are_none_of_this_api(iam: Door) -> None:
    put = replace(catch(client("iam"), "list_users"), method="PUT")
    assert iam.refused(iam.fault(put))[1] == "SignatureDoesNotMatch"
    with pytest.raises(Fault) as caught:
        iam.dialect._protocols[0].read(put.request(), put.body)
    assert iam.refused(caught.value)[1] == "InvalidAction"


def test_every_reply_has_an_id(iam: Door) -> None:
    iam.said("delete_user", None, UserName="ann")
    assert ("x-amzn-RequestId", REQUEST_ID) in iam.reply.headers
