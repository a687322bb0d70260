"""The grammar that an answer must keep to: a shape that was asked for, tools that must be called, or both.

Grammars are llguidance's, several that refer to each other by name, so that each JSON Schema keeps a root of its own
(https://github.com/guidance-ai/llguidance/blob/main/docs/syntax.md).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from sampan.llm.errors import RequestError
from sampan.llm.speech import CALL, END_CALL, END_THINK, THINK
from sampan.llm.structured import GRAMMAR_CHARACTERS_MAX, Grammar
from sampan.llm.values import Ask, Shape, Tool

CHOICES_MAX = 10_000
# White space as printers of JSON write it: a weak model cannot lose itself in it.
_SPACE = {"whitespace_pattern": r" ?|\n {0,20}"}
# Calls are written as Python's json does, which is what models were shown.
_CALL_SPACE = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}


def grammar(ask: Ask, style: str, known: Callable[[str], bool]) -> Grammar | None:
    """What holds the answer to its shape and to its tools; None if it is free. `style` is how the model calls tools
    (see `speech.Speech`), `known` says whether a text is a token of its own. Raises RequestError."""
    tools = () if ask.tooling == "none" and not ask.forced else ask.tools
    if ask.forced:
        tools = tuple(tool for tool in tools if tool.name == ask.forced)
        if not tools:
            raise RequestError(f"there is no tool {ask.forced!r} to be called", field="forced")
    must = bool(ask.forced) or ask.tooling == "required"
    if must and not tools:
        raise RequestError("a tool must be called, and there is none", field="tools")
    answer = _shape(ask.shape) if ask.shape is not None and not must else None
    if must or (tools and answer is not None):
        return _made(_calls(tools, style, known, ask.parallel_calls, answer), answer, tools)
    if answer is not None:
        return _made("start: @answer", answer, ())
    if style == "hermes" and any(tool.strict for tool in tools):
        return _made(_free(tools, known), None, tools)
    return None


def _made(lark: str, answer: dict[str, Any] | None, tools: Sequence[Tool]) -> Grammar:
    grammars: list[dict[str, Any]] = [{"name": "top", "lark_grammar": lark}]
    if answer is not None:
        grammars.append({"name": "answer", **answer})
    for i, tool in enumerate(tools):
        grammars.append({"name": f"args_{i}", "json_schema": _object(tool) | {"x-guidance": _CALL_SPACE}})
    source = json.dumps({"grammars": grammars})
    if len(source) > GRAMMAR_CHARACTERS_MAX:
        raise RequestError(f"shape and tools have more than {GRAMMAR_CHARACTERS_MAX} characters", field="shape")
    return Grammar(source)


def _object(tool: Tool) -> dict[str, Any]:
    return {"type": "object"} | dict(tool.schema)


def _calls(
    tools: Sequence[Tool], style: str, known: Callable[[str], bool], parallel: bool, answer: dict[str, Any] | None
) -> str:
    """One call or, if `parallel`, several; or else the answer, if there may be one."""
    divider = '"; "' if style == "llama" else '"\\n"'
    more = f" ({divider} call)*" if parallel else ""
    other = "\n  | @answer" if answer is not None else ""
    return f"start: calls{other}\ncalls: call{more}\n{_call(tools, style, known)}"


def _free(tools: Sequence[Tool], known: Callable[[str], bool]) -> str:
    """Any text, in which every call is right. Marks that are tokens of their own are no text, so reasoning is named."""
    thought = f"({THINK} TEXT {END_THINK})? " if known(THINK) and known(END_THINK) else ""
    return f"start: {thought}(TEXT call)* TEXT\nTEXT: /(.|\\n)*/\n{_call(tools, 'hermes', known)}"


def _call(tools: Sequence[Tool], style: str, known: Callable[[str], bool]) -> str:
    word = "parameters" if style == "llama" else "arguments"
    names = " | ".join(f"tool_{i}" for i in range(len(tools)))
    before, after = ("", "") if style == "llama" else (f'{_mark(CALL, known)} "\\n"', f'"\\n" {_mark(END_CALL, known)}')
    lines = [f"call: {before} ({names}) {after}"]
    for i, tool in enumerate(tools):
        opening = f'{{"name": {json.dumps(tool.name, ensure_ascii=False)}, "{word}": '
        lines.append(f'tool_{i}: {json.dumps(opening, ensure_ascii=False)} @args_{i} "}}"')
    return "\n".join(lines)


def _mark(mark: str, known: Callable[[str], bool]) -> str:
    """A mark is written bare where it is a token of its own."""
    return mark if known(mark) else json.dumps(mark)


def _shape(shape: Shape) -> dict[str, Any]:
    if shape.kind == "json":
        return {"json_schema": {"type": "object", "x-guidance": _SPACE}}
    if shape.kind == "schema":
        schema = _json(shape.source)
        if isinstance(schema, bool):
            schema = {} if schema else {"not": {}}
        if not isinstance(schema, dict):
            raise RequestError("a JSON Schema must be an object", field="shape")
        return {"json_schema": schema | {"x-guidance": _SPACE}}
    if shape.kind == "choice":
        return {"lark_grammar": "start: " + " | ".join(json.dumps(one) for one in _choices(shape.source))}
    if shape.kind == "regex":
        return {"lark_grammar": f"start: /{_unslashed(shape.source)}/"}
    return {"lark_grammar": shape.source}


def _choices(source: str) -> list[str]:
    found = _json(source)
    if not isinstance(found, list) or not 0 < len(found) <= CHOICES_MAX:
        raise RequestError(f"a choice needs 1 to {CHOICES_MAX} texts", field="shape")
    if not all(isinstance(one, str) and one for one in found):
        raise RequestError("each choice must be a text", field="shape")
    return found


def _unslashed(pattern: str) -> str:
    """A pattern that may stand between slashes."""
    out, escaped = [], False
    for character in pattern:
        out.append("\\/" if character == "/" and not escaped else "\\n" if character == "\n" else character)
        escaped = character == "\\" and not escaped
    return "".join(out)


def _json(source: str) -> Any:
    try:
        return json.loads(source)
    except (ValueError, RecursionError) as error:
        raise RequestError(f"the shape is not valid JSON: {error}", field="shape") from error
