"""Single values as text: in forms, in XML, in headers, in paths and in queries.

Times are milliseconds since 1970, and are written exactly. Source: "Timestamp formats" and "Simple shapes" of Smithy's
AWS protocols (smithy.io/2.0/aws/protocols).
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from typing import Any

from sampan.dialects.aws.wire import dates
from sampan.dialects.aws.wire.model import Member

INTEGER_BITS = {"integer": 31, "long": 63}
TIME_MS_MIN, TIME_MS_MAX = -62_135_596_800_000, 253_402_300_799_999  # the years 1 to 9999

_INTEGER = re.compile(r"-?[0-9]{1,19}").fullmatch
_NUMBER = re.compile(r"-?[0-9]{1,400}(?:\.[0-9]{1,400})?(?:[eE][+-]?[0-9]{1,3})?").fullmatch
_NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class Unreadable(ValueError):  # noqa: N818 - what a person would call it
    """A text that is no value of its type. The message says what it is not: "is not an integer"."""


def read(member: Member, text: str, timestamp: str = "iso8601") -> Any:
    """The value that a text stands for. `timestamp` is the form of times where the model names none.

    Raises Unreadable.
    """
    match member.shape.type:
        case "string":
            return text
        case "integer" | "long" as kind:
            if not _INTEGER(text) or not fits(int(text), kind):
                raise Unreadable("is not an integer")
            return int(text)
        case "boolean":
            if text.lower() not in ("true", "false"):
                raise Unreadable("is not a boolean")
            return text.lower() == "true"
        case "float" | "double":
            return number(text)
        case "timestamp":
            return time(text, member.timestamp or timestamp)
        case "blob":
            return blob(text)
        case kind:
            raise Unreadable(f"is not a {kind}")


def write(member: Member, value: Any, timestamp: str = "iso8601") -> str:
    """The text that stands for a value: the inverse of `read`."""
    match member.shape.type:
        case "boolean":
            return "true" if value else "false"
        case "timestamp":
            return write_time(value, member.timestamp or timestamp)
        case "blob":
            return base64.b64encode(value).decode()
        case "float" | "double":
            return str(finite(float(value)))
    return str(value)


def fits(value: int, kind: str) -> bool:
    """Whether an integer is one of its type's."""
    bits = INTEGER_BITS[kind]
    return -(1 << bits) <= value < 1 << bits


def finite(value: float) -> float | str:
    """A number, or the word for what is none: JSON has no other way to say it."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def number(text: str) -> float:
    """A decimal number, NaN or Infinity. Raises Unreadable."""
    if text in _NOT_FINITE:
        return _NOT_FINITE[text]
    if not _NUMBER(text):
        raise Unreadable("is not a number")
    return float(text)


def blob(text: str) -> bytes:
    """Base64. Raises Unreadable."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Unreadable("is not Base64") from None


def seconds(value: float) -> int:
    """Milliseconds of a time in seconds. Raises Unreadable."""
    ms = round(value * 1000) if math.isfinite(value) else TIME_MS_MAX + 1
    if not TIME_MS_MIN <= ms <= TIME_MS_MAX:
        raise Unreadable("is not a time")
    return ms


def write_seconds(ms: int) -> float:
    """A time in seconds, a whole number if it is one."""
    return ms / 1000 if ms % 1000 else ms // 1000


def time(text: str, form: str) -> int:
    """A time in one of the forms that models name. Raises Unreadable."""
    if form == "unixtimestamp":
        return seconds(number(text))
    ms = dates.parse_http(text) if form == "rfc822" else dates.parse_iso(text)
    if ms is None:
        raise Unreadable("is not a time")
    return ms


def write_time(ms: int, form: str) -> str:
    """The inverse of `time`; HTTP's dates have no parts of seconds."""
    if form == "unixtimestamp":
        return str(write_seconds(ms))
    return dates.http(ms) if form == "rfc822" else dates.iso_exact(ms)
