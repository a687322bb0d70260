"""Files and functions stay short, public names say what they are, and nothing of one machine is kept."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.architecture import checks

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "sampan"
PYTHON = [ROOT / folder for folder in ("src", "tests", "bench")]


def tracked() -> list[str]:
    """What git keeps. A tree without git (an unpacked archive) is taken as it is."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        return listed.stdout.splitlines()
    return [path.relative_to(ROOT).as_posix() for folder in (*PYTHON, ROOT / "docs") for path in folder.rglob("*.*")]


@pytest.mark.parametrize("folder", PYTHON, ids=lambda folder: folder.name)
def test_files_are_short(folder: Path) -> None:
    assert checks.long_files(folder) == []


@pytest.mark.parametrize("folder", PYTHON, ids=lambda folder: folder.name)
def test_functions_are_short(folder: Path) -> None:
    assert checks.long_functions(folder) == []


def test_public_names_have_docstrings() -> None:
    assert checks.undocumented(SOURCE) == []


def test_nothing_of_one_machine_is_kept() -> None:
    assert checks.private_traces(ROOT, tracked()) == []


# --- planted violations ----------------------------------------------------------------------------------------------


def test_a_planted_long_file_is_caught(tmp_path: Path) -> None:
    (tmp_path / "fine.py").write_text("x = 1\n" * (checks.FILE_LINES_MAX - 1))
    (tmp_path / "long.py").write_text("x = 1\n" * checks.FILE_LINES_MAX)
    assert checks.long_files(tmp_path) == ["long.py: 600 lines"]


def test_a_planted_long_function_is_caught(tmp_path: Path) -> None:
    fine = "def fine():\n" + "    x = 1\n" * (checks.FUNCTION_LINES_MAX - 2)
    long = "class A:\n    async def long(self):\n" + "        x = 1\n" * (checks.FUNCTION_LINES_MAX - 1)
    (tmp_path / "a.py").write_text(fine + long)
    assert checks.long_functions(tmp_path) == ["a.py:81: long has 80 lines"]


def test_planted_missing_docstrings_are_caught(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("def seen():\n    pass\n\n\nclass Seen:\n    pass\n\n\ndef _unseen():\n    pass\n")
    (tmp_path / "b.py").write_text('"""Fine."""\n\n\ndef fine():\n    """Fine."""\n')
    (tmp_path / "__init__.py").touch()
    noun = tmp_path / "services" / "boats"
    noun.mkdir(parents=True)
    (noun / "model.py").write_text('"""Fine."""\n\n\nclass SetSail:\n    """Fine."""\n')
    (noun / "boats.py").write_text('"""Fine."""\n\n\nasync def set_sail():\n    pass\n\n\ndef sink():\n    pass\n')
    assert checks.undocumented(tmp_path) == [
        "a.py: the module", "a.py:1: seen", "a.py:5: Seen", "services/boats/boats.py:8: sink",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        "see /ho" + "me/ann/notes.txt",
        'open("/ro' + 'ot/x")',
        "/wo" + "rk/here",
        "-----BEGIN PRIV" + "ATE KEY-----",
        "<<<<<" + "<< main",
    ],
)
def test_planted_traces_are_caught(tmp_path: Path, line: str) -> None:
    (tmp_path / "a.md").write_text(f"fine: ~/.sampan, http://host/home/x, src/root/x\n{line}\n")
    (tmp_path / "b.bin").write_bytes(b"\xff\xfe")
    assert checks.private_traces(tmp_path, ["a.md", "b.bin", "gone"]) == [f"a.md:2: {line}"]
