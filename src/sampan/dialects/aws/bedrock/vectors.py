"""Bodies of models that embed and rank: Titan's and Cohere's.

Source: "Amazon Titan Embeddings Text", "Cohere Embed" and "Cohere Rerank" of the Amazon Bedrock user guide.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from sampan.dialects.aws.bedrock.forms import Count, Form, convert
from sampan.dialects.aws.bedrock.spoken import Spoken, Values
from sampan.services.inference.model import Embed, Embedding, Rank, Ranking

TEXTS_MAX = 96  # Cohere's limit
DOCUMENTS_MAX = 1000

Text = Annotated[str, Meta(min_length=1)]


class TitanForm(Form, kw_only=True):
    """A text to embed. Vectors are of unit length in any case."""

    inputText: Text  # noqa: N815 - the wire's
    dimensions: Count | None = None
    normalize: bool = True
    embeddingTypes: tuple[Literal["float"], ...] = ("float",)  # noqa: N815


class CohereForm(Form, kw_only=True):
    """Texts to embed."""

    texts: Annotated[list[Text], Meta(min_length=1, max_length=TEXTS_MAX)]
    input_type: Literal["search_document", "search_query", "classification", "clustering"] = "search_document"
    truncate: Literal["NONE", "START", "END", "LEFT", "RIGHT"] = "NONE"
    embedding_types: list[Literal["float"]] | None = None
    output_dimension: Count | None = None


class RerankForm(Form, kw_only=True):
    """Documents to rank."""

    query: Text
    documents: Annotated[list[Text], Meta(min_length=1, max_length=DOCUMENTS_MAX)]
    top_n: Count | None = None
    api_version: int | None = None


def read(model: str, fields: Values) -> Spoken:
    """Raises Fault(INVALID, "argument")."""
    if "inputText" in fields:
        return _titan(model, convert(fields, TitanForm))
    if "texts" in fields:
        return _cohere(model, convert(fields, CohereForm))
    return _rerank(model, convert(fields, RerankForm))


def _titan(model: str, form: TitanForm) -> Spoken:
    def answer(found: Embedding) -> Values:
        vector = list(found.vectors[0])
        return {
            "embedding": vector,
            "embeddingsByType": {"float": vector},
            "inputTextTokenCount": found.usage.prompt_tokens,
        }

    return Spoken(Embed(model=model, texts=(form.inputText,), dimensions=form.dimensions), answer)


def _cohere(model: str, form: CohereForm) -> Spoken:
    def answer(found: Embedding) -> Values:
        vectors: Any = [list(each) for each in found.vectors]
        kind = "embeddings_floats"
        if form.embedding_types is not None:
            vectors, kind = {"float": vectors}, "embeddings_by_type"
        return {"embeddings": vectors, "response_type": kind, "texts": form.texts}

    shorten = form.truncate != "NONE"
    command = Embed(model=model, texts=tuple(form.texts), dimensions=form.output_dimension, shorten=shorten)
    return Spoken(command, answer)


def _rerank(model: str, form: RerankForm) -> Spoken:
    def answer(found: Ranking) -> Values:
        ranked = sorted(enumerate(found.scores), key=lambda pair: -pair[1])[: form.top_n]
        return {"results": [{"index": index, "relevance_score": score} for index, score in ranked]}

    return Spoken(Rank(model=model, query=form.query, documents=tuple(form.documents)), answer)
