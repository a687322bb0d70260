"""The operations on the service and on buckets that Sampan does."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sampan.dialects.aliyun.oss import exchange, names, policies, replies
from sampan.dialects.aliyun.oss.exchange import OssExchange, invalid, undone
from sampan.dialects.aliyun.wire.dates import iso_date
from sampan.gateway.contract import Operation
from sampan.gateway.http import Reply
from sampan.gateway.xml import escape, parse
from sampan.kernel import limits
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.names import Place
from sampan.services.objects.model import (
    BucketInfo,
    BucketPage,
    BucketStat,
    CreateBucket,
    DeleteBucket,
    GetBucketTags,
    HeadBucket,
    ListBuckets,
    MeasureBucket,
    PutBucketTags,
    PutBucketVersioning,
    StorageClass,
    Versioning,
)

CLOUD = "aliyun"
REDUNDANCY_NOTE = "oss-redundancy"

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{1,61})[a-z0-9]")
_REGION = re.compile(r"[a-z0-9-]{1,64}")
_REDUNDANCIES = ("LRS", "ZRS")
_LIST_DEFAULT = 100


# --- the service -----------------------------------------------------------------------------------------------------


def bind_list_buckets(x: OssExchange, _: bytes) -> ListBuckets:
    for name in ("tag-key", "tag-value", "tagging"):
        if x.params.get(name):
            raise undone(f"ListBuckets with {name}")
    return ListBuckets(
        prefix=exchange.text(x, "prefix"),
        after=exchange.text(x, "marker"),
        limit=exchange.integer(x, "max-keys", _LIST_DEFAULT, 1, limits.LIST_MAX),
    )


def render_list_buckets(x: OssExchange, page: BucketPage) -> Reply:
    rows = "".join([f"<Bucket>{_bucket(x, info)}</Bucket>" for info in page.buckets])
    limit = exchange.integer(x, "max-keys", _LIST_DEFAULT, 1, limits.LIST_MAX)
    more = "" if page.next is None else f"<NextMarker>{escape(page.next)}</NextMarker>"
    return replies.xml(
        "ListAllMyBucketsResult",
        f"<Prefix>{escape(exchange.text(x, 'prefix'))}</Prefix><Marker>{escape(exchange.text(x, 'marker'))}</Marker>"
        f"<MaxKeys>{limit}</MaxKeys><IsTruncated>{replies.boolean(page.next is not None)}</IsTruncated>{more}"
        f"{replies.owner(x.caller.account)}<Buckets>{rows}</Buckets>",
    )


def _bucket(x: OssExchange, info: BucketInfo) -> str:
    """What both a row of the listing and GetBucketInfo say."""
    region = info.places.get(CLOUD, x.region)
    outside, inside = replies.endpoint(x, region)
    return (
        f"<Comment></Comment><CreationDate>{iso_date(info.created_ms)}</CreationDate>"
        f"<ExtranetEndpoint>{outside}</ExtranetEndpoint><IntranetEndpoint>{inside}</IntranetEndpoint>"
        f"<Location>{names.location(region)}</Location><Name>{escape(info.name)}</Name><Region>{region}</Region>"
        f"<StorageClass>{names.STORAGE_CLASS_NAMES[info.storage_class]}</StorageClass>"
    )


# --- buckets ---------------------------------------------------------------------------------------------------------


def bind_put_bucket(x: OssExchange, document: bytes) -> CreateBucket:
    if _NAME.fullmatch(x.bucket) is None:
        raise Fault(Kind.INVALID, "bucket name", bucket=x.bucket)
    note: dict[str, str] = {}
    default = StorageClass.STANDARD
    place = x.place or Place(CLOUD, x.region)
    if document:
        root = parse(document, "CreateBucketConfiguration")
        storage_class, redundancy = root.get("StorageClass").strip(), root.get("DataRedundancyType").strip()
        if storage_class:
            default = names.storage_class(storage_class)
        if redundancy:
            if redundancy not in _REDUNDANCIES:
                raise invalid("DataRedundancyType", redundancy)
            note[REDUNDANCY_NOTE] = redundancy
        location = root.get("LocationConstraint").strip()
        if location:
            place = _constrained(x, location)
    return CreateBucket(
        bucket=x.bucket, place=place, note=note, acl=policies.bucket_acl(x), objects=True, storage_class=default
    )


def _constrained(x: OssExchange, location: str) -> Place:
    """The place that an old client names in the document, which may not contradict the one that it signed for."""
    region = names.region(location)
    if _REGION.fullmatch(region) is None:
        raise invalid("LocationConstraint", location)
    if x.place is not None and x.place.region != region:
        raise Fault(Kind.INVALID, "region", bucket=x.bucket, expected=x.place.region, given=region)
    return Place(CLOUD, region)


def render_put_bucket(x: OssExchange, info: BucketInfo) -> Reply:
    return replies.empty(headers=[("location", "/" + info.name)])


def bind_delete_bucket(x: OssExchange, _: bytes) -> DeleteBucket:
    return DeleteBucket(bucket=x.bucket, place=x.place)


def render_deleted(x: OssExchange, _: None) -> Reply:
    return replies.empty(204)


def _look(x: OssExchange, needs: str) -> HeadBucket:
    return HeadBucket(bucket=x.bucket, place=x.place, needs=needs)


def bind_bucket_info(x: OssExchange, _: bytes) -> HeadBucket:
    return _look(x, "GetBucketInfo")


def bind_location(x: OssExchange, _: bytes) -> HeadBucket:
    return _look(x, "GetBucketLocation")


def bind_versioning(x: OssExchange, _: bytes) -> HeadBucket:
    return _look(x, "GetBucketVersioning")


def render_bucket_info(x: OssExchange, info: BucketInfo) -> Reply:
    versioning = names.VERSIONING_NAMES.get(info.versioning)
    return replies.xml(
        "BucketInfo",
        f"<Bucket>{_bucket(x, info)}"
        f"<DataRedundancyType>{info.note.get(REDUNDANCY_NOTE, 'LRS')}</DataRedundancyType>"
        f"{replies.owner(info.owner)}<AccessControlList><Grant>{names.acl(info.acl)}</Grant></AccessControlList>"
        f"{f'<Versioning>{versioning}</Versioning>' if versioning else ''}"
        "<AccessMonitor>Disabled</AccessMonitor>"
        f"<BlockPublicAccess>{replies.boolean(policies.blocked(info))}</BlockPublicAccess>"
        "<BucketPolicy><LogBucket></LogBucket><LogPrefix></LogPrefix></BucketPolicy>"
        "<CrossRegionReplication>Disabled</CrossRegionReplication>"
        "<ServerSideEncryptionRule><SSEAlgorithm>None</SSEAlgorithm></ServerSideEncryptionRule>"
        "<TransferAcceleration>Disabled</TransferAcceleration></Bucket>",
    )


def render_location(x: OssExchange, info: BucketInfo) -> Reply:
    return replies.xml("LocationConstraint", names.location(info.places.get(CLOUD, x.region)))


def render_done(x: OssExchange, _: object) -> Reply:
    return replies.empty()


def bind_bucket_stat(x: OssExchange, _: bytes) -> MeasureBucket:
    return MeasureBucket(bucket=x.bucket, place=x.place)


def render_bucket_stat(x: OssExchange, stat: BucketStat) -> Reply:
    return replies.xml(
        "BucketStat",
        f"<Storage>{stat.size_bytes}</Storage><ObjectCount>{stat.objects}</ObjectCount>"
        f"<MultipartUploadCount>{stat.uploads}</MultipartUploadCount><LiveChannelCount>0</LiveChannelCount>"
        f"<DeleteMarkerCount>{stat.delete_markers}</DeleteMarkerCount>",
    )


def bind_put_versioning(x: OssExchange, document: bytes) -> PutBucketVersioning:
    status = exchange.required(parse(document, "VersioningConfiguration"), "Status").strip()
    for versioning, name in names.VERSIONING_NAMES.items():
        if name == status:
            return PutBucketVersioning(bucket=x.bucket, place=x.place, versioning=versioning)
    raise Fault(Kind.INVALID, "document", "Status is neither Enabled nor Suspended.")


def render_versioning(x: OssExchange, info: BucketInfo) -> Reply:
    if info.versioning == Versioning.NEVER:
        return replies.xml("VersioningConfiguration", "")
    return replies.xml("VersioningConfiguration", f"<Status>{names.VERSIONING_NAMES[info.versioning]}</Status>")


def bind_put_bucket_tags(x: OssExchange, document: bytes) -> PutBucketTags:
    return PutBucketTags(bucket=x.bucket, place=x.place, tags=exchange.document_tags(document))


def bind_get_bucket_tags(x: OssExchange, _: bytes) -> GetBucketTags:
    return GetBucketTags(bucket=x.bucket, place=x.place)


def bind_delete_bucket_tags(x: OssExchange, _: bytes) -> PutBucketTags:
    if x.params.get("tagging"):
        raise undone("DeleteBucketTags of single tags")
    return PutBucketTags(bucket=x.bucket, place=x.place, tags={})


def tagging(tags: Mapping[str, str], headers: replies.Headers | None = None) -> Reply:
    """The document that lists tags, of a bucket or of an object."""
    rows = "".join([f"<Tag><Key>{escape(k)}</Key><Value>{escape(v)}</Value></Tag>" for k, v in tags.items()])
    return replies.xml("Tagging", f"<TagSet>{rows}</TagSet>", headers)


def render_bucket_tags(x: OssExchange, tags: Mapping[str, str]) -> Reply:
    return tagging(tags)


LIST_BUCKETS = Operation("ListBuckets", bind_list_buckets, render_list_buckets)
PUT_BUCKET = Operation("PutBucket", bind_put_bucket, render_put_bucket, document=True)
DELETE_BUCKET = Operation("DeleteBucket", bind_delete_bucket, render_deleted)
GET_BUCKET_INFO = Operation("GetBucketInfo", bind_bucket_info, render_bucket_info)
GET_BUCKET_LOCATION = Operation("GetBucketLocation", bind_location, render_location)
GET_BUCKET_STAT = Operation("GetBucketStat", bind_bucket_stat, render_bucket_stat)
GET_BUCKET_VERSIONING = Operation("GetBucketVersioning", bind_versioning, render_versioning)
PUT_BUCKET_VERSIONING = Operation("PutBucketVersioning", bind_put_versioning, render_done, document=True)
GET_BUCKET_TAGS = Operation("GetBucketTags", bind_get_bucket_tags, render_bucket_tags)
PUT_BUCKET_TAGS = Operation("PutBucketTags", bind_put_bucket_tags, render_done, document=True)
DELETE_BUCKET_TAGS = Operation("DeleteBucketTags", bind_delete_bucket_tags, render_deleted)
