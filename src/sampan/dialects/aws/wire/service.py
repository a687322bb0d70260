"""A dialect for any service of AWS that its model describes: what the service's own folder adds is data and two
functions for each operation that is done.

The signature covers the body, so the signature is verified, and the operation found, when the body is there: what
`open` gives is one entry for all operations, which puts the right one and the caller into the exchange.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sampan.dialects.aws.wire.body import PlainBody, length_of
from sampan.dialects.aws.wire.model import Model
from sampan.dialects.aws.wire.protocol import WireProtocol
from sampan.dialects.aws.wire.sign import Signed
from sampan.dialects.aws.wire.sigv4 import SigV4, normalized_path
from sampan.dialects.aws.wire.validation import validate
from sampan.dialects.aws.wire.words import Words, tell
from sampan.gateway.contract import Claim, Exchange, Operation
from sampan.gateway.http import Reply, Request
from sampan.kernel.caller import Keyring
from sampan.kernel.command import Command
from sampan.kernel.fault import Fault, Kind


class Call(Exchange):
    """One request to such a service. `params` are plain and validated (see `protocol`); `asked` keeps what `bind` read
    and `render` must know again."""

    __slots__ = ("asked", "params")

    def __init__(self, request: Request, request_id: str) -> None:
        super().__init__(request, request_id)
        self.params: Mapping[str, Any] = {}
        self.asked: Any = None


@dataclass(frozen=True, slots=True)
class Done:
    """An operation that is done. `render` turns the service's result into a dict of the operation's output shape."""

    bind: Callable[[Call], Command]
    render: Callable[[Call, Any], Mapping[str, Any]]


def nothing(call: Call, _: object) -> Mapping[str, Any]:
    """The result of an operation that tells nothing."""
    return {}


class ServiceDialect:
    """Implements `gateway.contract.Dialect`. `done` names operations as the model does."""

    def __init__(
        self,
        name: str,
        model: Model,
        protocol: WireProtocol,
        claims: Sequence[Claim],
        done: Mapping[str, Done],
        words: Words,
    ) -> None:
        self.name = name
        self.claims = claims
        self._protocol = protocol
        self._words = words
        self._v4 = SigV4(name.partition("/")[2], normalized_path)
        self._model = model
        unknown = done.keys() - model.operations.keys()
        assert not unknown, f"{name} has no {sorted(unknown)}"
        self._operations = {each: self._operation(each, done.get(each)) for each in model.operations}

    @property
    def operations(self) -> Sequence[Operation]:
        return list(self._operations.values())

    @property
    def words(self) -> frozenset[tuple[Kind, str]]:
        return frozenset(self._words)

    def open(self, request: Request, request_id: str, keys: Keyring, now_ms: int) -> Call:
        """Prepare the body; all else is done when it is there. Raises Fault."""
        if request.method not in ("GET", "POST"):
            raise Fault(Kind.UNKNOWN, "operation", f"{request.method[:16]} is not a method of this API")
        call = Call(request, request_id)
        call.body = PlainBody(request, length_of(request.headers, "content-length"), ())
        call.operation = Operation(
            "", functools.partial(self._enter, keys=keys, now_ms=now_ms), self._leave, document=True
        )
        return call

    def refuse(self, request: Request, request_id: str, fault: Fault) -> Reply:
        """The error reply of the service's protocol."""
        word, message = tell(self._words, fault)
        return self._protocol.refuse(word.code, word.status, message, request_id)

    def finish(self, request: Request, request_id: str, reply: Reply) -> None:
        """The id by which a request is found again."""
        reply.headers.append(("x-amzn-RequestId", request_id))

    # --- the entry ----------------------------------------------------------------------------------------------------

    def _enter(self, call: Call, body: bytes, *, keys: Keyring, now_ms: int) -> Command:
        """Verify, choose, read and bind. The signature comes first: to a stranger, nothing else is said."""
        signed = self._verify(call.request, body, keys, now_ms)
        if signed is not None:
            call.caller = signed.caller
        model, params = self._protocol.read(call.request, body)
        if signed is None and not model.anonymous:
            raise Fault(Kind.ABSENT, "authorization")
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

    def _verify(self, request: Request, body: bytes, keys: Keyring, now_ms: int) -> Signed | None:
        """None if the request is not signed at all."""
        digest = hashlib.sha256(body).hexdigest()
        in_query = any(name in ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature") for name, _ in request.query)
        if "authorization" in request.headers:
            if in_query:
                raise Fault(Kind.INVALID, "authorization", "the request is signed both in a header and in the query")
            return self._v4.verify_header(request, keys, now_ms, digest)
        return self._v4.verify_query(request, keys, now_ms, digest) if in_query else None

    def _operation(self, name: str, done: Done | None) -> Operation:
        if done is None:
            return Operation(name)
        return Operation(
            name,
            lambda call, _: done.bind(call),
            lambda call, result: self._protocol.write(
                self._model.operations[name], done.render(call, result), call.request_id
            ),
            document=True,
        )
