"""OSS's words for faults: code, status, text and, where the vendor's pages name it, EC.

Sources: the vendor's pages on HTTP status codes and on single ECs, and the exceptions that its SDKs know. An EC is
left out where neither says which it is.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import NamedTuple

from sampan.dialects.aliyun.wire.dates import http_date, iso_date
from sampan.dialects.aliyun.wire.oss_claim import encode
from sampan.gateway.http import Reply, Request
from sampan.gateway.xml import escape
from sampan.kernel import limits
from sampan.kernel.fault import Fault, Kind

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
_VALUE_CHARS_MAX = 8192  # of one value in an error: a string to sign may be long, and an argument is the caller's


class Word(NamedTuple):
    """An error of OSS: its code, status and sentence, and its EC where the vendor's pages name one."""

    code: str
    status: int
    text: str
    ec: str = ""


_SIGNATURE = (
    "The request signature we calculated does not match the signature you provided. Check your key and signing method."
)
_TAKEN = (
    "The requested bucket name is not available. The bucket namespace is shared by all users of the system. "
    "Please select a different name and try again."
)
_NO_UPLOAD = (
    "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or "
    "completed."
)
_BAD_PART = (
    "One or more of the specified parts could not be found or the specified entity tag might not have matched the "
    "part's entity tag."
)

