"""Embeddings of texts, and rankings."""

from __future__ import annotations

from typing import Any

import msgspec

from sampan.dialects.aliyun.dashscope.exchange import DashScopeExchange
from sampan.dialects.aliyun.dashscope.forms import EmbedForm, RankForm, invalid
from sampan.dialects.aliyun.dashscope.replies import reply
from sampan.dialects.open.wire import documents
from sampan.gateway.http import Reply
from sampan.services.inference.model import Embed, Embedding, Rank, Ranking

TEXTS_MAX = 2048
# What a query is for, where nobody says it: as the model card of Qwen3-Embedding has it.
_QUERY = "Given a web search query, retrieve relevant passages that answer the query"
_EMBED = msgspec.json.Decoder(EmbedForm)
_RANK = msgspec.json.Decoder(RankForm)


def bind_embed(x: DashScopeExchange, document: bytes) -> Embed:
    """Raises Fault."""
    form = documents.read(document, _EMBED)
    wanted = form.parameters
    texts = [form.input.texts] if isinstance(form.input.texts, str) else form.input.texts
    if not 1 <= len(texts) <= TEXTS_MAX:
        raise invalid("input.texts", f"must hold from 1 to {TEXTS_MAX} texts.")
    if wanted.output_type not in (None, "dense"):
        raise invalid("output_type", "can only be dense here.")
    instruction = wanted.instruct or (_QUERY if wanted.text_type == "query" else "")
    return Embed(model=form.model, texts=tuple(texts), instruction=instruction, dimensions=wanted.dimension)


def render_embed(x: DashScopeExchange, found: Embedding) -> Reply:
    """The vectors, in the texts' order."""
    return reply(x, embedded(found))


def embedded(found: Embedding) -> dict[str, Any]:
    """`output` and `usage` of an embedding."""
    vectors = [{"text_index": index, "embedding": list(vector)} for index, vector in enumerate(found.vectors)]
    return {"output": {"embeddings": vectors}, "usage": {"total_tokens": found.usage.tokens}}


def bind_rank(x: DashScopeExchange, document: bytes) -> Rank:
    """Raises Fault."""
    form = documents.read(document, _RANK)
    if not 1 <= len(form.input.documents) <= TEXTS_MAX:
        raise invalid("input.documents", f"must hold from 1 to {TEXTS_MAX} documents.")
    x.top, x.told = form.parameters.top_n, form.parameters.return_documents
    documents_ = tuple(form.input.documents)
    instruction = form.parameters.instruct or ""
    x.command = Rank(model=form.model, query=form.input.query, documents=documents_, instruction=instruction)
    return x.command


def render_rank(x: DashScopeExchange, found: Ranking) -> Reply:
    """Best first."""
    assert isinstance(x.command, Rank)
    return reply(x, ranked(x.command, found, x.top, told=x.told))


def ranked(asked: Rank, found: Ranking, top: int | None, *, told: bool) -> dict[str, Any]:
    """`output` and `usage` of a ranking; `told`: with the documents themselves."""
    order = sorted(range(len(found.scores)), key=lambda index: -found.scores[index])[:top]
    results: list[dict[str, Any]] = [{"index": index, "relevance_score": found.scores[index]} for index in order]
    if told:
        results = [one | {"document": {"text": asked.documents[one["index"]]}} for one in results]
    return {"output": {"results": results}, "usage": {"total_tokens": found.usage.tokens}}
