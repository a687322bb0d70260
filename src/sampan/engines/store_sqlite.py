"""The Store on local files: one table of SQLite in WAL mode, shared by all worker processes.

Reading. Each thread keeps connections of its own; a view is a deferred read transaction on one of them. SQLite shows
it one snapshot and never makes it wait for a writer. A single row is read without a transaction around it. Numbers
in shared memory tell all processes which rows may have changed, see `changes.Changes`.

Writing. One thread per process takes what has queued up as a batch. It waits for its turn among the processes (see
`disk.Turn`; SQLite itself would poll), begins a transaction, and runs the changes one after the other, each in an
`Overlay` over the batch's, so that one which raises leaves nothing behind. What the batch wrote is then stored in key
order by few, long statements: the `sqlite3` module lets go of the interpreter's lock around every step, and while an
event loop is busy each step costs the writer a wait for it. Rows that several changes wrote (counters) are stored once.
One commit, one sync, then all the futures are resolved.

For the same reason a process that serves requests beside this thread should call `sys.setswitchinterval(50e-6)`. A
thread that waits for the interpreter's lock begins its wait anew whenever the owner lets go for a moment, and an event
loop does so more often than the default of 5 ms: the writer was seen to starve for seconds.

The log (WAL). SQLite copies it back into the database ("checkpoint") and then begins it anew. Here a thread of its own
does that, see `_Checkpoints`, because a commit would otherwise wait for it. SQLite before 3.51.3 can corrupt the
database if a checkpoint begins while another has just finished and a writer begins the log anew
(https://sqlite.org/wal.html#walresetbug); the locks here leave no room for that.

Errors of the disk become Fault(FULL | UNAVAILABLE, "store").
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import logging
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, TypeVar

from sampan.engines.changes import Changes
from sampan.engines.disk import Turn, fault_of, sync_folder
from sampan.engines.overlay import Overlay, Row
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.limits import KIB, MIB
from sampan.kernel.ports import Transaction

T = TypeVar("T")

BATCH_CHANGES_MAX = 512  # the first of a batch waits for the last
BATCH_BYTES_MAX = 8 * MIB  # the same, where values are large; a single change may be larger
COPY_PAGES = 4096  # copy the log back after as many new pages (32 MiB), beside the writers
LOG_PAGES_MAX = 16384  # and begin it anew when it has so many (128 MiB), which makes writers wait for some ms
VIEWS_MS_MAX = 100  # how long writers wait, then, for views that still read from the log
PAGE_BYTES = 8192
CACHE_KIB = 16 * KIB  # of a connection; what a writer changes is dropped by readers, so more is of little use
MMAP_BYTES = 1024 * MIB  # read this much of the database without a system call and a copy
BUSY_S_MAX = 5.0  # how long another program may hold the database (a backup, say) before a call fails

_APPLICATION_ID = 0x53414D50  # "SAMP", in the database's header
_LAYOUT = 1  # of the table; a higher one is not ours to read

_GET = "SELECT v FROM rows WHERE k = ?"
_SCAN = "SELECT k, v FROM rows WHERE k >= ? AND k < ? ORDER BY k"
_SCAN_REVERSE = _SCAN + " DESC"
_MANY = (64, 16, 4, 3, 2, 1)  # how many rows a statement stores; all are prepared once. A small object alone has 3
_PUTS = {n: f"INSERT OR REPLACE INTO rows VALUES {','.join(['(?,?)'] * n)}" for n in _MANY}  # noqa: S608
_DELETES = {n: f"DELETE FROM rows WHERE k IN ({','.join('?' * n)})" for n in _MANY}  # noqa: S608

_log = logging.getLogger(__name__)


class Damaged(Exception):  # noqa: N818 - what the file is
    """The file is there, but is not a database of ours, or cannot be read."""


class SqliteStore:
    """Implements `kernel.ports.Store` in a folder. To be made in the process that uses it, not before a fork.

    Raises Damaged if the database cannot be used, OSError if the folder cannot.
    """

    def __init__(self, folder: Path, *, copy_pages: int = COPY_PAGES, log_pages_max: int = LOG_PAGES_MAX) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / "store.db"
        self._path = path
        self._turn = Turn(folder / "turn")
        with self._turn:
            _prepare(path)
            self._connection = _connect(path)
            self._changes = Changes(folder / "changes")
            if self._changes.begun:  # somebody died in a commit
                with suppress(sqlite3.Error):  # then the next commit mends it
                    _overwrite(self._connection)
                    self._changes.end()
        self._rows = _Rows(self._connection)
        self._checkpoints = _Checkpoints(folder, path, copy_pages, log_pages_max)
        self._idle = threading.local()
        self._readers: list[_Reader] = []
        self._lock = threading.Lock()  # of _closed and _readers
        self._closed = False
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._broken = False  # the connection is to be opened anew
        self.commits = 0  # syncs that this process has caused
        self._thread = threading.Thread(target=self._work, name="store-writer", daemon=True)
        self._thread.start()

    def view(self) -> _Reader:
        try:
            return self._idle.readers.pop()  # type: ignore[no-any-return]
        except (AttributeError, IndexError):
            return self._new_reader()

    def get(self, key: bytes) -> bytes | None:
        try:
            return self._idle.readers[-1].get(key)  # type: ignore[no-any-return]
        except (AttributeError, IndexError, sqlite3.Error):
            with self.view() as view:  # makes a reader, or a Fault of the error
                return view.get(key)

    def changes(self, key: bytes) -> int | None:
        return self._changes.of(key)

    def _new_reader(self) -> _Reader:
        if not hasattr(self._idle, "readers"):
            self._idle.readers = []
        with self._lock:
            if self._closed:
                raise RuntimeError("the store is closed")
            try:
                reader = _Reader(self._path, self._idle.readers)
            except sqlite3.Error as error:
                raise _fault(error, self._path) from error
            self._readers.append(reader)
        return reader

    async def write(self, change: Callable[[Transaction], T]) -> T:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        with self._lock:
            if self._closed:
                raise RuntimeError("the store is closed")
            self._queue.put(_Job(change, future, loop))
        return await future

    def close(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._queue.put(None)
        self._thread.join()
        self._checkpoints.stop()
        with self._turn:  # the last one to close the database makes a checkpoint
            for reader in self._readers:
                reader.close()
            self._checkpoints.close()
            self._connection.close()
        self._turn.close()
        self._changes.close()

    # --- the writer's thread ------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while (job := self._queue.get()) is not None:
            self._batch(job)

    def _batch(self, job: _Job) -> None:
        """Run `job` and what else is waiting, store it, and tell all who wait."""
        taken = [job]
        done: list[_Outcome] = []
        try:
            with self._turn:
                self._begin()
                try:
                    batch = Overlay(self._rows)
                    self._perform(taken, batch, done)
                    self._store(batch)
                    self._changes.begin(batch.keys())
                    self._rows.execute("COMMIT")
                    self._changes.end()
                except BaseException:
                    self._roll_back()
                    raise
                if batch:
                    self.commits += 1
                    self._checkpoints.count(len(batch) + batch.n_bytes // PAGE_BYTES)
        except BaseException as error:
            # Whatever it is, the writer must outlive it, and nobody may wait for ever.
            _log.warning("a batch of %d changes was not stored: %r", len(taken), error)
            done = [_Outcome(job, None, _fault(error, self._path)) for job in taken]
        _settle(done)

    def _perform(self, taken: list[_Job], batch: Overlay, done: list[_Outcome]) -> None:
        """Run the job that was taken and those that wait behind it, up to the limits of a batch."""
        while True:
            done.append(_run(taken[-1], batch))
            if len(taken) >= BATCH_CHANGES_MAX or batch.n_bytes >= BATCH_BYTES_MAX:
                return
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                return
            if job is None:
                self._queue.put(None)  # the end of all work is for _work
                return
            taken.append(job)

    def _store(self, batch: Overlay) -> None:
        puts: list[bytes] = []
        deletes: list[bytes] = []
        for key, value in batch.rows():
            if value is None:
                deletes.append(key)
            else:
                puts += (key, value)
        self._execute_many(_PUTS, puts, 2)
        self._execute_many(_DELETES, deletes, 1)

    def _execute_many(self, statements: dict[int, str], values: Sequence[bytes], width: int) -> None:
        done = 0
        for n_rows, statement in statements.items():
            step = n_rows * width
            while len(values) - done >= step:
                self._rows.execute(statement, values[done : done + step])
                done += step

    def _begin(self) -> None:
        if self._broken:
            self._connection.close()
            self._connection = _connect(self._path)
            self._rows = _Rows(self._connection)
            self._broken = False
        self._rows.execute("BEGIN IMMEDIATE")

    def _roll_back(self) -> None:
        """Undo a transaction that failed.

        If it was the sync that failed, the whole batch may lie in the log, its end mark included. Nobody looks at it
        while we live, but after a crash it would be taken for a commit. So another commit, of one page, takes its
        place at once; if that fails too, the next batch's does, and until then nothing is remembered of what is read.
        """
        try:
            if self._connection.in_transaction:
                self._rows.execute("ROLLBACK")
            _overwrite(self._connection)
            self._changes.end()
        except sqlite3.Error:
            self._broken = True


class _Job(NamedTuple):
    change: Callable[[Transaction], Any]
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop


class _Outcome(NamedTuple):
    job: _Job
    result: Any
    error: BaseException | None


def _run(job: _Job, batch: Overlay) -> _Outcome:
    """Run one change; `batch` takes over what it wrote, unless it raises or nobody waits for it any more."""
    if job.future.cancelled():
        return _Outcome(job, None, None)
    transaction = Overlay(batch)
    try:
        result = job.change(transaction)
    except sqlite3.Error:
        raise  # not the change's fault: the whole batch fails
    except StopIteration as error:  # a future refuses it
        return _Outcome(job, None, RuntimeError(f"the change raised {error!r}"))
    except BaseException as error:
        return _Outcome(job, None, error)
    batch.absorb(transaction)
    return _Outcome(job, result, None)


def _settle(outcomes: Iterable[_Outcome]) -> None:
    """Resolve the futures, waking each event loop once."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Outcome]] = {}
    for outcome in outcomes:
        by_loop.setdefault(outcome.job.loop, []).append(outcome)
    for loop, mine in by_loop.items():
        with suppress(RuntimeError):  # the loop was closed: nobody waits any more
            loop.call_soon_threadsafe(_resolve, mine)


