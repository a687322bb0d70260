"""`sampan chat`, and the short ways to a model: served, talked to, fetched, taken away; with a server and without."""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import http.server
import json
import os
import pty
import select
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from sampan.cli import chat
from sampan.kernel.asking import Finish, Piece, Role, Say
from sampan.kernel.caller import Caller
from sampan.services.inference.model import Generate, Stream
from tests.cli.program import sampan
from tests.harness import Server
from tests.llm import folders

pytestmark = pytest.mark.skipif(bool(folders.missing()), reason=f"needs {', '.join(folders.missing())}")
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folders.chat(tmp_path_factory.mktemp("models") / "tern")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("server") / "data") as server:
        yield server


def test_a_model_from_its_serving_to_its_end(server: Server, model: Path, tmp_path: Path) -> None:
    where = ("--data", str(server.data))

    def models(*words: str) -> str:
        done = sampan("models", *words, *where, home=tmp_path, env=_path())
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    assert "no models yet" in models("ls")
    assert "tern is ready" in models("run", str(model), "--alias", "gpt-4o-mini")
    rows = [line.split() for line in models("ls").splitlines()[1:]]
    assert [(row[0], row[2], row[-1]) for row in rows] == [
        ("gpt-4o-mini", "generate", "ready"),
        ("tern", "generate", "ready"),
    ]
    asked = ("--seed", "3", "--tokens", "8", "--no-think", *where)
    said = talk("gpt-4o-mini", *asked, home=tmp_path)
    assert said
    assert said == talk("tern", *asked, home=tmp_path)
    models("unload", "tern")
    assert models("ls").splitlines()[-1].split()[-1] == "cold"
    models("rm", "tern")
    assert "no models yet" in models("ls")
    assert (model / "config.json").exists()
    gone = sampan("chat", "tern", *where, home=tmp_path, env=_path())
    assert (gone.returncode, gone.stdout) == (1, "")
    assert "no model 'tern'" in gone.stderr


