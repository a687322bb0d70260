"""Whether a model thinks before it answers, and for how long, in the words of several vendors.

- OpenAI: `reasoning_effort` ("none" … "xhigh").
- vLLM: `chat_template_kwargs.enable_thinking`, `thinking_token_budget`.
- Model Studio: `enable_thinking`, `thinking_budget`.
- DeepSeek and Z.ai: `thinking.type`, "enabled" or "disabled".
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from sampan.dialects.open.openai.limits import Natural, invalid
from sampan.dialects.open.openai.sampling import Sampled

Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]

# OpenAI does not say how long its models think. These are the budgets that Google gives the same words in its own
# OpenAI-compatible API; from "high" on a model thinks as long as it likes.
TOKENS: dict[str, int] = {"minimal": 256, "low": 1024, "medium": 8192}


class ThinkingForm(msgspec.Struct):
    """`thinking`."""

    type: Literal["enabled", "disabled", "auto"]
    budget_tokens: Natural | None = None


class Thoughtful(Sampled, kw_only=True):
    """The fields of a request for text that may be thought about."""

    reasoning_effort: Effort | None = None
    enable_thinking: bool | None = None
    thinking_budget: Natural | None = None
    thinking_token_budget: Natural | None = None
    thinking: ThinkingForm | None = None

    def thinks(self, template: dict[str, Any]) -> bool | None:
        """On, off, or as the model likes. Raises Fault(INVALID, "argument") if two of the words disagree."""
        said = template.get("enable_thinking")
        switches = {
            "chat_template_kwargs": said if isinstance(said, bool) else None,
            "enable_thinking": self.enable_thinking,
            "thinking": _switch(self.thinking),
            "reasoning_effort": None if self.reasoning_effort is None else self.reasoning_effort != "none",
        }
        set_ = {name: value for name, value in switches.items() if value is not None}
        if len(set(set_.values())) > 1:
            raise invalid(next(reversed(set_)), f"{' and '.join(set_)} disagree on whether to think.")
        return next(iter(set_.values()), None)

    def thinking_tokens(self) -> int | None:
        """The most tokens to think for."""
        budgets = [self.thinking_budget, self.thinking_token_budget, TOKENS.get(self.reasoning_effort or "")]
        if self.thinking is not None:
            budgets.append(self.thinking.budget_tokens)
        return min((budget for budget in budgets if budget is not None), default=None)


def _switch(form: ThinkingForm | None) -> bool | None:
    return None if form is None or form.type == "auto" else form.type == "enabled"