def _resolve(outcomes: list[_Outcome]) -> None:
    for (_, future, _), result, error in outcomes:
        if future.done():  # cancelled
            continue
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)


# --- reading ---------------------------------------------------------------------------------------------------------


class _Rows:
    """A `View` of what a connection sees."""

    __slots__ = ("_connection", "_cursor", "_scans")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self._scans: set[sqlite3.Cursor] = set()

    def execute(self, statement: str, values: Sequence[bytes] = ()) -> None:
        self._cursor.execute(statement, values)

    def get(self, key: bytes) -> bytes | None:
        row = self._cursor.execute(_GET, (key,)).fetchone()
        return None if row is None else row[0]

    def scan(self, start: bytes, end: bytes, *, reverse: bool = False) -> Iterator[Row]:
        cursor = self._connection.cursor()
        self._scans.add(cursor)
        try:
            yield from cursor.execute(_SCAN_REVERSE if reverse else _SCAN, (start, end))
        finally:
            self._scans.discard(cursor)
            cursor.close()


class _Reader(_Rows):
    """A view of the store: `with` begins and ends the snapshot and puts the reader back among its thread's."""

    __slots__ = ("_idle", "_path")

    def __init__(self, path: Path, idle: list[_Reader]) -> None:
        super().__init__(_connect(path))
        self._path = path
        self._idle = idle

    def __enter__(self) -> _Reader:
        try:
            self._cursor.execute("BEGIN")
        except sqlite3.Error as error:
            self._connection.close()
            raise _fault(error, self._path) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for cursor in tuple(self._scans):  # one that is still open would hold on to the snapshot
            cursor.close()
        try:
            self._cursor.execute("COMMIT")
        except sqlite3.Error:  # after an error while reading: begin with a new connection next time
            self._connection.close()
        else:
            self._idle.append(self)
        if isinstance(error, sqlite3.Error):
            raise _fault(error, self._path) from error

    def close(self) -> None:
        self._connection.close()


