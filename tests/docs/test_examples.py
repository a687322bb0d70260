"""Every example that can be run is run, in its page's order, against a real server, and prints what the page says."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.docs.blocks import Block, blocks
from tests.harness import Server

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))]
RUN = {
    "python": [sys.executable, "-"],
    "sh": ["bash", "-euo", "pipefail", "-s"],
    "js": ["node", "-"],
}
EXAMPLES = [block for page in PAGES for block in blocks(ROOT, page) if block.language in RUN]
EXAMPLE_S_MAX = 120


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the examples run: a newcomer's folder, with a file or two in it."""
    folder = tmp_path_factory.mktemp("newcomer")
    (folder / "notes.txt").write_text("a file of mine\n")
    return folder


@pytest.fixture(scope="module")
def environment(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What the newcomer's shell has after `eval "$(./sampan env)"`, and nothing of the developer's own setup."""
    with Server(tmp_path_factory.mktemp("docs") / "data") as server:
        command = [sys.executable, "-m", "sampan.cli.main", "env", "--shell", "dotenv", "--data", str(server.data)]
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        plain = {"HOME": str(home), "PATH": path, "LANG": "C.UTF-8", "NODE_PATH": _node_modules()}
        yield plain | dict(line.split("=", 1) for line in lines)


def _node_modules() -> str:
    """Where `npm install` has put ali-oss: here, or where the tests of clients keep it."""
    for folder in (ROOT / "node_modules", ROOT / "tests" / "clients" / "node_modules"):
        if (folder / "ali-oss").is_dir():
            return str(folder)
    return ""


@pytest.mark.parametrize("block", EXAMPLES, ids=str)
def test_an_example_works(block: Block, environment: dict[str, str], home: Path) -> None:
    if block.needs and importlib.util.find_spec(block.needs) is None:
        pytest.skip(f"{block.needs} is not installed here; tests/clients runs it in an environment of its own")
    if block.language == "js" and not (environment["NODE_PATH"] and shutil.which("node")):
        pytest.skip("node or ali-oss is not installed here")
    done = subprocess.run(
        RUN[block.language], input=block.code, env=environment, cwd=home,
        capture_output=True, text=True, timeout=EXAMPLE_S_MAX, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    if block.expected is not None:
        assert done.stdout == block.expected
