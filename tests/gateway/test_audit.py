"""Where the audit's lines go, and how they look to people."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from sampan.gateway import audit
from sampan.gateway.audit import Audit, Clock, Entry, FileSink
from tests.gateway.world import Lines


def entry(**more: object) -> Entry:
    values = {"time": "T", "id": "ID", "client": "::1", "method": "GET", "status": 200, "ms": 1.25, **more}
    return Entry(**values)  # type: ignore[arg-type]


def test_lines_for_people() -> None:
    sink = Lines()
    writer = Audit(sink, text=True)
    writer.write(
        entry(dialect="aws/s3", operation="GetObject", resource="b/k", key="AKIA", sent=7, fault="missing object")
    )
    writer.write(entry(resource="/"))
    assert sink.lines == [
        b"T 200 aws/s3 GetObject b/k (missing object) 1.2 ms out 7 B AKIA ID\n",
        b"T 200 GET / 1.2 ms anonymous ID\n",
    ]


def test_off_is_off() -> None:
    writer = Audit(None)
    assert not writer.on
    writer.write(entry())


def test_time_is_rfc_3339() -> None:
    clock = Clock()
    assert clock.text(1_700_000_000_007) == "2023-11-14T22:13:20.007Z"
    assert clock.text(1_700_000_000_999) == "2023-11-14T22:13:20.999Z"
    assert clock.text(1_700_000_001_000) == "2023-11-14T22:13:21.000Z"


def test_lines_reach_the_file_soon_and_in_order(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    sink = FileSink(descriptor)
    lines = [b"%d\n" % number for number in range(5000)]
    for line in lines:
        sink.put(line)
    end = time.monotonic() + 5
    while time.monotonic() < end and (tmp_path / "log").stat().st_size < sum(map(len, lines)):
        time.sleep(0.01)
    assert (tmp_path / "log").read_bytes() == b"".join(lines)
    sink.put(b"last\n")
    sink.close()
    assert (tmp_path / "log").read_bytes().endswith(b"last\n")
    os.close(descriptor)


def test_a_reader_who_does_not_read_holds_nobody_up(monkeypatch: object) -> None:
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    sink = FileSink(writing)
    begun = time.monotonic()
    for number in range(audit.PENDING_LINES_MAX + 5000):
        sink.put(b"%07d\n" % number)
        if number == 1000:
            time.sleep(3 * audit.DELAY_S)  # the thread takes what is there, and is stuck with it
    assert time.monotonic() - begun < 5
    os.close(reading)  # now the write fails, and the thread is free
    sink.close()
    os.close(writing)
