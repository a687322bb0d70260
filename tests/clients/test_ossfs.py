"""ossfs, the file system over OSS, as a plain and as an asynchronous client."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import oss2
import pytest

from tests.clients.apart import python_with
from tests.clients.remote import Remote, RemoteError
from tests.clients.test_s3fs import REQUIREMENTS, WORKER
from tests.stories.driver import Door
from tests.stories.samples import MIB, body


def start(door: Door, env: dict[str, str], name: str = "OSSFileSystem") -> Remote:
    """A file system in a process of its own."""
    options = {"key": door.key_id, "secret": door.secret, "endpoint": door.url}
    command = [python_with("fsspec", REQUIREMENTS), WORKER]
    return Remote(command, env, {"class": f"ossfs.{name}", "options": options})


@pytest.fixture(scope="module", params=["OSSFileSystem", "AioOSSFileSystem"])
def fs(request: pytest.FixtureRequest, door: Door, env: dict[str, str]) -> Iterator[Remote]:
    with start(door, env, request.param) as remote:
        yield remote


@pytest.fixture
def bucket(door: Door, names: Iterator[str]) -> str:
    """Made by oss2: ossfs makes no buckets."""
    bucket = next(names)
    oss2.Bucket(oss2.Auth(door.key_id, door.secret), door.url, bucket).create_bucket()
    return bucket


def test_files_are_piped_listed_and_removed(fs: Remote, bucket: str) -> None:
    files = {f"{bucket}/dir {number % 2}/ключ+{number}": body(number * 1000, number) for number in range(6)}
    for path, data in files.items():
        fs("pipe_file", path, data)
    assert {path: fs("cat_file", path) for path in files} == files
    assert sorted(fs("find", bucket)) == sorted(files)
    assert sorted(path.rstrip("/") for path in fs("ls", bucket, detail=False)) == [f"{bucket}/dir 0", f"{bucket}/dir 1"]
    some = f"{bucket}/dir 1/ключ+3"
    assert fs("info", some)["size"] == 3000
    assert fs("get_object", some, 10, 20) == files[some][10:21]
    fs("rm", f"{bucket}/dir 0", recursive=True)
    assert sorted(fs("find", bucket)) == sorted(path for path in files if "dir 1" in path)
    with pytest.raises(RemoteError, match="FileNotFoundError"):
        fs("cat_file", f"{bucket}/dir 0/ключ+2")


def test_a_file_written_in_parts_is_read_from_the_middle(fs: Remote, bucket: str) -> None:
    whole = body(12 * MIB, "big")
    fs("pipe_file", f"{bucket}/big", whole)
    assert fs("cat_file", f"{bucket}/big") == whole
    assert fs("read_file", f"{bucket}/big", 5 * MIB - 10, 20) == whole[5 * MIB - 10 : 5 * MIB + 10]


def test_appends_and_copies(fs: Remote, bucket: str) -> None:
    assert fs("append_object", f"{bucket}/log", 0, b"one") == 3
    assert fs("append_object", f"{bucket}/log", 3, b"two") == 6
    fs("cp_file", f"{bucket}/log", f"{bucket}/copied")
    assert fs("cat_file", f"{bucket}/copied") == b"onetwo"
    assert fs("exists", f"{bucket}/copied")
    assert not fs("exists", f"{bucket}/nothing")


def test_folders_go_up_and_down(fs: Remote, bucket: str, tmp_path: Path) -> None:
    (tmp_path / "up" / "deep er").mkdir(parents=True)
    files = {"a.txt": b"a", "deep er/b.bin": body(100_000)}
    for name, data in files.items():
        (tmp_path / "up" / name).write_bytes(data)
    fs("put", f"{tmp_path}/up/", f"{bucket}/copied/", recursive=True)
    fs("get", f"{bucket}/copied/", f"{tmp_path}/down/", recursive=True)
    assert {name: (tmp_path / "down" / name).read_bytes() for name in files} == files
