"""What can go wrong, in words of no vendor.

A service or the gateway raises `Fault(kind, noun, why)`. Each dialect owns a table from `(kind, noun)` to its own
code, status and text; a test says that every fault has words in every dialect.
"""

from __future__ import annotations

import enum
from typing import Any


class Kind(enum.StrEnum):
    """The ways in which a call can fail."""

    MISSING = "missing"  # the noun does not exist
    EXISTS = "exists"  # the noun exists already and may not
    DENIED = "denied"  # the caller may not
    INVALID = "invalid"  # the noun was given, but makes no sense
    ABSENT = "absent"  # the noun should have been given and was not
    MISMATCH = "mismatch"  # the noun does not agree with what was received or stored
    CONFLICT = "conflict"  # the noun is in a state that does not allow this
    UNMET = "unmet"  # a precondition on the noun does not hold
    UNCHANGED = "unchanged"  # a conditional read found nothing new
    EXPIRED = "expired"  # the noun was good once
    SKEWED = "skewed"  # the noun's time is too far from ours
    TOO_LARGE = "too large"
    TOO_SMALL = "too small"
    TOO_MANY = "too many"
    UNSATISFIABLE = "unsatisfiable"  # a range outside of the noun
    TRUNCATED = "truncated"  # the noun ended early
    NOT_DONE = "not done"  # known to the dialect, not to Sampan yet
    UNKNOWN = "unknown"  # known to nobody
    FULL = "full"  # no space left for the noun
    UNAVAILABLE = "unavailable"  # try again
    INTERNAL = "internal"  # our mistake


class Fault(Exception):  # noqa: N818 - the field's word is fault, and it is also returned as a value
    """One failure, as a value that can be raised.

    `noun` is what the failure is about ("bucket", "object", "signature"), `why` a sentence for a person, and `facts`
    what a dialect needs to say more (names, expected values). Never put a secret into either.
    """

    def __init__(self, kind: Kind, noun: str, why: str = "", **facts: Any) -> None:
        super().__init__(kind, noun, why)
        self.kind = kind
        self.noun = noun
        self.why = why
        self.facts = facts

    def __str__(self) -> str:
        return f"{self.noun}: {self.kind}" + (f" ({self.why})" if self.why else "")
