"""Text of every language that the models list comes through whole, wherever it is cut: into pieces by the engine, into
bytes by the network."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx2
import openai

from sampan.kernel.asking import Finish, Piece, Say
from tests.inference.scripted import Script
from tests.open.world import KEY, URL, House
from tests.tongues import TEXTS

LENGTH = 12  # characters of each language
HARD = 'e\u0301\u0323 👩🏽‍🚀🇺🇳 \u202eabc\u202c \u0000\u001f\u2028\u2029\ufeff𝔘𐍈 \\"</script>\r\ndata: x\n\n'
CASES = {code: text[:LENGTH] for code, text in TEXTS.items()} | {"hard": HARD}


class _Dribble(httpx2.AsyncByteStream):
    """A reply's body with every byte beyond ASCII by itself: no character comes whole."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __aiter__(self) -> Any:
        for piece in re.findall(rb"[\x00-\x7f]+|[\x80-\xff]", self._body):
            yield piece


class Dribbling(httpx2.AsyncBaseTransport):
    """A network that cuts wherever it hurts."""

    def __init__(self, house: House) -> None:
        self._inner = httpx2.ASGITransport(house.gateway)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        reply = await self._inner.handle_async_request(request)
        body = b"".join([chunk async for chunk in reply.stream])  # type: ignore[union-attr]
        return httpx2.Response(reply.status_code, headers=reply.headers, stream=_Dribble(body))


def pieces(text: str) -> list[Piece | Exception]:
    """Thought, said and put into a tool's arguments, character by character."""
    arguments = json.dumps({"text": text}, ensure_ascii=False)
    return [
        *(Piece(0, Say.REASONING, one) for one in text),
        *(Piece(0, Say.TEXT, one) for one in text),
        Piece(0, Say.CALL, call=0, name="tell", id="call_1"),
        *(Piece(0, Say.ARGUMENTS, one, call=0) for one in arguments),
        Piece(0, Say.END, finish=Finish.CALLS),
    ]


async def _told(house: House, http: httpx2.AsyncClient, text: str) -> list[str]:
    """The text as it comes out of every stream, and out of what is kept."""
    house.world.scripts["/qwen"] = Script(pieces(text))
    messages: Any = [{"role": "user", "content": text}]
    sdk = openai.AsyncOpenAI(api_key=KEY, base_url=f"{URL}/v1", http_client=http)
    deltas = [
        chunk.choices[0].delta
        async for chunk in await sdk.chat.completions.create(model="qwen", messages=messages, stream=True)
    ]
    calls = "".join(call.function.arguments or "" for delta in deltas for call in delta.tool_calls or ())  # type: ignore[union-attr]
    events: list[Any] = [event async for event in await sdk.responses.create(model="qwen", input=text, stream=True)]
    kept: Any = await sdk.responses.retrieve(events[-1].response.id)
    return [
        "".join(delta.content or "" for delta in deltas),
        "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas),
        json.loads(calls)["text"],
        "".join(event.delta for event in events if event.type == "response.reasoning_text.delta"),
        "".join(event.delta for event in events if event.type == "response.output_text.delta"),
        kept.output[0].content[0].text,
        kept.output_text,
        json.loads(kept.output[2].arguments)["text"],
        *(ask.messages[0].text for _, ask in house.world.engine.asked[-2:]),
    ]


def test_every_language_through_every_stream(house: House) -> None:
    assert len(TEXTS) == 119

    async def run() -> dict[str, set[str]]:
        http = httpx2.AsyncClient(transport=Dribbling(house))
        return {code: set(await _told(house, http, text)) for code, text in CASES.items()}

    assert house.run(run()) == {code: {text} for code, text in CASES.items()}
