"""Buckets: made, found, told apart, emptied and dropped."""

from __future__ import annotations

import pytest

from tests.stories.driver import Can, Driver, Refused


def test_a_bucket_is_made_found_and_dropped(cloud: Driver, name: str) -> None:
    assert name not in cloud.buckets()
    cloud.make_bucket(name)
    assert cloud.buckets(prefix=name) == [name]
    cloud.drop_bucket(name)
    assert cloud.buckets(prefix=name) == []
    with pytest.raises(Refused, match="NoSuchBucket"):
        cloud.drop_bucket(name)


def test_making_ones_own_bucket_again_keeps_what_is_in_it(cloud: Driver, bucket: str) -> None:
    cloud.put(bucket, "kept", b"bytes")
    cloud.make_bucket(bucket)
    assert cloud.get(bucket, "kept").body == b"bytes"


def test_buckets_come_in_pages_and_in_order(cloud: Driver, name: str) -> None:
    wanted = [f"{name}-{number}" for number in range(5)]
    for bucket in reversed(wanted):
        cloud.make_bucket(bucket)
    assert cloud.buckets(prefix=f"{name}-", page=2) == wanted


def test_a_bucket_says_where_it_is(cloud: Driver, bucket: str) -> None:
    assert cloud.location(bucket) == {"aws": "us-east-1", "aliyun": "oss-cn-hangzhou"}[cloud.family]


def test_a_bucket_that_holds_something_is_not_dropped(cloud: Driver, bucket: str) -> None:
    cloud.put(bucket, "left", b"")
    with pytest.raises(Refused) as refused:
        cloud.drop_bucket(bucket)
    assert (refused.value.status, refused.value.code) == (409, "BucketNotEmpty")
    cloud.delete(bucket, "left")
    cloud.drop_bucket(bucket)


def test_tags_of_a_bucket_are_set_replaced_and_dropped(cloud: Driver, bucket: str) -> None:
    cloud.set_bucket_tags(bucket, {"team": "北", "a b": "c=d&e"})
    assert cloud.bucket_tags(bucket) == {"team": "北", "a b": "c=d&e"}
    cloud.set_bucket_tags(bucket, {"only": ""})
    assert cloud.bucket_tags(bucket) == {"only": ""}
    cloud.drop_bucket_tags(bucket)
    if cloud.family == "aws":
        with pytest.raises(Refused, match="404 NoSuchTagSet"):
            cloud.bucket_tags(bucket)
    else:
        assert cloud.bucket_tags(bucket) == {}


def test_a_dropped_bucket_leaves_nothing_to_its_successor(cloud: Driver, bucket: str) -> None:
    cloud.set_bucket_tags(bucket, {"old": "yes"})
    cloud.set_versioning(bucket, on=True)
    upload = cloud.begin(bucket, "unfinished")
    cloud.part(bucket, "unfinished", upload, 1, b"part")
    cloud.abort(bucket, "unfinished", upload)
    cloud.drop_bucket(bucket)
    cloud.make_bucket(bucket)
    assert cloud.versioning(bucket) == ""
    assert cloud.uploads(bucket) == []
    assert cloud.versions(bucket).entries == ()


@pytest.mark.needs(Can.STAT)
def test_a_bucket_is_measured(cloud: Driver, bucket: str) -> None:
    assert cloud.stat(bucket) == (0, 0)
    cloud.put(bucket, "a", b"x" * 1000)
    cloud.put(bucket, "b", b"y" * 70_000)
    cloud.put(bucket, "a", b"x" * 10)
    assert cloud.stat(bucket) == (2, 70_010)
    cloud.delete(bucket, "b")
    assert cloud.stat(bucket) == (1, 10)
