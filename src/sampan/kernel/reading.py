"""A policy document becomes statements, or is refused with the place of its first mistake.

Sources: AWS IAM User Guide, "Grammar of the IAM JSON policy language"; Alibaba Cloud RAM, "Policy structure and
syntax".
The two grammars are one, but for the words, which a `language.Grammar` has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from sampan.kernel.conditions import Condition, is_base64, is_network, moment, number
from sampan.kernel.document import Numeral, Unreadable, below
from sampan.kernel.document import read as read_json
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.language import TEXT_CHARS_MAX, Grammar
from sampan.kernel.policy import ANY, Effect, PrincipalPattern, Purpose, ResourcePattern, Statement

T = TypeVar("T")

_EVERYTHING = (ResourcePattern(ANY, ANY, ANY),)
_QUANTIFIERS = {"foranyvalue:": "any", "forallvalues:": "all"}


def read(grammar: Grammar, text: str, purpose: Purpose) -> tuple[Statement, ...]:
    """As `policy.Reader` says; one Statement for each of the document's, in its order."""
    size_max = grammar.chars_max[purpose]
    if len(text) > TEXT_CHARS_MAX or sum(map(len, text.split())) > size_max:
        why = f"more than {size_max} characters, spaces aside"
        raise Fault(Kind.TOO_LARGE, "policy document", why, where="", size_max=size_max, language=grammar.name)
    try:
        return _document(grammar, read_json(text), purpose)
    except Unreadable as wrong:
        raise Fault(Kind.INVALID, "policy document", str(wrong), where=wrong.where, language=grammar.name) from None


def _document(grammar: Grammar, document: Any, purpose: Purpose) -> tuple[Statement, ...]:
    members = _object(document, "", frozenset({"Version", "Id", "Statement"}))
    version = members.get("Version", grammar.version_default)
    if version is None:
        raise Unreadable("", "Version is missing")
    if not isinstance(version, str) or isinstance(version, Numeral) or version not in grammar.versions:
        raise Unreadable("/Version", f"Version must be {' or '.join(grammar.versions)}")
    if not isinstance(members.get("Id", ""), str):
        raise Unreadable("/Id", "Id must be a text")
    if "Statement" not in members:
        raise Unreadable("", "Statement is missing")
    given = members["Statement"]
    rows = [("/Statement", given)] if isinstance(given, dict) else _items(given, "/Statement")
    statement = _StatementReader(grammar, purpose, grammar.versions[version])
    statements = tuple(statement.read(row, where) for where, row in rows)
    seen: set[str] = set()
    for (where, _), found in zip(rows, statements, strict=True):
        if found.sid and found.sid in seen:
            raise Unreadable(below(where, "Sid"), f"the Sid {found.sid} is there twice")
        seen.add(found.sid)
    return statements


