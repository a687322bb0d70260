"""The ports: what services stand on, and nothing about how it is done. Implementations live in `engines/`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

from sampan.kernel.asking import Abilities, Ask, Condition, Embedding, ModelRef, Piece, Ranking, Tokens

T = TypeVar("T")


class View(Protocol):
    """A consistent snapshot of an ordered key-value space. Keys are compared as unsigned bytes."""

    def get(self, key: bytes) -> bytes | None: ...

    def scan(self, start: bytes, end: bytes, *, reverse: bool = False) -> Iterator[tuple[bytes, bytes]]:
        """Rows with start <= key < end, in order, read as they are asked for. Close the iterator or exhaust it
        before the view ends; rows written while a scan is open in the same transaction may or may not appear."""
        ...


class Transaction(View, Protocol):
    """A view that sees its own writes."""

    def put(self, key: bytes, value: bytes) -> None: ...

    def delete(self, key: bytes) -> None:
        """Deleting what is not there is fine."""
        ...


class Store(Protocol):
    """An ordered, transactional key-value space, shared by all worker processes of one Sampan.

    Transactions are serialisable and durable: when `write` returns, the change is on disk and every later `view`, in
    any process, sees it. Many writers share one sync (group commit).
    """

    def view(self) -> AbstractContextManager[View]:
        """A snapshot to read from; cheap. Not to be held across an await."""
        ...

    def get(self, key: bytes) -> bytes | None:
        """One row as it is now: `view().get(key)`, in half the time."""
        ...

    def changes(self, key: bytes) -> int | None:
        """A number that gives way to another one, for good, whenever any process changes this row; None meanwhile.

        It does so before anybody can see the change, and `write` returns after. So if two looks at it find the same,
        the row was the same from the first look to the second. (It may give way for another row's sake, too.)
        """
        ...

    async def write(self, change: Callable[[Transaction], T]) -> T:
        """Run `change` in a transaction, off the event loop, and return its result once it is durable.

        If `change` raises, nothing of it is written and the exception comes out here. It may not await, and must not
        have effects beyond the transaction. Raises Fault(FULL, "store") or Fault(UNAVAILABLE, "store") when the disk
        is full or fails; then nothing was written.
        """
        ...

    def close(self) -> None:
        """Finish what was accepted, then let go."""
        ...


class Draft(Protocol):
    """A blob being written; unseen by everybody until something refers to it."""

    @property
    def blob_id(self) -> str: ...

    async def write(self, data: bytes) -> None:
        """Append. Raises Fault(FULL | UNAVAILABLE, "store")."""
        ...

    async def seal(self) -> None:
        """Make the bytes durable, its name in the folder included. Nothing may be written after."""
        ...

    async def discard(self) -> None:
        """Remove all trace. Safe after a failed write or seal, and twice."""
        ...


class Blob(Protocol):
    """An open blob. Stays readable until closed, even if deleted meanwhile."""

    def chunks(self, offset: int, length: int) -> AsyncIterator[bytes]:
        """`length` bytes from `offset`, in pieces. Raises Fault(INTERNAL, "blob") if the blob is shorter."""
        ...

    def close(self) -> None: ...


class Blobs(Protocol):
    """Bytes by id, too large for the Store. A blob never changes once sealed."""

    def draft(self) -> Draft:
        """Begin a blob. Its id sorts by the run of the server that made it (see `stale`)."""
        ...

    def open(self, blob_id: str) -> Blob:
        """Raises KeyError if there is no such blob."""
        ...

    def delete(self, blob_id: str) -> None:
        """Deleting what is not there is fine. Blocking; call it off the event loop."""
        ...

    def stale(self) -> Iterator[str]:
        """Ids of blobs, drafts included, made by earlier runs of the server: a crash may have left some that nothing
        refers to. Blobs of the present run, in any worker, are never listed."""
        ...


class Clock(Protocol):
    """The time, given from outside so that a test can say what it is."""

    def now_ms(self) -> int:
        """Milliseconds since 1970-01-01T00:00:00Z."""
        ...


class Chance(Protocol):
    """Randomness, given from outside so that a test can repeat it."""

    def token(self, n_bytes: int) -> bytes:
        """`n_bytes` that nobody can guess."""
        ...


class Digester(Protocol):
    """Several digests of one flow of bytes."""

    def update(self, data: bytes) -> None:
        """Take in more. Lets other threads run while it works on large data."""
        ...

    def values(self) -> dict[str, bytes]:
        """The digests so far, by algorithm, as raw bytes (CRCs big-endian)."""
        ...


class Digests(Protocol):
    """Computes several digests of the same bytes in one pass."""

    def start(self, algorithms: Iterable[str]) -> Digester:
        """Algorithms: md5, sha1, sha256, crc32, crc32c, crc64nvme, crc64xz. Raises KeyError for another."""
        ...


class Sealer(Protocol):
    """Encrypts small secrets at rest. What is sealed for one row opens for no other."""

    def seal(self, secret: str, row: bytes, nonce: bytes) -> bytes:
        """`nonce`: 12 bytes, never used twice."""
        ...

    def open(self, sealed: bytes, row: bytes) -> str:
        """Raises ValueError if it was not sealed with this key for this row."""
        ...


class Engine(Protocol):
    """Runs models. Every call loads the model first if it is not there, and waits for that.

    All calls raise Fault(MISSING | INVALID, "model") if there is no such model or it cannot be used,
    Fault(UNAVAILABLE, "model"; facts: retry_after_s) while it is overloaded, restarting, or no memory is left for it,
    and Fault(INVALID, "request"; facts: field) for what this model cannot be asked; Fault(TOO_LARGE, "prompt"; facts:
    tokens, tokens_max) for a prompt beyond its room.
    """

    def generate(self, model: ModelRef, ask: Ask) -> AsyncIterator[Piece]:
        """The answer's pieces, each as soon as it is known. Closing the iterator frees what it holds at once.

        What can be refused is refused before the first piece. After it, Fault(UNAVAILABLE, "answer") means that the
        engine died in the middle: what was said so far stays said, and nothing is ever said twice.
        """
        ...

    async def embed(
        self,
        model: ModelRef,
        texts: Sequence[str | tuple[int, ...]],
        *,
        instruction: str = "",
        dimensions: int | None = None,
        shorten: bool = True,
    ) -> Embedding:
        """One vector for each text. `instruction` says what they are for, as instruction-aware models want it;
        `dimensions` cuts them down (Matryoshka). Texts beyond the model's room are cut if `shorten`, else refused."""
        ...

    async def rank(self, model: ModelRef, query: str, documents: Sequence[str], *, instruction: str = "") -> Ranking:
        """How well each document answers the query."""
        ...

    async def tokenize(self, model: ModelRef, ask: Ask) -> Tokens:
        """The tokens of the prompt that `generate` would make of this."""
        ...

    async def detokenize(self, model: ModelRef, tokens: Sequence[int]) -> str:
        """The text of tokens, special ones included."""
        ...

    async def abilities(self, model: ModelRef) -> Abilities:
        """What the model can do; does not load it."""
        ...

    async def condition(self, model: ModelRef) -> Condition:
        """How the model does; does not load it."""
        ...

    async def load(self, model: ModelRef) -> None:
        """Return when the model is ready to answer."""
        ...

    async def unload(self, model: ModelRef) -> None:
        """Give back its memory, when it has answered what it is answering."""
        ...
