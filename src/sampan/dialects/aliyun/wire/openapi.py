"""The OpenAPI gateway: what every product of the RPC and ROA styles has in common. A product is a table.

A row of the table names an operation, declares its parameters (see `openapi_parameters`), and, if Sampan does it, has
two functions: one makes a command of the parameters, one makes the reply's members of the result. Signatures, forms,
flat lists, JSON and XML, errors: all that is done here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sampan.dialects.aliyun.wire import (
    acs3,
    denials,
    openapi_parameters,
    openapi_reply,
    openapi_signature,
    openapi_words,
)
from sampan.dialects.aliyun.wire.openapi_claim import required
from sampan.dialects.aliyun.wire.openapi_signature import Nonces
from sampan.dialects.aliyun.wire.oss_body import Body, declared, length_of, md5_of
from sampan.gateway.contract import Claim, Exchange, Operation
from sampan.gateway.http import Reply, Request, parse_query
from sampan.kernel.body import Digest
from sampan.kernel.caller import Keyring
from sampan.kernel.command import Command
from sampan.kernel.fault import Fault, Kind

_FORM = "application/x-www-form-urlencoded"
_PAIRS_MAX = 4096  # parameters of a request, lists included
_PLACE = re.compile(r"\{(\w+)\}")


class OpenApiExchange(Exchange):
    """`params` are the operation's parameters, each of its kind, once the request is verified. `form` is that of the
    reply, `region` the one that the request names, or the server's own."""

    __slots__ = ("form", "keys", "now_ms", "params", "region", "verified")

    def __init__(self, request: Request, request_id: str, keys: Keyring, now_ms: int, region: str) -> None:
        super().__init__(request, request_id)
        self.keys = keys
        self.now_ms = now_ms
        self.verified = False
        self.form = openapi_reply.form_of(request)
        self.region = request.headers.get("x-acs-region-id") or request.param("RegionId") or region
        self.params: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Row:
    """One operation. `route` ("GET /clusters/{ClusterId}") makes it one of the ROA style. `anonymous` says that it may
    be called without a signature. Without `bind` and `render`, Sampan does not do it yet."""

    name: str
    parameters: str = ""
    bind: Callable[[OpenApiExchange], Command] | None = None
    render: Callable[[OpenApiExchange, Any], Mapping[str, Any]] | None = None
    anonymous: bool = False
    route: str = ""


@dataclass(frozen=True, slots=True)
class Product:
    """`code` is how policies and error pages call it ("ram"); `host` a regular expression of its own endpoints."""

    code: str
    version: str
    host: str
    rows: Sequence[Row]
    words: openapi_words.Words


class _Call:
    """A row, ready to be called."""

    __slots__ = ("operation", "parameters", "route", "row")

    def __init__(self, row: Row, operation: Operation) -> None:
        self.row = row
        self.operation = operation
        self.parameters = openapi_parameters.declare(row.parameters)
        method, _, template = row.route.partition(" ")
        self.route = (method, re.compile(_pattern(template))) if template else None

    def places(self, request: Request) -> Mapping[str, str] | None:
        """What stands in the places of the path, or None if this is another operation's method or path."""
        if self.route is None or self.route[0] != request.method:
            return None
        match = self.route[1].fullmatch(request.path)
        return None if match is None else match.groupdict()


def _pattern(template: str) -> str:
    """`/clusters/{ClusterId}` as a regular expression."""
    parts = _PLACE.split(template)
    return "".join(re.escape(part) if n % 2 == 0 else f"(?P<{part}>[^/]+)" for n, part in enumerate(parts))


