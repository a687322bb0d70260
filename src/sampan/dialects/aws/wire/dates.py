"""The forms of a time on AWS's wires. Inside, a time is milliseconds since 1970 in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

_AMZ = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})T([0-9]{2})([0-9]{2})([0-9]{2})Z").fullmatch
_ISO = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})"
).fullmatch
# Requests of one second carry the same time, objects that are read often or were written together as well: a dictionary
# is asked instead of a calendar. About 200 KB.
SECONDS_KEPT = 1024

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@lru_cache(SECONDS_KEPT)
def parse_amz(value: str) -> int | None:
    """`20130524T000000Z`, as in X-Amz-Date; None if it is not that."""
    match = _AMZ(value)
    if match is None:
        return None
    year, month, day, hour, minute, second = map(int, match.groups())
    try:
        return int(datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()) * 1000
    except ValueError:
        return None


def parse_http(value: str) -> int | None:
    """`Fri, 24 May 2013 00:00:00 GMT` and the other forms of RFC 9110, section 5.6.7; None if it is none of them."""
    try:
        return int(parsedate_to_datetime(value).timestamp()) * 1000
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def parse_iso(value: str) -> int | None:
    """`2013-05-24T00:00:00.5Z` (RFC 3339); None if it is not that."""
    if _ISO(value) is None:
        return None
    try:
        return round(datetime.fromisoformat(value).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def amz(ms: int) -> str:
    """`20130524T000000Z`."""
    at = datetime.fromtimestamp(ms // 1000, UTC)
    return f"{at.year:04}{at.month:02}{at.day:02}T{at.hour:02}{at.minute:02}{at.second:02}Z"


def http(ms: int) -> str:
    """`Fri, 24 May 2013 00:00:00 GMT`."""
    return _http(ms // 1000)


@lru_cache(SECONDS_KEPT)
def _http(second: int) -> str:
    # Not strftime, whose names follow the locale.
    at = datetime.fromtimestamp(second, UTC)
    return (
        f"{_DAYS[at.weekday()]}, {at.day:02} {_MONTHS[at.month - 1]} {at.year:04} "
        f"{at.hour:02}:{at.minute:02}:{at.second:02} GMT"
    )


def iso(ms: int) -> str:
    """`2013-05-24T00:00:00.000Z`: whole seconds, so that a listing and a Last-Modified header say the same."""
    at = datetime.fromtimestamp(ms // 1000, UTC)
    return f"{at.year:04}-{at.month:02}-{at.day:02}T{at.hour:02}:{at.minute:02}:{at.second:02}.000Z"


def iso_exact(ms: int) -> str:
    """`2013-05-24T00:00:00Z`, with milliseconds where there are some."""
    text = iso(ms)[:-5]
    return f"{text}.{ms % 1000:03}Z" if ms % 1000 else f"{text}Z"
