"""A service of AWS as its own model describes it: operations, shapes, errors.

The models are the files that botocore, AWS's SDK, carries as data (`service-2.json`).
Only the data is read: it takes a few milliseconds, and nothing of the SDK is imported.
"""

from __future__ import annotations

import gzip
import importlib.resources
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


class Shape:
    """One type. Of `members` (a structure), `item` (a list) and `key` with `value` (a map) only its own are set.

    `wire` is the name that an item has on the wire, if the model gives it one. `least` and `most` limit the length of
    strings, lists and blobs, and the value of numbers. `matches` tells whether a string is of the right form.
    """

    __slots__ = (
        "choices", "flat", "item", "key", "least", "matches", "members", "most", "name", "pattern", "required",
        "secret", "timestamp", "type", "value", "wire",
    )  # fmt: skip

    def __init__(self, name: str, raw: Mapping[str, Any]) -> None:
        self.name = name
        self.type: str = raw["type"]
        self.required: tuple[str, ...] = tuple(raw.get("required", ()))
        self.choices: tuple[str, ...] = tuple(raw.get("enum", ()))
        self.least: float | None = raw.get("min")
        self.most: float | None = raw.get("max")
        self.secret: bool = raw.get("sensitive", False)
        self.flat: bool = raw.get("flattened", False)
        self.wire: str = raw.get("locationName", "")
        self.timestamp: str = raw.get("timestampFormat", "")
        self.pattern: str = raw.get("pattern", "")
        self.matches = _matcher(self.pattern)
        self.members: dict[str, Member] = {}
        self.item: Member | None = None
        self.key: Member | None = None
        self.value: Member | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """A place in a structure, list or map. `wire` is its name there, "" if the model leaves it to the protocol."""

    name: str
    shape: Shape
    wire: str
    flat: bool
    timestamp: str


@dataclass(frozen=True, slots=True)
class OperationModel:
    """One operation. `wrapper` is the element that holds the result in the query protocol's replies; `anonymous` says
    that it needs no signature."""

    name: str
    input: Shape | None
    output: Shape | None
    wrapper: str
    anonymous: bool


@dataclass(frozen=True, slots=True)
class Model:
    """A service. `namespace` is that of its XML, `target` the beginning of X-Amz-Target in the JSON protocols."""

    service: str
    version: str
    protocol: str
    namespace: str
    target: str
    json_version: str
    operations: Mapping[str, OperationModel] = field(repr=False)


def load(service: str, version: str) -> Model:
    """The model of a service, by botocore's name for it and the version of its API ("iam", "2010-05-08")."""
    folder = importlib.resources.files("botocore") / "data" / service / version
    raw = json.loads(gzip.decompress((folder / "service-2.json.gz").read_bytes()))
    metadata = raw["metadata"]
    shapes = _shapes(raw["shapes"])
    return Model(
        service=service,
        version=metadata["apiVersion"],
        protocol=metadata["protocol"],
        namespace=metadata.get("xmlNamespace", ""),
        target=metadata.get("targetPrefix", ""),
        json_version=metadata.get("jsonVersion", ""),
        operations={name: _operation(name, each, shapes) for name, each in raw["operations"].items()},
    )


def _operation(name: str, raw: Mapping[str, Any], shapes: Mapping[str, Shape]) -> OperationModel:
    taken, given = raw.get("input"), raw.get("output")
    return OperationModel(
        name=name,
        input=shapes[taken["shape"]] if taken else None,
        output=shapes[given["shape"]] if given else None,
        wrapper=given.get("resultWrapper", "") if given else "",
        anonymous=raw.get("authtype") == "none",
    )


def _shapes(raw: Mapping[str, Mapping[str, Any]]) -> dict[str, Shape]:
    """All shapes, first by themselves and then joined: they may hold themselves."""
    shapes = {name: Shape(name, each) for name, each in raw.items()}

    def member(name: str, reference: Mapping[str, Any]) -> Member:
        shape = shapes[reference["shape"]]
        return Member(
            name,
            shape,
            reference.get("locationName", shape.wire),
            reference.get("flattened", shape.flat),
            reference.get("timestampFormat", shape.timestamp),
        )

    for name, each in raw.items():
        shape = shapes[name]
        shape.members = {inner: member(inner, reference) for inner, reference in each.get("members", {}).items()}
        shape.item = member("member", each["member"]) if "member" in each else None
        shape.key = member("key", each["key"]) if "key" in each else None
        shape.value = member("value", each["value"]) if "value" in each else None
    return shapes


def _matcher(pattern: str) -> Callable[[str], object] | None:
    """None where there is no pattern, or one that only Java can read (\\p{L}): what it says is for the service then."""
    if not pattern or "\\p{" in pattern:
        return None
    try:
        return re.compile(pattern, re.ASCII).fullmatch
    except re.error:
        return None