class OpenApiDialect:
    """The dialect of one product. `region` is that of requests that name none; `nonces` is shared by all workers."""

    def __init__(self, product: Product, region: str, nonces: Nonces) -> None:
        self._product = product
        self._region = region
        self._nonces = nonces
        self._calls = {row.name: _Call(row, self._operation(row)) for row in product.rows}
        self._routed = [call for call in self._calls.values() if call.route is not None]
        self._late = Operation("", self._bind_late, self._render_late, document=True)
        self._operations = tuple(call.operation for call in self._calls.values())

    @property
    def name(self) -> str:
        return f"aliyun/{self._product.code}"

    @property
    def claims(self) -> Sequence[Claim]:
        version = self._product.version
        return (
            Claim(0, version=version, actions=frozenset(self._calls)),
            Claim(1, version=version),  # an older ROA request names no action, and an unknown action is to be refused
            Claim(1, host=self._product.host),
        )

    @property
    def operations(self) -> Sequence[Operation]:
        return self._operations

    @property
    def words(self) -> frozenset[tuple[Kind, str]]:
        return frozenset(openapi_words.WORDS) | frozenset(self._product.words)

    # --- the way of a request -----------------------------------------------------------------------------------------

    def open(self, request: Request, request_id: str, keys: Keyring, now_ms: int) -> OpenApiExchange:
        """Verifies at once what can be verified without the body. The older RPC signature covers a form in the body:
        there, everything waits for it. Raises what `_verify` and `_find` raise."""
        x = OpenApiExchange(request, request_id, keys, now_ms, self._region)
        header = request.headers.get("authorization")
        x.body = _SignedBody(request)
        if header is not None or not _is_form(request):
            self._verify(x)
        action = _action(request)
        if action is None and not self._routed and _is_form(request):
            x.operation = self._late
            return x
        call = self._find(request, action)
        if x.verified:
            self._admit(x, call)
        x.operation = call.operation
        return x

    def _verify(self, x: OpenApiExchange) -> None:
        """Identify the caller. Raises what `openapi_signature` raises."""
        x.verified = True
        request = x.request
        claim = openapi_signature.claim_of(request, request.query)
        if claim is None:
            return
        if "authorization" not in request.headers:
            # What has chosen the operation must be what was signed: the older RPC signature knows of no headers.
            for header, name in (("x-acs-action", "Action"), ("x-acs-version", "Version")):
                if request.headers.get(header) not in (None, required(dict(request.query), name)):
                    raise Fault(Kind.INVALID, "authorization", f"The header {header} is not the signed {name}.")
        x.caller = openapi_signature.verify(claim, request.query, x.keys, self._nonces, x.now_ms).caller

    def _find(self, request: Request, action: str | None) -> _Call:
        """Raises UNKNOWN "operation"."""
        if action is not None:
            call = self._calls.get(action)
            if call is not None:
                return call
        else:
            for call in self._routed:
                if call.places(request) is not None:
                    return call
        raise Fault(Kind.UNKNOWN, "operation", f"{self._product.code} has no operation {(action or '')[:64]}")

    def _admit(self, x: OpenApiExchange, call: _Call) -> None:
        if x.caller.anonymous and not call.row.anonymous:
            raise Fault(Kind.ABSENT, "authorization")

    def _operation(self, row: Row) -> Operation:
        if row.bind is None or row.render is None:
            return Operation(row.name)
        return Operation(
            row.name,
            lambda x, document: self._bind(self._calls[row.name], x, document),
            lambda x, result: self._render(self._calls[row.name], x, result),
            document=True,
        )

    def _bind(self, call: _Call, x: OpenApiExchange, document: bytes) -> Command:
        """The command. Raises what `_verify` raises, INVALID "document", ABSENT or INVALID "argument"."""
        values = self._values(call, x, document)
        self._admit(x, call)
        x.params = openapi_parameters.read(call.parameters, values)
        assert call.row.bind is not None, "only operations that are done are bound"
        return call.row.bind(x)

    def _render(self, call: _Call, x: OpenApiExchange, result: Any) -> Reply:
        assert call.row.render is not None, "only operations that are done are rendered"
        value = {"RequestId": x.request_id, **call.row.render(x, result)}
        return openapi_reply.reply(x.form, f"{call.row.name}Response", value)

    def _values(self, call: _Call, x: OpenApiExchange, document: bytes) -> dict[str, Any]:
        """All parameters by name: of the path, the query, and the body, which is a form or JSON."""
        request = x.request
        if document and _is_form(request):
            # From here on the form's parameters are as good as the query's: an error's form is asked for by one, too.
            request.query += parse_query(document.decode("utf-8", "surrogateescape"))
            x.form = openapi_reply.form_of(request)
        if len(request.query) > _PAIRS_MAX:
            raise Fault(Kind.INVALID, "document", "There are too many parameters.")
        if not x.verified:
            self._verify(x)
        signed = "authorization" in request.headers
        if document and signed and not x.body.algorithms:
            raise Fault(Kind.ABSENT, "digest")
        values = _json_object(document) if document and signed and not _is_form(request) else {}
        values |= request.query
        if call.route is not None:
            places = call.places(request)
            if places is None:
                raise Fault(Kind.UNKNOWN, "operation", f"{call.row.name} has another method or path.")
            values |= places
        return values

    def _bind_late(self, x: OpenApiExchange, document: bytes) -> Command:
        """For a form that names the operation itself."""
        call = self._find(x.request, dict(parse_query(document.decode("utf-8", "surrogateescape"))).get("Action", ""))
        x.operation = call.operation
        if call.operation.bind is None:
            raise Fault(Kind.NOT_DONE, "operation", f"{call.row.name} is not done by Sampan yet.")
        return call.operation.bind(x, document)

    def _render_late(self, x: OpenApiExchange, result: Any) -> Reply:
        assert x.operation is not None and x.operation.render is not None, "it was bound"
        return x.operation.render(x, result)

    # --- errors -------------------------------------------------------------------------------------------------------

    def refuse(self, request: Request, request_id: str, fault: Fault) -> Reply:
        word = openapi_words.word(self._product.words, fault)
        page = f"https://api.aliyun.com/troubleshoot?q={word.code}&product={self._product.code.title()}"
        value: dict[str, Any] = {
            "RequestId": request_id,
            "HostId": request.host,
            "Code": word.code,
            "Message": word.text,
            "Recommend": f"{page}&requestId={request_id}",
        }
        if (fault.kind, fault.noun) == (Kind.DENIED, "action") and "denial" in fault.facts:
            value["AccessDeniedDetail"] = denials.detail(fault.facts["denial"], str(fault.facts.get("told") or ""))
        return openapi_reply.reply(openapi_reply.form_of(request), "Error", value, word.status)

    def finish(self, request: Request, request_id: str, reply: Reply) -> None:
        reply.headers.append(("x-acs-request-id", request_id))


