"""s3cmd, with signature versions 4 and 2."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.stories.driver import Door
from tests.stories.samples import body, md5

S3cmd = Callable[..., str]


def words(door: Door, *more: str) -> list[str]:
    """The command, pointed at the server."""
    host = f"{door.host}:{door.port}"
    own = ["--access_key", door.key_id, "--secret_key", door.secret, "--host", host, "--host-bucket", host, "--no-ssl"]
    return ["s3cmd", "--config", "/dev/null", *own, "--max-retries", "1", *more]


@pytest.fixture(scope="module", params=["v4", "v2"])
def s3cmd(request: pytest.FixtureRequest, door: Door, env: dict[str, str]) -> S3cmd:
    """Runs `s3cmd` with these words and gives what it prints."""
    signature = ["--signature-v2"] if request.param == "v2" else []

    def run(*more: str, code: int = 0) -> str:
        command = words(door, *signature, *more)
        done = subprocess.run(command, env=env, capture_output=True, timeout=120, check=False)
        said = done.stdout.decode() + done.stderr.decode()
        assert done.returncode == code, said
        return said

    return run


@pytest.fixture
def bucket(s3cmd: S3cmd, names: Iterator[str]) -> str:
    bucket = next(names)
    s3cmd("mb", f"s3://{bucket}")
    return bucket


def test_files_go_up_and_down(s3cmd: S3cmd, bucket: str, tmp_path: Path, big: Path) -> None:
    small, back = tmp_path / "small", tmp_path / "back"
    small.write_bytes(body(70_000))
    s3cmd(
        "put", str(small), f"s3://{bucket}/dir/a b+ключ", "--mime-type", "text/x-own", "--add-header", "x-amz-meta-a: b"
    )
    s3cmd("get", f"s3://{bucket}/dir/a b+ключ", str(back))
    assert back.read_bytes() == small.read_bytes()
    info = s3cmd("info", f"s3://{bucket}/dir/a b+ключ")
    assert "text/x-own" in info
    assert md5(small.read_bytes()) in info
    assert "x-amz-meta-a:" in info
    s3cmd("put", str(big), f"s3://{bucket}/big", "--multipart-chunk-size-mb", "5")
    s3cmd("get", "--force", f"s3://{bucket}/big", str(back))
    assert back.read_bytes() == big.read_bytes()
    assert len(s3cmd("ls", "--recursive", f"s3://{bucket}").splitlines()) == 2


def test_trees_copies_and_the_end(s3cmd: S3cmd, bucket: str, tmp_path: Path) -> None:
    (tmp_path / "up").mkdir()
    for number in range(3):
        (tmp_path / "up" / f"f {number}").write_bytes(body(number * 1000))
    s3cmd("sync", f"{tmp_path}/up/", f"s3://{bucket}/tree/")
    assert "upload:" not in s3cmd("sync", f"{tmp_path}/up/", f"s3://{bucket}/tree/")
    s3cmd("cp", f"s3://{bucket}/tree/f 1", f"s3://{bucket}/copied")
    s3cmd("mv", f"s3://{bucket}/copied", f"s3://{bucket}/moved")
    listed = s3cmd("ls", "--recursive", f"s3://{bucket}")
    assert "moved" in listed
    assert "copied" not in listed
    s3cmd("del", "--recursive", "--force", f"s3://{bucket}")
    s3cmd("rb", f"s3://{bucket}")
    assert f"s3://{bucket}\n" not in s3cmd("ls")
