"""Model Studio's words for faults: `{"code", "message", "request_id"}`.

Source: Model Studio, "Error messages".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sampan.dialects.open.wire import documents
from sampan.dialects.open.wire.words import WORDS, What, Word, retry_headers, said
from sampan.gateway.http import Reply
from sampan.kernel.fault import Fault, Kind

OWN: Mapping[What, Word] = {
    (Kind.DENIED, "action"): Word(403, "Access denied. Needed: {action}."),
    (Kind.ABSENT, "authorization"): Word(401, "No API-key provided."),
    (Kind.INVALID, "authorization"): Word(401, "Invalid API-key provided."),
    (Kind.MISSING, "key"): Word(401, "Invalid API-key provided."),
    (Kind.CONFLICT, "key"): Word(401, "This API-key is not active."),
    (Kind.EXPIRED, "token"): Word(401, "This API-key has expired."),
    (Kind.MISSING, "model"): Word(404, "Model not exist: {model}."),
    (Kind.UNAVAILABLE, "model"): Word(
        429, "Too many requests, throttled due to system capacity limits, please try again later."
    ),
    (Kind.UNAVAILABLE, "answer"): Word(500, "An internal error has occured during execution, please try again later."),
    (Kind.INTERNAL, "server"): Word(500, "An internal error has occured, please try again later."),
    (Kind.TOO_LARGE, "prompt"): Word(400, "Range of input length should be [1, {tokens_max}]; this one has {tokens}."),
    (Kind.TOO_MANY, "requests"): Word(429, "Requests rate limit exceeded ({limit} a minute), please try again later."),
    (Kind.TOO_MANY, "tokens"): Word(429, "Tokens rate limit exceeded ({limit} a minute), please try again later."),
    (Kind.TOO_MANY, "in flight"): Word(429, "Too many requests at a time (over {limit}), please try again later."),
    (Kind.UNKNOWN, "operation"): Word(404, "Invalid URL provided in your request."),
}

_CODES: Mapping[What, str] = {
    (Kind.DENIED, "action"): "AccessDenied",
    (Kind.MISSING, "model"): "ModelNotFound",
    (Kind.UNAVAILABLE, "model"): "Throttling",
    (Kind.UNAVAILABLE, "answer"): "InternalError.Algo",
    (Kind.TOO_LARGE, "document"): "BadRequest.TooLarge",
    (Kind.TOO_MANY, "requests"): "Throttling.RateQuota",
    (Kind.TOO_MANY, "tokens"): "Throttling.AllocationQuota",
    (Kind.TOO_MANY, "in flight"): "Throttling",
    (Kind.UNKNOWN, "operation"): "InvalidURL",
    (Kind.NOT_DONE, "operation"): "UnsupportedOperation",
    (Kind.CONFLICT, "task"): "UnsupportedOperation",
    (Kind.MISSING, "file"): "NotFound",
    (Kind.MISSING, "task"): "NotFound",
}
_BY_STATUS: Mapping[int, str] = {
    401: "InvalidApiKey", 403: "AccessDenied", 404: "NotFound", 409: "Conflict", 429: "Throttling",
    503: "ServiceUnavailable",
}  # fmt: skip

KNOWN = frozenset(WORDS)


def refusal(fault: Fault, request_id: str) -> Reply:
    """The vendor's error reply for a fault."""
    status, document = told(fault, request_id)
    headers = [("content-type", "application/json"), *retry_headers(fault)]
    return Reply(status, headers, documents.write(document))


def told(fault: Fault, request_id: str) -> tuple[int, dict[str, Any]]:
    """The status and the document of a fault."""
    word = said(fault, OWN)
    what = fault.kind, fault.noun
    code = _CODES.get(what) if what in WORDS else None
    code = code or _BY_STATUS.get(word.status) or ("InternalError" if word.status >= 500 else "InvalidParameter")
    return word.status, {"code": code, "message": word.text, "request_id": name_of(request_id)}


def name_of(request_id: str) -> str:
    """A request's id in the form of a UUID, as Model Studio's are."""
    digits = request_id.lower().ljust(32, "0")
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32]))
