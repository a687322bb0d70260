"""What is asked of a model and what it says, in the words of OpenAI's API as most servers of models speak it.

Sources: OpenAI's API reference; vLLM's page on its OpenAI-compatible server for what goes beyond it, which is sent only
where it was asked for, since some servers refuse what they do not know.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec
from msgspec import Struct

from sampan.kernel.asking import (
    Ask,
    Finish,
    Logprob,
    Medium,
    Message,
    Part,
    Piece,
    Role,
    Say,
    Shape,
    ShapeKind,
    Tool,
    Usage,
)
from sampan.kernel.fault import Fault, Kind

_FINISHES = {
    "stop": Finish.STOP,
    "length": Finish.LENGTH,
    "tool_calls": Finish.CALLS,
    "function_call": Finish.CALLS,
    "content_filter": Finish.STOP,
}
_SAME = (
    *("temperature", "top_p", "frequency_penalty", "presence_penalty", "seed", "best_of"),
    *("top_k", "min_p", "typical_p", "repetition_penalty", "length_penalty", "prompt_logprobs"),
)

# --- what is asked ----------------------------------------------------------------------------------------------------


def question(model: str, ask: Ask) -> tuple[str, dict[str, Any]]:
    """The path and the document for a question, streamed. Raises Fault(INVALID, "request")."""
    document: dict[str, Any] = {"model": model, "stream": True, "stream_options": {"include_usage": True}}
    document |= _sampling(ask)
    if ask.shape is not None:
        document |= _shape(ask.shape)
    if ask.priority:
        document["priority"] = -ask.priority  # vLLM's lower numbers go first
    if ask.prompt is not None:
        return "/completions", document | _plain(ask)
    return "/chat/completions", document | _chat(ask)


def _sampling(ask: Ask) -> dict[str, Any]:
    given = ask.sampling
    out = {name: value for name in _SAME if (value := getattr(given, name)) is not None}
    others: dict[str, Any] = {
        "logit_bias": {str(token): bias for token, bias in given.logit_bias.items()},
        "min_tokens": given.tokens_min,
        "stop": list(given.stop),
        "stop_token_ids": list(given.stop_tokens),
        "ignore_eos": given.ignore_end,
        "n": given.n if given.n > 1 else None,
        "use_beam_search": bool(given.beams),
    }
    return out | {name: value for name, value in others.items() if value}


def _shape(shape: Shape) -> dict[str, Any]:
    if shape.kind is ShapeKind.JSON:
        return {"response_format": {"type": "json_object"}}
    if shape.kind is ShapeKind.SCHEMA:
        schema = {"name": "answer", "schema": json.loads(shape.source), "strict": True}
        return {"response_format": {"type": "json_schema", "json_schema": schema}}
    if shape.kind is ShapeKind.CHOICE:
        return {"structured_outputs": {"choice": json.loads(shape.source)}}
    return {"structured_outputs": {shape.kind.value: shape.source}}


def _plain(ask: Ask) -> dict[str, Any]:
    prompt = ask.prompt if isinstance(ask.prompt, str) else list(ask.prompt or ())
    out: dict[str, Any] = {"prompt": prompt}
    # Where nothing is said OpenAI's default is 16, and the port's is what there is room for.
    out["max_tokens"] = ask.sampling.tokens_max if ask.sampling.tokens_max is not None else 1 << 16
    if ask.sampling.logprobs is not None:
        out["logprobs"] = ask.sampling.logprobs
    if ask.echo:
        out["echo"] = True
    return out


def _chat(ask: Ask) -> dict[str, Any]:
    out: dict[str, Any] = {"messages": [_message(one) for one in ask.messages]}
    if ask.sampling.tokens_max is not None:
        out["max_completion_tokens"] = ask.sampling.tokens_max
    if ask.sampling.logprobs is not None:
        out |= {"logprobs": True, "top_logprobs": ask.sampling.logprobs}
    if ask.tools:
        out |= {"tools": [_tool(one) for one in ask.tools], "tool_choice": ask.tooling.value}
        if ask.forced:
            out["tool_choice"] = {"type": "function", "function": {"name": ask.forced}}
        if not ask.parallel_calls:
            out["parallel_tool_calls"] = False
    template = dict(ask.template)
    if ask.thinking is not None:
        template["enable_thinking"] = ask.thinking
    if template:
        out["chat_template_kwargs"] = template
    if ask.thinking_tokens_max is not None:
        out["thinking_token_budget"] = ask.thinking_tokens_max
    if ask.continues:
        out |= {"continue_final_message": True, "add_generation_prompt": False}
    return out


def _tool(tool: Tool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name, "parameters": dict(tool.schema)}
    if tool.description:
        function["description"] = tool.description
    if tool.strict:
        function["strict"] = True
    return {"type": "function", "function": function}


def _message(message: Message) -> dict[str, Any]:
    out: dict[str, Any] = {"role": message.role.value}
    if all(part.medium is Medium.TEXT for part in message.parts):
        out["content"] = message.text if message.parts or not message.calls else None
    else:
        out["content"] = [_part(part) for part in message.parts]
    if message.reasoning:
        out["reasoning_content"] = message.reasoning
    if message.calls:
        out["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.calls
        ]
    if message.role is Role.TOOL:
        out["tool_call_id"] = message.call_id
    elif message.name:
        out["name"] = message.name
    return out


def _part(part: Part) -> dict[str, Any]:
    if part.medium is Medium.TEXT:
        return {"type": "text", "text": part.text}
    coded = base64.b64encode(part.data).decode() if part.data else ""
    if part.medium is Medium.IMAGE:
        return {"type": "image_url", "image_url": {"url": part.url or f"data:{part.media_type};base64,{coded}"}}
    if part.medium is Medium.AUDIO and coded:
        return {"type": "input_audio", "input_audio": {"data": coded, "format": part.media_type.partition("/")[2]}}
    raise Fault(Kind.INVALID, "request", f"{part.medium.value} cannot be sent to the upstream", field="messages")


# --- what is said -----------------------------------------------------------------------------------------------------


class _Function(Struct, frozen=True):
    name: str | None = None
    arguments: str | None = None


class _ToolCall(Struct, frozen=True):
    index: int = 0
    id: str | None = None
    function: _Function = _Function()


class _Delta(Struct, frozen=True):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[_ToolCall] | None = None


class _Choice(Struct, frozen=True):
    index: int = 0
    delta: _Delta | None = None
    text: str | None = None
    finish_reason: str | None = None
    stop_reason: str | int | None = None
    logprobs: dict[str, Any] | None = None
    prompt_logprobs: list[dict[str, Any] | None] | None = None


class _Cached(Struct, frozen=True):
    cached_tokens: int | None = None


class _Reasoned(Struct, frozen=True):
    reasoning_tokens: int | None = None


class _Used(Struct, frozen=True):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: _Cached | None = None
    completion_tokens_details: _Reasoned | None = None


class Chunk(Struct, frozen=True):
    """One event of a stream."""

    choices: list[_Choice] = []
    usage: _Used | None = None
    error: Any = None
    prompt_logprobs: list[dict[str, Any] | None] | None = None


CHUNK = msgspec.json.Decoder(Chunk)


class _Total(Struct, frozen=True):
    prompt_tokens: int = 0
    total_tokens: int = 0

    @property
    def tokens(self) -> int:
        return self.prompt_tokens or self.total_tokens


class _Vector(Struct, frozen=True):
    index: int
    embedding: list[float]


class Embeddings(Struct, frozen=True):
    """The reply of /embeddings."""

    data: list[_Vector]
    usage: _Total = _Total()


class _Rank(Struct, frozen=True):
    index: int
    relevance_score: float


class Ranks(Struct, frozen=True):
    """The reply of /rerank: Jina's, as vLLM serves it."""

    results: list[_Rank]
    usage: _Total = _Total()


