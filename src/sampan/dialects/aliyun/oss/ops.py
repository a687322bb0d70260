"""The table of all operations of OSS: those that Sampan does, then those that it does not do yet."""

from __future__ import annotations

from sampan.dialects.aliyun.oss import buckets, listings, objects, policies, undone, uploads
from sampan.dialects.aliyun.oss.routes import BUCKET, OBJECT, SERVICE, Route, Routes

_COPY = ("x-oss-copy-source:",)

_DONE = (
    Route(buckets.LIST_BUCKETS, SERVICE, "GET"),
    Route(buckets.PUT_BUCKET, BUCKET, "PUT"),
    Route(buckets.DELETE_BUCKET, BUCKET, "DELETE"),
    Route(buckets.GET_BUCKET_INFO, BUCKET, "GET", "bucketInfo"),
    Route(buckets.GET_BUCKET_LOCATION, BUCKET, "GET", "location"),
    Route(buckets.GET_BUCKET_STAT, BUCKET, "GET", "stat"),
    Route(policies.GET_BUCKET_ACL, BUCKET, "GET", "acl"),
    Route(policies.PUT_BUCKET_ACL, BUCKET, "PUT", "acl"),
    Route(policies.GET_BUCKET_POLICY, BUCKET, "GET", "policy"),
    Route(policies.PUT_BUCKET_POLICY, BUCKET, "PUT", "policy"),
    Route(policies.DELETE_BUCKET_POLICY, BUCKET, "DELETE", "policy"),
    Route(policies.GET_BUCKET_POLICY_STATUS, BUCKET, "GET", "policyStatus"),
    Route(policies.GET_BUCKET_BLOCK, BUCKET, "GET", "publicAccessBlock"),
    Route(policies.PUT_BUCKET_BLOCK, BUCKET, "PUT", "publicAccessBlock"),
    Route(policies.DELETE_BUCKET_BLOCK, BUCKET, "DELETE", "publicAccessBlock"),
    Route(buckets.GET_BUCKET_VERSIONING, BUCKET, "GET", "versioning"),
    Route(buckets.PUT_BUCKET_VERSIONING, BUCKET, "PUT", "versioning"),
    Route(buckets.GET_BUCKET_TAGS, BUCKET, "GET", "tagging"),
    Route(buckets.PUT_BUCKET_TAGS, BUCKET, "PUT", "tagging"),
    Route(buckets.DELETE_BUCKET_TAGS, BUCKET, "DELETE", "tagging"),
    Route(listings.LIST_OBJECTS, BUCKET, "GET"),
    Route(listings.LIST_OBJECTS_V2, BUCKET, "GET", "list-type", ("list-type=2",)),
    Route(listings.LIST_OBJECT_VERSIONS, BUCKET, "GET", "versions"),
    Route(objects.DELETE_MULTIPLE_OBJECTS, BUCKET, "POST", "delete"),
    Route(objects.COPY_OBJECT, OBJECT, "PUT", "", _COPY),
    Route(objects.PUT_OBJECT, OBJECT, "PUT"),
    Route(objects.APPEND_OBJECT, OBJECT, "POST", "append"),
    Route(objects.PUT_SYMLINK, OBJECT, "PUT", "symlink"),
    Route(objects.GET_OBJECT, OBJECT, "GET"),
    Route(objects.HEAD_OBJECT, OBJECT, "HEAD"),
    Route(objects.GET_OBJECT_META, OBJECT, "HEAD", "objectMeta"),
    Route(objects.GET_SYMLINK, OBJECT, "GET", "symlink"),
    Route(objects.DELETE_OBJECT, OBJECT, "DELETE"),
    Route(objects.GET_OBJECT_ACL, OBJECT, "GET", "acl"),
    Route(objects.PUT_OBJECT_ACL, OBJECT, "PUT", "acl"),
    Route(objects.GET_OBJECT_TAGGING, OBJECT, "GET", "tagging"),
    Route(objects.PUT_OBJECT_TAGGING, OBJECT, "PUT", "tagging"),
    Route(objects.DELETE_OBJECT_TAGGING, OBJECT, "DELETE", "tagging"),
    Route(objects.RESTORE_OBJECT, OBJECT, "POST", "restore"),
    Route(uploads.INITIATE_MULTIPART_UPLOAD, OBJECT, "POST", "uploads"),
    Route(uploads.UPLOAD_PART_COPY, OBJECT, "PUT", "uploadId", _COPY),
    Route(uploads.UPLOAD_PART, OBJECT, "PUT", "uploadId"),
    Route(uploads.COMPLETE_MULTIPART_UPLOAD, OBJECT, "POST", "uploadId"),
    Route(uploads.ABORT_MULTIPART_UPLOAD, OBJECT, "DELETE", "uploadId"),
    Route(uploads.LIST_PARTS, OBJECT, "GET", "uploadId"),
    Route(uploads.LIST_MULTIPART_UPLOADS, BUCKET, "GET", "uploads"),
)


def all_routes() -> list[Route]:
    """Every operation of OSS, done or not."""
    return [*_DONE, *undone.routes()]


def table() -> Routes:
    """The routes, ready to be asked."""
    return Routes(all_routes())
