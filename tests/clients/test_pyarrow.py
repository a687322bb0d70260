"""pyarrow's own S3 client (the AWS SDK for C++): Parquet written and read in place."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from pyarrow import fs as pafs

from tests.stories.driver import Door
from tests.stories.samples import MIB, body


def start(door: Door) -> pafs.S3FileSystem:
    """A file system that may make and drop buckets."""
    return pafs.S3FileSystem(
        access_key=door.key_id,
        secret_key=door.secret,
        endpoint_override=f"{door.host}:{door.port}",
        scheme="http",
        region="us-east-1",
        allow_bucket_creation=True,
        allow_bucket_deletion=True,
        retry_strategy=pafs.AwsStandardS3RetryStrategy(max_attempts=1),
    )


@pytest.fixture(scope="module")
def fs(door: Door) -> pafs.S3FileSystem:
    return start(door)


@pytest.fixture
def bucket(fs: pafs.S3FileSystem, names: Iterator[str]) -> str:
    bucket = next(names)
    fs.create_dir(bucket)
    return bucket


def test_a_parquet_data_set_is_written_and_read(fs: pafs.S3FileSystem, bucket: str) -> None:
    table = pa.table({"n": range(50_000), "half": [n % 2 for n in range(50_000)], "text": ["x" * 50] * 50_000})
    pq.write_table(table, f"{bucket}/one.parquet", filesystem=fs)
    assert pq.read_table(f"{bucket}/one.parquet", filesystem=fs).equals(table)
    assert pq.read_table(f"{bucket}/one.parquet", filesystem=fs, columns=["half"]).num_columns == 1
    ds.write_dataset(table, f"{bucket}/set", format="parquet", partitioning=["half"], filesystem=fs)
    back = ds.dataset(f"{bucket}/set", filesystem=fs, format="parquet", partitioning=["half"])
    assert back.count_rows(filter=ds.field("half") == 1) == 25_000
    assert sorted(back.to_table(columns=["n"])["n"].to_pylist()) == list(range(50_000))


def test_a_file_in_parts_and_read_from_the_middle(fs: pafs.S3FileSystem, bucket: str) -> None:
    data = body(12 * MIB, "arrow")
    with fs.open_output_stream(f"{bucket}/big", metadata={"Content-Type": "text/x-own", "author": "me"}) as stream:
        for at in range(0, len(data), MIB):
            stream.write(data[at : at + MIB])
    with fs.open_input_file(f"{bucket}/big") as file:
        assert file.size() == len(data)
        assert file.read_at(100, 7 * MIB) == data[7 * MIB : 7 * MIB + 100]
        assert file.readall() == data
        assert file.metadata()["Content-Type"] == b"text/x-own"


def test_files_are_listed_moved_and_removed(fs: pafs.S3FileSystem, bucket: str) -> None:
    for name in ("a/1", "a/b/2", "a b/ключ+"):
        with fs.open_output_stream(f"{bucket}/{name}") as stream:
            stream.write(name.encode())
    found = fs.get_file_info(pafs.FileSelector(bucket, recursive=True))
    assert {row.path for row in found if row.is_file} == {f"{bucket}/a/1", f"{bucket}/a/b/2", f"{bucket}/a b/ключ+"}
    fs.copy_file(f"{bucket}/a/1", f"{bucket}/copied")
    fs.move(f"{bucket}/copied", f"{bucket}/moved")
    with fs.open_input_stream(f"{bucket}/moved") as stream:
        assert stream.read() == b"a/1"
    with pytest.raises(FileNotFoundError):
        fs.open_input_file(f"{bucket}/copied")
    fs.delete_dir(bucket)
    assert fs.get_file_info(bucket).type == pafs.FileType.NotFound
