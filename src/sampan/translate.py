"""One cloud's policy in the other's language, and what a policy says of one request.

The readers and writers are the dialects' families' own; here they meet.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sampan.dialects.aliyun.wire.policy import GRAMMAR as RAM
from sampan.dialects.aws.wire.policy import GRAMMAR as IAM
from sampan.kernel import reading, writing
from sampan.kernel.actions import FOREIGN
from sampan.kernel.document import Numeral, Unreadable
from sampan.kernel.document import read as read_json
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.language import TEXT_CHARS_MAX, Grammar, NoEqual
from sampan.kernel.policy import ANY, Purpose, ResourcePattern, Statement

GRAMMARS: Mapping[str, Grammar] = {"iam": IAM, "ram": RAM}


@dataclass(frozen=True, slots=True)
class Translation:
    """`text` is a document of the other language, "" if nothing of it can be said there; `lost` says in plain words,
    a line each, what has no equal. Without any, both documents allow and deny the same."""

    text: str
    lost: tuple[str, ...]
    source: str


def translate(text: str, to: str, purpose: Purpose) -> Translation:
    """A document of any language in the language `to` ("iam" or "ram").

    Raises Fault(INVALID | TOO_LARGE, "policy document") if it is none, also if it would be too large there.
    """
    source = language_of(text)
    grammar = GRAMMARS[to]
    statements = reading.read(GRAMMARS[source], text, purpose)
    written = writing.write(grammar, statements, purpose, GRAMMARS[source])
    size, size_max = sum(map(len, written.text.split())), grammar.chars_max[purpose]
    if size > size_max:
        why = f"in {grammar.name} it would have {size} characters, and {size_max} are allowed"
        raise Fault(Kind.TOO_LARGE, "policy document", why, where="", size_max=size_max, language=grammar.name)
    return Translation(written.text, tuple(writing.lines(written, statements)), source)


def statements(text: str, purpose: Purpose) -> Sequence[Statement]:
    """The statements of a document in any language. Faults as `translate`'s."""
    return reading.read(GRAMMARS[language_of(text)], text, purpose)


def purpose_of(text: str) -> Purpose:
    """What a document is for, guessed: only the policies of resources name principals, and those of trust no resource.
    Of what is no policy at all it says IDENTITY; reading it will tell."""
    try:
        document = read_json(text[:TEXT_CHARS_MAX])
    except Unreadable:
        return Purpose.IDENTITY
    rows = document.get("Statement") if isinstance(document, dict) else None
    first = rows[0] if isinstance(rows, list) and rows else rows
    if not isinstance(first, dict) or not first.keys() & {"Principal", "NotPrincipal"}:
        return Purpose.IDENTITY
    return Purpose.RESOURCE if first.keys() & {"Resource", "NotResource"} else Purpose.TRUST


def actions_of(text: str) -> frozenset[str]:
    """The core actions of one cloud's action. Raises ValueError if Sampan has none of it."""
    if text.startswith(("objects:", "identity:")):
        return frozenset({text})
    found = {core for grammar in GRAMMARS.values() for core in grammar.actions.read(text) if FOREIGN not in core}
    if not found or ANY in found:
        raise ValueError(f"{text} is no action that Sampan does")
    return frozenset(found)


def resource_of(text: str) -> ResourcePattern:
    """What an ARN of either cloud names. Raises ValueError."""
    return (RAM if text.startswith("acs:") else IAM).resource(text)


def key_of(text: str) -> str:
    """The core's name of a condition key of either cloud. Raises ValueError if neither knows it."""
    for grammar in GRAMMARS.values():
        core = grammar.key(text)
        if FOREIGN not in core:
            return core
    raise ValueError(f"{text} is no condition key that Sampan knows")


def key_text(core: str) -> str:
    """What the clouds call a condition key: IAM's word for it, else RAM's."""
    for grammar in GRAMMARS.values():
        try:
            return grammar.keys.write(core)
        except NoEqual:
            continue
    return core.rpartition(FOREIGN)[2]


def language_of(text: str) -> str:
    """ "iam" or "ram", by the document's Version; IAM's may have none. Raises INVALID "policy document"."""
    try:
        document = read_json(text[:TEXT_CHARS_MAX])
    except Unreadable as wrong:
        raise Fault(Kind.INVALID, "policy document", str(wrong), where=wrong.where) from None
    version = document.get("Version") if isinstance(document, dict) else None
    if version is None and isinstance(document, dict):
        return "iam"
    for name, grammar in GRAMMARS.items():
        if isinstance(version, str) and not isinstance(version, Numeral) and version in grammar.versions:
            return name
    told = " or ".join(json.dumps(version) for grammar in GRAMMARS.values() for version in grammar.versions)
    raise Fault(Kind.INVALID, "policy document", f"Version must be {told}", where="/Version")
