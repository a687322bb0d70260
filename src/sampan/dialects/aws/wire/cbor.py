"""CBOR (RFC 8949), as far as the protocol rpc-v2-cbor uses it: no tag but that of a time, no undefined kinds.

A time is told from a number by its type, `Seconds`. Strings, lists and maps of indefinite length are read; they are
never written. Depth is bounded, and sizes by the bytes that are there: however many items are announced, the first one
that is not there ends the reading.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

LEVELS_MAX = 128

_EPOCH = 1  # the tag of a time in seconds (3.4.2)
_BREAK = 0xFF
_SIZES = {24: 1, 25: 2, 26: 4, 27: 8}
_SIMPLE = {20: False, 21: True, 22: None, 23: None}
_FLOATS = {
    25: struct.Struct(">e").unpack_from,
    26: struct.Struct(">f").unpack_from,
    27: struct.Struct(">d").unpack_from,
}
_DOUBLE = struct.Struct(">d").pack


class Malformed(ValueError):  # noqa: N818 - what a person would call it
    """Bytes that are no CBOR, or of a kind that the protocol does not have."""


class Seconds(float):
    """A time in seconds since 1970."""


def decode(data: bytes) -> Any:
    """The one item that the bytes are. Raises Malformed."""
    reader = _Reader(data)
    try:
        value = reader.item(0)
    except (IndexError, struct.error):
        raise Malformed("the data ends early") from None
    except UnicodeDecodeError:
        raise Malformed("a text is not UTF-8") from None
    if reader.at != len(data):
        raise Malformed("there is something after the end")
    return value


class _Reader:
    __slots__ = ("at", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def item(self, level: int) -> Any:
        """The next item."""
        initial = self.data[self.at]
        self.at += 1
        major, info = initial >> 5, initial & 31
        if major == 7:
            return self._simple(info)
        if level > LEVELS_MAX:
            raise Malformed("there are too many levels")
        if info == 31:
            return self._indefinite(major, level)
        argument = info if info < 24 else self._argument(info)
        if major == 3:
            return self._take(argument).decode()
        if major == 0:
            return argument
        if major == 5:
            return self._map(argument, level)
        if major == 4:
            return [self.item(level + 1) for _ in range(argument)]
        if major == 2:
            return self._take(argument)
        if major == 1:
            return -1 - argument
        return self._tagged(argument, level)

    def _argument(self, info: int) -> int:
        size = _SIZES.get(info)
        if size is None:
            raise Malformed("a length is of no known form")
        return int.from_bytes(self._take(size), "big")

    def _take(self, size: int) -> bytes:
        end = self.at + size
        if end > len(self.data):
            raise Malformed("the data ends early")
        taken = self.data[self.at : end]
        self.at = end
        return taken

    def _map(self, size: int, level: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for _ in range(size):
            self._pair(found, level)
        return found

    def _pair(self, found: dict[str, Any], level: int) -> None:
        key = self.item(level + 1)
        if type(key) is not str:
            raise Malformed("a key is not a text")
        if key in found:
            raise Malformed("a key is there twice")
        found[key] = self.item(level + 1)

    def _indefinite(self, major: int, level: int) -> Any:
        """Pieces up to a break (3.2)."""
        if major == 5:
            found: dict[str, Any] = {}
            while not self._broken():
                self._pair(found, level)
            return found
        if major == 4:
            items = []
            while not self._broken():
                items.append(self.item(level + 1))
            return items
        if major not in (2, 3):
            raise Malformed("a length is of no known form")
        pieces = []
        while not self._broken():
            piece = self.data[self.at]
            if piece >> 5 != major or piece & 31 == 31:
                raise Malformed("a piece is of another kind than its whole")
            pieces.append(self.item(level + 1))
        return b"".join(pieces) if major == 2 else "".join(pieces)

    def _broken(self) -> bool:
        if self.data[self.at] != _BREAK:
            return False
        self.at += 1
        return True

    def _tagged(self, tag: int, level: int) -> Seconds:
        value = self.item(level + 1)
        if tag != _EPOCH or type(value) not in (int, float):
            raise Malformed("a tag is of no known kind")
        return Seconds(value)

    def _simple(self, info: int) -> Any:
        if info in _SIMPLE:
            return _SIMPLE[info]
        unpack = _FLOATS.get(info)
        if unpack is None:
            raise Malformed("a simple value is of no known kind")
        value = unpack(self.data, self.at)[0]
        self.at += _SIZES[info]
        return value


def encode(value: Any) -> bytes:
    """The bytes of a value: None, booleans, numbers, `Seconds`, texts, bytes, lists and maps."""
    out = bytearray()
    _encode(value, out)
    return bytes(out)


def _encode(value: Any, out: bytearray) -> None:
    kind = type(value)
    if kind is str:
        text = value.encode("utf-8", "replace")
        out += _head(3, len(text))
        out += text
    elif kind is dict:
        out += _head(5, len(value))
        for key, each in value.items():
            _encode(key, out)
            _encode(each, out)
    elif kind is list or kind is tuple:
        out += _head(4, len(value))
        for each in value:
            _encode(each, out)
    elif kind is int:
        out += _head(0, value) if value >= 0 else _head(1, -1 - value)
    else:
        _ENCODERS[kind](value, out)


def _head(major: int, argument: int) -> bytes:
    """The first bytes of an item: its major type and its argument, as short as can be (4.2.1)."""
    if argument < 24:
        return bytes((major << 5 | argument,))
    for info, size in _SIZES.items():
        if argument < 1 << 8 * size:
            return bytes((major << 5 | info,)) + argument.to_bytes(size, "big")
    raise OverflowError(argument)


def _encode_seconds(value: Seconds, out: bytearray) -> None:
    out += _head(6, _EPOCH)
    _encode(int(value) if value.is_integer() else float(value), out)


def _encode_bytes(value: bytes, out: bytearray) -> None:
    out += _head(2, len(value))
    out += value


_ENCODERS: dict[type, Callable[[Any, bytearray], None]] = {
    bool: lambda value, out: out.append(0xF5 if value else 0xF4),
    type(None): lambda _, out: out.append(0xF6),
    float: lambda value, out: out.extend(b"\xfb" + _DOUBLE(value)),
    bytes: _encode_bytes,
    Seconds: _encode_seconds,
}
