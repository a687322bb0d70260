"""Ranking: how well documents answer a query. OpenAI has no such call: vLLM serves Jina's (`/rerank`, `/v1/rerank`),
Cohere's (`/v2/rerank`) and one of its own (`/score`); Model Studio's is `/compatible-api/v1/reranks`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from sampan.dialects.open.openai.exchange import OpenAiExchange
from sampan.dialects.open.openai.limits import INPUTS_MAX, Count, Name, Text, invalid
from sampan.dialects.open.openai.replies import operation
from sampan.dialects.open.wire import documents
from sampan.services.inference.model import Rank, Ranking


class DocumentForm(msgspec.Struct):
    """A document as an object."""

    text: Text


class RankForm(msgspec.Struct, kw_only=True):
    """The fields of Jina, Cohere and Model Studio."""

    model: Name
    query: Text | DocumentForm
    documents: Annotated[list[Text | DocumentForm], Meta(min_length=1, max_length=INPUTS_MAX)]
    top_n: Count | None = None
    return_documents: bool | None = None
    instruction: Text | None = None
    instruct: Text | None = None  # Model Studio's word


class ScoreForm(msgspec.Struct, kw_only=True):
    """The fields of vLLM's: one text against another or against many."""

    model: Name
    text_1: Text | None = None
    text_2: Text | Annotated[list[Text], Meta(min_length=1, max_length=INPUTS_MAX)] | None = None
    queries: Text | None = None
    documents: Text | Annotated[list[Text], Meta(min_length=1, max_length=INPUTS_MAX)] | None = None


class Wanted(msgspec.Struct, frozen=True):
    """What the reply shows."""

    top: int
    documents: bool


_RANK = msgspec.json.Decoder(RankForm)
_SCORE = msgspec.json.Decoder(ScoreForm)
_WANTED = msgspec.json.Decoder(Wanted)


def _text(sent: str | DocumentForm) -> str:
    return sent if isinstance(sent, str) else sent.text


def _ranks(documents_default: bool) -> Callable[[bytes], Rank]:
    """What makes a command of a document; Jina shows documents unless asked not to, Cohere does not show them."""

    def command(document: bytes) -> Rank:
        form = documents.read(document, _RANK)
        texts = tuple(_text(one) for one in form.documents)
        shows = documents_default if form.return_documents is None else form.return_documents
        return Rank(
            model=form.model,
            query=_text(form.query),
            documents=texts,
            instruction=form.instruction or form.instruct or "",
            note=documents.write(Wanted(min(form.top_n or len(texts), len(texts)), shows)),
        )

    return command


jina = _ranks(documents_default=True)
cohere = _ranks(documents_default=False)


def _results(asked: Rank, found: Ranking) -> list[dict[str, Any]]:
    """The best first; equals in their documents' order."""
    wanted = _WANTED.decode(asked.note)
    order = sorted(range(len(found.scores)), key=lambda index: -found.scores[index])
    return [
        {"index": index, "relevance_score": found.scores[index]}
        | ({"document": {"text": asked.documents[index]}} if wanted.documents else {})
        for index in order[: wanted.top]
    ]


def jina_result(asked: Rank, found: Ranking) -> dict[str, Any]:
    """As Jina, vLLM and Model Studio answer."""
    tokens = found.usage.prompt_tokens
    return {
        "object": "list",
        "model": asked.model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        "results": _results(asked, found),
    }


def cohere_result(asked: Rank, found: Ranking) -> dict[str, Any]:
    """As Cohere answers."""
    return {
        "results": _results(asked, found),
        "meta": {"api_version": {"version": "2"}, "tokens": {"input_tokens": found.usage.prompt_tokens}},
    }


def score(document: bytes) -> Rank:
    """What vLLM's `/score` asks for. Raises Fault."""
    form = documents.read(document, _SCORE)
    query = form.queries if form.text_1 is None else form.text_1
    texts = form.documents if form.text_2 is None else form.text_2
    if query is None:
        raise invalid("text_1", "Missing required parameter: 'text_1'.", missing=True)
    if texts is None:
        raise invalid("text_2", "Missing required parameter: 'text_2'.", missing=True)
    return Rank(model=form.model, query=query, documents=(texts,) if isinstance(texts, str) else tuple(texts))


def score_result(asked: Rank, found: Ranking) -> dict[str, Any]:
    """Scores in their texts' order."""
    tokens = found.usage.prompt_tokens
    return {
        "object": "list",
        "model": asked.model,
        "data": [{"index": index, "object": "score", "score": value} for index, value in enumerate(found.scores)],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def _bound(command: Callable[[bytes], Rank]) -> Callable[[OpenAiExchange, bytes], Rank]:
    return lambda x, document: command(document)


RERANK = operation("rerank", _bound(jina), jina_result, document=True)
RERANK_V2 = operation("rerankV2", _bound(cohere), cohere_result, document=True)
SCORE = operation("score", _bound(score), score_result, document=True)
