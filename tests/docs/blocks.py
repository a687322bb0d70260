"""The fenced blocks of a page of Markdown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

_FENCE = re.compile(
    r"(?:<!-- needs: (?P<needs>[\w-]+) -->\n)?```(?P<language>\w*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Block:
    """`expected` is the `text` block right after it, if there is one; `needs` a module that it cannot do without."""

    page: str
    line: int
    language: str
    code: str
    needs: str
    expected: str | None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}:{self.language}"


def blocks(root: Path, page: str) -> list[Block]:
    """All blocks of a page, in order."""
    text = (root / page).read_text()
    found = list(_FENCE.finditer(text))
    made = []
    for match, following in zip_longest(found, found[1:]):
        expected = None
        if following and following["language"] == "text" and not text[match.end() : following.start()].strip():
            expected = following["code"]
        line = text.count("\n", 0, match.start("code"))
        made.append(Block(page, line, match["language"], match["code"], match["needs"] or "", expected))
    return made
