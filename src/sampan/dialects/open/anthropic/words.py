"""Anthropic's words for faults: `{"type": "error", "error": {"type", "message"}, "request_id"}`.

Source: Anthropic's page on errors, and the exceptions that its SDKs make of statuses.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sampan.dialects.open.wire import documents, sse
from sampan.dialects.open.wire.words import WORDS, What, Word, retry_headers, said
from sampan.gateway.http import Reply
from sampan.kernel.fault import Fault, Kind

OVERLOADED = 529

OWN: Mapping[What, Word] = {
    (Kind.ABSENT, "authorization"): Word(401, "x-api-key header is required"),
    (Kind.INVALID, "authorization"): Word(401, "invalid x-api-key"),
    (Kind.MISSING, "key"): Word(401, "invalid x-api-key"),
    (Kind.MISMATCH, "signature"): Word(401, "invalid x-api-key"),
    (Kind.INVALID, "token"): Word(401, "invalid x-api-key"),
    (Kind.TOO_LARGE, "document"): Word(413, "Request exceeds the maximum size", explained=True),
    (Kind.UNKNOWN, "operation"): Word(404, "Not Found"),
    (Kind.MISSING, "model"): Word(404, "model: {model}"),
    (Kind.TOO_LARGE, "prompt"): Word(400, "prompt is too long: {tokens} tokens > {tokens_max} maximum"),
    (Kind.UNAVAILABLE, "model"): Word(OVERLOADED, "Overloaded"),
    (Kind.TOO_MANY, "requests"): Word(
        429, "This request would exceed your account's rate limit of {limit} requests per minute."
    ),
    (Kind.TOO_MANY, "tokens"): Word(
        429, "This request would exceed your account's rate limit of {limit} tokens per minute."
    ),
    (Kind.TOO_MANY, "in flight"): Word(
        429, "Number of concurrent requests has exceeded your account's limit of {limit}."
    ),
}

_TYPES: Mapping[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    OVERLOADED: "overloaded_error",
}

KNOWN = frozenset(WORDS)


def refusal(fault: Fault, request_id: str) -> Reply:
    """The vendor's error reply for a fault."""
    word = said(fault, OWN)
    headers = [("content-type", "application/json"), *retry_headers(fault)]
    return Reply(word.status, headers, documents.write(_document(word) | {"request_id": name_of(request_id)}))


def last_event(fault: Fault) -> bytes:
    """The end of a stream that a fault has come into."""
    return sse.event(documents.write(_document(said(fault, OWN))), "error")


def name_of(request_id: str) -> str:
    """A request's id as Anthropic's look."""
    return f"req_{request_id}"


def _document(word: Word) -> dict[str, Any]:
    kind = _TYPES.get(word.status, "invalid_request_error" if word.status < 500 else "api_error")
    return {"type": "error", "error": {"type": kind, "message": word.text}}
