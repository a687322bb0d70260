"""`python -m sampan.cli.saying`: the table in docs/models.md of what each door to models can say, and how.

Nothing of it is claimed: each cell is a request that its door has read into just what the row says. A development
tool, not a command of the program: it writes into a clone.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sampan import app
from sampan.config import Config
from sampan.gateway.contract import Dialect
from sampan.gateway.http import Request
from sampan.kernel.caller import ApiKey, Caller, Key
from sampan.kernel.fault import Fault
from sampan.services.inference.model import Ask, Generate, Medium, ShapeKind, Tooling

PAGE = Path("docs/models.md")
_PLACE = re.compile(r"(<!-- made: saying -->\n).*?(<!-- end -->)", re.DOTALL)
_SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}
_USER = {"role": "user", "content": "Hi"}
_PIXEL = "AAEC"
Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Door:
    """One way in. `body` is its least question, `extra` where fields go that its vendor has no place for."""

    title: str
    dialect: str
    path: str
    body: Body
    headers: Mapping[str, str] = field(default_factory=dict)


OPENAI = Door("OpenAI chat", "open/openai", "/v1/chat/completions", {"model": "m", "messages": [_USER]})
DASHSCOPE = Door(
    "DashScope",
    "aliyun/dashscope",
    "/api/v1/services/aigc/text-generation/generation",
    {"model": "m", "input": {"messages": [_USER]}, "parameters": {}},
)
ANTHROPIC = Door(
    "Anthropic",
    "open/anthropic",
    "/v1/messages",
    {"model": "m", "max_tokens": 4096, "messages": [_USER]},
    {"anthropic-version": "2023-06-01"},
)
BEDROCK = Door(
    "Bedrock Converse",
    "aws/bedrock-runtime",
    "/model/m/converse",
    {"messages": [{"role": "user", "content": [{"text": "Hi"}]}], "inferenceConfig": {}},
)
DOORS = (OPENAI, DASHSCOPE, ANTHROPIC, BEDROCK)
_TOOLS: Mapping[str, Body] = {
    OPENAI.title: {"tools": [{"type": "function", "function": {"name": "t", "parameters": _SCHEMA}}]},
    DASHSCOPE.title: {"parameters": {"tools": [{"type": "function", "function": {"name": "t"}}]}},
    ANTHROPIC.title: {"tools": [{"name": "t", "input_schema": _SCHEMA}]},
    BEDROCK.title: {"toolConfig": {"tools": [{"toolSpec": {"name": "t", "inputSchema": {"json": _SCHEMA}}}]}},
}


@dataclass(frozen=True, slots=True)
class Row:
    """Something that can be asked. `ways` are the fields that ask for it, by door; `holds` says that it was understood.
    `label` stands in a cell instead of the field's name; `tools`: it is asked beside tools."""

    what: str
    holds: Callable[[Ask], bool]
    ways: Mapping[str, Body]
    label: str = ""
    tools: bool = False


def _row(
    what: str,
    holds: Callable[[Ask], bool],
    openai: Body | None = None,
    dashscope: Body | None = None,
    anthropic: Body | None = None,
    bedrock: Body | None = None,
    **more: Any,
) -> Row:
    """A Row; DashScope's fields are those below `parameters`, unless they say `input`."""
    if dashscope is not None and "input" not in dashscope:
        dashscope = {"parameters": dashscope}
    given = zip(DOORS, (openai, dashscope, anthropic, bedrock), strict=True)
    return Row(what, holds, {door.title: body for door, body in given if body is not None}, **more)


def _extra(**fields: Any) -> Body:
    return {"additionalModelRequestFields": fields}


def _config(**fields: Any) -> Body:
    return {"inferenceConfig": fields}


