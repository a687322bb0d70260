"""Policies made ready to be asked often: what `policy.Plain` answers by looking at every statement, found by index.

Statements are sorted by action once for each action that is asked for; those of an action by the beginning that their
resources' paths have before the first wildcard or variable. So of a thousand statements a question meets those that
speak of its action and whose beginning its own path has, and the order among them is kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from sampan.kernel import wildcard
from sampan.kernel.conditions import holds
from sampan.kernel.policy import (
    Effect,
    Named,
    Question,
    Statement,
    action_matches,
    principal_matches,
    resource_matches,
)

Row = tuple[int, str, int, Statement]  # the order among all, policy, place in it, statement

_ACTIONS_MAX = 1024  # remembered; there are a few hundred


class Compiled:
    """A Ruleset over policies that do not change: when they do, another is made."""

    __slots__ = ("_by_action", "_rows")

    def __init__(self, policies: Iterable[Named]) -> None:
        self._rows: dict[Effect, list[Row]] = {Effect.ALLOW: [], Effect.DENY: []}
        order = 0
        for policy in policies:
            for index, statement in enumerate(policy.statements):
                self._rows[statement.effect].append((order, policy.name, index, statement))
                order += 1
        self._by_action: dict[tuple[Effect, str], _Index] = {}

    def match(self, question: Question, effect: Effect) -> tuple[str, int, str] | None:
        """As `policy.Ruleset` says; the first that applies, in the order given."""
        rows = self._rows[effect]
        if not rows:
            return None
        index = self._by_action.get((effect, question.action))
        if index is None:
            index = _Index(row for row in rows if action_matches(row[3], question.action))
            if len(self._by_action) >= _ACTIONS_MAX:
                self._by_action.clear()
            self._by_action[effect, question.action] = index
        for _, policy, place, statement in index.candidates(question):
            if (
                principal_matches(statement, question)
                and resource_matches(statement, question)
                and all(holds(condition, question.context) for condition in statement.conditions)
            ):
                return policy, place, statement.sid
        return None


class _Index:
    """The statements of one action: those for paths with a certain beginning, and those that may be for any."""

    __slots__ = ("_anywhere", "_by_beginning", "_lengths")

    def __init__(self, rows: Iterable[Row]) -> None:
        self._anywhere: list[Row] = []
        self._by_beginning: dict[str, list[Row]] = {}
        for row in rows:
            beginnings = _beginnings(row[3])
            if beginnings is None:
                self._anywhere.append(row)
            else:
                for beginning in beginnings:
                    self._by_beginning.setdefault(beginning, []).append(row)
        self._lengths = sorted({len(beginning) for beginning in self._by_beginning})

    def candidates(self, question: Question) -> list[Row]:
        """In the order of the policies."""
        path, length = question.resource.path, len(question.resource.path)
        found: list[Row] = []
        for beginning in self._lengths:
            if beginning > length:
                break
            rows = self._by_beginning.get(path[:beginning])
            if rows is not None:
                found = found + rows if found else rows
        if not found:
            return self._anywhere
        # A statement with several beginnings may be there twice: it is asked twice, and answers the same. Rows begin
        # with their order, so that they are compared by it, and two that have the same one are the same.
        return sorted(self._anywhere + found)


def _beginnings(statement: Statement) -> set[str] | None:
    """The beginnings that the statement's paths can have, or None if that cannot be said."""
    if statement.but_resources:
        return None
    found = {_VARYING.split(pattern.path, maxsplit=1)[0] for pattern in statement.resources}
    return None if "" in found else found


# What does not stand for itself in a pattern: wildcards, variables, and the characters that stand for wildcards.
_VARYING = re.compile(f"[*?${''.join(wildcard.LITERAL.values())}]")