# --- the log ---------------------------------------------------------------------------------------------------------


class _Checkpoints:
    """Copies the log back into the database, in a thread of its own.

    A writer that has just committed calls the thread when the log has grown enough, and hands it the lock that only
    one process at a time may hold. The thread copies and syncs what is in the log, beside the writers. That never
    catches up with a busy log. So once the log is large the thread takes a turn, as writers do, copies the little that
    was added meanwhile, and waits until no view reads from the log: the next commit writes at its beginning again.

    Why no writer can begin the log anew while a checkpoint begins (see SQLite's bug, above): beside the writers, the
    log holds at least the frames that were just committed, not yet copied, and nobody else may copy them. In its turn,
    there are no writers.
    """

    def __init__(self, folder: Path, path: Path, copy_pages: int, log_pages_max: int) -> None:
        self._lock = os.open(folder / "checkpoint", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._turn = Turn(folder / "turn")
        self._connection = _connect(path)
        self._connection.execute(f"PRAGMA busy_timeout = {VIEWS_MS_MAX}")
        self._copy_pages = copy_pages
        self._log_pages_max = log_pages_max
        # How many pages of the log are not yet copied, at most; at first, all that the file may hold.
        log = Path(f"{path}-wal")
        self._pages = log.stat().st_size // PAGE_BYTES if log.exists() else 0
        self._busy = False
        self._calls: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="store-checkpoints", daemon=True)
        self._thread.start()

    def count(self, pages: int) -> None:
        """Say that `pages`, at most, were just committed; to be called before the writer's turn ends."""
        self._pages += pages
        if self._pages < self._copy_pages or self._busy:
            return
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return  # another process is copying
        self._pages = 0
        self._busy = True
        self._calls.put(True)

    def _work(self) -> None:
        while self._calls.get():
            try:
                if self._copy("PASSIVE") >= self._log_pages_max:
                    with self._turn:
                        self._copy("RESTART")
            except (sqlite3.Error, OSError) as error:
                # Nothing is lost: the log stays, and is copied another time.
                _log.warning("the log was not copied into the database: %r", error)
            finally:
                fcntl.flock(self._lock, fcntl.LOCK_UN)
                self._busy = False

    def _copy(self, how: str) -> int:
        """The number of pages in the log. Views may have kept some from being copied, or the log from being left."""
        _, in_log, _ = self._connection.execute(f"PRAGMA wal_checkpoint({how})").fetchone()
        return int(in_log)

    def stop(self) -> None:
        self._calls.put(False)
        self._thread.join()

    def close(self) -> None:
        self._connection.close()
        self._turn.close()
        os.close(self._lock)


