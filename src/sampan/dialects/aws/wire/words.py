"""The words of AWS's services for what can go wrong before the service itself is asked, S3 apart.

Source: "Common errors" of the API references of IAM and STS, for `COMMON`; of DynamoDB and Lambda, for the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sampan.dialects.aws.wire import dates, denials
from sampan.kernel import limits
from sampan.kernel.fault import Fault, Kind


@dataclass(frozen=True, slots=True)
class Word:
    """`text` may name the fault's facts, in braces. `telling`: the fault's own `why` is the better text. `old` is the
    code in the query protocol, where the model does not say it. `details` are members of the error's shape that the
    fault's facts fill, with the names of these."""

    code: str
    status: int
    text: str
    telling: bool = False
    old: str = ""
    details: Mapping[str, str] = field(default_factory=dict)


Words = Mapping[tuple[Kind, str], Word]

INTERNAL = Word("InternalFailure", 500, "The request processing has failed because of an unknown error.")
_MALFORMED = "The request must contain a body that can be read."

COMMON: Words = {
    (Kind.DENIED, "action"): Word("AccessDenied", 403, "The caller is not authorized to perform this action."),
    (Kind.ABSENT, "authorization"): Word("MissingAuthenticationToken", 403, "Request is missing Authentication Token"),
    (Kind.INVALID, "authorization"): Word(
        "IncompleteSignature", 400, "The request signature does not conform to AWS standards.", telling=True
    ),
    (Kind.MISSING, "key"): Word("InvalidClientTokenId", 403, "The security token included in the request is invalid."),
    (Kind.CONFLICT, "key"): Word("InvalidClientTokenId", 403, "The security token included in the request is invalid."),
    (Kind.MISMATCH, "signature"): Word(
        "SignatureDoesNotMatch",
        403,
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access "
        "Key and signing method. Consult the service documentation for details.",
    ),
    (Kind.SKEWED, "clock"): Word("SignatureDoesNotMatch", 403, "Signature expired or not yet current"),
    (Kind.EXPIRED, "request"): Word("RequestExpired", 400, "Request has expired."),
    (Kind.INVALID, "token"): Word(
        "InvalidClientTokenId", 403, "The security token included in the request is invalid."
    ),
    (Kind.EXPIRED, "token"): Word("ExpiredToken", 403, "The security token included in the request is expired"),
    (Kind.INVALID, "region"): Word("SignatureDoesNotMatch", 403, "Credential should be scoped to a valid region."),
    (Kind.ABSENT, "digest"): Word("IncompleteSignature", 400, "A digest of the body is missing."),
    (Kind.INVALID, "digest"): Word("IncompleteSignature", 400, "A digest of the body is not one."),
    (Kind.MISMATCH, "digest"): Word("BadDigest", 400, "The body is not what its digest says."),
    (Kind.MISMATCH, "payload"): Word("SignatureDoesNotMatch", 403, "The body is not what was signed."),
    (Kind.INVALID, "chunk"): Word("MalformedInput", 400, _MALFORMED),
    (Kind.TRUNCATED, "body"): Word("MalformedInput", 400, _MALFORMED),
    (Kind.TOO_LARGE, "document"): Word("RequestEntityTooLarge", 413, "The request is too large."),
    (Kind.INVALID, "document"): Word("MalformedInput", 400, _MALFORMED, telling=True),
    (Kind.TOO_LARGE, "header"): Word("RequestHeaderSectionTooLarge", 400, "The request's headers are too large."),
    (Kind.INVALID, "argument"): Word("ValidationError", 400, "A parameter is invalid.", telling=True),
    (Kind.INVALID, "uri"): Word("ValidationError", 400, "The path or the query is not UTF-8."),
    (Kind.ABSENT, "length"): Word("MissingContentLength", 411, "The request lacks a Content-Length."),
    (Kind.UNKNOWN, "operation"): Word(
        "InvalidAction", 400, "The action or operation requested is invalid.", telling=True
    ),
    (Kind.NOT_DONE, "operation"): Word("NotImplemented", 501, "{operation} is not done by this server yet."),
    (Kind.FULL, "store"): Word("ServiceUnavailable", 503, "There is no space left on the server's disk."),
    (Kind.UNAVAILABLE, "store"): Word("ServiceUnavailable", 503, "The request has failed; try again."),
    (Kind.INTERNAL, "server"): INTERNAL,
}
"""What services in XML say: those of the query protocol, and of rest-xml."""

