"""AWS's SDK as the other end of the wire: what it serialises, and what it makes of our replies.

`values` are random values of a shape, as the SDK takes and gives them; `plain` is how they look inside.
"""

from __future__ import annotations

import datetime
import io
from typing import Any
from urllib.parse import urlsplit

import botocore.session
from botocore.awsrequest import HeadersDict, create_request_object, prepare_request_dict
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from hypothesis import strategies as st

from sampan.dialects.aws.wire.model import Model, load
from sampan.dialects.aws.wire.protocol import WireProtocol
from sampan.dialects.aws.wire.service import PROTOCOLS
from sampan.gateway.http import Reply
from tests.aws.sdk import Sent

SESSION = botocore.session.get_session()
ITEMS_MAX = 3
LEVELS_MAX = 5  # of values; a shape may hold itself

# What XML 1.0 can hold; a carriage return is made a line feed by any reader of XML.
_XML = st.characters(codec="utf-8", exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff")
_SAFE = "abcXYZ019-_:%/+=~"
_TIMES = st.integers(0, 4_000_000_000_000).map(lambda ms: _time(ms))
_SECONDS = st.integers(0, 4_000_000_000).map(lambda s: _time(s * 1000))
_DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(_XML, max_size=5),
    lambda below: st.lists(below, max_size=2) | st.dictionaries(st.text(_XML, max_size=5), below, max_size=2),
    max_leaves=5,
)  # fmt: skip
_SOME_DOCUMENT = _DOCUMENTS.filter(lambda each: each is not None)


def _time(ms: int) -> datetime.datetime:
    return datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(milliseconds=ms)


class Service:
    """One service in one of its protocols: the SDK's half and ours."""

    def __init__(self, name: str, protocol: str) -> None:
        self.sdk: ServiceModel = SESSION.get_service_model(name)
        self.name = protocol
        self.model: Model = load(name, self.sdk.api_version)
        self.ours: WireProtocol = PROTOCOLS[protocol](self.model)

    def sent(self, operation: OperationModel, params: dict[str, Any]) -> Sent:
        """A request as the SDK serialises it, unsigned."""
        made = create_serializer(self.name, True).serialize_to_request(params, operation)
        made.pop("host_prefix", None)
        prepare_request_dict(made, "http://127.0.0.1:4566")
        prepared = create_request_object(made).prepare()
        url = urlsplit(prepared.url)
        headers = {"host": url.netloc}
        for key, value in prepared.headers.items():
            headers[key.lower()] = value.decode() if isinstance(value, bytes) else str(value)
        body = prepared.body or b""
        body = body.read() if hasattr(body, "read") else body.encode() if isinstance(body, str) else bytes(body)
        return Sent(prepared.method, url.path, url.query, headers, body)

    def parsed(self, reply: Reply, shape: Shape | None) -> dict[str, Any]:
        """What the SDK makes of a reply."""
        assert isinstance(reply.body, bytes)
        payload = shape.serialization.get("payload") if shape is not None else None
        raw_body = payload is not None and shape.members[payload].type_name in ("blob", "string")
        # The SDK gives such a body to its caller as a stream.
        body = io.BytesIO(reply.body) if raw_body else reply.body
        raw = {"headers": HeadersDict(reply.headers), "body": body, "status_code": reply.status, "context": {}}
        return dict(create_parser(self.name).parse(raw, shape))


@st.composite
def values(draw: Any, shape: Shape, level: int = 0, where: str = "") -> Any:
    """A value that the shape allows, its pattern apart. `where` is the place in HTTP: not everything fits into one."""
    least = shape.metadata.get("min", 0)
    match shape.type_name:
        case "structure":
            return draw(_SOME_DOCUMENT) if shape.is_document_type else _structure(draw, shape, level, where)
        case "list":
            size = draw(st.integers(least, max(least, 0 if level > LEVELS_MAX else ITEMS_MAX)))
            return [draw(values(shape.member, level + 1, where)) for _ in range(size)]
        case "map":
            keys = st.text("abcxyz", min_size=max(1, shape.key.metadata.get("min", 1)), max_size=70)
            if getattr(shape.key, "enum", None):
                keys = st.sampled_from(shape.key.enum)
            chosen = draw(
                st.lists(keys, min_size=least, max_size=max(least, 2 if level <= LEVELS_MAX else 0), unique=True)
            )
            return {key: draw(values(shape.value, level + 1, where)) for key in chosen}
    return draw(_scalars(shape, where))


def _structure(draw: Any, shape: Shape, level: int, where: str) -> dict[str, Any]:
    names = [name for name, member in shape.members.items() if not member.serialization.get("eventstream")]
    if shape.is_tagged_union:
        flat = [name for name in names if not isinstance(shape.members[name], (StructureShape, ListShape, MapShape))]
        chosen = [draw(st.sampled_from(flat if flat and level > LEVELS_MAX else names))]
    else:
        # A few of many: a structure of sixty members would be all that is ever tried.
        rest = [name for name in names if name not in shape.required_members] if level <= LEVELS_MAX else []
        more = draw(st.lists(st.sampled_from(rest), max_size=4, unique=True)) if rest else []
        chosen = [*shape.required_members, *more]
    found = {}
    for name in chosen:
        member = shape.members[name]
        place = "host" if member.serialization.get("hostLabel") else member.serialization.get("location", where)
        found[name] = draw(values(member, level + 1, place))
    return found


def _scalars(shape: Shape, where: str) -> st.SearchStrategy[Any]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    match shape.type_name:
        case "string":
            if shape.serialization.get("jsonvalue") and where == "header":
                return _SOME_DOCUMENT
            if getattr(shape, "enum", None):
                return st.sampled_from(shape.enum)
            least = max(least or 0, 1 if where in ("uri", "header", "headers", "host") else 0)
            # A header holds no more than ASCII, and no white space at its ends; a step of a path may not be "..".
            alphabet = {"uri": _SAFE, "header": _SAFE, "headers": _SAFE, "host": "abc-019"}.get(where, _XML)
            return st.text(alphabet, min_size=least, max_size=max(least, min(most or 8, 8)))
        case "integer" | "long":
            if where == "statusCode":
                return st.integers(200, 299)
            bits = 31 if shape.type_name == "integer" else 53
            low = -(2**bits) if least is None else int(least)
            return st.integers(low, 2**bits - 1 if most is None else int(most))
        case "float" | "double":
            width = 32 if shape.type_name == "float" else 64
            low = -1000.0 if least is None else float(least)
            return st.floats(low, max(low, 1000.0) if most is None else float(most), width=width)
        case "boolean":
            return st.booleans()
        case "blob":
            return st.binary(min_size=least or 0, max_size=max(least or 0, 8))
        case "timestamp":
            form = shape.serialization.get("timestampFormat", "rfc822" if where == "header" else "")
            return _SECONDS if form == "rfc822" else _TIMES
    raise AssertionError(shape.type_name)


def plain(value: Any) -> Any:
    """A value of the SDK's as it looks inside: times are milliseconds, and a blob is bytes."""
    if isinstance(value, datetime.datetime):
        return round(value.timestamp() * 1000)
    if isinstance(value, io.BytesIO):
        return value.getvalue()
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return value
