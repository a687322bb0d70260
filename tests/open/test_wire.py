"""What the open dialects share: keys, documents, events, words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Annotated

import msgspec
import pytest

from sampan.dialects.open.wire import bearer, documents, sse, words
from sampan.gateway.http import Request
from sampan.kernel.fault import Fault, Kind


def request(**headers: str) -> Request:
    return Request("GET", b"/", b"", {name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"authorization": "Bearer sk-1"}, "sk-1"),
        ({"authorization": "bearer   sk-1 "}, "sk-1"),
        ({"authorization": "Bearer sk-1", "x_api_key": "sk-2"}, "sk-2"),
        ({"x_api_key": "sk-2"}, "sk-2"),
        ({}, Kind.ABSENT),
        ({"authorization": "Bearer "}, Kind.ABSENT),
        ({"authorization": ""}, Kind.INVALID),
        ({"authorization": "Basic YTpi"}, Kind.INVALID),
        ({"authorization": "Bearer clé"}, Kind.INVALID),
        ({"authorization": "Bearer a\x7fb"}, Kind.INVALID),
    ],
)
def test_tokens(headers: dict[str, str], expected: str | Kind) -> None:
    if not isinstance(expected, Kind):
        assert bearer.token(request(**headers), "x-api-key") == expected
        return
    with pytest.raises(Fault) as raised:
        bearer.token(request(**headers), "x-api-key")
    assert (raised.value.kind, raised.value.noun) == (expected, "authorization")


class Inner(msgspec.Struct):
    count: Annotated[int, msgspec.Meta(ge=0, le=9)]
    extra: msgspec.Raw = msgspec.Raw(b"null")


class Outer(msgspec.Struct):
    model: str
    items: list[Inner] = []


OUTER = msgspec.json.Decoder(Outer)


@pytest.mark.parametrize(
    ("document", "name", "missing"),
    [
        (b'{"model": 1}', "model", False),
        (b"{}", "model", True),
        (b'{"model": "m", "items": [{"count": 1}, {"count": "x"}]}', "items[1].count", False),
        (b'{"model": "m", "items": [{"count": 1}, {}]}', "items[1].count", True),
        (b"[]", "", False),
        (b'{"model": "m", "items": [{"count": 99999999999999999999999}]}', "items[0].count", False),
    ],
)
def test_what_is_wrong_is_named(document: bytes, name: str, missing: bool) -> None:
    with pytest.raises(Fault) as raised:
        documents.read(document, OUTER)
    fault = raised.value
    assert (fault.kind, fault.noun) == (Kind.INVALID, "argument")
    assert (fault.facts["name"], fault.facts.get("missing", False)) == (name, missing)


@pytest.mark.parametrize(
    "document",
    [
        b"", b"{", b"nonsense", b'{"model": "\xff"}', b'{"model": "m", "x": NaN}', b'{"model": "m"} more',
        b'{"x": ' + b"[" * 200_000 + b"]" * 200_000 + b', "model": "m"}', b'{"model": "\\ud800"}',
    ],
)  # fmt: skip
def test_what_is_no_json_is_refused(document: bytes) -> None:
    with pytest.raises(Fault) as raised:
        documents.read(document, OUTER)
    assert (raised.value.kind, raised.value.noun) == (Kind.INVALID, "document")


def test_unknown_fields_are_for_others() -> None:
    assert documents.read(b'{"model": "m", "unheard_of": {"a": [1]}}', OUTER) == Outer("m")


def test_what_is_the_callers_own_is_bounded() -> None:
    deep = b'{"a":' * documents.DEPTH_MAX + b"1" + b"}" * documents.DEPTH_MAX
    with pytest.raises(Fault):
        documents.anything(deep, "schema")
    assert documents.mapping(b'{"a": [1, {"b": null}]}', "schema") == {"a": [1, {"b": None}]}
    for raw in (b"[1]", b"{", b"[" * 100_000):
        with pytest.raises(Fault):
            documents.mapping(raw, "schema")


def events(*steps: bytes | Exception) -> tuple[list[bytes], list[str], BaseException | None]:
    """What comes out of Events, what was closed, and what was raised."""
    closed: list[str] = []

    async def made() -> AsyncGenerator[bytes, None]:
        try:
            for step in steps:
                if isinstance(step, Exception):
                    raise step
                yield sse.event(step)
        finally:
            closed.append("made")

    async def run() -> tuple[list[bytes], BaseException | None]:
        out: list[bytes] = []
        try:
            chunks = sse.Events(made(), lambda fault: b"refused " + fault.noun.encode()).chunks()
            async for chunk in chunks:
                out.append(chunk)  # noqa: PERF401 - what came before the error is wanted, too
        except Exception as error:
            return out, error
        return out, None

    out, error = asyncio.run(run())
    return out, closed, error


def test_events_flow() -> None:
    assert events(b"1", b"2") == ([b"data: 1\n\n", b"data: 2\n\n"], ["made"], None)
    assert sse.event(b"{}", "ping") == b"event: ping\ndata: {}\n\n"


def test_a_fault_before_the_first_event_is_a_reply_of_its_own() -> None:
    out, closed, error = events(Fault(Kind.MISSING, "model"))
    assert (out, closed) == ([], ["made"])
    assert isinstance(error, Fault)


def test_a_fault_in_the_middle_is_the_last_event() -> None:
    assert events(b"1", Fault(Kind.UNAVAILABLE, "answer")) == ([b"data: 1\n\n", b"refused answer"], ["made"], None)


def test_our_mistake_in_the_middle_is_told_and_raised() -> None:
    out, closed, error = events(b"1", ZeroDivisionError())
    assert (out, closed) == ([b"data: 1\n\n", b"refused server"], ["made"])
    assert isinstance(error, ZeroDivisionError)


def test_who_stops_reading_closes_the_source() -> None:
    closed: list[str] = []

    async def made() -> AsyncGenerator[bytes, None]:
        try:
            while True:
                yield b"x"
        finally:
            closed.append("made")

    async def run() -> None:
        chunks = sse.Events(made(), lambda fault: b"").chunks()
        await anext(chunks)
        await chunks.aclose()  # type: ignore[attr-defined]
        assert closed == ["made"]

    asyncio.run(run())


def test_words_name_facts_and_hide_what_is_ours() -> None:
    own = {(Kind.MISSING, "model"): words.Word(404, "No {model}, {other}")}
    assert words.said(Fault(Kind.MISSING, "model", model="qwen"), own).text == "No qwen, ?"
    assert words.said(Fault(Kind.INTERNAL, "blob", "secret"), {}) == words.WORDS[Kind.INTERNAL, "server"]
    assert words.said(Fault(Kind.INVALID, "argument", "better"), {}).text == "better"
    assert words.said(Fault(Kind.MISSING, "key", "secret"), {}).text == words.WORDS[Kind.MISSING, "key"].text


@pytest.mark.parametrize(("seconds", "said"), [(0, "1"), (0.2, "1"), (1.0, "1"), (1.01, "2"), (60, "60")])
def test_retry_after_is_whole_seconds_rounded_up(seconds: float, said: str) -> None:
    assert words.retry_headers(Fault(Kind.UNAVAILABLE, "model", retry_after_s=seconds)) == [("retry-after", said)]
    assert words.retry_headers(Fault(Kind.UNAVAILABLE, "model")) == []
