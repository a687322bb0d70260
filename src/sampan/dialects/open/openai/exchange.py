"""One request on its way through the door."""

from __future__ import annotations

from sampan.gateway.contract import Exchange
from sampan.gateway.http import Request
from sampan.kernel.command import Command
from sampan.kernel.form import Form


class OpenAiExchange(Exchange):
    """Remembers what the path named, the command that was made, and of a streamed chat what its chunks shall tell."""

    __slots__ = ("command", "form", "now_ms", "params", "usage_always", "usage_last")

    def __init__(self, request: Request, request_id: str, now_ms: int) -> None:
        super().__init__(request, request_id)
        self.now_ms = now_ms
        self.params: dict[str, str] = {}
        self.command: Command | None = None
        self.form = Form()
        self.usage_last = False  # stream_options.include_usage
        self.usage_always = False  # stream_options.continuous_usage_stats
