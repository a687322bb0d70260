"""Conditions of policies: every operator of IAM, of which RAM's are a part.

Source: AWS IAM User Guide, "IAM JSON policy elements: Condition operators"; Alibaba Cloud RAM, "Policy structure and
syntax". Names of operators and keys are core names; the languages map theirs to them.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from sampan.kernel import wildcard

Context = Mapping[str, tuple[str, ...]]
"""The values of condition keys, by core name. A key that is not there has no values."""


@dataclass(frozen=True, slots=True)
class Condition:
    """`operator` is one of OPERATORS; `quantifier` "", "any" or "all" (ForAnyValue, ForAllValues)."""

    operator: str
    key: str
    values: tuple[str, ...]
    quantifier: str = ""
    if_exists: bool = False


def holds(condition: Condition, context: Context) -> bool:
    """Whether the condition is true. Its values are alternatives; of a negated operator, none may match."""
    given = context.get(condition.key)
    if condition.operator == "null":
        # True: the key must not be there.
        return (given is None) == (condition.values[:1] == ("true",))
    if not given:
        if condition.if_exists or condition.quantifier == "all":
            return True
        return condition.quantifier == "" and condition.operator in NEGATED
    test, negated = OPERATORS[condition.operator]
    # A value whose variable has no value can never be compared with anything.
    wanted = [value for value in (_value(text, context) for text in condition.values) if value is not None]

    def fits(value: str) -> bool:
        return any(test(value, alternative) for alternative in wanted) != negated

    if condition.quantifier == "any":
        return any(fits(value) for value in given)
    if condition.quantifier == "all":
        return all(fits(value) for value in given)
    # A single-valued key; should it have several values, a positive operator wants one of them, a negated one all.
    return all(fits(value) for value in given) if negated else any(fits(value) for value in given)


# --- variables --------------------------------------------------------------------------------------------------------

_VARIABLE = re.compile(r"\$\{([^}]*)\}")


def substitute(pattern: str, context: Context) -> str:
    """The pattern with its variables (`${key}`, `${key, 'default'}`) replaced. A variable without a value matches
    nothing; the wildcards in a variable's value are ordinary characters."""
    if "${" not in pattern:
        return pattern
    return _VARIABLE.sub(lambda found: _variable(found.group(1), context), pattern)


def _variable(body: str, context: Context) -> str:
    if body in wildcard.LITERAL:
        return wildcard.LITERAL[body]
    name, comma, default = body.partition(",")
    values = context.get(name.strip().lower())
    if values and len(values) == 1:
        value = values[0]
    elif comma:
        value = default.strip().strip("'")
    else:
        return "\ue003"  # private use: in no name
    for plain, literal in wildcard.LITERAL.items():
        value = value.replace(plain, literal)
    return value


def _value(text: str, context: Context) -> str | None:
    if "${" not in text:
        return text
    value = substitute(text, context)
    return None if "\ue003" in value else value


# --- operators --------------------------------------------------------------------------------------------------------


def _string(given: str, wanted: str) -> bool:
    return given == wildcard.plain(wanted)


def _string_ignoring_case(given: str, wanted: str) -> bool:
    return given.casefold() == wildcard.plain(wanted).casefold()


def _boolean(given: str, wanted: str) -> bool:
    return given.lower() == wanted.lower()


def _binary(given: str, wanted: str) -> bool:
    try:
        return base64.b64decode(given, validate=True) == base64.b64decode(wanted, validate=True)
    except (binascii.Error, ValueError):
        return False


def _arn(given: str, wanted: str) -> bool:
    """Part by part, so that a * does not reach over a colon; the sixth part is the rest."""
    mine, theirs = given.split(":", 5), wanted.split(":", 5)
    return len(mine) == len(theirs) and all(map(wildcard.matches, theirs, mine))


def _address(given: str, wanted: str) -> bool:
    network, address = _network(wanted), _ip(given)
    return network is not None and address is not None and address in network


@lru_cache(maxsize=1024)
def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


@lru_cache(maxsize=1024)
def _ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def number(text: str) -> float | None:
    """A number of a condition, or None if it is not one."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if value == value and abs(value) != float("inf") else None


def moment(text: str) -> float | None:
    """Seconds since 1970 of a date in a condition (ISO 8601, or the seconds themselves), or None if it is not one."""
    if re.fullmatch(r"-?[0-9]{1,12}", text):
        return float(text)
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()


def is_network(text: str) -> bool:
    """Whether a text is an address, or a range of them (CIDR)."""
    return _network(text) is not None


def is_base64(text: str) -> bool:
    """Whether a text is Base64 (RFC 4648)."""
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


Compare = Callable[[float, float], bool]


def _compared(read: Callable[[str], float | None], compare: Compare) -> Callable[[str, str], bool]:
    def test(given: str, wanted: str) -> bool:
        mine, theirs = read(given), read(wanted)
        return mine is not None and theirs is not None and compare(mine, theirs)

    return test


_COMPARES: dict[str, Compare] = {
    "equals": lambda a, b: a == b,
    "less-than": lambda a, b: a < b,
    "less-than-equals": lambda a, b: a <= b,
    "greater-than": lambda a, b: a > b,
    "greater-than-equals": lambda a, b: a >= b,
}


def _operators() -> dict[str, tuple[Callable[[str, str], bool], bool]]:
    """Each operator's test, and whether it is negated."""
    tests: dict[str, Callable[[str, str], bool]] = {
        "string-equals": _string,
        "string-equals-ignore-case": _string_ignoring_case,
        "string-like": lambda given, wanted: wildcard.matches(wanted, given),
        "arn-equals": _arn,
        "arn-like": _arn,
        "ip-address": _address,
        "numeric-equals": _compared(number, _COMPARES["equals"]),
        "date-equals": _compared(moment, _COMPARES["equals"]),
    }
    found = {name: (test, False) for name, test in tests.items()}
    for name, test in tests.items():
        family, _, rest = name.partition("-")
        found[f"not-{name}" if family == "ip" else f"{family}-not-{rest}"] = (test, True)
    for name, compare in _COMPARES.items():
        found[f"numeric-{name}"] = (_compared(number, compare), False)
        found[f"date-{name}"] = (_compared(moment, compare), False)
    found["bool"] = (_boolean, False)
    found["binary-equals"] = (_binary, False)
    return found


OPERATORS = _operators()
NEGATED = frozenset(name for name, (_, negated) in OPERATORS.items() if negated)
