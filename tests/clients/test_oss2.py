"""oss2 beyond the stories: resumable transfers, streams, iterators, signed URLs, metadata; V1 and V4."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import oss2
import pytest

from tests.stories.driver import Door
from tests.stories.driver_oss2 import AUTHS
from tests.stories.samples import MIB, body, md5


@pytest.fixture(params=[1, 2, 4], ids=["v1", "v2", "v4"])
def bucket(request: pytest.FixtureRequest, door: Door, names: Iterator[str]) -> oss2.Bucket:
    auth = AUTHS[request.param](door.key_id, door.secret)
    bucket = oss2.Bucket(auth, door.url, next(names), region="cn-hangzhou")
    bucket.create_bucket()
    return bucket


def test_transfers_are_resumable(bucket: oss2.Bucket, big: Path, tmp_path: Path) -> None:
    store = oss2.ResumableStore(root=str(tmp_path))
    headers = {"Content-Type": "text/x-own", "x-oss-meta-a": "b"}
    uploaded = oss2.resumable_upload(
        bucket, "big", str(big), store, headers, multipart_threshold=MIB, part_size=MIB, num_threads=3
    )
    head = bucket.head_object("big")
    assert (uploaded.etag, head.object_type, head.content_type) == (head.etag, "Multipart", "text/x-own")
    down = oss2.ResumableDownloadStore(root=str(tmp_path))
    back = tmp_path / "back"
    oss2.resumable_download(bucket, "big", str(back), multiget_threshold=MIB, part_size=MIB, num_threads=3, store=down)
    assert back.read_bytes() == big.read_bytes()
    assert bucket.head_object("big").headers["x-oss-meta-a"] == "b"


def test_an_interrupted_upload_goes_on(bucket: oss2.Bucket, big: Path, tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    def stop_half_way(sent: int, total: int) -> None:
        if sent > total // 2:
            raise Stop

    store = oss2.ResumableStore(root=str(tmp_path))
    options = {"store": store, "multipart_threshold": MIB, "part_size": MIB, "num_threads": 1}
    with pytest.raises(Stop):
        oss2.resumable_upload(bucket, "big", str(big), progress_callback=stop_half_way, **options)
    (upload,) = oss2.MultipartUploadIterator(bucket)
    kept = len(list(oss2.PartIterator(bucket, "big", upload.upload_id)))
    assert 0 < kept < 12
    oss2.resumable_upload(bucket, "big", str(big), **options)
    assert bucket.get_object("big").read() == big.read_bytes()
    assert list(oss2.MultipartUploadIterator(bucket)) == []


def test_streams_of_unknown_length(bucket: oss2.Bucket) -> None:
    """Sent chunked, without a Content-Length."""
    data = body(700_000)
    pieces = (data[at : at + 10_000] for at in range(0, len(data), 10_000))
    bucket.put_object("stream", oss2.SizedFileAdapter(io.BytesIO(data), len(data)))
    assert bucket.get_object("stream").read() == data
    bucket.put_object("pieces", oss2.utils.make_crc_adapter(pieces))
    assert bucket.get_object("pieces").read() == data


def test_iterators(bucket: oss2.Bucket) -> None:
    keys = [f"d{number % 3}/k {number:02d}" for number in range(12)]
    for key in keys:
        bucket.put_object(key, b"x")
    assert [row.key for row in oss2.ObjectIterator(bucket, max_keys=5)] == sorted(keys)
    assert [row.key for row in oss2.ObjectIteratorV2(bucket, max_keys=5)] == sorted(keys)
    rolled = list(oss2.ObjectIterator(bucket, delimiter="/", max_keys=1))
    assert [(row.key, row.is_prefix()) for row in rolled] == [("d0/", True), ("d1/", True), ("d2/", True)]
    owner = bucket.list_objects_v2(fetch_owner=True).object_list[0].owner
    assert owner.id.isdigit()


def test_what_is_known_of_an_object(bucket: oss2.Bucket) -> None:
    bucket.put_object("key", b"bytes", headers={"x-oss-meta-a": "b", "x-oss-storage-class": "IA"})
    meta = bucket.get_object_meta("key")
    assert (meta.content_length, meta.etag) == (5, md5(b"bytes").upper())
    assert bucket.object_exists("key")
    assert not bucket.object_exists("other")
    assert bucket.head_object("key").headers["x-oss-storage-class"] == "IA"
    bucket.update_object_meta("key", {"x-oss-meta-c": "d"})
    headers = bucket.head_object("key").headers
    assert headers["x-oss-meta-c"] == "d"
    assert "x-oss-meta-a" not in headers
    with pytest.raises(oss2.exceptions.NoSuchBucket):
        oss2.Bucket(bucket.auth, bucket.endpoint, "not-there-at-all", region="cn-hangzhou").object_exists("key")


def test_signed_urls(bucket: oss2.Bucket) -> None:
    headers = {"Content-Type": "text/x-own", "x-oss-meta-a": "b"}
    url = bucket.sign_url("PUT", "a b", 60, headers=headers)
    bucket.put_object_with_url(url, b"by url", headers=headers)
    with pytest.raises(oss2.exceptions.SignatureDoesNotMatch):
        bucket.put_object_with_url(url, b"x", headers={**headers, "x-oss-meta-a": "other"})
    url = bucket.sign_url("GET", "a b", 60, params={"response-content-type": "text/asked"}, slash_safe=True)
    got = bucket.get_object_with_url(url)
    assert (got.read(), got.content_type, got.headers["x-oss-meta-a"]) == (b"by url", "text/asked", "b")


def test_what_is_known_of_a_bucket(bucket: oss2.Bucket, door: Door) -> None:
    info = bucket.get_bucket_info()
    assert (info.name, info.location, info.storage_class) == (bucket.bucket_name, "oss-cn-hangzhou", "Standard")
    assert info.owner.id.isdigit()
    rows = oss2.Service(bucket.auth, door.url, region="cn-hangzhou").list_buckets(prefix=bucket.bucket_name).buckets
    assert [(row.name, row.location) for row in rows] == [(bucket.bucket_name, "oss-cn-hangzhou")]


def test_versions_are_deleted_in_a_batch(bucket: oss2.Bucket) -> None:
    bucket.put_bucket_versioning(oss2.models.BucketVersioningConfig("Enabled"))
    version = bucket.put_object("a", b"1").versionid
    bucket.put_object("b", b"2")
    asked = oss2.models.BatchDeleteObjectVersionList()
    asked.append(oss2.models.BatchDeleteObjectVersion("a", version))
    asked.append(oss2.models.BatchDeleteObjectVersion("b"))
    gone = {row.key: row for row in bucket.delete_object_versions(asked).delete_versions}
    assert gone["a"].versionid == version
    assert gone["b"].delete_marker
    assert len(gone["b"].delete_marker_versionid) > 0
