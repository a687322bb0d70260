"""The data folder: made, locked, numbered, refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sampan.engines.folder import DataFolder, Foreign, Locked, Newer


def test_it_is_made_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "data"
    folder = DataFolder(path)
    assert path.stat().st_mode & 0o777 == 0o700
    assert all(entry.stat().st_mode & 0o077 == 0 for entry in path.iterdir())
    assert folder.free_bytes() > 0
    folder.close()


def test_each_opening_is_another_run(tmp_path: Path) -> None:
    runs = []
    for _ in range(3):
        folder = DataFolder(tmp_path)
        runs.append(folder.run)
        folder.close()
    assert runs == [1, 2, 3]


def test_one_at_a_time(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    DataFolder.check(tmp_path)
    with pytest.raises(Locked, match=str(os.getpid())) as caught:
        DataFolder(tmp_path)
    assert caught.value.pid == os.getpid()
    folder.close()
    folder.close()
    DataFolder(tmp_path).close()


def test_the_lock_dies_with_its_owner(tmp_path: Path) -> None:
    code = f"""
import os, signal
from pathlib import Path
from sampan.engines.folder import DataFolder
folder = DataFolder(Path({str(tmp_path)!r}))
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    folder = DataFolder(tmp_path)
    assert folder.run == 2
    folder.close()


def test_what_a_newer_one_wrote_is_left_alone(tmp_path: Path) -> None:
    DataFolder(tmp_path).close()
    (tmp_path / "format").write_text("sampan data folder, format 99\n")
    for use in (DataFolder, DataFolder.check):
        with pytest.raises(Newer, match="99"):
            use(tmp_path)
    assert (tmp_path / "runs").read_text() == "1\n"


def test_what_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    for use in (DataFolder, DataFolder.check):
        with pytest.raises(Foreign, match=r"thesis\.tex"):
            use(tmp_path)
    assert os.listdir(tmp_path) == ["thesis.tex"]


@pytest.mark.parametrize("text", ["", "1", "sampan data folder, format x", "\u00e9" * 100])
def test_a_strange_format_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "format").write_text(text)
    with pytest.raises(Foreign):
        DataFolder(tmp_path)


def test_a_crash_at_the_first_start_is_mended(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    (tmp_path / "format.new").write_text("sampan da")
    DataFolder(tmp_path).close()
    DataFolder.check(tmp_path)


def test_checking_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(Foreign):
        DataFolder.check(tmp_path)
    assert os.listdir(tmp_path) == []
