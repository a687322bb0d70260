"""alibabacloud-oss-v2 beyond the stories: uploader, downloader, copier, file-like objects, signed requests."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path

import alibabacloud_oss_v2 as oss
import pytest
import requests

from tests.stories.driver import Door
from tests.stories.driver_oss_v2 import connect
from tests.stories.samples import MIB, body


@pytest.fixture(scope="module", params=["v1", "v4"])
def client(request: pytest.FixtureRequest, door: Door) -> oss.Client:
    return connect(door, signature=request.param)


@pytest.fixture
def bucket(client: oss.Client, names: Iterator[str]) -> str:
    bucket = next(names)
    client.put_bucket(oss.PutBucketRequest(bucket))
    return bucket


def test_transfers(client: oss.Client, bucket: str, big: Path, tmp_path: Path) -> None:
    uploader = client.uploader(part_size=MIB, parallel_num=3, enable_checkpoint=True, checkpoint_dir=str(tmp_path))
    done = uploader.upload_file(oss.PutObjectRequest(bucket, "big", content_type="text/x-own"), str(big))
    head = client.head_object(oss.HeadObjectRequest(bucket, "big"))
    assert (done.etag, head.object_type, head.content_type) == (head.etag, "Multipart", "text/x-own")
    assert done.hash_crc64 == head.hash_crc64
    back = tmp_path / "back"
    client.downloader(part_size=MIB, parallel_num=3).download_file(oss.GetObjectRequest(bucket, "big"), str(back))
    assert back.read_bytes() == big.read_bytes()
    with big.open("rb") as file:
        client.uploader(part_size=5 * MIB).upload_from(oss.PutObjectRequest(bucket, "from"), file)
    client.copier(part_size=MIB).copy(oss.CopyObjectRequest(bucket, "copied", source_bucket=bucket, source_key="from"))
    client.get_object_to_file(oss.GetObjectRequest(bucket, "copied"), str(back))
    assert back.read_bytes() == big.read_bytes()


def test_files(client: oss.Client, bucket: str) -> None:
    data = body(700_000)
    with client.append_file(bucket, "log") as file:
        file.write(data[:300_000])
        file.write(data[300_000:])
    with client.open_file(bucket, "log") as file:
        file.seek(299_990)
        assert file.read(20) == data[299_990:300_010]
        file.seek(0)
        assert file.read() == data


def test_signed_requests(client: oss.Client, bucket: str) -> None:
    minute = datetime.timedelta(minutes=1)
    put = client.presign(
        oss.PutObjectRequest(bucket, "a b", content_type="text/x-own", metadata={"a": "b"}), expires=minute
    )
    assert requests.put(put.url, data=b"by url", headers=put.signed_headers, timeout=10).status_code == 200
    get = client.presign(oss.GetObjectRequest(bucket, "a b"), expires=minute)
    reply = requests.get(get.url, timeout=10)
    assert (reply.content, reply.headers["x-oss-meta-a"]) == (b"by url", "b")
    upload = client.presign(oss.InitiateMultipartUploadRequest(bucket, "parts"), expires=minute)
    reply = requests.post(upload.url, headers=upload.signed_headers, timeout=10)
    assert "<UploadId>" in reply.text


def test_what_is_there(client: oss.Client, bucket: str, door: Door) -> None:
    client.put_object(oss.PutObjectRequest(bucket, "key", body=b"bytes"))
    assert client.is_object_exist(bucket, "key")
    assert not client.is_object_exist(bucket, "other")
    assert client.is_bucket_exist(bucket)
    assert not client.is_bucket_exist("not-there-at-all")
    meta = client.get_object_meta(oss.GetObjectMetaRequest(bucket, "key"))
    assert meta.content_length == 5
    info = client.get_bucket_info(oss.GetBucketInfoRequest(bucket)).bucket_info
    assert (info.name, info.location) == (bucket, "oss-cn-hangzhou")
    stat = client.get_bucket_stat(oss.GetBucketStatRequest(bucket))
    assert (stat.object_count, stat.storage) == (1, 5)


def test_bodies_of_every_kind(client: oss.Client, bucket: str) -> None:
    data = body(300_000)
    pieces = [data[at : at + 10_000] for at in range(0, len(data), 10_000)]
    for key, sent in (("bytes", data), ("pieces", iter(pieces))):
        client.put_object(oss.PutObjectRequest(bucket, key, body=sent))
        reply = client.get_object(oss.GetObjectRequest(bucket, key))
        assert b"".join(reply.body.iter_bytes(block_size=10_000)) == data
    client.put_object(oss.PutObjectRequest(bucket, "text", body="text"))
    assert client.get_object(oss.GetObjectRequest(bucket, "text")).body.content == b"text"
