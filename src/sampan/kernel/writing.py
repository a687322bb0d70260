"""Statements become a document again, in any language, with a plain list of what that language cannot say.

Whatever is lost, the document never allows more than the statements did: an Allow that loses a condition is left out as
a whole, and a Deny that loses one denies more. What a Deny cannot name at all it cannot forbid; the list says so.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sampan.kernel.actions import FOREIGN
from sampan.kernel.conditions import Condition
from sampan.kernel.language import Grammar, NoEqual
from sampan.kernel.policy import Effect, PrincipalPattern, Purpose, ResourcePattern, Statement

_QUANTIFIERS = {"any": "ForAnyValue:", "all": "ForAllValues:", "": ""}
_ALWAYS = frozenset({"source-ip", "time", "epoch", "secure"})
"""Keys that every request has: whether they exist need not be asked."""


@dataclass(frozen=True, slots=True)
class Lost:
    """Something without an equal. `index` is the statement's place in the original; `left_out`: all of it is lost."""

    index: int
    what: str
    left_out: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """`text` is the JSON document, or "" if no statement could be said."""

    text: str
    lost: tuple[Lost, ...]


def write(
    grammar: Grammar, statements: Sequence[Statement], purpose: Purpose, called: Callable[[str], str] = str
) -> Written:
    """The statements in a language. `called` gives a core action's name for the list of what is lost."""
    rows: list[dict[str, Any]] = []
    lost: list[Lost] = []
    for index, statement in enumerate(statements):
        writer = _StatementWriter(grammar, statement, purpose, called)
        try:
            rows.append(writer.write())
            lost += [Lost(index, what) for what in writer.lost]
        except NoEqual as nothing:
            lost += [Lost(index, what) for what in writer.lost]
            lost.append(Lost(index, str(nothing), left_out=True))
    text = json.dumps({"Version": grammar.version_written, "Statement": rows}, indent=2, ensure_ascii=False)
    return Written(text if rows else "", tuple(lost))


class _StatementWriter:
    """Writes one statement. Raises NoEqual if what is left of it would be another statement."""

    def __init__(self, grammar: Grammar, statement: Statement, purpose: Purpose, called: Callable[[str], str]) -> None:
        self._grammar = grammar
        self._statement = statement
        self._purpose = purpose
        self._called = called
        self.lost: list[str] = []

    def write(self) -> dict[str, Any]:
        statement = self._statement
        row: dict[str, Any] = {}
        if statement.sid and self._grammar.sid_written and self._grammar.sid.fullmatch(statement.sid):
            row["Sid"] = statement.sid
        row["Effect"] = "Allow" if statement.effect is Effect.ALLOW else "Deny"
        if statement.principals is not None:
            row["NotPrincipal" if statement.but_principals else "Principal"] = self._principals(statement.principals)
        row["NotAction" if statement.but_actions else "Action"] = _short(self._actions())
        if self._purpose is not Purpose.TRUST:
            name = self._element("NotResource" if statement.but_resources else "Resource")
            row[name] = _short(self._resources())
        conditions = self._conditions()
        if conditions:
            row["Condition"] = conditions
        return row

    def _element(self, name: str) -> str:
        if name not in self._grammar.elements:
            raise NoEqual(name)
        return name

    def _actions(self) -> list[str]:
        statement = self._statement
        names, missing = self._grammar.actions.write(statement.actions)
        if missing:
            told = ", ".join(sorted({_plain(self._called(core)) for core in missing}))
            if statement.but_actions and not all(FOREIGN in core for core in missing):
                # Without it, what was meant to be spared is not.
                if statement.effect is Effect.ALLOW:
                    raise NoEqual(f"NotAction with {told}")
                self.lost.append(f"NotAction with {told}: denied, too")
            else:
                self.lost.append(told)
        if not names:
            raise NoEqual("none of its actions has a name there")
        return list(names)

    def _resources(self) -> list[str]:
        statement = self._statement
        texts = self._each(statement.resources, self._resource, statement.but_resources)
        if not texts:
            raise NoEqual("none of its resources has a name there")
        return texts

    def _resource(self, pattern: ResourcePattern) -> str:
        path = self._grammar.write_variables(pattern.path)
        return self._grammar.resource_text(ResourcePattern(pattern.service, pattern.account, path))

    def _each(
        self, patterns: Iterable[ResourcePattern], write: Callable[[ResourcePattern], str], negated: bool
    ) -> list[str]:
        texts = []
        for pattern in patterns:
            try:
                texts.append(write(pattern))
            except NoEqual as nothing:
                if negated and self._statement.effect is Effect.ALLOW:
                    raise
                self.lost.append(str(nothing))
        return texts

    def _principals(self, patterns: Sequence[PrincipalPattern]) -> Any:
        statement = self._statement
        kept: list[PrincipalPattern] = []
        for pattern in patterns:
            try:
                self._grammar.principals_value([pattern], self._purpose)
                kept.append(pattern)
            except NoEqual as nothing:
                if statement.but_principals and statement.effect is Effect.ALLOW:
                    raise
                self.lost.append(str(nothing))
        if not kept:
            raise NoEqual("nobody that it names has a name there")
        return self._grammar.principals_value(kept, self._purpose)

    def _conditions(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for condition in self._statement.conditions:
            try:
                operator, key, values = self._condition(condition)
            except NoEqual as nothing:
                if self._statement.effect is Effect.ALLOW:
                    raise NoEqual(
                        f"the condition on {nothing}" if FOREIGN not in str(nothing) else str(nothing)
                    ) from None
                self.lost.append(f"{nothing}: denied without that condition")
                continue
            keys = found.setdefault(operator, {})
            if key in keys:
                # Two conditions of one operator on one key are both to hold, and JSON has one place for them.
                raise NoEqual(f"{operator} on {key} twice")
            keys[key] = _short(values)
        return found

    def _condition(self, condition: Condition) -> tuple[str, str, list[str]]:
        grammar = self._grammar
        names = {core: name for name, core in reversed(list(grammar.operators.items()))}
        operator = names.get(condition.operator)
        if operator is None:
            raise NoEqual(f"the operator {condition.operator}")
        if_exists = condition.if_exists and not (condition.key in _ALWAYS and not grammar.quantified)
        if (if_exists or condition.quantifier) and not grammar.quantified:
            said = f"{_QUANTIFIERS[condition.quantifier]}{operator}{'IfExists' if condition.if_exists else ''}"
            raise NoEqual(f"the operator {said}")
        key = grammar.key_text(condition.key, self._statement)
        values = [grammar.write_variables(grammar.keys.write_value(condition.key, text)) for text in condition.values]
        return _QUANTIFIERS[condition.quantifier] + operator + ("IfExists" if if_exists else ""), key, values


def _short(texts: list[str]) -> Any:
    return texts[0] if len(texts) == 1 else texts


def _plain(name: str) -> str:
    """A foreign name as its own cloud writes it."""
    return name.rpartition(FOREIGN)[2]


def lines(written: Written, statements: Sequence[Statement]) -> Sequence[str]:
    """The list of what is lost, for a person."""
    told: Mapping[bool, str] = {True: "left out, since it has no equal: ", False: "without "}
    return [
        f"statement {lost.index + 1}{_sid(statements, lost.index)}: {told[lost.left_out]}{lost.what}"
        for lost in written.lost
    ]


def _sid(statements: Sequence[Statement], index: int) -> str:
    return f" ({statements[index].sid})" if statements[index].sid else ""
