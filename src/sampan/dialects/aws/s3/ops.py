"""The table of S3's operations, all of them, and how a request chooses among them.

An operation is known by its method, by whether the path names the service, a bucket or a key, by sub-resources in the
query and, here and there, by a header. Rows without `bind` are operations that Sampan does not do yet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sampan.dialects.aws.s3 import attributes, buckets, listing, objects, policies, uploads
from sampan.gateway.contract import Operation
from sampan.gateway.http import Reply, Request
from sampan.kernel.command import Command
from sampan.kernel.fault import Fault, Kind

SERVICE, BUCKET, OBJECT = range(3)
_BLOCK, _OWNERSHIP = "publicAccessBlock", "ownershipControls"


@dataclass(frozen=True, slots=True)
class Row:
    """One operation. All words of `query` must be there; the first of them is what the row is found by.

    `streams`: the body is an object's bytes. `whole`: x-amz-checksum-* headers speak of the object that comes about,
    and not of this body. `was`: an old name of the operation named, which looks the same on the wire.
    """

    name: str
    method: str
    level: int
    query: str = ""
    bind: Callable[[Any, bytes], Command] | None = None
    render: Callable[[Any, Any], Reply] | None = None
    header: str = ""
    document: bool = False
    streams: bool = False
    whole: bool = False
    was: str = ""
    operation: Operation = field(init=False)
    tests: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "operation", Operation(self.name, self.bind, self.render, self.document))
        object.__setattr__(self, "tests", tuple(self.query.split()))


def _service() -> list[Row]:
    return [
        Row("ListBuckets", "GET", SERVICE, "", listing.bind_list_buckets, listing.render_list_buckets),
        # Directory buckets have an endpoint of their own and no requests of another form.
        Row("ListDirectoryBuckets", "GET", SERVICE, was="ListBuckets"),
    ]


def _buckets() -> list[Row]:
    return [
        Row(
            "CreateBucket", "PUT", BUCKET, "",
            buckets.bind_create_bucket, buckets.render_create_bucket, document=True,
        ),
        Row("HeadBucket", "HEAD", BUCKET, "", buckets.bind_head_bucket, buckets.render_head_bucket),
        Row("DeleteBucket", "DELETE", BUCKET, "", buckets.bind_delete_bucket, buckets.render_nothing),
        Row("GetBucketLocation", "GET", BUCKET, "location", buckets.bind_get_location, buckets.render_location),
        Row("GetBucketVersioning", "GET", BUCKET, "versioning", buckets.bind_get_versioning, buckets.render_versioning),
        Row(
            "PutBucketVersioning", "PUT", BUCKET, "versioning",
            buckets.bind_put_versioning, buckets.render_done, document=True,
        ),
        Row("GetBucketTagging", "GET", BUCKET, "tagging", buckets.bind_get_tagging, buckets.render_tagging),
        Row(
            "PutBucketTagging", "PUT", BUCKET, "tagging",
            buckets.bind_put_tagging, buckets.render_nothing, document=True,
        ),
        Row("DeleteBucketTagging", "DELETE", BUCKET, "tagging", buckets.bind_delete_tagging, buckets.render_nothing),
        Row("GetBucketAcl", "GET", BUCKET, "acl", policies.bind_get_acl, policies.render_acl),
        Row("PutBucketAcl", "PUT", BUCKET, "acl", policies.bind_put_acl, buckets.render_done, document=True),
        Row("GetBucketPolicy", "GET", BUCKET, "policy", policies.bind_get_policy, policies.render_policy),
        Row(
            "PutBucketPolicy", "PUT", BUCKET, "policy",
            policies.bind_put_policy, buckets.render_nothing, document=True,
        ),
        Row("DeleteBucketPolicy", "DELETE", BUCKET, "policy", policies.bind_delete_policy, buckets.render_nothing),
        Row(
            "GetBucketPolicyStatus", "GET", BUCKET, "policyStatus",
            policies.bind_get_policy_status, policies.render_policy_status,
        ),
        Row("GetPublicAccessBlock", "GET", BUCKET, _BLOCK, policies.bind_get_block, policies.render_block),
        Row("PutPublicAccessBlock", "PUT", BUCKET, _BLOCK, policies.bind_put_block, buckets.render_done, document=True),
        Row("DeletePublicAccessBlock", "DELETE", BUCKET, _BLOCK, policies.bind_delete_block, buckets.render_nothing),
        Row(
            "GetBucketOwnershipControls", "GET", BUCKET, _OWNERSHIP,
            policies.bind_get_ownership, policies.render_ownership,
        ),
        Row(
            "PutBucketOwnershipControls", "PUT", BUCKET, _OWNERSHIP,
            policies.bind_put_ownership, buckets.render_done, document=True,
        ),
        Row(
            "DeleteBucketOwnershipControls", "DELETE", BUCKET, _OWNERSHIP,
            policies.bind_delete_ownership, buckets.render_nothing,
        ),
        Row("ListObjects", "GET", BUCKET, "", listing.bind_list_objects, listing.render_list_objects),
        Row("ListObjectsV2", "GET", BUCKET, "list-type", listing.bind_list_objects_v2, listing.render_list_objects_v2),
        Row("ListObjectVersions", "GET", BUCKET, "versions", listing.bind_list_versions, listing.render_list_versions),
        Row("ListMultipartUploads", "GET", BUCKET, "uploads", listing.bind_list_uploads, listing.render_list_uploads),
        Row(
            "DeleteObjects", "POST", BUCKET, "delete",
            objects.bind_delete_objects, objects.render_delete_objects, document=True,
        ),
    ]  # fmt: skip


def _objects() -> list[Row]:
    part = "uploadId partNumber"
    source = "x-amz-copy-source"
    return [
        Row("GetObject", "GET", OBJECT, "", objects.bind_get_object, objects.render_object),
        Row("HeadObject", "HEAD", OBJECT, "", objects.bind_head_object, objects.render_object),
        Row("PutObject", "PUT", OBJECT, "", objects.bind_put_object, objects.render_put_object, streams=True),
        Row("CopyObject", "PUT", OBJECT, "", objects.bind_copy_object, objects.render_copy_object, header=source),
        Row("DeleteObject", "DELETE", OBJECT, "", objects.bind_delete_object, objects.render_delete_object),
        Row(
            "GetObjectAttributes", "GET", OBJECT, "attributes",
            attributes.bind_attributes, attributes.render_attributes,
        ),
        Row("GetObjectTagging", "GET", OBJECT, "tagging", objects.bind_get_tagging, objects.render_tagging),
        Row(
            "PutObjectTagging", "PUT", OBJECT, "tagging",
            objects.bind_put_tagging, objects.render_put_tagging, document=True,
        ),
        Row(
            "DeleteObjectTagging", "DELETE", OBJECT, "tagging",
            objects.bind_delete_tagging, objects.render_delete_tagging,
        ),
        Row("GetObjectAcl", "GET", OBJECT, "acl", objects.bind_get_acl, objects.render_acl),
        Row("PutObjectAcl", "PUT", OBJECT, "acl", objects.bind_put_acl, objects.render_put_acl, document=True),
        Row(
            "CreateMultipartUpload", "POST", OBJECT, "uploads",
            uploads.bind_create_upload, uploads.render_create_upload,
        ),
        Row("UploadPart", "PUT", OBJECT, part, uploads.bind_put_part, uploads.render_put_part, streams=True),
        Row("UploadPartCopy", "PUT", OBJECT, part, uploads.bind_copy_part, uploads.render_copy_part, header=source),
        Row("ListParts", "GET", OBJECT, "uploadId", uploads.bind_list_parts, uploads.render_list_parts),
        Row("AbortMultipartUpload", "DELETE", OBJECT, "uploadId", uploads.bind_abort_upload, buckets.render_nothing),
        Row(
            "CompleteMultipartUpload", "POST", OBJECT, "uploadId",
            uploads.bind_complete_upload, uploads.render_complete_upload, document=True, whole=True,
        ),
    ]  # fmt: skip


def _not_done() -> list[Row]:
    """What S3 has and Sampan has not, by sub-resource."""
    rows = [Row(f"{verb}Bucket{noun}", method, BUCKET, query) for verb, method, noun, query in _BUCKET_SETTINGS]
    for noun, query in _NUMBERED_SETTINGS:
        rows += [
            Row(f"GetBucket{noun}Configuration", "GET", BUCKET, f"{query} id"),
            Row(f"ListBucket{noun}Configurations", "GET", BUCKET, query),
            Row(f"PutBucket{noun}Configuration", "PUT", BUCKET, f"{query} id"),
            Row(f"DeleteBucket{noun}Configuration", "DELETE", BUCKET, f"{query} id"),
        ]
    return [
        *rows,
        Row("GetBucketLifecycle", "GET", BUCKET, "lifecycle", was="GetBucketLifecycleConfiguration"),
        Row("PutBucketLifecycle", "PUT", BUCKET, "lifecycle", was="PutBucketLifecycleConfiguration"),
        Row("GetBucketNotification", "GET", BUCKET, "notification", was="GetBucketNotificationConfiguration"),
        Row("PutBucketNotification", "PUT", BUCKET, "notification", was="PutBucketNotificationConfiguration"),
        Row("CreateBucketMetadataConfiguration", "POST", BUCKET, "metadataConfiguration"),
        Row("CreateBucketMetadataTableConfiguration", "POST", BUCKET, "metadataTable"),
        Row("UpdateBucketMetadataAnnotationTableConfiguration", "PUT", BUCKET, "metadataAnnotationTable"),
        Row("UpdateBucketMetadataInventoryTableConfiguration", "PUT", BUCKET, "metadataInventoryTable"),
        Row("UpdateBucketMetadataJournalTableConfiguration", "PUT", BUCKET, "metadataJournalTable"),
        Row("GetObjectLockConfiguration", "GET", BUCKET, "object-lock"),
        Row("PutObjectLockConfiguration", "PUT", BUCKET, "object-lock"),
        Row("CreateSession", "GET", BUCKET, "session"),
        Row("PostObject", "POST", BUCKET),  # a browser's form; SDKs do not have it among their operations
        Row("WriteGetObjectResponse", "POST", BUCKET, header="x-amz-request-token"),
        Row("GetObjectLegalHold", "GET", OBJECT, "legal-hold"),
        Row("PutObjectLegalHold", "PUT", OBJECT, "legal-hold"),
        Row("GetObjectRetention", "GET", OBJECT, "retention"),
        Row("PutObjectRetention", "PUT", OBJECT, "retention"),
        Row("GetObjectTorrent", "GET", OBJECT, "torrent"),
        Row("RestoreObject", "POST", OBJECT, "restore"),
        Row("SelectObjectContent", "POST", OBJECT, "select"),
        Row("RenameObject", "PUT", OBJECT, "renameObject"),
        Row("UpdateObjectEncryption", "PUT", OBJECT, "encryption"),
        Row("GetObjectAnnotation", "GET", OBJECT, "annotation annotationName"),
        Row("ListObjectAnnotations", "GET", OBJECT, "annotation"),
        Row("PutObjectAnnotation", "PUT", OBJECT, "annotation"),
        Row("DeleteObjectAnnotation", "DELETE", OBJECT, "annotation"),
    ]


_BUCKET_SETTINGS = (
    ("Get", "GET", "Abac", "abac"), ("Put", "PUT", "Abac", "abac"),
    ("Get", "GET", "AccelerateConfiguration", "accelerate"), ("Put", "PUT", "AccelerateConfiguration", "accelerate"),
    ("Get", "GET", "Cors", "cors"), ("Put", "PUT", "Cors", "cors"), ("Delete", "DELETE", "Cors", "cors"),
    ("Get", "GET", "Encryption", "encryption"), ("Put", "PUT", "Encryption", "encryption"),
    ("Delete", "DELETE", "Encryption", "encryption"),
    ("Get", "GET", "LifecycleConfiguration", "lifecycle"), ("Put", "PUT", "LifecycleConfiguration", "lifecycle"),
    ("Delete", "DELETE", "Lifecycle", "lifecycle"),
    ("Get", "GET", "Logging", "logging"), ("Put", "PUT", "Logging", "logging"),
    ("Get", "GET", "MetadataConfiguration", "metadataConfiguration"),
    ("Delete", "DELETE", "MetadataConfiguration", "metadataConfiguration"),
    ("Get", "GET", "MetadataTableConfiguration", "metadataTable"),
    ("Delete", "DELETE", "MetadataTableConfiguration", "metadataTable"),
    ("Get", "GET", "NotificationConfiguration", "notification"),
    ("Put", "PUT", "NotificationConfiguration", "notification"),
    ("Get", "GET", "Replication", "replication"), ("Put", "PUT", "Replication", "replication"),
    ("Delete", "DELETE", "Replication", "replication"),
    ("Get", "GET", "RequestPayment", "requestPayment"), ("Put", "PUT", "RequestPayment", "requestPayment"),
    ("Get", "GET", "Website", "website"), ("Put", "PUT", "Website", "website"),
    ("Delete", "DELETE", "Website", "website"),
)  # fmt: skip
_NUMBERED_SETTINGS = (
    ("Analytics", "analytics"), ("IntelligentTiering", "intelligent-tiering"), ("Inventory", "inventory"),
    ("Metrics", "metrics"),
)  # fmt: skip


class Table:
    """All rows, ready to be chosen from."""

    def __init__(self) -> None:
        self.rows: Sequence[Row] = (*_service(), *_buckets(), *_objects(), *_not_done())
        # By method and level, and then by sub-resource ("" for none); the most demanding row first.
        menus: dict[tuple[str, int], dict[str, list[Row]]] = {}
        for row in sorted(self.rows, key=lambda row: -len(row.tests) - bool(row.header)):
            if not row.was:
                menu = menus.setdefault((row.method, row.level), {})
                menu.setdefault(row.tests[0] if row.tests else "", []).append(row)
        self._menus = menus
        self.subresources = frozenset(row.tests[0] for row in self.rows if row.tests)

    def choose(self, request: Request, bucket: str, key: str, headers: Mapping[str, str]) -> Row:
        """The row for a request. Raises Fault(UNKNOWN, "operation") or Fault(INVALID, "argument")."""
        menu = self._menus.get((request.method, OBJECT if key else BUCKET if bucket else SERVICE))
        if menu is None:
            raise Fault(Kind.UNKNOWN, "operation", method=request.method)
        named = ""
        if request.query and bucket:
            named = self._subresource(request, menu)
        for row in menu.get(named, ()):
            if (not row.header or row.header in headers) and _has_all(request, row.tests[1:]):
                return row
        raise Fault(Kind.UNKNOWN, "operation", method=request.method)

    def _subresource(self, request: Request, menu: Mapping[str, list[Row]]) -> str:
        """The one sub-resource that the query names, or "".

        One that S3 knows, but not with this method here, must not be overlooked: DELETE of a bucket's ?acl would
        delete the bucket.
        """
        found = {name for name, _ in request.query if name in self.subresources}
        if not found:
            return ""
        if len(found) > 1:
            # `uploads` and `versions` say it all; beside them list-type is a habit of some clients.
            found -= {"list-type"}
        if len(found) > 1:
            names = sorted(found)
            raise Fault(
                Kind.INVALID,
                "argument",
                f"Conflicting query string parameters: {', '.join(names)}",
                name="ResourceType",
                value=names[0],
            )
        named = found.pop()
        if named not in menu:
            raise Fault(Kind.UNKNOWN, "operation", method=request.method)
        return named


def _has_all(request: Request, names: Sequence[str]) -> bool:
    return all(request.param(name) is not None for name in names)
