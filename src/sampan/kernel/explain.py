"""Why a question is answered as it is: which statements decide, and what the policies would have liked to know.

For people who write policies. Slow, and by the same rules as the guard: the answer is `policy.decide`'s own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from sampan.kernel import wildcard
from sampan.kernel.actions import FOREIGN
from sampan.kernel.policy import (
    Decision,
    Effect,
    Held,
    Named,
    Outcome,
    Plain,
    Question,
    Ruleset,
    Statement,
    action_matches,
    applies,
    decide,
    principal_matches,
    resource_matches,
)

_VARIABLE = re.compile(r"\$\{([^},]*)[^}]*\}")
_LITERAL = frozenset("*?$")
_WORST = (Outcome.EXPLICIT, Outcome.IMPLICIT, Outcome.ALLOWED)


@dataclass(frozen=True, slots=True)
class Policies:
    """All that bears on a question, as `policy.Held` has it, and the resource's own policies."""

    identity: Sequence[Named]
    boundary: Sequence[Named] | None = None
    sessions: Sequence[Sequence[Named]] = ()
    resource: Sequence[Named] | None = None

    def layers(self) -> Iterator[tuple[str, Sequence[Named]]]:
        """Each with the word that `policy.Decision.kind` has for it."""
        yield "identity", self.identity
        yield "resource", self.resource or ()
        yield "boundary", self.boundary or ()
        for session in self.sessions:
            yield "session", session


@dataclass(frozen=True, slots=True)
class Match:
    """A statement that had its part in the decision: the kind of its policy, its name, and the place in it."""

    kind: str
    policy: str
    index: int
    sid: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """`matched` are the statements that allow, or those that deny; nothing matches what is denied for want of any.

    `missing` are the condition keys, by core name, that statements about this action and resource ask for and the
    question has no value of. `boundary` says whether the permission boundary lets it through, if there is one.
    """

    decision: Decision
    matched: tuple[Match, ...] = ()
    missing: tuple[str, ...] = ()
    boundary: bool | None = None


def explain(question: Question, policies: Policies) -> Explanation:
    """The answer to one question, with its reasons."""
    policies = _speaking(policies, question.action)
    held = Held(
        Plain(policies.identity),
        None if policies.boundary is None else Plain(policies.boundary),
        [Plain(session) for session in policies.sessions],
    )
    decision = decide(question, held, None if policies.resource is None else Plain(policies.resource))
    return Explanation(
        decision,
        tuple(_matched(question, policies, decision.outcome)),
        tuple(sorted(_missing(question, policies))),
        None if held.boundary is None else _allows(held.boundary, question),
    )


def worst(found: Sequence[Explanation]) -> Explanation:
    """Several answers as one: what is asked for needs all of them (an action that stands for two, say)."""
    outcome = next(each for each in _WORST if any(one.decision.outcome is each for one in found))
    deciding = [one for one in found if one.decision.outcome is outcome]
    boundaries = [one.boundary for one in found if one.boundary is not None]
    return Explanation(
        deciding[0].decision,
        tuple(dict.fromkeys(match for one in deciding for match in one.matched)),
        tuple(dict.fromkeys(key for one in found for key in one.missing)),
        all(boundaries) if boundaries else None,
    )


def keys_of(statements: Iterable[Statement]) -> frozenset[str]:
    """The condition keys that statements ask for, by core name, those in their variables included."""
    found: set[str] = set()
    for statement in statements:
        found.update(condition.key for condition in statement.conditions)
        found.update(_variables(_texts(statement)))
    return frozenset(found)


# --- parts ------------------------------------------------------------------------------------------------------------


def _speaking(policies: Policies, action: str) -> Policies:
    """The same, a cloud's action that Sampan does not do being asked for by name: there wildcards count, too."""
    if FOREIGN not in action:
        return policies

    def named(row: Named) -> Named:
        return Named(row.name, tuple(_foreign(statement, action) for statement in row.statements))

    return Policies(
        [named(row) for row in policies.identity],
        None if policies.boundary is None else [named(row) for row in policies.boundary],
        [[named(row) for row in session] for session in policies.sessions],
        None if policies.resource is None else [named(row) for row in policies.resource],
    )


def _foreign(statement: Statement, action: str) -> Statement:
    patterns = (pattern for pattern in statement.actions if FOREIGN in pattern)
    if any(wildcard.matches(pattern.lower(), action.lower()) for pattern in patterns):
        return replace(statement, actions=statement.actions | {action})
    return statement


def _matched(question: Question, policies: Policies, outcome: Outcome) -> Iterator[Match]:
    if outcome is Outcome.IMPLICIT:
        return
    effect = Effect.ALLOW if outcome is Outcome.ALLOWED else Effect.DENY
    for kind, rows in policies.layers():
        if effect is Effect.ALLOW and kind not in ("identity", "resource"):
            continue  # they limit, and give nothing
        for row in rows:
            for index, statement in enumerate(row.statements):
                if statement.effect is effect and applies(statement, question):
                    yield Match(kind, row.name, index, statement.sid)


def _missing(question: Question, policies: Policies) -> set[str]:
    found: set[str] = set()
    for _, rows in policies.layers():
        for statement in (statement for row in rows for statement in row.statements):
            if not (action_matches(statement, question.action) and principal_matches(statement, question)):
                continue
            unknown = {key for key in _variables(_paths(statement)) if key not in question.context}
            if unknown or resource_matches(statement, question):
                found |= unknown
                found |= {key for key in keys_of([statement]) if key not in question.context}
    return found


def _allows(boundary: Ruleset, question: Question) -> bool:
    allowed = boundary.match(question, Effect.ALLOW) is not None
    return allowed and boundary.match(question, Effect.DENY) is None


def _paths(statement: Statement) -> Iterator[str]:
    return (pattern.path for pattern in statement.resources)


def _texts(statement: Statement) -> Iterator[str]:
    yield from _paths(statement)
    for condition in statement.conditions:
        yield from condition.values


def _variables(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        for name in _VARIABLE.findall(text):
            if name.strip() not in _LITERAL:
                yield name.strip().lower()
