"""Objects: writing, reading, conditions, ranges, deleting, copying."""

from __future__ import annotations

import hashlib
import os

import pytest

from sampan.kernel import limits
from sampan.kernel.body import Bytes, Digest
from sampan.kernel.fault import Fault, Kind
from sampan.services.objects import model as m
from tests.objects.conftest import World, wrong_md5

SIZES = [0, 1, 1000, limits.INLINE_BYTES_MAX, limits.INLINE_BYTES_MAX + 1, limits.MIB, 3 * limits.MIB + 17]


@pytest.mark.parametrize("size", SIZES)
def test_what_is_put_is_read(world: World, size: int) -> None:
    world.bucket()
    data = os.urandom(size)
    meta = m.Meta("image/png", {"cache-control": "no-store"}, {"who": "é"}, m.StorageClass.INFREQUENT, {"n": "1"})
    written = world.put("a/b", data, meta=meta, tags={"t": "1"})
    assert written.etag == hashlib.md5(data).hexdigest()
    found = world.run(m.GetObject(bucket="photos", key="a/b"))
    assert world.bytes_of(found) == data
    assert (found.first, found.last, found.partial) == (0, size - 1, False)
    assert found.info.meta == meta
    assert (found.info.size, found.info.etag, found.info.tags) == (size, written.etag, 1)
    assert found.info.crc64 == written.crc64 == world.run(m.HeadObject(bucket="photos", key="a/b")).info.crc64
    assert world.run(m.HeadObject(bucket="photos", key="a/b")).body is None


def test_the_crc64_is_oss_s(world: World) -> None:
    world.bucket()
    assert world.put("a", b"123456789").crc64 == 11051210869376104954
    assert world.put("a", b"hello").crc64 == 11177612005948864433


