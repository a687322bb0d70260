"""Buckets."""

from __future__ import annotations

import pytest

from sampan.kernel.fault import Kind
from sampan.kernel.names import Place
from sampan.services.objects import model as m
from tests.objects.conftest import BOB, World


def test_a_bucket_is_made_found_listed_and_deleted(world: World) -> None:
    made = world.run(m.CreateBucket(bucket="photos", place=Place("aws", "eu-west-1"), note={"x": "y"}))
    assert made.places == {"aws": "eu-west-1", "aliyun": "cn-hangzhou"}
    assert world.run(m.HeadBucket(bucket="photos")) == made
    assert world.run(m.ListBuckets()).buckets == (made,)
    world.run(m.DeleteBucket(bucket="photos"))
    assert world.run(m.ListBuckets()).buckets == ()
    assert world.fault(m.HeadBucket(bucket="photos")) == (Kind.MISSING, "bucket")
    assert world.rows(b"O") == []


@pytest.mark.parametrize(
    "name", ["ab", "A-bucket", "a" * 64, "a..b", "-ab", "ab-", "1.2.3.4", "a_b", "é" * 5, "a\0b", ""]
)
def test_a_bad_name_is_refused(world: World, name: str) -> None:
    assert world.fault(m.CreateBucket(bucket=name)) == (Kind.INVALID, "bucket name")
    assert world.fault(m.HeadBucket(bucket=name)) == (Kind.MISSING, "bucket")


def test_a_name_belongs_to_one_account(world: World) -> None:
    world.bucket()
    assert world.fault(m.CreateBucket(bucket="photos"), BOB) == (Kind.EXISTS, "bucket")
    assert world.run(m.ListBuckets(), BOB).buckets == ()


def test_the_wrong_region_is_refused_and_the_other_cloud_has_its_own(world: World) -> None:
    world.run(m.CreateBucket(bucket="photos", place=Place("aliyun", "ap-southeast-1")))
    assert world.fault(m.HeadBucket(bucket="photos", place=Place("aliyun", "cn-hangzhou"))) == (Kind.INVALID, "region")
    assert world.fault(m.HeadBucket(bucket="photos", place=Place("aws", "eu-west-1"))) == (Kind.INVALID, "region")
    world.run(m.HeadBucket(bucket="photos", place=Place("aws", "us-east-1")))
    world.run(m.HeadBucket(bucket="photos", place=Place("aliyun", "ap-southeast-1")))


def test_a_bucket_with_anything_in_it_is_not_deleted(world: World) -> None:
    world.bucket(versioning=m.Versioning.ENABLED)
    world.put("a", b"1")
    assert world.fault(m.DeleteBucket(bucket="photos")) == (Kind.CONFLICT, "bucket")
    gone = world.run(m.DeleteObject(bucket="photos", key="a"))
    assert world.fault(m.DeleteBucket(bucket="photos")) == (Kind.CONFLICT, "bucket")
    for version in world.run(m.ListVersions(bucket="photos")).versions:
        world.run(m.DeleteObject(bucket="photos", key="a", version=version.version))
    assert gone.delete_marker
    world.run(m.CreateUpload(bucket="photos", key="never finished"))
    world.run(m.DeleteBucket(bucket="photos"))
    world.empty_trash()
    assert world.rows(b"O") == []


def test_buckets_are_listed_by_pages_prefix_and_region(world: World) -> None:
    for name in ("a-1", "a-2", "b-1"):
        world.run(m.CreateBucket(bucket=name))
    world.run(m.CreateBucket(bucket="b-2", place=Place("aws", "eu-west-1")))

    def names(**more: object) -> tuple[list[str], str | None]:
        page = world.run(m.ListBuckets(**more))
        return [bucket.name for bucket in page.buckets], page.next

    assert names() == (["a-1", "a-2", "b-1", "b-2"], None)
    assert names(limit=2) == (["a-1", "a-2"], "a-2")
    assert names(limit=2, after="a-2") == (["b-1", "b-2"], None)
    assert names(prefix="b") == (["b-1", "b-2"], None)
    assert names(place=Place("aws", "eu-west-1")) == (["b-2"], None)


def test_bucket_tags(world: World) -> None:
    world.bucket()
    assert world.fault(m.GetBucketTags(bucket="photos")) == (Kind.MISSING, "bucket tags")
    world.run(m.PutBucketTags(bucket="photos", tags={"team": "é"}))
    assert world.run(m.GetBucketTags(bucket="photos")) == {"team": "é"}
    many = {str(n): "" for n in range(51)}
    assert world.fault(m.PutBucketTags(bucket="photos", tags=many)) == (Kind.TOO_MANY, "tags")
    assert world.fault(m.PutBucketTags(bucket="photos", tags={"k": "v" * 257})) == (Kind.INVALID, "tags")
    world.run(m.PutBucketTags(bucket="photos", tags={}))
    assert world.fault(m.GetBucketTags(bucket="photos")) == (Kind.MISSING, "bucket tags")


def test_a_bucket_made_again_is_empty(world: World) -> None:
    world.bucket()
    world.put("a", b"1")
    world.run(m.DeleteObject(bucket="photos", key="a"))
    world.run(m.DeleteBucket(bucket="photos"))
    world.bucket()
    assert world.listed() == []
    assert world.run(m.MeasureBucket(bucket="photos")) == m.BucketStat(0, 0, 0, 0)
