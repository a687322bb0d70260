"""Multipart uploads, appending, symlinks."""

from __future__ import annotations

import hashlib
import os
from typing import Any

import pytest

from sampan.engines.digests import LibraryDigests
from sampan.kernel import limits
from sampan.kernel.body import Bytes, Digest
from sampan.kernel.fault import Fault, Kind
from sampan.services.objects import model as m
from tests.objects.conftest import World


def digest(algorithm: str, data: bytes) -> bytes:
    digester = LibraryDigests().start([algorithm])
    digester.update(data)
    return digester.values()[algorithm]


def begin(world: World, key: str = "a", **more: Any) -> str:
    return world.run(m.CreateUpload(bucket="photos", key=key, **more)).upload


def part(world: World, upload: str, number: int, data: bytes, key: str = "a") -> m.PartInfo:
    return world.run(m.PutPart(bucket="photos", key=key, upload=upload, number=number, body=Bytes(data)))


def complete(upload: str, *parts: m.NamedPart, key: str = "a", minimum: int = 0, **more: Any) -> m.CompleteUpload:
    return m.CompleteUpload(
        bucket="photos", key=key, upload=upload, parts=parts or None, part_bytes_min=minimum, **more
    )


def test_parts_become_one_object(world: World) -> None:
    world.bucket()
    data = [os.urandom(limits.MIB), os.urandom(100), os.urandom(limits.INLINE_BYTES_MAX + 1)]
    upload = begin(world, meta=m.Meta("text/x", user={"k": "v"}), tags={"t": "1"})
    assert world.listed() == []
    infos = [part(world, upload, number, piece) for number, piece in zip((1, 5, 9), data, strict=True)]
    part(world, upload, 7, b"not chosen")
    named = [m.NamedPart(info.number, info.etag) for info in infos]
    written = world.run(complete(upload, *named))
    whole = b"".join(data)
    md5s = b"".join(hashlib.md5(piece).digest() for piece in data)
    assert written.etag == hashlib.md5(md5s).hexdigest() + "-3"
    assert written.crc64 == int.from_bytes(digest("crc64xz", whole), "big")
    assert world.read("a") == whole
    for first, last in ((0, 0), (limits.MIB - 1, limits.MIB), (limits.MIB + 99, limits.MIB + 100), (10, None)):
        got = world.read("a", range=m.Range(first, last))
        assert got == whole[first : None if last is None else last + 1]
    info = world.run(m.HeadObject(bucket="photos", key="a")).info
    assert (info.form, info.parts, info.size, info.meta.user) == (m.Form.MULTIPART, 3, len(whole), {"k": "v"})
    found = world.run(m.GetObject(bucket="photos", key="a", part=2))
    assert world.bytes_of(found) == data[1]
    assert world.fault(m.GetObject(bucket="photos", key="a", part=4)) == (Kind.INVALID, "part number")
    listed = world.run(m.ListObjectParts(bucket="photos", key="a"))
    assert [(p.number, p.size) for p in listed.parts] == [(i, len(piece)) for i, piece in enumerate(data, 1)]
    assert world.run(m.ListUploads(bucket="photos")).uploads == ()
    # Asking again, the answer having been lost, gives it again.
    assert world.run(complete(upload, *named)) == written
    assert world.fault(complete(upload, named[0])) == (Kind.MISSING, "upload")
    world.run(m.DeleteObject(bucket="photos", key="a"))
    world.empty_trash()
    assert not any(world.rows(b"O" + letter) for letter in (b"d", b"f", b"r", b"t", b"x", b"p", b"u"))


