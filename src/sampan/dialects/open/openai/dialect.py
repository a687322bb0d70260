"""OpenAI's API: which requests are its own, who sent them, and what they ask for."""

from __future__ import annotations

from collections.abc import Sequence

from sampan.dialects.open.openai import words
from sampan.dialects.open.openai.exchange import OpenAiExchange
from sampan.dialects.open.openai.routes import UNVERSIONED, Routes
from sampan.dialects.open.wire import bearer
from sampan.dialects.open.wire.body import Body
from sampan.gateway.contract import Claim, Operation
from sampan.gateway.http import Reply, Request
from sampan.kernel.caller import Keyring
from sampan.kernel.fault import Fault, Kind

# Without a key a request is OpenAI's by its path alone. These paths could be objects in buckets named "v1", so that
# only what OpenAI has is claimed, and a bucket of that name is best asked by signed requests.
_FAMILIES = (
    "assistants", "audio/", "batches", "chat/", "completions", "containers", "conversations", "embeddings", "evals",
    "files", "fine_tuning/", "images/", "models", "moderations", "realtime/", "rerank", "responses", "score", "threads",
    "uploads", "vector_stores", "videos",
)  # fmt: skip
_BEARER = ("Bearer ", "bearer ")


class OpenAiDialect:
    """The dialect."""

    def __init__(self) -> None:
        self._routes = Routes()

    @property
    def name(self) -> str:
        return "open/openai"

    @property
    def claims(self) -> Sequence[Claim]:
        paths = (*(f"/v1/{family}" for family in _FAMILIES), "/compatible-mode/v1/", "/compatible-api/v1/")
        return (
            Claim(1, authorization=_BEARER, path=("/v1/", "/v2/rerank", *UNVERSIONED, *paths)),
            Claim(1, path=paths, unsigned=True),
        )

    @property
    def operations(self) -> Sequence[Operation]:
        return self._routes.operations

    @property
    def words(self) -> frozenset[tuple[Kind, str]]:
        return words.KNOWN

    def open(self, request: Request, request_id: str, keys: Keyring, now_ms: int) -> OpenAiExchange:
        """Raises what `bearer.caller` and `Routes.find` raise."""
        x = OpenAiExchange(request, request_id, now_ms)
        x.caller = bearer.caller(request, keys, now_ms)
        x.operation, x.params = self._routes.find(request.method, request.path)
        x.body = Body(request)
        return x

    def refuse(self, request: Request, request_id: str, fault: Fault) -> Reply:
        """In a JSON document."""
        return words.refusal(fault)

    def finish(self, request: Request, request_id: str, reply: Reply) -> None:
        reply.headers += [("x-request-id", f"req_{request_id.lower()}"), ("openai-version", "2020-10-01")]
