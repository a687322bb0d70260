"""The stories in alibabacloud-oss-v2: signature versions 1 and 4, path style and virtual host."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, ParamSpec, TypeVar
from urllib.parse import quote, unquote, urlencode

import alibabacloud_oss_v2 as oss

from tests.stories.driver import (
    HEADERS,
    PLAIN,
    Can,
    Door,
    Driver,
    Entry,
    Gone,
    Listing,
    Origin,
    Part,
    Refused,
    Seen,
    Told,
    Wrote,
    bare,
    dotted,
)
from tests.stories.prompt import Prompt

P = ParamSpec("P")
R = TypeVar("R")


def said(method: Callable[P, R]) -> Callable[P, R]:
    """The SDK's exception as the stories' own."""

    @functools.wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(*args, **kwargs)
        except oss.exceptions.OperationError as error:
            cause = error.unwrap()
            if not isinstance(cause, oss.exceptions.ServiceError):
                raise
            raise Refused(cause.status_code, cause.code, cause.request_id) from error

    return call


def connect(door: Door, *, signature: str = "v4", host_style: bool = False, region: str = "cn-hangzhou") -> oss.Client:
    """A client that tries each request once."""
    config = oss.config.load_default()
    config.credentials_provider = oss.credentials.StaticCredentialsProvider(door.key_id, door.secret)
    config.region = region
    config.signature_version = signature
    config.retry_max_attempts = 1
    config.endpoint = f"http://oss-{region}.aliyuncs.com" if host_style else door.url
    config.use_path_style = not host_style
    if host_style:
        config.http_client = oss.transport.RequestsHttpClient(adapter=Prompt(), proxy_host={"http": door.url})
    return oss.Client(config)


class OssV2(Driver):
    """alibabacloud-oss-v2's Client."""

    family: ClassVar[str] = "aliyun"

    def __init__(self, name: str, door: Door, *, signature: str, host_style: bool = False) -> None:
        super().__init__(name)
        self.client = connect(door, signature=signature, host_style=host_style)
        can = {Can.APPEND, Can.SYMLINK, Can.CRC64, Can.FORM, Can.STAT, Can.RANGE_LENIENT}
        if not host_style:
            can.add(Can.SIGN_URL)
        self.can = frozenset(can)

    def sends(self, key: str) -> bool:
        return not dotted(key)

    def makes(self, key: str) -> bool:
        return self.sends(key) and not key.startswith(("/", "\\"))

    @said
    def make_bucket(self, bucket: str) -> None:
        self.client.put_bucket(oss.PutBucketRequest(bucket))

    @said
    def drop_bucket(self, bucket: str) -> None:
        self.client.delete_bucket(oss.DeleteBucketRequest(bucket))

    @said
    def buckets(self, prefix: str = "", page: int = 1000) -> list[str]:
        pages = self.client.list_buckets_paginator(limit=page).iter_page(oss.ListBucketsRequest(prefix=prefix))
        return [row.name for reply in pages for row in reply.buckets or ()]

    @said
    def location(self, bucket: str) -> str:
        return str(self.client.get_bucket_location(oss.GetBucketLocationRequest(bucket)).location)

    @said
    def set_versioning(self, bucket: str, *, on: bool) -> None:
        wanted = oss.VersioningConfiguration(status="Enabled" if on else "Suspended")
        self.client.put_bucket_versioning(oss.PutBucketVersioningRequest(bucket, versioning_configuration=wanted))

    @said
    def versioning(self, bucket: str) -> str:
        return self.client.get_bucket_versioning(oss.GetBucketVersioningRequest(bucket)).version_status or ""

    @said
    def set_bucket_tags(self, bucket: str, tags: Mapping[str, str]) -> None:
        self.client.put_bucket_tags(oss.PutBucketTagsRequest(bucket, tagging=_tagging(tags)))

    @said
    def bucket_tags(self, bucket: str) -> dict[str, str]:
        return _untag(self.client.get_bucket_tags(oss.GetBucketTagsRequest(bucket)).tagging.tag_set)

    @said
    def drop_bucket_tags(self, bucket: str) -> None:
        self.client.delete_bucket_tags(oss.DeleteBucketTagsRequest(bucket))

    @said
    def put(
        self, bucket: str, key: str, body: bytes, told: Told = PLAIN, *, only_new: bool = False, md5: str | None = None
    ) -> Wrote:
        more: dict[str, Any] = {"forbid_overwrite": True} if only_new else {}
        request = oss.PutObjectRequest(bucket, key, body=body, content_md5=md5, **_told(told), **more)
        return _wrote(self.client.put_object(request))

    @said
    def get(
        self,
        bucket: str,
        key: str,
        *,
        span: str | None = None,
        version: str | None = None,
        conditions: Mapping[str, str] | None = None,
        overrides: Mapping[str, str] | None = None,
    ) -> Seen:
        asked: dict[str, Any] = {name.replace("-", "_"): value for name, value in (conditions or {}).items()}
        asked |= {"response_" + name.replace("-", "_"): value for name, value in (overrides or {}).items()}
        reply = self.client.get_object(
            oss.GetObjectRequest(bucket, key, range_header=span, version_id=version, **asked)
        )
        with reply.body as stream:
            return _seen(reply, stream.read())

    @said
    def head(self, bucket: str, key: str, *, version: str | None = None) -> Seen:
        return _seen(self.client.head_object(oss.HeadObjectRequest(bucket, key, version_id=version)), None)

    @said
    def copy(self, bucket: str, key: str, origin: Origin, told: Told | None = None) -> Wrote:
        more: dict[str, Any] = {}
        if told is not None:
            more = {"metadata_directive": "REPLACE", "tagging_directive": "Replace", **_told(told)}
        request = oss.CopyObjectRequest(
            bucket,
            key,
            source_bucket=origin.bucket,
            source_key=origin.key,
            source_version_id=origin.version,
            **more,
        )
        return _wrote(self.client.copy_object(request))

    @said
    def delete(self, bucket: str, key: str, version: str | None = None) -> Gone:
        reply = self.client.delete_object(oss.DeleteObjectRequest(bucket, key, version_id=version))
        return Gone(reply.version_id, bool(reply.delete_marker))

    @said
    def delete_many(self, bucket: str, keys: Sequence[str]) -> list[str]:
        rows = [oss.DeleteObject(key=key) for key in keys]
        request = oss.DeleteMultipleObjectsRequest(bucket, encoding_type="url", objects=rows)
        return [row.key for row in self.client.delete_multiple_objects(request).deleted_objects or ()]

    @said
    def listing(self, bucket: str, prefix: str = "", delimiter: str = "", page: int = 1000) -> Listing:
        request = oss.ListObjectsV2Request(bucket, prefix=prefix, delimiter=delimiter or None)
        return _listing(list(self.client.list_objects_v2_paginator(limit=page).iter_page(request)))

    @said
    def listing_old(self, bucket: str, prefix: str = "", delimiter: str = "", page: int = 1000) -> Listing:
        request = oss.ListObjectsRequest(bucket, prefix=prefix, delimiter=delimiter or None)
        return _listing(list(self.client.list_objects_paginator(limit=page).iter_page(request)))

    @said
    def versions(self, bucket: str, prefix: str = "", page: int = 1000) -> Listing:
        request = oss.ListObjectVersionsRequest(bucket, prefix=prefix)
        pages = list(self.client.list_object_versions_paginator(limit=page).iter_page(request))
        rows = [
            Entry(row.key, row.size, bare(row.etag), row.version_id, row.is_latest)
            for reply in pages
            for row in reply.version or ()
        ]
        marks = [
            Entry(row.key, 0, "", row.version_id, row.is_latest, True)
            for reply in pages
            for row in reply.delete_marker or ()
        ]
        return Listing(tuple(rows + marks), (), len(pages))

    @said
    def set_tags(self, bucket: str, key: str, tags: Mapping[str, str]) -> None:
        self.client.put_object_tagging(oss.PutObjectTaggingRequest(bucket, key, tagging=_tagging(tags)))

    @said
    def tags(self, bucket: str, key: str) -> dict[str, str]:
        return _untag(self.client.get_object_tagging(oss.GetObjectTaggingRequest(bucket, key)).tag_set)

    @said
    def drop_tags(self, bucket: str, key: str) -> None:
        self.client.delete_object_tagging(oss.DeleteObjectTaggingRequest(bucket, key))

    @said
    def url(self, method: str, bucket: str, key: str, expires_s: int) -> str:
        request = {"GET": oss.GetObjectRequest, "PUT": oss.PutObjectRequest, "HEAD": oss.HeadObjectRequest}[method]
        return self.client.presign(request(bucket, key), expires=datetime.timedelta(seconds=expires_s)).url

    @said
    def begin(self, bucket: str, key: str, told: Told = PLAIN) -> str:
        request = oss.InitiateMultipartUploadRequest(bucket, key, **_told(told))
        return self.client.initiate_multipart_upload(request).upload_id

    @said
    def part(self, bucket: str, key: str, upload: str, number: int, body: bytes) -> Part:
        request = oss.UploadPartRequest(bucket, key, part_number=number, upload_id=upload, body=body)
        return Part(number, len(body), bare(self.client.upload_part(request).etag))

    @said
    def copy_part(self, bucket: str, key: str, upload: str, number: int, origin: Origin, first: int, last: int) -> Part:
        request = oss.UploadPartCopyRequest(
            bucket,
            key,
            part_number=number,
            upload_id=upload,
            source_bucket=origin.bucket,
            source_key=origin.key,
            source_range=f"bytes={first}-{last}",
        )
        return Part(number, last - first + 1, bare(self.client.upload_part_copy(request).etag))

    @said
    def parts(self, bucket: str, key: str, upload: str, page: int = 1000) -> list[Part]:
        pages = self.client.list_parts_paginator(limit=page).iter_page(
            oss.ListPartsRequest(bucket, key, upload_id=upload)
        )
        return [Part(row.part_number, row.size, bare(row.etag)) for reply in pages for row in reply.parts or ()]

    @said
    def finish(self, bucket: str, key: str, upload: str, parts: Iterable[Part]) -> Wrote:
        named = [oss.UploadPart(part_number=part.number, etag=part.etag) for part in parts]
        request = oss.CompleteMultipartUploadRequest(
            bucket, key, upload_id=upload, complete_multipart_upload=oss.CompleteMultipartUpload(parts=named)
        )
        return _wrote(self.client.complete_multipart_upload(request))

    @said
    def abort(self, bucket: str, key: str, upload: str) -> None:
        self.client.abort_multipart_upload(oss.AbortMultipartUploadRequest(bucket, key, upload_id=upload))

    @said
    def uploads(self, bucket: str, page: int = 1000) -> list[tuple[str, str]]:
        pages = self.client.list_multipart_uploads_paginator(limit=page).iter_page(
            oss.ListMultipartUploadsRequest(bucket)
        )
        return [(row.key, row.upload_id) for reply in pages for row in reply.uploads or ()]

    @said
    def append(self, bucket: str, key: str, position: int, body: bytes, told: Told = PLAIN) -> int:
        request = oss.AppendObjectRequest(bucket, key, position=position, body=body, **_told(told))
        return int(self.client.append_object(request).next_position)

    @said
    def symlink(self, bucket: str, key: str, target: str) -> None:
        self.client.put_symlink(oss.PutSymlinkRequest(bucket, key, symlink_target=quote(target)))

    @said
    def symlink_target(self, bucket: str, key: str) -> str:
        return unquote(self.client.get_symlink(oss.GetSymlinkRequest(bucket, key)).target)

    @said
    def stat(self, bucket: str) -> tuple[int, int]:
        reply = self.client.get_bucket_stat(oss.GetBucketStatRequest(bucket))
        return reply.object_count, reply.storage


