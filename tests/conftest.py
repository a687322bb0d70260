"""What all tests share: a server for the session, servers of one's own, and `--long`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.harness import Server


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="also run the tests that take minutes to hours")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--long"):
        return
    for item in items:
        if "long" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="takes long: pass --long"))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server with two workers for the whole session. Tests take names of their own in it, and don't stop it."""
    with Server(tmp_path_factory.mktemp("server") / "data", "--workers", "2") as running:
        yield running


@pytest.fixture
def fresh_server(tmp_path: Path) -> Iterator[Server]:
    """A server of the test's own, which it may kill, stop and restart."""
    with Server(tmp_path / "data") as running:
        yield running


@pytest.fixture
def make_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Makes servers that are not started yet, by flags and variables; all have ended when the test has."""
    made: list[Server] = []

    def make(*flags: str, name: str = "data", env: dict[str, str | None] | None = None) -> Server:
        made.append(Server(tmp_path / name, *flags, env=env))
        return made[-1]

    yield make
    for one in made:
        one.kill()
