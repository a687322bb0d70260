"""A mixed load: threads that put, overwrite, copy, append, delete and upload in parts, and write down what they did."""

from __future__ import annotations

import base64
import hashlib
import random
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.crash.ledger import History, Ledger, Piece, Value
from tests.crash.wire import Reply, Unanswered, Wire
from tests.harness import Server

PLAIN, KEPT = "plain", "kept"  # the buckets: without and with versions
KEYS = 12  # of each thread and kind; few, so that most writes replace something
SHARED = [f"shared/{number}" for number in range(4)]  # written by all threads
KIB = 1024
SIZES = (0, 1, 700, 4 * KIB, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, 200 * KIB, 1024 * KIB)  # both sides of "inline"
PART_SIZE = 110 * KIB  # more than OSS's least


@dataclass
class Upload:
    """An unfinished upload in parts: the acknowledged ones by number, and one that was sent and not acknowledged."""

    key: str
    id: str
    mark: str
    parts: dict[int, Piece] = field(default_factory=dict)
    pending: tuple[int, Piece] | None = None


class Refused(AssertionError):
    """A request was answered with an error where none was expected."""


class Client:
    """One thread's work. It remembers across restarts of the server what it was told."""

    def __init__(self, number: int, seed: int, ledger: Ledger) -> None:
        self.number = number
        self.ledger = ledger
        self.histories: dict[str, History] = {}
        self.uploads: list[Upload] = []
        self.done: Counter[str] = Counter()
        self.errors = 0  # answers of 5xx, where they are tolerated
        self.tolerant = False
        self.cut_off = False  # the server was gone
        self._random = random.Random(seed * 1000 + number)
        self._serial = 0
        self._wire: Wire | None = None

    # --- running ------------------------------------------------------------------------------------------------------

    def run(self, server: Server, stop: threading.Event) -> None:
        """Work until `stop`, or until the server is gone."""
        self._wire = Wire(server)
        self.cut_off = False
        steps: list[tuple[Callable[[], None], int]] = [
            (self._put, 30), (self._put_shared, 8), (self._delete, 10), (self._delete_many, 2), (self._copy, 8),
            (self._append, 12), (self._part, 14), (self._put_version, 10), (self._delete_version, 5),
        ]  # fmt: skip
        deeds, weights = zip(*steps, strict=True)
        try:
            while not stop.is_set():
                deed = self._random.choices(deeds, weights)[0]
                deed()
                self.done[deed.__name__] += 1
        except Unanswered:
            self.cut_off = True
        finally:
            self._wire.close()

    @property
    def wire(self) -> Wire:
        assert self._wire is not None
        return self._wire

    def _answer(self, reply: Reply) -> bool:
        """Whether the request was done. An answer other than that is an error, unless errors are expected."""
        if reply.good:
            return True
        if self.tolerant and reply.status >= 500:
            self.errors += 1
            return False
        raise Refused(f"{reply.status} {reply.body[:500]!r}")

    def _write(self, key: str, value: Value | None, send: Callable[[], Reply]) -> None:
        write = self.ledger.begin(key, value)
        if self._answer(send()):
            self.ledger.confirm(write)
        else:
            self.ledger.refuse(key, write)

    # --- what is written ----------------------------------------------------------------------------------------------

    def _piece(self, size: int | None = None) -> Piece:
        self._serial += 1
        chosen = self._random.choice(SIZES) if size is None else size
        return Piece(self.number * 1_000_000_000 + self._serial, chosen)

    def _value(self) -> Value:
        piece = self._piece()
        return Value((piece,), str(piece.seed))

    def _key(self, kind: str) -> str:
        return f"{self.number}/{kind}/{self._random.randrange(KEYS)}"

    def _put(self) -> None:
        key, value = self._key("o"), self._value()
        self._write(key, value, lambda: self._put_to(f"/{PLAIN}/{key}", value))

    def _put_shared(self) -> None:
        key, value = self._random.choice(SHARED), self._value()
        self._write(key, value, lambda: self._put_to(f"/{PLAIN}/{key}", value))

    def _put_to(self, path: str, value: Value) -> Reply:
        body, door = value.made(), self._random.choice(["s3", "oss"])
        if door == "s3":
            return self.wire.s3("PUT", path, body=body, headers={"x-amz-meta-mark": value.mark})
        return self.wire.oss("PUT", path, body=body, headers={"x-oss-meta-mark": value.mark})

    def _delete(self) -> None:
        key = self._random.choice([self._key("o"), self._key("a"), self._random.choice(SHARED)])
        self._write(key, None, lambda: self.wire.s3("DELETE", f"/{PLAIN}/{key}"))

    def _delete_many(self) -> None:
        keys = sorted({self._key("o") for _ in range(3)})
        rows = "".join(f"<Object><Key>{key}</Key></Object>" for key in keys)
        body = f"<Delete><Quiet>true</Quiet>{rows}</Delete>".encode()
        writes = [self.ledger.begin(key, None) for key in keys]
        checksum = {"content-md5": _md5_base64(body)}
        reply = self.wire.s3("POST", f"/{PLAIN}", {"delete": ""}, body, checksum)
        done = self._answer(reply)
        assert not reply.texts("Key"), "quiet, and no key was refused"
        for key, write in zip(keys, writes, strict=True):
            if done:
                self.ledger.confirm(write)
            else:
                self.ledger.refuse(key, write)

    def _copy(self) -> None:
        source, key = self._key("o"), self._key("o")
        value = self.ledger.known(source)
        if value is None or source == key:
            return
        headers = {"x-amz-copy-source": f"/{PLAIN}/{source}"}
        self._write(key, value, lambda: self.wire.s3("PUT", f"/{PLAIN}/{key}", headers=headers))

    def _append(self) -> None:
        key = self._key("a")
        old = self.ledger.known(key)
        piece = self._piece(self._random.choice([1, 900, 30 * KIB, 150 * KIB]))
        mark = old.mark if old else str(piece.seed)
        value = Value((*(old.pieces if old else ()), piece), mark)
        query = {"append": "", "position": str(old.size if old else 0)}
        headers = {"x-oss-meta-mark": mark}
        self._write(key, value, lambda: self.wire.oss("POST", f"/{PLAIN}/{key}", query, piece.made(), headers))

    # --- uploads in parts ---------------------------------------------------------------------------------------------

    def _part(self) -> None:
        """Begin an upload, add a part to one, complete one or abort one."""
        if not self.uploads or (len(self.uploads) < 3 and self._random.random() < 0.2):
            key, mark = self._key("o"), str(self._piece(0).seed)
            headers = {"x-oss-meta-mark": mark}
            reply = self.wire.oss("POST", f"/{PLAIN}/{key}", {"uploads": ""}, headers=headers)
            if self._answer(reply):
                self.uploads.append(Upload(key, reply.texts("UploadId")[0], mark))
            return
        upload = self._random.choice(self.uploads)
        if len(upload.parts) < 3:
            number, piece = self._random.randint(1, 5), self._piece(PART_SIZE + self._random.randrange(100))
            upload.pending = number, piece
            query = {"partNumber": str(number), "uploadId": upload.id}
            if self._answer(self.wire.oss("PUT", f"/{PLAIN}/{upload.key}", query, piece.made())):
                upload.parts[number] = piece
            upload.pending = None
        elif self._random.random() < 0.2:
            self.uploads.remove(upload)
            self._answer(self.wire.oss("DELETE", f"/{PLAIN}/{upload.key}", {"uploadId": upload.id}))
        else:
            self.complete(upload)

    def complete(self, upload: Upload) -> None:
        """Complete an upload with the parts that were acknowledged."""
        parts = sorted(upload.parts.items())
        rows = "".join(
            f'<Part><PartNumber>{number}</PartNumber><ETag>"{piece.etag.upper()}"</ETag></Part>'
            for number, piece in parts
        )
        body = f"<CompleteMultipartUpload>{rows}</CompleteMultipartUpload>".encode()
        value = Value(tuple(piece for _, piece in parts), upload.mark)
        self.uploads.remove(upload)
        path, query = f"/{PLAIN}/{upload.key}", {"uploadId": upload.id}
        self._write(upload.key, value, lambda: self.wire.oss("POST", path, query, body))

    # --- versions -----------------------------------------------------------------------------------------------------

    def _history(self) -> tuple[str, History]:
        key = self._key("v")
        return key, self.histories.setdefault(key, History())

    def _put_version(self) -> None:
        (key, history), value = self._history(), self._value()
        history.begin(value)
        reply = self._put_to(f"/{KEPT}/{key}", value)
        if self._answer(reply):
            history.confirm(reply.headers.get("x-amz-version-id") or reply.headers["x-oss-version-id"])
        else:
            history.pending = None

    def _delete_version(self) -> None:
        key, history = self._history()
        gone = self._random.choice([*[write.version for write in history.versions], ""])
        history.begin(None, gone)
        reply = self.wire.s3("DELETE", f"/{KEPT}/{key}", {"versionId": gone} if gone else None)
        if self._answer(reply):
            history.confirm(reply.headers["x-amz-version-id"])
        else:
            history.pending = None