def _told(told: Told) -> dict[str, Any]:
    asked: dict[str, Any] = {"content_type": told.content_type, "metadata": dict(told.metadata)}
    more = {}
    for name, value in told.headers.items():
        if name == "content-language":  # the one header that the SDK's models have no field for
            more["Content-Language"] = value
        else:
            asked[name.replace("-", "_")] = value
    if more:
        asked["headers"] = more
    if told.tags:
        asked["tagging"] = urlencode(told.tags)
    return asked


def _tagging(tags: Mapping[str, str]) -> oss.Tagging:
    return oss.Tagging(tag_set=oss.TagSet(tags=[oss.Tag(key=key, value=value) for key, value in tags.items()]))


def _untag(tag_set: Any) -> dict[str, str]:
    return {tag.key: tag.value or "" for tag in (tag_set.tags if tag_set else None) or ()}


def _wrote(reply: Any) -> Wrote:
    return Wrote(bare(reply.etag), reply.version_id, int(reply.hash_crc64) if reply.hash_crc64 else None)


def _seen(reply: Any, body: bytes | None) -> Seen:
    raw = {name.lower(): value for name, value in reply.headers.items()}
    return Seen(
        size=reply.content_length,
        etag=bare(reply.etag),
        content_type=reply.content_type,
        metadata=dict(reply.metadata or {}),
        headers={name: raw[name] for name in HEADERS if name in raw},
        modified_s=int(reply.last_modified.timestamp()),
        version=reply.version_id,
        form=reply.object_type,
        crc64=int(reply.hash_crc64) if reply.hash_crc64 else None,
        tags=reply.tagging_count or 0,
        range=raw.get("content-range"),
        body=body,
    )


def _listing(replies: Sequence[Any]) -> Listing:
    rows = [Entry(row.key, row.size, bare(row.etag)) for reply in replies for row in reply.contents or ()]
    prefixes = tuple(row.prefix for reply in replies for row in reply.common_prefixes or ())
    return Listing(tuple(rows), prefixes, len(replies))