@pytest.mark.parametrize("size", [5, limits.INLINE_BYTES_MAX + 5])
def test_ranges(world: World, size: int) -> None:
    world.bucket()
    data = bytes(range(256)) * (size // 256 + 1)
    data = data[:size]
    world.put("a", data)

    def part(first: int | None, last: int | None) -> bytes:
        found = world.run(m.GetObject(bucket="photos", key="a", range=m.Range(first, last)))
        assert found.partial
        assert found.body is not None
        assert found.body.length == found.last - found.first + 1
        return world.bytes_of(found)

    assert part(0, 0) == data[:1]
    assert part(2, 3) == data[2:4]
    assert part(2, None) == data[2:]
    assert part(None, 3) == data[-3:]
    assert part(None, 10 * size) == data
    assert part(3, 10 * size) == data[3:]
    for bad in (m.Range(size, None), m.Range(size, size + 1), m.Range(None, 0)):
        assert world.fault(m.GetObject(bucket="photos", key="a", range=bad)) == (Kind.UNSATISFIABLE, "range")


def test_an_empty_object_has_no_range(world: World) -> None:
    world.bucket()
    world.put("a", b"")
    assert world.fault(m.GetObject(bucket="photos", key="a", range=m.Range(0, 0))) == (Kind.UNSATISFIABLE, "range")


def test_a_wrong_digest_leaves_nothing(world: World) -> None:
    world.bucket()
    world.put("a", b"old")
    assert world.fault(m.PutObject(bucket="photos", key="a", body=wrong_md5())) == (Kind.MISMATCH, "digest")
    big = Bytes(b"x" * limits.MIB, [Digest("sha256", b"", Fault(Kind.MISMATCH, "digest"))])
    assert world.fault(m.PutObject(bucket="photos", key="a", body=big)) == (Kind.MISMATCH, "digest")
    assert world.read("a") == b"old"
    assert world.reclaim() == 0


def test_checksums_that_the_writer_chose_are_kept(world: World) -> None:
    world.bucket()
    value = hashlib.sha256(b"hello").digest()
    body = Bytes(b"hello", [Digest("sha256", value, Fault(Kind.MISMATCH, "digest"), stored=True)])
    world.run(m.PutObject(bucket="photos", key="a", body=body))
    assert world.run(m.HeadObject(bucket="photos", key="a")).info.checksums == {"sha256": value}


def test_conditions_of_writes(world: World) -> None:
    world.bucket()
    none = m.Condition(none_match=("*",))
    first = world.put("a", b"1", condition=none)
    put = m.PutObject(bucket="photos", key="a", body=Bytes(b"2"), condition=none)
    assert world.fault(put) == (Kind.UNMET, "condition")
    world.put("a", b"2", condition=m.Condition(match=(f'"{first.etag.upper()}"',)))
    stale = m.PutObject(bucket="photos", key="a", body=Bytes(b"3"), condition=m.Condition(match=(first.etag,)))
    assert world.fault(stale) == (Kind.UNMET, "condition")
    absent = m.PutObject(bucket="photos", key="z", body=Bytes(b"3"), condition=m.Condition(match=("*",)))
    assert world.fault(absent) == (Kind.MISSING, "object")
    forbid = m.PutObject(bucket="photos", key="a", body=Bytes(b"3"), forbid_overwrite=True)
    assert world.fault(forbid) == (Kind.EXISTS, "object")
    assert world.read("a") == b"2"


def test_conditions_of_reads(world: World) -> None:
    world.bucket()
    etag = world.put("a", b"1").etag
    now = world.clock.ms

    def outcome(**condition: object) -> object:
        try:
            return world.read("a", condition=m.Condition(**condition))
        except Fault as fault:
            return fault.kind

    assert outcome(match=(etag,)) == outcome(match=("*",)) == outcome(none_match=("x",)) == b"1"
    assert outcome(match=("x",)) == Kind.UNMET
    assert outcome(none_match=(etag,)) == outcome(none_match=("x", etag)) == Kind.UNCHANGED
    assert outcome(modified_since_ms=now - 1000) == outcome(unmodified_since_ms=now) == b"1"
    assert outcome(modified_since_ms=now) == Kind.UNCHANGED
    assert outcome(unmodified_since_ms=now - 1000) == Kind.UNMET
    # RFC 9110: an ETag that is given decides, and the date beside it is not looked at.
    assert outcome(match=(etag,), unmodified_since_ms=now - 1000) == b"1"
    assert outcome(none_match=("x",), modified_since_ms=now) == b"1"


def test_bad_keys_and_metadata(world: World) -> None:
    world.bucket()
    for key, fault in [("", (Kind.INVALID, "key")), ("a\udcff", (Kind.INVALID, "key")),
                       ("é" * 513, (Kind.TOO_LARGE, "key"))]:  # fmt: skip
        assert world.fault(m.PutObject(bucket="photos", key=key, body=Bytes())) == fault
    big = m.Meta(user={"k": "v" * 2048})
    assert world.fault(m.PutObject(bucket="photos", key="a", body=Bytes(), meta=big)) == (Kind.TOO_LARGE, "metadata")
    for key in ("é" * 512, "../../etc/passwd", "a\0b", "/", "//", " ", "\U0010ffff"):
        world.put(key, key.encode())
        assert world.read(key) == key.encode()
        assert key in world.listed()


def test_deleting(world: World) -> None:
    world.bucket()
    world.put("a", b"1")
    assert world.run(m.DeleteObject(bucket="photos", key="a")) == m.Deleted("a")
    assert world.run(m.DeleteObject(bucket="photos", key="a")) == m.Deleted("a")
    assert world.fault(m.GetObject(bucket="photos", key="a")) == (Kind.MISSING, "object")
    world.put("a", b"1")
    world.put("b", b"1")
    etag = world.put("c", b"1").etag
    targets = (m.Target("a"), m.Target(""), m.Target("nothing"), m.Target("b", match="x"), m.Target("c", match=etag))
    outcomes = world.run(m.DeleteObjects(bucket="photos", targets=targets))
    assert [outcome.kind if isinstance(outcome, Fault) else outcome.key for outcome in outcomes] == [
        "a", Kind.INVALID, "nothing", Kind.UNMET, "c",
    ]  # fmt: skip
    assert world.listed() == ["b"]


@pytest.mark.parametrize("size", [10, limits.MIB])
def test_a_copy_shares_bytes_and_survives_its_source(world: World, size: int) -> None:
    world.bucket()
    world.bucket("other")
    data = os.urandom(size)
    world.put("a", data, meta=m.Meta("text/x", user={"k": "v"}), tags={"t": "1"})
    source = m.Source("photos", "a")
    copied = world.run(m.CopyObject(bucket="other", key="b", source=source))
    assert copied.etag == hashlib.md5(data).hexdigest()
    replaced = m.CopyObject(bucket="other", key="c", source=source, meta=m.Meta("text/y"), tags={})
    world.run(replaced)
    world.run(m.DeleteObject(bucket="photos", key="a"))
    world.empty_trash()
    for key, content_type, tags in (("b", "text/x", 1), ("c", "text/y", 0)):
        found = world.run(m.GetObject(bucket="other", key=key))
        assert (found.info.meta.content_type, found.info.tags) == (content_type, tags)
        assert world.bytes_of(found) == data
    world.run(m.DeleteObject(bucket="other", key="b"))
    world.run(m.DeleteObject(bucket="other", key="c"))
    world.empty_trash()
    assert not any(world.rows(b"O" + letter) for letter in (b"d", b"f", b"r", b"t"))


def test_copying_onto_itself(world: World) -> None:
    world.bucket()
    world.put("a", b"1", meta=m.Meta("text/x"))
    source = m.Source("photos", "a")
    assert world.fault(m.CopyObject(bucket="photos", key="a", source=source)) == (Kind.INVALID, "copy")
    world.run(m.CopyObject(bucket="photos", key="a", source=source, meta=m.Meta("text/y")))
    found = world.run(m.GetObject(bucket="photos", key="a"))
    assert (world.bytes_of(found), found.info.meta.content_type) == (b"1", "text/y")
    assert world.rows(b"Or") == []
    missing = m.CopyObject(bucket="photos", key="b", source=m.Source("photos", "z"))
    assert world.fault(missing) == (Kind.MISSING, "object")
    unmet = m.CopyObject(bucket="photos", key="b", source=source, source_condition=m.Condition(none_match=("*",)))
    assert world.fault(unmet) == (Kind.UNMET, "condition")


def test_a_reader_keeps_what_it_opened(world: World) -> None:
    world.bucket()
    data = os.urandom(limits.MIB)
    world.put("a", data)
    found = world.run(m.GetObject(bucket="photos", key="a"))
    world.put("a", b"new")
    world.empty_trash()
    assert world.bytes_of(found) == data
    assert world.read("a") == b"new"


def test_object_tags(world: World) -> None:
    world.bucket()
    world.put("a", b"1")
    assert world.run(m.GetObjectTags(bucket="photos", key="a")) == m.Tagged({})
    world.run(m.PutObjectTags(bucket="photos", key="a", tags={"k": "v"}))
    assert world.run(m.GetObjectTags(bucket="photos", key="a")) == m.Tagged({"k": "v"})
    many = {str(n): "" for n in range(11)}
    assert world.fault(m.PutObjectTags(bucket="photos", key="a", tags=many)) == (Kind.TOO_MANY, "tags")
    assert world.fault(m.PutObjectTags(bucket="photos", key="b", tags={})) == (Kind.MISSING, "object")
