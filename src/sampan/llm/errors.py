"""What can go wrong, as seen by whoever uses the library. Every message says what to change."""

from __future__ import annotations


class LlmError(Exception):
    """The root of all errors that `sampan.llm` raises on purpose."""


class ModelError(LlmError):
    """A model folder cannot be used: a file is missing, cut short, of the wrong shape, or not to be trusted."""


class UnsupportedError(ModelError):
    """The model, or the option, is well formed, and this version of the library does not do it."""


class RequestError(LlmError):
    """A request cannot be answered as it stands: an empty prompt, one that is too long, a parameter out of range."""


class BusyError(LlmError):
    """The engine holds as many requests as it may; try again later."""
