"""Streams of events, as AWS's services send them while they work: `application/vnd.amazon.eventstream`.

A message is a prelude (length of the whole, length of the headers, CRC-32 of these 8 bytes), headers, a payload, and
the CRC-32 of all that went before, numbers big-endian. Source: "Amazon event stream specification"
(smithy.io/2.0/aws/amazon-eventstream.html).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any

from sampan.dialects.aws.wire.model import Error, Member, Shape
from sampan.dialects.aws.wire.protocol import Format, Refusal, said

_STRING, _BYTES, _TIMESTAMP, _TRUE, _FALSE, _INTEGER, _LONG = 7, 6, 8, 0, 1, 4, 5
_PRELUDE = struct.Struct(">II")
_CRC = struct.Struct(">I")
_OVERHEAD = 16  # prelude, its checksum and the message's

Event = Mapping[str, Any]


def message(headers: bytes, payload: bytes) -> bytes:
    """One message; `headers` are those of `header`, joined."""
    prelude = _PRELUDE.pack(len(headers) + len(payload) + _OVERHEAD, len(headers))
    crc = zlib.crc32(prelude)
    head = prelude + _CRC.pack(crc) + headers
    crc = zlib.crc32(payload, zlib.crc32(head))
    return b"".join((head, payload, _CRC.pack(crc)))


def header(name: str, value: Any, kind: str = "string") -> bytes:
    """One header: its name's length, its name, its type, its value. `kind` is a type of the model's."""
    raw = name.encode()
    return bytes((len(raw),)) + raw + _header_value(value, kind)


def _header_value(value: Any, kind: str) -> bytes:
    match kind:
        case "boolean":
            return bytes((_TRUE if value else _FALSE,))
        case "integer":
            return struct.pack(">Bi", _INTEGER, value)
        case "long":
            return struct.pack(">Bq", _LONG, value)
        case "timestamp":
            return struct.pack(">Bq", _TIMESTAMP, value)
    raw: bytes = value if kind == "blob" else value.encode("utf-8", "replace")
    return struct.pack(">BH", _BYTES if kind == "blob" else _STRING, len(raw)) + raw


class EventBody:
    """Implements `kernel.body.Outflow`: the body of a stream of events.

    `events` yields dicts with one key each, a member of `shape`; a `Refusal` instead ends the stream with an error.
    `first` is the payload of the message that a protocol which has no other place for the rest of the result begins
    with.
    """

    content = "application/vnd.amazon.eventstream"
    length = None

    def __init__(
        self,
        shape: Shape,
        events: AsyncGenerator[Event | Refusal, None],
        body: Format,
        errors: Mapping[str, Error],
        first: bytes | None = None,
    ) -> None:
        self._shape = shape
        self._events = events
        self._format = body
        self._errors = errors
        self._first = first
        self._content = header(":content-type", body.content)

    async def chunks(self) -> AsyncIterator[bytes]:
        """A message for each event, as soon as it is there."""
        try:
            if self._first is not None:
                yield message(_event("initial-response") + self._content, self._first)
            async for event in self._events:
                yield self._refused(event) if isinstance(event, Refusal) else self._message(event)
        finally:
            await self._events.aclose()

    def close(self) -> None:
        """Nothing is held that `chunks` does not free."""

    def _message(self, event: Event) -> bytes:
        ((name, values),) = event.items()
        shape = self._shape.members[name].shape
        headers = [_event(name)]
        payload: Member | None = None
        for inner, member in shape.members.items():
            if member.location == "eventheader" and values.get(inner) is not None:
                headers.append(header(inner, values[inner], member.shape.type))
            elif member.location == "eventpayload":
                payload = member
        if payload is None:
            body = {inner: each for inner, each in values.items() if shape.members[inner].location != "eventheader"}
            return message(b"".join(headers) + self._content, self._format.compose(shape, body))
        value = values.get(payload.name)
        if payload.shape.type == "blob":
            content, raw = header(":content-type", "application/octet-stream"), value or b""
        elif payload.shape.type == "string":
            content, raw = header(":content-type", "text/plain"), (value or "").encode("utf-8", "replace")
        else:
            content, raw = self._content, self._format.compose(payload.shape, value or {})
        return message(b"".join(headers) + content, raw)

    def _refused(self, refusal: Refusal) -> bytes:
        """An error that the model expects here is an exception, with a payload of its shape; any other has a code."""
        for name, member in self._shape.members.items():
            if member.shape.name == refusal.code:
                headers = header(":message-type", "exception") + header(":exception-type", name) + self._content
                values = said(self._errors.get(refusal.code), refusal)
                return message(headers, self._format.compose(member.shape, values))
        headers = header(":message-type", "error") + header(":error-code", refusal.code)
        return message(headers + header(":error-message", refusal.message), b"")


def _event(name: str) -> bytes:
    return header(":message-type", "event") + header(":event-type", name)
