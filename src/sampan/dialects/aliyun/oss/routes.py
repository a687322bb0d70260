"""Which operation a request asks for: level, method and the sub-resource in its query."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sampan.gateway.contract import Operation

SERVICE, BUCKET, OBJECT = "service", "bucket", "object"


@dataclass(frozen=True, slots=True)
class Route:
    """One way to reach an operation.

    `marker` is the query parameter that must be there, "" for none in particular. One of `also` must be there too, if
    any is given: a parameter `name`, a parameter with its value `name=value`, or a header `name:`.
    """

    operation: Operation
    level: str
    method: str
    marker: str = ""
    also: tuple[str, ...] = ()

    def fits(self, params: Mapping[str, str], headers: Mapping[str, str]) -> bool:
        return not self.also or any(_holds(test, params, headers) for test in self.also)


def _holds(test: str, params: Mapping[str, str], headers: Mapping[str, str]) -> bool:
    if test.endswith(":"):
        return test[:-1] in headers
    name, equals, value = test.partition("=")
    return params.get(name) == value if equals else name in params


class Routes:
    """A table of routes. Of those that fit, a route with a marker goes before one without, then one that has more
    demands (`also`), then the earlier one."""

    __slots__ = ("_index", "operations")

    def __init__(self, routes: Iterable[Route]) -> None:
        self._index: dict[tuple[str, str], dict[str, list[Route]]] = {}
        operations = []
        for route in routes:
            markers = self._index.setdefault((route.level, route.method), {})
            markers.setdefault(route.marker, []).append(route)
            if route.operation not in operations:
                operations.append(route.operation)
        # What demands more is asked first, wherever it stands in the table.
        for markers in self._index.values():
            for rows in markers.values():
                rows.sort(key=lambda route: not route.also)
        self.operations = tuple(operations)

    def find(self, level: str, method: str, params: Mapping[str, str], headers: Mapping[str, str]) -> Operation | None:
        """None if no operation is reached so."""
        markers = self._index.get((level, method))
        if markers is None:
            return None
        for name in params:
            for route in markers.get(name, ()):
                if route.fits(params, headers):
                    return route.operation
        for route in markers.get("", ()):
            if route.fits(params, headers):
                return route.operation
        return None
