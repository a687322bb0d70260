"""XML in and out, as the vendors' object protocols need it: small documents, no entities, no surprises.

Reading refuses a DOCTYPE, so that no entity can grow or reach out; depth and size are bounded. Writing is by plain
strings: `escape` is all that a value needs, and a page of a thousand keys is made in a few milliseconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.parsers import expat
from xml.sax.saxutils import escape as _escape

from sampan.kernel.fault import Fault, Kind

DEPTH_MAX = 16  # the deepest document of S3 and OSS (replication rules) has 8 levels
ELEMENTS_MAX = 200_000  # 10,000 parts of 8 elements each, twice over

# What XML 1.0 cannot hold, even escaped; S3 answers such keys only under encoding-type=url.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_QUOTES = {'"': "&quot;", "\r": "&#13;"}
_TOUCHED = re.compile(f"[&<>{''.join(_QUOTES)}{_FORBIDDEN.pattern[1:]}")  # what `escape` does not leave as it is


def escape(value: str) -> str:
    """A text for an element's content. What XML cannot hold becomes U+FFFD."""
    if _TOUCHED.search(value) is None:  # nearly always, and a listing asks a thousand times
        return value
    if _FORBIDDEN.search(value):
        value = _FORBIDDEN.sub("\ufffd", value)
    return _escape(value, _QUOTES)


class Element:
    """A node: its name without namespace, its text, its children in order.

    A leaf's text is as written, since a key may begin or end with white space; that of others, which is mere layout,
    is stripped.
    """

    __slots__ = ("attributes", "children", "name", "text")

    def __init__(self, name: str, attributes: dict[str, str] | None = None) -> None:
        self.name = name
        self.attributes = attributes or {}
        self.text = ""
        self.children: list[Element] = []

    def find(self, name: str) -> Element | None:
        """The first child of that name."""
        for child in self.children:
            if child.name == name:
                return child
        return None

    def all(self, name: str) -> Iterator[Element]:
        return (child for child in self.children if child.name == name)

    def get(self, name: str, default: str = "") -> str:
        """The text of the first child of that name, or `default`."""
        child = self.find(name)
        return default if child is None else child.text


def parse(document: bytes, root: str = "") -> Element:
    """The root element, which must be named `root` if that is given. Raises Fault(INVALID, "document")."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    stack: list[Element] = []
    texts: list[list[str]] = []
    roots: list[Element] = []
    count = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal count
        count += 1
        if count > ELEMENTS_MAX or len(stack) >= DEPTH_MAX:
            raise Fault(Kind.INVALID, "document", "the XML has too many elements, or too many levels")
        element = Element(name.rpartition(":")[2], attributes)
        (stack[-1].children if stack else roots).append(element)
        stack.append(element)
        texts.append([])

    def end(_: str) -> None:
        element, text = stack.pop(), "".join(texts.pop())
        element.text = text.strip() if element.children else text

    def data(text: str) -> None:
        texts[-1].append(text)

    def doctype(*_: object) -> None:
        raise Fault(Kind.INVALID, "document", "a DOCTYPE is not allowed")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = data
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(document, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise Fault(Kind.INVALID, "document", f"the XML is not well-formed: {error}") from None
    if root and roots[0].name != root:
        raise Fault(Kind.INVALID, "document", f"the root element is {roots[0].name[:64]}, not {root}")
    return roots[0]
