"""The door of Anthropic's API: which requests are its own, and what is done of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec

from sampan.dialects.open.anthropic import asking, models, replies, stream, words
from sampan.dialects.open.anthropic.exchange import AnthropicExchange
from sampan.dialects.open.anthropic.forms import AskForm, PromptForm, invalid
from sampan.dialects.open.wire import bearer, documents, sse
from sampan.dialects.open.wire.body import Body
from sampan.gateway.contract import Claim, Operation
from sampan.gateway.http import Reply, Request
from sampan.kernel import limits
from sampan.kernel.caller import Keyring
from sampan.kernel.fault import Fault, Kind
from sampan.services.inference.model import Answer, Generate, Stream, Tokenize, Tokens

VERSION = "anthropic-version"
_ASK = msgspec.json.Decoder(AskForm)
_PROMPT = msgspec.json.Decoder(PromptForm)


def _bind_message(x: AnthropicExchange, document: bytes) -> Generate:
    form = documents.read(document, _ASK)
    x.model = form.model
    x.hides_thinking = form.thinking is not None and form.thinking.display == "omitted"
    return Generate(model=form.model, ask=asking.ask(form), stream=form.stream, prefix="msg_")


def _render_message(x: AnthropicExchange, value: Answer | Stream) -> Reply:
    if isinstance(value, Answer):
        return replies.reply(replies.message(x, value))
    return Reply(200, list(sse.HEADERS), sse.Events(stream.events(x, value), words.last_event))


def _bind_count(x: AnthropicExchange, document: bytes) -> Tokenize:
    form = documents.read(document, _PROMPT)
    return Tokenize(model=form.model, ask=asking.ask(form))


def _render_count(x: AnthropicExchange, tokens: Tokens) -> Reply:
    return replies.reply({"input_tokens": len(tokens.ids)})


_ROUTES: Mapping[tuple[str, str], Operation] = {
    ("POST", "/v1/messages"): Operation("messages.create", _bind_message, _render_message, True, limits.ASK_BYTES_MAX),
    ("POST", "/v1/messages/count_tokens"): Operation(
        "messages.count_tokens", _bind_count, _render_count, True, limits.ASK_BYTES_MAX
    ),
    ("GET", "/v1/models"): Operation("models.list", models.bind_list, models.render_list),
    ("GET", "/v1/models/*"): Operation("models.retrieve", models.bind_get, models.render_get),
    ("POST", "/v1/messages/batches"): Operation("messages.batches.create"),
    ("GET", "/v1/messages/batches"): Operation("messages.batches.list"),
    ("GET", "/v1/messages/batches/*"): Operation("messages.batches.retrieve"),
    ("DELETE", "/v1/messages/batches/*"): Operation("messages.batches.delete"),
    ("POST", "/v1/messages/batches/*/cancel"): Operation("messages.batches.cancel"),
    ("GET", "/v1/messages/batches/*/results"): Operation("messages.batches.results"),
    ("POST", "/v1/files"): Operation("files.upload"),
    ("GET", "/v1/files"): Operation("files.list"),
    ("GET", "/v1/files/*"): Operation("files.retrieve_metadata"),
    ("GET", "/v1/files/*/content"): Operation("files.download"),
    ("DELETE", "/v1/files/*"): Operation("files.delete"),
    ("POST", "/v1/complete"): Operation("completions.create"),
}


class AnthropicDialect:
    """Implements `gateway.contract.Dialect`.

    Its paths are OpenAI's in part; its clients always name the version of the API, and send their key in a header of
    its own.
    """

    name = "open/anthropic"
    claims: Sequence[Claim] = (
        Claim(rank=0, headers=(VERSION,), path=("/v1/",)),
        Claim(rank=0, headers=("x-api-key",), path=("/v1/messages", "/v1/complete")),
    )
    operations: Sequence[Operation] = tuple(_ROUTES.values())
    words = words.KNOWN

    def __init__(self) -> None:
        self._routes = [
            (method, re.compile(path.replace("*", "[^/]+") + "/?"), operation)
            for (method, path), operation in _ROUTES.items()
        ]

    def open(self, request: Request, request_id: str, keys: Keyring, now_ms: int) -> AnthropicExchange:
        """Find the caller by its key, and the operation by the path. Raises Fault."""
        exchange = AnthropicExchange(request, request_id)
        exchange.caller = bearer.caller(request, keys, now_ms, "x-api-key")
        if VERSION not in request.headers:
            raise invalid(VERSION, "header is required")
        exchange.operation = self._route(request)
        exchange.body = Body(request)
        return exchange

    def refuse(self, request: Request, request_id: str, fault: Fault) -> Reply:
        """Anthropic's error."""
        return words.refusal(fault, request_id)

    def finish(self, request: Request, request_id: str, reply: Reply) -> None:
        """The id by which a request is found again."""
        reply.headers.append(("request-id", words.name_of(request_id)))

    def _route(self, request: Request) -> Operation:
        for method, path, operation in self._routes:
            # A model's name may hold slashes, escaped or not: the path that was decoded is looked at last.
            if request.method == method and path.fullmatch(request.raw_path):
                return operation
        if request.method == "GET" and request.path.startswith(models.PATH):
            return _ROUTES["GET", "/v1/models/*"]
        raise Fault(Kind.UNKNOWN, "operation")
