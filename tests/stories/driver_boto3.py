"""The stories in boto3: path style and virtual host, signature versions 4 and 2."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, ParamSpec, TypeVar
from urllib.parse import urlencode

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

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

P = ParamSpec("P")
R = TypeVar("R")

FIELDS = {
    "cache-control": "CacheControl",
    "content-disposition": "ContentDisposition",
    "content-encoding": "ContentEncoding",
    "content-language": "ContentLanguage",
    "expires": "Expires",
}
CONDITIONS = {
    "if-match": "IfMatch",
    "if-none-match": "IfNoneMatch",
    "if-modified-since": "IfModifiedSince",
    "if-unmodified-since": "IfUnmodifiedSince",
}


def said(method: Callable[P, R]) -> Callable[P, R]:
    """The SDK's exception as the stories' own."""

    @functools.wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(*args, **kwargs)
        except ClientError as error:
            meta = error.response["ResponseMetadata"]
            raise Refused(meta["HTTPStatusCode"], error.response["Error"]["Code"], meta.get("RequestId", "")) from error
        except ResponseParserError as error:
            raise AssertionError(f"botocore cannot read the reply: {error}") from error

    return call


def connect(
    door: Door, *, host_style: bool = False, signature: str = "s3v4", region: str = "us-east-1", **more: Any
) -> Any:
    """A boto3 client. The virtual host style goes to AWS's own names by way of the server as an HTTP proxy."""
    style = "virtual" if host_style else "path"
    config = Config(
        signature_version=signature,
        s3={"addressing_style": style},
        retries={"total_max_attempts": 1},
        proxies={"http": door.url} if host_style else {},
        connect_timeout=5,
        read_timeout=60,
        **more,
    )
    return boto3.client(
        "s3",
        endpoint_url=f"http://s3.{region}.amazonaws.com" if host_style else door.url,
        region_name=region,
        aws_access_key_id=door.key_id,
        aws_secret_access_key=door.secret,
        config=config,
    )


