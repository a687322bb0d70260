"""What became of a command for which nobody waited."""

from __future__ import annotations

from typing import Any

from sampan.dialects.aliyun.dashscope import generation, texts, words
from sampan.dialects.aliyun.dashscope.exchange import Style
from sampan.dialects.open.wire import documents
from sampan.kernel.command import Command
from sampan.kernel.fault import Fault, Kind
from sampan.services.inference.model import Answer, Embedding, Rank, Ranking


class DashScopeDoor:
    """Implements `services.inference.doors.Door`, for tasks: Model Studio's batches are those of its OpenAI-compatible
    API. A task's note holds `output` and `usage`, or `code` and `message`."""

    def name(self, line: bytes) -> str:
        """No file has lines for this door. Raises Fault(INVALID, "file")."""
        raise Fault(Kind.INVALID, "file", "batches are made through the OpenAI-compatible API")

    def command(self, endpoint: str, line: bytes) -> Command:
        """As `name`."""
        raise Fault(Kind.INVALID, "file", "batches are made through the OpenAI-compatible API")

    def result(self, command: Command, value: Any) -> bytes:
        """The note of a task that is done."""
        if isinstance(value, Answer):
            return documents.write(generation.result(Style(), value))
        if isinstance(value, Embedding):
            return documents.write(texts.embedded(value))
        assert isinstance(command, Rank)
        assert isinstance(value, Ranking)
        return documents.write(texts.ranked(command, value, None, told=False))

    def refusal(self, fault: Fault) -> bytes:
        """The note of one that failed."""
        _, document = words.told(fault, "")
        return documents.write({name: document[name] for name in ("code", "message")})

    def entry(self, entry_id: str, line: bytes, document: bytes, fault: Fault | None) -> bytes:
        """Never asked for: there are no lines."""
        return document
