"""S3's words for every fault: code, status and text, and what else the reply must say.

Source: "Error responses" of the S3 API reference; texts as S3 sends them, since people search for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sampan.dialects.aws.s3 import names
from sampan.dialects.aws.s3.address import Address
from sampan.dialects.aws.wire import dates, denials
from sampan.gateway.http import Reply, Request
from sampan.gateway.xml import escape
from sampan.kernel import limits
from sampan.kernel.fault import Fault, Kind
from sampan.services.objects.model import BucketInfo


@dataclass(frozen=True, slots=True)
class Word:
    """`telling`: the fault's own `why` is the better text, for it was said in S3's words."""

    code: str
    status: int
    text: str
    telling: bool = False


_TABLE: Mapping[tuple[Kind, str], Word] = {
    # --- the gateway and the signature ---
    (Kind.DENIED, "action"): Word("AccessDenied", 403, "Access Denied", telling=True),
    (Kind.ABSENT, "authorization"): Word("AccessDenied", 403, "Access Denied"),
    (Kind.INVALID, "authorization"): Word(
        "AuthorizationHeaderMalformed", 400, "The authorization header you provided is invalid.", telling=True
    ),
    (Kind.MISSING, "key"): Word(
        "InvalidAccessKeyId", 403, "The AWS Access Key Id you provided does not exist in our records."
    ),
    (Kind.CONFLICT, "key"): Word("InvalidAccessKeyId", 403, "The AWS Access Key Id you provided is disabled."),
    (Kind.MISMATCH, "signature"): Word(
        "SignatureDoesNotMatch",
        403,
        "The request signature we calculated does not match the signature you provided. Check your key and signing "
        "method.",
    ),
    (Kind.SKEWED, "clock"): Word(
        "RequestTimeTooSkewed", 403, "The difference between the request time and the current time is too large."
    ),
    (Kind.EXPIRED, "request"): Word("AccessDenied", 403, "Request has expired"),
    (Kind.INVALID, "token"): Word("InvalidToken", 400, "The provided token is malformed or otherwise invalid."),
    (Kind.EXPIRED, "token"): Word("ExpiredToken", 400, "The provided token has expired."),
    (Kind.INVALID, "region"): Word(
        "AuthorizationHeaderMalformed", 400, "The authorization header is malformed; the region is wrong"
    ),
    (Kind.ABSENT, "digest"): Word("InvalidRequest", 400, "Missing required header for this request: Content-MD5"),
    (Kind.INVALID, "digest"): Word("InvalidRequest", 400, "A checksum is invalid.", telling=True),
    (Kind.MISMATCH, "digest"): Word("BadDigest", 400, "The checksum you specified did not match what we received."),
    (Kind.MISMATCH, "payload"): Word(
        "XAmzContentSHA256Mismatch", 400, "The provided 'x-amz-content-sha256' header does not match what was computed."
    ),
    (Kind.INVALID, "chunk"): Word("InvalidRequest", 400, "The aws-chunked body is not well-formed.", telling=True),
    (Kind.TRUNCATED, "body"): Word(
        "IncompleteBody",
        400,
        "You did not provide the number of bytes specified by the Content-Length HTTP header",
    ),
    (Kind.TOO_LARGE, "document"): Word("MaxMessageLengthExceeded", 400, "Your request was too big."),
    (Kind.INVALID, "document"): Word(
        "MalformedXML",
        400,
        "The XML you provided was not well-formed or did not validate against our published schema",
    ),
    (Kind.TOO_LARGE, "header"): Word(
        "RequestHeaderSectionTooLarge",
        400,
        "Your request header section exceeds the maximum allowed size.",
    ),
    (Kind.INVALID, "argument"): Word("InvalidArgument", 400, "Invalid Argument", telling=True),
    (Kind.INVALID, "uri"): Word("InvalidURI", 400, "Couldn't parse the specified URI."),
    (Kind.ABSENT, "length"): Word("MissingContentLength", 411, "You must provide the Content-Length HTTP header."),
    (Kind.UNKNOWN, "operation"): Word(
        "MethodNotAllowed", 405, "The specified method is not allowed against this resource."
    ),
    (Kind.NOT_DONE, "operation"): Word(
        "NotImplemented", 501, "A header you provided implies functionality that is not implemented"
    ),
    (Kind.FULL, "store"): Word("ServiceUnavailable", 503, "There is no space left on the server's disk."),
    (Kind.UNAVAILABLE, "store"): Word("ServiceUnavailable", 503, "Service is unable to handle request."),
    (Kind.INTERNAL, "server"): Word("InternalError", 500, "We encountered an internal error. Please try again."),
    # --- buckets ---
    (Kind.MISSING, "bucket"): Word("NoSuchBucket", 404, "The specified bucket does not exist"),
    (Kind.EXISTS, "bucket"): Word(
        "BucketAlreadyExists",
        409,
        "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please "
        "select a different name and try again.",
    ),
    (Kind.INVALID, "bucket name"): Word("InvalidBucketName", 400, "The specified bucket is not valid."),
    (Kind.CONFLICT, "bucket"): Word("BucketNotEmpty", 409, "The bucket you tried to delete is not empty"),
    (Kind.TOO_MANY, "bucket"): Word("TooManyBuckets", 400, "You have attempted to create more buckets than allowed"),
    (Kind.MISSING, "bucket tags"): Word("NoSuchTagSet", 404, "The TagSet does not exist"),
    (Kind.MISSING, "bucket policy"): Word("NoSuchBucketPolicy", 404, "The bucket policy does not exist"),
    (Kind.MISSING, "public access block"): Word(
        "NoSuchPublicAccessBlockConfiguration", 404, "The public access block configuration was not found"
    ),
    (Kind.MISSING, "ownership controls"): Word(
        "OwnershipControlsNotFoundError", 404, "The bucket ownership controls were not found"
    ),
    (Kind.DENIED, "public access"): Word(
        "AccessDenied", 403, "The bucket's public access block does not allow ACLs or policies that are public"
    ),
    (Kind.CONFLICT, "acl"): Word("AccessControlListNotSupported", 400, "The bucket does not allow ACLs"),
    (Kind.INVALID, "policy document"): Word("MalformedPolicy", 400, "Policies must be valid JSON", telling=True),
    (Kind.TOO_LARGE, "policy document"): Word("MalformedPolicy", 400, "The policy is too large", telling=True),
    (Kind.INVALID, "tags"): Word("InvalidTag", 400, "The tag provided was not a valid tag.", telling=True),
    (Kind.TOO_MANY, "tags"): Word("BadRequest", 400, "Object tags cannot be greater than 10"),
    # --- objects ---
    (Kind.MISSING, "object"): Word("NoSuchKey", 404, "The specified key does not exist."),
    (Kind.MISSING, "version"): Word("NoSuchVersion", 404, "The specified version does not exist."),
    (Kind.INVALID, "version"): Word("InvalidArgument", 400, "Invalid version id specified"),
    (Kind.CONFLICT, "delete marker"): Word(
        "MethodNotAllowed", 405, "The specified method is not allowed against this resource."
    ),
    (Kind.EXISTS, "object"): Word(
        "PreconditionFailed", 412, "At least one of the pre-conditions you specified did not hold"
    ),
    (Kind.INVALID, "key"): Word("InvalidURI", 400, "Couldn't parse the specified URI."),
    (Kind.TOO_LARGE, "key"): Word("KeyTooLongError", 400, "Your key is too long"),
    (Kind.TOO_LARGE, "metadata"): Word(
        "MetadataTooLarge", 400, "Your metadata headers exceed the maximum allowed metadata size"
    ),
    (Kind.TOO_LARGE, "object"): Word("EntityTooLarge", 400, "Your proposed upload exceeds the maximum allowed size"),
    (Kind.UNMET, "condition"): Word(
        "PreconditionFailed", 412, "At least one of the pre-conditions you specified did not hold"
    ),
    (Kind.UNCHANGED, "object"): Word("NotModified", 304, "Not Modified"),
    (Kind.UNSATISFIABLE, "range"): Word("InvalidRange", 416, "The requested range is not satisfiable"),
    (Kind.INVALID, "copy"): Word(
        "InvalidRequest",
        400,
        "This copy request is illegal because it is trying to copy an object to itself without changing the object's "
        "metadata, storage class, website redirect location or encryption attributes.",
    ),
    # --- uploads ---
    (Kind.INVALID, "part number"): Word(
        "InvalidArgument", 400, "Part number must be an integer between 1 and 10000, inclusive"
    ),
    (Kind.MISSING, "upload"): Word(
        "NoSuchUpload",
        404,
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or "
        "completed.",
    ),
    (Kind.INVALID, "part"): Word(
        "InvalidPart",
        400,
        "One or more of the specified parts could not be found.  The part may not have been uploaded, or the "
        "specified entity tag may not match the part's entity tag.",
    ),
    (Kind.CONFLICT, "part order"): Word(
        "InvalidPartOrder",
        400,
        "The list of parts was not in ascending order. Parts must be ordered by part number.",
    ),
    (Kind.TOO_SMALL, "part"): Word(
        "EntityTooSmall", 400, "Your proposed upload is smaller than the minimum allowed size"
    ),
    (Kind.INVALID, "part source"): Word("InvalidArgument", 400, "Range specified is not valid for source object"),
    (Kind.MISMATCH, "checksum type"): Word(
        "InvalidRequest", 400, "The checksum type does not agree with the one that the upload was created with."
    ),
    # --- what only OSS can ask for, should it ever come out here ---
    (Kind.CONFLICT, "append"): Word("InvalidRequest", 400, "The object is not appendable."),
    (Kind.MISMATCH, "position"): Word(
        "InvalidWriteOffset", 400, "The write offset value that you specified does not match the current object size."
    ),
    (Kind.INVALID, "symlink"): Word("InvalidRequest", 400, "The symbolic link is not valid."),
    (Kind.MISSING, "symlink target"): Word("NoSuchKey", 404, "The specified key does not exist."),
    (Kind.CONFLICT, "symlink"): Word("InvalidRequest", 400, "The object is not a symbolic link."),
}

KNOWN = frozenset(_TABLE)
"""The faults that there are words for."""

# Arguments with a code of their own.
_ARGUMENT_CODES: Mapping[str, Word] = {
    "x-amz-storage-class": Word("InvalidStorageClass", 400, "The storage class you specified is not valid"),
    "LocationConstraint": Word("InvalidLocationConstraint", 400, "The specified location-constraint is not valid"),
    "endpoint's region": Word("IllegalLocationConstraintException", 400, "", telling=True),
    "VersioningConfiguration": Word(
        "IllegalVersioningConfigurationException", 400, "The versioning element must be specified"
    ),
    "range": Word("InvalidRequest", 400, "", telling=True),
    "response override": Word("InvalidRequest", 400, "", telling=True),
}
_OWNED = Word(
    "BucketAlreadyOwnedByYou",
    409,
    "Your previous request to create the named bucket succeeded and you already own it.",
)
_BAD_MD5 = Word("BadDigest", 400, "The Content-MD5 you specified did not match what we received.")
_INVALID_MD5 = Word("InvalidDigest", 400, "The Content-MD5 you specified was invalid.")
_BAD_SIZE = Word("InvalidRequest", 400, "The provided 'x-amz-mp-object-size' header does not match what was computed.")
_NO_PART = Word("InvalidPartNumber", 416, "The requested partnumber is not satisfiable")
_BAD_TRAILER = Word(
    "MalformedTrailerError",
    400,
    "The request contained trailing data that was not well-formed or did not conform to our published schema.",
)


def word_of(request: Request, fault: Fault) -> Word:
    """The words for a fault. One that the table does not know is our mistake, and is called so."""
    match (fault.kind, fault.noun):
        case (Kind.INVALID, "argument") if fault.facts.get("name") in _ARGUMENT_CODES:
            return _ARGUMENT_CODES[fault.facts["name"]]
        case (Kind.INVALID, "authorization") if "authorization" not in request.headers:
            return Word("AuthorizationQueryParametersError", 400, "The query parameters are invalid.", telling=True)
        case (Kind.EXISTS, "bucket") if fault.facts.get("mine"):
            return _OWNED
        case (Kind.MISMATCH, "digest"):
            algorithm = str(fault.facts.get("algorithm", ""))
            if algorithm == "md5":
                return _BAD_MD5
            if algorithm == "size":
                return _BAD_SIZE
            if algorithm in names.CHECKSUM_WORDS:
                word = names.CHECKSUM_WORDS[algorithm]
                return Word("BadDigest", 400, f"The {word} you specified did not match the calculated checksum.")
        case (Kind.INVALID, "digest") if fault.facts.get("algorithm") == "md5":
            return _INVALID_MD5
        case (Kind.INVALID, "part number") if request.method in ("GET", "HEAD"):
            return _NO_PART
        case (Kind.INVALID, "chunk") if fault.facts.get("part") == "trailer":
            return _BAD_TRAILER
        case (Kind.ABSENT, "digest") if "name" in fault.facts:
            name = fault.facts["name"]
            return Word("InvalidRequest", 400, f"Missing required header for this request: {name}")
        case (Kind.INVALID, "region"):
            facts = fault.facts
            text = (
                "The authorization header is malformed; the region "
                f"'{facts.get('given', '')}' is wrong; expecting '{facts.get('expected', '')}'"
            )
            return Word("AuthorizationHeaderMalformed", 400, text)
    return _TABLE.get((fault.kind, fault.noun)) or _TABLE[Kind.INTERNAL, "server"]


def message(word: Word, fault: Fault) -> str:
    """The text for a person."""
    denial = fault.facts.get("denial")
    if denial is not None and denial.resource.owner == denial.principal.account != "":
        return denials.sentence(denial, quote='"')  # across accounts S3 tells no reasons
    if word.telling and fault.why and "action" not in fault.facts:
        return fault.why
    return word.text


def reply(request: Request, request_id: str, host_id: str, address: Address, fault: Fault) -> Reply:
    """The error reply. HEAD and 304 have no body."""
    word = word_of(request, fault)
    headers = _headers(word, fault)
    if request.method == "HEAD" or word.status == 304:
        return Reply(word.status, headers)
    elements = {"Code": word.code, "Message": message(word, fault), **_details(request, address, word, fault)}
    elements |= {"RequestId": request_id, "HostId": host_id}
    content = "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in elements.items())
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{content}</Error>'
    return Reply(word.status, [("Content-Type", "application/xml"), *headers], body.encode("utf-8", "replace"))


def _headers(word: Word, fault: Fault) -> list[tuple[str, str]]:
    facts = fault.facts
    match (fault.kind, fault.noun):
        case (Kind.INVALID, "region"):
            return [("x-amz-bucket-region", str(facts.get("expected", "")))]
        case (Kind.UNCHANGED, "object"):
            return [
                ("ETag", f'"{facts.get("etag", "")}"'),
                ("Last-Modified", dates.http(int(facts.get("modified_ms", 0)))),
            ]
        case (Kind.CONFLICT, "delete marker"):
            return [
                ("x-amz-delete-marker", "true"),
                ("x-amz-version-id", str(facts.get("version", ""))),
                ("Last-Modified", dates.http(int(facts.get("modified_ms", 0)))),
                ("Allow", "DELETE"),
            ]
        case (Kind.MISSING, "object") if facts.get("delete_marker"):
            return [("x-amz-delete-marker", "true"), ("x-amz-version-id", str(facts["delete_marker"]))]
        case (Kind.UNSATISFIABLE, "range"):
            return [("Content-Range", f"bytes */{facts.get('size', 0)}")]
    return []


def _details(request: Request, address: Address, word: Word, fault: Fault) -> dict[str, object]:
    """What S3 says beside code and message."""
    facts = fault.facts
    match (fault.kind, fault.noun):
        case (
            Kind.MISSING | Kind.EXISTS | Kind.CONFLICT | Kind.INVALID,
            "bucket" | "bucket name" | "bucket tags" | "bucket policy" | "public access block" | "ownership controls",
        ):
            return {"BucketName": facts.get("bucket", address.bucket)}
        case (Kind.MISSING, "object" | "symlink target"):
            return {"Key": facts.get("key", address.key)}
        case (Kind.MISSING, "version"):
            return {"Key": facts.get("key", address.key), "VersionId": facts.get("version", "")}
        case (Kind.MISSING, "key"):
            return {"AWSAccessKeyId": facts.get("key_id", "")}
        case (Kind.MISMATCH, "signature"):
            return _signature_details(facts)
        case (Kind.SKEWED, "clock"):
            return {
                "RequestTime": facts.get("request_time", ""),
                "ServerTime": dates.iso(int(facts.get("server_time_ms", 0))),
                "MaxAllowedSkewMilliseconds": limits.CLOCK_SKEW_MS_MAX,
            }
        case (Kind.EXPIRED, "request"):
            seconds = {"X-Amz-Expires": facts["seconds"]} if "seconds" in facts else {}
            return {
                **seconds,
                "Expires": dates.iso(int(facts.get("expires_ms", 0))),
                "ServerTime": dates.iso(int(facts.get("server_time_ms", 0))),
            }
        case (Kind.INVALID, "region"):
            return {"Region": facts.get("expected", "")}
        case (Kind.DENIED, "action") if "headers_not_signed" in facts:
            return {"HeadersNotSigned": facts["headers_not_signed"]}
        case (Kind.INVALID, "argument") if word.code == "InvalidArgument":
            return {"ArgumentName": facts.get("name", ""), "ArgumentValue": facts.get("value", "")}
        case (Kind.INVALID, "argument") if word.code == "InvalidLocationConstraint":
            return {"LocationConstraint": facts.get("value", "")}
        case (Kind.NOT_DONE, "operation"):
            # Not S3's element for an operation, which has none: a client's log should say which one is missing.
            return {"Header": facts["header"]} if "header" in facts else {"Operation": facts.get("operation", "")}
        case (Kind.UNKNOWN, "operation"):
            return {"Method": request.method, "ResourceType": "OBJECT" if address.key else "BUCKET"}
    return _object_details(request, fault)


def _signature_details(facts: Mapping[str, object]) -> dict[str, object]:
    to_sign = str(facts.get("string_to_sign", ""))
    details: dict[str, object] = {
        "AWSAccessKeyId": facts.get("key_id", ""),
        "StringToSign": to_sign,
        "SignatureProvided": facts.get("signature", ""),
        "StringToSignBytes": to_sign.encode("utf-8", "replace").hex(" "),
    }
    if "canonical_request" in facts:
        canonical = str(facts["canonical_request"])
        details["CanonicalRequest"] = canonical
        details["CanonicalRequestBytes"] = canonical.encode("utf-8", "replace").hex(" ")
    return details


def _object_details(request: Request, fault: Fault) -> dict[str, object]:
    facts = fault.facts
    match (fault.kind, fault.noun):
        case (Kind.MISMATCH, "digest") if "expected" in facts:
            return {"ExpectedDigest": facts["expected"], "CalculatedDigest": facts.get("computed", "")}
        case (Kind.INVALID, "digest") if facts.get("algorithm") == "md5":
            return {"Content-MD5": facts.get("value", "")}
        case (Kind.UNMET, "condition"):
            return {"Condition": facts.get("condition", "")}
        case (Kind.UNSATISFIABLE, "range"):
            return {"RangeRequested": request.headers.get("range", ""), "ActualObjectSize": facts.get("size", 0)}
        case (Kind.TOO_LARGE, "key" | "metadata"):
            return {"Size": facts.get("size", ""), "MaxSizeAllowed": facts.get("size_max", "")}
        case (Kind.TOO_LARGE, "object"):
            return {"ProposedSize": facts.get("size", ""), "MaxSizeAllowed": facts.get("size_max", "")}
        case (Kind.TOO_SMALL, "part"):
            return {
                "ProposedSize": facts.get("size", ""),
                "MinSizeAllowed": facts.get("size_min", ""),
                "PartNumber": facts.get("number", ""),
                "ETag": facts.get("etag", ""),
            }
        case (Kind.MISSING, "upload"):
            return {"UploadId": facts.get("upload", "")}
        case (Kind.INVALID, "part"):
            return {
                "UploadId": facts.get("upload", ""),
                "PartNumber": facts.get("number", ""),
                "ETag": facts.get("etag", ""),
            }
        case (Kind.INVALID, "part number"):
            return {"ArgumentName": "partNumber", "ArgumentValue": facts.get("number", "")}
        case (Kind.INVALID, "version"):
            return {"ArgumentName": "versionId", "ArgumentValue": facts.get("version", "")}
    return {}


def recreated(request_region: str, fault: Fault) -> bool:
    """Whether this is the caller's own bucket made again in us-east-1, where S3 answers 200 for history's sake."""
    info = fault.facts.get("info")
    return (
        (fault.kind, fault.noun) == (Kind.EXISTS, "bucket")
        and isinstance(info, BucketInfo)
        and request_region == names.FIRST_REGION
        and info.places.get(names.CLOUD) == names.FIRST_REGION
    )
