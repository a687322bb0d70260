"""Runs in the environment of the frameworks: LangChain, LlamaIndex and LiteLLM, as `clients/remote.py` asks.

Alone in its process: it imports nothing of ours. The frameworks are imported when they are called.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable
from typing import Any

SETUP: dict[str, str] = {}
OPTIONS: dict[str, Any] = {"temperature": 1.0, "seed": 7, "max_tokens": 24}


class _Frameworks:
    """Each method is one thing to do with one framework; what it gives is as JSON writes it."""

    # --- LangChain ----------------------------------------------------------------------------------------------------

    def _langchain(self, **more: Any) -> Any:
        from langchain_openai import ChatOpenAI

        return ChatOpenAI(model="tiny", base_url=SETUP["url"], api_key=SETUP["key"], **OPTIONS | more)

    def langchain_chat(self, text: str) -> dict[str, Any]:
        got = self._langchain().invoke([("system", "Be brief."), ("user", text)])
        return {"text": got.content, "usage": got.usage_metadata}

    def langchain_stream(self, text: str) -> str:
        return "".join(chunk.content for chunk in self._langchain().stream([("system", "Be brief."), ("user", text)]))

    def langchain_tools(self, text: str, tool: dict[str, Any]) -> list[dict[str, Any]]:
        bound = self._langchain(max_tokens=200).bind_tools([tool], tool_choice="required")
        return [{"name": call["name"], "args": call["args"]} for call in bound.invoke(text).tool_calls]

    def langchain_structured(self, text: str, schema: dict[str, Any]) -> Any:
        return self._langchain(max_tokens=200).with_structured_output(schema, method="json_schema").invoke(text)

    def langchain_responses(self, text: str) -> str:
        got = self._langchain(use_responses_api=True, seed=None).invoke(text)
        return "".join(block["text"] for block in got.content if block["type"] == "text")

    def langchain_embed(self, texts: list[str]) -> list[list[float]]:
        from langchain_openai import OpenAIEmbeddings

        embeddings = OpenAIEmbeddings(
            model="vectors", base_url=SETUP["url"], api_key=SETUP["key"], check_embedding_ctx_length=False
        )
        return embeddings.embed_documents(texts)

    # --- LlamaIndex ---------------------------------------------------------------------------------------------------

    def _llama(self, **more: Any) -> Any:
        from llama_index.llms.openai_like import OpenAILike

        options = {"max_tokens": 24, "temperature": 1.0, "additional_kwargs": {"seed": 7}} | more
        return OpenAILike(
            model="tiny", api_base=SETUP["url"], api_key=SETUP["key"], is_chat_model=True,
            is_function_calling_model=True, **options,
        )  # fmt: skip

    def _llama_messages(self, text: str) -> list[Any]:
        from llama_index.core.llms import ChatMessage

        return [ChatMessage(role="system", content="Be brief."), ChatMessage(role="user", content=text)]

    def llama_chat(self, text: str) -> str:
        return self._llama().chat(self._llama_messages(text)).message.content

    def llama_stream(self, text: str) -> str:
        return "".join(chunk.delta or "" for chunk in self._llama().stream_chat(self._llama_messages(text)))

    def llama_tools(self, text: str, tool: dict[str, Any]) -> list[dict[str, Any]]:
        got = self._llama(max_tokens=200).chat(self._llama_messages(text), tools=[tool], tool_choice="required")
        calls = self._llama().get_tool_calls_from_response(got)
        return [{"name": call.tool_name, "args": call.tool_kwargs} for call in calls]

    def llama_embed(self, texts: list[str]) -> list[list[float]]:
        from llama_index.embeddings.openai_like import OpenAILikeEmbedding

        embedding = OpenAILikeEmbedding(model_name="vectors", api_base=SETUP["url"], api_key=SETUP["key"])
        return embedding.get_text_embedding_batch(texts)

    # --- LiteLLM ------------------------------------------------------------------------------------------------------

    def _litellm(self, text: str, **more: Any) -> Any:
        import litellm

        messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": text}]
        options = {"api_base": SETUP["url"], "api_key": SETUP["key"], **OPTIONS} | more
        return litellm.completion(model="openai/tiny", messages=messages, **options)

    def litellm_chat(self, text: str) -> dict[str, Any]:
        got = self._litellm(text)
        return {"text": got.choices[0].message.content, "usage": got.usage.model_dump()}

    def litellm_stream(self, text: str) -> str:
        return "".join(chunk.choices[0].delta.content or "" for chunk in self._litellm(text, stream=True))

    def litellm_embed(self, texts: list[str]) -> list[list[float]]:
        import litellm

        got = litellm.embedding(model="openai/vectors", input=texts, api_base=SETUP["url"], api_key=SETUP["key"])
        return [row["embedding"] for row in got.data]

    def litellm_vllm(self, text: str) -> str:
        import litellm

        got = litellm.completion(
            model="hosted_vllm/tiny", messages=[{"role": "user", "content": text}], api_base=SETUP["url"],
            api_key=SETUP["key"], extra_body={"guided_choice": ["ja", "nein"]},
        )  # fmt: skip
        return got.choices[0].message.content

    def litellm_wrong(self) -> str:
        import litellm

        try:
            litellm.completion(
                model="openai/none", messages=[{"role": "user", "content": "x"}], api_base=SETUP["url"],
                api_key=SETUP["key"], num_retries=0,
            )  # fmt: skip
        except litellm.NotFoundError as error:
            return str(error)
        return ""


def main() -> None:
    """Answer line by line until the input ends; the first line says where the server is."""
    replies = sys.stdout
    frameworks = _Frameworks()
    for line in sys.stdin:
        asked = json.loads(line)
        reply: dict[str, Any]
        try:
            with contextlib.redirect_stdout(sys.stderr):
                if not SETUP:
                    SETUP.update(asked)
                    reply = {"result": None}
                else:
                    method: Callable[..., Any] = getattr(frameworks, asked["method"])
                    reply = {"result": method(*asked["args"], **asked["kwargs"])}
        except Exception as error:
            reply = {"error": [type(error).__name__, str(error), None]}
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


if __name__ == "__main__":
    main()
