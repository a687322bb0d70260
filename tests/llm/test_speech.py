"""Messages come apart the same way however they are cut, and nothing that was said is lost."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.llm.speech import Event, Speech

HERMES = (
    "<think>\nLet me </thin k… see.\n</think>\n\nSure: <tool_call>\n"
    '{"name": "weather", "arguments": {"city": "Köln \\"}{\\"", "days": [1, 2]}}\n</tool_call>\n<tool_call>\n'
    '{"arguments": {"q": {}}, "name": "search"}\n</tool_call>\nbye'
)
LLAMA = '{"name": "f", "parameters": {"x": 1.5}}; {"name": "g", "parameters": {}}'


def hear(pieces, style="hermes", **options) -> list[Event]:
    """The events, with neighbours of one kind joined."""
    speech = Speech(style, **options)
    out: list[Event] = []
    for event in [event for piece in pieces for event in speech.add(piece)] + speech.end():
        last = out[-1] if out else None
        if last and (last.kind, last.index) == (event.kind, event.index) and event.kind != "call":
            out[-1] = Event(event.kind, last.text + event.text, event.index)
        else:
            out.append(event)
    return out


def cut(text: str, places: list[int]) -> list[str]:
    ends = sorted({place % (len(text) + 1) for place in places} | {len(text)})
    return [text[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def test_hermes():
    events = hear([HERMES])
    assert [(event.kind, event.index, event.name) for event in events] == [
        ("reasoning", -1, ""),
        ("text", -1, ""),
        ("call", 0, "weather"),
        ("arguments", 0, ""),
        ("call", 1, "search"),
        ("arguments", 1, ""),
        ("text", -1, ""),
    ]
    assert events[0].text == "Let me </thin k… see."
    assert json.loads(events[3].text) == {"city": 'Köln "}{"', "days": [1, 2]}
    assert json.loads(events[5].text) == {"q": {}}
    assert (events[1].text, events[6].text) == ("Sure: ", "bye")


@pytest.mark.parametrize("text", [LLAMA, "<|python_tag|>" + LLAMA, "\n" + LLAMA])
def test_llama(text):
    events = hear([text], "llama")
    assert [(event.kind, event.name, event.text) for event in events] == [
        ("call", "f", ""),
        ("arguments", "", '{"x": 1.5}'),
        ("call", "g", ""),
        ("arguments", "", "{}"),
    ]


def test_thinking_that_the_prompt_began():
    events = hear(["\nso\n</think>\n\n4"], thinking=True)
    assert [(event.kind, event.text) for event in events] == [("reasoning", "so"), ("text", "4")]
    assert [event.kind for event in hear(["never closed"], thinking=True)] == ["reasoning"]


@pytest.mark.parametrize(
    ("style", "text"),
    [
        ("hermes", "plain < text <tool"),
        ("hermes", "a <tool_call>\nnot json</tool_call> b"),
        ("hermes", "a <tool_call>"),
        ("hermes", '<tool_call>{"arguments": {}}</tool_call>'),
        ("llama", '{"hello": 1} is JSON'),
        ("llama", "{ not JSON"),
        ("llama", "text first {"),
        ("plain", "<tool_call>{}</tool_call>"),
        ("hermes", "<thi"),
    ],
)
def test_what_is_no_call_is_text(style, text):
    assert hear([text], style) == [Event("text", text)]


def test_a_call_that_breaks_off_is_told():
    events = hear(['<tool_call>{"name": "f", "arguments": {oops}}</tool_call> b'])
    assert [event.kind for event in events] == ["call", "arguments", "invalid", "text"]
    assert events[2].text == '{"name": "f", "arguments": {oops}}'
    assert [event.kind for event in hear(['<tool_call>{"name": "f", "argu'])] == ["call", "invalid"]


SAID = st.lists(
    st.sampled_from(
        [
            "<think>",
            "</think>",
            "<tool_call>",
            "</tool_call>",
            "\n",
            " ",
            '{"name": "f", "arguments": {"a": "}"}}',
            '{"name": 1}',
            "{",
            '"',
            ";",
            "<",
            "x",
            LLAMA,
        ]
    ),
    max_size=8,
).map("".join)


@given(st.sampled_from([HERMES, LLAMA]) | SAID, st.lists(st.integers(0, 1000), max_size=12), st.booleans())
def test_cuts_do_not_matter(text, places, thinking):
    for style in ("hermes", "llama"):
        whole = hear([text], style, thinking=thinking)
        assert hear(cut(text, places), style, thinking=thinking) == whole
        assert hear(list(text), style, thinking=thinking) == whole
