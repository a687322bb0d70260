"""Errors of the OpenAPI gateway: what all products answer alike, and how an error is written.

Sources: "Common error codes" of the vendor's API pages, and what its SDKs look for in an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from sampan.kernel.fault import Fault, Kind

FAULTS: frozenset[tuple[Kind, str]] = frozenset(
    {
        (Kind.ABSENT, "argument"),  # a mandatory parameter is missing; facts: name
        (Kind.INVALID, "timestamp"),  # a time of signing that cannot be read
        (Kind.CONFLICT, "nonce"),  # a nonce that was used before
    }
)
"""What this family raises beside the gateway's own faults."""

_NOT_A_NAME = re.compile(r"[^\w.-]")


class Word(NamedTuple):
    """An error: its code, status and sentence."""

    code: str
    status: int
    text: str


Words = Mapping[tuple[Kind, str], Word | Callable[[Fault], Word]]


def fact(fault: Fault, name: str, default: str = "") -> str:
    """A fact that is to be part of a code: names of parameters and kinds, nothing else."""
    return _NOT_A_NAME.sub("", str(fault.facts.get(name) or default)[:64])


def missing(fault: Fault) -> Word:
    """`MissingUserName` and the like."""
    name = fact(fault, "name", "Parameter")
    return Word(f"Missing{name}", 400, f"{name} is mandatory for this action.")


def invalid(fault: Fault) -> Word:
    """`InvalidParameter.UserName`, or what the fact `code` adds to it (`InvalidParameter.UserName.Length`)."""
    name, more = fact(fault, "name"), fact(fault, "code")
    code = ".".join(part for part in ("InvalidParameter", name, more) if part)
    return Word(code, 400, fault.why or f'The parameter "{name}" is not valid.')


def _mismatch(fault: Fault) -> Word:
    to_sign = str(fault.facts.get("string_to_sign", ""))
    canonical = str(fault.facts.get("canonical_request", ""))
    # The core SDK compares what follows "server string to sign is:" with what it has signed itself.
    text = f"Specified signature is not matched with our calculation. server string to sign is:{to_sign}"
    if canonical:
        text += f" server canonical request is:{canonical}"
    return Word("SignatureDoesNotMatch", 400, text[:8192])


def _undone(fault: Fault) -> Word:
    return Word("NotImplemented", 501, fault.why or "Sampan does not do this yet.")


WORDS: Words = {
    (Kind.DENIED, "action"): Word(
        "Forbidden.RAM",
        403,
        "User not authorized to operate on the specified resource, or this API doesn't support RAM.",
    ),
    (Kind.ABSENT, "authorization"): Word("MissingAccessKeyId", 400, "AccessKeyId is mandatory for this action."),
    (Kind.INVALID, "authorization"): lambda fault: Word(
        "IncompleteSignature", 400, fault.why or "The request signature does not conform to the standards."
    ),
    (Kind.MISSING, "key"): Word("InvalidAccessKeyId.NotFound", 404, "Specified access key is not found."),
    (Kind.CONFLICT, "key"): Word("InvalidAccessKeyId.Inactive", 400, "Specified access key is disabled."),
    (Kind.MISMATCH, "signature"): _mismatch,
    (Kind.SKEWED, "clock"): Word("InvalidTimeStamp.Expired", 400, "Specified time stamp or date value is expired."),
    (Kind.EXPIRED, "request"): Word("InvalidTimeStamp.Expired", 400, "Specified time stamp or date value is expired."),
    (Kind.INVALID, "timestamp"): Word(
        "InvalidTimeStamp.Format", 400, "Specified time stamp or date value is not well formatted."
    ),
    (Kind.CONFLICT, "nonce"): Word("SignatureNonceUsed", 400, "Specified signature nonce was used already."),
    (Kind.INVALID, "token"): Word("InvalidSecurityToken.Malformed", 400, "Specified SecurityToken is malformed."),
    (Kind.EXPIRED, "token"): Word("InvalidSecurityToken.Expired", 400, "Specified SecurityToken is expired."),
    (Kind.INVALID, "region"): Word("InvalidRegionId.NotFound", 404, "The specified region does not exist."),
    (Kind.ABSENT, "digest"): Word("MissingContentMD5", 400, "The digest of the body is mandatory for this action."),
    (Kind.INVALID, "digest"): Word("InvalidContentMD5", 400, "The digest of the body is not valid."),
    (Kind.MISMATCH, "digest"): Word("InvalidContentMD5", 400, "The body is not what its digest says."),
    (Kind.MISMATCH, "payload"): Word("SignatureDoesNotMatch", 400, "The body is not the one that was signed."),
    (Kind.INVALID, "chunk"): Word("InvalidParameter", 400, "The body cannot be read."),
    (Kind.TRUNCATED, "body"): Word("InvalidParameter", 400, "The body ended early."),
    (Kind.TOO_LARGE, "document"): Word("InvalidParameter", 413, "The body is too large."),
    (Kind.INVALID, "document"): Word("InvalidParameter", 400, "The body cannot be read."),
    (Kind.TOO_LARGE, "header"): Word(
        "InvalidParameter", 400, "The headers or the target of the request are too large."
    ),
    (Kind.ABSENT, "argument"): missing,
    (Kind.INVALID, "argument"): invalid,
    (Kind.INVALID, "uri"): Word("InvalidParameter", 400, "The path of the request is not valid."),
    (Kind.ABSENT, "length"): Word("MissingContentLength", 411, "Content-Length is mandatory for this action."),
    (Kind.UNKNOWN, "operation"): Word(
        "InvalidApi.NotFound", 404, "Specified api is not found, please check your url and method."
    ),
    (Kind.NOT_DONE, "operation"): _undone,
    (Kind.FULL, "store"): Word("ServiceUnavailable", 503, "There is no space left to store this."),
    (Kind.UNAVAILABLE, "store"): Word("ServiceUnavailable", 503, "The request has failed due to a temporary failure."),
    (Kind.INTERNAL, "server"): Word(
        "InternalError", 500, "The request processing has failed due to some unknown error."
    ),
}


def word(words: Words, fault: Fault) -> Word:
    """A product's word for a fault; else everybody's; else that of a mistake of ours."""
    what = (fault.kind, fault.noun)
    found = words.get(what) or WORDS.get(what) or WORDS[Kind.INTERNAL, "server"]
    return found if isinstance(found, Word) else found(fault)
