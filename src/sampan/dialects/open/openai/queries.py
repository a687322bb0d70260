"""Parameters of a query."""

from __future__ import annotations

from collections.abc import Sequence

from sampan.dialects.open.openai.limits import invalid
from sampan.gateway.http import Request


def natural(request: Request, name: str, default: int, most: int, least: int = 1) -> int:
    """A whole number within bounds. Raises Fault(INVALID, "argument")."""
    sent = request.param(name)
    if sent is None:
        return default
    if not (sent.isascii() and sent.isdecimal() and len(sent) < 10 and least <= int(sent) <= most):
        raise invalid(name, f"Invalid value for '{name}': expected a whole number from {least} to {most}.")
    return int(sent)


def choice(request: Request, name: str, among: Sequence[str]) -> str:
    """One of some words, the first unless another is sent. Raises Fault(INVALID, "argument")."""
    sent = request.param(name)
    if sent is None:
        return among[0]
    if sent not in among:
        raise invalid(name, f"Invalid value for '{name}': expected one of {', '.join(among)}.")
    return sent


def truth(request: Request, name: str) -> bool:
    """Whether a parameter says true."""
    return choice(request, name, ("false", "true", "False", "True")).lower() == "true"
