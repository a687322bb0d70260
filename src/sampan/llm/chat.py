"""Chat templates as models publish them: Jinja, run in a sandbox, because a template is a program from outside."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from sampan.llm.config import read_json
from sampan.llm.errors import ModelError, RequestError

TEMPLATE_BYTES_MAX = 1 << 20
PROMPT_CHARACTERS_MAX = 64 << 20
_CONFIG_BYTES_MAX = 16 << 20


class ChatTemplate:
    """Turns messages into the prompt that a model was trained on."""

    def __init__(
        self,
        source: str,
        special: Mapping[str, str] | None = None,
        now: Callable[[], datetime.datetime] = datetime.datetime.now,
    ) -> None:
        if len(source) > TEMPLATE_BYTES_MAX:
            raise ModelError(f"the chat template is longer than {TEMPLATE_BYTES_MAX} characters")
        self.source = source
        self._special, self._now = dict(special or {}), now
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, _Generation]
        )
        environment.filters["tojson"] = _to_json
        environment.globals["raise_exception"] = _refuse
        environment.globals["strftime_now"] = lambda form: self._now().strftime(form)
        try:
            self._template = environment.from_string(source)
        except jinja2.TemplateError as error:
            raise ModelError(f"the chat template is not valid: {error}") from error

    @classmethod
    def load(cls, folder: str | Path) -> ChatTemplate | None:
        """The template of a model folder, or None if it has none. Raises ModelError."""
        path = Path(folder)
        config = path / "tokenizer_config.json"
        raw = read_json(config, _CONFIG_BYTES_MAX) if config.is_file() else {}
        special = {
            name: content if isinstance(content, str) else content.get("content", "")
            for name, content in raw.items()
            if name.endswith("_token") and isinstance(content, str | dict)
        }
        file = path / "chat_template.jinja"
        if file.is_file():
            if file.stat().st_size > TEMPLATE_BYTES_MAX:
                raise ModelError(f"{file.name} is larger than {TEMPLATE_BYTES_MAX} bytes")
            return cls(file.read_text(encoding="utf-8"), special)
        source = raw.get("chat_template")
        if isinstance(source, list):  # several by name
            named = {one.get("name"): one.get("template") for one in source if isinstance(one, dict)}
            source = named.get("default")
        return cls(source, special) if isinstance(source, str) else None

    def render(
        self,
        messages: Sequence[Mapping[str, Any]],
        /,  # an option may have any name
        *,
        tools: Sequence[Mapping[str, Any]] | None = None,
        answer: bool = True,
        **options: Any,
    ) -> str:
        """The prompt for these messages. `answer` opens the assistant's turn; `options` go to the template, such as
        enable_thinking. Raises RequestError for messages that the template does not take."""
        given = {
            **self._special,
            "messages": list(messages),
            "tools": list(tools) if tools else None,
            "documents": None,
            "add_generation_prompt": answer,
            **options,
        }
        parts: list[str] = []
        size = 0
        try:
            for part in self._template.generate(given):
                parts.append(part)
                size += len(part)
                if size > PROMPT_CHARACTERS_MAX:
                    raise RequestError(f"the prompt is longer than {PROMPT_CHARACTERS_MAX} characters")
        except RequestError:
            raise
        except Exception as error:  # whatever a template runs into, the cause is the messages or the template
            raise RequestError(f"the chat template does not take these messages: {error}") from error
        return "".join(parts)


class _Generation(Extension):  # type: ignore[misc,unused-ignore]
    """{% generation %} marks the assistant's words for training; here it changes nothing."""

    tags = {"generation"}  # noqa: RUF012 (jinja2's own form)

    def parse(self, parser: Any) -> Any:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return jinja2.nodes.Scope(body).set_lineno(line)


def _to_json(value: Any, indent: int | None = None, **options: Any) -> str:
    """Jinja's own filter escapes for HTML, which models have never seen."""
    return json.dumps(value, ensure_ascii=False, indent=indent, **options)


def _refuse(message: str) -> None:
    raise RequestError(message)
