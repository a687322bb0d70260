"""What a request may say, as types: OpenAI's own limits where it names one, and room for what its imitators added."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Raw

from sampan.kernel.fault import Fault, Kind

Name = Annotated[str, Meta(min_length=1, max_length=256)]  # a model's, a file's, a tool's
ToolName = Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_.-]{1,128}$")]
Text = Annotated[str, Meta(max_length=16_000_000)]
Natural = Annotated[int, Meta(ge=0, le=(1 << 31) - 1)]
Count = Annotated[int, Meta(ge=1, le=(1 << 31) - 1)]
Token = Annotated[int, Meta(ge=0, le=(1 << 31) - 1)]
Int64 = Annotated[int, Meta(ge=-(1 << 63), le=(1 << 63) - 1)]
Int32 = Annotated[int, Meta(ge=-(1 << 31), le=(1 << 31) - 1)]
Temperature = Annotated[float, Meta(ge=0, le=2)]
Share = Annotated[float, Meta(ge=0, le=1)]
Penalty = Annotated[float, Meta(ge=-2, le=2)]
Repetition = Annotated[float, Meta(gt=0, le=100)]
Bias = Annotated[float, Meta(ge=-100, le=100)]
Answers = Annotated[int, Meta(ge=1, le=128)]
Alternatives = Annotated[int, Meta(ge=0, le=20)]
Stop = str | Annotated[list[str], Meta(max_length=16)]  # OpenAI takes four, vLLM as many as one likes
Metadata = Annotated[
    dict[Annotated[str, Meta(max_length=64)], Annotated[str, Meta(max_length=512)]], Meta(max_length=16)
]
MESSAGES_MAX = 16_384
TOOLS_MAX = 128
INPUTS_MAX = 2048  # texts to embed, OpenAI's limit; also prompts, and documents to rank

NOTHING = Raw(b"")


def given(raw: Raw) -> bool:
    """Whether a field whose form is the caller's own was sent, and not as null."""
    return bytes(raw) not in (b"", b"null")


def invalid(name: str, why: str, **facts: Any) -> Fault:
    """A parameter that cannot be what it is. `name` is its path: "messages[0].content"."""
    return Fault(Kind.INVALID, "argument", why, name=name, **facts)


def refuse(fields: object, reasons: dict[str, str]) -> None:
    """Raise for the first of these fields that asks for something: what is not done is not ignored."""
    for name, why in reasons.items():
        value = getattr(fields, name)
        if given(value) if isinstance(value, Raw) else value:
            raise invalid(name, f"'{name}' is not done by Sampan: {why}.", unsupported=True)
