"""What a model takes beside what Converse has words for: `additionalModelRequestFields`.

Every vendor's models have their own; these are the names under which the models that can run here have them, on Bedrock
and elsewhere. A field that nobody knows is refused, as Bedrock's models do: to pass it over would change the answer.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from sampan.dialects.aws.bedrock.forms import Count, Form, Natural, convert
from sampan.services.inference.model import Ask


class ThinkingForm(Form):
    """`thinking` and `reasoning_config`: Anthropic's way to say how long a model may think."""

    type: Literal["enabled", "disabled", "adaptive"]
    budget_tokens: Count | None = None


class ExtraForm(Form, kw_only=True):
    """All fields that are known."""

    top_k: Natural | None = None
    topK: Natural | None = None  # noqa: N815 - Nova's
    min_p: float | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    repetition_penalty: float | None = None
    thinking: ThinkingForm | None = None
    reasoning_config: ThinkingForm | None = None
    enable_thinking: bool | None = None
    thinking_budget: Count | None = None
    chat_template_kwargs: dict[str, Any] | None = None


def add(ask: Ask, fields: Any) -> Ask:
    """The same question with what `fields` say. Raises Fault(INVALID, "argument")."""
    if fields is None:
        return ask
    form = convert(fields, ExtraForm)
    thinking = form.thinking or form.reasoning_config
    thinks = form.enable_thinking if thinking is None else thinking.type != "disabled"
    return replace(
        ask,
        sampling=replace(
            ask.sampling,
            top_k=form.top_k if form.top_k is not None else form.topK,
            min_p=form.min_p,
            seed=form.seed,
            presence_penalty=form.presence_penalty,
            frequency_penalty=form.frequency_penalty,
            repetition_penalty=form.repetition_penalty,
        ),
        thinking=thinks,
        thinking_tokens_max=thinking.budget_tokens if thinking is not None else form.thinking_budget,
        template=form.chat_template_kwargs or {},
    )
