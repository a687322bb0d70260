"""Keeps the models of one data folder in memory: one process for each, shared by all workers.

Whoever runs Sampan runs one host, beside the workers (`hosting`). It listens on `models.sock`, and says where the
process of a model listens, when it has started it. What is asked of a model never passes through here.

A process that dies is started again when it is next asked for, later and later if it keeps dying. When the memory that
models may take is used up, those that nobody asks go, the longest unused first.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import signal
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Raw, Struct

from sampan.engines.llm_process import ModelProcess
from sampan.llm import facts, settings
from sampan.llm.errors import BusyError, GoneError, LlmError, ModelError
from sampan.llm.frames import Call, Done, Frames, Refused
from sampan.llm.settings import Settings
from sampan.llm.values import State

MEMORY_SHARE = 0.8  # of the machine's, for models, unless somebody says otherwise
CACHE_SHARE = 0.25  # of that, for the cache of a model that does not say
SOCKET_CHARACTERS_MAX = 90  # the system's limit for a socket's path is 104 to 108
BACKOFF_S = (1.0, 60.0)  # after the first death and at most
LIVED_S = 60.0  # a process that lived so long did not die of its start
LEAVING_S = 0.01  # how often to look whether a process that was told to end has ended
FULL_S = 5.0  # when to ask again while all memory is held by models that are answering
KEEP_S = 0.5  # how often to look who has been idle for too long

_log = logging.getLogger(__name__)


class Wanted(Struct, frozen=True):
    """Which model."""

    source: str
    settings: dict[str, Any] = {}


class Report(Struct, frozen=True):
    """How a model does: `standing` is cold, loading, ready or failed."""

    standing: str
    why: str = ""
    progress: float = 0.0
    state: State = State()


def socket_folder(run: Path) -> Path:
    """Where the sockets of a data folder are: in `run`, or, when its path is too long for a socket's, in a folder of
    our own below the system's temporary one. Raises OSError if that is not ours alone."""
    if len(str(run.absolute())) <= SOCKET_CHARACTERS_MAX - len("/m-0123456789abcdef.sock"):
        return run.absolute()
    name = hashlib.sha256(os.fsencode(run.absolute())).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"sampan-{os.getuid()}-{name}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.stat(follow_symlinks=False)
    if found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(f"{folder} belongs to somebody else")
    return folder


def host_socket(run: Path) -> Path:
    """Where the host listens."""
    return socket_folder(run) / "models.sock"


