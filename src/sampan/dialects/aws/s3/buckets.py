"""Buckets. One bind and one render for each operation."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sampan.dialects.aws.s3 import acls, names, policies
from sampan.dialects.aws.s3.exchange import S3Exchange
from sampan.dialects.aws.s3.page import document
from sampan.gateway.http import Reply
from sampan.gateway.xml import escape, parse
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.names import Place
from sampan.services.objects.model import (
    Acl,
    BucketInfo,
    CreateBucket,
    DeleteBucket,
    GetBucketTags,
    HeadBucket,
    PutBucketTags,
    PutBucketVersioning,
    Versioning,
)

_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-[0-9]{1,2}").fullmatch
_XSI = "http://www.w3.org/2001/XMLSchema-instance"


def bind_create_bucket(exchange: S3Exchange, body: bytes) -> CreateBucket:
    """PUT /bucket."""
    constraint = ""
    if body:
        root = parse(body, "CreateBucketConfiguration")
        for name in ("Location", "Bucket", "Tags"):
            if root.find(name) is not None:
                raise Fault(Kind.NOT_DONE, "operation", operation=f"CreateBucket with {name}")
        constraint = root.get("LocationConstraint").strip()
    word = exchange.headers.get("x-amz-object-ownership")
    if word is not None and word not in policies.OWNERSHIPS:
        raise Fault(Kind.INVALID, "argument", name="x-amz-object-ownership", value=word[:64])
    return CreateBucket(
        bucket=exchange.bucket,
        place=_place(exchange, constraint),
        acl=acls.read(exchange) or Acl.PRIVATE,
        ownership=policies.OWNERSHIPS.get(word or ""),
    )


def _place(exchange: S3Exchange, constraint: str) -> Place | None:
    """Where the bucket will be: S3's first region makes buckets anywhere, the others in themselves only."""
    signed = exchange.place
    if signed is not None and signed.cloud != names.CLOUD:
        return signed
    constraint = "eu-west-1" if constraint == "EU" else constraint
    if constraint and (constraint == names.FIRST_REGION or not _REGION(constraint)):
        raise Fault(Kind.INVALID, "argument", name="LocationConstraint", value=constraint[:64])
    if signed is None:
        return Place(names.CLOUD, constraint) if constraint else None
    if not _REGION(signed.region):
        # s3cmd signs for "US" until it is told better.
        raise Fault(Kind.INVALID, "region", expected=names.FIRST_REGION, given=signed.region[:64])
    if signed.region not in (names.FIRST_REGION, constraint):
        raise Fault(
            Kind.INVALID,
            "argument",
            f"The {constraint or 'unspecified'} location constraint is incompatible for the region specific endpoint "
            "this request was sent to.",
            name="endpoint's region",
        )
    return Place(names.CLOUD, constraint or names.FIRST_REGION)


def render_create_bucket(exchange: S3Exchange, info: BucketInfo) -> Reply:
    """Where it can be found."""
    return Reply(200, [("Location", f"/{info.name}"), ("x-amz-bucket-arn", f"arn:aws:s3:::{info.name}")])


def bind_head_bucket(exchange: S3Exchange, _: bytes) -> HeadBucket:
    """HEAD /bucket."""
    return HeadBucket(bucket=exchange.bucket, place=exchange.place)


def bind_get_versioning(exchange: S3Exchange, _: bytes) -> HeadBucket:
    """GET /bucket?versioning."""
    return HeadBucket(bucket=exchange.bucket, place=exchange.place, needs="GetBucketVersioning")


def render_head_bucket(exchange: S3Exchange, info: BucketInfo) -> Reply:
    """The bucket's region stands in a header."""
    return Reply(
        200,
        [
            ("x-amz-bucket-region", info.places.get(names.CLOUD, "")),
            ("x-amz-bucket-arn", f"arn:aws:s3:::{info.name}"),
            ("x-amz-access-point-alias", "false"),
            ("Content-Type", "application/xml"),
        ],
    )