WORDS: dict[tuple[Kind, str], Word] = {
    # the gateway's and the wire's
    (Kind.DENIED, "action"): Word(
        "AccessDenied", 403, "You have no right to access this object because of bucket acl.", "0003-00000001"
    ),
    (Kind.ABSENT, "authorization"): Word(
        "AccessDenied", 403, "Anonymous user has no right to access this bucket.", "0003-00000001"
    ),
    (Kind.INVALID, "authorization"): Word("InvalidArgument", 400, "Authorization header is invalid.", "0002-00000002"),
    (Kind.MISSING, "key"): Word(
        "InvalidAccessKeyId", 403, "The OSS Access Key Id you provided does not exist in our records.", "0002-00000902"
    ),
    (Kind.CONFLICT, "key"): Word("InvalidAccessKeyId", 403, "The OSS Access Key Id you provided is disabled."),
    (Kind.MISMATCH, "signature"): Word("SignatureDoesNotMatch", 403, _SIGNATURE, "0002-00000040"),
    (Kind.SKEWED, "clock"): Word(
        "RequestTimeTooSkewed",
        403,
        "The difference between the request time and the current time is too large.",
        "0002-00000504",
    ),
    (Kind.EXPIRED, "request"): Word("AccessDenied", 403, "Request has expired.", "0002-00000069"),
    (Kind.INVALID, "token"): Word(
        "InvalidSecurityToken", 403, "The security token you provided is invalid.", "0002-00000006"
    ),
    (Kind.EXPIRED, "token"): Word(
        "SecurityTokenExpired", 403, "The security token you provided has expired.", "0002-00000007"
    ),
    (Kind.INVALID, "region"): Word(
        "InvalidArgument", 400, "Invalid signing region in Authorization header.", "0002-00000226"
    ),
    (Kind.ABSENT, "digest"): Word("MissingArgument", 400, "Missing Some Required Arguments.", "0016-00000606"),
    (Kind.INVALID, "digest"): Word("InvalidDigest", 400, "The Content-MD5 you specified was invalid."),
    (Kind.MISMATCH, "digest"): Word("InvalidDigest", 400, "The digest you specified did not match what we received."),
    (Kind.MISMATCH, "payload"): Word(
        "InvalidDigest", 400, "The x-oss-content-sha256 you specified did not match what we received."
    ),
    (Kind.INVALID, "chunk"): Word("InvalidRequest", 400, "The chunked body cannot be read."),
    (Kind.TRUNCATED, "body"): Word(
        "IncompleteBody", 400, "You did not provide the number of bytes specified by the Content-Length HTTP header."
    ),
    (Kind.TOO_LARGE, "document"): Word("EntityTooLarge", 400, "The document you sent is too large."),
    (Kind.INVALID, "document"): Word(
        "MalformedXML",
        400,
        "The XML you provided was not well-formed or did not validate against our published schema.",
    ),
    (Kind.TOO_LARGE, "header"): Word("InvalidRequest", 400, "The headers or the target of the request are too large."),
    (Kind.INVALID, "argument"): Word("InvalidArgument", 400, "The argument is invalid."),
    (Kind.INVALID, "uri"): Word("InvalidObjectName", 400, "The specified object is not valid."),
    (Kind.ABSENT, "length"): Word("MissingContentLength", 411, "You must provide the Content-Length HTTP header."),
    (Kind.UNKNOWN, "operation"): Word(
        "MethodNotAllowed", 405, "The specified method is not allowed against this resource."
    ),
    (Kind.NOT_DONE, "operation"): Word(
        "NotImplemented", 400, "A header you provided implies functionality that is not implemented."
    ),
    (Kind.FULL, "store"): Word("ServiceUnavailable", 503, "There is no space left to store this."),
    (Kind.UNAVAILABLE, "store"): Word("ServiceUnavailable", 503, "Please try again later."),
    (Kind.INTERNAL, "server"): Word("InternalError", 500, "We encountered an internal error. Please try again."),
    # buckets
    (Kind.MISSING, "bucket"): Word("NoSuchBucket", 404, "The specified bucket does not exist.", "0015-00000101"),
    (Kind.EXISTS, "bucket"): Word("BucketAlreadyExists", 409, _TAKEN, "0015-00000104"),
    (Kind.INVALID, "bucket name"): Word("InvalidBucketName", 400, "The specified bucket is not valid."),
    (Kind.CONFLICT, "bucket"): Word("BucketNotEmpty", 409, "The bucket has objects. Please delete them first."),
    (Kind.TOO_MANY, "bucket"): Word("TooManyBuckets", 400, "You have attempted to create more buckets than allowed."),
    (Kind.MISSING, "bucket tags"): Word("NoSuchTagSet", 404, "The bucket has no tags."),
    (Kind.MISSING, "public access block"): Word(
        "NoSuchPublicAccessBlockConfiguration", 404, "The public access block configuration was not found."
    ),
    (Kind.MISSING, "ownership controls"): Word("NoSuchOwnershipControls", 404, "There are no ownership controls."),
    (Kind.DENIED, "public access"): Word(
        "AccessDenied", 403, "Put public acl or policy is not allowed: public access is blocked."
    ),
    (Kind.CONFLICT, "acl"): Word("AccessDenied", 403, "The owner of this bucket has switched its acls off."),
    (Kind.MISSING, "bucket policy"): Word("NoSuchBucketPolicy", 404, "The bucket policy does not exist."),
    (Kind.INVALID, "policy document"): Word("InvalidPolicyDocument", 400, "The policy document is not valid."),
    (Kind.TOO_LARGE, "policy document"): Word("InvalidPolicyDocument", 400, "The policy document is too large."),
    (Kind.INVALID, "tags"): Word("InvalidTag", 400, "The tag provided was not a valid tag."),
    (Kind.TOO_MANY, "tags"): Word("InvalidTag", 400, "There are more tags than allowed."),
    # objects
    (Kind.MISSING, "object"): Word("NoSuchKey", 404, "The specified key does not exist.", "0026-00000001"),
    (Kind.MISSING, "version"): Word("NoSuchVersion", 404, "The specified version does not exist."),
    (Kind.INVALID, "version"): Word("InvalidArgument", 400, "Invalid version id specified."),
    (Kind.CONFLICT, "delete marker"): Word(
        "MethodNotAllowed", 405, "The specified method is not allowed against this resource."
    ),
    (Kind.EXISTS, "object"): Word(
        "FileAlreadyExists", 409, "The object you specified already exists and can not be overwritten."
    ),
    (Kind.INVALID, "key"): Word("InvalidObjectName", 400, "The specified object is not valid."),
    (Kind.TOO_LARGE, "key"): Word("InvalidObjectName", 400, "The Length of Object name must be less than 1024."),
    (Kind.TOO_LARGE, "metadata"): Word("InvalidArgument", 400, "The user metadata is too large."),
    (Kind.TOO_LARGE, "object"): Word(
        "EntityTooLarge", 400, "Your proposed upload exceeds the maximum allowed object size."
    ),
    (Kind.UNMET, "condition"): Word(
        "PreconditionFailed", 412, "At least one of the pre-conditions you specified did not hold."
    ),
    (Kind.UNCHANGED, "object"): Word("NotModified", 304, ""),
    (Kind.UNSATISFIABLE, "range"): Word("InvalidRange", 416, "The requested range cannot be satisfied."),
    (Kind.CONFLICT, "append"): Word("ObjectNotAppendable", 409, "The object is not appendable."),
    (Kind.MISMATCH, "position"): Word("PositionNotEqualToLength", 409, "Position is not equal to file length."),
    (Kind.INVALID, "symlink"): Word(
        "InvalidTargetType", 400, "The target object of a symbolic link may not be a symbolic link."
    ),
    (Kind.MISSING, "symlink target"): Word(
        "SymlinkTargetNotExist", 404, "The symlink target object does not exist.", "0026-00000012"
    ),
    (Kind.CONFLICT, "symlink"): Word("NotSymlink", 400, "The object is not symlink.", "0043-00000101"),
    (Kind.INVALID, "copy"): Word("InvalidRequest", 400, "The copy would change nothing."),
    # multipart uploads
    (Kind.INVALID, "part number"): Word("InvalidArgument", 400, "Part number must be an integer between 1 and 10000."),
    (Kind.MISSING, "upload"): Word("NoSuchUpload", 404, _NO_UPLOAD),
    (Kind.INVALID, "part"): Word("InvalidPart", 400, _BAD_PART),
    (Kind.CONFLICT, "part order"): Word(
        "InvalidPartOrder", 400, "The list of parts was not in ascending order. Parts list must specified in order."
    ),
    (Kind.TOO_SMALL, "part"): Word(
        "EntityTooSmall", 400, "Your proposed upload smaller than the minimum allowed size."
    ),
    (Kind.INVALID, "part source"): Word("InvalidRange", 416, "The requested range cannot be satisfied."),
    (Kind.MISMATCH, "checksum type"): Word("InvalidArgument", 400, "The checksum type is not that of the upload."),
}

