"""What every protocol of AWS does, each in its own way: read a request by a model, write a result or an error by it.

Parameters and results are plain: structures and maps are dicts, lists are lists, times are milliseconds since 1970,
blobs are bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from sampan.dialects.aws.wire.model import OperationModel
from sampan.gateway.http import Reply, Request


class WireProtocol(Protocol):
    """One protocol, spoken for one service."""

    def read(self, request: Request, body: bytes) -> tuple[OperationModel, dict[str, Any]]:
        """The operation that is asked for and its parameters, not yet validated.

        Raises Fault(UNKNOWN, "operation") or Fault(INVALID, "argument").
        """
        ...

    def write(self, operation: OperationModel, result: Mapping[str, Any], request_id: str) -> Reply:
        """The reply of an operation that was done."""
        ...

    def refuse(self, code: str, status: int, message: str, request_id: str) -> Reply:
        """The reply that tells an error."""
        ...