def bind_delete_bucket(exchange: S3Exchange, _: bytes) -> DeleteBucket:
    """DELETE /bucket."""
    return DeleteBucket(bucket=exchange.bucket, place=exchange.place)


def render_nothing(exchange: S3Exchange, _: object) -> Reply:
    """204."""
    return Reply(204)


def render_done(exchange: S3Exchange, _: object) -> Reply:
    """200 without a word."""
    return Reply(200)


def bind_get_location(exchange: S3Exchange, _: bytes) -> HeadBucket:
    """GET /bucket?location: answered whatever region was signed for, since it is how clients find out."""
    return HeadBucket(bucket=exchange.bucket, needs="GetBucketLocation")


def render_location(exchange: S3Exchange, info: BucketInfo) -> Reply:
    """Empty for us-east-1, as it has always been."""
    region = info.places.get(names.CLOUD, "")
    return document("LocationConstraint", "" if region == names.FIRST_REGION else escape(region))


# --- versioning ------------------------------------------------------------------------------------------------------


def bind_put_versioning(exchange: S3Exchange, body: bytes) -> PutBucketVersioning:
    """PUT /bucket?versioning."""
    root = parse(body, "VersioningConfiguration")
    if root.get("MfaDelete") == "Enabled" or root.get("MFADelete") == "Enabled":
        raise Fault(Kind.NOT_DONE, "operation", operation="MFA delete")
    status = {"Enabled": Versioning.ENABLED, "Suspended": Versioning.SUSPENDED}.get(root.get("Status").strip())
    if status is None:
        raise Fault(Kind.INVALID, "argument", name="VersioningConfiguration", value=root.get("Status")[:64])
    return PutBucketVersioning(bucket=exchange.bucket, place=exchange.place, versioning=status)


def render_versioning(exchange: S3Exchange, info: BucketInfo) -> Reply:
    """No status at all if versioning was never enabled."""
    word = {Versioning.ENABLED: "Enabled", Versioning.SUSPENDED: "Suspended"}.get(info.versioning)
    return document("VersioningConfiguration", f"<Status>{word}</Status>" if word else "")


# --- tags ------------------------------------------------------------------------------------------------------------


def read_tagging(body: bytes) -> dict[str, str]:
    """A Tagging document. Raises Fault(INVALID, "document" | "tags")."""
    tag_set = parse(body, "Tagging").find("TagSet")
    if tag_set is None:
        raise Fault(Kind.INVALID, "document", "TagSet is missing")
    tags: dict[str, str] = {}
    for tag in tag_set.all("Tag"):
        key, value = tag.find("Key"), tag.find("Value")
        if key is None or value is None:
            raise Fault(Kind.INVALID, "document", "a Tag lacks its Key or Value")
        if key.text in tags:
            raise Fault(Kind.INVALID, "tags", "Cannot provide multiple Tags with the same key", tag=key.text[:128])
        tags[key.text] = value.text
    return tags


def write_tagging(tags: Mapping[str, str], headers: list[tuple[str, str]] | None = None) -> Reply:
    """A Tagging document."""
    rows = "".join(f"<Tag><Key>{escape(key)}</Key><Value>{escape(value)}</Value></Tag>" for key, value in tags.items())
    return document("Tagging", f"<TagSet>{rows}</TagSet>", headers)


def bind_put_tagging(exchange: S3Exchange, body: bytes) -> PutBucketTags:
    """PUT /bucket?tagging."""
    return PutBucketTags(bucket=exchange.bucket, place=exchange.place, tags=read_tagging(body))


def bind_delete_tagging(exchange: S3Exchange, _: bytes) -> PutBucketTags:
    """DELETE /bucket?tagging."""
    return PutBucketTags(bucket=exchange.bucket, place=exchange.place, tags={})


def bind_get_tagging(exchange: S3Exchange, _: bytes) -> GetBucketTags:
    """GET /bucket?tagging."""
    return GetBucketTags(bucket=exchange.bucket, place=exchange.place)


def render_tagging(exchange: S3Exchange, tags: Mapping[str, str]) -> Reply:
    """The bucket's tags."""
    return write_tagging(tags)
