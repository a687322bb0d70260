"""Which operation a method and a path name."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from sampan.dialects.open.openai import (
    batches,
    chat,
    completions,
    embeddings,
    files,
    models,
    ranking,
    responses,
    stored,
    tokens,
    undone,
)  # fmt: skip
from sampan.gateway.contract import Operation
from sampan.kernel.fault import Fault, Kind

# Where the API's paths begin. Model Studio serves it under a prefix of its own ("compatible mode").
VERSIONS = ("/compatible-mode/v1", "/compatible-api/v1", "/v1", "/v2")
UNVERSIONED = ("/tokenize", "/detokenize", "/rerank", "/score")  # vLLM's


def _rows() -> Iterator[tuple[str, str, Operation]]:
    """Method, path below the version, operation. `{model}` takes slashes in: names of hubs have them."""
    yield "POST", "/chat/completions", chat.CREATE
    yield "POST", "/completions", completions.CREATE
    yield "POST", "/embeddings", embeddings.CREATE
    yield "GET", "/models", models.LIST
    yield "GET", "/models/{model}", models.GET
    yield "DELETE", "/models/{model}", models.DELETE
    yield "POST", "/responses", responses.CREATE
    yield "POST", "/responses/input_tokens", responses.COUNT
    yield "GET", "/responses/{response_id}", stored.GET
    yield "DELETE", "/responses/{response_id}", stored.DELETE
    yield "GET", "/responses/{response_id}/input_items", stored.INPUT_ITEMS
    yield "POST", "/files", files.CREATE
    yield "GET", "/files", files.LIST
    yield "GET", "/files/{file_id}", files.GET
    yield "DELETE", "/files/{file_id}", files.DELETE
    yield "GET", "/files/{file_id}/content", files.CONTENT
    yield "POST", "/batches", batches.CREATE
    yield "GET", "/batches", batches.LIST
    yield "GET", "/batches/{batch_id}", batches.GET
    yield "POST", "/batches/{batch_id}/cancel", batches.CANCEL
    yield "POST", "/rerank", ranking.RERANK
    yield "POST", "/reranks", ranking.RERANK
    yield "POST", "/score", ranking.SCORE
    yield "POST", "/tokenize", tokens.TOKENIZE
    yield "POST", "/detokenize", tokens.DETOKENIZE
    yield from undone.routes()


class Routes:
    """The table, ready to be asked."""

    def __init__(self) -> None:
        self._exact: dict[str, dict[str, Operation]] = defaultdict(dict)
        self._patterns: dict[str, list[tuple[re.Pattern[str], str, Operation]]] = defaultdict(list)
        operations: dict[str, Operation] = {ranking.RERANK_V2.name: ranking.RERANK_V2}
        for method, path, operation in _rows():
            operations.setdefault(operation.name, operation)
            if "{" in path:
                pattern = re.sub(r"\{(\w+)\}", lambda name: f"(?P<{name[1]}>{_taken(name[1])})", path)
                self._patterns[path.split("/")[1]].append((re.compile(pattern), method, operation))
            else:
                self._exact[path][method] = operation
        self.operations = tuple(operations.values())

    def find(self, method: str, path: str) -> tuple[Operation, dict[str, str]]:
        """The operation, and what the path names. Raises Fault(INVALID, "uri") or Fault(UNKNOWN, "operation")."""
        if not path.isprintable():
            raise Fault(Kind.INVALID, "uri")
        version = next((version for version in VERSIONS if path.startswith(version + "/")), "")
        below = path[len(version) :].rstrip("/")
        if version == "/v2":
            if (method, below) == ("POST", "/rerank"):
                return ranking.RERANK_V2, {}
        elif version or below in UNVERSIONED:
            operation = self._exact.get(below, {}).get(method)
            if operation is not None:
                return operation, {}
            for pattern, taken, other in self._patterns.get(below.split("/")[1] if below else "", ()):
                found = pattern.fullmatch(below) if taken == method else None
                if found is not None:
                    return other, found.groupdict()
        raise Fault(Kind.UNKNOWN, "operation", f"Invalid URL ({method} {path[:256]})")


def _taken(name: str) -> str:
    return "[^/].*" if name == "model" else "[^/]+"