def _md5_base64(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body).digest()).decode()


class Load:
    """All clients at once."""

    def __init__(self, seed: int, clients: int = 6) -> None:
        self.ledger = Ledger()
        self.clients = [Client(number, seed, self.ledger) for number in range(clients)]
        self._threads: list[threading.Thread] = []
        self._stop = threading.Event()
        self._failures: list[BaseException] = []

    def make_buckets(self, server: Server) -> None:
        wire = Wire(server)
        for bucket in (PLAIN, KEPT):
            assert wire.s3("PUT", f"/{bucket}").good
        body = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
        assert wire.s3("PUT", f"/{KEPT}", {"versioning": ""}, body).good
        wire.close()

    def start(self, server: Server) -> None:
        self._stop.clear()
        self._threads = [threading.Thread(target=self._run, args=(one, server)) for one in self.clients]
        for thread in self._threads:
            thread.start()

    def _run(self, client: Client, server: Server) -> None:
        try:
            client.run(server, self._stop)
        except BaseException as error:
            self._failures.append(error)

    def end(self) -> None:
        """Wait for all threads; raise what went wrong in them."""
        self._stop.set()
        for thread in self._threads:
            thread.join(90)
            assert not thread.is_alive(), "a client hangs"
        if self._failures:
            raise self._failures[0]

    def tolerate_errors(self, tolerant: bool) -> None:
        for client in self.clients:
            client.tolerant = tolerant

    @property
    def cut_off(self) -> bool:
        """Whether a client met a broken connection."""
        return any(client.cut_off for client in self.clients)

    @property
    def errors(self) -> int:
        return sum(client.errors for client in self.clients)

    @property
    def requests(self) -> int:
        return sum(client.done.total() for client in self.clients)