class Boto3(Driver):
    """boto3's low-level client."""

    family: ClassVar[str] = "aws"

    def __init__(self, name: str, door: Door, *, host_style: bool = False, signature: str = "s3v4") -> None:
        super().__init__(name)
        self.client = connect(door, host_style=host_style, signature=signature)
        can = {Can.WRITE_IF_MATCH}
        if not host_style:
            can.add(Can.SIGN_URL)  # a URL with Amazon's name in it resolves only through the proxy
        self.can = frozenset(can)
        self.proxied = host_style

    def sends(self, key: str) -> bool:
        return not (self.proxied and dotted(key))

    @said
    def make_bucket(self, bucket: str) -> None:
        self.client.create_bucket(Bucket=bucket)

    @said
    def drop_bucket(self, bucket: str) -> None:
        self.client.delete_bucket(Bucket=bucket)

    @said
    def buckets(self, prefix: str = "", page: int = 1000) -> list[str]:
        pages = self.client.get_paginator("list_buckets").paginate(Prefix=prefix, PaginationConfig={"PageSize": page})
        return [row["Name"] for reply in pages for row in reply.get("Buckets", [])]

    @said
    def location(self, bucket: str) -> str:
        return self.client.get_bucket_location(Bucket=bucket)["LocationConstraint"] or "us-east-1"

    @said
    def set_versioning(self, bucket: str, *, on: bool) -> None:
        status = {"Status": "Enabled" if on else "Suspended"}
        self.client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=status)

    @said
    def versioning(self, bucket: str) -> str:
        return self.client.get_bucket_versioning(Bucket=bucket).get("Status", "")

    @said
    def set_bucket_tags(self, bucket: str, tags: Mapping[str, str]) -> None:
        self.client.put_bucket_tagging(Bucket=bucket, Tagging=_tag_set(tags))

    @said
    def bucket_tags(self, bucket: str) -> dict[str, str]:
        return _untag(self.client.get_bucket_tagging(Bucket=bucket))

    @said
    def drop_bucket_tags(self, bucket: str) -> None:
        self.client.delete_bucket_tagging(Bucket=bucket)

    @said
    def put(
        self, bucket: str, key: str, body: bytes, told: Told = PLAIN, *, only_new: bool = False, md5: str | None = None
    ) -> Wrote:
        more = {"IfNoneMatch": "*"} if only_new else {}
        if md5 is not None:
            more["ContentMD5"] = md5
        return _wrote(self.client.put_object(Bucket=bucket, Key=key, Body=body, **_told(told), **more))

    @said
    def overwrite(self, bucket: str, key: str, body: bytes, etag: str) -> Wrote:
        return _wrote(self.client.put_object(Bucket=bucket, Key=key, Body=body, IfMatch=f'"{etag}"'))

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
        asked = {CONDITIONS[name]: value for name, value in (conditions or {}).items()}
        asked |= {"Response" + _field(name): value for name, value in (overrides or {}).items()}
        if span is not None:
            asked["Range"] = span
        if version is not None:
            asked["VersionId"] = version
        reply = self.client.get_object(Bucket=bucket, Key=key, **asked)
        with reply["Body"] as stream:
            return _seen(reply, stream.read())

    @said
    def head(self, bucket: str, key: str, *, version: str | None = None) -> Seen:
        asked = {} if version is None else {"VersionId": version}
        return _seen(self.client.head_object(Bucket=bucket, Key=key, **asked), None)

    @said
    def copy(self, bucket: str, key: str, origin: Origin, told: Told | None = None) -> Wrote:
        more = {}
        if told is not None:
            more = {"MetadataDirective": "REPLACE", "TaggingDirective": "REPLACE", **_told(told)}
        reply = self.client.copy_object(Bucket=bucket, Key=key, CopySource=_source(origin), **more)
        return Wrote(bare(reply["CopyObjectResult"]["ETag"]), reply.get("VersionId"))

    @said
    def delete(self, bucket: str, key: str, version: str | None = None) -> Gone:
        asked = {} if version is None else {"VersionId": version}
        reply = self.client.delete_object(Bucket=bucket, Key=key, **asked)
        return Gone(reply.get("VersionId"), reply.get("DeleteMarker", False))

    @said
    def delete_many(self, bucket: str, keys: Sequence[str]) -> list[str]:
        reply = self.client.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in keys]})
        assert not reply.get("Errors"), reply["Errors"]
        return [row["Key"] for row in reply.get("Deleted", [])]

    @said
    def listing(self, bucket: str, prefix: str = "", delimiter: str = "", page: int = 1000) -> Listing:
        return self._list("list_objects_v2", bucket, prefix, delimiter, page)

    @said
    def listing_old(self, bucket: str, prefix: str = "", delimiter: str = "", page: int = 1000) -> Listing:
        return self._list("list_objects", bucket, prefix, delimiter, page)

    def _list(self, call: str, bucket: str, prefix: str, delimiter: str, page: int) -> Listing:
        pages = list(
            self.client.get_paginator(call).paginate(
                Bucket=bucket, Prefix=prefix, Delimiter=delimiter, PaginationConfig={"PageSize": page}
            )
        )
        return Listing(
            tuple(
                Entry(row["Key"], row["Size"], bare(row["ETag"]))
                for reply in pages
                for row in reply.get("Contents", ())
            ),
            tuple(row["Prefix"] for reply in pages for row in reply.get("CommonPrefixes", ())),
            len(pages),
        )

    @said
    def versions(self, bucket: str, prefix: str = "", page: int = 1000) -> Listing:
        pages = list(
            self.client.get_paginator("list_object_versions").paginate(
                Bucket=bucket, Prefix=prefix, PaginationConfig={"PageSize": page}
            )
        )
        rows = [
            Entry(row["Key"], row["Size"], bare(row["ETag"]), row["VersionId"], row["IsLatest"])
            for reply in pages
            for row in reply.get("Versions", ())
        ]
        marks = [
            Entry(row["Key"], 0, "", row["VersionId"], row["IsLatest"], True)
            for reply in pages
            for row in reply.get("DeleteMarkers", ())
        ]
        return Listing(tuple(rows + marks), (), len(pages))

    @said
    def set_tags(self, bucket: str, key: str, tags: Mapping[str, str]) -> None:
        self.client.put_object_tagging(Bucket=bucket, Key=key, Tagging=_tag_set(tags))

    @said
    def tags(self, bucket: str, key: str) -> dict[str, str]:
        return _untag(self.client.get_object_tagging(Bucket=bucket, Key=key))

    @said
    def drop_tags(self, bucket: str, key: str) -> None:
        self.client.delete_object_tagging(Bucket=bucket, Key=key)

    @said
    def url(self, method: str, bucket: str, key: str, expires_s: int) -> str:
        operation = {"GET": "get_object", "PUT": "put_object", "HEAD": "head_object", "DELETE": "delete_object"}
        asked = {"Bucket": bucket, "Key": key}
        return self.client.generate_presigned_url(operation[method], Params=asked, ExpiresIn=expires_s)

    @said
    def begin(self, bucket: str, key: str, told: Told = PLAIN) -> str:
        return self.client.create_multipart_upload(Bucket=bucket, Key=key, **_told(told))["UploadId"]

    @said
    def part(self, bucket: str, key: str, upload: str, number: int, body: bytes) -> Part:
        reply = self.client.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=number, Body=body)
        return Part(number, len(body), bare(reply["ETag"]))

    @said
    def copy_part(self, bucket: str, key: str, upload: str, number: int, origin: Origin, first: int, last: int) -> Part:
        reply = self.client.upload_part_copy(
            Bucket=bucket,
            Key=key,
            UploadId=upload,
            PartNumber=number,
            CopySource=_source(origin),
            CopySourceRange=f"bytes={first}-{last}",
        )
        return Part(number, last - first + 1, bare(reply["CopyPartResult"]["ETag"]))

    @said
    def parts(self, bucket: str, key: str, upload: str, page: int = 1000) -> list[Part]:
        pages = self.client.get_paginator("list_parts").paginate(
            Bucket=bucket, Key=key, UploadId=upload, PaginationConfig={"PageSize": page}
        )
        return [
            Part(row["PartNumber"], row["Size"], bare(row["ETag"])) for reply in pages for row in reply.get("Parts", ())
        ]

    @said
    def finish(self, bucket: str, key: str, upload: str, parts: Iterable[Part]) -> Wrote:
        named = {"Parts": [{"PartNumber": part.number, "ETag": f'"{part.etag}"'} for part in parts]}
        return _wrote(
            self.client.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload, MultipartUpload=named)
        )

    @said
    def abort(self, bucket: str, key: str, upload: str) -> None:
        self.client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload)

    @said
    def uploads(self, bucket: str, page: int = 1000) -> list[tuple[str, str]]:
        pages = self.client.get_paginator("list_multipart_uploads").paginate(
            Bucket=bucket, PaginationConfig={"PageSize": page}
        )
        return [(row["Key"], row["UploadId"]) for reply in pages for row in reply.get("Uploads", ())]