def talk(*words: str, home: Path) -> str:
    """The answer to one question."""
    plain = {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"}
    done = subprocess.run(
        [sys.executable, "-m", "sampan.cli.main", "chat", *words],
        input=b"Hello", env=plain | _path(), cwd=home, capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def _path() -> dict[str, str]:
    return {"PYTHONPATH": os.environ["PYTHONPATH"]} if "PYTHONPATH" in os.environ else {}


def test_a_folder_is_talked_to_without_a_server(server: Server, model: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    with Server(alone):
        pass
    asked = ("--seed", "3", "--tokens", "8", "--no-think")
    said = talk(str(model), *asked, "--data", str(alone), home=tmp_path)
    assert said == talk(str(model), *asked, "--data", str(server.data), home=tmp_path)
    assert "no models yet" in sampan("models", "ls", "--data", str(alone), home=tmp_path, env=_path()).stderr


def test_what_cannot_be_served(server: Server, tmp_path: Path) -> None:
    where = ("--data", str(server.data))
    (tmp_path / "empty").mkdir()
    for words, why in (
        (("run", str(tmp_path / "empty")), "config.json"),
        (("run", "nothing"), "no model"),
        (("rm", "nothing"), "no model"),
        (("pull", "../etc"), "no name of a model"),
    ):
        done = sampan("models", *words, *where, home=tmp_path, env=_path())
        assert done.returncode == 1
        assert why in done.stderr, done.stderr
        assert "Traceback" not in done.stderr


# --- on a terminal ---------------------------------------------------------------------------------------------------


class Terminal:
    """The program on a pseudo-terminal, and who sits before it."""

    def __init__(self, *words: str, home: Path) -> None:
        self._mine, theirs = pty.openpty()
        plain = {"PATH": os.environ["PATH"], "HOME": str(home), "TERM": "xterm", "LANG": "C.UTF-8"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sampan.cli.main", "chat", *words],
            env=plain | _path(), cwd=home, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        self.seen = ""

    def wait(self, text: str, after: int = 0) -> None:
        """Until `text` can be read, behind the first `after` characters."""
        end = time.monotonic() + 60
        while text not in self.seen[after:]:
            assert time.monotonic() < end, f"{text!r} did not come: {self.seen!r}"
            if select.select([self._mine], [], [], 0.2)[0]:
                try:
                    self.seen += os.read(self._mine, 65536).decode(errors="replace")
                except OSError:  # the program has ended
                    assert text in self.seen[after:], self.seen

    def type(self, line: str) -> None:
        os.write(self._mine, line.encode() + b"\n")

    def end(self) -> int:
        code = self._process.wait(30)
        os.close(self._mine)
        return code


def test_a_talk_in_a_terminal(server: Server, model: Path, tmp_path: Path) -> None:
    seat = Terminal(str(model), "--seed", "3", "--tokens", "6", "--no-think", "--data", str(server.data), home=tmp_path)
    seat.wait("> ")
    seat.type("/nonsense")
    seat.wait("/system TEXT")
    at = len(seat.seen)
    seat.type("Hello")
    seat.wait("\n> ", at)
    at = len(seat.seen)
    seat.type("/again")
    seat.wait("\n> ", at)
    seat.type("/bye")
    assert seat.end() == 0
    assert "Traceback" not in seat.seen


class Scripted:
    """A model that thinks, and then says something."""

    def __init__(self) -> None:
        self.asked: list[Generate] = []

    async def generate(self, caller: Caller, command: Generate) -> Stream:
        self.asked.append(command)
        return Stream("id", "tern", "tern", 0, self._pieces())

    async def _pieces(self) -> AsyncIterator[Piece]:
        yield Piece(0, Say.REASONING, "Let me ")
        yield Piece(0, Say.REASONING, "see.")
        yield Piece(0, Say.TEXT, "It is ")
        yield Piece(0, Say.TEXT, "so.")
        yield Piece(0, Say.END, finish=Finish.STOP)


def told(capsys: pytest.CaptureFixture[str], *words: str, terminal: bool = True) -> tuple[str, Scripted]:
    """What two questions look like."""
    parser = argparse.ArgumentParser()
    chat.add(parser.add_subparsers())
    scripted = Scripted()
    talk = chat.Talk({Generate: scripted.generate}, parser.parse_args(["chat", "tern", *words]), terminal)
    for question in ("Is it?", "Sure?"):
        asyncio.run(talk.answer(question))
    return capsys.readouterr().out, scripted


def test_thoughts_are_folded(capsys: pytest.CaptureFixture[str]) -> None:
    out, scripted = told(capsys, "--system", "Be brief.")
    assert "thinking … 2 tokens" in out
    assert "thought for" in out
    assert "Let me" not in out
    assert out.count("It is so.") == 2
    said = [(message.role, message.text) for message in scripted.asked[1].ask.messages]
    assert said == [
        (Role.SYSTEM, "Be brief."), (Role.USER, "Is it?"), (Role.ASSISTANT, "It is so."), (Role.USER, "Sure?"),
    ]  # fmt: skip


def test_thoughts_are_shown_to_who_asks(capsys: pytest.CaptureFixture[str]) -> None:
    assert "Let me " in told(capsys, "--show-thinking")[0]
    assert told(capsys, terminal=False)[0] == "It is so.\nIt is so.\n"


# --- fetched from a hub ----------------------------------------------------------------------------------------------


class Hub(http.server.BaseHTTPRequestHandler):
    """As much of a hub as its library asks of one, over a folder."""

    folder: Path
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        parts = self.path.partition("?")[0].split("/")
        if parts[1:5] == ["api", "models", "org", "tern"]:
            names = [*sorted(path.name for path in self.folder.iterdir()), "weights.bin"]
            told: object = {"id": "org/tern", "sha": COMMIT, "siblings": [{"rfilename": name} for name in names]}
            if parts[5:6] == ["tree"]:
                told = [{"type": "file", "path": name, "size": 1, "oid": COMMIT} for name in names]
            self._say(200, json.dumps(told).encode())
        elif parts[1:3] == ["org", "tern"] and (self.folder / parts[-1]).is_file():
            self._say(200, (self.folder / parts[-1]).read_bytes())
        else:
            self._say(404, b"{}", ("x-error-code", "RepoNotFound"))

    do_HEAD = do_GET

    def _say(self, status: int, body: bytes, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        etag = hashlib.sha1(body, usedforsecurity=False).hexdigest()
        for name, value in (
            ("content-length", str(len(body))), ("etag", f'"{etag}"'), ("x-repo-commit", COMMIT), *headers,
        ):  # fmt: skip
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def hub(model: Path) -> Iterator[str]:
    Hub.folder, Hub.asked = model, []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_a_model_is_fetched_and_served(server: Server, hub: str, tmp_path: Path) -> None:
    pytest.importorskip("huggingface_hub")
    where, env = ("--data", str(server.data)), {"HF_ENDPOINT": hub, "HF_HOME": str(tmp_path / "hf"), **_path()}
    done = sampan("models", "pull", "org/tern", *where, home=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    assert "org/tern is ready" in done.stderr
    folder = server.data / "models" / "org--tern"
    assert (folder / "model.safetensors").is_file()
    assert not (folder / "weights.bin").exists()
    assert not any("weights.bin" in path for path in Hub.asked)
    assert talk("org/tern", "--tokens", "4", *where, home=tmp_path)
    none = sampan("models", "pull", "org/nothing", *where, home=tmp_path, env=env)
    assert (none.returncode, "Traceback" in none.stderr) == (1, False)
    assert "org/nothing could not be fetched" in none.stderr
    assert sampan("models", "rm", "org/tern", *where, home=tmp_path, env=_path()).returncode == 0
    assert not folder.exists()
