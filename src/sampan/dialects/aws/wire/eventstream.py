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

_STRING = 7  # the type of a header that is a text: no service sends others
_TEXT = struct.Struct(">BH")
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


def header(name: str, value: str) -> bytes:
    """One header: its name's length, its name, its type (a text's), its value's length, its value."""
    raw, text = name.encode(), value.encode("utf-8", "replace")
    return b"".join((bytes((len(raw),)), raw, _TEXT.pack(_STRING, len(text)), text))


_CONTENTS = {
    "blob": header(":content-type", "application/octet-stream"),
    "string": header(":content-type", "text/plain"),
}


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
        self._headers: dict[str, bytes] = {}  # of each kind of event: most messages of a stream are of one

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
        headers = self._headers.get(name)
        if headers is None:
            headers = self._headers[name] = _event(name) + self._content_of(shape)
        payload = _payload(shape)
        if payload is None:
            return message(headers, self._format.compose(shape, values))
        value = values[payload.name]
        match payload.shape.type:
            case "blob":
                return message(headers, value)
            case "string":
                return message(headers, value.encode("utf-8", "replace"))
        return message(headers, self._format.compose(payload.shape, value))

    def _content_of(self, shape: Shape) -> bytes:
        """The header that says what an event's payload is."""
        payload = _payload(shape)
        kind = payload.shape.type if payload is not None else ""
        return _CONTENTS.get(kind, self._content)

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


def _payload(shape: Shape) -> Member | None:
    """The member of an event that is its whole payload, if one is."""
    return next((member for member in shape.members.values() if member.location == "eventpayload"), None)