class _StatementReader:
    """Reads the statements of one document. `live`: variables count."""

    def __init__(self, grammar: Grammar, purpose: Purpose, live: bool) -> None:
        self._grammar = grammar
        self._purpose = purpose
        self._live = live

    def read(self, value: Any, where: str) -> Statement:
        members = _object(value, where, self._grammar.elements)
        effect = {"Allow": Effect.ALLOW, "Deny": Effect.DENY}.get(_text(members, "Effect", where))
        if effect is None:
            raise Unreadable(below(where, "Effect"), "Effect must be Allow or Deny")
        sid = _text(members, "Sid", where) if "Sid" in members else ""
        if self._purpose is not Purpose.RESOURCE and not self._grammar.sid.fullmatch(sid):
            raise Unreadable(below(where, "Sid"), "a Sid has letters and digits")
        actions, but_actions = self._actions(members, where)
        resources, but_resources = self._resources(members, where)
        principals, but_principals = self._principals(members, where)
        return Statement(
            effect=effect,
            actions=actions,
            resources=resources,
            conditions=self._conditions(members, where),
            principals=principals,
            but_actions=but_actions,
            but_resources=but_resources,
            but_principals=but_principals,
            sid=sid,
        )

    def _actions(self, members: Mapping[str, Any], where: str) -> tuple[frozenset[str], bool]:
        name = _one_of(members, "Action", "NotAction", where)
        if name is None:
            raise Unreadable(where, "Action is missing")
        cores: set[str] = set()
        for text, at in _texts(members[name], below(where, name)):
            cores |= _tried(self._grammar.actions.read, text, at)
            if self._purpose is Purpose.TRUST and not self._grammar.trusted(text):
                raise Unreadable(at, "a trust policy speaks of sts actions alone")
        return frozenset(cores), name == "NotAction"

    def _resources(self, members: Mapping[str, Any], where: str) -> tuple[tuple[ResourcePattern, ...], bool]:
        name = _one_of(members, "Resource", "NotResource", where)
        if self._purpose is Purpose.TRUST:
            if name is not None:
                raise Unreadable(below(where, name), f"a trust policy has no {name}: it is the role's")
            return _EVERYTHING, False
        if name is None:
            raise Unreadable(where, "Resource is missing")
        patterns = tuple(self._resource(text, at) for text, at in _texts(members[name], below(where, name)))
        return patterns, name == "NotResource"

    def _resource(self, text: str, where: str) -> ResourcePattern:
        named = _tried(self._grammar.resource, text, where)
        path = _tried(lambda path: self._grammar.read_variables(path, self._live), named.path, where)
        return ResourcePattern(named.service, named.account, path)

    def _principals(self, members: Mapping[str, Any], where: str) -> tuple[tuple[PrincipalPattern, ...] | None, bool]:
        name = _one_of(members, "Principal", "NotPrincipal", where)
        if self._purpose is Purpose.IDENTITY:
            if name is not None:
                why = f"{name} belongs into the policy of a resource: this one is for whom it is attached to"
                raise Unreadable(below(where, name), why)
            return None, False
        if name is None:
            raise Unreadable(where, "Principal is missing")
        at = below(where, name)
        if name == "NotPrincipal" and self._purpose is Purpose.TRUST:
            raise Unreadable(at, "a trust policy says whom it trusts, not whom it does not")
        try:
            named = self._grammar.principals(members[name], self._purpose)
        except Unreadable as wrong:
            raise Unreadable(at + wrong.where, wrong.why) from None
        return tuple(pattern for _, pattern in named), name == "NotPrincipal"

    # --- conditions ---

    def _conditions(self, members: Mapping[str, Any], where: str) -> tuple[Condition, ...]:
        if "Condition" not in members:
            return ()
        at = below(where, "Condition")
        found = []
        for operator, keys in _object(members["Condition"], at).items():
            quantifier, core, if_exists = self._operator(operator, below(at, operator))
            for key, values in _object(keys, below(at, operator)).items():
                place = below(below(at, operator), key)
                name = _tried(self._grammar.key, key, place)
                texts = tuple(
                    self._value(core, name, text, place) for text, place in _texts(values, place, scalars=True)
                )
                found.append(Condition(core, name, texts, quantifier, if_exists))
        return tuple(found)

    def _operator(self, text: str, where: str) -> tuple[str, str, bool]:
        """Quantifier, core operator, IfExists."""
        rest, quantifier = text.lower(), ""
        if self._grammar.quantified:
            for prefix, name in _QUANTIFIERS.items():
                if rest.startswith(prefix):
                    rest, quantifier = rest.removeprefix(prefix), name
        names = {name.lower(): core for name, core in self._grammar.operators.items()}
        if_exists = self._grammar.quantified and rest.endswith("ifexists")
        core = names.get(rest.removesuffix("ifexists") if if_exists else rest)
        if core is None or (if_exists and core == "null"):
            raise Unreadable(where, f"{text[:64]} is no condition operator of {self._grammar.name}")
        return quantifier, core, if_exists

    def _value(self, operator: str, key: str, text: str, where: str) -> str:
        text = self._grammar.keys.read_value(key, text)
        text = _tried(lambda text: self._grammar.read_variables(text, self._live), text, where)
        if "${" not in text:
            if operator in ("bool", "null"):
                text = text.lower()
            check = _CHECKS.get(operator.partition("-")[0])
            if check is not None and not check(text):
                raise Unreadable(where, f"{text[:64]!r} is no value for this operator")
        return text


# --- values of conditions ---------------------------------------------------------------------------------------------


_CHECKS: Mapping[str, Callable[[str], bool]] = {
    "bool": lambda text: text in ("true", "false"),
    "null": lambda text: text in ("true", "false"),
    "numeric": lambda text: number(text) is not None,
    "date": lambda text: moment(text) is not None,
    "ip": is_network,
    "not": is_network,
    "binary": is_base64,
    "arn": lambda text: text.count(":") >= 5 or text == "*",
}
"""By the first word of an operator."""


# --- pieces of JSON ---------------------------------------------------------------------------------------------------


def _object(value: Any, where: str, known: frozenset[str] | None = None) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Unreadable(where, "this must be an object")
    for name in value:
        if known is not None and name not in known:
            raise Unreadable(below(where, name), f"{name[:64]!r} is no element of a policy here")
    return value


def _items(value: Any, where: str) -> Sequence[tuple[str, Any]]:
    if not isinstance(value, list) or not value:
        raise Unreadable(where, "this must be an array, and not an empty one")
    return [(below(where, index), item) for index, item in enumerate(value)]


def _text(members: Mapping[str, Any], name: str, where: str) -> str:
    if name not in members:
        raise Unreadable(where, f"{name} is missing")
    value = members[name]
    if not isinstance(value, str) or isinstance(value, Numeral):
        raise Unreadable(below(where, name), f"{name} must be a text")
    return value


def _texts(value: Any, where: str, scalars: bool = False) -> Sequence[tuple[str, str]]:
    """One text or an array of them, each with its place. `scalars`: numbers and truth values are texts, too."""
    rows = _items(value, where) if isinstance(value, list) else [(where, value)]
    found = []
    for place, item in rows:
        if scalars and isinstance(item, bool):
            item = "true" if item else "false"
        if not isinstance(item, str) or (isinstance(item, Numeral) and not scalars):
            raise Unreadable(place, "this must be a text")
        found.append((str(item), place))
    return found


def _one_of(members: Mapping[str, Any], name: str, negated: str, where: str) -> str | None:
    if name in members and negated in members:
        raise Unreadable(below(where, negated), f"{name} or {negated}, not both")
    return next((found for found in (name, negated) if found in members), None)


def _tried(read: Callable[[str], T], text: str, where: str) -> T:
    try:
        return read(text)
    except ValueError as wrong:
        raise Unreadable(where, f"{text[:128]!r}: {wrong}") from None
