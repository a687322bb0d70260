"""What an engine generates, as pieces: text, reasoning, tool calls and the end of each answer of one question."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from sampan.llm import request, values
from sampan.llm.errors import AnswerError, RequestError
from sampan.llm.request import Update
from sampan.llm.speech import Event, Speech
from sampan.llm.text import Text
from sampan.llm.values import Finish, Piece, Say, Usage

_SAYS: dict[str, Say] = {"text": "text", "reasoning": "reasoning", "call": "call", "arguments": "arguments"}
_FINISHES: dict[str, Finish] = {
    "stop": "stop",
    "length": "length",
    "deadline": "deadline",
    "cancelled": "cancelled",
}


class Hearing:
    """Takes the updates of one request, in order, and makes pieces of them."""

    def __init__(
        self,
        text: Text,
        *,
        answers: int = 1,
        style: str = "plain",
        chat: bool = True,
        thinking: bool = False,
        logprobs: bool = False,
        parallel_calls: bool = True,
        echo: str = "",
        mute: bool = False,
    ) -> None:
        """`style` is how tools are called; `chat` looks for reasoning and calls at all; `thinking`: the prompt has
        begun the reasoning; `echo` is said before each answer; `mute` leaves the answers out."""
        self._text, self._logprobs, self._parallel, self._mute = text, logprobs, parallel_calls, mute
        self._answers = [_Answer(Speech(style, thinking=thinking) if chat else None, echo) for _ in range(answers)]
        self._prompt = self._shared = self._answered = self._reasoned = 0
        self._said = False

    @property
    def done(self) -> bool:
        """Whether all answers have ended: what else comes can be dropped, and the request cancelled."""
        return all(answer.ended for answer in self._answers)

    def take(self, update: Update) -> list[Piece]:
        """The pieces of an update. Raises RequestError for what turned out to be impossible before anything was said,
        AnswerError when the engine failed."""
        answer = self._answers[update.index]
        if answer.ended:
            return []
        if update.finished == "refused" and not self._said:
            raise RequestError(update.why)
        if update.finished in ("error", "refused"):
            raise AnswerError(update.why)
        self._said = True
        self._prompt, self._shared = update.prompt_tokens, max(self._shared, update.shared_tokens)
        events = [] if self._mute else answer.hear(update)
        if not self._mute:
            self._answered += len(update.tokens)
            self._reasoned += len(update.tokens) if answer.reasoned else 0
            answer.tokens += update.tokens
            answer.logprobs += update.logprobs
        return self._pieces(update, answer, events)

    def _pieces(self, update: Update, answer: _Answer, events: list[Event]) -> list[Piece]:
        usage = Usage(self._prompt, self._shared, self._answered, self._reasoned)
        index, out = update.index, list[Piece]()
        if answer.echo or update.prompt_logprobs:
            out.append(
                Piece(index, "text", answer.echo, prompt_logprobs=self._chances(update.prompt_logprobs), usage=usage)
            )
            answer.echo = ""
        if self._logprobs and answer.reasoned and answer.tokens and not any(one.kind == "reasoning" for one in events):
            events = [Event("reasoning"), *events]  # its tokens must not pass for the text's
        for event in events:
            if event.kind == "invalid":  # what could be read of it was said
                continue
            if event.kind == "call":
                if event.index and not self._parallel:
                    out.append(self._end(index, answer, "calls", "", usage))
                    return out
                answer.calls += 1
                call_id = f"call_{secrets.token_hex(12)}"
                piece = Piece(index, "call", "", event.index, event.name, call_id, *self._due(answer), usage=usage)
            else:
                piece = Piece(
                    index, _SAYS[event.kind], event.text, event.index, "", "", *self._due(answer), usage=usage
                )
            out.append(piece)
        if update.finished is not None:
            out.append(self._end(index, answer, _FINISHES[update.finished], update.stopped_by, usage))
        return out

    def _end(self, index: int, answer: _Answer, finish: Finish, stopped_by: str, usage: Usage) -> Piece:
        answer.ended = True
        if finish == "stop" and answer.calls:
            finish = "calls"
        if self._mute:
            finish = "length"
        tokens, logprobs = self._due(answer)
        return Piece(index, "end", tokens=tokens, logprobs=logprobs, finish=finish, stopped_by=stopped_by, usage=usage)

    def _due(self, answer: _Answer) -> tuple[tuple[int, ...], tuple[values.Logprob, ...]]:
        """The tokens that no piece has told of yet, and their log probabilities."""
        tokens, logprobs = tuple(answer.tokens), tuple(self._chance(one) for one in answer.logprobs)
        answer.tokens, answer.logprobs = [], []
        return tokens, logprobs

    def _chances(self, given: Sequence[request.Logprob | None]) -> tuple[values.Logprob | None, ...]:
        return tuple(None if one is None else self._chance(one) for one in given)

    def _chance(self, given: request.Logprob) -> values.Logprob:
        others = tuple(self._told(token, value) for token, value in given.alternatives)
        return self._told(given.token, given.value, others)

    def _told(self, token: int, value: float, others: tuple[values.Logprob, ...] = ()) -> values.Logprob:
        data = self._text.token_bytes(token)
        return values.Logprob(token, data.decode("utf-8", "replace"), data, value, others)


class _Answer:
    """One answer so far."""

    __slots__ = ("calls", "echo", "ended", "logprobs", "reasoned", "speech", "tokens")

    def __init__(self, speech: Speech | None, echo: str) -> None:
        self.speech, self.echo = speech, echo
        self.tokens: list[int] = []  # of which no piece has told yet
        self.logprobs: list[request.Logprob] = []
        self.calls = 0
        self.reasoned = False  # whether the last update's tokens were reasoning
        self.ended = False

    def hear(self, update: Update) -> list[Event]:
        if self.speech is None:
            return [Event("text", update.text)] if update.text else []
        before = self.speech.reasoning
        events = self.speech.add(update.text)
        self.reasoned = before or self.speech.reasoning
        return events + self.speech.end() if update.finished else events
