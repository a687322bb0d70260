"""The stories in oss2: signature versions 1, 2 and 4, path style and virtual host."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, ParamSpec, TypeVar
from urllib.parse import urlencode

import oss2
from oss2.models import BucketVersioningConfig, PartInfo, Tagging, TaggingRule

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
)
from tests.stories.prompt import Prompt

P = ParamSpec("P")
R = TypeVar("R")

AUTHS = {1: oss2.Auth, 2: oss2.AuthV2, 4: oss2.AuthV4}
META = "x-oss-meta-"


def said(method: Callable[P, R]) -> Callable[P, R]:
    """The SDK's exception as the stories' own."""

    @functools.wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(*args, **kwargs)
        except oss2.exceptions.ServerError as error:
            raise Refused(error.status, error.code, error.request_id) from error

    return call


class Oss2(Driver):
    """oss2's Bucket and Service."""

    family: ClassVar[str] = "aliyun"

    def __init__(self, name: str, door: Door, *, signature: int, host_style: bool = False) -> None:
        super().__init__(name)
        self.auth = AUTHS[signature](door.key_id, door.secret)
        self.endpoint = "http://oss-cn-hangzhou.aliyuncs.com" if host_style else door.url
        self.more: dict[str, Any] = {
            "session": oss2.Session(adapter=Prompt()) if host_style else oss2.Session(),
            "connect_timeout": 30,
            "region": "cn-hangzhou",
            "proxies": {"http": door.url} if host_style else None,
        }
        can = {Can.APPEND, Can.SYMLINK, Can.CRC64, Can.FORM, Can.STAT, Can.RANGE_LENIENT}
        if not host_style:
            can.add(Can.SIGN_URL)
        self.can = frozenset(can)
        self.strict = signature == 1

    def sends(self, key: str) -> bool:
        # urllib3 takes the dots away; with version 1 the SDK refuses a question mark at the beginning.
        return key not in (".", "..") and not (self.strict and key.startswith("?"))

    def makes(self, key: str) -> bool:
        return self.sends(key) and not key.startswith(("/", "\\"))

    def _at(self, bucket: str) -> oss2.Bucket:
        return oss2.Bucket(self.auth, self.endpoint, bucket, **self.more)

    @said
    def make_bucket(self, bucket: str) -> None:
        self._at(bucket).create_bucket()

    @said
    def drop_bucket(self, bucket: str) -> None:
        self._at(bucket).delete_bucket()

    @said
    def buckets(self, prefix: str = "", page: int = 1000) -> list[str]:
        service = oss2.Service(self.auth, self.endpoint, **self.more)
        return [row.name for row in oss2.BucketIterator(service, prefix=prefix, max_keys=page, max_retries=1)]

    @said
    def location(self, bucket: str) -> str:
        return self._at(bucket).get_bucket_location().location

    @said
    def set_versioning(self, bucket: str, *, on: bool) -> None:
        self._at(bucket).put_bucket_versioning(BucketVersioningConfig("Enabled" if on else "Suspended"))

    @said
    def versioning(self, bucket: str) -> str:
        return self._at(bucket).get_bucket_versioning().status or ""

    @said
    def set_bucket_tags(self, bucket: str, tags: Mapping[str, str]) -> None:
        self._at(bucket).put_bucket_tagging(_tagging(tags))

    @said
    def bucket_tags(self, bucket: str) -> dict[str, str]:
        return dict(self._at(bucket).get_bucket_tagging().tag_set.tagging_rule)

    @said
    def drop_bucket_tags(self, bucket: str) -> None:
        self._at(bucket).delete_bucket_tagging()

    @said
    def put(
        self, bucket: str, key: str, body: bytes, told: Told = PLAIN, *, only_new: bool = False, md5: str | None = None
    ) -> Wrote:
        more = {"x-oss-forbid-overwrite": "true"} if only_new else {}
        if md5 is not None:
            more["Content-MD5"] = md5
        return _wrote(self._at(bucket).put_object(key, body, headers={**_told(told), **more}))

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
        headers = dict(conditions or {})
        if span is not None:
            headers["Range"] = span
        params = {f"response-{name}": value for name, value in (overrides or {}).items()}
        if version is not None:
            params["versionId"] = version
        reply = self._at(bucket).get_object(key, headers=headers, params=params)
        body = reply.read()
        # The SDK compares its own sum with the server's only on request: here that is always.
        if span is None and version is None and reply.server_crc is not None:
            assert reply.client_crc == reply.server_crc
        return _seen(reply, body)

    @said
    def head(self, bucket: str, key: str, *, version: str | None = None) -> Seen:
        params = {} if version is None else {"versionId": version}
        return _seen(self._at(bucket).head_object(key, params=params), None)

    @said
    def copy(self, bucket: str, key: str, origin: Origin, told: Told | None = None) -> Wrote:
        headers = {}
        if told is not None:
            directives = {"x-oss-metadata-directive": "REPLACE", "x-oss-tagging-directive": "Replace"}
            headers = {**directives, **_told(told)}
        params = {} if origin.version is None else {"versionId": origin.version}
        return _wrote(self._at(bucket).copy_object(origin.bucket, origin.key, key, headers=headers, params=params))

    @said
    def delete(self, bucket: str, key: str, version: str | None = None) -> Gone:
        reply = self._at(bucket).delete_object(key, params={} if version is None else {"versionId": version})
        return Gone(reply.versionid, bool(reply.delete_marker))

    @said
    def delete_many(self, bucket: str, keys: Sequence[str]) -> list[str]:
        return list(self._at(bucket).batch_delete_objects(list(keys)).deleted_keys)

    @said
    def listing(self, bucket: str, prefix: str = "", delimiter: str = "", page: int = 1000) -> Listing:
        at, token, replies = self._at(bucket), "", []
        while not replies or replies[-1].is_truncated:
            replies.append(at.list_objects_v2(prefix, delimiter, continuation_token=token, max_keys=page))
            token = replies[-1].next_continuation_token
        return _listing(replies)

    @said
    def listing_old(self, bucket: str, prefix: str = "", delimiter: str = "", page: int = 1000) -> Listing:
        at, marker, replies = self._at(bucket), "", []
        while not replies or replies[-1].is_truncated:
            replies.append(at.list_objects(prefix, delimiter, marker=marker, max_keys=page))
            marker = replies[-1].next_marker
        return _listing(replies)

    @said
    def versions(self, bucket: str, prefix: str = "", page: int = 1000) -> Listing:
        at, key, version, replies = self._at(bucket), "", "", []
        while not replies or replies[-1].is_truncated:
            replies.append(at.list_object_versions(prefix, key_marker=key, versionid_marker=version, max_keys=page))
            key, version = replies[-1].next_key_marker, replies[-1].next_versionid_marker
        rows = [
            Entry(row.key, row.size, bare(row.etag), row.versionid, row.is_latest)
            for reply in replies
            for row in reply.versions
        ]
        marks = [
            Entry(row.key, 0, "", row.versionid, row.is_latest, True)
            for reply in replies
            for row in reply.delete_marker
        ]
        return Listing(tuple(rows + marks), (), len(replies))

    @said
    def set_tags(self, bucket: str, key: str, tags: Mapping[str, str]) -> None:
        self._at(bucket).put_object_tagging(key, _tagging(tags))

    @said
    def tags(self, bucket: str, key: str) -> dict[str, str]:
        return dict(self._at(bucket).get_object_tagging(key).tag_set.tagging_rule)

    @said
    def drop_tags(self, bucket: str, key: str) -> None:
        self._at(bucket).delete_object_tagging(key)

    @said
    def url(self, method: str, bucket: str, key: str, expires_s: int) -> str:
        return self._at(bucket).sign_url(method, key, expires_s)

    @said
    def begin(self, bucket: str, key: str, told: Told = PLAIN) -> str:
        return self._at(bucket).init_multipart_upload(key, headers=_told(told)).upload_id

    @said
    def part(self, bucket: str, key: str, upload: str, number: int, body: bytes) -> Part:
        return Part(number, len(body), bare(self._at(bucket).upload_part(key, upload, number, body).etag))

    @said
    def copy_part(self, bucket: str, key: str, upload: str, number: int, origin: Origin, first: int, last: int) -> Part:
        span = (first, last)
        reply = self._at(bucket).upload_part_copy(origin.bucket, origin.key, span, key, upload, number)
        return Part(number, last - first + 1, bare(reply.etag))

    @said
    def parts(self, bucket: str, key: str, upload: str, page: int = 1000) -> list[Part]:
        rows = oss2.PartIterator(self._at(bucket), key, upload, max_parts=page, max_retries=1)
        return [Part(row.part_number, row.size, bare(row.etag)) for row in rows]

    @said
    def finish(self, bucket: str, key: str, upload: str, parts: Iterable[Part]) -> Wrote:
        named = [PartInfo(part.number, part.etag) for part in parts]
        return _wrote(self._at(bucket).complete_multipart_upload(key, upload, named))

    @said
    def abort(self, bucket: str, key: str, upload: str) -> None:
        self._at(bucket).abort_multipart_upload(key, upload)

    @said
    def uploads(self, bucket: str, page: int = 1000) -> list[tuple[str, str]]:
        rows = oss2.MultipartUploadIterator(self._at(bucket), max_uploads=page, max_retries=1)
        return [(row.key, row.upload_id) for row in rows]

    @said
    def append(self, bucket: str, key: str, position: int, body: bytes, told: Told = PLAIN) -> int:
        return self._at(bucket).append_object(key, position, body, headers=_told(told)).next_position

    @said
    def symlink(self, bucket: str, key: str, target: str) -> None:
        self._at(bucket).put_symlink(target, key)

    @said
    def symlink_target(self, bucket: str, key: str) -> str:
        return self._at(bucket).get_symlink(key).target_key

    @said
    def stat(self, bucket: str) -> tuple[int, int]:
        reply = self._at(bucket).get_bucket_stat()
        return reply.object_count, reply.storage_size_in_bytes


