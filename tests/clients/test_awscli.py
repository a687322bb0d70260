"""The AWS command line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from tests.clients.remote import Remote
from tests.stories.samples import body, md5

Aws = Callable[..., str]
WORKER = Path(__file__).with_name("awscli_worker.py")


@pytest.fixture(scope="module")
def aws(env: dict[str, str]) -> Iterator[Aws]:
    """Runs `aws` with these words, all in one process, and gives what it prints."""
    with Remote([sys.executable, WORKER], env, "hello") as remote:

        def run(*words: str, code: int = 0) -> str:
            done = remote("run", *words)
            said = done["out"].decode() + done["err"]
            assert done["code"] == code, said
            return said

        yield run


@pytest.fixture
def bucket(aws: Aws, names: Iterator[str]) -> str:
    bucket = next(names)
    aws("s3", "mb", f"s3://{bucket}")
    return bucket


def test_files_and_folders(aws: Aws, bucket: str, tmp_path: Path, big: Path) -> None:
    up, down = tmp_path / "up", tmp_path / "down"
    (up / "deep er").mkdir(parents=True)
    files = {"a.txt": b"a", "empty": b"", "deep er/ключ+.bin": body(100_000), "deep er/big": big.read_bytes()}
    for name, data in files.items():
        (up / name).write_bytes(data)
    assert aws("s3", "sync", str(up), f"s3://{bucket}/tree").count("upload:") == 4
    assert aws("s3", "sync", str(up), f"s3://{bucket}/tree") == "", "nothing is left to do"
    listed = aws("s3", "ls", "--recursive", f"s3://{bucket}/")
    assert {line.split(None, 3)[3]: int(line.split(None, 3)[2]) for line in listed.splitlines()} == {
        f"tree/{name}": len(data) for name, data in files.items()
    }
    assert "PRE deep er/" in aws("s3", "ls", f"s3://{bucket}/tree/")
    aws("s3", "sync", f"s3://{bucket}/tree", str(down))
    assert {name: (down / name).read_bytes() for name in files} == files
    (up / "empty").unlink()
    assert "delete:" in aws("s3", "sync", "--delete", str(up), f"s3://{bucket}/tree")
    aws("s3", "rm", "--recursive", f"s3://{bucket}/tree/deep er/")
    assert aws("s3", "ls", "--recursive", f"s3://{bucket}/").split()[-1] == "tree/a.txt"


def test_one_object(aws: Aws, bucket: str, big: Path, tmp_path: Path) -> None:
    (tmp_path / "small").write_bytes(b"small")
    told = ["--content-type", "text/x-own", "--metadata", "author=me"]
    aws("s3", "cp", str(tmp_path / "small"), f"s3://{bucket}/small", *told)
    aws("s3", "cp", f"s3://{bucket}/small", f"s3://{bucket}/copied")
    aws("s3", "mv", f"s3://{bucket}/copied", f"s3://{bucket}/moved")
    head = json.loads(aws("s3api", "head-object", "--bucket", bucket, "--key", "moved"))
    assert (head["ContentType"], head["Metadata"]) == ("text/x-own", {"author": "me"})
    assert head["ETag"] == f'"{md5(b"small")}"'
    aws("s3", "cp", str(big), f"s3://{bucket}/big")
    aws("s3", "cp", f"s3://{bucket}/big", f"s3://{bucket}/big copied")
    aws("s3", "cp", f"s3://{bucket}/big copied", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == big.read_bytes()
    aws("s3", "rm", f"s3://{bucket}/big")
    assert "404" in aws("s3api", "head-object", "--bucket", bucket, "--key", "big", code=255)


def test_a_bucket_with_all_that_is_in_it(aws: Aws, bucket: str, tmp_path: Path) -> None:
    (tmp_path / "small").write_bytes(b"small")
    aws("s3", "cp", str(tmp_path / "small"), f"s3://{bucket}/key")
    url = aws("s3", "presign", f"s3://{bucket}/key", "--expires-in", "60").strip()
    assert requests.get(url, timeout=10).content == b"small"
    assert "BucketNotEmpty" in aws("s3", "rb", f"s3://{bucket}", code=1)
    aws("s3", "rb", "--force", f"s3://{bucket}")
    assert bucket not in aws("s3", "ls")
    assert "NoSuchBucket" in aws("s3", "ls", f"s3://{bucket}", code=255)


def test_the_program_itself(env: dict[str, str], bucket: str) -> None:
    """As a person types it, with a pipe in and out."""

    def run(*words: str, stdin: bytes = b"") -> bytes:
        return subprocess.run(["aws", "s3", *words], env=env, input=stdin, capture_output=True, check=True).stdout

    run("cp", "-", f"s3://{bucket}/piped", stdin=b"from a pipe")
    assert run("cp", f"s3://{bucket}/piped", "-") == b"from a pipe"