_CALL = {"type": "function", "function": {"name": "t"}}
ROWS = (
    _row("longest answer", lambda ask: ask.sampling.tokens_max == 9, {"max_completion_tokens": 9}, {"max_tokens": 9},
         {"max_tokens": 9}, _config(maxTokens=9)),
    _row("temperature", lambda ask: ask.sampling.temperature == 0.5, {"temperature": 0.5}, {"temperature": 0.5},
         {"temperature": 0.5}, _config(temperature=0.5)),
    _row("top p", lambda ask: ask.sampling.top_p == 0.5, {"top_p": 0.5}, {"top_p": 0.5}, {"top_p": 0.5},
         _config(topP=0.5)),
    _row("top k", lambda ask: ask.sampling.top_k == 5, {"top_k": 5}, {"top_k": 5}, {"top_k": 5}, _extra(top_k=5)),
    _row("min p", lambda ask: ask.sampling.min_p == 0.5, {"min_p": 0.5}, {"min_p": 0.5}, None, _extra(min_p=0.5)),
    _row("seed", lambda ask: ask.sampling.seed == 7, {"seed": 7}, {"seed": 7}, {"seed": 7}, _extra(seed=7)),
    _row("stop strings", lambda ask: ask.sampling.stop == ("x",), {"stop": ["x"]}, {"stop": ["x"]},
         {"stop_sequences": ["x"]}, _config(stopSequences=["x"])),
    _row("stop tokens", lambda ask: ask.sampling.stop_tokens == (5,), {"stop_token_ids": [5]}, {"stop": [[5]]}),
    _row("repetition penalty", lambda ask: ask.sampling.repetition_penalty == 1.1, {"repetition_penalty": 1.1},
         {"repetition_penalty": 1.1}, None, _extra(repetition_penalty=1.1)),
    _row("presence penalty", lambda ask: ask.sampling.presence_penalty == 0.5, {"presence_penalty": 0.5},
         {"presence_penalty": 0.5}, None, _extra(presence_penalty=0.5)),
    _row("frequency penalty", lambda ask: ask.sampling.frequency_penalty == 0.5, {"frequency_penalty": 0.5},
         {"frequency_penalty": 0.5}, None, _extra(frequency_penalty=0.5)),
    _row("biases of tokens", lambda ask: ask.sampling.logit_bias == {5: 1.0}, {"logit_bias": {"5": 1}}),
    _row("several answers", lambda ask: ask.sampling.n == 2, {"n": 2}, {"n": 2}),
    _row("log probabilities", lambda ask: ask.sampling.logprobs == 2, {"logprobs": True, "top_logprobs": 2},
         {"logprobs": True, "top_logprobs": 2}),
    _row("tools", lambda ask: [tool.name for tool in ask.tools] == ["t"], {}, {}, {}, {}, label="yes", tools=True),
    _row("one tool must be called", lambda ask: ask.forced == "t", {"tool_choice": _CALL}, {"tool_choice": _CALL},
         {"tool_choice": {"type": "tool", "name": "t"}}, {"toolConfig": {"toolChoice": {"tool": {"name": "t"}}}},
         tools=True),
    _row("some tool must be called", lambda ask: ask.tooling is Tooling.REQUIRED, {"tool_choice": "required"},
         {"tool_choice": "required"}, {"tool_choice": {"type": "any"}}, {"toolConfig": {"toolChoice": {"any": {}}}},
         tools=True),
    _row("one call at a time", lambda ask: not ask.parallel_calls, {"parallel_tool_calls": False},
         {"parallel_tool_calls": False}, {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
         tools=True),
    _row("any JSON", lambda ask: ask.shape is not None and ask.shape.kind is ShapeKind.JSON,
         {"response_format": {"type": "json_object"}}, {"response_format": {"type": "json_object"}}),
    _row("JSON of a schema", lambda ask: ask.shape is not None and ask.shape.kind is ShapeKind.SCHEMA,
         {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": _SCHEMA}}},
         {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": _SCHEMA}}},
         {"output_config": {"format": {"type": "json_schema", "schema": _SCHEMA}}}),
    _row("a regular expression", lambda ask: ask.shape is not None and ask.shape.kind is ShapeKind.REGEX,
         {"structured_outputs": {"regex": "a+"}}),
    _row("one of some texts", lambda ask: ask.shape is not None and ask.shape.kind is ShapeKind.CHOICE,
         {"structured_outputs": {"choice": ["a", "b"]}}),
    _row("a grammar", lambda ask: ask.shape is not None and ask.shape.kind is ShapeKind.GRAMMAR,
         {"structured_outputs": {"grammar": 'start: "a"'}}),
    _row("think, or do not", lambda ask: ask.thinking is True, {"enable_thinking": True}, {"enable_thinking": True},
         {"thinking": {"type": "adaptive"}}, _extra(enable_thinking=True)),
    _row("think for so long", lambda ask: ask.thinking_tokens_max == 2000, {"thinking_budget": 2000},
         {"thinking_budget": 2000}, {"thinking": {"type": "enabled", "budget_tokens": 2000}},
         _extra(thinking_budget=2000)),
    _row("go on with these words", lambda ask: ask.continues,
         {"messages": [_USER, {"role": "assistant", "content": "I", "prefix": True}]},
         {"input": {"messages": [_USER, {"role": "assistant", "content": "I", "partial": True}]}},
         {"messages": [_USER, {"role": "assistant", "content": "I"}]},
         {"messages": [{"role": "user", "content": [{"text": "Hi"}]},
                       {"role": "assistant", "content": [{"text": "I"}]}]},
         label="an assistant's last message"),
    _row("pictures, for models that see", lambda ask: ask.messages[0].parts[0].medium is Medium.IMAGE,
         {"messages": [{"role": "user", "content": [
             {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{_PIXEL}"}}]}]},
         {"input": {"messages": [{"role": "user", "content": [{"image": f"data:image/png;base64,{_PIXEL}"}]}]}},
         {"messages": [{"role": "user", "content": [
             {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": _PIXEL}}]}]},
         {"messages": [{"role": "user", "content": [
             {"image": {"format": "png", "source": {"bytes": _PIXEL}}}]}]},
         label="yes"),
)  # fmt: skip


def page(text: str) -> str:
    """The page with its table made anew."""
    table = _table()
    return _PLACE.sub(lambda found: found[1] + table + found[2], text)


def understood(door: Door, row: Row) -> bool:
    """Whether the door reads the row's fields as what the row says."""
    body = dict(door.body)
    for part in (*([_TOOLS[door.title]] if row.tools else ()), row.ways[door.title]):
        body = _merged(body, part)
    try:
        command = _bound(door, json.dumps(body).encode())
    except Fault:
        return False
    return isinstance(command, Generate) and row.holds(command.ask)


def _table() -> str:
    heads = [door.title for door in DOORS]
    lines = [f"| | {' | '.join(heads)} |\n", f"|---|{'---|' * len(heads)}\n"]
    for row in ROWS:
        cells = [_cell(door, row) for door in DOORS]
        lines.append(f"| {row.what} | {' | '.join(cells)} |\n")
    return "\n" + "".join(lines) + "\n"


def _cell(door: Door, row: Row) -> str:
    if door.title not in row.ways:
        return "–"
    assert understood(door, row), f"{door.title} does not understand {row.what}"
    return row.label or ", ".join(f"`{name}`" for name in _names(row.ways[door.title]))


def _names(body: Body) -> list[str]:
    """The fields of a part of a body, with those of the vendor's own containers by what is in them."""
    found: list[str] = []
    for name, value in body.items():
        if name in ("parameters", "inferenceConfig", "additionalModelRequestFields", "toolConfig"):
            found += _names(value) if name == "parameters" else [f"{name}.{inner}" for inner in _names(value)]
        elif name in ("structured_outputs", "output_config"):
            found += [f"{name}.{inner}" for inner in value]
        else:
            found.append(name)
    return found


def _merged(one: Body, other: Body) -> dict[str, Any]:
    both = dict(one)
    for name, value in other.items():
        inner = both.get(name)
        both[name] = _merged(inner, value) if isinstance(inner, Mapping) and isinstance(value, Mapping) else value
    return both


class _Anybody:
    """A keyring that knows every key."""

    def find(self, key_id: str) -> Key | None:
        return None

    def bearer(self, token: str) -> ApiKey | None:
        return ApiKey("K", Caller("000000000000", "root", "K"))


def _bound(door: Door, document: bytes) -> object:
    """The command that a door makes of a request. Raises Fault."""
    dialect: Dialect = next(one for one in app.dialects(Config()) if one.name == door.dialect)
    headers = {"authorization": "Bearer sk-x", "content-type": "application/json", **door.headers}
    exchange = dialect.open(Request("POST", door.path.encode(), b"", headers), "0" * 24, _Anybody(), 0)
    operation = exchange.operation
    assert operation is not None
    assert operation.bind is not None
    return operation.bind(exchange, document)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
    sys.stdout.write(f"{PAGE} is up to date\n")
