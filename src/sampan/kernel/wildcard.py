"""The wildcards of both clouds' policies: * stands for any text, also none and also with slashes; ? for one character.

`${*}`, `${?}` and `${$}` stand for the characters themselves (IAM; see `conditions.substitute`, which turns them into
the private-use characters below before a pattern comes here).
"""

from __future__ import annotations

import re
from functools import lru_cache

LITERAL = {"*": "\ue000", "?": "\ue001", "$": "\ue002"}  # private use: never in an ARN
_BACK = {literal: plain for plain, literal in LITERAL.items()}


def matches(pattern: str, text: str) -> bool:
    """Whether the whole text fits the pattern."""
    if pattern == "*":
        return True
    if "*" not in pattern and "?" not in pattern:
        return plain(pattern) == text
    return compiled(pattern).fullmatch(text) is not None


def plain(pattern: str) -> str:
    """A pattern without wildcards as the text that it stands for."""
    if not any(literal in pattern for literal in _BACK):
        return pattern
    return "".join(_BACK.get(character, character) for character in pattern)


@lru_cache(maxsize=4096)
def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern as a regular expression that takes linear time.

    What lies between two stars is taken where it first occurs and never looked for again (an atomic group): if the
    rest can be matched at all, it can be matched from there.
    """
    first, *rest = ["".join(map(_expression, part)) for part in re.sub(r"\*+", "*", pattern).split("*")]
    if not rest:
        return re.compile(first, re.DOTALL)
    *between, last = rest
    return re.compile(first + "".join(f"(?>.*?{part})" for part in between) + ".*" + last, re.DOTALL)


def _expression(character: str) -> str:
    return "." if character == "?" else re.escape(_BACK.get(character, character))
