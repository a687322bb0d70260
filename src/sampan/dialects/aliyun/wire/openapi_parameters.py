"""Parameters of OpenAPI operations: a short language that declares them, and what reads them off a request.

A product's table declares the parameters of an operation in one line:

    UserName! MaxItems:int SetAsDefault:bool Filter:json ResourceNames[] Tag[Key! Value] Disk{Size:int}

A name alone is a text; `!` says that it is mandatory. `[]` is a list of texts, `[...]` a list of records, `{...}` a
record. In a query or a form, lists are flat (`Tag.1.Key=a`, `ResourceNames.1=x`) or one JSON text (`Tag=[{"Key":
"a"}]`): clients differ by the version of their SDK, so either is understood wherever a list or a record is declared.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sampan.kernel.fault import Fault, Kind

LIST_MAX = 1000  # items of a list
_TOKEN = re.compile(r"\s*(?:([A-Za-z]\w*)(!?)(?::(int|bool|json))?([\[{]?)|([\]}]))")
_INTEGER = re.compile(r"-?[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Parameter:
    """`kind` is text, int, bool, json, list or record; `members` are those of a list's records, or of a record."""

    name: str
    kind: str
    mandatory: bool
    members: tuple[Parameter, ...] = ()


def declare(text: str) -> tuple[Parameter, ...]:
    """Read a declaration. Raises ValueError, since only a table of ours can be wrong."""
    return tuple(_members(_tokens(text), ""))


def _tokens(text: str) -> Iterator[tuple[str, ...]]:
    end = 0
    text = text.rstrip()
    while end < len(text):
        match = _TOKEN.match(text, end)
        if match is None:
            raise ValueError(f"cannot read a declaration of parameters at {text[end : end + 20]!r}")
        yield match.groups("")
        end = match.end()


def _members(tokens: Iterator[tuple[str, ...]], close: str) -> Iterator[Parameter]:
    for name, mark, kind, bracket, closing in tokens:
        if closing:
            if closing != close:
                raise ValueError(f"{closing} without its opening")
            return
        members = tuple(_members(tokens, "]" if bracket == "[" else "}")) if bracket else ()
        kind = {"[": "list", "{": "record", "": kind or "text"}[bracket]
        yield Parameter(name, kind, mark == "!", members)
    if close:
        raise ValueError(f"{close} is missing")


def read(parameters: tuple[Parameter, ...], values: Mapping[str, Any], where: str = "") -> dict[str, Any]:
    """The declared parameters that are there, each of its kind; what is not declared is ignored, as it is by the
    vendor. `values` are flat texts, or values from a JSON body. Raises ABSENT or INVALID "argument"."""
    found: dict[str, Any] = {}
    for parameter in parameters:
        name = where + parameter.name
        value = _value(parameter, values, name)
        if value is not None:
            found[parameter.name] = value
        elif parameter.mandatory:
            raise Fault(Kind.ABSENT, "argument", name=name)
    return found


def _value(parameter: Parameter, values: Mapping[str, Any], name: str) -> Any:
    raw = values.get(parameter.name)
    match parameter.kind:
        case "list":
            return _list(parameter, raw, values, name)
        case "record":
            return _record(parameter, raw, values, name)
        case "json":
            return _json(raw, name) if isinstance(raw, str) else raw
    # The SDKs send a parameter that was set to "" like any other, and mean by it that there is none.
    return None if raw is None or raw == "" else _scalar(parameter.kind, raw, name)


def _scalar(kind: str, raw: Any, name: str) -> Any:
    match kind:
        case "int" if isinstance(raw, str) and _INTEGER.fullmatch(raw):
            return int(raw)
        case "int" if isinstance(raw, int) and not isinstance(raw, bool):
            return raw
        case "bool" if isinstance(raw, bool):
            return raw
        case "bool" if isinstance(raw, str) and raw.lower() in ("true", "false"):
            return raw.lower() == "true"
        case "text" if isinstance(raw, str) and _utf8(raw):
            return raw
    raise Fault(Kind.INVALID, "argument", f"{name} is not of the type {kind}.", name=name, value=str(raw)[:64])


def _utf8(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text)


def _list(parameter: Parameter, raw: Any, values: Mapping[str, Any], name: str) -> list[Any] | None:
    items = _json(raw, name) if isinstance(raw, str) and raw else raw
    if not items:
        items = _flat_items(values, parameter.name + ".")
    if not items:
        return None
    if not isinstance(items, list) or len(items) > LIST_MAX:
        raise Fault(Kind.INVALID, "argument", f"{name} is not a list, or too long.", name=name, value="")
    return [_item(parameter, item, f"{name}.{number}") for number, item in enumerate(items, 1)]


def _item(parameter: Parameter, item: Any, name: str) -> Any:
    if not parameter.members:
        return _scalar("text", item.get("", item) if isinstance(item, dict) else item, name)
    if not isinstance(item, dict):
        raise Fault(Kind.INVALID, "argument", f"{name} is not a record.", name=name, value=str(item)[:64])
    return read(parameter.members, item, name + ".")


def _flat_items(values: Mapping[str, Any], prefix: str) -> list[dict[str, Any]]:
    """`Tag.1.Key=a`, `Tag.2.Key=b` as records, in the order of their numbers; a list of texts has them under ""."""
    found: dict[int, dict[str, Any]] = {}
    for name, value in values.items():
        if name.startswith(prefix):
            number, _, rest = name[len(prefix) :].partition(".")
            if number.isascii() and number.isdecimal() and len(number) <= 4:
                found.setdefault(int(number), {})[rest] = value
    return [found[number] for number in sorted(found)]


def _record(parameter: Parameter, raw: Any, values: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    record = _json(raw, name) if isinstance(raw, str) and raw else raw
    if not record:
        prefix = parameter.name + "."
        record = {key[len(prefix) :]: value for key, value in values.items() if key.startswith(prefix)}
    if not record:
        return None
    if not isinstance(record, dict):
        raise Fault(Kind.INVALID, "argument", f"{name} is not a record.", name=name, value=str(raw)[:64])
    return read(parameter.members, record, name + ".")


def _json(raw: str, name: str) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        raise Fault(Kind.INVALID, "argument", f"{name} is not JSON.", name=name, value=raw[:64]) from None