# --- connections and errors ------------------------------------------------------------------------------------------


def _connect(path: Path) -> sqlite3.Connection:
    # Statements end by themselves (isolation_level None); each connection is used by one thread and closed by another.
    connection = sqlite3.connect(path, timeout=BUSY_S_MAX, isolation_level=None, check_same_thread=False)
    for pragma in (
        "synchronous = FULL",  # a commit syncs the log
        "fullfsync = ON",  # macOS: down to the disk; elsewhere without effect
        "wal_autocheckpoint = 0",  # see _Checkpoints
        f"cache_size = -{CACHE_KIB}",
        f"mmap_size = {MMAP_BYTES}",
        "secure_delete = OFF",  # some systems' default: a write for each page that is freed
    ):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _overwrite(connection: sqlite3.Connection) -> None:
    """Commit one page that stays as it is: what lies in the log behind the last commit is no more."""
    connection.execute(f"PRAGMA user_version = {_LAYOUT}")


def _prepare(path: Path) -> None:
    """Make the database if it is not there yet; raise Damaged if what is there is no use."""
    try:
        connection = _connect(path)
        try:
            application = connection.execute("PRAGMA application_id").fetchone()[0]
            layout = connection.execute("PRAGMA user_version").fetchone()[0]
            tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
            if application == _APPLICATION_ID and layout == _LAYOUT:
                return
            if application or layout or tables:
                raise Damaged(f"{path} was not made by this version of Sampan")
            connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("CREATE TABLE rows (k BLOB PRIMARY KEY, v BLOB NOT NULL) WITHOUT ROWID")
            connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {_LAYOUT}")
            connection.execute("COMMIT")
        finally:
            connection.close()
    except sqlite3.Error as error:
        if _fault(error, path).kind is Kind.FULL:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
        raise Damaged(f"{path} cannot be used: {error}") from error
    sync_folder(path.parent)


def _fault(error: BaseException, path: Path) -> Fault:
    """What to tell callers about an error of the database at `path`."""
    if isinstance(error, OSError):
        return fault_of(error)
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # without SQLite's details
    full = code == sqlite3.SQLITE_FULL
    if code == sqlite3.SQLITE_IOERR:
        # SQLite says so, too, when it cannot make room for the log's index.
        with suppress(OSError):
            full = os.statvfs(path.parent).f_bavail == 0
    return Fault(Kind.FULL if full else Kind.UNAVAILABLE, "store", getattr(error, "sqlite_errorname", ""))
