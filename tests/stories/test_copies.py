"""Copies: within a bucket and between two, with what was told or with something new."""

from __future__ import annotations

from collections.abc import Iterator

import fastcrc
import pytest

from tests.stories.driver import Can, Driver, Origin, Refused, Told
from tests.stories.samples import ODD_KEYS, body, md5

OLD = Told("text/old", {"note": "old"}, {"cache-control": "no-cache"}, {"tag": "old"})
NEW = Told("text/new", {"other": "new"}, {}, {"tag": "new", "more": "x"})


@pytest.mark.parametrize("size", [0, 100, 64 * 1024 + 1, 1024 * 1024])
def test_a_copy_is_the_same_object_again(cloud: Driver, bucket: str, size: int) -> None:
    data = body(size)
    cloud.put(bucket, "from", data, OLD)
    wrote = cloud.copy(bucket, "to", Origin(bucket, "from"))
    cloud.delete(bucket, "from")
    seen = cloud.get(bucket, "to")
    assert seen.body == data
    assert wrote.etag == seen.etag == md5(data)
    assert (seen.content_type, seen.metadata, seen.headers) == (OLD.content_type, OLD.metadata, OLD.headers)
    assert cloud.tags(bucket, "to") == OLD.tags
    if Can.CRC64 in cloud.can:
        assert seen.crc64 == fastcrc.crc64.xz(data)


def test_a_copy_may_be_told_otherwise(cloud: Driver, bucket: str) -> None:
    cloud.put(bucket, "from", b"bytes", OLD)
    cloud.copy(bucket, "to", Origin(bucket, "from"), NEW)
    seen = cloud.get(bucket, "to")
    assert (seen.content_type, seen.metadata, seen.headers) == (NEW.content_type, NEW.metadata, {})
    assert cloud.tags(bucket, "to") == NEW.tags
    assert cloud.head(bucket, "from").metadata == OLD.metadata


def test_an_object_is_told_otherwise_by_copying_it_onto_itself(cloud: Driver, bucket: str) -> None:
    cloud.put(bucket, "key", body(100_000), OLD)
    cloud.copy(bucket, "key", Origin(bucket, "key"), NEW)
    seen = cloud.get(bucket, "key")
    assert (seen.body, seen.metadata) == (body(100_000), NEW.metadata)


def test_a_copy_goes_to_another_bucket(cloud: Driver, bucket: str, names: Iterator[str]) -> None:
    other = next(names)
    cloud.make_bucket(other)
    cloud.put(bucket, "from", b"bytes")
    cloud.copy(other, "to", Origin(bucket, "from"))
    assert cloud.get(other, "to").body == b"bytes"


def test_odd_keys_are_copied(cloud: Driver, bucket: str) -> None:
    keys = [key for key in ODD_KEYS if cloud.makes(key) and len(key) < 1000]
    for key in keys:
        cloud.put(bucket, key, key.encode())
        cloud.copy(bucket, "plain", Origin(bucket, key))
        cloud.copy(bucket, f"{key}2", Origin(bucket, "plain"))
        assert cloud.get(bucket, f"{key}2").body == key.encode()


def test_an_old_version_is_copied(cloud: Driver, bucket: str) -> None:
    cloud.set_versioning(bucket, on=True)
    old = cloud.put(bucket, "key", b"old")
    cloud.put(bucket, "key", b"new")
    cloud.copy(bucket, "key", Origin(bucket, "key", old.version))
    assert cloud.get(bucket, "key").body == b"old"
    assert len(cloud.versions(bucket).entries) == 3


def test_what_is_not_there_is_not_copied(cloud: Driver, bucket: str) -> None:
    with pytest.raises(Refused, match="404 NoSuchKey"):
        cloud.copy(bucket, "to", Origin(bucket, "missing"))
    with pytest.raises(Refused, match="404 NoSuchBucket"):
        cloud.copy(bucket, "to", Origin("no-such-bucket-anywhere", "missing"))
    assert cloud.listing(bucket).entries == ()
