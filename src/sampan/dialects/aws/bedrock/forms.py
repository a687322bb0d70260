"""JSON that Bedrock passes on to a model: read by types, refused with Bedrock's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from sampan.dialects.aws.wire.json_format import decode
from sampan.kernel.fault import Fault, Kind

Count = Annotated[int, Meta(ge=1, le=(1 << 31) - 1)]
Natural = Annotated[int, Meta(ge=0, le=(1 << 31) - 1)]
Share = Annotated[float, Meta(ge=0, le=1)]
Name = Annotated[str, Meta(min_length=1, max_length=128)]
STOPS_MAX = 2500  # Converse's limit
MESSAGES_MAX = 100_000
Stops = Annotated[tuple[str, ...], Meta(max_length=STOPS_MAX)]


class Form(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What a body says. A field that is not known is refused: to pass it over would change the answer."""


F = TypeVar("F", bound=Form)


def convert(fields: Mapping[str, Any], kind: type[F]) -> F:
    """A body's fields as what they should be. Raises Fault(INVALID, "argument")."""
    try:
        return msgspec.convert(fields, kind)
    except msgspec.ValidationError as error:
        raise malformed(str(error)) from None


def tree(body: bytes) -> dict[str, Any]:
    """A body as a JSON object. Raises Fault(INVALID, "argument")."""
    try:
        found = decode(body)
    except Fault as fault:
        raise malformed(fault.why) from None
    if not isinstance(found, dict):
        raise malformed("expected type: JSONObject")
    return found


def malformed(why: str) -> Fault:
    """The fault of a body that a model cannot be asked with."""
    return Fault(
        Kind.INVALID,
        "argument",
        f"Malformed input request: {why}, please reformat your input and try again.",
        name="body",
    )
