"""Objects that stand for another."""

from __future__ import annotations

import pytest

from tests.stories.driver import Can, Driver, Refused, Told

pytestmark = pytest.mark.needs(Can.SYMLINK)


def test_a_symlink_reads_as_its_target(cloud: Driver, bucket: str) -> None:
    cloud.put(bucket, "dir/tärget +", b"bytes", Told("text/x-own", {"a": "b"}))
    cloud.symlink(bucket, "link", "dir/tärget +")
    assert cloud.symlink_target(bucket, "link") == "dir/tärget +"
    seen = cloud.get(bucket, "link")
    assert (seen.body, seen.content_type) == (b"bytes", "text/x-own")
    cloud.put(bucket, "dir/tärget +", b"newer")
    assert cloud.get(bucket, "link").body == b"newer"
    cloud.delete(bucket, "link")
    assert cloud.listing(bucket).keys == ["dir/tärget +"]


def test_a_symlink_without_a_target(cloud: Driver, bucket: str) -> None:
    cloud.symlink(bucket, "link", "missing")
    assert cloud.symlink_target(bucket, "link") == "missing"
    with pytest.raises(Refused, match="404 SymlinkTargetNotExist"):
        cloud.get(bucket, "link")


def test_an_object_is_no_symlink(cloud: Driver, bucket: str) -> None:
    cloud.put(bucket, "key", b"bytes")
    with pytest.raises(Refused, match="400 NotSymlink"):
        cloud.symlink_target(bucket, "key")
    with pytest.raises(Refused, match="404 NoSuchKey"):
        cloud.symlink_target(bucket, "missing")
