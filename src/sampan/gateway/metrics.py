"""Counters of requests, exact over all worker processes, in Prometheus's text format.

Each worker counts in a small file of its own, mapped into memory: counting is a few stores, no lock, and no system
call. Whoever is asked adds up the files of all workers. A worker that dies leaves its file, so no count goes back.

A file is a row of slots of 32 unsigned 64-bit numbers. The first 16 hold a label, "dialect|operation|status" in UTF-8;
then come the numbers of requests, of bytes in and out, and of microseconds, and one number for each bucket of time.
"""

from __future__ import annotations

import mmap
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path

SLOTS = 1024  # every operation of two clouds' object protocols, with three statuses each
WORDS = 32
LABEL_BYTES = 128
FILE_BYTES = SLOTS * WORDS * 8

_COUNT, _IN, _OUT, _TIME, _BUCKETS = 16, 17, 18, 19, 20
BOUNDS_US = (250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000, 2_500_000)
_FULL = "other|other|0"


class Counters:
    """One process's counters. `path` is its file, made anew."""

    def __init__(self, path: Path) -> None:
        # Written, not only extended: a page without a block behind it would kill the process on a full disk.
        path.write_bytes(bytes(FILE_BYTES))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), FILE_BYTES)
        self._words = memoryview(self._map).cast("Q")
        self._slots: dict[tuple[str, str, int], int] = {}

    def count(self, dialect: str, operation: str, status: int, bytes_in: int, bytes_out: int, time_us: int) -> None:
        """Count one finished request."""
        base = self._slots.get((dialect, operation, status))
        if base is None:
            base = self._claim(dialect, operation, status)
        words = self._words
        words[base + _COUNT] += 1
        words[base + _IN] += bytes_in
        words[base + _OUT] += bytes_out
        words[base + _TIME] += time_us
        words[base + _BUCKETS + bisect_left(BOUNDS_US, time_us)] += 1

    def _claim(self, dialect: str, operation: str, status: int) -> int:
        number = min(len(self._slots), SLOTS - 1)
        label = f"{dialect}|{operation}|{status}" if number < SLOTS - 1 else _FULL
        base = number * WORDS
        self._map[base * 8 : base * 8 + LABEL_BYTES] = label.encode()[:LABEL_BYTES].ljust(LABEL_BYTES, b"\0")
        if number < SLOTS - 1:
            self._slots[dialect, operation, status] = base
        return base


def _slots_of(file: bytes) -> Iterator[tuple[str, list[int]]]:
    words = memoryview(file).cast("Q")
    for base in range(0, len(words), WORDS):
        if words[base + _COUNT] == 0:
            if words[base] == 0:
                return  # slots are taken in order
            continue
        label = file[base * 8 : base * 8 + LABEL_BYTES].rstrip(b"\0").decode("utf-8", "replace")
        yield label, list(words[base + _COUNT : base + WORDS])


def totals(folder: Path) -> dict[str, list[int]]:
    """The sums over all files of a folder, by label: requests, bytes in, bytes out, microseconds, then buckets."""
    sums: dict[str, list[int]] = {}
    for path in sorted(folder.glob("*.counters")):
        for label, numbers in _slots_of(path.read_bytes()):
            have = sums.setdefault(label, [0] * len(numbers))
            sums[label] = [a + b for a, b in zip(have, numbers, strict=True)]
    return sums


def expose(folder: Path, version: str, started_ms: int) -> str:
    """Everything that is counted, as Prometheus reads it (text format 0.0.4)."""
    sums = sorted(totals(folder).items())
    lines = [
        "# HELP sampan_info The version that runs.",
        "# TYPE sampan_info gauge",
        f'sampan_info{{version="{version}"}} 1',
        "# HELP sampan_start_time_seconds When it was started, since 1970.",
        "# TYPE sampan_start_time_seconds gauge",
        f"sampan_start_time_seconds {started_ms / 1000}",
        "# HELP sampan_requests_total Requests answered.",
        "# TYPE sampan_requests_total counter",
        *(f"sampan_requests_total{{{_labels(label)}}} {numbers[0]}" for label, numbers in sums),
        "# HELP sampan_received_bytes_total Bytes of bodies received.",
        "# TYPE sampan_received_bytes_total counter",
        *(f"sampan_received_bytes_total{{{_labels(label)}}} {numbers[1]}" for label, numbers in sums),
        "# HELP sampan_sent_bytes_total Bytes of bodies sent.",
        "# TYPE sampan_sent_bytes_total counter",
        *(f"sampan_sent_bytes_total{{{_labels(label)}}} {numbers[2]}" for label, numbers in sums),
        "# HELP sampan_request_seconds Time from the end of a request's headers to the end of its reply.",
        "# TYPE sampan_request_seconds histogram",
    ]
    for label, numbers in sums:
        labels = _labels(label)
        below = 0
        for bound_us, count in zip(BOUNDS_US, numbers[4:], strict=False):
            below += count
            lines.append(f'sampan_request_seconds_bucket{{{labels},le="{bound_us / 1e6:g}"}} {below}')
        lines.append(f'sampan_request_seconds_bucket{{{labels},le="+Inf"}} {numbers[0]}')
        lines.append(f"sampan_request_seconds_sum{{{labels}}} {numbers[3] / 1e6}")
        lines.append(f"sampan_request_seconds_count{{{labels}}} {numbers[0]}")
    return "\n".join(lines) + "\n"


def _labels(label: str) -> str:
    dialect, operation, status = label.split("|")
    return f'dialect="{dialect}",operation="{operation}",status="{status}"'
