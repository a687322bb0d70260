"""JSON from outside, bounded, with the place of whatever is wrong with it.

A place is a JSON pointer (RFC 6901): "" is the whole, "/Statement/0/Action" a part of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

DEPTH_MAX = 32  # of arrays and objects inside each other; a policy needs six


class Unreadable(ValueError):  # noqa: N818 - what the document is
    """What is wrong with a document, and where."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"{why} (at {where or 'the top'})")
        self.where = where
        self.why = why


class Numeral(str):
    """A number as it was written: 1.0 stays "1.0"."""

    __slots__ = ()


class _Pairs(list[tuple[str, Any]]):
    """An object before its names are known to be unique."""


def below(where: str, name: str | int) -> str:
    """The pointer to a member or an item of what `where` points to."""
    return f"{where}/{str(name).replace('~', '~0').replace('/', '~1')}"


def read(text: str, depth_max: int = DEPTH_MAX) -> Any:
    """The value of a JSON text: dict, list, str, bool, None, or Numeral. The caller has bounded its length.

    Raises Unreadable for what is not JSON (RFC 8259), is too deep, names a member twice, or holds half a character.
    """
    if _depth(text) > depth_max:
        raise Unreadable("", f"more than {depth_max} arrays and objects inside each other")
    try:
        value = json.loads(
            text, object_pairs_hook=_Pairs, parse_int=Numeral, parse_float=Numeral, parse_constant=_refuse
        )
    except json.JSONDecodeError as error:
        raise Unreadable("", f"not JSON: {error.msg}, line {error.lineno} column {error.colno}") from None
    return _settled(value, "")


def items_at(text: str, member: str) -> list[tuple[int, int]]:
    """Where the items of a member of the top object begin and end in a text that `read` has read; a member that is no
    array is its own only item."""
    decoder = json.JSONDecoder()
    at = _token(text, 0) + 1
    while text[_token(text, at)] == '"':
        name, at = decoder.raw_decode(text, _token(text, at))
        at = _token(text, _token(text, at) + 1)  # beyond the colon
        if name == member:
            break
        _, at = decoder.raw_decode(text, at)
        at = _token(text, at) + 1  # beyond the comma, or the end
        if text[at - 1] == "}":
            return []
    else:
        return []
    if text[at] != "[":
        return [(at, decoder.raw_decode(text, at)[1])]
    found = []
    while text[at] != "]":
        start = _token(text, at + 1)
        if text[start] == "]":
            break
        found.append((start, decoder.raw_decode(text, start)[1]))
        at = _token(text, found[-1][1])
    return found


def _token(text: str, at: int) -> int:
    """Where the next token begins."""
    while text[at] in " \t\r\n":
        at += 1
    return at


def _refuse(name: str) -> Any:
    raise Unreadable("", f"not JSON: {name}")


def _depth(text: str) -> int:
    """The greatest depth of brackets outside of strings."""
    depth = deepest = 0
    for character in _outside_strings(text):
        if character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


def _outside_strings(text: str) -> Iterator[str]:
    inside = escaped = False
    for character in text:
        if escaped:
            escaped = False
        elif inside:
            escaped = character == "\\"
            inside = character != '"'
        elif character == '"':
            inside = True
        else:
            yield character


def _settled(value: Any, where: str) -> Any:
    if isinstance(value, _Pairs):
        members: dict[str, Any] = {}
        for name, member in value:
            _whole(name, where)
            if name in members:
                raise Unreadable(below(where, name), f"{name} is there twice")
            members[name] = _settled(member, below(where, name))
        return members
    if isinstance(value, list):
        return [_settled(item, below(where, index)) for index, item in enumerate(value)]
    if isinstance(value, str):
        _whole(value, where)
    return value


def _whole(text: str, where: str) -> None:
    """JSON may escape half of a surrogate pair, which is no text."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise Unreadable(where, "half of a surrogate pair")
