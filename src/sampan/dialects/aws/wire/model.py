"""A service of AWS as its own model describes it: operations, shapes, errors.

The models are the files that botocore, AWS's SDK, carries as data (`service-2.json`).
Only the data is read: it takes a few milliseconds, and nothing of the SDK is imported.
"""

from __future__ import annotations

import gzip
import importlib.resources
import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any


class Shape:
    """One type. Of `members` (a structure), `item` (a list) and `key` with `value` (a map) only its own are set.

    `wire` is the name that an item has on the wire, if the model gives it one. `least` and `most` limit the length of
    strings, lists and blobs, and the value of numbers. `matches` tells whether a string is of the right form.
    `payload` names the member that is the whole body, `stream` the one that is a stream of events; `document` says that
    any JSON will do, `sparse` that items may be null. `fields` are the members that stand in a body, by their names
    there.
    """

    __slots__ = (
        "choices", "document", "events", "fields", "flat", "item", "key", "least", "matches", "members", "most",
        "name", "pattern", "payload", "required", "secret", "sparse", "stream", "timestamp", "type", "union",
        "value", "wire",
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
        self.payload: str = raw.get("payload", "")
        self.document: bool = raw.get("document", False)
        self.sparse: bool = raw.get("sparse", False)
        self.union: bool = raw.get("union", False)
        self.events: bool = raw.get("eventstream", False)
        self.pattern: str = raw.get("pattern", "")
        self.matches = _matcher(self.pattern)
        self.members: dict[str, Member] = {}
        self.fields: dict[str, Member] = {}
        self.stream = ""
        self.item: Member | None = None
        self.key: Member | None = None
        self.value: Member | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """A place in a structure, list or map. `wire` is its name there, "" if the model leaves it to the protocol.

    `location` is where it stands in HTTP ("uri", "querystring", "header", "headers" for a map of headers by prefix,
    "statusCode"), or "" for the body; "eventpayload" is the whole payload of an event's message. `json` says that a
    header's text is JSON in Base64; `namespace` is that of its element in XML.
    """

    name: str
    shape: Shape
    wire: str
    flat: bool
    timestamp: str
    location: str = ""
    json: bool = False
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Error:
    """An error of the model. `code` is its name on the wires that call it otherwise than its shape."""

    shape: Shape
    code: str
    status: int


@dataclass(frozen=True, slots=True)
class OperationModel:
    """One operation. `wrapper` is the element that holds the result in the query protocol's replies; `anonymous` says
    that it needs no signature, `unsigned_body` that the signature need not cover its body. `method`, `uri` (a template)
    and `status` (of success) are the REST protocols'; `namespace` is that of its XML."""

    name: str
    input: Shape | None
    output: Shape | None
    wrapper: str
    anonymous: bool
    unsigned_body: bool
    method: str
    uri: str
    status: int
    namespace: str


@dataclass(frozen=True, slots=True)
class Model:
    """A service. `host` is the first part of its hosts' names at AWS, `namespace` that of its XML, `target` the
    beginning of X-Amz-Target in the JSON protocols.

    `protocols` are those that it speaks, `scope` is its name in a signature, `bearer` says that it takes API keys,
    `query_errors` that it spoke the query protocol once, and tells its clients the codes of that time too.
    """

    version: str
    protocols: tuple[str, ...]
    scope: str
    host: str
    namespace: str
    target: str
    json_version: str
    bearer: bool
    query_errors: bool
    operations: Mapping[str, OperationModel] = field(repr=False)
    errors: Mapping[str, Error] = field(repr=False)


def load(service: str, version: str, free: Collection[str] = ()) -> Model:
    """The model of a service, by botocore's name for it and the version of its API ("iam", "2010-05-08").

    `free` names shapes of strings whose patterns are not asked for: names of things that are called otherwise here.
    """
    folder = importlib.resources.files("botocore") / "data" / service / version
    raw = json.loads(gzip.decompress((folder / "service-2.json.gz").read_bytes()))
    metadata = raw["metadata"]
    shapes = _shapes(raw["shapes"])
    for name in free:
        shapes[name].matches = None
    return Model(
        version=metadata["apiVersion"],
        protocols=tuple(metadata.get("protocols", (metadata["protocol"],))),
        scope=metadata.get("signingName", metadata["endpointPrefix"]),
        host=metadata["endpointPrefix"],
        namespace=_namespace(metadata),
        target=metadata.get("targetPrefix", ""),
        json_version=metadata.get("jsonVersion", ""),
        bearer="smithy.api#httpBearerAuth" in metadata.get("auth", ()),
        query_errors="awsQueryCompatible" in metadata,
        operations={name: _operation(name, each, shapes) for name, each in raw["operations"].items()},
        errors={name: _error(shapes[name], each) for name, each in raw["shapes"].items() if each.get("exception")},
    )


def _operation(name: str, raw: Mapping[str, Any], shapes: Mapping[str, Shape]) -> OperationModel:
    taken, given, http = raw.get("input"), raw.get("output"), raw["http"]
    return OperationModel(
        name=name,
        input=shapes[taken["shape"]] if taken else None,
        output=shapes[given["shape"]] if given else None,
        wrapper=given.get("resultWrapper", "") if given else "",
        anonymous=raw.get("authtype") == "none" or raw.get("auth") == ["smithy.api#noAuth"],
        unsigned_body=raw.get("unsignedPayload", False) or raw.get("authtype") == "v4-unsigned-body",
        method=http["method"],
        uri=http["requestUri"],
        status=http.get("responseCode", 200),
        namespace=_namespace(taken) if taken else "",
    )


def _error(shape: Shape, raw: Mapping[str, Any]) -> Error:
    traits = raw.get("error", {})
    status = traits.get("httpStatusCode", 500 if raw.get("fault") else 400)
    return Error(shape, traits.get("code", shape.name), status)


def _namespace(raw: Mapping[str, Any]) -> str:
    given = raw.get("xmlNamespace", "")
    return str(given if isinstance(given, str) else given["uri"])


def _shapes(raw: Mapping[str, Mapping[str, Any]]) -> dict[str, Shape]:
    """All shapes, first by themselves and then joined: they may hold themselves."""
    shapes = {name: Shape(name, each) for name, each in raw.items()}

    def member(name: str, reference: Mapping[str, Any]) -> Member:
        shape = shapes[reference["shape"]]
        location = "eventpayload" if reference.get("eventpayload") else reference.get("location", "")
        return Member(
            name=name,
            shape=shape,
            wire=reference.get("locationName", shape.wire),
            flat=reference.get("flattened", shape.flat),
            timestamp=reference.get("timestampFormat", shape.timestamp).lower(),
            location=location,
            json=reference.get("jsonvalue", False),
            namespace=_namespace(reference),
        )

    for name, each in raw.items():
        shape = shapes[name]
        shape.members = {inner: member(inner, reference) for inner, reference in each.get("members", {}).items()}
        shape.fields = {each.wire or inner: each for inner, each in shape.members.items() if not each.location}
        shape.stream = next((inner for inner, each in shape.members.items() if each.shape.events), "")
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
