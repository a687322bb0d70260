"""How one model is run: what a person may set, by name, and what is assumed otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from sampan.llm.errors import ModelError
from sampan.llm.values import Task


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """All of them optional. Sizes in bytes, lengths in tokens."""

    task: Task | None = None  # None: what the folder looks like
    weights: str = "auto"  # how linears are kept: see `quantise.FORMS`
    dtype: str = "auto"
    device: str = "cpu"
    threads: int = 0  # 0: PyTorch's choice
    cache_bytes: int | None = None
    length_max: int | None = None
    step_tokens_max: int | None = None
    sequences_max: int | None = None
    waiting_max: int | None = None
    cache_dtype: str = "auto"
    draft: str = ""  # the folder of a smaller model that guesses ahead
    draft_tokens: int = 0
    pooling: str = ""  # of embeddings: last or mean; "": what the folder says
    keep_s: float | None = None  # how long it stays in memory unasked; None: until the room is needed

    def __post_init__(self) -> None:
        for name in ("threads", "cache_bytes", "length_max", "step_tokens_max", "sequences_max", "waiting_max"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < 1 << 50:
                raise ValueError(f"{name} must not be negative")

    @property
    def model(self) -> Settings:
        """Those that make it another model in memory."""
        return msgspec.structs.replace(self, keep_s=None)


def read(given: Mapping[str, Any]) -> Settings:
    """Settings from names and values. Raises ModelError for a name that there is not, or a value out of place."""
    try:
        return msgspec.convert(dict(given), Settings)
    except msgspec.ValidationError as error:
        raise ModelError(f"settings: {error}") from error
