"""Preconditions and ranges, by RFC 9110."""

from __future__ import annotations

from sampan.kernel.fault import Fault, Kind
from sampan.services.objects import rows
from sampan.services.objects.model import NO_CONDITION, Condition, Range


def check_read(condition: Condition, row: rows.ObjectRow) -> None:
    """Raises UNMET "condition" or UNCHANGED "object". Source: RFC 9110, section 13.2.2."""
    if condition is NO_CONDITION:
        return
    modified_s = row.modified_ms // 1000  # HTTP dates have whole seconds
    if condition.match:
        if not _matches(condition.match, row.etag):
            raise Fault(Kind.UNMET, "condition", condition="If-Match")
    elif condition.unmodified_since_ms is not None and modified_s > condition.unmodified_since_ms // 1000:
        raise Fault(Kind.UNMET, "condition", condition="If-Unmodified-Since")
    unchanged = (
        _matches(condition.none_match, row.etag)
        if condition.none_match
        else condition.modified_since_ms is not None and modified_s <= condition.modified_since_ms // 1000
    )
    if unchanged:
        raise Fault(Kind.UNCHANGED, "object", etag=row.etag, modified_ms=row.modified_ms, version=row.version)


def check_source(condition: Condition, row: rows.ObjectRow) -> None:
    """As `check_read`, but for the source of a copy: whatever fails is UNMET."""
    try:
        check_read(condition, row)
    except Fault as fault:
        raise Fault(Kind.UNMET, "condition", condition="copy source") from fault


def check_write(condition: Condition, row: rows.ObjectRow | None, key: str, forbid_overwrite: bool = False) -> None:
    """Raises EXISTS "object", UNMET "condition", or MISSING "object" (If-Match on what is not there, as S3 does)."""
    if forbid_overwrite and row is not None:
        raise Fault(Kind.EXISTS, "object", key=key)
    if condition is NO_CONDITION:
        return
    if condition.match:
        if row is None:
            raise Fault(Kind.MISSING, "object", key=key)
        if not _matches(condition.match, row.etag):
            raise Fault(Kind.UNMET, "condition", condition="If-Match")
    if condition.none_match and row is not None and _matches(condition.none_match, row.etag):
        raise Fault(Kind.UNMET, "condition", condition="If-None-Match")


def span(wanted: Range | None, size: int) -> tuple[int, int]:
    """The first byte and the length of what a range asks for. Raises UNSATISFIABLE "range".

    Source: RFC 9110, section 14.1.2. A range that ends beyond the object is cut.
    """
    if wanted is None or wanted.whole(size):
        return 0, size
    if wanted.first is None:
        length = min(wanted.last or 0, size)
        if length == 0:
            raise Fault(Kind.UNSATISFIABLE, "range", size=size)
        return size - length, length
    if wanted.first >= size:
        raise Fault(Kind.UNSATISFIABLE, "range", size=size)
    last = size - 1 if wanted.last is None else min(wanted.last, size - 1)
    return wanted.first, last - wanted.first + 1


def _matches(etags: tuple[str, ...], etag: str) -> bool:
    return any(wanted == "*" or wanted.strip('"').lower() == etag for wanted in etags)
