"""OpenAI's words for faults: `{"error": {"message", "type", "param", "code"}}`.

Source: OpenAI's page on error codes, and the exceptions that its SDKs make of statuses.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sampan.dialects.open.wire import documents, sse
from sampan.dialects.open.wire.words import WORDS, What, Word, retry_headers, said
from sampan.gateway.http import Reply
from sampan.kernel.fault import Fault, Kind

OWN: Mapping[What, Word] = {
    (Kind.ABSENT, "authorization"): Word(
        401,
        "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth "
        "(i.e. Authorization: Bearer YOUR_KEY).",
    ),
    (Kind.TOO_LARGE, "prompt"): Word(
        400,
        "This model's maximum context length is {tokens_max} tokens. However, your request has {tokens} tokens. "
        "Please reduce the length of the messages or of the completion.",
    ),
    (Kind.UNAVAILABLE, "model"): Word(429, "The engine is currently overloaded, please try again later."),
}

_CODES: Mapping[What, str] = {
    (Kind.DENIED, "action"): "insufficient_permissions",
    (Kind.ABSENT, "authorization"): "missing_api_key",
    (Kind.MISSING, "key"): "invalid_api_key",
    (Kind.MISMATCH, "signature"): "invalid_api_key",
    (Kind.INVALID, "authorization"): "invalid_api_key",
    (Kind.INVALID, "token"): "invalid_api_key",
    (Kind.CONFLICT, "key"): "account_deactivated",
    (Kind.EXPIRED, "token"): "expired_api_key",
    (Kind.INVALID, "document"): "invalid_json",
    (Kind.TOO_LARGE, "document"): "request_too_large",
    (Kind.INVALID, "argument"): "invalid_value",
    (Kind.INVALID, "request"): "invalid_value",
    (Kind.UNKNOWN, "operation"): "unknown_url",
    (Kind.NOT_DONE, "operation"): "not_implemented",
    (Kind.MISSING, "model"): "model_not_found",
    (Kind.INVALID, "model"): "model_not_usable",
    (Kind.MISMATCH, "model"): "model_not_supported",
    (Kind.UNAVAILABLE, "model"): "engine_overloaded",
    (Kind.UNAVAILABLE, "answer"): "engine_failed",
    (Kind.TOO_LARGE, "prompt"): "context_length_exceeded",
    (Kind.TOO_MANY, "requests"): "rate_limit_exceeded",
    (Kind.TOO_MANY, "tokens"): "rate_limit_exceeded",
    (Kind.TOO_MANY, "in flight"): "rate_limit_exceeded",
    (Kind.MISSING, "turn"): "not_found",
    (Kind.MISSING, "file"): "not_found",
    (Kind.MISSING, "batch"): "not_found",
    (Kind.INVALID, "file"): "invalid_file",
    (Kind.INTERNAL, "server"): "internal_error",
}

KNOWN = frozenset(WORDS)


def error(fault: Fault) -> dict[str, Any]:
    """The document of a fault."""
    return _document(fault, said(fault, OWN))


def refusal(fault: Fault) -> Reply:
    """The vendor's error reply for a fault."""
    word = said(fault, OWN)
    headers = [("content-type", "application/json"), *retry_headers(fault), *_rate_headers(fault)]
    return Reply(word.status, headers, documents.write(_document(fault, word)))


def last_event(fault: Fault) -> bytes:
    """The end of a stream that a fault has come into: the SDKs raise what it says."""
    return sse.event(documents.write(error(fault))) + sse.event(b"[DONE]")


def _document(fault: Fault, word: Word) -> dict[str, Any]:
    kind = "server_error" if word.status >= 500 else "invalid_request_error"
    what = fault.kind, fault.noun
    if word.status == 429:
        kind = "tokens" if fault.noun == "tokens" else "requests"
    code = _CODES.get(what)
    if what not in WORDS:
        code = _CODES[Kind.INTERNAL, "server"]
    elif fault.facts.get("missing"):
        code = "missing_required_parameter"
    elif fault.facts.get("unsupported"):
        code = "unsupported_parameter"
    param = fault.facts.get("name") or fault.facts.get("field") or ("model" if fault.noun == "model" else None)
    return {"error": {"message": word.text, "type": kind, "param": param, "code": code}}


def _rate_headers(fault: Fault) -> list[tuple[str, str]]:
    """What is known of a quota that was reached, in OpenAI's headers: nothing is left of it, and when there will be."""
    if fault.kind is not Kind.TOO_MANY or fault.noun not in ("requests", "tokens") or "limit" not in fault.facts:
        return []
    found = [
        (f"x-ratelimit-limit-{fault.noun}", str(fault.facts["limit"])),
        (f"x-ratelimit-remaining-{fault.noun}", "0"),
    ]
    seconds = fault.facts.get("retry_after_s")
    if seconds is not None:
        found.append((f"x-ratelimit-reset-{fault.noun}", f"{max(0.0, float(seconds)):.3g}s"))
    return found
