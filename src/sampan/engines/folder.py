"""The data folder: everything that one Sampan keeps.

| name | what |
|---|---|
| `format` | the version of this layout |
| `lock` | locked while a Sampan runs; holds its process id |
| `runs` | how often it was opened: part of the ids of blobs |
| `store/` | the Store (`store_sqlite`) |
| `blobs/` | the Blobs (`blobs_disk`) |

Other parts of the program keep files of their own beside these, by `DataFolder.path`.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from sampan.engines.disk import sync_file, sync_folder

FORMAT = 1
_MAGIC = "sampan data folder, format "
# What may be there before the first start: what a crash at that time has left, a configuration, a disk of its own.
_HARMLESS = frozenset({"lock", "format.new", "sampan.toml", "lost+found"})


class FolderError(Exception):
    """The folder cannot be used; the text says why, to a person."""


class Locked(FolderError):  # noqa: N818 - what the folder is
    """Another Sampan is using it. `pid` is its process id, None if it has not said so yet."""

    def __init__(self, path: Path, pid: int | None) -> None:
        super().__init__(f"{path} is in use by another Sampan" + (f" (process {pid})" if pid is not None else ""))
        self.pid = pid


class Newer(FolderError):  # noqa: N818 - what the folder is
    """A newer Sampan has written it."""


class Foreign(FolderError):  # noqa: N818 - what the folder is
    """It is not empty, and is not a data folder."""


class DataFolder:
    """A data folder that this process owns until `close`, or until it ends in whatever way.

    Makes the folder if need be, locks it, and begins a run. Raises FolderError, or OSError. Worker processes use
    what is in the folder without opening it once more: their parent owns it.
    """

    def __init__(self, path: Path) -> None:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        _format(path)  # before anything is put into it
        self.path = path
        self._lock: int | None = _lock(path)
        try:
            if _format(path) is None:
                _replace(path / "format", f"{_MAGIC}{FORMAT}\n")
            self.run = _read_run(path) + 1
            _replace(path / "runs", f"{self.run}\n")
        except BaseException:
            self.close()
            raise

    @staticmethod
    def check(path: Path) -> None:
        """Raises FolderError unless `path` is a data folder that we can read, in use or not; or OSError."""
        if _format(path) is None:
            raise Foreign(f"{path} is not a data folder")

    @property
    def store(self) -> Path:
        return self.path / "store"

    @property
    def blobs(self) -> Path:
        return self.path / "blobs"

    def free_bytes(self) -> int:
        """What the disk has left for us."""
        status = os.statvfs(self.path)
        return status.f_bavail * status.f_frsize

    def close(self) -> None:
        """Let another Sampan use it. Safe to call twice."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _format(path: Path) -> int | None:
    """The format of the folder, or None if it has none yet. Raises Newer, Foreign."""
    try:
        text = (path / "format").read_text("ascii", "replace")
    except FileNotFoundError:
        strange = sorted(entry.name for entry in path.iterdir() if entry.name not in _HARMLESS)
        if strange:
            raise Foreign(f"{path} is not empty and not a data folder: it holds {strange[0]!r}") from None
        return None
    number = text.removeprefix(_MAGIC).strip()
    if not text.startswith(_MAGIC) or not number.isdecimal():
        raise Foreign(f"{path / 'format'} is not one of ours")
    if int(number) > FORMAT:
        raise Newer(f"{path} was written by a newer Sampan (format {number}; this one knows {FORMAT})")
    return int(number)


def _lock(path: Path) -> int:
    """Lock the folder until the descriptor is closed, or the process ends in whatever way."""
    lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = os.pread(lock, 20, 0).strip()
        os.close(lock)
        raise Locked(path, int(pid) if pid.isdigit() else None) from None
    except BaseException:
        os.close(lock)
        raise
    os.ftruncate(lock, 0)
    os.pwrite(lock, b"%d\n" % os.getpid(), 0)
    return lock


def _read_run(path: Path) -> int:
    """The number of the latest run, 0 before the first."""
    try:
        text = (path / "runs").read_text("ascii", "replace").strip()
    except FileNotFoundError:
        return 0
    if not text.isdecimal():
        raise FolderError(f"{path / 'run'} does not hold a number")
    return int(text)


def _replace(path: Path, text: str) -> None:
    """Write a small file so that it is there as a whole or not at all, and durably so."""
    new = path.with_suffix(".new")
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, text.encode("ascii"))
        sync_file(fd)
    finally:
        os.close(fd)
    new.rename(path)
    sync_folder(path.parent)
