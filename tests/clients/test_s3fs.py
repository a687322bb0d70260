"""s3fs, the file system over S3 that pandas, dask and datasets use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.apart import python_with
from tests.clients.remote import Remote, RemoteError
from tests.stories.driver import Door
from tests.stories.samples import MIB, body, md5

# aiooss2, which ossfs stands on, does not know aiohttp's newer payloads.
REQUIREMENTS = ("s3fs==2026.9.0", "aiobotocore==3.0.0", "ossfs==2025.5.0", "aiohttp==3.9.5")
WORKER = Path(__file__).with_name("fsspec_worker.py")


def start(door: Door, env: dict[str, str]) -> Remote:
    """A file system in a process of its own."""
    options = {"key": door.key_id, "secret": door.secret, "endpoint_url": door.url, "use_listings_cache": False}
    command = [python_with("fsspec", REQUIREMENTS), WORKER]
    return Remote(command, env, {"class": "s3fs.S3FileSystem", "options": options})


@pytest.fixture(scope="module")
def fs(door: Door, env: dict[str, str]) -> Iterator[Remote]:
    with start(door, env) as remote:
        yield remote


@pytest.fixture
def bucket(fs: Remote, names: Iterator[str]) -> str:
    bucket = next(names)
    fs("mkdir", bucket)
    return bucket


def test_files_are_piped_listed_and_removed(fs: Remote, bucket: str) -> None:
    files = {f"{bucket}/dir {number % 2}/ключ+{number}": body(number * 1000, number) for number in range(6)}
    for path, data in files.items():
        fs("pipe_file", path, data)
    assert {path: fs("cat_file", path) for path in files} == files
    assert sorted(fs("find", bucket)) == sorted(files)
    assert sorted(fs("ls", bucket, detail=False)) == [f"{bucket}/dir 0", f"{bucket}/dir 1"]
    assert sorted(fs("glob", f"{bucket}/*/*+[12]")) == sorted(path for path in files if path[-1] in "12")
    some = f"{bucket}/dir 1/ключ+3"
    info = fs("info", some)
    assert (info["size"], info["ETag"].strip('"')) == (3000, md5(files[some]))
    assert fs("cat_file", some, start=10, end=20) == files[some][10:20]
    fs("rm", f"{bucket}/dir 0", recursive=True)
    assert sorted(fs("find", bucket)) == sorted(path for path in files if "dir 1" in path)
    with pytest.raises(RemoteError, match="FileNotFoundError"):
        fs("cat_file", f"{bucket}/dir 0/ключ+2")


def test_a_file_written_in_parts_is_read_from_the_middle(fs: Remote, bucket: str) -> None:
    pieces = [body(3 * MIB, number) for number in range(4)]
    whole = b"".join(pieces)
    fs("open_file", f"{bucket}/big", pieces, block_size=5 * MIB)
    assert fs("cat_file", f"{bucket}/big") == whole
    assert fs("info", f"{bucket}/big")["ETag"].strip('"').endswith("-2")
    assert fs("read_file", f"{bucket}/big", 5 * MIB - 10, 20) == whole[5 * MIB - 10 : 5 * MIB + 10]
    fs("pipe_file", f"{bucket}/piped", whole, chunksize=5 * MIB)
    assert fs("cat_file", f"{bucket}/piped") == whole


def test_copies_moves_metadata_and_tags(fs: Remote, bucket: str) -> None:
    fs("pipe_file", f"{bucket}/from", b"bytes", ContentType="text/x-own", Metadata={"a": "b"})
    fs("copy", f"{bucket}/from", f"{bucket}/to")
    assert fs("cat_file", f"{bucket}/to") == b"bytes"
    assert fs("metadata", f"{bucket}/to") == {"a": "b"}
    assert fs("info", f"{bucket}/to")["ContentType"] == "text/x-own"
    fs("mv", f"{bucket}/to", f"{bucket}/moved")
    assert fs("exists", f"{bucket}/moved")
    assert not fs("exists", f"{bucket}/to")
    fs("put_tags", f"{bucket}/moved", {"team": "a b"})
    assert fs("get_tags", f"{bucket}/moved") == {"team": "a b"}


def test_folders_go_up_and_down(fs: Remote, bucket: str, tmp_path: Path) -> None:
    (tmp_path / "up" / "deep er").mkdir(parents=True)
    files = {"a.txt": b"a", "deep er/b.bin": body(100_000)}
    for name, data in files.items():
        (tmp_path / "up" / name).write_bytes(data)
    fs("put", f"{tmp_path}/up/", f"{bucket}/copied/", recursive=True)
    fs("get", f"{bucket}/copied/", f"{tmp_path}/down/", recursive=True)
    assert {name: (tmp_path / "down" / name).read_bytes() for name in files} == files
    reply = fs("sign", f"{bucket}/copied/a.txt", expiration=60)
    assert reply.startswith("http://127.0.0.1:")


def test_buckets(fs: Remote, bucket: str) -> None:
    assert bucket in fs("ls", "", detail=False)
    fs("rmdir", bucket)
    assert not fs("exists", bucket)
