"""OSS signature V1: HMAC-SHA1 over method, a few headers and the resource.

Source: "Include a V1 signature in the Authorization header" and "Include V1 signatures in URLs" of the vendor's
developer reference; checked against what oss2, alibabacloud-oss-v2 and ali-oss send.

V1 signs those query parameters alone that are sub-resources: whoever can change a request on its way may add or drop
others (a listing's prefix, say) unnoticed. That is the scheme; a client who minds uses V4. Every parameter by which
an operation is chosen is a sub-resource. Nor does V1 escape what it signs, so that a key "k?acl" and the ACL of a key
"k" are signed alike.
"""

from __future__ import annotations

import base64
import hmac

from sampan.dialects.aliyun.wire.oss_claim import Claim, encode, key_id, parameter, seconds, signed_headers
from sampan.gateway.http import Request
from sampan.kernel.fault import Fault, Kind

SCHEME = "OSS"
PREFIX = "OSS "
PARAMETERS = frozenset({"OSSAccessKeyId", "Signature"})

# The union of what the vendor's SDKs sign; beside these, every parameter that begins with "x-oss-".
SUBRESOURCES = frozenset(
    """
    accessPoint accessPointPolicy acl append asyncFetch bucketArchiveDirectRead bucketInfo callback callback-var
    cleanRestoredObject cloudboxes cname comp continuation-token cors dataPipeline delete encryption endTime group
    httpsConfig img inventory inventoryId legalHold lifecycle link live location logging MetaQuery metaQuery
    metadataConfiguration metadataInventoryTable metadataJournalTable objectInfo objectMeta objectWorm overwriteConfig
    partNumber policy policyStatus position publicAccessBlock qos qosInfo qosRequester quota redundancyTransition
    referer regionList replication replicationLocation replicationProgress requestPayment requesterQosInfo resourceGroup
    resourcePool resourcePoolBuckets resourcePoolInfo response-cache-control response-content-disposition
    response-content-encoding response-content-language response-content-type response-expires restore retention rtc
    seal security-token sequential startTime stat status style styleName symlink tagging transferAcceleration uploadId
    uploads userDefinedLogFieldsConfig versionId versioning versions vod website worm wormExtend wormId
    """.split()  # noqa: SIM905 - a list of words reads better than a list of strings
)


def from_header(request: Request, value: str) -> Claim:
    """`OSS KEY:SIGNATURE`."""
    key, _, signature = value[len(PREFIX) :].strip().partition(":")
    date = request.headers.get("x-oss-date") or request.headers.get("date", "")
    return Claim(SCHEME, key_id(key), signature, date, presigned=False)


def from_query(request: Request) -> Claim:
    """`?OSSAccessKeyId=KEY&Expires=SECONDS&Signature=SIGNATURE`."""
    expires = parameter(request, "Expires")
    return Claim(
        SCHEME,
        key_id(parameter(request, "OSSAccessKeyId")),
        parameter(request, "Signature"),
        expires,
        presigned=True,
        expires_s=seconds("Expires", expires),
    )


def string_to_sign(request: Request, claim: Claim, resource: str) -> str:
    """What V1 signs: method, digest, type, date, `x-oss-` headers and the resource with its sub-resources, decoded."""
    headers = request.headers
    subresources = sorted(
        (name, value)
        for name, value in request.query
        if (name in SUBRESOURCES or name.startswith("x-oss-")) and name not in PARAMETERS
    )
    if subresources:
        resource += "?" + "&".join([f"{name}={value}" if value else name for name, value in subresources])
    return (
        f"{request.method}\n{headers.get('content-md5', '')}\n{headers.get('content-type', '')}\n{claim.date}\n"
        f"{signed_headers(request, ())}{resource}"
    )


def matches(request: Request, claim: Claim, resource: str, secret: str) -> bool:
    """Whether the secret makes this signature of this request. Compared in constant time."""
    made = hmac.digest(encode(secret), encode(string_to_sign(request, claim, resource)), "sha1")
    return hmac.compare_digest(base64.b64encode(made), encode(claim.signature))


def without_date() -> Fault:
    """The fault of a signed header without a usable date, in V1 and V2 (in V4 too)."""
    return Fault(Kind.ABSENT, "authorization", "OSS authentication requires a valid Date.")
