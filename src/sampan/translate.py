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
from sampan.kernel.document import Numeral, Unreadable
from sampan.kernel.document import read as read_json
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.language import TEXT_CHARS_MAX, Grammar
from sampan.kernel.policy import Purpose, Statement

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
    written = writing.write(grammar, statements, purpose, GRAMMARS[source].actions.called)
    size, size_max = sum(map(len, written.text.split())), grammar.chars_max[purpose]
    if size > size_max:
        why = f"in {grammar.name} it would have {size} characters, and {size_max} are allowed"
        raise Fault(Kind.TOO_LARGE, "policy document", why, where="", size_max=size_max, language=grammar.name)
    return Translation(written.text, tuple(writing.lines(written, statements)), source)


def statements(text: str, purpose: Purpose) -> Sequence[Statement]:
    """The statements of a document in any language. Faults as `translate`'s."""
    return reading.read(GRAMMARS[language_of(text)], text, purpose)


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
