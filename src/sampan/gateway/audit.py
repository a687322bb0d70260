"""One line for each request: who did what to which resource, and what came of it.

No line holds a secret, because none is ever put in: of the query and the headers only the user agent is kept, of the
caller the access key's id. Lines are gathered and written together by a thread, at most `DELAY_S` later, so that a
slow terminal never holds up a request.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from typing import Any, Protocol

import msgspec

DELAY_S = 0.05
PENDING_LINES_MAX = 100_000  # some 40 MB: beyond it nobody reads the other end, and lines are dropped and counted
TEXT_CHARS_MAX = 1100  # of a single field: a whole key fits


class Entry(msgspec.Struct, omit_defaults=True):
    """What happened to one request. `fault` is "kind noun" when it failed; `key` may be one that was only claimed."""

    time: str
    id: str
    client: str
    method: str
    status: int
    ms: float
    dialect: str = ""
    operation: str = ""
    account: str = ""
    key: str = ""
    resource: str = ""
    fault: str = ""
    received: int = 0
    sent: int = 0
    agent: str = ""


class Sink(Protocol):
    """Takes finished lines."""

    def put(self, line: bytes) -> None: ...

    def close(self) -> None: ...


class Audit:
    """Writes entries to a sink, as JSON or as a line for people. Without a sink nothing is written."""

    def __init__(self, sink: Sink | None, *, text: bool = False) -> None:
        self._sink = sink
        self._encode = _line_of_text if text else _line_of_json
        self.on = sink is not None

    def write(self, entry: Entry) -> None:
        """Write one entry. Never raises for what a client sent."""
        if self._sink is None:
            return
        try:
            line = self._encode(entry)
        except UnicodeEncodeError:  # bytes that are not UTF-8, kept as surrogates
            line = self._encode(_clean(entry))
        self._sink.put(line)

    def close(self) -> None:
        """Write what is still waiting."""
        if self._sink is not None:
            self._sink.close()


class Clock:
    """The time of entries, as text. The second is formatted once, and kept until the next."""

    __slots__ = ("_second", "_text")

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def text(self, now_ms: int) -> str:
        """RFC 3339 in UTC, with milliseconds."""
        second, ms = divmod(now_ms, 1000)
        if second != self._second:
            self._second = second
            self._text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._text}.{ms:03d}Z"


_encode_json = msgspec.json.Encoder().encode


def _line_of_json(entry: Entry) -> bytes:
    return _encode_json(entry) + b"\n"


def _line_of_text(entry: Entry) -> bytes:
    what = f"{entry.dialect} {entry.operation}" if entry.dialect else entry.method
    who = entry.key or "anonymous"
    moved = f" in {entry.received} B" if entry.received else ""
    moved += f" out {entry.sent} B" if entry.sent else ""
    fault = f" ({entry.fault})" if entry.fault else ""
    resource = entry.resource if entry.resource.isprintable() else ascii(entry.resource)[1:-1]
    line = f"{entry.time} {entry.status} {what} {resource or '-'}{fault} {entry.ms:.1f} ms{moved} {who} {entry.id}\n"
    return line.encode()


def _clean(entry: Entry) -> Entry:
    values: dict[str, Any] = {name: getattr(entry, name) for name in entry.__struct_fields__}
    for name, value in values.items():
        if isinstance(value, str):
            values[name] = value.encode("utf-8", "replace").decode()
    return Entry(**values)


class FileSink:
    """Writes lines to a file descriptor from a thread, gathered, so that no request waits for the other end.

    Each write ends with a whole line, and the descriptor should be opened for appending: then the lines of several
    processes do not mix.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lines: deque[bytes] = deque()
        self._dropped = 0
        self._work = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()

    def put(self, line: bytes) -> None:
        """Take a line. Never blocks."""
        if len(self._lines) >= PENDING_LINES_MAX:
            self._dropped += 1
            return
        self._lines.append(line)
        if not self._work.is_set():
            self._work.set()

    def close(self) -> None:
        """Write what is waiting; gives up after a few seconds if nobody reads the other end."""
        self._closed = True
        self._work.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._closed:
            self._work.wait()
            if not self._closed:
                time.sleep(DELAY_S)
            self._work.clear()
            self._write_out()
        self._write_out()

    def _write_out(self) -> None:
        # A deque, emptied one by one: nothing is lost of what is put meanwhile.
        lines = [self._lines.popleft() for _ in range(len(self._lines))]
        if self._dropped:
            lines.append(b'{"audit":"%d lines were dropped: nobody reads them fast enough"}\n' % self._dropped)
            self._dropped = 0
        data = memoryview(b"".join(lines))
        while data:
            try:
                data = data[os.write(self._descriptor, data) :]
            except OSError:
                return  # a closed terminal, a full disk: requests go on
