"""Explanations: they say what the evaluator says, name the statements that decide, and miss no key that could."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampan.kernel.conditions import Condition
from sampan.kernel.document import items_at
from sampan.kernel.explain import Explanation, Match, Policies, explain, keys_of, worst
from sampan.kernel.names import Resource
from sampan.kernel.policy import (
    Decision,
    Effect,
    Held,
    Named,
    Outcome,
    Plain,
    Principal,
    Question,
    ResourcePattern,
    Statement,
    decide,
)
from tests.kernel.test_policy import allow, policies, questions

layered = st.builds(Policies, policies, st.none() | policies, st.just(()) | st.tuples(policies), st.none() | policies)


@settings(max_examples=200, deadline=None)
@given(layered, questions)
def test_it_says_what_the_evaluator_says(found: Policies, question: Question) -> None:
    held = Held(
        Plain(found.identity),
        None if found.boundary is None else Plain(found.boundary),
        [Plain(session) for session in found.sessions],
    )
    told = explain(question, found)
    decision = decide(question, held, None if found.resource is None else Plain(found.resource))
    assert told.decision == decision
    if decision.index is not None:
        assert Match(decision.kind, decision.policy, decision.index, decision.sid) in told.matched
    assert (told.matched == ()) or decision.outcome is not Outcome.IMPLICIT
    assert (told.boundary is None) == (found.boundary is None)
    if decision.allowed and question.principal.kind != "root" and decision.kind == "identity":
        assert told.boundary is not False


@settings(max_examples=300, deadline=None)
@given(layered, questions, st.sampled_from(["a", "x", "b", "*"]))
def test_what_is_not_missing_changes_nothing(found: Policies, question: Question, value: str) -> None:
    told = explain(question, found)
    assert set(told.missing) <= {"who"} - question.context.keys()
    if not told.missing and not question.context:
        asked = Question(question.principal, question.action, question.resource, {"who": (value,)})
        assert explain(asked, found).decision == told.decision


QUESTION = Question(Principal("user", "1", "bob"), "objects:GetObject", Resource("objects", "a/x", "1"))


def test_all_that_allow_are_named_and_what_limits_is_not() -> None:
    two = Named("two", (allow(path="b/*"), allow(path="a/*"), allow("objects:GetObject")))
    told = explain(QUESTION, Policies([two, Named("one", (allow(),))], boundary=[Named("limit", (allow(),))]))
    assert [(match.policy, match.index) for match in told.matched] == [("two", 1), ("two", 2), ("one", 0)]
    assert told.boundary is True
    deny = Named("no", (Statement(Effect.DENY, frozenset({"*"}), (ResourcePattern("*", "*", "*"),)),))
    told = explain(QUESTION, Policies([two], boundary=[deny]))
    assert (told.decision.outcome, told.matched) == (Outcome.EXPLICIT, (Match("boundary", "no", 0),))
    assert told.boundary is False


def test_only_keys_that_could_decide_are_missing() -> None:
    asks = Condition("string-equals", "k", ("${other}", "${*}", "${third, 'x'}"))
    rows = [
        Named("elsewhere", (allow("objects:PutObject", conditions=(Condition("bool", "a", ("true",)),)),)),
        Named("other path", (allow(path="b", conditions=(Condition("bool", "b", ("true",)),)),)),
        Named("variable", (allow(path="${who}/*", conditions=(asks,)),)),
    ]
    assert explain(QUESTION, Policies(rows)).missing == ("k", "other", "third", "who")
    assert keys_of(statement for row in rows for statement in row.statements) == {
        "a", "b", "k", "other", "third", "who",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "action", "expected"),
    [
        ("aws!ec2:RunInstances", "aws!ec2:RunInstances", True),
        ("aws!ec2:runinstances", "aws!ec2:RunInstances", True),
        ("aws!ec2:Run*", "aws!ec2:RunInstances", True),
        ("aws!ec2:*", "aws!ec2:RunInstances", True),
        ("aws!sqs:*", "aws!ec2:RunInstances", False),
        ("aliyun!ec2:*", "aws!ec2:RunInstances", False),
        ("objects:GetObject", "aws!ec2:RunInstances", False),
    ],
)
def test_actions_of_products_that_are_not_here(pattern: str, action: str, expected: bool) -> None:
    question = Question(QUESTION.principal, action, Resource("aws!ec2", "us-east-1:instance/i", "1"))
    assert explain(question, Policies([Named("p", (allow(pattern),))])).decision.allowed is expected
    turned = Statement(Effect.ALLOW, frozenset({pattern}), (ResourcePattern("*", "*", "*"),), but_actions=True)
    assert explain(question, Policies([Named("p", (turned,))])).decision.allowed is not expected


def test_the_worst_of_several() -> None:
    yes = Explanation(Decision(Outcome.ALLOWED), (Match("identity", "p", 0),), ("k",), True)
    no = Explanation(Decision(Outcome.IMPLICIT), (), ("k", "l"), False)
    never = Explanation(Decision(Outcome.EXPLICIT), (Match("identity", "q", 1),))
    assert worst([yes]) == yes
    assert worst([yes, no]) == Explanation(no.decision, (), ("k", "l"), False)
    assert worst([yes, no, never]) == Explanation(never.decision, never.matched, ("k", "l"), False)


documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["Id", "Version", "x"]), documents), max_size=3, unique_by=lambda row: row[0]),
    st.none() | documents,
    st.sampled_from([None, 1, "\t"]),
    st.integers(0, 3),
)
def test_places_of_items(rows: list[tuple[str, object]], wanted: object, indent: str | int | None, at: int) -> None:
    members = [*rows[:at], *([("Statement", wanted)] if wanted is not None else []), *rows[at:]]
    text = "\r\n " + json.dumps(dict(members), indent=indent) + " "
    items = [] if wanted is None else wanted if isinstance(wanted, list) else [wanted]
    assert [json.loads(text[start:end]) for start, end in items_at(text, "Statement")] == items
