"""The backup that docs/durability.md describes can be taken from a running server, and comes back to life."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.docs.blocks import blocks
from tests.harness import Server

ROOT = Path(__file__).parents[2]


def client(server: Server) -> Any:
    return boto3.client(
        "s3", endpoint_url=server.url, region_name="us-east-1",
        aws_access_key_id=server.key_id, aws_secret_access_key=server.secret,
    )  # fmt: skip


def test_a_backup_comes_back_to_life(fresh_server: Server, tmp_path: Path) -> None:
    (block,) = [block for block in blocks(ROOT, "docs/durability.md") if block.language == "console"]
    script = "\n".join(line.removeprefix("$ ") for line in block.code.splitlines())
    if shutil.which("sqlite3") is None:
        pytest.skip("there is no sqlite3 here")
    large, small = os.urandom(300_000), b"small"
    s3 = client(fresh_server)
    s3.create_bucket(Bucket="hold")
    s3.put_object(Bucket="hold", Key="large", Body=large)
    s3.put_object(Bucket="hold", Key="small", Body=small)
    script = script.replace("~/.local/share/sampan", str(fresh_server.data))
    done = subprocess.run(["bash", "-euc", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    s3.put_object(Bucket="hold", Key="small", Body=b"later")
    fresh_server.stop()
    (tmp_path / "backup").chmod(0o700)
    with Server(tmp_path / "backup") as revived:
        s3 = client(revived)
        assert s3.get_object(Bucket="hold", Key="large")["Body"].read() == large
        assert s3.get_object(Bucket="hold", Key="small")["Body"].read() == small
