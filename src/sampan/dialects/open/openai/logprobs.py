"""Log probabilities, in the forms of chat completions, of plain completions, and of vLLM's prompts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sampan.services.inference.model import Logprob


def chat(logprobs: Sequence[Logprob]) -> dict[str, Any]:
    """`choices[].logprobs` of a chat completion."""
    return {"content": tokens(logprobs), "refusal": None}


def tokens(logprobs: Sequence[Logprob]) -> list[dict[str, Any]]:
    """Tokens with the likeliest in their places."""
    return [_token(one) | {"top_logprobs": [_token(other) for other in one.alternatives]} for one in logprobs]


def _token(one: Logprob) -> dict[str, Any]:
    return {"token": one.text, "logprob": one.value, "bytes": list(one.data)}


def prompt(logprobs: Sequence[Logprob | None]) -> list[dict[str, Any] | None]:
    """vLLM's `prompt_logprobs`: for each token but the first, itself and the likeliest, by token id."""
    return [None if one is None else _ranked(one) for one in logprobs]


def _ranked(one: Logprob) -> dict[str, Any]:
    likeliest = sorted(one.alternatives, key=lambda other: -other.value)
    ranks = {other.token: rank for rank, other in enumerate(likeliest, 1)}
    found = [*likeliest, *([] if one.token in ranks else [one])]
    return {
        str(each.token): {"logprob": each.value, "rank": ranks.get(each.token), "decoded_token": each.text}
        for each in found
    }


class Plain:
    """`choices[].logprobs` of a plain completion, piece by piece: `text_offset` counts on through the whole text."""

    def __init__(self) -> None:
        self._offset = 0

    def shown(self, text: str, prompt: Sequence[Logprob | None], answer: Sequence[Logprob]) -> dict[str, Any]:
        """The four lists for the tokens of a piece of text: those of a prompt that comes back, then the answer's.

        Nothing went before a prompt's first token, so that it has no value: it is the text that the others leave.
        """
        lists: dict[str, list[Any]] = {"tokens": [], "token_logprobs": [], "top_logprobs": [], "text_offset": []}
        known = [one for one in (*prompt, *answer) if one is not None]
        if len(known) < len(prompt) + len(answer):
            first = text[: max(0, len(text) - sum(len(one.text) for one in known))]
            self._add(lists, first, None, None)
        for one in known:
            self._add(lists, one.text, one.value, {other.text: other.value for other in one.alternatives})
        return lists

    def _add(self, lists: dict[str, list[Any]], text: str, value: float | None, top: dict[str, float] | None) -> None:
        for name, added in zip(lists, (text, value, top, self._offset), strict=True):
            lists[name].append(added)
        self._offset += len(text)