@contextlib.contextmanager
def hosting(run: Path, memory_bytes: int | None = None) -> Iterator[None]:
    """Run a host in a thread of its own. `run` is the data folder's folder for what a run needs; `memory_bytes` is what
    all models may take together, None for a share of the machine's. Raises OSError."""
    folder = socket_folder(run)
    for old in folder.glob("m*.sock"):
        old.unlink()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="models", daemon=True)
    thread.start()

    async def begin() -> Host:
        host = Host(folder, memory_bytes or int(_machine_bytes() * MEMORY_SHARE))
        await host.listen()
        return host

    host = asyncio.run_coroutine_threadsafe(begin(), loop).result()
    try:
        yield
    finally:
        asyncio.run_coroutine_threadsafe(host.close(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@dataclass(slots=True)
class _Entry:
    """One model that was asked for."""

    key: str
    source: Path
    settings: Settings
    process: ModelProcess | None = None
    needs_bytes: int = 0
    deaths: int = 0  # in a row, soon after the start
    not_before: float = 0.0  # on the loop's clock
    failure: LlmError | None = None
    starting: asyncio.Lock = field(default_factory=asyncio.Lock)


class Host:
    """The table of models and their processes. To be made and used on one event loop."""

    def __init__(self, folder: Path, memory_bytes: int) -> None:
        self._folder, self._memory_bytes = folder, memory_bytes
        self._loop = asyncio.get_running_loop()
        self._entries: dict[str, _Entry] = {}
        self._room = asyncio.Lock()  # one looks for room at a time
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._open: set[Frames] = set()
        self._closed = False

    async def listen(self) -> None:
        """Take calls. Raises OSError."""
        path = self._folder / "models.sock"
        mask = os.umask(0o177)
        try:
            self._server = await self._loop.create_unix_server(self._connection, str(path))
        finally:
            os.umask(mask)
        self._task(self._keep())

    async def close(self) -> None:
        """Stop all models."""
        self._closed = True
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        running = [entry.process for entry in self._entries.values() if entry.process is not None]
        await asyncio.gather(*(process.stop() for process in running))
        for frames in list(self._open):
            frames.close()
        await asyncio.sleep(0)

    # --- calls ---------------------------------------------------------------------------------------------------

    def _connection(self) -> Frames:
        frames = Frames(self._take, self._open.discard)
        self._open.add(frames)
        return frames

    def _take(self, frames: Frames, frame: bytes) -> None:
        call = msgspec.msgpack.decode(frame, type=Call)
        if call.verb != "cancel":  # what was begun for one is there for the next
            self._task(self._answer(frames, call))

    def _task(self, work: Any) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, frames: Frames, call: Call) -> None:
        reply: Done | Refused
        try:
            wanted = msgspec.msgpack.decode(call.body, type=Wanted)
            value = await self._called(call.verb, self._entry(wanted))
            reply = Done(call.id, Raw(msgspec.msgpack.encode(value)))
        except LlmError as error:
            reply = Refused(call.id, type(error).__name__, str(error), vars(error))
        except Exception as error:
            _log.exception("a call failed")
            reply = Refused(call.id, GoneError.__name__, f"{type(error).__name__}: {error}")
        frames.send([reply])

    async def _called(self, verb: str, entry: _Entry) -> Any:
        if verb == "where":
            await self._ready(entry)
            assert entry.process is not None
            return str(entry.process.socket)
        if verb == "report":
            return await self._report(entry)
        assert verb == "unload", verb
        if entry.process is not None:
            await entry.process.drain()
        return None

    def _entry(self, wanted: Wanted) -> _Entry:
        """Raises ModelError for settings that make no sense."""
        chosen = settings.read(wanted.settings)
        source = Path(os.path.abspath(wanted.source))
        shown = msgspec.json.encode([str(source), chosen.model], order="deterministic")
        key = hashlib.sha256(shown).hexdigest()[:16]
        entry = self._entries.setdefault(key, _Entry(key, source, chosen))
        entry.settings = chosen
        return entry

    async def _report(self, entry: _Entry) -> Report:
        process = entry.process
        if process is None:
            if entry.failure is not None and entry.not_before > self._loop.time():
                return Report("failed", str(entry.failure))
            return Report("cold")
        if not process.ready:
            return Report("loading", f"loading {process.progress:.0%}", process.progress)
        try:
            return Report("ready", progress=1.0, state=await process.state())
        except (GoneError, TimeoutError):
            return Report("ready", progress=1.0, state=State(memory_bytes=entry.needs_bytes))

    # --- starting and ending -------------------------------------------------------------------------------------

    async def _ready(self, entry: _Entry) -> None:
        """Return when the model's process answers. Raises ModelError, BusyError, GoneError."""
        async with entry.starting:
            while entry.process is not None and entry.process.over:  # noqa: ASYNC110 - it may yet stay
                await asyncio.sleep(LEAVING_S)
            if entry.process is None:
                self._may_start(entry)
                try:
                    await self._start(entry)
                except ModelError as error:
                    self._failed(entry, error)
                    raise
            process = entry.process
        assert process is not None
        await process.wait()

    def _may_start(self, entry: _Entry) -> None:
        left = entry.not_before - self._loop.time()
        if left > 0 and entry.failure is not None:
            if isinstance(entry.failure, ModelError):
                raise entry.failure
            raise BusyError(f"the model is being restarted: {entry.failure}", retry_after_s=left)

    async def _start(self, entry: _Entry) -> None:
        if find_spec("torch") is None:
            raise ModelError("models need PyTorch, which is not installed: pip install 'sampan[llm]'")
        chosen = entry.settings.model
        if chosen.cache_bytes is None and chosen.device == "cpu":
            chosen = msgspec.structs.replace(chosen, cache_bytes=int(self._memory_bytes * CACHE_SHARE))
        needed = await asyncio.to_thread(facts.memory_bytes, entry.source, chosen)
        async with self._room:
            await self._make_room(needed)
            entry.needs_bytes = needed
            entry.process = ModelProcess(entry.source, chosen, self._folder / f"m-{entry.key}.sock")
        try:
            await entry.process.start()
        except OSError as error:
            entry.process = None
            raise BusyError(f"no process can be started: {error.strerror}", retry_after_s=FULL_S) from error
        self._task(self._follow(entry, entry.process, self._loop.time()))

    async def _make_room(self, needed: int) -> None:
        """Until there is memory for one more. Raises ModelError if there never will be, BusyError if not now."""
        if needed > self._memory_bytes:
            raise ModelError(
                f"the model needs about {_gib(needed)}, and models may take {_gib(self._memory_bytes)} in all: "
                "raise that, or choose narrower weights or a smaller cache"
            )
        while sum(one.needs_bytes for one in self._entries.values() if one.process) + needed > self._memory_bytes:
            for process in await self._idle():
                if await process.retire():
                    await process.ended.wait()
                    await asyncio.sleep(0)  # let `_follow` book it
                    break
            else:
                busy = ", ".join(entry.source.name for entry in self._entries.values() if entry.process)
                raise BusyError(
                    f"no memory is left for it: {_gib(needed)} of {_gib(self._memory_bytes)} are needed, and {busy} "
                    "are answering",
                    retry_after_s=FULL_S,
                )

    async def _idle(self) -> list[ModelProcess]:
        """Processes that nobody asks, the longest unused first."""
        found: list[tuple[float, ModelProcess]] = []
        for entry in list(self._entries.values()):
            process = entry.process
            if process is None or not process.ready:
                continue
            with contextlib.suppress(GoneError, TimeoutError):
                state = await process.state()
                if not state.running and not state.waiting:
                    found.append((state.idle_s, process))
        return [process for _, process in sorted(found, key=lambda one: -one[0])]

    async def _follow(self, entry: _Entry, process: ModelProcess, started: float) -> None:
        """Book how it begins and how it ends."""
        try:
            await process.wait()
            entry.failure = None
        except LlmError as error:
            await process.ended.wait()
            self._failed(entry, error)
            return
        await process.ended.wait()
        entry.process = None
        if process.status == 0 or self._closed:
            entry.deaths = 0
            return
        killed = process.status == -signal.SIGKILL
        why = "its process was killed, perhaps for want of memory" if killed else "its process died"
        died = GoneError(f"{why} (status {process.status})", died=True)
        if self._loop.time() - started >= LIVED_S:
            entry.deaths = 0
        _log.error("the model at %s: %s", entry.source, died)
        self._failed(entry, died)

    def _failed(self, entry: _Entry, error: LlmError) -> None:
        entry.process, entry.failure = None, error
        pause_s = min(BACKOFF_S[0] * 2**entry.deaths, BACKOFF_S[1])
        entry.deaths += 1
        entry.not_before = self._loop.time() + pause_s

    async def _keep(self) -> None:
        """Ends models that have been idle for longer than they are to be kept."""
        while True:
            await asyncio.sleep(KEEP_S)
            for entry in list(self._entries.values()):
                process, keep_s = entry.process, entry.settings.keep_s
                if keep_s is None or process is None or not process.ready:
                    continue
                with contextlib.suppress(GoneError, TimeoutError):
                    if (await process.state()).idle_s >= keep_s:
                        await process.retire()


def _machine_bytes() -> int:
    """The memory that there is: the machine's, or what a container may have of it."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with contextlib.suppress(OSError, ValueError):
            found.append(int(Path(limit).read_text()))
    return min(found)


def _gib(count: int) -> str:
    return f"{count / (1 << 30):.1f} GiB"