def _told(told: Told) -> dict[str, str]:
    headers = {"Content-Type": told.content_type, **told.headers}
    headers |= {META + name: value for name, value in told.metadata.items()}
    if told.tags:
        headers["x-oss-tagging"] = urlencode(told.tags)
    return headers


def _tagging(tags: Mapping[str, str]) -> Tagging:
    rule = TaggingRule()
    for key, value in tags.items():
        rule.add(key, value)
    return Tagging(rule)


def _wrote(reply: Any) -> Wrote:
    return Wrote(bare(reply.etag), reply.versionid, getattr(reply, "crc", None))


def _seen(reply: Any, body: bytes | None) -> Seen:
    raw = {name.lower(): value for name, value in reply.headers.items()}
    return Seen(
        size=reply.content_length,
        etag=bare(reply.etag),
        content_type=reply.content_type,
        metadata={name.removeprefix(META): value for name, value in raw.items() if name.startswith(META)},
        headers={name: raw[name] for name in HEADERS if name in raw},
        modified_s=reply.last_modified,
        version=reply.versionid,
        form=reply.object_type,
        crc64=reply.server_crc,
        tags=int(raw.get("x-oss-tagging-count", 0)),
        range=raw.get("content-range"),
        body=body,
    )


def _listing(replies: Sequence[Any]) -> Listing:
    rows = [Entry(row.key, row.size, bare(row.etag)) for reply in replies for row in reply.object_list]
    return Listing(tuple(rows), tuple(prefix for reply in replies for prefix in reply.prefix_list), len(replies))
