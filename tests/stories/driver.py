"""What the stories are told with: one small interface in words of no vendor, which every SDK's driver speaks.

Nothing here is of the server's code: a driver is the vendor's own SDK, unmodified, against a real server.
"""

from __future__ import annotations

import abc
import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar


class Can(enum.StrEnum):
    """What not every dialect can say. A story that needs one names it; a driver that lacks it is skipped by name."""

    APPEND = "append to an object"
    SYMLINK = "link an object to another"
    CRC64 = "show the CRC-64 of an object"
    FORM = "show how an object came to be"
    STAT = "measure a bucket"
    WRITE_IF_MATCH = "write only over a given ETag"
    RANGE_LENIENT = "ask for a range beyond the object and get the whole"
    SIGN_URL = "sign a URL"


class Refused(Exception):
    """The server said no: the vendor's code and status as the SDK's own exception shows them."""

    def __init__(self, status: int, code: str, request_id: str) -> None:
        super().__init__(f"{status} {code} ({request_id})")
        self.status = status
        self.code = code
        self.request_id = request_id


@dataclass(frozen=True)
class Door:
    """Where a server listens and who may enter."""

    host: str
    port: int
    key_id: str
    secret: str

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"


@dataclass(frozen=True)
class Told:
    """What a writer says of an object beside its bytes. Header names in lower case."""

    content_type: str = "application/octet-stream"
    metadata: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


PLAIN = Told()


@dataclass(frozen=True)
class Wrote:
    """A writer's receipt. ETags without quotes, in lower case; `crc64` None where the dialect does not show it."""

    etag: str
    version: str | None = None
    crc64: int | None = None


@dataclass(frozen=True)
class Seen:
    """What a reader saw. `body` is None after a head, `form` and `crc64` where the dialect does not show them."""

    size: int
    etag: str
    content_type: str
    metadata: Mapping[str, str]
    headers: Mapping[str, str]
    modified_s: int
    version: str | None = None
    form: str | None = None
    crc64: int | None = None
    tags: int = 0
    range: str | None = None
    body: bytes | None = None


@dataclass(frozen=True)
class Entry:
    """One row of a listing; a delete marker has no size and no ETag."""

    key: str
    size: int = 0
    etag: str = ""
    version: str | None = None
    latest: bool = True
    marker: bool = False


@dataclass(frozen=True)
class Listing:
    """All pages of a listing together, and how many there were."""

    entries: tuple[Entry, ...]
    prefixes: tuple[str, ...]
    pages: int

    @property
    def keys(self) -> list[str]:
        return [entry.key for entry in self.entries]


@dataclass(frozen=True)
class Gone:
    """`version` is what was removed, or the marker that was made."""

    version: str | None
    marker: bool


@dataclass(frozen=True)
class Part:
    number: int
    size: int
    etag: str


@dataclass(frozen=True)
class Origin:
    """What a copy reads from."""

    bucket: str
    key: str
    version: str | None = None


HEADERS = ("cache-control", "content-disposition", "content-encoding", "content-language", "expires")
"""The system headers that a writer may set and a reader gets back."""


