"""boto3 beyond the stories: transfers, checksums, signed URLs, streams, paginators and the resource layer."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from tests.stories.driver import Door
from tests.stories.driver_boto3 import connect
from tests.stories.samples import MIB, body, md5, md5_of_parts

ALGORITHMS = ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256")
PARTS = TransferConfig(multipart_threshold=6 * MIB, multipart_chunksize=5 * MIB, max_concurrency=4)


@pytest.fixture(scope="module")
def s3(door: Door) -> Any:
    return connect(door)


@pytest.fixture
def bucket(s3: Any, names: Iterator[str]) -> str:
    bucket = next(names)
    s3.create_bucket(Bucket=bucket)
    return bucket


def test_files_are_transferred_in_parts(s3: Any, bucket: str, big: Path, tmp_path: Path) -> None:
    told = {"ContentType": "text/x-own", "Metadata": {"a": "b"}, "ChecksumAlgorithm": "SHA256"}
    s3.upload_file(str(big), bucket, "by name", ExtraArgs=told, Config=PARTS)
    s3.upload_fileobj(io.BytesIO(big.read_bytes()), bucket, "by object", Config=PARTS)
    data = big.read_bytes()
    pieces = [data[at : at + 5 * MIB] for at in range(0, len(data), 5 * MIB)]
    assert s3.head_object(Bucket=bucket, Key="by name")["ETag"] == f'"{md5_of_parts(*pieces)}"'
    s3.download_file(bucket, "by name", str(tmp_path / "back"), Config=PARTS)
    assert (tmp_path / "back").read_bytes() == data
    into = io.BytesIO()
    s3.download_fileobj(bucket, "by object", into, Config=PARTS)
    assert into.getvalue() == data
    s3.copy({"Bucket": bucket, "Key": "by name"}, bucket, "copied", Config=PARTS)
    copied = s3.get_object(Bucket=bucket, Key="copied")
    assert (copied["Body"].read(), copied["ContentType"], copied["Metadata"]) == (data, "text/x-own", {"a": "b"})


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_checksum_is_kept_and_checked(s3: Any, bucket: str, algorithm: str) -> None:
    field = f"Checksum{algorithm}"
    data = body(100_000)
    put = s3.put_object(Bucket=bucket, Key="key", Body=data, ChecksumAlgorithm=algorithm)
    head = s3.head_object(Bucket=bucket, Key="key", ChecksumMode="ENABLED")
    assert put[field] == head[field]
    assert (head["ChecksumType"], head["ContentLength"]) == ("FULL_OBJECT", 100_000)
    if algorithm.startswith("SHA"):
        assert base64.b64decode(put[field]) == hashlib.new(algorithm, data).digest()
    # The SDK checks what it reads against it.
    assert s3.get_object(Bucket=bucket, Key="key", ChecksumMode="ENABLED")["Body"].read() == data
    seen = s3.get_object_attributes(
        Bucket=bucket, Key="key", ObjectAttributes=["ETag", "Checksum", "ObjectSize", "StorageClass"]
    )
    assert (seen["ETag"], seen["ObjectSize"], seen["Checksum"][field]) == (md5(data), 100_000, put[field])
    other = base64.b64encode(bytes(len(base64.b64decode(put[field])))).decode()
    with pytest.raises(ClientError, match="BadDigest"):
        s3.put_object(Bucket=bucket, Key="key", Body=b"other", **{field: other})
    with pytest.raises(ClientError, match="InvalidRequest"):
        s3.put_object(Bucket=bucket, Key="key", Body=b"other", **{field: "c2hvcnQ="})
    assert s3.get_object(Bucket=bucket, Key="key")["Body"].read() == data


@pytest.mark.parametrize(
    ("algorithm", "kind"),
    [("SHA256", "COMPOSITE"), ("CRC32", "COMPOSITE"), ("CRC32", "FULL_OBJECT"), ("CRC64NVME", "FULL_OBJECT")],
)
def test_a_checksum_of_parts(s3: Any, bucket: str, algorithm: str, kind: str) -> None:
    field = f"Checksum{algorithm}"
    pieces = [body(5 * MIB, 1), body(5 * MIB, 2), body(10, 3)]
    upload = s3.create_multipart_upload(Bucket=bucket, Key="key", ChecksumAlgorithm=algorithm, ChecksumType=kind)
    assert (upload["ChecksumAlgorithm"], upload["ChecksumType"]) == (algorithm, kind)
    where = {"Bucket": bucket, "Key": "key", "UploadId": upload["UploadId"]}
    parts = []
    for number, data in enumerate(pieces, 1):
        reply = s3.upload_part(**where, PartNumber=number, Body=data, ChecksumAlgorithm=algorithm)
        parts.append({"PartNumber": number, "ETag": reply["ETag"], field: reply[field]})
    listed = s3.list_parts(**where)
    assert [row[field] for row in listed["Parts"]] == [part[field] for part in parts]
    done = s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts}, ChecksumType=kind)
    whole = s3.put_object(Bucket=bucket, Key="whole", Body=b"".join(pieces), ChecksumAlgorithm=algorithm)[field]
    assert done["ChecksumType"] == kind
    if kind == "FULL_OBJECT":
        assert done[field] == whole
    else:
        assert done[field].endswith("-3")
        if algorithm == "SHA256":
            sums = b"".join(base64.b64decode(part[field]) for part in parts)
            assert done[field] == base64.b64encode(hashlib.sha256(sums).digest()).decode() + "-3"
    seen = s3.get_object_attributes(Bucket=bucket, Key="key", ObjectAttributes=["Checksum", "ObjectParts"], MaxParts=2)
    assert seen["Checksum"]["ChecksumType"] == kind
    assert (seen["ObjectParts"]["TotalPartsCount"], seen["ObjectParts"]["IsTruncated"]) == (3, True)
    second = s3.get_object(Bucket=bucket, Key="key", PartNumber=2)
    assert (second["Body"].read(), second["PartsCount"]) == (pieces[1], 3)


def test_signed_urls(s3: Any, bucket: str) -> None:
    asked = {"Bucket": bucket, "Key": "a b", "ContentType": "text/x-own"}
    url = s3.generate_presigned_url("put_object", Params=asked, ExpiresIn=60)
    assert requests.put(url, data=b"x", headers={"Content-Type": "text/other"}, timeout=10).status_code == 403
    assert requests.put(url, data=b"x", headers={"Content-Type": "text/x-own"}, timeout=10).status_code == 200
    asked = {"Bucket": bucket, "Key": "a b", "ResponseContentType": "text/asked"}
    url = s3.generate_presigned_url("get_object", Params=asked, ExpiresIn=60)
    reply = requests.get(url, timeout=10)
    assert (reply.status_code, reply.content, reply.headers["content-type"]) == (200, b"x", "text/asked")
    assert requests.get(url.replace("text%2Fasked", "text%2Fhtml"), timeout=10).status_code == 403
    url = s3.generate_presigned_url("list_objects_v2", Params={"Bucket": bucket, "EncodingType": "url"}, ExpiresIn=60)
    assert "<Key>a" in requests.get(url, timeout=10).text
    url = s3.generate_presigned_url("delete_object", Params={"Bucket": bucket, "Key": "a b"}, ExpiresIn=60)
    assert requests.delete(url, timeout=10).status_code == 204
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_a_body_is_streamed(s3: Any, bucket: str) -> None:
    data = body(3 * MIB)
    s3.put_object(Bucket=bucket, Key="key", Body=data)
    stream = s3.get_object(Bucket=bucket, Key="key")["Body"]
    assert b"".join(stream.iter_chunks(100_000)) == data
    lines = b"one\ntwo\n\nfour"
    s3.put_object(Bucket=bucket, Key="lines", Body=io.BytesIO(lines))
    assert list(s3.get_object(Bucket=bucket, Key="lines")["Body"].iter_lines()) == lines.splitlines()


def test_waiters_and_resources(s3: Any, door: Door, names: Iterator[str]) -> None:
    resource = boto3.resource(
        "s3",
        endpoint_url=door.url,
        region_name="us-east-1",
        aws_access_key_id=door.key_id,
        aws_secret_access_key=door.secret,
    )
    bucket = resource.create_bucket(Bucket=next(names))
    bucket.wait_until_exists()
    for number in range(5):
        bucket.put_object(Key=f"k/{number}", Body=b"x")
    s3.get_waiter("object_exists").wait(Bucket=bucket.name, Key="k/1")
    assert [row.key for row in bucket.objects.filter(Prefix="k/").page_size(2)] == [f"k/{n}" for n in range(5)]
    bucket.Versioning().enable()
    bucket.put_object(Key="k/1", Body=b"y")
    assert len(list(bucket.object_versions.filter(Prefix="k/1"))) == 2
    bucket.object_versions.delete()
    bucket.delete()
    bucket.wait_until_not_exists()


def test_a_deleted_batch_tells_what_was_removed(s3: Any, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    version = s3.put_object(Bucket=bucket, Key="a", Body=b"1")["VersionId"]
    s3.put_object(Bucket=bucket, Key="b", Body=b"2")
    reply = s3.delete_objects(
        Bucket=bucket,
        Delete={"Objects": [{"Key": "a", "VersionId": version}, {"Key": "b"}, {"Key": "a", "VersionId": "wrong"}]},
    )
    gone = {row["Key"]: row for row in reply["Deleted"]}
    assert gone["a"]["VersionId"] == version
    assert gone["b"]["DeleteMarker"] is True
    assert [row["Key"] for row in reply["Errors"]] == ["a"]
    quiet = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "c"}], "Quiet": True})
    assert "Deleted" not in quiet


def test_a_bucket_of_another_region_is_told_apart(door: Door, names: Iterator[str]) -> None:
    west = connect(door, region="us-west-2")
    bucket = next(names)
    west.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    assert west.get_bucket_location(Bucket=bucket)["LocationConstraint"] == "us-west-2"
    assert west.head_bucket(Bucket=bucket)["BucketRegion"] == "us-west-2"
    west.put_object(Bucket=bucket, Key="key", Body=b"west")
    # The SDK learns the right region from the refusal and tries again.
    east = connect(door, region="us-east-1")
    assert east.get_object(Bucket=bucket, Key="key")["Body"].read() == b"west"
    with pytest.raises(ClientError, match="IllegalLocationConstraintException"):
        west.create_bucket(Bucket=next(names), CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
