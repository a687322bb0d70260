"""What counts as public, for those who ask not to be.

Source: Amazon S3 User Guide, "Blocking public access to your Amazon S3 storage", section "The meaning of public"; OSS
says the same of its policies in fewer words.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from sampan.kernel.conditions import Condition
from sampan.kernel.policy import Effect, Statement

# Keys that narrow a statement for everybody to some, if it asks them for fixed values; the core's, and those of the
# clouds that have no core name.
_NARROWING = frozenset({"source-ip", "account", "userid"})
_FOREIGN = ("sourcevpc", "sourcevpce", "sourcearn", "sourceaccount", "principalorgid")
_EQUAL = frozenset(
    {"string-equals", "string-equals-ignore-case", "string-like", "arn-equals", "arn-like", "ip-address"}
)
_PREFIX_MIN = {4: 8, 6: 32}  # bits; wider networks are as good as everybody's


def is_public(statements: Iterable[Statement]) -> bool:
    """Whether one of them opens something to whoever comes."""
    return any(
        statement.effect is Effect.ALLOW
        and (statement.but_principals or any(who.kind == "any" for who in statement.principals or ()))
        and not any(_narrows(condition) for condition in statement.conditions)
        for statement in statements
    )


def _narrows(condition: Condition) -> bool:
    known = condition.key in _NARROWING or condition.key.endswith(_FOREIGN)
    fixed = condition.operator in _EQUAL and condition.quantifier != "all" and not condition.if_exists
    return known and fixed and all(_is_fixed(condition.operator, value) for value in condition.values)


def _is_fixed(operator: str, value: str) -> bool:
    if operator != "ip-address":
        return not any(character in value for character in "*?$")
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        return False
    return network.prefixlen >= _PREFIX_MIN[network.version]
