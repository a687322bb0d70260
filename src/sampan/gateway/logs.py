"""How log lines look: for people on a terminal, as JSON otherwise."""

from __future__ import annotations

import logging
from typing import Any

import msgspec


class JsonFormatter(logging.Formatter):
    """One JSON object a line, a trace included as text."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["trace"] = self.formatException(record.exc_info)
        return msgspec.json.encode({k: v.encode("utf-8", "replace").decode() for k, v in entry.items()}).decode()


def settings(*, text: bool, level: str) -> dict[str, Any]:
    """For `logging.config.dictConfig`: our own log and the server's, to standard error."""
    formatter: dict[str, Any] = (
        {"format": "%(asctime)s %(levelname)s %(message)s"} if text else {"()": "sampan.gateway.logs.JsonFormatter"}
    )
    ours = {"handlers": ["stderr"], "level": level.upper(), "propagate": False}
    # Of the server's own, clients that leave are noise, and workers that die are not.
    servers = {**ours, "level": "WARNING"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": formatter},
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": "line", "stream": "ext://sys.stderr"},
        },
        "loggers": {"sampan": ours, "_granian": servers, "granian.access": servers},
    }
