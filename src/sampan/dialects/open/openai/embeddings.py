"""Embeddings: vectors for texts."""

from __future__ import annotations

import base64
import sys
from array import array
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from sampan.dialects.open.openai.completions import inputs
from sampan.dialects.open.openai.exchange import OpenAiExchange
from sampan.dialects.open.openai.limits import INPUTS_MAX, Count, Name, Text, Token, invalid
from sampan.dialects.open.openai.replies import operation
from sampan.dialects.open.wire import documents
from sampan.services.inference.model import Embed, Embedding


class EmbeddingForm(msgspec.Struct, kw_only=True):
    """The fields. `truncate_prompt_tokens` is vLLM's: -1 cuts a text to the model's room, where it is refused
    otherwise. `instruction` is for models that want to be told what their vectors are for."""

    model: Name
    input: Text | Annotated[list[Text | Token | Annotated[list[Token], Meta(min_length=1)]], Meta(min_length=1)]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Count | None = None
    truncate_prompt_tokens: int | None = None
    instruction: Text | None = None


_FORM = msgspec.json.Decoder(EmbeddingForm)


def command(document: bytes) -> Embed:
    """What a document asks for. Raises Fault."""
    form = documents.read(document, _FORM)
    if form.truncate_prompt_tokens not in (None, -1):
        raise invalid("truncate_prompt_tokens", "Only -1, the model's own room, is done by Sampan.", unsupported=True)
    texts = inputs(form.input, "input", INPUTS_MAX)
    if any(not text for text in texts):
        raise invalid("input", "'input' cannot be an empty string.")
    return Embed(
        model=form.model,
        texts=texts,
        instruction=form.instruction or "",
        dimensions=form.dimensions,
        shorten=form.truncate_prompt_tokens is not None,
        note=b"base64" if form.encoding_format == "base64" else b"",
    )


def result(asked: Embed, found: Embedding) -> dict[str, Any]:
    """Vectors in their texts' order."""
    shown = _encoded if asked.note == b"base64" else list
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": shown(vector)}
            for index, vector in enumerate(found.vectors)
        ],
        "model": asked.model,
        "usage": {"prompt_tokens": found.usage.prompt_tokens, "total_tokens": found.usage.prompt_tokens},
    }


def _encoded(vector: Sequence[float]) -> str:
    """Base64 of little-endian single precision, as OpenAI's own SDK asks for."""
    numbers = array("f", vector)
    if sys.byteorder == "big":
        numbers.byteswap()
    return base64.b64encode(numbers.tobytes()).decode()


def _bind(x: OpenAiExchange, document: bytes) -> Embed:
    return command(document)


CREATE = operation("createEmbedding", _bind, result, document=True)
