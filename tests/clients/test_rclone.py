"""rclone: by the endpoint, and by Alibaba's own host names through `http_proxy`."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.stories.driver import Door
from tests.stories.samples import body, md5

Rclone = Callable[..., str]


def settings(door: Door, env: dict[str, str], provider: str) -> dict[str, str]:
    """The remote `cloud:` as environment variables."""
    ours = env | {
        "RCLONE_CONFIG": "",
        "RCLONE_RETRIES": "1",
        "RCLONE_LOW_LEVEL_RETRIES": "1",
        "RCLONE_CONFIG_CLOUD_TYPE": "s3",
        "RCLONE_CONFIG_CLOUD_PROVIDER": provider,
        "RCLONE_CONFIG_CLOUD_ACCESS_KEY_ID": door.key_id,
        "RCLONE_CONFIG_CLOUD_SECRET_ACCESS_KEY": door.secret,
        "RCLONE_CONFIG_CLOUD_ENDPOINT": door.url,
    }
    del ours["AWS_ENDPOINT_URL"]
    if provider == "Alibaba":
        ours["RCLONE_CONFIG_CLOUD_ENDPOINT"] = "http://oss-cn-hangzhou.aliyuncs.com"
        ours["http_proxy"] = door.url
    return ours


@pytest.fixture(scope="module", params=["Other", "Alibaba"])
def rclone(request: pytest.FixtureRequest, door: Door, env: dict[str, str]) -> Rclone:
    """Runs `rclone` with these words and gives what it prints."""
    ours = settings(door, env, request.param)

    def run(*words: str, stdin: bytes = b"", code: int = 0) -> str:
        done = subprocess.run(["rclone", *words], env=ours, input=stdin, capture_output=True, timeout=120, check=False)
        said = done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace")
        assert done.returncode == code, said
        return done.stdout.decode()

    return run


@pytest.fixture
def bucket(rclone: Rclone, names: Iterator[str]) -> str:
    bucket = next(names)
    rclone("mkdir", f"cloud:{bucket}")
    return bucket


def test_a_tree_is_copied_checked_and_synchronised(rclone: Rclone, bucket: str, tmp_path: Path) -> None:
    up, down = tmp_path / "up", tmp_path / "down"
    (up / "deep er").mkdir(parents=True)
    files = {"a.txt": b"a", "empty": b"", "deep er/ключ+.bin": body(100_000), "deep er/%41": b"%"}
    for name, data in files.items():
        (up / name).write_bytes(data)
    rclone("copy", str(up), f"cloud:{bucket}/tree")
    rclone("check", str(up), f"cloud:{bucket}/tree")
    rclone("check", "--download", str(up), f"cloud:{bucket}/tree")
    rows = json.loads(rclone("lsjson", "-R", "--files-only", "--hash", f"cloud:{bucket}/tree"))
    assert {row["Path"]: (row["Size"], row["Hashes"]["md5"]) for row in rows} == {
        name: (len(data), md5(data)) for name, data in files.items()
    }
    assert len(rclone("lsl", f"cloud:{bucket}").splitlines()) == 4
    rclone("copy", f"cloud:{bucket}/tree", str(down))
    assert {name: (down / name).read_bytes() for name in files} == files
    (up / "a.txt").unlink()
    (up / "empty").write_bytes(b"no longer")
    rclone("sync", str(up), f"cloud:{bucket}/tree")
    assert rclone("cat", f"cloud:{bucket}/tree/empty") == "no longer"
    assert "a.txt" not in rclone("lsf", f"cloud:{bucket}/tree")
    rclone("check", str(up), f"cloud:{bucket}/tree")


def test_a_big_file_goes_in_parts(rclone: Rclone, bucket: str, big: Path, tmp_path: Path) -> None:
    parts = ["--s3-upload-cutoff", "5M", "--s3-chunk-size", "5M"]
    rclone("copyto", *parts, str(big), f"cloud:{bucket}/big.bin")
    rclone("check", str(big.parent), f"cloud:{bucket}")
    assert rclone("md5sum", f"cloud:{bucket}/big.bin").split()[0] == md5(big.read_bytes())
    rclone("copyto", "--multi-thread-cutoff", "1M", f"cloud:{bucket}/big.bin", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == big.read_bytes()
    rclone("copyto", *parts, "--s3-copy-cutoff", "5M", f"cloud:{bucket}/big.bin", f"cloud:{bucket}/again")

    assert rclone("md5sum", f"cloud:{bucket}/again").split()[0] == md5(big.read_bytes())


def test_one_object(rclone: Rclone, bucket: str) -> None:
    rclone("rcat", f"cloud:{bucket}/dir/piped", stdin=b"from a pipe")
    assert rclone("cat", f"cloud:{bucket}/dir/piped") == "from a pipe"
    rclone("moveto", f"cloud:{bucket}/dir/piped", f"cloud:{bucket}/moved")
    assert rclone("lsf", f"cloud:{bucket}") == "moved\n"
    assert json.loads(rclone("size", "--json", f"cloud:{bucket}"))["bytes"] == 11
    rclone("deletefile", f"cloud:{bucket}/moved")
    rclone("rmdir", f"cloud:{bucket}")
    assert bucket not in rclone("lsd", "cloud:")
