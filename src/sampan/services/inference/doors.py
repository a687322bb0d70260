"""What a dialect does where no client waits: it reads the lines of a batch, and writes down what became of them."""

from __future__ import annotations

from typing import Any, Protocol

from sampan.kernel.command import Command
from sampan.kernel.fault import Fault


class Door(Protocol):
    """A dialect, for batches and deferred commands. The composition root ties the dialect's name to it.

    Nothing here waits or looks at anything but its arguments, and only `command` and `name` raise.
    """

    def name(self, line: bytes) -> str:
        """What a batch's line calls itself; no two lines of a file may be called the same. Asked of every line before
        the first is answered. Raises Fault(INVALID, "file") for what is no line at all: then the batch fails."""
        ...

    def command(self, endpoint: str, line: bytes) -> Command:
        """What a line asks for: a Generate that is not streamed, an Embed, a Rank or a Tokenize. A Fault that is
        raised is what becomes of this line alone."""
        ...

    def result(self, command: Command, value: Any) -> bytes:
        """The document that a client would have got for a command's result."""
        ...

    def refusal(self, fault: Fault) -> bytes:
        """The document that a client would have got for a fault."""
        ...

    def entry(self, entry_id: str, line: bytes, document: bytes, fault: Fault | None) -> bytes:
        """A line of a batch's output, or if there is a fault of its errors: what became of the line `line`. `document`
        is what `result` or `refusal` gave; `entry_id` is new, and unique. Without the line's end."""
        ...
