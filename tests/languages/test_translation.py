"""Translation: the same effect in the other language, and never more of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampan import translate
from sampan.kernel import writing
from sampan.kernel.conditions import Condition
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.names import Resource
from sampan.kernel.policy import (
    Effect,
    Held,
    Named,
    Plain,
    Principal,
    PrincipalPattern,
    Purpose,
    Question,
    ResourcePattern,
    Statement,
    decide,
)

ACCOUNT = "123456789012"
OTHER = "210987654321"


def iam(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def ram(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "1", "Statement": list(statements)})


# --- examples ---------------------------------------------------------------------------------------------------------


def test_reading_one_prefix() -> None:
    mine = iam(
        {
            "Sid": "List",
            "Effect": "Allow",
            "Action": ["s3:ListBucket"],
            "Resource": "arn:aws:s3:::photos",
            "Condition": {"StringLike": {"s3:prefix": "team/*"}},
        },
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::photos/team/*"},
    )
    done = translate.translate(mine, "ram", Purpose.IDENTITY)
    assert done.lost == ()
    assert json.loads(done.text) == {
        "Version": "1",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "oss:ListObjects",
                "Resource": "acs:oss:*:*:photos",
                "Condition": {"StringLike": {"oss:Prefix": "team/*"}},
            },
            {"Effect": "Allow", "Action": "oss:GetObject", "Resource": "acs:oss:*:*:photos/team/*"},
        ],
    }
    back = translate.translate(done.text, "iam", Purpose.IDENTITY)
    expected = json.loads(mine)
    del expected["Statement"][0]["Sid"]
    expected["Statement"][0]["Action"] = "s3:ListBucket"
    assert json.loads(back.text) == expected
    assert back.lost == ()


def test_trust_and_bucket_policies() -> None:
    trust = iam(
        {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"AWS": [f"arn:aws:iam::{ACCOUNT}:root", f"arn:aws:iam::{OTHER}:role/ci"]},
            "Condition": {"StringEquals": {"sts:ExternalId": "x"}},
        }
    )
    done = translate.translate(trust, "ram", Purpose.TRUST)
    assert done.lost == ()
    (statement,) = json.loads(done.text)["Statement"]
    assert statement["Principal"] == {
        "RAM": [f"acs:ram::1000{ACCOUNT}:root", f"acs:ram::1000{OTHER}:role/ci"],
    }
    assert "Resource" not in statement
    assert json.loads(translate.translate(done.text, "iam", Purpose.TRUST).text) == json.loads(trust)
    bucket = iam(
        {"Effect": "Allow", "Action": "s3:GetObject", "Principal": "*", "Resource": "arn:aws:s3:::b/*"},
        {
            "Effect": "Allow",
            "Action": "s3:PutObject",
            "Principal": {"AWS": [f"arn:aws:iam::{OTHER}:user/ann", OTHER]},
            "Resource": "arn:aws:s3:::b/*",
        },
    )
    done = translate.translate(bucket, "ram", Purpose.RESOURCE)
    assert [row["Principal"] for row in json.loads(done.text)["Statement"]] == [["*"], [f"1000{OTHER}"]]
    assert done.lost == ("statement 2: without the user ann as a principal of a bucket",)


def test_tokens_of_a_provider() -> None:
    trust = iam(
        {
            "Effect": "Allow",
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Principal": {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/id.example.com"},
            "Condition": {"StringEquals": {"id.example.com:sub": "repo:mine"}},
        }
    )
    done = translate.translate(trust, "ram", Purpose.TRUST)
    (statement,) = json.loads(done.text)["Statement"]
    assert statement["Action"] == "sts:AssumeRoleWithOIDC"
    assert statement["Condition"] == {"StringEquals": {"oidc:sub": "repo:mine"}}
    assert json.loads(translate.translate(done.text, "iam", Purpose.TRUST).text) == json.loads(trust)


@pytest.mark.parametrize(
    ("statement", "lost", "left"),
    [
        ({"Action": ["s3:GetObject", "ec2:RunInstances"]}, "without ec2:RunInstances", True),
        ({"Action": "ec2:*"}, "without ec2:*", False),
        ({"Action": "iam:PutUserPolicy"}, "without iam:PutUserPolicy", False),
        ({"Resource": ["arn:aws:ec2:::x", "arn:aws:s3:::b"]}, "without the resources of ec2", True),
        ({"Resource": "arn:aws:s3:::b/${aws:username}/*"}, "without the variable in", False),
        ({"Condition": {"Null": {"aws:MultiFactorAuthPresent": "true"}}}, "the operator null", False),
        ({"Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "true"}}}, "BoolIfExists", False),
        ({"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}}, "aws:principalorgid", False),
        ({"Condition": {"StringEquals": {"aws:username": "ann"}}}, "the condition key username", False),
    ],
)
def test_what_an_allow_loses(statement: dict[str, Any], lost: str, left: bool) -> None:
    row = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", **statement}
    done = translate.translate(iam(row), "ram", Purpose.IDENTITY)
    assert any(lost in line for line in done.lost), done.lost
    assert bool(done.text) == left
    assert left or any("left out" in line for line in done.lost)


def test_a_deny_that_loses_a_condition_denies_more() -> None:
    row = {"Effect": "Deny", "Action": "s3:*", "Resource": "*", "Condition": {"Null": {"aws:Referer": "true"}}}
    done = translate.translate(iam(row), "ram", Purpose.IDENTITY)
    assert json.loads(done.text)["Statement"] == [{"Effect": "Deny", "Action": "oss:*", "Resource": "*"}]
    (line,) = done.lost
    assert line == "statement 1: without the operator null: denied without that condition"


def test_if_exists_of_what_always_exists() -> None:
    row = {
        "Effect": "Allow",
        "Action": "*",
        "Resource": "*",
        "Condition": {"BoolIfExists": {"aws:SecureTransport": "true"}},
    }
    done = translate.translate(iam(row), "ram", Purpose.IDENTITY)
    assert done.lost == ()
    assert json.loads(done.text)["Statement"][0]["Condition"] == {"Bool": {"acs:SecureTransport": "true"}}


def test_two_conditions_for_one_place_in_json() -> None:
    """s3:RequestObjectTag and aws:RequestTag are one key here, and JSON has one place for it."""
    condition = {"StringEquals": {"aws:RequestTag/a": "1", "s3:RequestObjectTag/a": "2"}}
    row = {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition}
    done = translate.translate(iam(row), "ram", Purpose.IDENTITY)
    assert done.text == "" and "twice" in done.lost[0]


def test_too_large_for_the_other_language() -> None:
    rows = [
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::b/{'x' * 90}{n}"} for n in range(60)
    ]
    with pytest.raises(Fault) as caught:
        translate.translate(iam(*rows), "ram", Purpose.IDENTITY)
    assert caught.value.kind is Kind.TOO_LARGE


@pytest.mark.parametrize(
    ("text", "language"),
    [(iam(), "iam"), (ram(), "ram"), ('{"Statement": []}', "iam"), ('{"Version": "2008-10-17"}', "iam")],
)
def test_the_language_is_seen(text: str, language: str) -> None:
    assert translate.language_of(text) == language


@pytest.mark.parametrize("text", ["", "[]", '{"Version": "2"}', '{"Version": 1}', '{"Version": {}}'])
def test_no_language_at_all(text: str) -> None:
    with pytest.raises(Fault, match="policy document"):
        translate.language_of(text)


# --- there and back, for any statements and questions -----------------------------------------------------------------

ACTIONS = [
    "objects:GetObject", "objects:GetObjectVersion", "objects:PutObject", "objects:ListObjects", "objects:HeadBucket",
    "identity:CreateUser", "identity:AttachPolicyToUser", "identity:DetachPolicyFromUser", "identity:AssumeRole",
    "objects:GetBucketInfo", "identity:PutPolicyOfUser", "identity:UpdateRole", "identity:SetTrustRole",
]  # fmt: skip
SAFE = [action for action in ACTIONS if action not in (
    "objects:HeadBucket", "objects:ListObjects", "objects:GetBucketInfo", "identity:PutPolicyOfUser",
    "identity:UpdateRole", "identity:SetTrustRole",
)]  # fmt: skip
PATHS = ["b", "b/k", "b/a/k", "c/k", "user/ann", "user/bob", "role/ci", "policy/x", ""]
PATTERNS = [*PATHS[:-1], "*", "b/*", "b/a*", "?/k", "user/*", "*/k"]
SINGLE = {
    "source-ip": ["10.0.0.1", "192.168.0.9"],
    "secure": ["true", "false"],
    "user-agent": ["curl/8", "Boto3"],
    "external-id": ["x", "y"],
    "objects:prefix": ["a/", "b/", ""],
    "resource-tag/team": ["red", "blue"],
}
OPERATORS = ["string-equals", "string-not-equals", "string-like", "string-not-like", "string-equals-ignore-case"]


def conditions(odd: bool) -> st.SearchStrategy[Condition]:
    """`odd`: with what RAM does not have."""
    plain = st.sampled_from(sorted(SINGLE)).flatmap(
        lambda key: st.builds(
            Condition,
            st.sampled_from(OPERATORS),
            st.just(key),
            st.lists(st.sampled_from([*SINGLE[key], "*", "?*"]), min_size=1, max_size=2).map(tuple),
        )
    )
    addresses = st.builds(
        Condition,
        st.sampled_from(["ip-address", "not-ip-address"]),
        st.just("source-ip"),
        st.sampled_from([("10.0.0.0/8",), ("192.168.0.0/16", "10.0.0.1")]),
    )
    if not odd:
        return plain | addresses
    strange = st.builds(
        Condition,
        st.sampled_from(OPERATORS),
        st.sampled_from(["username", "referer", "aws!aws:x"]),
        st.just(("ann",)),
        st.sampled_from(["", "any", "all"]),
        st.booleans(),
    ) | st.builds(Condition, st.just("null"), st.sampled_from(sorted(SINGLE)), st.sampled_from([("true",), ("false",)]))
    return plain | addresses | strange


def once(found: list[Condition]) -> tuple[Condition, ...]:
    """No two of one operator on one key: JSON has no place for them."""
    return tuple({(condition.operator, condition.key, condition.quantifier): condition for condition in found}.values())


def statements(odd: bool) -> st.SearchStrategy[Statement]:
    services = ["objects", "identity", "*"]
    resource = st.builds(
        ResourcePattern,
        st.sampled_from(services),
        st.sampled_from(["*", ACCOUNT]) if odd else st.just("*"),
        st.sampled_from([*PATTERNS, "b/${username}"] if odd else PATTERNS),
    )
    if odd:
        resource |= st.just(ResourcePattern("aws!ec2", "*", "us-east-1:instance/i"))
    actions = st.sets(st.sampled_from([*ACTIONS, "aws!ec2:RunInstances"] if odd else SAFE), min_size=1, max_size=4)
    return st.builds(
        Statement,
        st.sampled_from(list(Effect)),
        actions.map(frozenset) | st.just(frozenset({"*"})),
        st.lists(resource, min_size=1, max_size=2).map(tuple),
        st.lists(conditions(odd), max_size=2).map(once),
        st.none(),
        st.booleans(),
        st.booleans() if odd else st.just(False),
    )


QUESTIONS = st.builds(
    Question,
    st.sampled_from([Principal("user", ACCOUNT, "ann"), Principal("role", ACCOUNT, "ci", "s")]),
    st.sampled_from(ACTIONS),
    st.builds(
        Resource,
        st.sampled_from(["objects", "identity"]),
        st.sampled_from(PATHS),
        st.sampled_from([ACCOUNT, OTHER, ""]),
    ),
    st.fixed_dictionaries(
        {}, optional={key: st.sampled_from(values).map(lambda value: (value,)) for key, values in SINGLE.items()}
    ),
)


def allowed(found: list[Statement] | tuple[Statement, ...], question: Question) -> bool:
    return decide(question, Held(Plain([Named("p", tuple(found))])), None).allowed


@settings(max_examples=60, deadline=None)
@given(st.lists(statements(False), min_size=1, max_size=3), st.lists(QUESTIONS, min_size=6, max_size=6))
def test_there_and_back_decides_the_same(found: list[Statement], questions: list[Question]) -> None:
    """What both languages can say is the same in both, and is the same when it comes back."""
    there = writing.write(translate.GRAMMARS["ram"], found, Purpose.IDENTITY)
    assert there.lost == ()
    read = translate.statements(there.text, Purpose.IDENTITY)
    back = translate.statements(translate.translate(there.text, "iam", Purpose.IDENTITY).text, Purpose.IDENTITY)
    for question in questions:
        assert allowed(found, question) == allowed(list(read), question) == allowed(list(back), question)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(statements(True), min_size=1, max_size=3),
    st.lists(QUESTIONS, min_size=6, max_size=6),
    st.sampled_from(["iam", "ram"]),
)
def test_nothing_is_allowed_that_was_not(found: list[Statement], questions: list[Question], to: str) -> None:
    """Whatever is lost, an Allow never grows; and without a loss nothing changes."""
    written = writing.write(translate.GRAMMARS[to], found, Purpose.IDENTITY)
    read = translate.statements(written.text, Purpose.IDENTITY) if written.text else ()
    # A Deny may lose what has no name there; that is told, and no Allow can make up for it.
    unsaid = {lost.index for lost in written.lost if found[lost.index].effect is Effect.DENY}
    for question in questions:
        if not written.lost:
            assert allowed(found, question) == allowed(read, question)
        elif not unsaid:
            assert allowed(found, question) or not allowed(read, question)


@settings(max_examples=40, deadline=None)
@given(st.lists(statements(True), min_size=1, max_size=3), st.lists(QUESTIONS, min_size=6, max_size=6))
def test_a_language_says_all_that_it_has_read(found: list[Statement], questions: list[Question]) -> None:
    first = writing.write(translate.GRAMMARS["iam"], found, Purpose.IDENTITY)
    if not first.text:
        return
    read = translate.statements(first.text, Purpose.IDENTITY)
    again = writing.write(translate.GRAMMARS["iam"], read, Purpose.IDENTITY)
    assert again.lost == ()
    assert translate.statements(again.text, Purpose.IDENTITY) == read


def test_a_principal_that_has_no_name_is_not_everybody() -> None:
    mine = Statement(
        Effect.ALLOW,
        frozenset({"objects:GetObject"}),
        (ResourcePattern("objects", "*", "b/*"),),
        principals=(PrincipalPattern("user", ACCOUNT, "ann"),),
    )
    written = writing.write(translate.GRAMMARS["ram"], [mine], Purpose.RESOURCE)
    assert written.text == "" and written.lost[-1].left_out
