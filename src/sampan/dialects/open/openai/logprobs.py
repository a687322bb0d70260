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

    def shown(self, logprobs: Sequence[Logprob]) -> dict[str, Any]:
        """The four lists for some tokens, after those that were shown before."""
        lists: dict[str, list[Any]] = {"tokens": [], "token_logprobs": [], "top_logprobs": [], "text_offset": []}
        for one in logprobs:
            lists["tokens"].append(one.text)
            lists["token_logprobs"].append(one.value)
            lists["top_logprobs"].append({other.text: other.value for other in one.alternatives})
            self._place(lists, one.text)
        return lists

    def echoed(self, text: str, logprobs: Sequence[Logprob | None]) -> dict[str, Any]:
        """The lists for a prompt that comes back: nothing went before its first token, so that one has no value."""
        known = [one for one in logprobs if one is not None]
        first = text[: max(0, len(text) - sum(len(one.text) for one in known))]
        lists: dict[str, list[Any]] = {
            "tokens": [first], "token_logprobs": [None], "top_logprobs": [None], "text_offset": [],
        }  # fmt: skip
        self._place(lists, first)
        rest = self.shown(known)
        return {name: values + rest[name] for name, values in lists.items()}

    def _place(self, lists: dict[str, list[Any]], text: str) -> None:
        lists["text_offset"].append(self._offset)
        self._offset += len(text)
