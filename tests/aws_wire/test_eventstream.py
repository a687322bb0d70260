"""Streams of events, as AWS's SDK reads them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from botocore.eventstream import ChecksumMismatch, EventStream, EventStreamBuffer
from botocore.exceptions import EventStreamError
from botocore.parsers import create_parser
from hypothesis import given, settings
from hypothesis import strategies as st

from sampan.dialects.aws.wire.eventstream import EventBody, header, message
from sampan.dialects.aws.wire.protocol import Refusal
from tests.aws_wire.sdk import Service, plain, values
from tests.aws_wire.test_round_trip import without_empty


def body_of(*events: Any, service: str = "bedrock-runtime", operation: str = "ConverseStream") -> bytes:
    door = Service(service, "json" if service == "logs" else "rest-json")

    async def told() -> AsyncGenerator[Any, None]:
        for event in events:
            yield event

    async def collect() -> bytes:
        model = door.model.operations[operation]
        reply = door.ours.write(model, {model.output.stream: told()}, "R")
        assert ("Content-Type", "application/vnd.amazon.eventstream") in reply.headers
        assert isinstance(reply.body, EventBody)
        return b"".join([chunk async for chunk in reply.body.chunks()])

    return asyncio.run(collect())


class Raw:
    """A body as the SDK's HTTP client gives it."""

    def __init__(self, body: bytes, size: int = 7) -> None:
        self.pieces = [body[at : at + size] for at in range(0, len(body), size)]

    def stream(self) -> Any:
        return iter(self.pieces)

    def close(self) -> None: ...


def read(body: bytes, service: str = "bedrock-runtime", operation: str = "ConverseStream") -> list[Any]:
    door = Service(service, "json" if service == "logs" else "rest-json")
    shape = door.sdk.operation_model(operation).output_shape
    raw = {
        "headers": {"content-type": "application/vnd.amazon.eventstream"},
        "body": Raw(body),
        "status_code": 200,
        "context": {"operation_name": operation},
    }
    parsed = create_parser(door.name).parse(raw, shape)
    stream = next(value for value in parsed.values() if isinstance(value, EventStream))
    return list(stream)


def test_the_sdk_reads_events(few: settings) -> None:
    door = Service("bedrock-runtime", "rest-json")
    shape = door.sdk.operation_model("ConverseStream").output_shape.members["stream"]
    events = [name for name, member in shape.members.items() if not member.metadata.get("exception")]

    @few
    @given(st.lists(st.sampled_from(events).flatmap(lambda name: values(shape.members[name]).map(lambda v: {name: v}))))
    def check(told: list[dict[str, Any]]) -> None:
        told = plain(told)
        assert without_empty(plain(read(body_of(*told)))) == without_empty(told)

    check()


def test_a_payload_of_bytes() -> None:
    told = [{"chunk": {"bytes": bytes(range(256))}}]
    assert (
        read(body_of(*told, operation="InvokeModelWithResponseStream"), operation="InvokeModelWithResponseStream")
        == told
    )


def test_a_member_that_is_the_whole_payload() -> None:
    told = [{"PayloadChunk": {"Payload": b"\x00\xff"}}, {"InvokeComplete": {"LogResult": "done"}}]
    asked = "lambda", "InvokeWithResponseStream"
    assert read(body_of(*told, service=asked[0], operation=asked[1]), *asked) == told


def test_where_no_other_place_is_left_the_stream_begins_with_the_result() -> None:
    told = [{"sessionStart": {"requestId": "r", "sessionId": "s"}}]
    assert read(body_of(*told, service="logs", operation="StartLiveTail"), "logs", "StartLiveTail") == told


@pytest.mark.parametrize(
    ("code", "named"),
    [
        ("ThrottlingException", "throttlingException"),
        ("ServiceQuotaExceededException", "ServiceQuotaExceededException"),
    ],
)
def test_a_fault_in_the_middle_is_told(code: str, named: str) -> None:
    body = body_of({"messageStart": {"role": "assistant"}}, Refusal(code, 429, "slowly, please"))
    with pytest.raises(EventStreamError, match=rf"\({named}\).*slowly, please"):
        read(body)


def test_a_header_is_a_text_of_any_language() -> None:
    buffer = EventStreamBuffer()
    buffer.add_data(message(header("text", "grüße") + header("none", ""), b"payload"))
    found = next(buffer)
    assert (found.headers, found.payload) == ({"text": "grüße", "none": ""}, b"payload")


@pytest.mark.parametrize("at", [0, 5, 9, 13, 40])
def test_every_byte_is_covered_by_a_checksum(at: int) -> None:
    raw = bytearray(message(header(":event-type", "chunk"), b"a payload of some length"))
    raw[at] ^= 1
    buffer = EventStreamBuffer()
    buffer.add_data(bytes(raw))
    with pytest.raises(ChecksumMismatch):
        next(buffer)
