"""Both languages' readers: what documents mean, and where the mistake is in those that mean nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sampan.dialects.aliyun.wire.policy import RamReader
from sampan.dialects.aws.wire.policy import IamReader
from sampan.kernel.conditions import Condition
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.policy import Effect, PrincipalPattern, Purpose, Reader, ResourcePattern, Statement

ACCOUNT = "123456789012"
IAM: Reader = IamReader()
RAM: Reader = RamReader()
OF = {
    "iam": (IAM, "2012-10-17", "s3:GetObject", "arn:aws:s3:::b/*"),
    "ram": (RAM, "1", "oss:GetObject", "acs:oss:*:*:b/*"),
}


def iam(*statements: dict[str, Any], purpose: Purpose = Purpose.IDENTITY, **more: Any) -> tuple[Statement, ...]:
    document = {"Version": "2012-10-17", "Statement": list(statements), **more}
    return IAM.read(json.dumps(document), purpose, ACCOUNT)


def ram(*statements: dict[str, Any], purpose: Purpose = Purpose.IDENTITY, **more: Any) -> tuple[Statement, ...]:
    return RAM.read(json.dumps({"Version": "1", "Statement": list(statements), **more}), purpose, ACCOUNT)


# --- the same statement in two languages ------------------------------------------------------------------------------


def test_one_statement_in_two_languages() -> None:
    (mine,) = iam(
        {
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": "arn:aws:s3:::photos",
            "Condition": {"StringLike": {"s3:prefix": ["team/*", ""]}, "Bool": {"aws:SecureTransport": True}},
        }
    )
    (theirs,) = ram(
        {
            "Effect": "Allow",
            "Action": ["oss:ListObjects"],
            "Resource": ["acs:oss:*:*:photos"],
            "Condition": {"StringLike": {"oss:Prefix": ["team/*", ""]}, "Bool": {"acs:SecureTransport": "true"}},
        }
    )
    assert mine == theirs
    assert mine == Statement(
        Effect.ALLOW,
        frozenset({"objects:ListObjects", "objects:HeadBucket"}),
        (ResourcePattern("objects", "*", "photos"),),
        (
            Condition("string-like", "objects:prefix", ("team/*", "")),
            Condition("bool", "secure", ("true",)),
        ),
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*", ("*", "*", "*")),
        ("arn:aws:s3:::b/k", ("objects", "*", "b/k")),
        ("arn:aws:iam::123456789012:user/team/ann", ("identity", ACCOUNT, "user/ann")),
        ("arn:aws:iam::*:role/*", ("identity", "*", "role/*")),
        ("arn:aws:iam::123456789012:user/${aws:username}", ("identity", ACCOUNT, "user/${username}")),
        ("arn:aws:iam::123456789012:policy/team/readers", ("identity", ACCOUNT, "policy/team/readers")),
        ("arn:aws:iam::aws:policy/AdministratorAccess", ("identity", "*", "policyaws:/AdministratorAccess")),
        ("arn:aws:ec2:us-east-1:123456789012:instance/i-1", ("aws!ec2", ACCOUNT, "us-east-1:instance/i-1")),
    ],
)
def test_resources_of_iam(text: str, expected: tuple[str, str, str]) -> None:
    (found,) = iam({"Effect": "Deny", "NotAction": "s3:*", "Resource": text})
    assert found.resources == (ResourcePattern(*expected),)
    assert found.but_actions


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*", ("*", "*", "*")),
        ("acs:oss:*:*:b/k", ("objects", "*", "b/k")),
        ("acs:oss:oss-cn-hangzhou:1000123456789012:b/k", ("objects", ACCOUNT, "b/k")),
        ("acs:ram:*:1000123456789012:user/ann", ("identity", ACCOUNT, "user/ann")),
        ("acs:ram:*:system:policy/AliyunOSSFullAccess", ("identity", "*", "policyaliyun:/AliyunOSSFullAccess")),
        ("acs:ecs:cn-hangzhou:*:instance/i-1", ("aliyun!ecs", "*", "cn-hangzhou:instance/i-1")),
        ("acs:oss:*:*:b/${acs:x}", ("objects", "*", "b/${$}{acs:x}")),
    ],
)
def test_resources_of_ram(text: str, expected: tuple[str, str, str]) -> None:
    (found,) = ram({"Effect": "Allow", "Action": "*", "Resource": text})
    assert found.resources == (ResourcePattern(*expected),)


def test_principals() -> None:
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole"}
    (found,) = iam(
        {
            **trust,
            "Principal": {
                "AWS": [ACCOUNT, "arn:aws:iam::123456789012:role/a/b", "arn:aws:sts::123456789012:assumed-role/b/s"],
                "Service": "ec2.amazonaws.com",
                "Federated": "arn:aws:iam::123456789012:oidc-provider/id.example.com",
            },
            "Condition": {"StringEquals": {"id.example.com:aud": "me", "sts:ExternalId": 7}},
        },
        purpose=Purpose.TRUST,
    )
    assert found.principals == (
        PrincipalPattern("account", ACCOUNT),
        PrincipalPattern("role", ACCOUNT, "b"),
        PrincipalPattern("session", ACCOUNT, "b/s"),
        PrincipalPattern("service", "", "ec2.amazonaws.com"),
        PrincipalPattern("federated", ACCOUNT, "id.example.com"),
    )
    assert [condition.key for condition in found.conditions] == ["token/aud", "external-id"]
    assert found.conditions[1].values == ("7",)
    (theirs,) = ram(
        {**trust, "Principal": {"RAM": ["acs:ram::1000123456789012:root", "acs:ram::1000123456789012:role/b"]}},
        purpose=Purpose.TRUST,
    )
    assert theirs.principals == found.principals[:2]
    bucket = {"Effect": "Allow", "Action": "oss:GetObject", "Resource": "acs:oss:*:*:b/*"}
    for given, kinds in (
        ([], ["any"]),
        (["*"], ["any"]),
        (["1000123456789012", "20123456789012345"], ["account", "id"]),
    ):
        (found,) = ram({**bucket, "Principal": given}, purpose=Purpose.RESOURCE)
        assert [pattern.kind for pattern in found.principals or ()] == kinds
    (found,) = ram({**bucket, "Principal": ["arn:sts::1000123456789012:assumed-role/r/*"]}, purpose=Purpose.RESOURCE)
    assert found.principals == (PrincipalPattern("role", ACCOUNT, "r"),)


def test_operators_with_all_that_may_surround_them() -> None:
    (found,) = iam(
        {
            "Effect": "Allow",
            "Action": "iam:TagUser",
            "Resource": "*",
            "Condition": {
                "ForAllValues:StringEqualsIfExists": {"aws:TagKeys": ["a"]},
                "null": {"aws:MultiFactorAuthAge": True},
                "StringEquals": {
                    "aws:PrincipalTag/Team": "${aws:RequestTag/Team, 'none'}",
                    "aws:PrincipalType": "User",
                },
            },
        }
    )
    assert found.conditions == (
        Condition("string-equals", "tag-keys", ("a",), "all", True),
        Condition("null", "aws!aws:multifactorauthage", ("true",)),
        Condition("string-equals", "principal-tag/team", ("${request-tag/team, 'none'}",)),
        Condition("string-equals", "principal-kind", ("user",)),
    )


def test_variables_are_plain_text_in_the_old_version() -> None:
    (found,) = iam(
        {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::b/${aws:username}"}, Version="2008-10-17"
    )
    assert found.resources[0].path == "b/${$}{aws:username}"


# --- what is refused, and where ---------------------------------------------------------------------------------------


def refused(reader: Reader, text: str, purpose: Purpose = Purpose.IDENTITY) -> Fault:
    with pytest.raises(Fault) as caught:
        reader.read(text, purpose, ACCOUNT)
    assert caught.value.noun == "policy document"
    return caught.value


@pytest.mark.parametrize("language", OF)
@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"Effect": None}, ""),
        ({"Effect": "allow"}, "/Effect"),
        ({"Effect": 1}, "/Effect"),
        ({"Action": None}, ""),
        ({"Action": []}, "/Action"),
        ({"Action": ["x"]}, "/Action/0"),
        ({"Action": 7}, "/Action"),
        ({"Action": [{}]}, "/Action/0"),
        ({"NotAction": "*"}, "/NotAction"),
        ({"Resource": None}, ""),
        ({"Resource": "b/*"}, "/Resource"),
        ({"Resource": ["*", "arn:acs:oss"]}, "/Resource/1"),
        ({"Principal": "*"}, "/Principal"),
        ({"Colour": "red"}, "/Colour"),
        ({"a/b~c": "red"}, "/a~1b~0c"),
        ({"Sid": "with spaces"}, "/Sid"),
        ({"Condition": []}, "/Condition"),
        ({"Condition": {"StringSmells": {"a:b": "c"}}}, "/Condition/StringSmells"),
        ({"Condition": {"StringEquals": "a"}}, "/Condition/StringEquals"),
        ({"Condition": {"StringEquals": {"nokey": "c"}}}, "/Condition/StringEquals/nokey"),
        ({"Condition": {"StringEquals": {"a:b": []}}}, "/Condition/StringEquals/a:b"),
        ({"Condition": {"StringEquals": {"a:b": ["c", None]}}}, "/Condition/StringEquals/a:b/1"),
        ({"Condition": {"IpAddress": {"a:b": "10.0.0.0/33"}}}, "/Condition/IpAddress/a:b"),
        ({"Condition": {"NumericLessThan": {"a:b": "many"}}}, "/Condition/NumericLessThan/a:b"),
        ({"Condition": {"DateLessThan": {"a:b": "tomorrow"}}}, "/Condition/DateLessThan/a:b"),
        ({"Condition": {"Bool": {"a:b": "perhaps"}}}, "/Condition/Bool/a:b"),
    ],
)
def test_the_place_of_a_mistake(language: str, change: dict[str, Any], where: str) -> None:
    reader, version, action, resource = OF[language]
    good = {"Effect": "Allow", "Action": action, "Resource": resource}
    reader.read(json.dumps({"Version": version, "Statement": [good]}), Purpose.IDENTITY, ACCOUNT)
    bad = {name: value for name, value in {**good, **change}.items() if value is not None}
    fault = refused(reader, json.dumps({"Version": version, "Statement": [good, bad]}))
    assert (fault.kind, fault.facts["where"]) == (Kind.INVALID, "/Statement/1" + where)


@pytest.mark.parametrize("language", OF)
@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", ""),
        ("{", ""),
        ("[]", ""),
        ('{"Statement": [NaN]}', ""),
        ('{"Version": "3"}', "/Version"),
        ('{"Version": 1}', "/Version"),
        ('{"Version": "VERSION"}', ""),
        ('{"Version": "VERSION", "Statement": []}', "/Statement"),
        ('{"Version": "VERSION", "Statement": "all"}', "/Statement"),
        ('{"Version": "VERSION", "Version": "VERSION"}', "/Version"),
        ('{"Version": "VERSION", "Statement": [{"Effect": "Allow", "Effect": "Deny"}]}', "/Statement/0/Effect"),
        ('{"Version": "VERSION", "Statement": [{"Effect": "\\ud800"}]}', "/Statement/0/Effect"),
        ("[" * 5000, ""),
        ('{"Version": "VERSION", "Statement": ' + "[" * 40 + "]" * 40 + "}", ""),
        ('{"Version": "VERSION", "Statement": [' + "9" * 5000 + "]}", "/Statement/0"),
    ],
    ids=range(15),
)
def test_what_is_no_policy_at_all(language: str, text: str, where: str) -> None:
    fault = refused(OF[language][0], text.replace("VERSION", OF[language][1]))
    assert (fault.kind, fault.facts["where"]) == (Kind.INVALID, where)


def test_versions() -> None:
    good = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    for reader, text in ((IAM, "1"), (RAM, "2012-10-17")):
        fault = refused(reader, json.dumps({"Version": text, "Statement": [good]}))
        assert fault.facts["where"] == "/Version"
    assert refused(RAM, json.dumps({"Statement": [good]})).facts["where"] == ""
    assert IAM.read(json.dumps({"Statement": good}), Purpose.IDENTITY, ACCOUNT)


@pytest.mark.parametrize(
    ("reader", "purpose", "size_max"),
    [
        (IAM, Purpose.IDENTITY, 10_240),
        (IAM, Purpose.RESOURCE, 20_480),
        (RAM, Purpose.IDENTITY, 6_144),
        (RAM, Purpose.TRUST, 2_048),
    ],
)
def test_sizes(reader: Reader, purpose: Purpose, size_max: int) -> None:
    fault = refused(reader, '{"Id": "' + "x" * size_max + '"}', purpose)
    assert (fault.kind, fault.facts["size_max"]) == (Kind.TOO_LARGE, size_max)
    # Spaces are not counted, up to a bound.
    assert refused(reader, " " * 100_000 + "{", purpose).kind is Kind.INVALID
    assert refused(reader, " " * 200_000, purpose).kind is Kind.TOO_LARGE


TRUSTING = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": ACCOUNT}}


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"Resource": "*"}, "/Statement/0/Resource"),
        ({"Action": "s3:GetObject"}, "/Statement/0/Action"),
        ({"Principal": None}, "/Statement/0"),
        ({"Principal": {}}, "/Statement/0/Principal"),
        ({"Principal": {"RAM": "x"}}, "/Statement/0/Principal/RAM"),
        ({"Principal": {"AWS": []}}, "/Statement/0/Principal/AWS"),
        ({"Principal": {"AWS": ["*", "arn:aws:iam::123456789012:user/*"]}}, "/Statement/0/Principal/AWS/1"),
        ({"Principal": {"AWS": "arn:aws:iam::12:root"}}, "/Statement/0/Principal/AWS"),
        ({"Principal": None, "NotPrincipal": {"AWS": ACCOUNT}}, "/Statement/0/NotPrincipal"),
    ],
)
def test_trust_policies(change: dict[str, Any], where: str) -> None:
    statement = {name: value for name, value in {**TRUSTING, **change}.items() if value is not None}
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    assert refused(IAM, text, Purpose.TRUST).facts["where"] == where


def test_ram_has_fewer_words() -> None:
    good = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    for condition in ("StringEqualsIfExists", "ForAnyValue:StringEquals", "Null", "ArnLike", "BinaryEquals"):
        text = json.dumps({"Version": "1", "Statement": [{**good, "Condition": {condition: {"acs:SourceIp": "a"}}}]})
        assert refused(RAM, text).facts["where"] == f"/Statement/0/Condition/{condition}"
    text = json.dumps({"Version": "1", "Statement": [{"Effect": "Allow", "Action": "*", "NotResource": "*"}]})
    assert refused(RAM, text).facts["where"] == "/Statement/0/NotResource"


def test_a_sid_stands_once() -> None:
    row = {"Sid": "a", "Effect": "Allow", "Action": "*", "Resource": "*"}
    text = json.dumps({"Version": "2012-10-17", "Statement": [row, row]})
    assert refused(IAM, text).facts["where"] == "/Statement/1/Sid"