def test_bad_completions_change_nothing(world: World) -> None:
    world.bucket()
    upload = begin(world)
    one, two = part(world, upload, 1, b"1" * 10), part(world, upload, 2, b"2")
    named = (m.NamedPart(1, one.etag), m.NamedPart(2, two.etag))
    assert world.fault(complete(upload, named[1], named[0])) == (Kind.CONFLICT, "part order")
    assert world.fault(complete(upload, named[0], named[0])) == (Kind.CONFLICT, "part order")
    assert world.fault(complete(upload, named[0], m.NamedPart(3, None))) == (Kind.INVALID, "part")
    assert world.fault(complete(upload, m.NamedPart(1, two.etag))) == (Kind.INVALID, "part")
    assert world.fault(complete(upload, *named, minimum=11)) == (Kind.TOO_SMALL, "part")
    assert world.fault(complete(upload, *named, size=12)) == (Kind.MISMATCH, "digest")
    assert world.fault(complete("0" * 32, *named)) == (Kind.MISSING, "upload")
    assert world.fault(complete(upload, *named, key="b")) == (Kind.MISSING, "upload")
    world.put("a", b"there")
    exists = complete(upload, *named, condition=m.Condition(none_match=("*",)))
    assert world.fault(exists) == (Kind.UNMET, "condition")
    assert world.read("a") == b"there"
    world.run(complete(upload, *named, minimum=10))
    assert world.read("a") == b"1" * 10 + b"2"
    for number in (0, limits.PARTS_MAX + 1):
        wrong = m.PutPart(bucket="photos", key="a", upload=upload, number=number, body=Bytes())
        assert world.fault(wrong) == (Kind.INVALID, "part number")


def test_aborting_gives_everything_back(world: World) -> None:
    world.bucket()
    upload = begin(world)
    part(world, upload, 1, b"x" * limits.MIB)
    part(world, upload, 1, b"y" * limits.MIB)
    part(world, upload, 2, b"z")
    assert world.run(m.MeasureBucket(bucket="photos")).uploads == 1
    world.run(m.AbortUpload(bucket="photos", key="a", upload=upload))
    assert world.fault(m.AbortUpload(bucket="photos", key="a", upload=upload)) == (Kind.MISSING, "upload")
    put = m.PutPart(bucket="photos", key="a", upload=upload, number=1, body=Bytes(b"late"))
    assert world.fault(put) == (Kind.MISSING, "upload")
    world.empty_trash()
    assert not any(world.rows(b"O" + letter) for letter in (b"d", b"f", b"r", b"t", b"p", b"u"))
    assert world.run(m.MeasureBucket(bucket="photos")).uploads == 0


@pytest.mark.parametrize("algorithm", ["crc32", "crc32c", "crc64nvme", "sha1", "sha256"])
@pytest.mark.parametrize("kind", list(m.ChecksumType))
def test_checksums_of_the_whole(world: World, algorithm: str, kind: m.ChecksumType) -> None:
    world.bucket()
    create = m.CreateUpload(bucket="photos", key="a", checksum=algorithm, checksum_type=kind)
    impossible = (algorithm == "crc64nvme") == (kind is m.ChecksumType.COMPOSITE)
    if (algorithm.startswith("sha") and kind is m.ChecksumType.FULL) or (algorithm == "crc64nvme" and impossible):
        assert world.fault(create) == (Kind.MISMATCH, "checksum type")
        return
    upload = world.run(create).upload
    data = [b"a" * 100, b"b" * 1000, b"c"]
    for number, piece in enumerate(data, 1):
        assert part(world, upload, number, piece).checksums == {algorithm: digest(algorithm, piece)}
    expected = (
        digest(algorithm, b"".join(data))
        if kind is m.ChecksumType.FULL
        else digest(algorithm, b"".join(digest(algorithm, piece) for piece in data))
    )
    assert world.fault(complete(upload, checksums={algorithm: b"\0" * len(expected)})) == (Kind.MISMATCH, "digest")
    written = world.run(complete(upload, checksums={algorithm: expected}))
    assert (written.checksums, written.checksum_type) == ({algorithm: expected}, kind)


def test_a_part_s_own_digest_is_checked(world: World) -> None:
    world.bucket()
    upload = begin(world)
    body = Bytes(b"x", [Digest("crc32", b"\0\0\0\0", Fault(Kind.MISMATCH, "digest"))])
    put = m.PutPart(bucket="photos", key="a", upload=upload, number=1, body=body)
    assert world.fault(put) == (Kind.MISMATCH, "digest")
    assert world.run(m.ListParts(bucket="photos", key="a", upload=upload)).parts == ()


def test_copying_parts(world: World) -> None:
    world.bucket()
    data = os.urandom(limits.MIB)
    world.put("source", data)
    upload = begin(world)

    def copy(number: int, span: m.Range | None) -> m.CopyPart:
        return m.CopyPart(
            bucket="photos", key="a", upload=upload, number=number, source=m.Source("photos", "source"), range=span
        )

    world.run(copy(1, None))
    assert world.run(copy(2, m.Range(5, 99))).etag == hashlib.md5(data[5:100]).hexdigest()
    assert world.fault(copy(3, m.Range(5, len(data)))) == (Kind.INVALID, "part source")
    world.run(complete(upload))
    assert world.read("a") == data + data[5:100]


