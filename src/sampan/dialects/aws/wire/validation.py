"""Whether parameters are as the service's model wants them, said in AWS's words.

"2 validation errors detected: Value 'a b' at 'userName' failed to satisfy constraint: Member must ...; Value ..."
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sampan.dialects.aws.wire.model import Shape
from sampan.kernel.fault import Fault, Kind

TOLD_MAX = 10  # errors that are told at once
_SHOWN_CHARS_MAX = 256


def validate(shape: Shape | None, params: Mapping[str, Any]) -> None:
    """Raises Fault(INVALID, "argument") that tells all that is wrong, up to `TOLD_MAX`."""
    errors: list[tuple[str, str]] = []
    for error in _errors(shape, params, "") if shape is not None else ():
        errors.append(error)
        if len(errors) == TOLD_MAX:
            break
    if errors:
        plural = "s" if len(errors) > 1 else ""
        told = "; ".join(text for _, text in errors)
        raise Fault(
            Kind.INVALID, "argument", f"{len(errors)} validation error{plural} detected: {told}", name=errors[0][0]
        )


def _errors(shape: Shape, value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Path and text of each error. What may be null, and what may be anything, is as it should be."""
    if value is None or (shape.type == "string" and type(value) is not str):
        return
    wrong = _wrong(shape, value)
    if wrong:
        shown = "***" if shape.secret else str(value)[:_SHOWN_CHARS_MAX]
        yield path, f"Value '{shown}' at '{path}' failed to satisfy constraint: {wrong}"
    if shape.type == "structure":
        for name, member in shape.members.items():
            below = f"{path}.{_camel(name)}" if path else _camel(name)
            if name in value:
                yield from _errors(member.shape, value[name], below)
            elif name in shape.required:
                yield below, f"Value null at '{below}' failed to satisfy constraint: Member must not be null"
    elif shape.type == "list" and shape.item is not None:
        for number, item in enumerate(value, 1):
            yield from _errors(shape.item.shape, item, f"{path}.{number}.member")
    elif shape.type == "map" and shape.value is not None:
        for key, item in value.items():
            yield from _errors(shape.value.shape, item, f"{path}.{key[:_SHOWN_CHARS_MAX]}.member")


def _wrong(shape: Shape, value: Any) -> str:
    """What a single value violates, or ""."""
    if shape.type in ("integer", "long", "float", "double"):
        size, what = value, "have value"
    elif shape.type in ("string", "list", "blob", "map"):
        size, what = len(value), "have length"
    else:
        return ""
    if shape.least is not None and size < shape.least:
        return f"Member must {what} greater than or equal to {shape.least}"
    if shape.most is not None and size > shape.most:
        return f"Member must {what} less than or equal to {shape.most}"
    if shape.choices and value not in shape.choices:
        return f"Member must satisfy enum value set: [{', '.join(shape.choices)}]"
    # Only now: the length is bounded.
    if shape.matches is not None and not shape.matches(value):
        return f"Member must satisfy regular expression pattern: {shape.pattern}"
    return ""


def _camel(name: str) -> str:
    return name[:1].lower() + name[1:]
