"""Faults of a disk for any program: a failed sync, a full disk, a torn write.

A small library in C is loaded before the program's own (LD_PRELOAD) and stands between it and the C library. It
touches files below one folder only, and obeys a file that all processes share, so that a test can make the disk fail
while the program runs, and mend it again:

    shim = Shim(tmp_path, watched=data_folder)     # compiles the library with cc; the folder must exist
    process = subprocess.Popen(command, env={**os.environ, **shim.env()})
    shim.arm(sync_errors=3)                        # the next three fsync or fdatasync calls fail with EIO
    shim.arm(full=True)                            # writes fail with ENOSPC, until ...
    shim.clear()                                   # ... now
    shim.arm(tear=5)                               # the fifth write stores its first half, and its process is killed
    shim.arm(sync_errors=1, only="store.db-wal")   # only files whose path ends so
    shim.injected                                  # how many faults there were so far

`arm` sets all of it at once: what is not named is off. The environment reaches worker processes as well, and the
counts are of all processes together. Whoever opens the folder without that environment sees what is really there.

What a test must know: on a full disk every write fails here, also one over bytes that have room already; and what is
written through a memory map (SQLite's `-shm` file) is never touched. Linux only; `available` says whether it can be
used.
"""

from __future__ import annotations

import mmap
import shutil
import struct
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).with_name("shim.c")
CONTROL = struct.Struct("=iiii256s")  # struct control of shim.c
available = sys.platform == "linux" and shutil.which("cc") is not None


def build(into: Path) -> Path:
    """Compile the library into a folder, if it is not there yet."""
    library = into / "libfaults.so"
    if not library.exists():
        flags = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O2", "-shared", "-fPIC", "-fvisibility=hidden"]
        subprocess.run(["cc", *flags, "-o", str(library), str(SOURCE), "-ldl"], check=True)
    return library


class Shim:
    """One watched folder and what is to go wrong there. `scratch` holds the library and the control file; it must not
    lie below `watched`."""

    def __init__(self, scratch: Path, watched: Path) -> None:
        self._library = build(scratch)
        self._watched = watched
        self._file = scratch / "faults"
        self._file.write_bytes(bytes(CONTROL.size))
        with self._file.open("r+b") as file:
            self._control = mmap.mmap(file.fileno(), CONTROL.size)

    def env(self) -> dict[str, str]:
        """What a program's environment needs in addition."""
        return {
            "LD_PRELOAD": str(self._library),
            "SAMPAN_FAULTS_CONTROL": str(self._file),
            "SAMPAN_FAULTS_FOLDER": str(self._watched),
        }

    def arm(self, *, sync_errors: int = 0, full: bool = False, tear: int = 0, only: str = "") -> None:
        """Say what is to go wrong from now on; see above."""
        self._control[:] = CONTROL.pack(sync_errors, full, tear, self.injected, only.encode())

    def clear(self) -> None:
        """From now on nothing goes wrong."""
        self.arm()

    @property
    def injected(self) -> int:
        """How many faults there were since the beginning."""
        return int(CONTROL.unpack(self._control[:])[3])
