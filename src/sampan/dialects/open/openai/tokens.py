"""vLLM's `/tokenize` and `/detokenize`: a text's or a conversation's tokens, and back."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw

from sampan.dialects.open.openai import tools as tooling
from sampan.dialects.open.openai.exchange import OpenAiExchange
from sampan.dialects.open.openai.limits import NOTHING, Name, Text, Token, given, invalid
from sampan.dialects.open.openai.messages import Messages, continued, messages
from sampan.dialects.open.openai.replies import operation
from sampan.dialects.open.openai.tools import Tools
from sampan.dialects.open.wire import documents
from sampan.services.inference.model import Ask, Detokenize, Tokenize, Tokens

TOKENS_MAX = 1 << 22


class TokenizeForm(msgspec.Struct, kw_only=True):
    """The fields: a prompt, or messages."""

    model: Name
    prompt: Text | None = None
    messages: Messages | None = None
    tools: Tools | None = None
    add_generation_prompt: bool | None = None
    continue_final_message: bool | None = None
    chat_template_kwargs: Raw = NOTHING
    return_token_strs: bool | None = None


class DetokenizeForm(msgspec.Struct, kw_only=True):
    """The fields."""

    model: Name
    tokens: Annotated[list[Token], Meta(max_length=TOKENS_MAX)]


_TOKENIZE = msgspec.json.Decoder(TokenizeForm)
_DETOKENIZE = msgspec.json.Decoder(DetokenizeForm)
_STRINGS = b"strings"


def tokenize(x: OpenAiExchange, document: bytes) -> Tokenize:
    """What a document asks for. Raises Fault."""
    form = documents.read(document, _TOKENIZE)
    note = _STRINGS if form.return_token_strs else b""
    if form.messages is None:
        if form.prompt is None:
            raise invalid("prompt", "Missing required parameter: 'prompt', or 'messages'.", missing=True)
        return Tokenize(model=form.model, ask=Ask(prompt=form.prompt), note=note)
    template: dict[str, Any] = {}
    if given(form.chat_template_kwargs):
        template = documents.mapping(form.chat_template_kwargs, "chat_template_kwargs")
    continues = bool(form.continue_final_message) or continued(form.messages)
    if form.add_generation_prompt is False and not continues:
        template = template | {"add_generation_prompt": False}
    ask = Ask(
        messages=messages(form.messages),
        tools=tooling.nested(form.tools or []),
        continues=continues,
        template=template,
    )
    return Tokenize(model=form.model, ask=ask, note=note)


def tokens(asked: Tokenize, found: Tokens) -> dict[str, Any]:
    """The tokens, and how many the model has room for."""
    return {
        "count": len(found.ids),
        "max_model_len": found.length_max,
        "tokens": found.ids,
        "token_strs": found.texts if asked.note == _STRINGS else None,
    }


def detokenize(x: OpenAiExchange, document: bytes) -> Detokenize:
    """What a document asks for. Raises Fault."""
    form = documents.read(document, _DETOKENIZE)
    return Detokenize(model=form.model, tokens=tuple(form.tokens))


TOKENIZE = operation("tokenize", tokenize, tokens, document=True)
DETOKENIZE = operation("detokenize", detokenize, lambda asked, text: {"prompt": text}, document=True)
