"""A dialect for any service of AWS that its model describes: what the service's own folder adds is data and two
functions for each operation that is done.

A service may speak several protocols: each request says by its headers in which one it is, and is answered in that. The
signature may cover the body, and then it is verified, and the operation found, when the body is there: what `open`
gives is one entry for all operations, which puts the right one and the caller into the exchange.
"""

from __future__ import annotations

import functools
import hashlib
import math
import zlib
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sampan.dialects.aws.wire.body import open_body
from sampan.dialects.aws.wire.model import Model
from sampan.dialects.aws.wire.protocol import Refusal, WireProtocol
from sampan.dialects.aws.wire.query import QueryProtocol
from sampan.dialects.aws.wire.rest import RestJson, RestXml
from sampan.dialects.aws.wire.rpc import CborRpc, JsonRpc
from sampan.dialects.aws.wire.sigv4 import UNSIGNED, SigV4, normalized_path
from sampan.dialects.aws.wire.validation import validate
from sampan.dialects.aws.wire.words import Words, tell
from sampan.gateway.contract import Claim, Exchange, Operation
from sampan.gateway.http import Reply, Request
from sampan.kernel import limits
from sampan.kernel.caller import Caller, Keyring, bearer
from sampan.kernel.command import Command
from sampan.kernel.fault import Fault, Kind

# In the order in which a request is asked whether it is in them: REST is what is neither of the others.
PROTOCOLS: Mapping[str, Callable[[Model], WireProtocol]] = MappingProxyType(
    {
        "smithy-rpc-v2-cbor": CborRpc,
        "json": JsonRpc,
        "query": QueryProtocol,
        "rest-json": RestJson,
        "rest-xml": RestXml,
    }
)


class Call(Exchange):
    """One request to such a service. `params` are plain and validated (see `protocol`); `asked` keeps what `bind` read
    and `render` must know again. `region` is the one that was signed for, or else the server's own. `digest` is what
    the signature says of the body, None if that is to be computed. `headers` go out with the reply of success."""

    __slots__ = ("asked", "digest", "headers", "params", "protocol", "region", "signed")

    def __init__(self, request: Request, request_id: str, protocol: WireProtocol, region: str = "") -> None:
        super().__init__(request, request_id)
        self.protocol = protocol
        self.region = region
        self.headers: list[tuple[str, str]] = []
        self.params: Mapping[str, Any] = {}
        self.asked: Any = None
        self.signed = False
        self.digest = request.headers.get("x-amz-content-sha256")


@dataclass(frozen=True, slots=True)
class Done:
    """An operation that is done. `render` turns the service's result into a dict of the operation's output shape."""

    bind: Callable[[Call], Command]
    render: Callable[[Call, Any], Mapping[str, Any]]


def nothing(call: Call, _: object) -> Mapping[str, Any]:
    """The result of an operation that tells nothing."""
    return {}


def claims(model: Model, *paths: str) -> tuple[Claim, ...]:
    """What marks a service's requests: its name in the signature, its host at AWS, and `paths` where several services
    share that name."""
    return (
        Claim(rank=0, authorization=("AWS4-",), scope=(model.scope,), path=paths),
        Claim(rank=0, query=("X-Amz-Credential",), scope=(model.scope,), path=paths),
        Claim(rank=1, host=rf"(?:[a-z0-9-]+\.)*{model.host}(?:[.-][a-z0-9-]+)*\.amazonaws\.com(?:\.cn)?", path=paths),
    )