# A region can be named by the endpoint as well as by a V4 signature.
ELSEWHERE = Word(
    "AccessDenied",
    403,
    "The bucket you are attempting to access must be addressed using the specified endpoint. "
    "Please send all future requests to this endpoint.",
)
# Restoring what is not archived; no fault of the service, which has no such notion.
NOT_ARCHIVED = Word("OperationNotSupported", 400, "The operation is not supported for this resource.")


# What an error says beside code and message: the fact, and the element that shows it.
_ELEMENTS: dict[tuple[Kind, str], tuple[tuple[str, str], ...]] = {
    (Kind.MISSING, "key"): (("key_id", "OSSAccessKeyId"),),
    (Kind.CONFLICT, "key"): (("key_id", "OSSAccessKeyId"),),
    (Kind.MISMATCH, "signature"): (
        ("key_id", "OSSAccessKeyId"),
        ("signature", "SignatureProvided"),
        ("string_to_sign", "StringToSign"),
        ("canonical_request", "CanonicalRequest"),
    ),
    (Kind.INVALID, "argument"): (("name", "ArgumentName"), ("value", "ArgumentValue")),
    (Kind.NOT_DONE, "operation"): (("operation", "Operation"),),
    (Kind.MISSING, "bucket"): (("bucket", "BucketName"),),
    (Kind.EXISTS, "bucket"): (("bucket", "BucketName"),),
    (Kind.CONFLICT, "bucket"): (("bucket", "BucketName"),),
    (Kind.MISSING, "object"): (("key", "Key"),),
    (Kind.MISSING, "version"): (("key", "Key"), ("version", "VersionId")),
    (Kind.EXISTS, "object"): (("key", "Key"),),
    (Kind.UNMET, "condition"): (("condition", "Condition"),),
    (Kind.UNSATISFIABLE, "range"): (("size", "ActualObjectSize"),),
    (Kind.MISSING, "upload"): (("upload", "UploadId"),),
    (Kind.INVALID, "part"): (("number", "PartNumber"), ("etag", "ETag")),
    (Kind.CONFLICT, "part order"): (("number", "PartNumber"),),
    (Kind.TOO_SMALL, "part"): (("number", "PartNumber"), ("size", "ProposedSize"), ("size_min", "MinSizeAllowed")),
    (Kind.CONFLICT, "append"): (("key", "Key"),),
    (Kind.MISMATCH, "position"): (("key", "Key"), ("expected", "ExpectedPosition")),
}


def _skewed(fault: Fault) -> list[tuple[str, str]]:
    return [
        ("MaxAllowedSkewMilliseconds", str(limits.CLOCK_SKEW_MS_MAX)),
        ("RequestTime", str(fault.facts.get("request_time", ""))),
        ("ServerTime", _time(fault, "server_time_ms")),
    ]


def _expired(fault: Fault) -> list[tuple[str, str]]:
    return [("Expires", _time(fault, "expires_ms")), ("ServerTime", _time(fault, "server_time_ms"))]


