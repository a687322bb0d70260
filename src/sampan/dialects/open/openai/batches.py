"""Batches: many requests as the lines of a file."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Literal

import msgspec
from msgspec import Raw

from sampan.dialects.open.openai import chat, completions, embeddings, response_parts, responses, words
from sampan.dialects.open.openai.exchange import OpenAiExchange
from sampan.dialects.open.openai.limits import NOTHING, Metadata, Name, invalid
from sampan.dialects.open.openai.queries import natural
from sampan.dialects.open.openai.replies import listed, operation
from sampan.dialects.open.wire import documents
from sampan.dialects.open.wire.words import said
from sampan.kernel.command import Command
from sampan.kernel.fault import Fault, Kind
from sampan.services.inference.model import (
    Batch,
    BatchState,
    CancelBatch,
    CreateBatch,
    Embed,
    Generate,
    GetBatch,
    ListBatches,
)

DOOR = "open/openai"
PREFIX = "batch_"
PAGE_MAX = 100
HOURS_MIN, HOURS_MAX = 1, 336  # OpenAI takes "24h" alone, Model Studio up to two weeks

# What a batch's lines may ask for: how a command is made of a body, and a document of its result.
ENDPOINTS: dict[str, tuple[Callable[[bytes], Command], Callable[[Any, Any], Any]]] = {
    "/v1/chat/completions": (lambda body: chat.command(body, stream=False), chat.result),
    "/v1/completions": (lambda body: completions.command(body, stream=False), completions.result),
    "/v1/embeddings": (embeddings.command, embeddings.result),
    "/v1/responses": (lambda body: responses.command(body, stream=False), responses.result),
}
_RESULTS: dict[str, Callable[[Any, Any], Any]] = {
    chat.PREFIX: chat.result, completions.PREFIX: completions.result, response_parts.PREFIX: responses.result,
}  # fmt: skip

_WINDOW = re.compile(r"([0-9]{1,4})([hd])")
_STATES = {
    BatchState.CHECKING: "validating",
    BatchState.FAILED: "failed",
    BatchState.RUNNING: "in_progress",
    BatchState.FINISHING: "finalizing",
    BatchState.DONE: "completed",
    BatchState.EXPIRED: "expired",
    BatchState.CANCELLING: "cancelling",
    BatchState.CANCELLED: "cancelled",
}
_ENDED = {
    BatchState.FAILED: "failed_at",
    BatchState.DONE: "completed_at",
    BatchState.EXPIRED: "expired_at",
    BatchState.CANCELLED: "cancelled_at",
}


class BatchForm(msgspec.Struct, kw_only=True):
    """The fields."""

    input_file_id: Name
    endpoint: Literal["/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses"]
    completion_window: str
    metadata: Metadata | None = None


class LineForm(msgspec.Struct, kw_only=True):
    """A line of a batch's file."""

    custom_id: Name
    method: Literal["POST"]
    url: str
    body: Raw = NOTHING


_FORM = msgspec.json.Decoder(BatchForm)
_LINE = msgspec.json.Decoder(LineForm)


# --- the operations ---------------------------------------------------------------------------------------------------


def shown(batch: Batch) -> dict[str, Any]:
    """A batch."""
    times: dict[str, int | None] = {
        f"{name}_at": None
        for name in ("in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled")
    }
    if batch.started_ms is not None:
        times["in_progress_at"] = batch.started_ms // 1000
    if batch.ended_ms is not None and batch.state in _ENDED:
        times[_ENDED[batch.state]] = batch.ended_ms // 1000
    errors = [{"code": "invalid_file", "message": why, "param": None, "line": None} for why in batch.errors]
    return {
        "id": batch.id,
        "object": "batch",
        "endpoint": batch.endpoint,
        "errors": {"object": "list", "data": errors} if errors else None,
        "input_file_id": batch.input_file,
        "completion_window": f"{batch.window_s // 3600}h",
        "status": _STATES[batch.state],
        "output_file_id": batch.output_file or None,
        "error_file_id": batch.error_file or None,
        "created_at": batch.created_ms // 1000,
        "expires_at": batch.expires_ms // 1000,
        "request_counts": {"total": batch.total, "completed": batch.done, "failed": batch.failed},
        "metadata": dict(batch.metadata) or None,
    } | times


def _create(x: OpenAiExchange, document: bytes) -> Command:
    form = documents.read(document, _FORM)
    return CreateBatch(
        door=DOOR,
        endpoint=form.endpoint,
        input_file=form.input_file_id,
        window_s=_window(form.completion_window),
        metadata=form.metadata or {},
        prefix=PREFIX,
    )


def _window(sent: str) -> int:
    found = _WINDOW.fullmatch(sent)
    hours = 0 if found is None else int(found[1]) * (24 if found[2] == "d" else 1)
    if not HOURS_MIN <= hours <= HOURS_MAX:
        raise invalid("completion_window", f"The window must lie between {HOURS_MIN}h and {HOURS_MAX}h, as in '24h'.")
    return hours * 3600


def _list(x: OpenAiExchange, document: bytes) -> Command:
    # One more than is shown tells whether there are more.
    return ListBatches(after=x.request.param("after") or "", limit=natural(x.request, "limit", 20, PAGE_MAX) + 1)


def _page(asked: ListBatches, found: tuple[Batch, ...]) -> dict[str, Any]:
    rows = [shown(batch) for batch in found[: asked.limit - 1]]
    return listed(rows, len(found) > len(rows))


CREATE = operation("createBatch", _create, lambda _, batch: shown(batch), document=True)
LIST = operation("listBatches", _list, _page)
GET = operation("retrieveBatch", lambda x, _: GetBatch(batch=x.params["batch_id"]), lambda _, batch: shown(batch))
CANCEL = operation("cancelBatch", lambda x, _: CancelBatch(batch=x.params["batch_id"]), lambda _, batch: shown(batch))


# --- the lines --------------------------------------------------------------------------------------------------------


class OpenAiDoor:
    """What a batch's lines ask for, and what becomes of them: see `services.inference.doors`."""

    def name(self, line: bytes) -> str:
        """Its `custom_id`. Raises Fault(INVALID, "file")."""
        try:
            return documents.read(line, _LINE).custom_id
        except Fault as fault:
            raise Fault(Kind.INVALID, "file", fault.why) from None

    def command(self, endpoint: str, line: bytes) -> Command:
        """Raises Fault for a line that asks for something else, or for what cannot be asked."""
        form = documents.read(line, _LINE)
        if form.url != endpoint:
            raise invalid("url", f"The line's url must be that of its batch, {endpoint}.")
        make, _ = ENDPOINTS[endpoint]
        return make(bytes(form.body) or b"{}")

    def result(self, command: Command, value: Any) -> bytes:
        """The body of a reply."""
        if isinstance(command, Generate):
            return documents.write(_RESULTS[command.prefix](command, value))
        assert isinstance(command, Embed)
        return documents.write(embeddings.result(command, value))

    def refusal(self, fault: Fault) -> bytes:
        """The body of an error."""
        return documents.write(words.error(fault))

    def entry(self, entry_id: str, line: bytes, document: bytes, fault: Fault | None) -> bytes:
        """A line of the output, or of the errors."""
        try:
            custom_id = documents.read(line, _LINE).custom_id
        except Fault:
            custom_id = ""
        return documents.write(
            {
                "id": f"batch_req_{entry_id}",
                "custom_id": custom_id,
                "response": {
                    "status_code": 200 if fault is None else said(fault, words.OWN).status,
                    "request_id": f"req_{entry_id}",
                    "body": Raw(document),
                },
                "error": None,
            }
        )