class Tokenized(Struct, frozen=True):
    """The reply of vLLM's /tokenize."""

    tokens: list[int]
    max_model_len: int = 0
    token_strs: list[str] | None = None


class Detokenized(Struct, frozen=True):
    """The reply of vLLM's /detokenize."""

    prompt: str


class _Listed(Struct, frozen=True):
    id: str
    max_model_len: int | None = None  # vLLM's


class Models(Struct, frozen=True):
    """The reply of /models."""

    data: list[_Listed]


class Answers:
    """Makes pieces of the chunks of one stream. The end of the last answer is kept back until usage is known, which
    comes after everything else."""

    def __init__(self, ask: Ask) -> None:
        self._open = set(range(ask.sampling.n))
        # With `echo` the prompt's chances come in one list with the answer's, and before them.
        self._echoed = len(ask.prompt) if ask.echo and isinstance(ask.prompt, str) else 0
        self._called: set[tuple[int, int]] = set()
        self._usage = Usage()
        self._last: Piece | None = None

    @property
    def complete(self) -> bool:
        """Whether every answer has ended."""
        return not self._open

    def take(self, chunk: Chunk) -> list[Piece]:
        """The pieces of a chunk."""
        if chunk.usage is not None:
            self._usage = _usage(chunk.usage)
        out: list[Piece] = []
        for choice in chunk.choices:
            if choice.index in self._open:
                out += self._pieces(choice, choice.prompt_logprobs or chunk.prompt_logprobs)
        return out

    def end(self, finish: Finish | None = None) -> list[Piece]:
        """What was kept back. Answers that have not ended do so now, for the reason given."""
        ends = [Piece(index, Say.END, finish=finish) for index in sorted(self._open)]
        if self._last is not None:
            ends.append(self._last)
        self._open, self._last = set(), None
        return [replace(piece, usage=self._usage) for piece in ends]

    def _pieces(self, choice: _Choice, of_prompt: Sequence[Mapping[str, Any] | None] | None) -> list[Piece]:
        delta = choice.delta or _Delta(content=choice.text)
        index, usage = choice.index, self._usage
        out: list[Piece] = []
        if thought := delta.reasoning_content or delta.reasoning:
            out.append(Piece(index, Say.REASONING, thought, usage=usage))
        if delta.content:
            out.append(Piece(index, Say.TEXT, delta.content, usage=usage))
        for call in delta.tool_calls or ():
            out += self._call(index, call)
        prompt, answer = self._chances(choice)
        prompt = prompt or _ranked(of_prompt or ())
        if prompt or answer:
            first = out.pop(0) if out else Piece(index, Say.TEXT, usage=usage)
            out.insert(0, replace(first, logprobs=answer, prompt_logprobs=prompt))
        if choice.finish_reason:
            self._open.discard(index)
            stopped_by = choice.stop_reason if isinstance(choice.stop_reason, str) else ""
            finish = _FINISHES.get(choice.finish_reason, Finish.STOP)
            end = Piece(index, Say.END, finish=finish, stopped_by=stopped_by, usage=usage)
            if self._open:
                out.append(end)
            else:
                self._last = end
        return out

    def _call(self, index: int, call: _ToolCall) -> list[Piece]:
        out: list[Piece] = []
        if (index, call.index) not in self._called:
            self._called.add((index, call.index))
            name = call.function.name or ""
            out.append(Piece(index, Say.CALL, call=call.index, name=name, id=call.id or "", usage=self._usage))
        if call.function.arguments:
            out.append(Piece(index, Say.ARGUMENTS, call.function.arguments, call=call.index, usage=self._usage))
        return out

    def _chances(self, choice: _Choice) -> tuple[tuple[Logprob | None, ...], tuple[Logprob, ...]]:
        """Of the prompt, where it is echoed, and of the answer."""
        given = choice.logprobs or {}
        if isinstance(given.get("content"), list):
            return (), tuple(_chance(one) for one in given["content"])
        listed = zip(
            given.get("tokens") or (),
            given.get("token_logprobs") or (),
            given.get("top_logprobs") or (),
            given.get("text_offset") or (),
            strict=False,
        )
        prompt: list[Logprob | None] = []
        answer: list[Logprob] = []
        for text, value, top, offset in listed:
            others = tuple(_told(other, chance) for other, chance in (top or {}).items())
            one = None if value is None else _told(text, value, others)
            if offset < self._echoed:
                prompt.append(one)
            elif one is not None:
                answer.append(one)
        return tuple(prompt), tuple(answer)


