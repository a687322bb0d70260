"""Versions: a bucket that remembers, in all its states."""

from __future__ import annotations

from sampan.kernel.body import Bytes
from sampan.kernel.fault import Fault, Kind
from sampan.services.objects import model as m
from tests.objects.conftest import World


def versions(world: World, **more: object) -> list[tuple[str, str | None, bool, bool]]:
    page = world.run(m.ListVersions(bucket="photos", **more))
    return [(v.key, v.version, v.latest, v.delete_marker) for v in page.versions]


def test_every_version_stays_and_can_be_read(world: World) -> None:
    world.bucket(versioning=m.Versioning.ENABLED)
    ids = [world.put("a", str(n).encode()).version for n in range(3)]
    assert len(set(ids)) == 3
    assert [world.read("a", version=version) for version in ids] == [b"0", b"1", b"2"]
    assert versions(world) == [("a", ids[2], True, False), ("a", ids[1], False, False), ("a", ids[0], False, False)]
    assert world.run(m.HeadObject(bucket="photos", key="a", version=ids[0])).info.latest is False
    deleted = world.run(m.DeleteObject(bucket="photos", key="a"))
    assert deleted.delete_marker
    assert world.listed() == []
    assert world.read("a", version=ids[0]) == b"0"
    try:
        world.read("a")
    except Fault as fault:
        assert (fault.kind, fault.noun, fault.facts["delete_marker"]) == (Kind.MISSING, "object", deleted.version)
    marker = m.GetObject(bucket="photos", key="a", version=deleted.version)
    assert world.fault(marker) == (Kind.CONFLICT, "delete marker")
    # Taking the marker away brings the object back; taking the newest away brings the one before it.
    gone = world.run(m.DeleteObject(bucket="photos", key="a", version=deleted.version))
    assert gone == m.Deleted("a", deleted.version, True)
    assert world.read("a") == b"2"
    world.run(m.DeleteObject(bucket="photos", key="a", version=ids[2]))
    assert world.read("a") == b"1"
    assert world.run(m.DeleteObject(bucket="photos", key="a", version=ids[2])) == m.Deleted("a", ids[2])


def test_versions_that_are_not(world: World) -> None:
    world.bucket(versioning=m.Versioning.ENABLED)
    version = world.put("a", b"1").version or ""
    other = ("0" if version[-1] != "0" else "1").join([version[:-1], ""])
    assert world.fault(m.GetObject(bucket="photos", key="a", version=other)) == (Kind.MISSING, "version")
    assert world.fault(m.GetObject(bucket="photos", key="b", version=version)) == (Kind.MISSING, "version")
    assert world.fault(m.GetObject(bucket="photos", key="a", version="null")) == (Kind.MISSING, "version")
    for bad in ("", "x", "é" * 32, "g" * 32):
        assert world.fault(m.GetObject(bucket="photos", key="a", version=bad)) == (Kind.INVALID, "version")
        assert world.fault(m.DeleteObject(bucket="photos", key="a", version=bad)) == (Kind.INVALID, "version")


def test_the_null_version(world: World) -> None:
    world.bucket()
    assert world.put("a", b"before").version is None
    world.run(m.PutBucketVersioning(bucket="photos", versioning=m.Versioning.ENABLED))
    first = world.put("a", b"1").version
    assert world.read("a", version="null") == b"before"
    assert [row[1] for row in versions(world)] == [first, "null"]
    world.run(m.PutBucketVersioning(bucket="photos", versioning=m.Versioning.SUSPENDED))
    # While suspended, a new object is the null version and replaces the old null version.
    assert world.put("a", b"suspended").version == "null"
    assert [row[1] for row in versions(world)] == ["null", first]
    assert world.put("a", b"again").version == "null"
    assert [row[1] for row in versions(world)] == ["null", first]
    assert world.read("a", version="null") == world.read("a") == b"again"
    # A delete marker, too.
    assert world.run(m.DeleteObject(bucket="photos", key="a")) == m.Deleted("a", "null", True)
    assert versions(world) == [("a", "null", True, True), ("a", first, False, False)]
    world.run(m.DeleteObject(bucket="photos", key="a", version="null"))
    assert world.read("a") == b"1"
    assert world.run(m.MeasureBucket(bucket="photos")) == m.BucketStat(1, 1, 0, 0)


def test_versions_by_pages(world: World) -> None:
    world.bucket(versioning=m.Versioning.ENABLED)
    for key in ("a", "b/1", "b/2", "c"):
        for n in range(3):
            world.put(key, str(n).encode())
    world.run(m.DeleteObject(bucket="photos", key="c"))
    whole = versions(world)
    assert len(whole) == 13
    for limit in (1, 2, 5):
        seen: list[tuple[str, str | None, bool, bool]] = []
        key, version = "", None
        while True:
            page = world.run(m.ListVersions(bucket="photos", limit=limit, after=key, version_after=version))
            assert len(page.versions) <= limit
            seen += [(v.key, v.version, v.latest, v.delete_marker) for v in page.versions]
            if page.next is None:
                break
            key, version = page.next, page.next_version
        assert seen == whole
    page = world.run(m.ListVersions(bucket="photos", delimiter="/", limit=4))
    assert (len(page.versions), page.prefixes, page.next) == (3, ("b/",), "b/")
    rest = world.run(m.ListVersions(bucket="photos", delimiter="/", after="b/"))
    assert ([v.key for v in rest.versions], rest.prefixes) == (["c"] * 4, ())
    assert versions(world, prefix="b/2") == whole[6:9]


def test_tags_and_copies_of_a_version(world: World) -> None:
    world.bucket(versioning=m.Versioning.ENABLED)
    old = world.put("a", b"old").version
    world.put("a", b"new")
    assert world.run(m.PutObjectTags(bucket="photos", key="a", tags={"k": "v"}, version=old)) == old
    assert world.run(m.GetObjectTags(bucket="photos", key="a")).tags == {}
    assert world.run(m.GetObjectTags(bucket="photos", key="a", version=old)) == m.Tagged({"k": "v"}, old)
    copied = world.run(m.CopyObject(bucket="photos", key="a", source=m.Source("photos", "a", old)))
    assert copied.source_version == old
    assert copied.version not in (None, old)
    assert world.read("a") == b"old"


def test_appending_to_a_version(world: World) -> None:
    world.bucket(versioning=m.Versioning.ENABLED)
    first = world.run(m.AppendObject(bucket="photos", key="log", position=0, body=Bytes(b"1")))
    second = world.run(m.AppendObject(bucket="photos", key="log", position=1, body=Bytes(b"2")))
    assert first.version == second.version
    assert len(versions(world)) == 1
    assert world.read("log") == b"12"
