"""What every protocol of AWS does, each in its own way: read a request by a model, write a result or an error by it.

Parameters and results are plain: structures and maps are dicts, lists are lists, times are milliseconds since 1970,
blobs are bytes. A stream of events, which is one member of a result, is an async iterator of dicts with one key each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from sampan.dialects.aws.wire.model import Error, OperationModel, Shape
from sampan.dialects.aws.wire.words import Words
from sampan.gateway.http import Reply, Request


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error, as it is told. `code` is the name of one of the model's errors, or of one that all services have, and
    `old` what the query protocol calls it if the model does not say; `details` are values of that error's shape beside
    its message."""

    code: str
    status: int
    message: str
    old: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


def said(error: Error | None, refusal: Refusal) -> dict[str, Any]:
    """The values of an error's shape: the message, by its name there if it has one, and what else is told."""
    names = error.shape.members if error is not None else ()
    return {**{name: refusal.message for name in names if name.lower() == "message"}, **refusal.details}


class Format(Protocol):
    """How a structure lies in a body: JSON, CBOR, XML. `content` is its media type."""

    @property
    def content(self) -> str: ...

    def parse(self, shape: Shape, body: bytes) -> dict[str, Any]:
        """The values of a structure, from a body; an empty body has none. Raises Fault(INVALID, "document")."""
        ...

    def compose(self, shape: Shape, values: Mapping[str, Any], root: str = "", namespace: str = "") -> bytes:
        """The body of a structure. `root` and `namespace` are XML's."""
        ...


class WireProtocol(Protocol):
    """One protocol, spoken for one service."""

    @property
    def words(self) -> Words:
        """The words for what can go wrong before the service is asked: they differ from protocol to protocol."""
        ...

    def spoken(self, request: Request) -> bool:
        """Whether a request for the service is in this protocol, by what can be seen without its body."""
        ...

    def read(self, request: Request, body: bytes) -> tuple[OperationModel, dict[str, Any]]:
        """The operation that is asked for and its parameters, not yet validated.

        Raises Fault(UNKNOWN, "operation"), Fault(INVALID, "argument") or Fault(INVALID, "document").
        """
        ...

    def write(self, operation: OperationModel, result: Mapping[str, Any], request_id: str) -> Reply:
        """The reply of an operation that was done."""
        ...

    def refuse(self, refusal: Refusal, request_id: str) -> Reply:
        """The reply that tells an error."""
        ...