def _field(header: str) -> str:
    return "".join(word.capitalize() for word in header.split("-"))


def _told(told: Told) -> dict[str, Any]:
    asked: dict[str, Any] = {"ContentType": told.content_type, "Metadata": dict(told.metadata)}
    asked |= {FIELDS[name]: value for name, value in told.headers.items()}
    if told.tags:
        asked["Tagging"] = urlencode(told.tags)
    return asked


def _wrote(reply: Mapping[str, Any]) -> Wrote:
    return Wrote(bare(reply["ETag"]), reply.get("VersionId"))


def _seen(reply: Mapping[str, Any], body: bytes | None) -> Seen:
    raw = reply["ResponseMetadata"]["HTTPHeaders"]
    return Seen(
        size=reply["ContentLength"],
        etag=bare(reply["ETag"]),
        content_type=reply["ContentType"],
        metadata=reply["Metadata"],
        headers={name: raw[name] for name in HEADERS if name in raw},
        modified_s=int(reply["LastModified"].timestamp()),
        version=reply.get("VersionId"),
        tags=reply.get("TagCount", 0),
        range=reply.get("ContentRange"),
        body=body,
    )


def _source(origin: Origin) -> dict[str, str]:
    source = {"Bucket": origin.bucket, "Key": origin.key}
    return source if origin.version is None else {**source, "VersionId": origin.version}


def _tag_set(tags: Mapping[str, str]) -> dict[str, list[dict[str, str]]]:
    return {"TagSet": [{"Key": key, "Value": value} for key, value in tags.items()]}


def _untag(reply: Mapping[str, Any]) -> dict[str, str]:
    return {row["Key"]: row["Value"] for row in reply["TagSet"]}
