"""The evaluator: against a slow reference, and by the rules that both clouds publish."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampan.kernel import wildcard
from sampan.kernel.conditions import NEGATED, OPERATORS, Condition, holds
from sampan.kernel.names import Resource
from sampan.kernel.policy import (
    ANY,
    Effect,
    Held,
    Named,
    Outcome,
    Plain,
    Principal,
    PrincipalPattern,
    Question,
    ResourcePattern,
    Statement,
    decide,
)
from sampan.kernel.ruleset import Compiled

# --- wildcards --------------------------------------------------------------------------------------------------------


def obvious(pattern: str, text: str) -> bool:
    """Matching by the definition."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(obvious(pattern[1:], text[at:]) for at in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and obvious(pattern[1:], text[1:])


@settings(max_examples=300)
@given(st.text("ab*?/", max_size=8), st.text("ab/\n", max_size=8))
def test_wildcards_match_by_the_definition(pattern: str, text: str) -> None:
    assert wildcard.matches(pattern, text) == obvious(pattern, text)


def test_no_pattern_takes_long() -> None:
    begun = time.perf_counter()
    assert not wildcard.matches("*a" * 500 + "b", "a" * 2000)
    assert time.perf_counter() - begun < 0.5


# --- conditions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operator", "given", "wanted", "expected"),
    [
        ("string-equals", "a", "a", True),
        ("string-equals", "a", "A", False),
        ("string-equals", "a*", "a*", True),
        ("string-equals", "ab", "a*", False),
        ("string-equals-ignore-case", "É", "é", True),
        ("string-like", "abc", "a*c", True),
        ("string-not-like", "abc", "a*c", False),
        ("numeric-equals", "1.0", "1", True),
        ("numeric-less-than", "x", "1", False),
        ("numeric-greater-than-equals", "10", "9", True),
        ("date-less-than", "2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z", True),
        ("date-greater-than", "1767225600", "2025-12-31T23:59:59Z", True),
        ("bool", "true", "True", True),
        ("binary-equals", "YQ==", "YQ==", True),
        ("ip-address", "10.1.2.3", "10.0.0.0/8", True),
        ("ip-address", "::ffff:10.1.2.3", "10.0.0.0/8", True),
        ("ip-address", "2001:db8::1", "10.0.0.0/8", False),
        ("not-ip-address", "11.0.0.1", "10.0.0.0/8", True),
        ("arn-like", "arn:aws:iam::1:user/a", "arn:aws:iam::*:user/*", True),
        ("arn-like", "arn:aws:iam::1:user/a", "arn:*:user/*", False),
    ],
)
def test_operators(operator: str, given: str, wanted: str, expected: bool) -> None:
    assert holds(Condition(operator, "k", (wanted,)), {"k": (given,)}) is expected


@pytest.mark.parametrize("operator", sorted(OPERATORS))
def test_a_key_that_is_not_there(operator: str) -> None:
    assert holds(Condition(operator, "k", ("1",)), {}) is (operator in NEGATED)
    assert holds(Condition(operator, "k", ("1",), if_exists=True), {}) is True
    assert holds(Condition(operator, "k", ("1",), quantifier="all"), {}) is True
    assert holds(Condition(operator, "k", ("1",), quantifier="any"), {}) is False


def test_null_and_quantifiers() -> None:
    context = {"k": ("a", "b")}
    assert holds(Condition("null", "k", ("false",)), context)
    assert not holds(Condition("null", "k", ("true",)), context)
    assert holds(Condition("null", "z", ("true",)), context)
    assert holds(Condition("string-equals", "k", ("a", "x"), "any"), context)
    assert not holds(Condition("string-equals", "k", ("a", "x"), "all"), context)
    assert holds(Condition("string-equals", "k", ("a", "b", "c"), "all"), context)
    assert not holds(Condition("string-not-equals", "k", ("a",), "all"), context)
    assert holds(Condition("string-not-equals", "k", ("a",), "any"), context)


def test_variables() -> None:
    context = {"aws:username": ("bob*",), "k": ("home/bob*",), "multi": ("a", "b")}
    assert holds(Condition("string-like", "k", ("home/${aws:username}",)), context)
    assert not holds(Condition("string-like", "k", ("home/${aws:username}",)), context | {"k": ("home/bobby",)})
    assert not holds(Condition("string-like", "k", ("home/${unknown}",)), context)
    assert holds(Condition("string-like", "k", ("home/${unknown, 'bob'}*",)), context)
    assert not holds(Condition("string-like", "k", ("${multi}",)), context | {"k": ("a",)})
    assert holds(Condition("string-equals", "k", ("${*}${$}",)), {"k": ("*$",)})


# --- the fast and the slow --------------------------------------------------------------------------------------------

ACTIONS = ["objects:GetObject", "objects:PutObject", "identity:GetUser"]
PATHS = ["", "a", "a/x", "a/xy", "b/x", "*", "a*", "a/*", "?/x", "a/${who}", "${who}/x"]
resources = st.builds(ResourcePattern, st.sampled_from(["objects", "*"]), st.sampled_from(["*", "1", "2"]),
                      st.sampled_from(PATHS))  # fmt: skip
