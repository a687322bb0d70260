"""Policies made ready to be asked often: what `policy.Plain` answers by looking at every statement, found by index.

Statements are sorted by action once for each action that is asked for; those of an action by the beginning of the path
that their resources have before the first wildcard or variable, up to the first slash. So of a thousand statements a
question meets those that speak of its action and its bucket, and the order among them is kept.
"""

from __future__ import annotations

from collections.abc import Iterable

from sampan.kernel.conditions import holds
from sampan.kernel.policy import (
    Effect,
    Named,
    Question,
    ResourcePattern,
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
    """The statements of one action: those for one first segment of a path, and those that may be for any."""

    __slots__ = ("_anywhere", "_by_segment", "_merged")

    def __init__(self, rows: Iterable[Row]) -> None:
        self._anywhere: list[Row] = []
        self._by_segment: dict[str, list[Row]] = {}
        self._merged: dict[str, list[Row]] = {}
        for row in rows:
            segments = _segments(row[3])
            if segments is None:
                self._anywhere.append(row)
            else:
                for segment in segments:
                    self._by_segment.setdefault(segment, []).append(row)

    def candidates(self, question: Question) -> list[Row]:
        """In the order of the policies."""
        segment = question.resource.path.partition("/")[0]
        own = self._by_segment.get(segment)
        if own is None:
            return self._anywhere
        merged = self._merged.get(segment)
        if merged is None:
            merged = sorted(self._anywhere + own, key=lambda row: row[0])
            self._merged[segment] = merged
        return merged


def _segments(statement: Statement) -> set[str] | None:
    """The first segments of the paths that the statement can be for, or None if that cannot be said."""
    if statement.but_resources:
        return None
    found = set()
    for pattern in statement.resources:
        segment = _segment(pattern)
        if segment is None:
            return None
        found.add(segment)
    return found


def _segment(pattern: ResourcePattern) -> str | None:
    segment = pattern.path.partition("/")[0]
    return None if any(character in segment for character in "*?$") else segment