class Driver(abc.ABC):
    """One SDK with one signature and one style of addressing."""

    family: ClassVar[str]  # "aws" or "aliyun": whose codes it gets
    can: frozenset[Can]

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name

    def sends(self, key: str) -> bool:
        """Whether the SDK sends this key as it is. Some clean paths up, or refuse what they take for a mistake."""
        return True

    def makes(self, key: str) -> bool:
        """Whether this cloud lets an object have this key: OSS refuses some that S3 allows."""
        return self.sends(key)

    # buckets
    @abc.abstractmethod
    def make_bucket(self, bucket: str) -> None: ...
    @abc.abstractmethod
    def drop_bucket(self, bucket: str) -> None: ...
    @abc.abstractmethod
    def buckets(self, prefix: str = "", page: int = 1000) -> list[str]: ...
    @abc.abstractmethod
    def location(self, bucket: str) -> str: ...
    @abc.abstractmethod
    def set_versioning(self, bucket: str, *, on: bool) -> None: ...
    @abc.abstractmethod
    def versioning(self, bucket: str) -> str: ...
    @abc.abstractmethod
    def set_bucket_tags(self, bucket: str, tags: Mapping[str, str]) -> None: ...
    @abc.abstractmethod
    def bucket_tags(self, bucket: str) -> dict[str, str]: ...
    @abc.abstractmethod
    def drop_bucket_tags(self, bucket: str) -> None: ...

    # objects
    @abc.abstractmethod
    def put(
        self, bucket: str, key: str, body: bytes, told: Told = PLAIN, *, only_new: bool = False, md5: str | None = None
    ) -> Wrote:
        """`only_new` refuses to replace an object; `md5` is what the writer claims the body's digest to be, as sent."""

    @abc.abstractmethod
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
        """`span` is a Range header's value, `conditions` and `overrides` are by header: "if-match", "content-type"."""

    @abc.abstractmethod
    def head(self, bucket: str, key: str, *, version: str | None = None) -> Seen: ...
    @abc.abstractmethod
    def copy(self, bucket: str, key: str, origin: Origin, told: Told | None = None) -> Wrote:
        """`told` None keeps what the origin's writer told."""

    @abc.abstractmethod
    def delete(self, bucket: str, key: str, version: str | None = None) -> Gone: ...
    @abc.abstractmethod
    def delete_many(self, bucket: str, keys: Sequence[str]) -> list[str]: ...
    @abc.abstractmethod
    def listing(self, bucket: str, prefix: str = "", delimiter: str = "", page: int = 1000) -> Listing: ...
    @abc.abstractmethod
    def listing_old(self, bucket: str, prefix: str = "", delimiter: str = "", page: int = 1000) -> Listing:
        """By the first version of the listing call."""

    @abc.abstractmethod
    def versions(self, bucket: str, prefix: str = "", page: int = 1000) -> Listing: ...
    @abc.abstractmethod
    def set_tags(self, bucket: str, key: str, tags: Mapping[str, str]) -> None: ...
    @abc.abstractmethod
    def tags(self, bucket: str, key: str) -> dict[str, str]: ...
    @abc.abstractmethod
    def drop_tags(self, bucket: str, key: str) -> None: ...
    @abc.abstractmethod
    def url(self, method: str, bucket: str, key: str, expires_s: int) -> str: ...

    # multipart uploads
    @abc.abstractmethod
    def begin(self, bucket: str, key: str, told: Told = PLAIN) -> str: ...
    @abc.abstractmethod
    def part(self, bucket: str, key: str, upload: str, number: int, body: bytes) -> Part: ...
    @abc.abstractmethod
    def copy_part(
        self, bucket: str, key: str, upload: str, number: int, origin: Origin, first: int, last: int
    ) -> Part: ...
    @abc.abstractmethod
    def parts(self, bucket: str, key: str, upload: str, page: int = 1000) -> list[Part]: ...
    @abc.abstractmethod
    def finish(self, bucket: str, key: str, upload: str, parts: Iterable[Part]) -> Wrote: ...
    @abc.abstractmethod
    def abort(self, bucket: str, key: str, upload: str) -> None: ...
    @abc.abstractmethod
    def uploads(self, bucket: str, page: int = 1000) -> list[tuple[str, str]]:
        """Keys and upload ids."""

    # what only one cloud can say; the flag says who
    def append(self, bucket: str, key: str, position: int, body: bytes, told: Told = PLAIN) -> int:
        raise NotImplementedError(Can.APPEND)

    def symlink(self, bucket: str, key: str, target: str) -> None:
        raise NotImplementedError(Can.SYMLINK)

    def symlink_target(self, bucket: str, key: str) -> str:
        raise NotImplementedError(Can.SYMLINK)

    def stat(self, bucket: str) -> tuple[int, int]:
        """Objects and bytes."""
        raise NotImplementedError(Can.STAT)

    def overwrite(self, bucket: str, key: str, body: bytes, etag: str) -> Wrote:
        """Only over the version with this ETag."""
        raise NotImplementedError(Can.WRITE_IF_MATCH)


def bare(etag: str | None) -> str:
    """An ETag without quotes, in lower case: the clouds differ in case alone."""
    return (etag or "").strip('"').lower()


def dotted(key: str) -> bool:
    """Whether urllib3 would clean the key up: it takes `.` and `..` away that stand between slashes."""
    return not {".", ".."}.isdisjoint(key.split("/"))
