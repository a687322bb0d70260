"""Listings of objects, in both forms, and of versions: strings all the way, since a page has a thousand rows."""

from __future__ import annotations

from collections.abc import Iterable

from sampan.dialects.aliyun.oss import exchange, names, replies
from sampan.dialects.aliyun.oss.exchange import OssExchange
from sampan.dialects.aliyun.oss.replies import boolean, shown
from sampan.dialects.aliyun.wire.dates import iso_date
from sampan.gateway.contract import Operation
from sampan.gateway.http import Reply
from sampan.gateway.xml import escape
from sampan.kernel import limits
from sampan.services.objects.model import ListObjects, ListVersions, ObjectInfo, ObjectPage, VersionPage

_DEFAULT = 100  # rows in a page, unless the client says


def _limit(x: OssExchange) -> int:
    return exchange.integer(x, "max-keys", _DEFAULT, 1, limits.LIST_MAX)


def bind_list(x: OssExchange, _: bytes) -> ListObjects:
    exchange.url_encoded(x)
    if x.params.get("list-type"):  # "2" is the other operation
        raise exchange.invalid("list-type", x.params["list-type"])
    return ListObjects(
        bucket=x.bucket,
        place=x.place,
        prefix=exchange.text(x, "prefix"),
        delimiter=exchange.text(x, "delimiter"),
        after=exchange.text(x, "marker"),
        limit=_limit(x),
    )


def bind_list_v2(x: OssExchange, _: bytes) -> ListObjects:
    exchange.url_encoded(x)
    token = x.params.get("continuation-token", "")
    return ListObjects(
        bucket=x.bucket,
        place=x.place,
        prefix=exchange.text(x, "prefix"),
        delimiter=exchange.text(x, "delimiter"),
        after=exchange.continuation(token) if token else exchange.text(x, "start-after"),
        limit=_limit(x),
    )


def render_list(x: OssExchange, page: ObjectPage) -> Reply:
    encoded = exchange.url_encoded(x)
    more = "" if page.next is None else f"<NextMarker>{shown(page.next, encoded)}</NextMarker>"
    marker = shown(exchange.text(x, "marker"), encoded)
    return replies.xml(
        "ListBucketResult",
        f"{_head(x, encoded, page.next)}<Marker>{marker}</Marker>{more}"
        f"{_contents(page.objects, encoded, with_owner=True)}{_prefixes(page.prefixes, encoded)}",
    )


def render_list_v2(x: OssExchange, page: ObjectPage) -> Reply:
    encoded = exchange.url_encoded(x)
    token, after = x.params.get("continuation-token", ""), exchange.text(x, "start-after")
    more = "" if page.next is None else exchange.continuation_token(page.next)
    return replies.xml(
        "ListBucketResult",
        _head(x, encoded, page.next)
        + (f"<StartAfter>{shown(after, encoded)}</StartAfter>" if after else "")
        + (f"<ContinuationToken>{escape(token)}</ContinuationToken>" if token else "")
        + (f"<NextContinuationToken>{more}</NextContinuationToken>" if more else "")
        + f"<KeyCount>{len(page.objects) + len(page.prefixes)}</KeyCount>"
        + _contents(page.objects, encoded, with_owner=x.params.get("fetch-owner", "") == "true")
        + _prefixes(page.prefixes, encoded),
    )


def _head(x: OssExchange, encoded: bool, following: str | None) -> str:
    """What every listing begins with."""
    return (
        f"<Name>{escape(x.bucket)}</Name><Prefix>{shown(exchange.text(x, 'prefix'), encoded)}</Prefix>"
        f"<MaxKeys>{_limit(x)}</MaxKeys><Delimiter>{shown(exchange.text(x, 'delimiter'), encoded)}</Delimiter>"
        f"{'<EncodingType>url</EncodingType>' if encoded else ''}"
        f"<IsTruncated>{boolean(following is not None)}</IsTruncated>"
    )


def _prefixes(prefixes: Iterable[str], encoded: bool) -> str:
    return "".join(
        [f"<CommonPrefixes><Prefix>{shown(prefix, encoded)}</Prefix></CommonPrefixes>" for prefix in prefixes]
    )


