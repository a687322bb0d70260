"""JSON documents: read into typed values, bounded, with the place of whatever is wrong."""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec

from sampan.kernel.fault import Fault, Kind

T = TypeVar("T")

DEPTH_MAX = 64  # of arrays and objects inside each other, where a document's form is the caller's: a schema

_PLACE = re.compile(r"(?P<why>.*?)(?: - at `(?P<key>key in )?\$(?P<where>[^`]*)`)?", re.DOTALL)
_LACKS = re.compile(r"Object missing required field `(?P<field>[^`]*)`")


def read(document: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """The value of a JSON document.

    Raises Fault(INVALID, "document") for what is no JSON, and Fault(INVALID, "argument"; facts: name, missing) for a
    field that is not what it has to be, or is `missing`. A name is a path: "messages[0].content".
    """
    try:
        return decoder.decode(document)
    except msgspec.ValidationError as error:
        raise _fault(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Fault(Kind.INVALID, "document", f"the body is not valid JSON: {error}") from None
    except RecursionError:
        raise Fault(Kind.INVALID, "document", "the body is nested too deeply") from None


def anything(raw: msgspec.Raw | bytes, name: str) -> Any:
    """The value of a part of a document whose form is the caller's own, at most `DEPTH_MAX` deep.

    Raises Fault(INVALID, "argument"; facts: name).
    """
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Fault(Kind.INVALID, "argument", f"'{name}' cannot be read.", name=name) from None
    level = [value]
    for _ in range(DEPTH_MAX):
        level = [below for one in level for below in _below(one)]
        if not level:
            return value
    raise Fault(Kind.INVALID, "argument", f"'{name}' is nested more than {DEPTH_MAX} deep.", name=name)


def mapping(raw: msgspec.Raw | bytes, name: str) -> dict[str, Any]:
    """An object whose form is the caller's own, as `anything`."""
    value = anything(raw, name)
    if not isinstance(value, dict):
        raise Fault(Kind.INVALID, "argument", f"'{name}' must be an object.", name=name)
    return value


def write(value: Any) -> bytes:
    """A value as JSON."""
    return msgspec.json.encode(value)


def _below(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _fault(text: str) -> Fault:
    """msgspec's sentence ("Expected `str`, got `int` - at `$.model`") as a fault."""
    found = _PLACE.fullmatch(text)
    assert found is not None, text
    where, why = (found["where"] or "").lstrip("."), found["why"]
    lacks = _LACKS.fullmatch(why)
    if lacks is not None:
        name = f"{where}.{lacks['field']}".lstrip(".")
        return Fault(Kind.INVALID, "argument", f"Missing required parameter: '{name}'.", name=name, missing=True)
    why = why[:1].lower() + why[1:].replace("`", "")
    return Fault(Kind.INVALID, "argument", f"Invalid value for '{where or 'body'}': {why}.", name=where)
