"""One request on its way through the door."""

from __future__ import annotations

from dataclasses import dataclass

from sampan.gateway.contract import Exchange
from sampan.gateway.http import Request
from sampan.kernel.command import Command
from sampan.kernel.form import Form


@dataclass(frozen=True, slots=True)
class Style:
    """How an answer is written. `texts`: as a bare text (result_format "text"); `lists`: contents are lists of parts,
    as models that see or hear have them; `incremental`: a stream's events hold what is new, and not all so far."""

    texts: bool = False
    lists: bool = False
    incremental: bool = False


class DashScopeExchange(Exchange):
    """Remembers the command that was made, and how its result is to be written."""

    __slots__ = ("command", "form", "params", "style", "told", "top")

    def __init__(self, request: Request, request_id: str) -> None:
        super().__init__(request, request_id)
        self.params: dict[str, str] = {}  # what the path names
        self.command: Command | None = None
        self.form = Form()
        self.style = Style()
        self.told = False  # a ranking tells the documents, too
        self.top: int | None = None  # of a ranking, how many to tell

    @property
    def streams(self) -> bool:
        """Whether the answer is to come in events."""
        headers = self.request.headers
        return headers.get("x-dashscope-sse", "").lower() == "enable" or "text/event-stream" in headers.get(
            "accept", ""
        )

    @property
    def deferred(self) -> bool:
        """Whether the caller will come back for the answer."""
        return self.request.headers.get("x-dashscope-async", "").lower() == "enable"
