"""What the gateway asks of a dialect, and what it gives it.

The way of a request: `dispatch.pick` chooses the dialect by its `claims`; `Dialect.open` verifies the signature and
finds the operation; `Operation.bind` makes the command; the guard is asked; the service runs it; `Operation.render`
makes the reply. A Fault anywhere becomes a reply by `Dialect.refuse`. `Dialect.finish` puts on what every reply of
that vendor carries.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sampan.gateway.http import Reply, Request
from sampan.kernel import limits
from sampan.kernel.body import Bytes, Inflow
from sampan.kernel.caller import ANONYMOUS, Caller, Keyring
from sampan.kernel.command import Command
from sampan.kernel.fault import Fault, Kind

FAULTS: frozenset[tuple[Kind, str]] = frozenset(
    {
        (Kind.DENIED, "action"),  # the guard said no; facts: action, path, denial (kernel.denial), told (it, sealed)
        (Kind.ABSENT, "authorization"),  # the operation cannot be called anonymously
        (Kind.INVALID, "authorization"),  # the header or the query parameters cannot be read
        (Kind.MISSING, "key"),  # no such access key; facts: key_id
        (Kind.CONFLICT, "key"),  # the access key is not active
        (Kind.MISMATCH, "signature"),  # facts: key_id, string_to_sign, canonical_request
        (Kind.SKEWED, "clock"),  # facts: request_time, server_time_ms
        (Kind.EXPIRED, "request"),  # a presigned URL's time is over; facts: expires_ms, server_time_ms
        (Kind.INVALID, "token"),  # a session token that does not belong to the key, or is missing
        (Kind.EXPIRED, "token"),
        (Kind.INVALID, "region"),  # signed for a region that this resource is not in; facts: expected, given
        (Kind.ABSENT, "digest"),  # a required Content-MD5 or payload hash was left out
        (Kind.INVALID, "digest"),  # a digest that is not one
        (Kind.MISMATCH, "digest"),  # the body is not what its digest says; facts: algorithm
        (Kind.MISMATCH, "payload"),  # the body is not what was signed
        (Kind.INVALID, "chunk"),  # aws-chunked framing that cannot be read
        (Kind.TRUNCATED, "body"),  # fewer bytes than were promised
        (Kind.TOO_LARGE, "document"),  # an XML body beyond limits.DOCUMENT_BYTES_MAX
        (Kind.INVALID, "document"),  # XML that cannot be read, or lacks what it must have
        (Kind.TOO_LARGE, "header"),  # headers or target beyond their limits
        (Kind.INVALID, "argument"),  # facts: name, value
        (Kind.INVALID, "uri"),  # a path that is not UTF-8, say
        (Kind.ABSENT, "length"),  # no Content-Length
        (Kind.UNKNOWN, "operation"),  # no vendor knows this method here
        (Kind.NOT_DONE, "operation"),  # the vendor knows it, Sampan does not do it yet; facts: operation
        (Kind.FULL, "store"),
        (Kind.UNAVAILABLE, "store"),
        (Kind.INTERNAL, "server"),
    }
)
"""Every fault that the gateway and the dialects themselves raise, beside those of the services."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What marks a request as a dialect's own. All the tests that are given must hold; each is met by any one value.

    `rank` orders claims of different dialects: 0 a signature that only this dialect has, 1 a host or path that only
    it serves, 2 a guess for unsigned requests.
    """

    rank: int
    authorization: tuple[str, ...] = ()  # the Authorization header begins with one of these
    scope: tuple[str, ...] = ()  # the service named in an AWS4 credential scope (header or X-Amz-Credential)
    headers: tuple[str, ...] = ()  # one of these headers is there; "x-oss-*" stands for any that begins so
    content: str = ""  # the Content-Type begins with this
    query: tuple[str, ...] = ()  # one of these query parameters is there
    host: str = ""  # regular expression, matched against the whole host, without port
    path: tuple[str, ...] = ()  # the raw path begins with one of these
    version: str = ""  # the API version that an Alibaba Cloud OpenAPI request names (x-acs-version or Version)
    actions: frozenset[str] = frozenset()  # it names one of these actions, too (x-acs-action or Action)
    unsigned: bool = False  # neither an Authorization header nor a signature in the query


class Exchange:
    """One request on its way through a dialect, which subclasses this for what it needs to remember.

    `owners` are the accounts that the request wants the things that its command touches to belong to, in their order;
    "" for no matter which.
    """

    __slots__ = ("body", "caller", "operation", "owners", "request", "request_id")

    def __init__(self, request: Request, request_id: str) -> None:
        self.request = request
        self.request_id = request_id
        self.caller: Caller = ANONYMOUS
        self.operation: Operation | None = None
        self.body: Inflow = Bytes()
        self.owners: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """One row of a dialect's table, named as the vendor names it.

    `bind` turns the exchange (and, if `document`, the whole small body, verified) into a command; None says that
    Sampan does not do the operation yet. `render` turns the service's result into a reply. A document has at most
    `document_bytes_max` bytes. `begin` is awaited before `bind`, where a command needs what a long body begins with: a
    form's fields.
    """

    name: str
    bind: Callable[[Any, bytes], Command] | None = None
    render: Callable[[Any, Any], Reply] | None = None
    document: bool = False
    document_bytes_max: int = limits.DOCUMENT_BYTES_MAX
    begin: Callable[[Any], Awaitable[None]] | None = None


class Dialect(Protocol):
    """One door: bytes <-> Command, Result, Fault."""

    @property
    def name(self) -> str:
        """ "aws/s3", "aliyun/oss"."""
        ...

    @property
    def claims(self) -> Sequence[Claim]: ...

    @property
    def operations(self) -> Sequence[Operation]:
        """Every operation that the vendor's API has, done or not: the coverage page is made from it."""
        ...

    @property
    def words(self) -> frozenset[tuple[Kind, str]]:
        """The faults that `refuse` has words for."""
        ...

    def open(self, request: Request, request_id: str, keys: Keyring, now_ms: int) -> Exchange:
        """Identify the caller, choose the operation and prepare the verified body. Raises Fault."""
        ...

    def refuse(self, request: Request, request_id: str, fault: Fault) -> Reply:
        """The vendor's error reply. Must not raise."""
        ...

    def finish(self, request: Request, request_id: str, reply: Reply) -> None:
        """Add the headers that every reply of the vendor carries."""
        ...
