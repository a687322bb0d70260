"""The import table holds, ARCHITECTURE.md tells it as it is, and the check can fail."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tests.architecture import checks

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SOURCE = ROOT / "src" / "sampan"
TABLE: dict[str, list[str]] = tomllib.loads((HERE / "imports.toml").read_text())
WITHOUT_CHANCE = ("services/", "dialects/", "gateway/", "kernel/")


def test_every_import_is_in_the_table() -> None:
    assert checks.broken_imports(SOURCE, TABLE) == []


def test_the_kernel_stands_on_the_standard_library_alone() -> None:
    assert checks.outside_imports(SOURCE, "kernel/") == []


def test_no_import_hides_from_the_table() -> None:
    assert checks.computed_imports(SOURCE, spared=("cli/main.py",)) == []


def test_time_randomness_and_environment_are_given_not_taken() -> None:
    assert checks.uses_of_chance(SOURCE, ("services/", "dialects/")) == []


def test_the_architecture_page_shows_the_same_table() -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text()
    shown = {}
    for row in re.findall(r"^\| `([^|]+)` \|[^|]*\|([^|]*)\|$", page, re.MULTILINE):
        may = ["*"] if row[1].strip() == "all" else re.findall(r"`([^`]+)`", row[1])
        shown |= dict.fromkeys(row[0].split("`, `"), may)
    assert shown == TABLE


# --- planted violations ----------------------------------------------------------------------------------------------


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small source tree that breaks nothing."""
    _write(tmp_path, "kernel/fault.py", "import enum\n")
    _write(tmp_path, "engines/store.py", "from sampan.kernel.fault import Fault\n")
    _write(tmp_path, "services/objects/model.py", "from sampan.kernel.fault import Fault\n")
    _write(tmp_path, "services/objects/service.py", "from sampan.services.objects import model, rows\n")
    _write(tmp_path, "services/objects/rows.py", "")
    _write(tmp_path, "services/identity/model.py", "")
    _write(tmp_path, "services/identity/service.py", "from sampan.services.objects.model import Range\n")
    _write(tmp_path, "gateway/http.py", "from sampan.kernel.fault import Fault\n")
    _write(tmp_path, "gateway/dispatch.py", "from sampan.gateway.http import Request\n")
    _write(tmp_path, "dialects/aws/wire/sigv4.py", "from sampan.gateway import http\n")
    _write(
        tmp_path,
        "dialects/aws/s3/dialect.py",
        "from sampan.dialects.aws.wire import sigv4\nimport sampan.kernel.fault\n",
    )
    _write(tmp_path, "dialects/aliyun/wire/sign.py", "")
    _write(tmp_path, "app.py", "from sampan.engines.store import Store\nfrom sampan.cli import main\n")
    _write(tmp_path, "cli/main.py", "def main():\n    from sampan.app import build\n")
    return tmp_path


def _write(root: Path, path: str, text: str) -> None:
    for folder in reversed((root / path).relative_to(root).parents):
        (root / folder).mkdir(exist_ok=True)
        (root / folder / "__init__.py").touch()
    (root / path).write_text(text)


def test_a_clean_tree_is_clean(tree: Path) -> None:
    assert checks.broken_imports(tree, TABLE) == []
    assert checks.outside_imports(tree, "kernel/") == []
    assert checks.uses_of_chance(tree, WITHOUT_CHANCE) == []


@pytest.mark.parametrize(
    ("path", "line", "named"),
    [
        ("kernel/caller.py", "from sampan.engines.store import Store", "engines/store.py"),
        ("kernel/caller.py", "def late():\n    import sampan.app", "app.py"),
        ("engines/blobs.py", "from sampan.services.objects.model import Range", "services/objects/model.py"),
        ("services/identity/keys.py", "from sampan.services.objects.service import x", "services/objects/service.py"),
        ("services/identity/keys.py", "from sampan.services.objects import service", "services/objects/service.py"),
        ("services/identity/keys.py", "from ..objects import rows", "services/objects/rows.py"),
        ("services/objects/io.py", "from sampan.engines import store", "engines/store.py"),
        ("services/objects/io.py", "from sampan.gateway.http import Request", "gateway/http.py"),
        ("gateway/asgi.py", "from sampan.services.objects.model import Range", "services/objects/model.py"),
        ("dialects/aws/s3/ops.py", "from sampan.services.objects.rows import x", "services/objects/rows.py"),
        ("dialects/aws/s3/ops.py", "from sampan.gateway.dispatch import pick", "gateway/dispatch.py"),
        ("dialects/aws/s3/ops.py", "from sampan.dialects.aliyun.wire import sign", "dialects/aliyun/wire/sign.py"),
        ("dialects/aws/iam/ops.py", "from sampan.dialects.aws.s3 import dialect", "dialects/aws/s3/dialect.py"),
        ("dialects/aws/wire/chunks.py", "from sampan.services.objects import model", "services/objects/model.py"),
        ("cli/env.py", "def run():\n    from sampan.engines.store import Store", "engines/store.py"),
        ("cli/env.py", "import sampan.services.objects.service", "services/objects/service.py"),
        ("stray.py", "import os", "no row"),
    ],
)
def test_a_planted_import_is_caught(tree: Path, path: str, line: str, named: str) -> None:
    _write(tree, path, line + "\n")
    (broken,) = checks.broken_imports(tree, TABLE)
    assert broken.startswith(path)
    assert named in broken


def test_a_planted_package_in_the_kernel_is_caught(tree: Path) -> None:
    _write(tree, "kernel/body.py", "def late():\n    import msgspec.json\n")
    assert checks.outside_imports(tree, "kernel/") == ["kernel/body.py:2: imports msgspec.json"]


@pytest.mark.parametrize(
    "line", ["import importlib", "from importlib import import_module", "x = __import__('sampan')"]
)
def test_a_planted_computed_import_is_caught(tree: Path, line: str) -> None:
    _write(tree, "kernel/body.py", line + "\n")
    assert len(checks.computed_imports(tree, spared=("cli/main.py",))) == 1


@pytest.mark.parametrize(
    "line",
    [
        "import time",
        "from time import time_ns",
        "def late():\n    import random",
        "from uuid import uuid4",
        "import secrets",
        "import os\nx = os.environ['HOME']",
        "from os import environ",
        "import os\nx = os.urandom(8)",
        "import datetime\nx = datetime.datetime.now(datetime.UTC)",
        "from datetime import datetime\nx = datetime.utcnow",
    ],
)
def test_planted_chance_is_caught(tree: Path, line: str) -> None:
    _write(tree, "services/objects/io.py", line + "\n")
    assert len(checks.uses_of_chance(tree, ("services/", "dialects/"))) == 1