def _chance(given: Mapping[str, Any]) -> Logprob:
    others = tuple(_chance(one) for one in given.get("top_logprobs") or ())
    data = given.get("bytes")
    told = _told(str(given["token"]), float(given["logprob"]), others)
    return told if data is None else replace(told, data=bytes(data))


def _told(text: str, value: float, others: tuple[Logprob, ...] = ()) -> Logprob:
    """Upstreams say what a token reads as, and not which it is."""
    return Logprob(-1, text, text.encode(), float(value), others)


def _ranked(given: Sequence[Mapping[str, Any] | None]) -> tuple[Logprob | None, ...]:
    """vLLM's `prompt_logprobs`: for each token the likeliest by token id, itself among them."""
    out: list[Logprob | None] = []
    for one in given:
        if not one:
            out.append(None)
            continue
        found = [
            replace(_told(str(chance.get("decoded_token") or ""), chance["logprob"]), token=int(token))
            for token, chance in one.items()
        ]
        # The prompt's own token has no rank where it is not among the likeliest, and else comes first.
        unranked = [chance for chance, about in zip(found, one.values(), strict=True) if about.get("rank") is None]
        mine = (unranked or found)[0]
        out.append(replace(mine, alternatives=tuple(found)))
    return tuple(out)


def _usage(used: _Used) -> Usage:
    cached = used.prompt_tokens_details.cached_tokens if used.prompt_tokens_details else None
    reasoned = used.completion_tokens_details.reasoning_tokens if used.completion_tokens_details else None
    return Usage(used.prompt_tokens, cached or 0, used.completion_tokens, reasoned or 0)