def _elsewhere(fault: Fault) -> list[tuple[str, str]]:
    expected = fault.facts.get("expected")
    return [("Endpoint", f"oss-{expected}.aliyuncs.com")] if expected else []


_MORE: dict[tuple[Kind, str], Callable[[Fault], list[tuple[str, str]]]] = {
    (Kind.SKEWED, "clock"): _skewed,
    (Kind.EXPIRED, "request"): _expired,
    (Kind.INVALID, "region"): _elsewhere,
}

# Faults whose sentence is the caller's help, and not only ours for the log.
_EXPLAINED = frozenset(
    {
        (Kind.ABSENT, "authorization"), (Kind.INVALID, "authorization"), (Kind.INVALID, "argument"),
        (Kind.INVALID, "digest"), (Kind.NOT_DONE, "operation"), (Kind.INVALID, "tags"),
    }
)  # fmt: skip


def refusal(request: Request, request_id: str, fault: Fault) -> Reply:
    """The vendor's error reply for a fault."""
    what = (fault.kind, fault.noun)
    word = WORDS.get(what, WORDS[Kind.INTERNAL, "server"])
    if what == (Kind.INVALID, "region") and not _signed_for_region(request):
        word = ELSEWHERE
    elements = [(tag, str(fault.facts[name])) for name, tag in _ELEMENTS.get(what, ()) if fault.facts.get(name)]
    if what in _MORE:
        elements += _MORE[what](fault)
    if what == (Kind.MISMATCH, "signature"):
        elements.append(("StringToSignBytes", encode(str(fault.facts.get("string_to_sign", ""))).hex(" ").upper()))
    text = fault.why if what in _EXPLAINED and fault.why else word.text
    reply = error(request, request_id, word._replace(text=text), elements)
    reply.headers += _headers(fault)
    return reply


def error(request: Request, request_id: str, word: Word, elements: list[tuple[str, str]]) -> Reply:
    """An error in OSS's form. A reply to HEAD has no body: there a header carries it."""
    if word.status == 304:
        return Reply(304)
    parts = [("Code", word.code), ("Message", word.text), ("RequestId", request_id), ("HostId", request.host)]
    parts += elements
    headers = [("content-type", "application/xml")]
    if word.ec:
        parts += [("EC", word.ec), ("RecommendDoc", f"https://api.aliyun.com/troubleshoot?q={word.ec}")]
        headers.append(("x-oss-ec", word.ec))
    lines = "".join([f"  <{tag}>{escape(value[:_VALUE_CHARS_MAX])}</{tag}>\n" for tag, value in parts])
    document = f"{DECLARATION}<Error>\n{lines}</Error>\n".encode()
    if request.method == "HEAD":
        headers.append(("x-oss-err", base64.b64encode(document).decode()))
        document = b""
    return Reply(word.status, headers, document)


def _headers(fault: Fault) -> list[tuple[str, str]]:
    facts = fault.facts
    found: list[tuple[str, str]] = []
    match (fault.kind, fault.noun):
        case (Kind.UNCHANGED, "object") if "etag" in facts:
            found += [("etag", f'"{str(facts["etag"]).upper()}"'), ("last-modified", http_date(facts["modified_ms"]))]
        case (Kind.MISMATCH, "position") if "expected" in facts:
            found.append(("x-oss-next-append-position", str(facts["expected"])))
        case (Kind.CONFLICT, "delete marker"):
            found += [("x-oss-delete-marker", "true"), ("allow", "DELETE")]
        case (Kind.MISSING, "object") if facts.get("delete_marker"):
            return [("x-oss-delete-marker", "true"), ("x-oss-version-id", str(facts["delete_marker"]))]
        case (Kind.UNSATISFIABLE, "range") if "size" in facts:
            found.append(("content-range", f"bytes */{facts['size']}"))
        case (Kind.UNKNOWN, "operation"):
            found.append(("allow", "DELETE, GET, HEAD, OPTIONS, POST, PUT"))
        case _:
            return found
    if facts.get("version"):
        found.append(("x-oss-version-id", str(facts["version"])))
    return found


def _signed_for_region(request: Request) -> bool:
    if request.headers.get("authorization", "").startswith("OSS4-"):
        return True
    return bool(request.query) and request.param("x-oss-credential") is not None


def _time(fault: Fault, name: str) -> str:
    """A time of the facts; a caller may have sent one that no calendar holds."""
    try:
        return iso_date(int(fault.facts[name]))
    except (KeyError, ValueError, OverflowError, OSError):
        return ""
