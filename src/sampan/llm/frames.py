"""What goes between a model's process and those who ask it: frames over a unix socket.

A frame is its length (four bytes, big-endian) and that many bytes of MessagePack. Who asks sends one Call in a frame;
the process sends a list of Replies, all that a step brought for one connection. Each Reply names the call that it is
for. Both ends are of one version of this library: the process is started by whoever asks it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast

import msgspec
from msgspec import Raw, Struct

FRAME_BYTES_MAX = 64 << 20  # a prompt of ten million tokens; an image would be longer, and is not read
ASK_BYTES_MAX = FRAME_BYTES_MAX - 4096
UNSENT_BYTES_MAX = 256 << 20  # of a peer that does not read
NOTHING = Raw(b"\xc0")
_HEADER = 4

P = TypeVar("P")


class Call(Struct, frozen=True, array_like=True):
    """What is wanted. `verb` names a method of `server.Server`; `cancel` gives up the call of the same `id`."""

    id: int
    verb: str
    body: Raw = NOTHING
    adapter: str = ""  # the folder of a LoRA adapter


class Said(Struct, Generic[P], frozen=True, array_like=True, tag=0):
    """A piece of an answer."""

    id: int
    piece: P


class Done(Struct, frozen=True, array_like=True, tag=1):
    """The call is answered; nothing more comes for it."""

    id: int
    value: Raw = NOTHING


class Refused(Struct, frozen=True, array_like=True, tag=2):
    """The call failed. `error` is the name of a class in `errors`, `facts` its attributes."""

    id: int
    error: str
    why: str
    facts: dict[str, Any] = {}


class Frames(asyncio.Protocol):
    """One end of a connection: whole frames in and out."""

    def __init__(self, take: Callable[[Frames, bytes], None], lost: Callable[[Frames], None]) -> None:
        """`take` is called with each frame, `lost` once when the connection has ended."""
        self._take, self._lost = take, lost
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._encoder = msgspec.msgpack.Encoder()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by class

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        start = 0
        while len(self._buffer) - start >= _HEADER:
            size = int.from_bytes(self._buffer[start : start + _HEADER], "big")
            if size > FRAME_BYTES_MAX:
                self.close()
                return
            end = start + _HEADER + size
            if len(self._buffer) < end:
                break
            self._take(self, bytes(self._buffer[start + _HEADER : end]))
            start = end
        del self._buffer[:start]

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._lost(self)

    @property
    def open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def send(self, message: object) -> None:
        """Send a frame, if there is still somebody to read it; who does not read for long is cut off."""
        if self._transport is None or self._transport.is_closing():
            return
        data = self._encoder.encode(message)
        self._transport.write(len(data).to_bytes(_HEADER, "big") + data)
        if self._transport.get_write_buffer_size() > UNSENT_BYTES_MAX:
            self._transport.abort()

    def close(self) -> None:
        """End the connection; what was sent still goes out."""
        if self._transport is not None:
            self._transport.close()