class ServiceDialect:
    """Implements `gateway.contract.Dialect`. `done` names operations as the model does; `words` are for the faults of
    the services that its commands go to. `region` is the server's own, and `bytes_max` limits the bodies of requests.
    """

    def __init__(
        self,
        name: str,
        model: Model,
        claims: Sequence[Claim],
        done: Mapping[str, Done],
        words: Words,
        region: str = "",
        bytes_max: int = limits.DOCUMENT_BYTES_MAX,
    ) -> None:
        self.name = name
        self.claims = claims
        self._region = region
        self._bytes_max = bytes_max
        self._protocols = [make(model) for known, make in PROTOCOLS.items() if known in model.protocols]
        self._words = {protocol: {**protocol.words, **words} for protocol in self._protocols}
        self._v4 = SigV4(model.scope, normalized_path)
        self._anonymous = any(operation.anonymous for operation in model.operations.values())
        self._model = model
        unknown = done.keys() - model.operations.keys()
        assert not unknown, f"{name} has no {sorted(unknown)}"
        self._operations = {each: self._operation(each, done.get(each)) for each in model.operations}

    @property
    def operations(self) -> Sequence[Operation]:
        return list(self._operations.values())

    @property
    def words(self) -> frozenset[tuple[Kind, str]]:
        return frozenset.intersection(*[frozenset(words) for words in self._words.values()])

    def open(self, request: Request, request_id: str, keys: Keyring, now_ms: int) -> Call:
        """Verify what can be verified without the body, and prepare it. Raises Fault."""
        call = Call(request, request_id, self._choose(request), self._region)
        seal = None
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        in_query = _signed_in_query(request)
        if scheme and in_query:
            raise Fault(Kind.INVALID, "authorization", "the request is signed both in a header and in the query")
        if not (scheme or in_query or self._anonymous):
            raise Fault(Kind.ABSENT, "authorization")
        if self._model.bearer and scheme.lower() == "bearer":
            self._let_in(call, bearer(keys, token.strip(), now_ms))
        elif call.digest is not None and scheme:
            signed = self._v4.verify_header(request, keys, now_ms)
            self._let_in(call, signed.caller, signed.region)
            seal = signed.seal
        call.body = open_body(request, request.headers, seal, checksums=False)
        enter = functools.partial(self._enter, keys=keys, now_ms=now_ms)
        call.operation = Operation("", enter, self._leave, document=True, document_bytes_max=self._bytes_max)
        return call

    def refuse(self, request: Request, request_id: str, fault: Fault) -> Reply:
        """The error reply of the protocol that the request is in."""
        protocol = self._choose(request)
        reply = protocol.refuse(self._refusal(protocol, fault), request_id)
        seconds = fault.facts.get("retry_after_s")
        if seconds is not None:
            reply.headers.append(("Retry-After", str(max(1, math.ceil(seconds)))))  # RFC 9110, 10.2.3
        return reply

    def finish(self, request: Request, request_id: str, reply: Reply) -> None:
        """The id by which a request is found again."""
        reply.headers.append(("x-amzn-RequestId", request_id))

    # --- the entry ----------------------------------------------------------------------------------------------------

    def _choose(self, request: Request) -> WireProtocol:
        """The protocol of a request; what is in none is answered in the service's first."""
        for protocol in self._protocols:
            if protocol.spoken(request):
                return protocol
        return self._protocols[0]

    def _let_in(self, call: Call, caller: Caller, region: str = "") -> None:
        call.caller = caller
        call.signed = True
        call.region = region or call.region

    def _enter(self, call: Call, body: bytes, *, keys: Keyring, now_ms: int) -> Command:
        """Verify, choose, read and bind. The signature comes first: to a stranger, nothing else is said."""
        if not call.signed:
            self._verify(call, body, keys, now_ms)
        model, params = call.protocol.read(call.request, _plain(call.request, body, self._bytes_max))
        if not call.signed and not model.anonymous:
            raise Fault(Kind.ABSENT, "authorization")
        _check_digest(call, streaming=model.unsigned_body)
        operation = self._operations[model.name]
        call.operation = operation
        if operation.bind is None:
            raise Fault(Kind.NOT_DONE, "operation", operation=model.name)
        validate(model.input, params)
        call.params = params
        return operation.bind(call, body)

    def _leave(self, call: Call, result: Any) -> Reply:
        operation = call.operation
        assert operation is not None
        assert operation.render is not None
        return operation.render(call, result)

    def _verify(self, call: Call, body: bytes, keys: Keyring, now_ms: int) -> None:
        """A signature that covers the body; there may be none at all."""
        request = call.request
        if "authorization" in request.headers:
            verify = self._v4.verify_header
        elif _signed_in_query(request):
            verify = self._v4.verify_query
        else:
            return
        signed = verify(request, keys, now_ms, hashlib.sha256(body).hexdigest())
        self._let_in(call, signed.caller, signed.region)

    def _operation(self, name: str, done: Done | None) -> Operation:
        if done is None:
            return Operation(name)
        model = self._model.operations[name]
        stream = model.output.stream if model.output is not None else ""

        def render(call: Call, result: Any) -> Reply:
            shown = done.render(call, result)
            if stream:
                shown = {**shown, stream: self._told(call.protocol, shown[stream])}
            reply = call.protocol.write(model, shown, call.request_id)
            reply.headers += call.headers
            return reply

        return Operation(name, lambda call, _: done.bind(call), render, document=True)

    async def _told(
        self, protocol: WireProtocol, events: AsyncGenerator[Mapping[str, Any], None]
    ) -> AsyncGenerator[Mapping[str, Any] | Refusal, None]:
        """A stream of events in which a fault is told; one before the first event is still told by the status."""
        begun = False
        try:
            async for event in events:
                begun = True
                yield event
        except Fault as fault:
            if not begun:
                raise
            yield self._refusal(protocol, fault)
        except Exception:
            # Our mistake: told as such, and raised again for the log.
            if begun:
                yield self._refusal(protocol, Fault(Kind.INTERNAL, "server"))
            raise
        finally:
            await events.aclose()

    def _refusal(self, protocol: WireProtocol, fault: Fault) -> Refusal:
        word, message = tell(self._words[protocol], fault)
        details = {member: fault.facts[fact] for member, fact in word.details.items() if fact in fault.facts}
        return Refusal(word.code, word.status, message, word.old, details)


def _signed_in_query(request: Request) -> bool:
    return any(name in ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature") for name, _ in request.query)


def _check_digest(call: Call, *, streaming: bool) -> None:
    """Only where the model says so may a signature leave the body out: it could be exchanged on its way."""
    digest = call.digest
    if digest is not None and not streaming and (digest == UNSIGNED or digest.startswith("STREAMING-UNSIGNED")):
        raise Fault(Kind.INVALID, "authorization", "The signature must cover the body of this operation")


def _plain(request: Request, body: bytes, size_max: int) -> bytes:
    """A body as it was before it was compressed. Raises Fault(INVALID | TOO_LARGE, "document")."""
    if request.headers.get("content-encoding", "").lower() != "gzip":
        return body
    unpack = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        plain = unpack.decompress(body, size_max)
    except zlib.error:
        raise Fault(Kind.INVALID, "document", "The body is not compressed as its header says") from None
    if unpack.unconsumed_tail:
        raise Fault(Kind.TOO_LARGE, "document")
    if not unpack.eof:
        raise Fault(Kind.INVALID, "document", "The compressed body ends early")
    return plain
