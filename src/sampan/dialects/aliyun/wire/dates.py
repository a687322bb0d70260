"""Dates as Alibaba Cloud writes them. All are UTC; milliseconds since 1970 inside."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

# Requests of one second carry the same time, objects that are read often or were written together as well: a dictionary
# is asked instead of a calendar. About 200 KB.
SECONDS_KEPT = 1024

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH_NUMBERS = {name: number for number, name in enumerate(_MONTHS, 1)}


def http_date(ms: int) -> str:
    """`Sun, 22 Nov 2026 10:17:27 GMT` (RFC 9110, IMF-fixdate)."""
    return _http_date(ms // 1000)


@lru_cache(SECONDS_KEPT)
def _http_date(second: int) -> str:
    at = datetime.fromtimestamp(second, UTC)
    day, month = _DAYS[at.weekday()], _MONTHS[at.month - 1]
    return f"{day}, {at.day:02} {month} {at.year:04} {at.hour:02}:{at.minute:02}:{at.second:02} GMT"


def iso_date(ms: int) -> str:
    """`2026-11-22T10:17:27.000Z`: OSS shows whole seconds with three zeros, as its Last-Modified has no more."""
    return datetime.fromtimestamp(ms // 1000, UTC).isoformat()[:19] + ".000Z"


def iso_seconds(ms: int) -> str:
    """`2026-11-22T10:17:27Z`, as RAM and STS write times."""
    return datetime.fromtimestamp(ms // 1000, UTC).isoformat()[:19] + "Z"


def parse_iso_seconds(text: str) -> int | None:
    """The inverse of `iso_seconds`, or None."""
    if len(text) != 20 or text[4] + text[7] + text[10] + text[13] + text[16] + text[19] != "--T::Z":
        return None
    return _at(text[:4], text[5:7], text[8:10], text[11:13], text[14:16], text[17:19])


def parse_http_date(text: str) -> int | None:
    """The inverse of `http_date`, or None. The name of the day is not checked."""
    if len(text) != 29 or not text.endswith(" GMT") or text[19] != ":" or text[22] != ":":
        return None
    month = _MONTH_NUMBERS.get(text[8:11])
    if month is None:
        return None
    return _at(text[12:16], str(month), text[5:7], text[17:19], text[20:22], text[23:25])


@lru_cache(SECONDS_KEPT)
def parse_basic_date(text: str) -> int | None:
    """`20261122T101727Z` (ISO 8601, basic form) in milliseconds, or None."""
    if len(text) != 16 or text[8] != "T" or text[15] != "Z":
        return None
    return _at(text[:4], text[4:6], text[6:8], text[9:11], text[11:13], text[13:15])


def _at(year: str, month: str, day: str, hour: str, minute: str, second: str) -> int | None:
    if not (year + month + day + hour + minute + second).isdecimal():
        return None
    try:
        at = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), tzinfo=UTC)
    except ValueError:
        return None
    return int(at.timestamp()) * 1000
