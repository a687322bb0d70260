"""How tokens are chosen and in which shape: the fields that chat and plain completions share, vLLM's included.

Sources: OpenAI's API reference and its SDK's types; vLLM's page on its OpenAI-compatible server ("extra parameters").
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from msgspec import Raw

from sampan.dialects.open.openai.limits import (
    NOTHING,
    Answers,
    Bias,
    Count,
    Int32,
    Int64,
    Name,
    Natural,
    Penalty,
    Repetition,
    Share,
    Stop,
    Temperature,
    Token,
    given,
    invalid,
    refuse,
)  # fmt: skip
from sampan.dialects.open.wire import documents
from sampan.services.inference.model import Sampling, Shape, ShapeKind

SEED_MASK = (1 << 63) - 1
TOP_P_MIN = 1e-9  # 0 means the likeliest token alone

_UNDONE = {
    "include_stop_str_in_output": "a stop string is not part of an answer",
    "truncate_prompt_tokens": "shorten the prompt yourself",
    "return_tokens_as_token_ids": "tokens are shown as text",
    "use_beam_search": "ask for n answers instead",
}


class StreamOptions(msgspec.Struct):
    """`stream_options`. `continuous_usage_stats` is vLLM's: usage in every chunk."""

    include_usage: bool | None = None
    continuous_usage_stats: bool | None = None


class StructuredOutputs(msgspec.Struct):
    """vLLM's `structured_outputs`: exactly one of these."""

    json: Raw = NOTHING
    regex: str | None = None
    choice: list[str] | None = None
    grammar: str | None = None
    json_object: bool | None = None


class Sampled(msgspec.Struct, kw_only=True):
    """The shared fields of a request for text."""

    model: Name
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: Temperature | None = None
    top_p: Share | None = None
    n: Answers | None = None
    stop: Stop | None = None
    max_tokens: Count | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    logit_bias: dict[str, Bias] | None = None
    seed: Int64 | None = None
    # vLLM's
    best_of: Answers | None = None
    top_k: Int32 | None = None
    min_p: Share | None = None
    typical_p: Share | None = None
    repetition_penalty: Repetition | None = None
    length_penalty: float | None = None
    stop_token_ids: list[Token] | None = None
    min_tokens: Natural | None = None
    ignore_eos: bool | None = None
    prompt_logprobs: Natural | None = None
    priority: Int32 | None = None
    guided_json: Raw = NOTHING
    guided_regex: str | None = None
    guided_choice: list[str] | None = None
    guided_grammar: str | None = None
    structured_outputs: StructuredOutputs | None = None
    include_stop_str_in_output: bool | None = None
    truncate_prompt_tokens: int | None = None
    return_tokens_as_token_ids: bool | None = None
    use_beam_search: bool | None = None

    def check(self) -> None:
        """Raises Fault(INVALID, "argument") for what is not done, or does not go together."""
        refuse(self, _UNDONE)
        if self.stream_options is not None and not self.stream:
            raise invalid("stream_options", "The 'stream_options' parameter is only allowed when 'stream' is enabled.")
        if self.best_of is not None and self.best_of < (self.n or 1):
            raise invalid("best_of", "'best_of' must not be below 'n'.")

    def sampling(self, tokens_max: int | None, logprobs: int | None) -> Sampling:
        """As the models' service wants it."""
        return Sampling(
            temperature=self.temperature,
            top_p=None if self.top_p is None else max(self.top_p, TOP_P_MIN),
            top_k=None if self.top_k is None else max(self.top_k, 0),
            min_p=self.min_p,
            typical_p=None if self.typical_p is None else max(self.typical_p, TOP_P_MIN),
            repetition_penalty=self.repetition_penalty,
            frequency_penalty=self.frequency_penalty,
            presence_penalty=self.presence_penalty,
            logit_bias=_biases(self.logit_bias or {}),
            seed=None if self.seed is None else self.seed & SEED_MASK,
            tokens_max=tokens_max,
            tokens_min=self.min_tokens,
            stop=stops(self.stop),
            stop_tokens=tuple(self.stop_token_ids or ()),
            ignore_end=bool(self.ignore_eos),
            n=self.n or 1,
            best_of=self.best_of,
            logprobs=logprobs,
            prompt_logprobs=self.prompt_logprobs,
        )

    def shape(self, format_shape: Shape | None = None) -> Shape | None:
        """The one shape that is asked for, `response_format`'s included. Raises Fault(INVALID, "argument")."""
        asked: list[Shape] = [] if format_shape is None else [format_shape]
        if given(self.guided_json):
            asked.append(Shape(ShapeKind.SCHEMA, schema(self.guided_json, "guided_json")))
        asked += _worded(self.guided_regex, self.guided_choice, self.guided_grammar)
        more = self.structured_outputs
        if more is not None:
            if given(more.json):
                asked.append(Shape(ShapeKind.SCHEMA, schema(more.json, "structured_outputs.json")))
            asked += _worded(more.regex, more.choice, more.grammar)
            if more.json_object:
                asked.append(Shape(ShapeKind.JSON))
        if len(asked) > 1:
            raise invalid("response_format", "An answer can have one shape only: several were asked for.")
        return asked[0] if asked else None


def schema(raw: Raw, name: str) -> str:
    """A JSON Schema as text: an object, a boolean, or (vLLM's) a string that holds it."""
    value = documents.anything(raw, name)
    if isinstance(value, str):
        value = documents.anything(value.encode(), name)
    if not isinstance(value, (dict, bool)):
        raise invalid(name, f"'{name}' must be a JSON Schema.")
    return documents.write(value).decode()


def stops(stop: str | Sequence[str] | None) -> tuple[str, ...]:
    """Stop strings; OpenAI's clients send null, "" or [] for none."""
    found = (stop,) if isinstance(stop, str) else tuple(stop or ())
    return tuple(text for text in found if text)


def _worded(regex: str | None, choice: list[str] | None, grammar: str | None) -> list[Shape]:
    makers: tuple[tuple[ShapeKind, str | list[str] | None, Callable[..., str]], ...] = (
        (ShapeKind.REGEX, regex, str),
        (ShapeKind.CHOICE, choice, lambda texts: documents.write(texts).decode()),
        (ShapeKind.GRAMMAR, grammar, str),
    )
    return [Shape(kind, text(value)) for kind, value, text in makers if value is not None]


def _biases(sent: dict[str, float]) -> dict[int, float]:
    found = {}
    for token, bias in sent.items():
        if not (token.isascii() and token.isdecimal() and len(token) < 10):
            raise invalid("logit_bias", f"Invalid key in 'logit_bias': {token[:32]!r}. Keys are token ids.")
        found[int(token)] = bias
    return found
