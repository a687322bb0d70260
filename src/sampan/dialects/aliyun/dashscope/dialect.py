"""The door of Model Studio's own API: which requests are its own, and what is done of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sampan.dialects.aliyun.dashscope import generation, listings, tasks, texts, words
from sampan.dialects.aliyun.dashscope.exchange import DashScopeExchange
from sampan.dialects.open.wire import bearer
from sampan.dialects.open.wire.body import Body
from sampan.gateway.contract import Claim, Operation
from sampan.gateway.http import Reply, Request
from sampan.kernel import limits
from sampan.kernel.caller import Keyring
from sampan.kernel.command import Command
from sampan.kernel.fault import Fault, Kind
from sampan.services.inference.model import Defer, Deferred

NAME = "aliyun/dashscope"
PREFIX = "/api/v1/"
_FAMILIES = (
    "services/", "tasks", "files", "models", "tokenizer", "deployments", "fine-tunes", "apps", "assistants", "threads",
    "uploads", "token", "tokens",
)  # fmt: skip


def _asked(name: str, bind: Callable[[Any, bytes], Command], render: Callable[[Any, Any], Reply]) -> Operation:
    """An operation that may be deferred: then its reply is the task's."""

    def bind_either(x: DashScopeExchange, document: bytes) -> Command:
        x.command = bind(x, document)
        return Defer(command=x.command, door=NAME) if x.deferred else x.command

    def render_either(x: DashScopeExchange, value: Any) -> Reply:
        return tasks.render_begun(x, value) if isinstance(value, Deferred) else render(x, value)

    return Operation(name, bind_either, render_either, True, limits.ASK_BYTES_MAX)


_ROUTES: Mapping[tuple[str, str], Operation] = {
    ("POST", "services/aigc/text-generation/generation"): _asked("text-generation", generation.bind, generation.render),
    ("POST", "services/aigc/multimodal-generation/generation"): _asked(
        "multimodal-generation", generation.bind_multimodal, generation.render
    ),
    ("POST", "services/embeddings/text-embedding/text-embedding"): _asked(
        "text-embedding", texts.bind_embed, texts.render_embed
    ),
    ("POST", "services/rerank/text-rerank/text-rerank"): _asked("text-rerank", texts.bind_rank, texts.render_rank),
    ("POST", "tokenizer"): Operation(
        "tokenizer", generation.bind_count, generation.render_count, True, limits.ASK_BYTES_MAX
    ),
    ("GET", "tasks"): Operation("tasks.list", tasks.bind_list, tasks.render_list),
    ("GET", "tasks/*"): Operation("tasks.get", tasks.bind_get, tasks.render_get),
    ("POST", "tasks/*/cancel"): Operation("tasks.cancel", tasks.bind_cancel, listings.render_nothing),
    ("GET", "models"): Operation("models.list", listings.bind_models, listings.render_models),
    ("GET", "models/*"): Operation("models.get", listings.bind_model, listings.render_model),
    ("GET", "deployments"): Operation("deployments.list", listings.bind_deployments, listings.render_deployments),
    ("GET", "deployments/*"): Operation("deployments.get", listings.bind_model, listings.render_deployment),
    ("POST", "deployments"): Operation("deployments.create"),
    ("PUT", "deployments/*/scale"): Operation("deployments.scale"),
    ("DELETE", "deployments/*"): Operation("deployments.delete"),
    ("POST", "files"): replace(
        Operation("files.upload", listings.bind_file, listings.render_file), begin=listings.begin_file
    ),
    ("GET", "files"): Operation("files.list", listings.bind_files, listings.render_files),
    ("GET", "files/*"): Operation("files.get", listings.bind_get_file, listings.render_get_file),
    ("DELETE", "files/*"): Operation("files.delete", listings.bind_delete_file, listings.render_nothing),
    ("POST", "fine-tunes"): Operation("fine-tunes.create"),
    ("GET", "fine-tunes"): Operation("fine-tunes.list"),
    ("GET", "fine-tunes/*"): Operation("fine-tunes.get"),
    ("GET", "fine-tunes/*/logs"): Operation("fine-tunes.logs"),
    ("GET", "fine-tunes/*/stream"): Operation("fine-tunes.stream"),
    ("POST", "fine-tunes/*/cancel"): Operation("fine-tunes.cancel"),
    ("DELETE", "fine-tunes/*"): Operation("fine-tunes.delete"),
    ("POST", "services/embeddings/text-embedding/text-embedding-async"): Operation("batch-text-embedding"),
    ("POST", "services/embeddings/multimodal-embedding/multimodal-embedding"): Operation("multimodal-embedding"),
    ("POST", "services/aigc/text2image/image-synthesis"): Operation("image-synthesis"),
    ("POST", "services/aigc/image-generation/generation"): Operation("image-generation"),
    ("POST", "services/aigc/video-generation/video-synthesis"): Operation("video-synthesis"),
    ("POST", "services/audio/asr/transcription"): Operation("transcription"),
    ("POST", "services/nlp/nlu/understanding"): Operation("understanding"),
    ("POST", "apps/*/completion"): Operation("apps.completion"),
    ("POST", "assistants"): Operation("assistants.create"),
    ("POST", "threads"): Operation("threads.create"),
    ("GET", "uploads"): Operation("uploads.get"),
    ("POST", "tokens"): Operation("tokens.create"),
}


class DashScopeDialect:
    """Implements `gateway.contract.Dialect`.

    Keys are sent along, as OpenAI's are: what it shares with the open dialects on the wire it takes from there.
    """

    name = NAME
    claims: Sequence[Claim] = (
        Claim(rank=1, authorization=("Bearer ", "bearer "), path=tuple(PREFIX + family for family in _FAMILIES)),
        Claim(rank=1, unsigned=True, path=(f"{PREFIX}services/", f"{PREFIX}tasks/", f"{PREFIX}tokenizer")),
    )
    operations: Sequence[Operation] = tuple(_ROUTES.values())
    words = words.KNOWN

    def __init__(self) -> None:
        self._routes = [
            (method, re.compile(re.escape(path).replace(r"\*", "(?P<name>[^/]+)") + "/?"), operation)
            for (method, path), operation in _ROUTES.items()
        ]

    def open(self, request: Request, request_id: str, keys: Keyring, now_ms: int) -> DashScopeExchange:
        """Find the caller by its key, and the operation by the path. Raises Fault."""
        x = DashScopeExchange(request, request_id)
        x.caller = bearer.caller(request, keys, now_ms)
        x.operation, x.params = self._route(request)
        x.body = Body(request)
        return x

    def refuse(self, request: Request, request_id: str, fault: Fault) -> Reply:
        """Model Studio's error."""
        return words.refusal(fault, request_id)

    def finish(self, request: Request, request_id: str, reply: Reply) -> None:
        """The id by which a request is found again."""
        reply.headers.append(("x-request-id", words.name_of(request_id)))

    def _route(self, request: Request) -> tuple[Operation, dict[str, str]]:
        path = request.path.removeprefix(PREFIX)
        for method, pattern, operation in self._routes:
            found = pattern.fullmatch(path) if method == request.method else None
            if found is not None:
                return operation, found.groupdict()
        if request.method == "GET" and path.startswith("models/"):  # a model's name may hold slashes
            return _ROUTES["GET", "models/*"], {"name": path.removeprefix("models/")}
        raise Fault(Kind.UNKNOWN, "operation")
