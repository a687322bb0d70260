"""Versions: kept, listed, read, hidden by a marker, brought back, removed; and what a suspension means."""

from __future__ import annotations

import pytest

from tests.stories.driver import Driver, Refused


@pytest.fixture
def kept(cloud: Driver, bucket: str) -> str:
    """A bucket that keeps versions."""
    cloud.set_versioning(bucket, on=True)
    return bucket


def test_versioning_is_enabled_and_suspended(cloud: Driver, bucket: str) -> None:
    assert cloud.versioning(bucket) == ""
    cloud.set_versioning(bucket, on=True)
    assert cloud.versioning(bucket) == "Enabled"
    cloud.set_versioning(bucket, on=False)
    assert cloud.versioning(bucket) == "Suspended"


def test_every_write_is_kept(cloud: Driver, kept: str) -> None:
    versions = [cloud.put(kept, "key", data).version for data in (b"one", b"two", b"three")]
    assert len(set(versions)) == 3
    assert None not in versions
    assert [cloud.get(kept, "key", version=version).body for version in versions] == [b"one", b"two", b"three"]
    assert cloud.get(kept, "key").version == versions[2]
    rows = cloud.versions(kept).entries
    assert [(row.version, row.latest, row.size) for row in rows] == [
        (versions[2], True, 5),
        (versions[1], False, 3),
        (versions[0], False, 3),
    ]
    assert cloud.listing(kept).keys == ["key"]


def test_versions_are_listed_in_pages(cloud: Driver, kept: str) -> None:
    sent = [(key, cloud.put(kept, key, b"x").version) for key in ("b", "a b", "ключ", "b", "a b", "b")]
    cloud.delete(kept, "ключ")
    whole, paged = cloud.versions(kept), cloud.versions(kept, page=2)
    assert paged.pages == 4
    assert set(paged.entries) == set(whole.entries)
    assert {(row.key, row.version) for row in paged.entries if not row.marker} == set(sent)
    assert [row.key for row in paged.entries if row.marker] == ["ключ"]
    assert [row.key for row in cloud.versions(kept, prefix="a").entries] == ["a b", "a b"]


def test_a_marker_hides_what_is_kept(cloud: Driver, kept: str) -> None:
    version = cloud.put(kept, "key", b"bytes").version
    gone = cloud.delete(kept, "key")
    assert gone.marker
    assert gone.version not in (None, version)
    with pytest.raises(Refused, match="404 NoSuchKey"):
        cloud.get(kept, "key")
    assert cloud.listing(kept).keys == []
    assert cloud.get(kept, "key", version=version).body == b"bytes"
    with pytest.raises(Refused, match="405 MethodNotAllowed"):
        cloud.get(kept, "key", version=gone.version)
    marks = [row for row in cloud.versions(kept).entries if row.marker]
    assert [(row.key, row.version, row.latest) for row in marks] == [("key", gone.version, True)]
    back = cloud.delete(kept, "key", version=gone.version)
    assert (back.version, back.marker) == (gone.version, True)
    assert cloud.get(kept, "key").body == b"bytes"


def test_a_version_is_removed_for_good(cloud: Driver, kept: str) -> None:
    first, second = (cloud.put(kept, "key", data).version for data in (b"one", b"two"))
    gone = cloud.delete(kept, "key", version=second)
    assert (gone.version, gone.marker) == (second, False)
    assert cloud.get(kept, "key").body == b"one"
    with pytest.raises(Refused, match="404 NoSuchVersion"):
        cloud.get(kept, "key", version=second)
    cloud.delete(kept, "key", version=first)
    assert cloud.versions(kept).entries == ()
    cloud.drop_bucket(kept)


def test_what_was_there_before_is_the_null_version(cloud: Driver, bucket: str) -> None:
    cloud.put(bucket, "key", b"before")
    cloud.set_versioning(bucket, on=True)
    after = cloud.put(bucket, "key", b"after").version
    assert cloud.get(bucket, "key", version="null").body == b"before"
    assert [row.version for row in cloud.versions(bucket).entries] == [after, "null"]


def test_a_suspended_bucket_keeps_the_old_and_replaces_the_null(cloud: Driver, kept: str) -> None:
    old = cloud.put(kept, "key", b"old").version
    cloud.set_versioning(kept, on=False)
    for data in (b"first null", b"second null"):
        cloud.put(kept, "key", data)
    assert cloud.get(kept, "key").body == b"second null"
    assert [row.version for row in cloud.versions(kept).entries] == ["null", old]
    gone = cloud.delete(kept, "key")
    assert (gone.version, gone.marker) == ("null", True)
    rows = {row.version: row.marker for row in cloud.versions(kept).entries}
    assert rows == {"null": True, old: False}
    assert cloud.get(kept, "key", version=old).body == b"old"


def test_a_bucket_with_only_a_marker_is_not_empty(cloud: Driver, kept: str) -> None:
    marker = cloud.delete(kept, "never there")
    with pytest.raises(Refused, match="409 BucketNotEmpty"):
        cloud.drop_bucket(kept)
    cloud.delete(kept, "never there", version=marker.version)
    cloud.drop_bucket(kept)


def test_tags_belong_to_a_version(cloud: Driver, kept: str) -> None:
    cloud.put(kept, "key", b"one")
    cloud.set_tags(kept, "key", {"of": "one"})
    cloud.put(kept, "key", b"two")
    assert cloud.tags(kept, "key") == {}
