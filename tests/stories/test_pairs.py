"""Every driver reads what every driver wrote: the same bytes, size, sums, type, metadata, tags, parts and versions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import fastcrc
import pytest

from tests.stories.conftest import DRIVERS
from tests.stories.driver import Can, Driver, Seen, Told
from tests.stories.samples import MIB, ODD_KEYS, SIZES, body, md5, md5_of_parts

TOLD = Told(
    "application/x-own; v=1",
    {"author": "someone", "empty-not": "x y  z"},
    {"cache-control": "max-age=1", "content-disposition": 'inline; filename="a"', "content-language": "de"},
    {"kind": "sample", "a b": "c+d/e"},
)


@dataclass
class Written:
    """What one driver wrote: the bytes of each key, and how it came to be."""

    bucket: str
    bytes: dict[str, bytes] = field(default_factory=dict)
    etags: dict[str, str] = field(default_factory=dict)
    forms: dict[str, str] = field(default_factory=dict)
    versions: dict[str, bytes] = field(default_factory=dict)


def _write(writer: Driver, bucket: str) -> Written:
    written = Written(bucket)
    writer.make_bucket(bucket)

    def note(key: str, data: bytes, etag: str, form: str) -> None:
        written.bytes[key], written.etags[key], written.forms[key] = data, etag, form

    for size in SIZES:
        data = body(size, writer.name)
        note(f"size/{size}", data, writer.put(bucket, f"size/{size}", data, TOLD).etag, "Normal")
    for key in filter(writer.makes, ODD_KEYS):
        data = key.encode()
        note(key, data, writer.put(bucket, key, data, TOLD).etag, "Normal")
    parts = [body(5 * MIB, 1), body(1234, 2)]
    upload = writer.begin(bucket, "parts", TOLD)
    sent = [writer.part(bucket, "parts", upload, number + 1, data) for number, data in enumerate(parts)]
    note("parts", b"".join(parts), writer.finish(bucket, "parts", upload, sent).etag, "Multipart")
    assert written.etags["parts"] == md5_of_parts(*parts)
    if Can.APPEND in writer.can:
        position = writer.append(bucket, "log", 0, body(70_000, 3), TOLD)
        writer.append(bucket, "log", position, b"the end")
        whole = body(70_000, 3) + b"the end"
        note("log", whole, writer.head(bucket, "log").etag, "Appendable")
    writer.set_versioning(bucket, on=True)
    for data in (b"one", b"two"):
        version = writer.put(bucket, "versions", data).version
        assert version is not None
        written.versions[version] = data
    return written


@pytest.fixture(scope="module")
def shelf(drivers: dict[str, Driver], names: Iterator[str]) -> dict[str, Written]:
    """What every driver wrote."""
    return {name: _write(driver, next(names)) for name, driver in drivers.items()}


@pytest.mark.parametrize("reader", DRIVERS)
@pytest.mark.parametrize("writer", DRIVERS)
def test_what_one_wrote_the_other_reads(
    drivers: dict[str, Driver], shelf: dict[str, Written], writer: str, reader: str
) -> None:
    cloud, written = drivers[reader], shelf[writer]
    rows = {row.key: row for row in cloud.listing(written.bucket).entries}
    assert set(rows) == set(written.bytes) | {"versions"}
    for key, data in written.bytes.items():
        if not cloud.sends(key):
            continue
        seen = cloud.get(written.bucket, key)
        assert seen.body == data, key
        _compare(cloud, written, key, seen)
        assert (rows[key].size, rows[key].etag) == (len(data), written.etags[key])
        assert cloud.tags(written.bucket, key) == TOLD.tags
    kept = cloud.versions(written.bucket, prefix="versions").entries
    assert {row.version: cloud.get(written.bucket, row.key, version=row.version).body for row in kept} == (
        written.versions
    )


def _compare(cloud: Driver, written: Written, key: str, seen: Seen) -> None:
    data = written.bytes[key]
    assert (seen.size, seen.etag) == (len(data), written.etags[key]), key
    if written.forms[key] == "Normal":
        assert seen.etag == md5(data)
    assert (seen.content_type, seen.metadata, seen.headers) == (TOLD.content_type, TOLD.metadata, TOLD.headers), key
    if Can.CRC64 in cloud.can:
        assert seen.crc64 == fastcrc.crc64.xz(data), key
    if Can.FORM in cloud.can:
        assert seen.form == written.forms[key]


@pytest.mark.parametrize("reader", DRIVERS)
def test_a_symlink_is_an_object_to_everybody(
    drivers: dict[str, Driver], shelf: dict[str, Written], reader: str
) -> None:
    """Only some can make one; all read its target's bytes."""
    cloud = drivers[reader]
    for name, writer in drivers.items():
        if Can.SYMLINK in writer.can:
            bucket = shelf[name].bucket
            writer.symlink(bucket, "link", "size/1024")
            assert cloud.get(bucket, "link").body == shelf[name].bytes["size/1024"]
            writer.delete(bucket, "link")


@pytest.mark.parametrize("reader", DRIVERS)
def test_a_write_is_seen_at_once_by_everybody(drivers: dict[str, Driver], names: Iterator[str], reader: str) -> None:
    """Read-after-write and list-after-write, each time through another connection."""
    bucket, cloud = next(names), drivers[reader]
    cloud.make_bucket(bucket)
    for number, writer in enumerate(drivers.values()):
        writer.put(bucket, "key", f"{number}".encode())
        assert cloud.get(bucket, "key").body == f"{number}".encode()
        assert cloud.listing(bucket).keys == ["key"]
        writer.delete(bucket, "key")
        assert cloud.listing(bucket).keys == []
