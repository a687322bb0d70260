"""A real Sampan for tests: `sampan up` as a process of its own, on a free port, over a folder of its own.

with Server(tmp_path / "data") as server:
    boto3.client("s3", endpoint_url=server.url, ...)
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

KEY_ID = "AKIATESTTESTTESTTEST"
SECRET = "test/secret+of+the+root+account+40+chars"
START_S_MAX = 60
STOP_S_MAX = 40
GONE_S_MAX = 10


def alive(pid: int) -> bool:
    """Whether a process runs: not one that is dead and only not reaped, as in a container without an init."""
    found = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return found.stdout.strip() != "" and not found.stdout.strip().startswith("Z")


class NotStarted(AssertionError):
    """`sampan up` ended, or did not answer in time. Holds its exit code, if it ended, and what it said."""

    def __init__(self, code: int | None, log: str) -> None:
        super().__init__(f"sampan up did not start (exit code {code}):\n{log}")
        self.code = code
        self.log = log


class Server:
    """`sampan up`, started by `start()` or `with`. Its output goes to a file beside the data folder.

    `flags` are more arguments ("--workers", "2"), `env` more variables; both are kept over a restart. A variable that
    is None is taken away.
    """

    def __init__(
        self,
        data: Path,
        *flags: str,
        env: Mapping[str, str | None] | None = None,
        key_id: str = KEY_ID,
        secret: str = SECRET,
    ) -> None:
        self.data = data
        self.key_id = key_id
        self.secret = secret
        self.flags: Sequence[str] = flags
        self.env = dict(env or {})
        self.url = ""
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._log = data.with_name(data.name + ".log")
        self._ready = data.with_name(data.name + ".ready")

    # --- its life -----------------------------------------------------------------------------------------------------

    def start(self) -> Server:
        """Start, and return when it answers. Raises NotStarted."""
        assert self._process is None, "it runs already"
        self._ready.unlink(missing_ok=True)
        self._log.parent.mkdir(parents=True, exist_ok=True)
        # A restart comes back where clients remember it.
        command = [sys.executable, "-m", "sampan.cli.main", "up", "--data", str(self.data), "--port", str(self.port)]
        command += ["--ready-file", str(self._ready), *self.flags]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment(),
                cwd=self.data.parent,
                start_new_session=True,  # a group of its own, so that all of it can be killed at once
            )
        end = time.monotonic() + START_S_MAX
        while not self._ready.exists():
            code = self._process.poll()
            if code is not None or time.monotonic() > end:
                self.kill()
                raise NotStarted(code, self.log)
            time.sleep(0.01)
        facts = json.loads(self._ready.read_text())
        self.url, self.port = facts["url"], facts["port"]
        return self

    def stop(self) -> int:
        """Ask it to stop, as a user does with Ctrl-C. Returns its exit code."""
        assert self._process is not None, "it does not run"
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(STOP_S_MAX)
        finally:
            self.kill()

    def kill(self) -> None:
        """SIGKILL to every process of it, at once. Fine if it has ended."""
        if self._process is None:
            return
        workers = self.workers()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        # Workers are not our children: until they are gone they hold the port and the folder.
        end = time.monotonic() + GONE_S_MAX
        while time.monotonic() < end and any(alive(worker) for worker in workers):
            time.sleep(0.002)
        self._process = None

    def restart(self) -> Server:
        """Stop if it runs, and start again on the same port."""
        if self._process is not None:
            self.stop()
        return self.start()

    def __enter__(self) -> Server:
        return self if self._process is not None else self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self.stop()

    # --- what can be seen of it ---------------------------------------------------------------------------------------

    @property
    def pid(self) -> int:
        """Of the parent; the workers are its children."""
        assert self._process is not None, "it does not run"
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def host(self) -> str:
        """Host and port, as in a Host header."""
        return self.url.partition("://")[2]

    @property
    def log(self) -> str:
        """Everything that it has said so far, over all starts."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def workers(self) -> list[int]:
        """The process ids of the workers."""
        found = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self.pid)], capture_output=True, text=True, check=False
        )
        return [int(word) for word in found.stdout.split()]

    def page(self, name: str) -> str:
        """One of the server's own pages: "health", "metrics"."""
        with urllib.request.urlopen(f"{self.url}/_sampan/{name}", timeout=10) as answer:
            return answer.read().decode()

    def _environment(self) -> dict[str, str]:
        """As clean as a stranger's: nothing of the developer's own settings gets in."""
        mine = {name: value for name, value in os.environ.items() if not name.startswith("SAMPAN_")}
        mine |= {"SAMPAN_ROOT_ACCESS_KEY_ID": self.key_id, "SAMPAN_ROOT_ACCESS_KEY_SECRET": self.secret}
        mine |= {"PYTHONUNBUFFERED": "1"}
        for name, value in self.env.items():
            if value is None:
                mine.pop(name, None)
            else:
                mine[name] = value
        return mine
