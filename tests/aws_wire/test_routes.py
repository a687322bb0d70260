"""Which operation a request is: what the SDK sends finds its own, of every service."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.model import Shape

from sampan.dialects.aws.wire.model import OperationModel
from sampan.dialects.aws.wire.routes import Routes
from tests.aws.sdk import Sent
from tests.aws_wire.sdk import SESSION, Service

SOME = {
    "lambda", "apigateway", "apigatewayv2", "bedrock", "bedrock-runtime", "cloudfront", "iot", "route53", "s3control",
    "workspaces-web", "glacier", "batch",
}  # fmt: skip


def least(shape: Shape, level: int = 0) -> Any:
    """The smallest value that the SDK takes for a shape."""
    size = shape.metadata.get("min", 0)
    match shape.type_name:
        case "structure":
            # Some must hold themselves; the SDK takes less than it should.
            names = shape.required_members if level < 16 else ()
            names = [*names, *(list(shape.members)[:1] if shape.is_tagged_union else [])]
            return {name: least(shape.members[name], level + 1) for name in names}
        case "list":
            return [least(shape.member, level + 1)] * size
        case "map":
            return {"k" * max(1, shape.key.metadata.get("min", 1)): least(shape.value, level + 1)} if size else {}
        case "boolean":
            return True
        case "integer" | "long" | "float" | "double":
            return max(int(size), 1)
        case "blob":
            return b"x" * size
        case "timestamp":
            return 1
    return shape.enum[0] if getattr(shape, "enum", None) else "x" * max(1, size)


def check(name: str) -> int:
    """Each operation of a service finds itself. Returns how many there are."""
    sdk = SESSION.get_service_model(name)
    door = Service(name, sdk.resolved_protocol)
    for operation in sdk.operation_names:
        model = sdk.operation_model(operation)
        if model.has_event_stream_input:
            continue
        sent = door.sent(model, least(model.input_shape) if model.input_shape is not None else {})
        assert door.ours.read(sent.request(), sent.body)[0].name == operation, name
    return len(sdk.operation_names)


@pytest.mark.parametrize("name", sorted(SOME))
def test_an_sdks_request_finds_its_operation(name: str) -> None:
    assert check(name)


@pytest.mark.long
def test_every_services_requests_find_their_operations() -> None:
    """All but S3, whose dialect is its own, and EC2, whose protocol nobody else has."""
    assert sum(check(name) for name in SESSION.get_available_services() if name not in ("s3", "ec2")) > 15_000


def routes(*templates: str) -> Routes:
    return Routes(
        OperationModel(template, None, None, "", False, False, *template.split(" ", 1), 200, "")
        for template in templates
    )


@pytest.mark.parametrize(
    ("request_line", "operation", "labels"),
    [
        ("GET /a/b", "GET /a/b", {}),
        ("GET /a/b/", "GET /a/b", {}),
        ("GET /a/c", "GET /a/{Label}", {"Label": "c"}),
        ("GET /a/b%2Fc", "GET /a/{Label}", {"Label": "b/c"}),
        ("POST /a/b", "POST /a/{Label}", {"Label": "b"}),
        ("GET /a/b/c/d", "GET /a/{Rest+}", {"Rest": "b/c/d"}),
        ("GET /a/b/c/", "GET /a/{Rest+}", {"Rest": "b/c/"}),
        ("GET /a/b/c/end", "GET /a/{Rest+}/end", {"Rest": "b/c"}),
        ("GET /a/c?WithTags", "GET /a/{Label}?WithTags", {"Label": "c"}),
        ("GET /a/c?kind=x", "GET /a/{Label}?kind=x", {"Label": "c"}),
        ("GET /a/c?kind=y", "GET /a/{Label}", {"Label": "c"}),
        ("GET /", "GET /", {}),
        ("GET //", "GET /", {}),
        ("GET /a//", None, {}),
        ("PUT /a/b", None, {}),
        ("GET /b", None, {}),
    ],
)
def test_what_is_written_out_goes_before_a_label(
    request_line: str, operation: str | None, labels: dict[str, str]
) -> None:
    known = routes(
        "GET /", "GET /a/{Rest+}", "GET /a/{Rest+}/end", "GET /a/{Label}", "GET /a/b", "POST /a/{Label}",
        "GET /a/{Label}?WithTags", "GET /a/{Label}?kind=x",
    )  # fmt: skip
    method, _, target = request_line.partition(" ")
    path, _, query = target.partition("?")
    found = known.find(Sent(method, path, query, {"host": "h"}).request())
    assert (found.operation.name, found.labels) == (operation, labels) if found else operation is None


def test_a_path_of_nothing_but_steps_costs_nothing() -> None:
    known = routes("GET /a/{One+}/b/{Two+}/c", "GET /a/{Rest+}/end")
    assert known.find(Sent("GET", "/a" + "/b" * 8000, "", {"host": "h"}).request()) is None
