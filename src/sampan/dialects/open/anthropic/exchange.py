"""One request on its way through the door."""

from __future__ import annotations

from sampan.gateway.contract import Exchange
from sampan.gateway.http import Request


class AnthropicExchange(Exchange):
    """Remembers the model that was asked for, as the reply names it, and whether thinking is shown."""

    __slots__ = ("hides_thinking", "model")

    def __init__(self, request: Request, request_id: str) -> None:
        super().__init__(request, request_id)
        self.model = ""
        self.hides_thinking = False