REST: Words = {
    **COMMON,
    (Kind.DENIED, "action"): Word("AccessDeniedException", 403, COMMON[Kind.DENIED, "action"].text),
    (Kind.ABSENT, "authorization"): Word("MissingAuthenticationTokenException", 403, "Missing Authentication Token"),
    (Kind.INVALID, "authorization"): Word(
        "IncompleteSignatureException", 403, COMMON[Kind.INVALID, "authorization"].text, telling=True
    ),
    **{
        about: Word("UnrecognizedClientException", 403, "The security token included in the request is invalid.")
        for about in ((Kind.MISSING, "key"), (Kind.CONFLICT, "key"), (Kind.INVALID, "token"))
    },
    **{
        about: replace(COMMON[about], code="InvalidSignatureException")
        for about in (
            (Kind.MISMATCH, "signature"),
            (Kind.SKEWED, "clock"),
            (Kind.INVALID, "region"),
            (Kind.MISMATCH, "payload"),
        )
    },
    (Kind.EXPIRED, "token"): replace(COMMON[Kind.EXPIRED, "token"], code="ExpiredTokenException"),
    (Kind.INVALID, "document"): Word("SerializationException", 400, _MALFORMED, telling=True),
    (Kind.INVALID, "chunk"): Word("SerializationException", 400, _MALFORMED),
    (Kind.TRUNCATED, "body"): Word("SerializationException", 400, _MALFORMED),
    (Kind.TOO_LARGE, "document"): replace(COMMON[Kind.TOO_LARGE, "document"], code="RequestEntityTooLargeException"),
    (Kind.INVALID, "argument"): Word("ValidationException", 400, "A parameter is invalid.", telling=True),
    (Kind.INVALID, "uri"): Word("ValidationException", 400, "The path, the query or a header is not UTF-8."),
    (Kind.UNKNOWN, "operation"): Word(
        "UnknownOperationException", 404, "The requested operation is not recognized by the service."
    ),
    (Kind.NOT_DONE, "operation"): replace(COMMON[Kind.NOT_DONE, "operation"], code="NotImplementedException"),
    (Kind.FULL, "store"): replace(COMMON[Kind.FULL, "store"], code="ServiceUnavailableException"),
    (Kind.UNAVAILABLE, "store"): replace(COMMON[Kind.UNAVAILABLE, "store"], code="ServiceUnavailableException"),
    (Kind.INTERNAL, "server"): replace(INTERNAL, code="InternalServerException"),
}
"""What services in JSON and CBOR say for the same."""

JSON: Words = {about: replace(word, status=400) if word.status < 500 else word for about, word in REST.items()}
"""Where an operation is no resource, a caller's mistake is always status 400."""

_OF_OLD = {word.code: COMMON[about].code for about, word in REST.items()}


def query_code(code: str) -> str:
    """What a code of `JSON` was called in the query protocol."""
    return _OF_OLD.get(code, code)


def tell(words: Words, fault: Fault) -> tuple[Word, str]:
    """The word for a fault and the message for a person. A fault that has no word is our mistake, and is called so."""
    word = words.get((fault.kind, fault.noun), words[Kind.INTERNAL, "server"])
    if fault.kind is Kind.SKEWED and "server_time_ms" in fault.facts:
        return word, _skew(str(fault.facts.get("request_time", "")), int(fault.facts["server_time_ms"]))
    if (fault.kind, fault.noun) == (Kind.DENIED, "action") and "denial" in fault.facts:
        return word, denials.sentence(fault.facts["denial"])
    if word.telling and fault.why:
        return word, fault.why
    return word, word.text.format_map(_Facts(fault.facts))


class _Facts(dict[str, object]):
    """Facts that were not given are told as "it"."""

    def __missing__(self, name: str) -> str:
        return "it"


def _skew(given: str, server_ms: int) -> str:
    request_ms = dates.parse_amz(given)
    minutes = limits.CLOCK_SKEW_MS_MAX // 60_000
    now = dates.amz(server_ms)
    if request_ms is not None and request_ms > server_ms:
        edge = dates.amz(server_ms + limits.CLOCK_SKEW_MS_MAX)
        return f"Signature not yet current: {given} is still later than {edge} ({now} + {minutes} min.)"
    edge = dates.amz(server_ms - limits.CLOCK_SKEW_MS_MAX)
    return f"Signature expired: {given[:32]} is now earlier than {edge} ({now} - {minutes} min.)"
