"""Bodies that are a bare prompt, as Llama's, Mistral's and DeepSeek's models have them on Bedrock.

The prompt holds the marks of the model's own chat template, if the sender wants one. Source: "Meta Llama models",
"Mistral AI models" and "DeepSeek models" of the Amazon Bedrock user guide.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Annotated, Any

from msgspec import Meta

from sampan.dialects.aws.bedrock import blocks
from sampan.dialects.aws.bedrock.forms import Count, Form, Natural, Share, Stops, convert
from sampan.dialects.aws.bedrock.spoken import Metrics, Spoken, Values
from sampan.services.inference.model import Answer, Ask, Finish, Generate, Sampling, Stream, Usage

_REASONS = {
    Finish.STOP: "stop",
    Finish.LENGTH: "length",
    Finish.CALLS: "stop",
    Finish.DEADLINE: "length",
    Finish.CANCELLED: "stop",
}
_LLAMA_TOKENS = 512  # where a body does not say

Text = Annotated[str, Meta(min_length=1)]


class LlamaForm(Form, kw_only=True):
    """A body of Llama's; `seed` is not its own."""

    prompt: Text
    max_gen_len: Count = _LLAMA_TOKENS
    seed: int | None = None
    temperature: Share | None = None
    top_p: Share | None = None


class PlainForm(Form, kw_only=True):
    """A body of the others'."""

    prompt: Text
    max_tokens: Count | None = None
    temperature: Share | None = None
    top_p: Share | None = None
    top_k: Natural | None = None
    seed: int | None = None
    stop: Stops = ()


def read(model: str, fields: Values, *, stream: bool) -> Spoken:
    """Raises Fault(INVALID, "argument")."""
    answer, events = (_llama_answer, _llama_events) if _llama(model, fields) else _plain(model)
    return Spoken(Generate(model=model, ask=ask(model, fields), stream=stream), answer, events)


def ask(model: str, fields: Values) -> Ask:
    """The question alone. Raises Fault(INVALID, "argument")."""
    if _llama(model, fields):
        llama = convert(fields, LlamaForm)
        sampling = Sampling(
            temperature=llama.temperature, top_p=llama.top_p, seed=llama.seed, tokens_max=llama.max_gen_len
        )
        return Ask(prompt=llama.prompt, sampling=sampling)
    form = convert(fields, PlainForm)
    sampling = Sampling(
        temperature=form.temperature,
        top_p=form.top_p,
        top_k=form.top_k,
        seed=form.seed,
        tokens_max=form.max_tokens,
        stop=form.stop,
    )
    return Ask(prompt=form.prompt, sampling=sampling)


def _llama(model: str, fields: Values) -> bool:
    return "max_gen_len" in fields or ("llama" in model.lower() and "max_tokens" not in fields)


# --- Llama ------------------------------------------------------------------------------------------------------------


def _llama_answer(answer: Answer) -> Values:
    choice = answer.choices[0]
    return _generation(choice.text, answer.usage.prompt_tokens, answer.usage, _REASONS[choice.finish])


async def _llama_events(stream: Stream, metrics: Metrics) -> AsyncGenerator[Values, None]:
    """The prompt's tokens are told once, with the first event."""
    told, prompt_tokens, usage = blocks.steps(stream), None, Usage()
    try:
        async for step in told:
            match step:
                case blocks.Begin(usage):
                    metrics.first()
                    prompt_tokens = usage.prompt_tokens
                case blocks.More(_, _, text):
                    yield _generation(text, prompt_tokens, usage, None)
                    prompt_tokens = None
                case blocks.End(finish, _, usage):
                    yield {**_generation("", prompt_tokens, usage, _REASONS[finish]), **metrics(usage)}
    finally:
        await told.aclose()


def _generation(text: str, prompt_tokens: int | None, usage: Usage, reason: str | None) -> Values:
    return {
        "generation": text,
        "prompt_token_count": prompt_tokens,
        "generation_token_count": usage.answer_tokens,
        "stop_reason": reason,
    }


# --- the others -------------------------------------------------------------------------------------------------------


def _plain(
    model: str,
) -> tuple[Callable[[Answer], Values], Callable[[Stream, Metrics], AsyncGenerator[Values, None]]]:
    """Mistral's answers are `outputs`, all others' `choices`."""
    word = "outputs" if "mistral" in model.lower() or "mixtral" in model.lower() else "choices"

    def told(text: str, reason: str | None) -> dict[str, Any]:
        return {word: [{"text": text, "stop_reason": reason}]}

    def answer(whole: Answer) -> Values:
        return told(whole.choices[0].text, _REASONS[whole.choices[0].finish])

    async def events(stream: Stream, metrics: Metrics) -> AsyncGenerator[Values, None]:
        steps = blocks.steps(stream)
        try:
            async for step in steps:
                match step:
                    case blocks.Begin():
                        metrics.first()
                    case blocks.More(_, _, text):
                        yield told(text, None)
                    case blocks.End(finish, _, usage):
                        yield {**told("", _REASONS[finish]), **metrics(usage)}
        finally:
            await steps.aclose()

    return answer, events