def test_listing_parts_and_uploads_by_pages(world: World) -> None:
    world.bucket()
    uploads = []
    for key in ("b", "a/1", "a/2", "b"):
        world.clock.ms += 1
        uploads.append((key, begin(world, key)))
    for number in (3, 1, 2):
        part(world, uploads[0][1], number, b"x", "b")
    page = world.run(m.ListParts(bucket="photos", key="b", upload=uploads[0][1], limit=2))
    assert ([p.number for p in page.parts], page.next) == ([1, 2], 2)
    page = world.run(m.ListParts(bucket="photos", key="b", upload=uploads[0][1], after=2))
    assert ([p.number for p in page.parts], page.next) == ([3], None)

    page = world.run(m.ListUploads(bucket="photos", limit=3))
    assert [(u.key, u.upload) for u in page.uploads] == [uploads[1], uploads[2], uploads[0]]
    assert (page.next, page.next_upload) == uploads[0]
    page = world.run(m.ListUploads(bucket="photos", after=page.next, upload_after=page.next_upload))
    assert ([(u.key, u.upload) for u in page.uploads], page.next) == ([uploads[3]], None)
    page = world.run(m.ListUploads(bucket="photos", delimiter="/"))
    assert (page.prefixes, [u.key for u in page.uploads]) == (("a/",), ["b", "b"])
    assert world.run(m.ListUploads(bucket="photos", after="b")).uploads == ()


def test_appending(world: World) -> None:
    world.bucket()

    def append(position: int, data: bytes, key: str = "log") -> m.AppendObject:
        return m.AppendObject(bucket="photos", key=key, position=position, body=Bytes(data), meta=m.Meta("text/x"))

    pieces = [b"one", b"", b"x" * limits.MIB, b"two"]
    whole = b""
    for piece in pieces:
        written = world.run(append(len(whole), piece))
        whole += piece
        assert (written.size, written.crc64) == (len(whole), int.from_bytes(digest("crc64xz", whole), "big"))
    assert world.fault(append(1, b"x")) == (Kind.MISMATCH, "position")
    world.put("plain", b"x")
    assert world.fault(append(1, b"x", "plain")) == (Kind.CONFLICT, "append")
    found = world.run(m.GetObject(bucket="photos", key="log"))
    assert (found.info.form, found.info.size, world.bytes_of(found)) == (m.Form.APPENDABLE, len(whole), whole)
    # A copy does not grow with its source, and is not touched when that goes.
    world.run(m.CopyObject(bucket="photos", key="copy", source=m.Source("photos", "log")))
    world.run(append(len(whole), b"more"))
    world.run(m.DeleteObject(bucket="photos", key="log"))
    world.empty_trash()
    assert world.read("copy") == whole
    assert world.run(m.MeasureBucket(bucket="photos")) == m.BucketStat(2, len(whole) + 1, 0, 0)


def test_symlinks(world: World) -> None:
    world.bucket()
    link = m.PutSymlink(bucket="photos", key="link", target="target/é")
    world.run(link)
    assert world.fault(m.GetObject(bucket="photos", key="link")) == (Kind.MISSING, "symlink target")
    world.put("target/é", b"hello", meta=m.Meta("text/x"))
    found = world.run(m.GetObject(bucket="photos", key="link"))
    assert (world.bytes_of(found), found.info.form, found.info.meta.content_type) == (
        b"hello", m.Form.SYMLINK, "text/x",
    )  # fmt: skip
    assert world.run(m.GetSymlink(bucket="photos", key="link")).target == "target/é"
    assert world.fault(m.GetSymlink(bucket="photos", key="target/é")) == (Kind.CONFLICT, "symlink")
    world.run(m.PutSymlink(bucket="photos", key="again", target="link"))
    assert world.fault(m.GetObject(bucket="photos", key="again")) == (Kind.INVALID, "symlink")
    itself = m.PutSymlink(bucket="photos", key="x", target="x")
    assert world.fault(itself) == (Kind.INVALID, "symlink")
