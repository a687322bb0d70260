"""Where the clients find the server, and a world around them that knows nothing of this machine's owner."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import Server
from tests.stories.driver import Door
from tests.stories.samples import MIB, body


@pytest.fixture(scope="session")
def door(server: Server) -> Door:
    """The way into the server."""
    return Door("127.0.0.1", server.port, server.key_id, server.secret)


@pytest.fixture(scope="session")
def env(door: Door, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of clients that run as programs: credentials in it, no home, no instance metadata."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path_factory.mktemp("home")),
        "LANG": "C.UTF-8",
        "AWS_ACCESS_KEY_ID": door.key_id,
        "AWS_SECRET_ACCESS_KEY": door.secret,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": door.url,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
        "ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true",
    }


@pytest.fixture(scope="session")
def names() -> Iterator[str]:
    """Bucket names that nobody used before."""
    return (f"client-{number:04d}" for number in itertools.count())


@pytest.fixture(scope="session")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of 12 MiB, which most clients send in parts."""
    path = tmp_path_factory.mktemp("big") / "big.bin"
    path.write_bytes(body(12 * MIB, "big"))
    return path
