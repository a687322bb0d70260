"""Which operation of a REST protocol a method and a path name, by the templates of the model.

`/model/{modelId}/converse`, `/2013-04-01/tags/{ResourceType}/{ResourceId}`, `/{Bucket}/{Key+}`, and a query that must
be there: `/2020-05-31/distribution?WithTags`. A step of a path that is written out goes before one that is a label, and
a label before one that takes the rest. Source: "http trait" of Smithy (smithy.io/2.0/spec/http-bindings.html).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from sampan.dialects.aws.wire.model import OperationModel
from sampan.gateway.http import Request, parse_query, text

STEPS_MAX = 256  # of a path that is looked at: the rest is one step


@dataclass(slots=True)
class _Route:
    """One operation: the labels of its steps, in order, and what its query must say (None: anything)."""

    operation: OperationModel
    labels: tuple[str, ...]
    query: tuple[tuple[str, str | None], ...]

    def holds(self, given: Mapping[str, str]) -> bool:
        return all(name in given and wanted in (None, given[name]) for name, wanted in self.query)


@dataclass(slots=True)
class _Node:
    """A place in the tree of steps."""

    below: dict[str, _Node] = field(default_factory=dict)
    label: _Node | None = None
    rest: _Node | None = None
    routes: dict[str, list[_Route]] = field(default_factory=dict)  # by method


@dataclass(frozen=True, slots=True)
class Found:
    """An operation with the decoded values of its path's labels. `literals` are the query's names that chose it."""

    operation: OperationModel
    labels: Mapping[str, str]
    literals: frozenset[str]


class Routes:
    """All operations of a service."""

    def __init__(self, operations: Iterable[OperationModel]) -> None:
        self._root = _Node()
        for operation in operations:
            self._add(operation)

    def find(self, request: Request) -> Found | None:
        """The operation that a request names. An empty label is none."""
        path = request.raw_path.removeprefix("/")
        steps = path.removesuffix("/").split("/", STEPS_MAX)
        given = dict(request.query)
        for node, values in _walk(self._root, steps, "/" if path.endswith("/") else "", 0, ()):
            for route in node.routes.get(request.method, ()):
                if route.holds(given):
                    labels = dict(zip(route.labels, values, strict=True))
                    return Found(route.operation, labels, frozenset(name for name, _ in route.query))
        return None

    def _add(self, operation: OperationModel) -> None:
        path, _, query = operation.uri.partition("?")
        node, labels = self._root, []
        for step in path.strip("/").split("/"):
            if not step.startswith("{"):
                node = node.below.setdefault(step, _Node())
                continue
            labels.append(step.strip("{+}"))
            if step.endswith("+}"):
                node.rest = node.rest or _Node()
                node = node.rest
            else:
                node.label = node.label or _Node()
                node = node.label
        wanted = tuple((name, value or None) for name, value in parse_query(query))
        routes = node.routes.setdefault(operation.method, [])
        routes.append(_Route(operation, tuple(labels), wanted))
        routes.sort(key=lambda route: len(route.query), reverse=True)


def _walk(
    node: _Node, steps: list[str], tail: str, at: int, values: tuple[str, ...]
) -> Iterator[tuple[_Node, tuple[str, ...]]]:
    """The nodes at which a path may end, best first, with what its labels stand for.

    `tail` is the slash at a path's end: it belongs to a label that takes the rest, and to nothing else.
    """
    if at == len(steps):
        yield node, values
        return
    step = steps[at]
    if step in node.below:
        yield from _walk(node.below[step], steps, tail, at + 1, values)
    if node.label is not None and step:
        yield from _walk(node.label, steps, tail, at + 1, (*values, _decode(step)))
    if node.rest is not None:
        # Some templates go on after it.
        ends = range(len(steps) - 1, at, -1) if node.rest.below or node.rest.label else ()
        for end in (*ends, len(steps)):
            rest = "/".join(map(_decode, steps[at:end]))
            if rest:
                yield from _walk(node.rest, steps, tail, end, (*values, rest if end < len(steps) else rest + tail))


def _decode(step: str) -> str:
    return text(unquote_to_bytes(step)) if "%" in step else step
