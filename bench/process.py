"""A server under measurement: started in a process group of its own, looked at through /proc."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


class Process:
    """A running server and its children."""

    def __init__(
        self, command: Sequence[str | Path], port: int, log: Path, environment: Mapping[str, str], start_s: float
    ) -> None:
        """Start it and wait until it answers. Raises RuntimeError, with the end of its log, if it does not."""
        self.port = port
        self._log = log
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                list(map(str, command)),
                env={**os.environ, **environment},
                cwd=log.parent,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        until = time.monotonic() + start_s
        while not _answers(port):
            if self._process.poll() is not None or time.monotonic() > until:
                self.kill()
                raise RuntimeError(f"{command[0]} did not start: {log.read_text(errors='replace')[-800:]}")
            time.sleep(0.05)

    @property
    def pid(self) -> int:
        return self._process.pid

    def tree(self) -> list[int]:
        """Process ids of the server and of all its descendants."""
        return tree(self.pid)

    def forget_peak(self) -> None:
        """Begin to measure the peak of memory anew."""
        forget_peak(self.tree())

    def peak_bytes(self) -> int:
        """The sum of all processes' peaks of resident memory: shared pages count in each, so no less than the truth."""
        return sum(status_bytes(pid, "VmHWM") for pid in self.tree())

    def resident_bytes(self) -> int:
        """Resident memory now, of all processes together."""
        return sum(status_bytes(pid, "VmRSS") for pid in self.tree())

    def cpu_s(self) -> float:
        """Processor time used so far by the server and its living descendants."""
        return sum(cpu_s(pid) for pid in self.tree())

    def pause(self) -> None:
        """Stop it in place, so that it takes nothing from the server being measured."""
        os.killpg(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.killpg(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL to the whole group, and wait until it is gone."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()


def tree(root: int) -> list[int]:
    """Process ids of `root` and of all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                parent = int(_stat(int(entry))[1])
                children.setdefault(parent, []).append(int(entry))
    found, at = [root], 0
    while at < len(found):
        found += children.get(found[at], [])
        at += 1
    return found


def forget_peak(pids: Iterable[int]) -> None:
    """Begin to measure these processes' peak of resident memory anew: proc(5), clear_refs."""
    for pid in pids:
        with contextlib.suppress(OSError):
            Path("/proc", str(pid), "clear_refs").write_text("5")


def status_bytes(pid: int, name: str) -> int:
    """A size from /proc/PID/status: VmRSS (resident now), VmHWM (at its highest). 0 if the process is gone."""
    with contextlib.suppress(OSError):
        for line in Path("/proc", str(pid), "status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
    return 0


def cpu_s(pid: int) -> float:
    """Processor time used by one process so far, 0 if it is gone."""
    with contextlib.suppress(OSError):
        fields = _stat(pid)
        return (int(fields[11]) + int(fields[12])) / _TICKS
    return 0.0


def _stat(pid: int) -> list[str]:
    """proc(5), stat, from the third field on."""
    return Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()


def _answers(port: int) -> bool:
    """Whether anything is answered: a port may be listened on before its server is ready."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/")
        connection.getresponse().read()
        return True
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def free_ports() -> Iterator[int]:
    """Ports that nobody listens on, each once."""
    given: set[int] = set()
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        if port not in given:
            given.add(port)
            yield port
