"""What a model says, taken apart while it is being said: reasoning, plain text and tool calls.

Two families of tool calls are read: Hermes style, `<tool_call>{"name": …, "arguments": {…}}</tool_call>` (Qwen), and
Llama 3's, where the whole message is `{"name": …, "parameters": {…}}`, several divided by semicolons. Names and
arguments come out as they grow.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from sampan.llm.text import overlap

THINK, END_THINK = "<think>", "</think>"
CALL, END_CALL = "<tool_call>", "</tool_call>"
PYTHON_TAG = "<|python_tag|>"


@dataclass(frozen=True, slots=True)
class Event:
    """A piece of the message. `kind` is text, reasoning, call (a tool's `name` is known), arguments (a piece of their
    JSON text) or invalid (call `index` cannot be read; `text` is all of it)."""

    kind: str
    text: str = ""
    index: int = -1
    name: str = ""


class Speech:
    """Takes the text of one message piece by piece. Nothing is lost: what turns out not to be a call is text."""

    def __init__(self, style: str = "hermes", *, thinking: bool = False) -> None:
        """`style` is hermes, llama or plain (no calls). `thinking`: the prompt has opened the reasoning already."""
        if style not in ("hermes", "llama", "plain"):
            raise ValueError(f"unknown style {style!r}")
        self._style = style
        self._state = "reasoning" if thinking else "start"
        self._kept = ""
        self._index = -1
        self._call: _Call | None = None
        self._swallow = thinking

    @property
    def reasoning(self) -> bool:
        """Whether it is just thinking."""
        return self._state == "reasoning"

    def add(self, text: str) -> list[Event]:
        """What is known now."""
        self._kept += text
        return self._merged(final=False)

    def end(self) -> list[Event]:
        """What was kept back, when no more comes."""
        return self._merged(final=True)

    def _merged(self, final: bool) -> list[Event]:
        out: list[Event] = []
        for event in self._read(final):
            last = out[-1] if out else None
            if last and event.kind in ("text", "reasoning", "arguments") and last.kind == event.kind:
                out[-1] = Event(event.kind, last.text + event.text, event.index)
            else:
                out.append(event)
        return out

    def _read(self, final: bool) -> list[Event]:
        out: list[Event] = []
        while True:
            if self._swallow:  # newlines after a closing mark belong to nobody
                self._kept = self._kept.lstrip("\n")
                if not self._kept and not final:
                    return out
                self._swallow = False
            state, before = self._state, self._kept
            if state == "start":
                out += self._start(final)
            elif state == "reasoning":
                out += self._until(END_THINK, "reasoning", "start", final)
            elif state == "text":
                opens = CALL if self._style == "hermes" else ""
                out += self._until(opens, "text", "call", final)
            else:
                out += self._in_call(final)
            if (self._state, self._kept) == (state, before):
                return out

    def _start(self, final: bool) -> list[Event]:
        """The first characters decide: reasoning, a call in Llama's style, or text."""
        trimmed = self._kept.lstrip()
        if trimmed.startswith(THINK):
            self._kept, self._state, self._swallow = trimmed[len(THINK) :], "reasoning", True
        elif self._style == "llama" and trimmed.startswith(PYTHON_TAG):
            self._kept = trimmed[len(PYTHON_TAG) :]
        elif self._style == "llama" and trimmed.startswith("{"):
            self._kept, self._state = trimmed, "call"
        elif final or (trimmed and not any(mark.startswith(trimmed) for mark in (THINK, PYTHON_TAG))):
            self._state = "text"
        return []

    def _until(self, mark: str, kind: str, then: str, final: bool) -> list[Event]:
        """Text up to a mark, of which a part may be at the end."""
        at = self._kept.find(mark) if mark else -1
        if at >= 0:
            text, self._kept, self._state = self._kept[:at], self._kept[at + len(mark) :], then
        else:
            cut = len(self._kept) - (0 if final or not mark else overlap(self._kept, mark))
            if kind == "reasoning" and not final:
                cut = len(self._kept[:cut].rstrip("\n"))
            text, self._kept = self._kept[:cut], self._kept[cut:]
        if kind == "reasoning" and at >= 0:
            text, self._swallow = text.rstrip("\n"), True
        return [Event(kind, text)] if text else []

    def _in_call(self, final: bool) -> list[Event]:
        if self._call is None:
            self._index += 1
            self._call = _Call(self._index)
        call = self._call
        fed, self._kept = self._kept, ""
        out, rest = call.feed(fed)
        if call.state == "done":
            return out + self._after_call(rest, final)
        if call.state == "broken" or final:
            return out + self._broken(call, final)
        return out

    def _after_call(self, rest: str, final: bool) -> list[Event]:
        """Past a whole call: its closing mark, or the semicolon before the next."""
        trimmed = rest.lstrip()
        if self._style == "hermes":
            if trimmed.startswith(END_CALL):
                self._call, self._state, self._kept = None, "text", trimmed[len(END_CALL) :]
                self._swallow = True
            elif END_CALL.startswith(trimmed) and not final:
                self._kept = rest
            else:
                self._call, self._state, self._kept = None, "text", rest
        elif trimmed.startswith(";"):
            self._call, self._kept = None, trimmed[1:].lstrip()
            self._state = "call" if self._kept else "start"
        elif trimmed or final:
            self._call, self._state, self._kept = None, "text", trimmed
        else:
            self._kept = rest
        return []

    def _broken(self, call: _Call, final: bool) -> list[Event]:
        raw = call.raw
        if self._style == "hermes" and not final:  # its end is known by the mark, whatever is inside
            at = raw.find(END_CALL)
            if at < 0:
                return []
            raw, self._kept, self._swallow = raw[:at], raw[at + len(END_CALL) :], call.named
        self._call, self._state = None, "text"
        if call.named:
            return [Event("invalid", raw, call.index)]
        self._index -= 1
        marks = (CALL, END_CALL) if self._style == "hermes" and not final else (CALL, "")
        text = marks[0] + raw + marks[1] if self._style == "hermes" else raw
        return [Event("text", text)] if text else []


