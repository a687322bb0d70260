"""Every example that can be run is run, in its page's order, against a real server, and prints what the page says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.apart import node_modules_with, python_with
from tests.clients.test_ali_oss import PACKAGES as ALI_OSS
from tests.clients.test_s3fs import REQUIREMENTS as FSSPEC
from tests.docs.blocks import Block, blocks
from tests.harness import Server
from tests.llm import folders

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))]
RUN = {
    "python": [sys.executable, "-"],
    "sh": ["bash", "-euo", "pipefail", "-s"],
    "js": ["node", "-"],
}
EXAMPLES = [block for page in PAGES for block in blocks(ROOT, page) if block.language in RUN]
EXAMPLE_S_MAX = 120
ASKS_A_MODEL = re.compile(r"^(?:import|from) (?:openai|anthropic|dashscope)\b", re.MULTILINE)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the examples run: a folder with something in it, as a clone has."""
    folder = tmp_path_factory.mktemp("newcomer")
    (folder / "docs").mkdir()
    (folder / "docs" / "notes.txt").write_text("notes\n")
    return folder


@pytest.fixture(scope="module")
def environment(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What the newcomer's shell has after `eval "$(./sampan env)"`, and nothing of the developer's own setup."""
    flags = [] if folders.missing() else ["--model", str(folders.chat(tmp_path_factory.mktemp("models") / "tern"))]
    with Server(tmp_path_factory.mktemp("docs") / "data", *flags) as server:
        command = [sys.executable, "-m", "sampan.cli.main", "env", "--shell", "dotenv", "--data", str(server.data)]
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        plain = {"HOME": str(home), "PATH": path, "LANG": "C.UTF-8"}
        yield plain | dict(line.split("=", 1) for line in lines)


@pytest.mark.parametrize("block", EXAMPLES, ids=str)
def test_an_example_works(block: Block, environment: dict[str, str], home: Path) -> None:
    if ASKS_A_MODEL.search(block.code) and folders.missing():
        pytest.skip(f"needs {', '.join(folders.missing())}")
    done = subprocess.run(
        _program(block), input=block.code, env=environment | _apart(block), cwd=home,
        capture_output=True, text=True, timeout=EXAMPLE_S_MAX, check=False,
    )  # fmt: skip
    if "Failed to download extension" in done.stderr:
        pytest.skip("DuckDB's own extension for S3 cannot be downloaded here")
    assert done.returncode == 0, done.stdout + done.stderr
    if block.expected is not None:
        assert done.stdout.rstrip() == block.expected.rstrip()


def _program(block: Block) -> list[str | Path]:
    """What runs a block: clients that do not go together with ours have an interpreter of their own."""
    if block.needs in ("s3fs", "ossfs"):
        return [python_with("fsspec", FSSPEC), "-"]
    if block.needs:
        return [python_with(block.needs, [block.needs]), "-"]
    return [*RUN[block.language]]


def _apart(block: Block) -> dict[str, str]:
    return {"NODE_PATH": str(node_modules_with("ali-oss", ALI_OSS))} if block.language == "js" else {}
