"""What the open dialects say of a fault before each puts it into its own form: an HTTP status and a sentence.

Their vendors agree on the statuses, and publish no list of sentences. A sentence may name facts of its fault, as in
"{model}".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from sampan.kernel.fault import Fault, Kind

What = tuple[Kind, str]


class Word(NamedTuple):
    """A status and a sentence; `explained`: the fault's own sentence is better, where it brings one."""

    status: int
    text: str
    explained: bool = False


WORDS: Mapping[What, Word] = {
    # the gateway's and the wire's
    (Kind.DENIED, "action"): Word(403, "You have insufficient permissions for this operation. Needed: {action}."),
    (Kind.ABSENT, "authorization"): Word(401, "You didn't provide an API key."),
    (Kind.INVALID, "authorization"): Word(401, "The Authorization header cannot be read: send 'Bearer' and a key."),
    (Kind.MISSING, "key"): Word(401, "Incorrect API key provided."),
    (Kind.CONFLICT, "key"): Word(401, "This API key is not active."),
    (Kind.MISMATCH, "signature"): Word(401, "Incorrect API key provided."),
    (Kind.SKEWED, "clock"): Word(401, "The request's time is too far from the server's."),
    (Kind.EXPIRED, "request"): Word(401, "The request has expired."),
    (Kind.INVALID, "token"): Word(401, "Incorrect API key provided."),
    (Kind.EXPIRED, "token"): Word(401, "This API key has expired."),
    (Kind.INVALID, "region"): Word(400, "The request names a region that this server does not have."),
    (Kind.ABSENT, "digest"): Word(400, "A digest of the body is missing."),
    (Kind.INVALID, "digest"): Word(400, "A digest of the body cannot be read."),
    (Kind.MISMATCH, "digest"): Word(400, "The body is not what its digest says."),
    (Kind.MISMATCH, "payload"): Word(400, "The body is not what was signed."),
    (Kind.INVALID, "chunk"): Word(400, "The body's chunks cannot be read."),
    (Kind.TRUNCATED, "body"): Word(400, "The body ended before it was complete."),
    (Kind.TOO_LARGE, "document"): Word(413, "The request's body is too large.", explained=True),
    (Kind.INVALID, "document"): Word(400, "The request's body cannot be read.", explained=True),
    (Kind.TOO_LARGE, "header"): Word(431, "The headers or the address of the request are too large."),
    (Kind.INVALID, "argument"): Word(400, "A parameter is not valid.", explained=True),
    (Kind.INVALID, "uri"): Word(400, "The request's address is not valid."),
    (Kind.ABSENT, "length"): Word(411, "The request must say how long its body is."),
    (Kind.UNKNOWN, "operation"): Word(404, "Unknown request URL. Please check the URL for typos.", explained=True),
    (Kind.NOT_DONE, "operation"): Word(501, "This is not done by Sampan yet.", explained=True),
    (Kind.FULL, "store"): Word(507, "There is no space left to store this."),
    (Kind.UNAVAILABLE, "store"): Word(503, "The server cannot store this now. Please try again later."),
    (Kind.INTERNAL, "server"): Word(500, "The server had an error while processing your request."),
    # models
    (Kind.MISSING, "model"): Word(404, "The model '{model}' does not exist or you do not have access to it."),
    (Kind.INVALID, "model"): Word(400, "The model '{model}' cannot be used.", explained=True),
    (Kind.CONFLICT, "model"): Word(409, "The model cannot be changed.", explained=True),
    (Kind.EXISTS, "model"): Word(409, "There is a model of this name already."),
    (Kind.MISMATCH, "model"): Word(400, "The model '{model}' is not for this operation.", explained=True),
    (Kind.UNAVAILABLE, "model"): Word(429, "The model is overloaded or not ready yet. Please try again later."),
    (Kind.UNAVAILABLE, "answer"): Word(503, "The model stopped in the middle of its answer. Please try again."),
    (Kind.INVALID, "request"): Word(400, "The model cannot be asked this.", explained=True),
    (Kind.TOO_LARGE, "prompt"): Word(400, "The prompt has {tokens} tokens; the model takes {tokens_max}."),
    (Kind.TOO_MANY, "requests"): Word(429, "Rate limit reached: {limit} requests per minute."),
    (Kind.TOO_MANY, "tokens"): Word(429, "Rate limit reached: {limit} tokens per minute."),
    (Kind.TOO_MANY, "in flight"): Word(429, "Rate limit reached: {limit} requests at a time."),
    # what is kept
    (Kind.MISSING, "turn"): Word(404, "There is no such response."),
    (Kind.MISSING, "file"): Word(404, "There is no such file."),
    (Kind.INVALID, "file"): Word(400, "The file is not valid.", explained=True),
    (Kind.TOO_LARGE, "file"): Word(413, "The file is too large."),
    (Kind.MISSING, "batch"): Word(404, "There is no such batch."),
    (Kind.CONFLICT, "batch"): Word(409, "The batch has ended."),
    (Kind.MISSING, "task"): Word(404, "There is no such task."),
    (Kind.CONFLICT, "task"): Word(409, "The task has begun."),
    (Kind.MISSING, "alias"): Word(404, "There is no such alias."),
    (Kind.EXISTS, "alias"): Word(409, "There is an alias of this name already."),
}
_IN_VAIN = frozenset({Kind.NOT_DONE, Kind.CONFLICT, Kind.EXISTS, Kind.FULL})
_MISTAKE = Kind.INTERNAL, "server"


def said(fault: Fault, own: Mapping[What, Word]) -> Word:
    """The status and the whole sentence for a fault. `own` are the dialect's words, which go before the shared ones.

    A fault that has no words is our mistake, and its own sentence is for the log alone.
    """
    what = fault.kind, fault.noun
    word = own.get(what) or WORDS.get(what) or own.get(_MISTAKE) or WORDS[_MISTAKE]
    if word.explained and fault.why:
        return word._replace(text=fault.why)
    return word._replace(text=word.text.format_map(defaultdict(lambda: "?", fault.facts)))


def retry_headers(fault: Fault) -> list[tuple[str, str]]:
    """Retry-After (RFC 9110, 10.2.3), in whole seconds rounded up, where the fault knows.

    The vendors' SDKs try again by themselves after 409 and 5xx, unless `x-should-retry` tells them that it is in vain.
    """
    if fault.kind in _IN_VAIN:
        return [("x-should-retry", "false")]
    seconds = fault.facts.get("retry_after_s")
    return [] if seconds is None else [("retry-after", str(max(1, -int(-float(seconds) // 1))))]
