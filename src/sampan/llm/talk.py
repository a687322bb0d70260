"""Talking to an engine in messages: a question becomes a prompt and a request, what is generated becomes pieces.

talk = Talk(engine, folder)
for piece in talk.say(Ask(messages=(Message("user", (Part(text="Hello"),)),))):
    print(piece.text, end="")
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from sampan.llm import loader, shapes
from sampan.llm.config import read_json
from sampan.llm.engine import Engine
from sampan.llm.errors import PromptError, RequestError
from sampan.llm.hearing import Hearing
from sampan.llm.request import Request, Sampling, Thinking
from sampan.llm.speech import CALL, END_THINK, PYTHON_TAG, THINK
from sampan.llm.structured import Grammar
from sampan.llm.text import Text
from sampan.llm.values import Ask, Message, Piece, Tokens, Wishes

_CONFIG_BYTES_MAX = 1 << 20
_DEFAULTS = ("temperature", "top_p", "top_k", "min_p", "typical_p", "repetition_penalty")
# What is said for a model whose reasoning has become too long.
_CLOSING = "\n\nI have thought long enough, and answer now.\n</think>\n\n"
_OWN = frozenset(("messages", "tools", "answer", "documents"))  # what the chat template gets from us alone
_MARKER = "\u2060sampan:here\u2060"  # stands where an unfinished message ends


@dataclass(frozen=True, slots=True)
class Prepared:
    """What an engine is to be asked, and who makes pieces of its updates."""

    request: Request
    hearing: Hearing


@dataclass(frozen=True, slots=True)
class _Prompt:
    tokens: tuple[int, ...]
    text: str | None  # None: given as tokens
    chat: bool
    thinks: bool  # it ends within reasoning


class Talk:
    """The message-level front of one engine. Its methods may be called from any thread."""

    def __init__(self, engine: Engine, folder: str | Path) -> None:
        """`folder` is the model's, for its chat template and defaults. Raises ModelError, RequestError without a
        tokenizer."""
        if engine.text is None:
            raise RequestError("this model has no tokenizer.json")
        home = Path(folder) if Path(folder).is_dir() else Path(folder).parent
        self.engine = engine
        self._text: Text = engine.text
        self._template = loader.template(folder)
        source = self._template.source if self._template is not None else ""
        self._style = "llama" if CALL not in source and PYTHON_TAG in source else "hermes"
        self._takes_tools = "tools" in source
        self._defaults = _defaults(home)
        begin, end = self._text.token_id(THINK), self._text.token_id(END_THINK)
        self._marks = (begin, end) if begin is not None and end is not None else None
        self._closing = tuple(self._text.encode(_CLOSING))

    def prepare(self, ask: Ask, *, adapter: str | None = None) -> Prepared:
        """The request for an engine and what hears its answers. Raises RequestError, PromptError."""
        shaped = ask.shape is not None or bool(ask.forced) or ask.tooling == "required"
        if shaped and ask.thinking is None and "enable_thinking" not in ask.template:
            ask = msgspec.structs.replace(ask, thinking=False)
        prompt = self._prompt(ask)
        if len(prompt.tokens) >= self.engine.length_max:
            raise PromptError(len(prompt.tokens), self.engine.length_max - 1)
        held = shapes.grammar(ask, self._style, lambda mark: self._text.token_id(mark) is not None)
        if held is not None:
            self._text.grammars().matcher(held)  # here, where no step waits for it
        if held is not None and prompt.chat and ask.thinking and not prompt.thinks:
            opened = tuple(self._text.encode(f"{THINK}\n"))
            prompt = replace(prompt, tokens=prompt.tokens + opened, thinks=True)
        sampling = self._sampling(ask.sampling, held)
        request = Request(
            prompt.tokens,
            sampling,
            priority=ask.priority,
            deadline_s=ask.deadline_s,
            adapter=adapter,
            tenant=ask.tenant or None,
            thinking=self._thinking(ask, prompt, held),
        )
        hearing = Hearing(
            self._text,
            answers=sampling.n,
            style=self._style if ask.tools and (ask.tooling != "none" or ask.forced) else "plain",
            chat=prompt.chat,
            thinking=prompt.thinks,
            logprobs=sampling.logprobs is not None,
            parallel_calls=ask.parallel_calls,
            echo=self._echo(ask, prompt),
            mute=ask.sampling.tokens_max == 0,
        )
        return Prepared(request, hearing)

    def say(self, ask: Ask, *, adapter: str | None = None) -> Iterator[Piece]:
        """The pieces of the answers, by stepping the engine here and now; for programs that ask one thing at a time.
        Raises RequestError, PromptError, BusyError, AnswerError."""
        prepared = self.prepare(ask, adapter=adapter)
        number = self.engine.add(prepared.request)
        try:
            while not prepared.hearing.done:
                for update in self.engine.step():
                    if update.request_id == number:
                        yield from prepared.hearing.take(update)
        finally:
            if self.engine.knows(number):
                self.engine.cancel(number)

    def tokens(self, ask: Ask) -> Tokens:
        """The tokens of the prompt that `prepare` would make. Raises RequestError."""
        ids = self._prompt(ask).tokens
        return Tokens(
            ids, tuple(self._text.token_bytes(one).decode("utf-8", "replace") for one in ids), self.engine.length_max
        )

    def text(self, tokens: Sequence[int]) -> str:
        """The text of tokens, special ones included."""
        return self._text.decode(tokens, special=True)

    # --- the prompt ----------------------------------------------------------------------------------------------

    def _prompt(self, ask: Ask) -> _Prompt:
        if ask.prompt is not None:
            if ask.messages:
                raise RequestError("either messages or a bare prompt, not both", field="prompt")
            if isinstance(ask.prompt, str):
                return _Prompt(tuple(self._text.encode(ask.prompt, special=True)), ask.prompt, False, False)
            return _Prompt(tuple(ask.prompt), None, False, False)
        if not ask.messages:
            raise RequestError("there are no messages", field="messages")
        text = self._rendered(ask)
        return _Prompt(tuple(self._text.encode(text)), text, True, text.rstrip().endswith(THINK))

    def _rendered(self, ask: Ask) -> str:
        if self._template is None:
            raise RequestError("this model has no chat template: ask it with a bare prompt", field="messages")
        if ask.tools and not self._takes_tools:
            raise RequestError("this model's chat template knows no tools", field="tools")
        if taken := sorted(_OWN & ask.template.keys()):
            raise RequestError(f"the chat template gets {taken[0]} from the request itself", field="template")
        options: dict[str, Any] = dict(ask.template)
        if ask.thinking is not None:
            options |= {"enable_thinking": ask.thinking, "thinking": ask.thinking}
        tools = ask.tools if ask.tooling != "none" or ask.forced else ()
        messages = [_said(message) for message in ask.messages]
        described = [
            {
                "type": "function",
                "function": {"name": tool.name, "description": tool.description, "parameters": dict(tool.schema)},
            }
            for tool in tools
        ]
        if not ask.continues:
            return self._template.render(messages, tools=described, **options)
        if messages[-1]["role"] != "assistant" or ask.messages[-1].calls:
            raise RequestError("only a last message of the assistant, without calls, can go on", field="messages")
        messages[-1]["content"] += _MARKER
        whole = self._template.render(messages, tools=described, answer=False, **options)
        before, found, _ = whole.rpartition(_MARKER)
        if not found:
            raise RequestError("this model's chat template cannot go on with a message", field="continues")
        return before

    def _echo(self, ask: Ask, prompt: _Prompt) -> str:
        if not ask.echo or prompt.chat:
            return ""
        return prompt.text if prompt.text is not None else self._text.decode(prompt.tokens)

    # --- the request ---------------------------------------------------------------------------------------------

    def _sampling(self, wishes: Wishes, held: Grammar | None) -> Sampling:
        given = {name: value for name in _CHOSEN if (value := getattr(wishes, name)) is not None}
        if wishes.tokens_max == 0:
            given["tokens_max"] = 1
        sampling = Sampling(
            **(self._defaults | given),
            logit_bias=dict(wishes.logit_bias),
            seed=wishes.seed,
            stop=tuple(wishes.stop),
            stop_tokens=tuple(wishes.stop_tokens),
            ignore_end=wishes.ignore_end,
            n=wishes.n,
            logprobs=wishes.logprobs,
            prompt_logprobs=wishes.prompt_logprobs,
            grammar=held,
        )
        sampling.check()
        return sampling

    def _thinking(self, ask: Ask, prompt: _Prompt, held: Grammar | None) -> Thinking | None:
        """Where reasoning is to be watched: it has a limit, or a grammar waits for its end."""
        limit = ask.thinking_tokens_max
        waits = held is not None and prompt.thinks  # some templates cannot do without, whatever they are told
        if not prompt.chat or (not waits and (limit is None or ask.thinking is False)):
            return None
        if self._marks is None:
            raise RequestError("this model has no tokens that begin and end its reasoning", field="thinking")
        if limit is not None and limit < 0:
            raise RequestError("thinking_tokens_max must not be negative", field="thinking_tokens_max")
        return Thinking(*self._marks, opened=prompt.thinks, tokens_max=limit, closing=self._closing)


_CHOSEN = (
    *_DEFAULTS,
    "frequency_penalty",
    "presence_penalty",
    "tokens_max",
    "tokens_min",
    "best_of",
    "beams",
    "length_penalty",
)


def _defaults(folder: Path) -> dict[str, Any]:
    """What generation_config.json says about sampling, where it is of the right kind."""
    path = folder / "generation_config.json"
    raw = read_json(path, _CONFIG_BYTES_MAX) if path.is_file() else {}
    if raw.get("do_sample") is False:
        return {"temperature": 0.0}
    found = {name: raw[name] for name in _DEFAULTS if isinstance(raw.get(name), int | float)}
    return {name: int(value) if name == "top_k" else float(value) for name, value in found.items()}


def _said(message: Message) -> dict[str, Any]:
    """A message as chat templates read it: the form that transformers documents."""
    if any(part.medium != "text" for part in message.parts):
        raise RequestError("this model reads text only", field="messages")
    out: dict[str, Any] = {"role": message.role, "content": "".join(part.text for part in message.parts)}
    if message.reasoning:
        out["reasoning_content"] = message.reasoning
    if message.calls:
        out["tool_calls"] = [
            {
                "type": "function",
                "id": call.id,
                "function": {"name": call.name, "arguments": _arguments(call.arguments)},
            }
            for call in message.calls
        ]
    if message.call_id:
        out["tool_call_id"] = message.call_id
    if message.name:
        out["name"] = message.name
    return out


def _arguments(text: str) -> Any:
    """An object where it is one, since some templates write it out by its keys."""
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, dict) else text