class _SignedBody(Body):
    """A body with the digests that OpenAPI clients send: SHA-256 in what ACS3 signs, Content-MD5 in the older ones."""

    __slots__ = ()

    def __init__(self, request: Request) -> None:
        """Raises INVALID "argument" (the length), INVALID "digest"."""
        self._request = request
        self._length = length_of(request)
        found: list[Digest] = []
        md5 = request.headers.get("content-md5")
        if md5:
            found.append(declared("md5", md5_of(md5)))
        if acs3.DIGEST_HEADER in request.headers:
            value = bytes.fromhex(acs3.body_digest(request))
            found.append(Digest("sha256", value, Fault(Kind.MISMATCH, "payload")))
        self._digests = tuple(found)


def _action(request: Request) -> str | None:
    """The operation, where the request names it: in a header, else in the query."""
    return request.headers.get("x-acs-action") or request.param("Action")


def _is_form(request: Request) -> bool:
    return request.method == "POST" and request.headers.get("content-type", "").lower().startswith(_FORM)


def _json_object(document: bytes) -> dict[str, Any]:
    """Raises INVALID "document"."""
    try:
        value = json.loads(document)
    except (ValueError, RecursionError):
        raise Fault(Kind.INVALID, "document", "The body is not JSON.") from None
    if not isinstance(value, dict):
        raise Fault(Kind.INVALID, "document", "The body is not a JSON object.")
    return value
