"""What can go wrong, as seen by whoever uses the library. Every message says what to change."""

from __future__ import annotations


class LlmError(Exception):
    """The root of all errors that `sampan.llm` raises on purpose."""


class ModelError(LlmError):
    """A model folder cannot be used: a file is missing, cut short, of the wrong shape, or not to be trusted."""


class AbsentError(ModelError):
    """There is no model where one was looked for."""


class UnsupportedError(ModelError):
    """The model, or the option, is well formed, and this version of the library does not do it."""


class RequestError(LlmError):
    """A request cannot be answered as it stands: an empty prompt, a parameter out of range. `field` names the one that
    is to be changed, where it is one."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class PromptError(RequestError):
    """A prompt of `tokens` is too long: there is room for `tokens_max`."""

    def __init__(self, tokens: int, tokens_max: int) -> None:
        super().__init__(f"the prompt has {tokens} tokens; there is room for {tokens_max}", field="prompt")
        self.tokens, self.tokens_max = tokens, tokens_max


class AnswerError(LlmError):
    """An answer broke off: the engine failed while it was made. What was said so far stays said."""


class BusyError(LlmError):
    """The engine holds as many requests as it may; try again, after `retry_after_s` where that is known."""

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class GoneError(LlmError):
    """A model's process is not there to be asked, or, if it `died`, did so before it answered."""

    def __init__(self, message: str, *, died: bool = False) -> None:
        super().__init__(message)
        self.died = died