class _Call:
    """Reads one JSON object with a name and arguments, character by character."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.raw = ""
        self.named = False
        self.state = "before"  # before | key | colon | value | comma | done | broken
        self._token = ""  # the key or value so far
        self._key = ""
        self._depth = 0
        self._quoted = self._escaped = False
        self._early = ""  # arguments that came before the name
        self._calls: list[Event] = []

    def feed(self, text: str) -> tuple[list[Event], str]:
        """What became known, and what lies behind the object's end."""
        self._calls = []
        if self.state == "done":
            return [], text
        for i, character in enumerate(text):
            self.raw += character
            if self.state != "broken":
                self._step(character)
            if self.state == "done":
                if not self.named:
                    self.state = "broken"
                    self.raw += text[i + 1 :]
                    return self._calls, ""
                return self._calls, text[i + 1 :]
        return self._calls, ""

    def _step(self, character: str) -> None:
        if self.state == "value":
            self._value(character)
        elif self.state == "key" and self._token:
            self._token += character
            if character == '"' and not self._escaped:
                self._key, self._token, self.state = self._token[1:-1], "", "colon"
            self._escaped = character == "\\" and not self._escaped
        elif character.isspace():
            return
        elif self.state == "before" and character == "{":
            self.state = "key"
        elif self.state == "key" and character == '"':
            self._token = character
        elif self.state == "colon" and character == ":":
            self.state, self._token, self._depth = "value", "", 0
        elif self.state == "comma" and character in ",}":
            self.state = "key" if character == "," else "done"
        else:
            self.state = "broken"

    def _value(self, character: str) -> None:
        if not self._token and character.isspace():
            return
        if self._quoted:
            self._quoted = character != '"' or self._escaped
            self._escaped = character == "\\" and not self._escaped
            self._grow(character)
            if not self._quoted and self._depth == 0:
                self._ended("comma")
        elif (self._depth == 0 and self._token and character in ",}") or (self._depth == 0 and character == "]"):
            self._ended("key" if character == "," else "done")
        else:
            self._quoted = character == '"'
            self._depth += (character in "{[") - (character in "}]")
            self._grow(character)
            if self._depth == 0 and character in "}]":
                self._ended("comma")

    def _grow(self, character: str) -> None:
        self._token += character
        if self._key in ("arguments", "parameters"):
            if self.named:
                self._calls.append(Event("arguments", character, self.index))
            else:
                self._early += character

    def _ended(self, state: str) -> None:
        try:
            value = json.loads(self._token)
        except ValueError:
            self.state = "broken"
            return
        self.state = state
        if self._key == "name":
            if not isinstance(value, str) or self.named:
                self.state = "broken"
                return
            self.named = True
            self._calls.append(Event("call", "", self.index, value))
            if self._early:
                self._calls.append(Event("arguments", self._early, self.index))
        self._token = ""