principals = st.sampled_from(
    [
        PrincipalPattern("any"),
        PrincipalPattern("account", "1"),
        PrincipalPattern("user", "1", "bob"),
        PrincipalPattern("role", "1", "reader"),
        PrincipalPattern("session", "1", "reader/s"),
    ]
)
statements = st.builds(
    Statement,
    st.sampled_from(Effect),
    st.frozensets(st.sampled_from([*ACTIONS, ANY]), min_size=1, max_size=2),
    st.tuples(resources) | st.tuples(resources, resources),
    st.just(()) | st.tuples(st.builds(Condition, st.sampled_from(["string-equals", "string-not-equals"]),
                                      st.just("who"), st.tuples(st.sampled_from(["a", "x"])))),
    st.none() | st.tuples(principals),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)  # fmt: skip
policies = st.lists(
    st.builds(Named, st.sampled_from(["p", "q"]), st.lists(statements, max_size=4).map(tuple)), max_size=3
)
callers = st.sampled_from(
    [
        Principal("root", "1"),
        Principal("user", "1", "bob"),
        Principal("role", "1", "reader", "s"),
        Principal("user", "2", "bob"),
        Principal("anonymous", ""),
    ]
)
questions = st.builds(
    Question,
    callers,
    st.sampled_from(ACTIONS),
    st.builds(
        Resource,
        st.just("objects"),
        st.sampled_from(["", "a", "a/x", "a/xy", "b/x", "x"]),
        st.sampled_from(["", "1", "2"]),
    ),
    st.just({}) | st.builds(lambda who: {"who": (who,)}, st.sampled_from(["a", "x", "*"])),
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(policies, st.lists(questions, min_size=1, max_size=4))
def test_the_index_agrees_with_looking_at_everything(found: list[Named], asked: list[Question]) -> None:
    fast, slow = Compiled(found), Plain(found)
    for question in asked:
        for effect in Effect:
            assert fast.match(question, effect) == slow.match(question, effect)


@settings(max_examples=150, deadline=None)
@given(policies, policies, st.none() | policies, st.none() | policies, questions)
def test_a_deny_always_wins_and_limits_only_take_away(
    identity: list[Named], resource: list[Named], boundary: list[Named] | None, session: list[Named] | None,
    question: Question,
) -> None:  # fmt: skip
    held = Held(Plain(identity), Plain(boundary) if boundary is not None else None,
                [Plain(session)] if session is not None else [])  # fmt: skip
    decision = decide(question, held, Plain(resource))
    layers = [held.identity, Plain(resource), *([held.boundary] if held.boundary else []), *held.sessions]
    if any(layer.match(question, Effect.DENY) for layer in layers):
        assert decision.outcome is Outcome.EXPLICIT
    else:
        assert decision.outcome is not Outcome.EXPLICIT
    if decision.allowed:
        assert decide(question, Held(held.identity), Plain(resource)).allowed
    if question.resource.owner not in ("", question.principal.account) and decision.allowed:
        assert Plain(resource).match(question, Effect.ALLOW)


def allow(*actions: str, path: str = "*", **more: object) -> Statement:
    return Statement(Effect.ALLOW, frozenset(actions or {ANY}), (ResourcePattern(ANY, ANY, path),), **more)


def test_who_may_do_what() -> None:
    bob = Principal("user", "1", "bob")
    mine = Question(bob, ACTIONS[0], Resource("objects", "a/x", "1"))
    theirs = Question(bob, ACTIONS[0], Resource("objects", "a/x", "2"))
    nothing, everything = Plain([]), Plain([Named("all", (allow(),))])
    for_bob = Plain([Named("bucket", (allow(principals=(PrincipalPattern("user", "1", "bob"),)),))])
    assert decide(mine, Held(nothing)).outcome is Outcome.IMPLICIT
    assert decide(mine, Held(everything)).allowed
    assert decide(mine, Held(everything, boundary=nothing)).kind == "boundary"
    assert decide(mine, Held(everything, sessions=[nothing])).kind == "session"
    assert decide(mine, Held(nothing), for_bob).allowed
    assert not decide(theirs, Held(everything)).allowed
    assert not decide(theirs, Held(nothing), for_bob).allowed
    assert decide(theirs, Held(everything), for_bob).allowed
    assert decide(Question(Principal("root", "1"), ACTIONS[0], mine.resource), Held(nothing)).allowed
    nobody = Question(Principal("anonymous", ""), ACTIONS[0], mine.resource)
    assert not decide(nobody, None).allowed
    assert not decide(nobody, None, for_bob).allowed
    assert decide(nobody, None, Plain([Named("public", (allow(principals=(PrincipalPattern("any"),)),))])).allowed


def test_a_thousand_statements_cost_little() -> None:
    held = Held(
        Compiled(
            Named(f"p{p}", tuple(allow(ACTIONS[0], path=f"bucket-{p}/team-{s}/*") for s in range(20)))
            for p in range(50)
        )
    )
    question = Question(Principal("user", "1", "bob"), ACTIONS[0], Resource("objects", "bucket-49/team-19/k", "1"))
    assert decide(question, held).policy == "p49"
    begun = time.perf_counter()
    for _ in range(200):
        decide(question, held)
    assert (time.perf_counter() - begun) / 200 < 500e-6  # a bound for a busy machine; the benchmark has the figure