class _Cells:
    """Dates and owners as text: a page has few different ones."""

    __slots__ = ("_dates", "_owners")

    def __init__(self) -> None:
        self._dates: dict[int, str] = {}
        self._owners: dict[str, str] = {}

    def date(self, ms: int) -> str:
        second = ms // 1000
        found = self._dates.get(second)
        if found is None:
            found = self._dates[second] = iso_date(ms)
        return found

    def owner(self, account: str) -> str:
        found = self._owners.get(account)
        if found is None:
            found = self._owners[account] = replies.owner(account)
        return found


def _contents(objects: Iterable[ObjectInfo], encoded: bool, *, with_owner: bool) -> str:
    cells = _Cells()
    forms, classes = names.FORM_NAMES, names.STORAGE_CLASS_NAMES
    return "".join(
        [
            f"<Contents><Key>{shown(info.key, encoded)}</Key>"
            f"<LastModified>{cells.date(info.modified_ms)}</LastModified>"
            f'<ETag>"{info.etag.upper()}"</ETag><Type>{forms[info.form]}</Type><Size>{info.size}</Size>'
            f"<StorageClass>{classes[info.meta.storage_class]}</StorageClass>"
            f"{cells.owner(info.owner) if with_owner else ''}</Contents>"
            for info in objects
        ]
    )


# --- versions --------------------------------------------------------------------------------------------------------


def bind_versions(x: OssExchange, _: bytes) -> ListVersions:
    exchange.url_encoded(x)
    after, version_after = exchange.text(x, "key-marker"), exchange.text(x, "version-id-marker")
    if version_after and not after:
        raise exchange.invalid("version-id-marker", version_after, "version-id-marker needs key-marker.")
    return ListVersions(
        bucket=x.bucket,
        place=x.place,
        prefix=exchange.text(x, "prefix"),
        delimiter=exchange.text(x, "delimiter"),
        after=after,
        version_after=version_after or None,
        limit=_limit(x),
    )


def render_versions(x: OssExchange, page: VersionPage) -> Reply:
    encoded = exchange.url_encoded(x)
    more = ""
    if page.next is not None:
        more = (
            f"<NextKeyMarker>{shown(page.next, encoded)}</NextKeyMarker>"
            f"<NextVersionIdMarker>{page.next_version or ''}</NextVersionIdMarker>"
        )
    return replies.xml(
        "ListVersionsResult",
        f"{_head(x, encoded, page.next)}<KeyMarker>{shown(exchange.text(x, 'key-marker'), encoded)}</KeyMarker>"
        f"<VersionIdMarker>{escape(exchange.text(x, 'version-id-marker'))}</VersionIdMarker>{more}"
        f"{_versions(page.versions, encoded)}{_prefixes(page.prefixes, encoded)}",
    )


def _versions(versions: Iterable[ObjectInfo], encoded: bool) -> str:
    cells = _Cells()
    rows = []
    for info in versions:
        shared = (
            f"<Key>{shown(info.key, encoded)}</Key><VersionId>{replies.listed_version(info.version)}</VersionId>"
            f"<IsLatest>{boolean(info.latest)}</IsLatest><LastModified>{cells.date(info.modified_ms)}</LastModified>"
            f"{cells.owner(info.owner)}"
        )
        if info.delete_marker:
            rows.append(f"<DeleteMarker>{shared}</DeleteMarker>")
            continue
        rows.append(
            f'<Version>{shared}<ETag>"{info.etag.upper()}"</ETag><Type>{names.FORM_NAMES[info.form]}</Type>'
            f"<Size>{info.size}</Size>"
            f"<StorageClass>{names.STORAGE_CLASS_NAMES[info.meta.storage_class]}</StorageClass></Version>"
        )
    return "".join(rows)


LIST_OBJECTS = Operation("ListObjects", bind_list, render_list)
LIST_OBJECTS_V2 = Operation("ListObjectsV2", bind_list_v2, render_list_v2)
LIST_OBJECT_VERSIONS = Operation("ListObjectVersions", bind_versions, render_versions)
