"""Asking a server that speaks OpenAI's API over HTTP: documents, streams of events, and what its refusals mean."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncGenerator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from sampan.kernel.asking import ModelRef
from sampan.kernel.fault import Fault, Kind

if TYPE_CHECKING:
    import httpx2

RETRY_S = 2.0  # when to try a server again that did not say
EVENT_BYTES_MAX = 16 << 20  # log probabilities of many alternatives are long
REPLY_BYTES_MAX = 256 << 20  # embeddings of many texts
ERROR_BYTES_MAX = 64 << 10
WHY_CHARACTERS_MAX = 500
CONNECTIONS_MAX = 1024

# What OpenAI's names of fields are called here.
_FIELDS = {
    "max_tokens": "tokens_max",
    "max_completion_tokens": "tokens_max",
    "min_tokens": "tokens_min",
    "top_logprobs": "logprobs",
    "response_format": "shape",
    "structured_outputs": "shape",
    "tool_choice": "tools",
    "chat_template_kwargs": "template",
    "input": "texts",
}
_TOO_LONG = re.compile(r"context[ _](length|size|window)|too many tokens|prompt is too long", re.IGNORECASE)

T = TypeVar("T")


class Http:
    """Connections to servers of models. To be used on one event loop."""

    def __init__(self) -> None:
        self._client: httpx2.AsyncClient | None = None

    async def ask(self, model: ModelRef, path: str, document: object, into: type[T], *, wait_s: float) -> T:
        """One document for another; without one, what is there to be read. Raises Fault."""
        try:
            async with asyncio.timeout(wait_s), self._reply(model, path, document) as reply:
                body = await _body(reply, REPLY_BYTES_MAX)
        except TimeoutError:
            raise _down(f"the upstream did not answer within {wait_s:g} s") from None
        try:
            return msgspec.json.decode(body, type=into)
        except msgspec.DecodeError as error:
            raise _down(f"the upstream's reply to {path} cannot be read: {error}") from error

    async def events(self, model: ModelRef, path: str, document: object) -> AsyncGenerator[bytes, None]:
        """The data of each event of a stream, up to its [DONE] or its end. Raises Fault."""
        import httpx2

        async with self._reply(model, path, document) as reply:
            try:
                async for event in httpx2.EventSource(reply, max_event_size=EVENT_BYTES_MAX):
                    if event.data == "[DONE]":
                        return
                    if event.data:
                        yield event.data.encode()
            except (httpx2.HTTPError, httpx2.SSEError, httpx2.StreamError) as error:
                raise _down(f"the upstream broke off: {_named(error)}") from error

    async def close(self) -> None:
        """Let go of all connections."""
        if self._client is not None:
            await self._client.aclose()

    @contextlib.asynccontextmanager
    async def _reply(self, model: ModelRef, path: str, document: object) -> AsyncGenerator[httpx2.Response, None]:
        """The head of a reply of success. Raises Fault."""
        reply = await self._send(model, path, document)
        try:
            if reply.status_code != 200:
                raise _refusal(reply.status_code, reply.headers, await _body(reply, ERROR_BYTES_MAX), model)
            yield reply
        finally:
            await reply.aclose()

    async def _send(self, model: ModelRef, path: str, document: object) -> httpx2.Response:
        try:
            import httpx2
        except ImportError:
            raise Fault(Kind.INVALID, "model", "upstreams need an extra: pip install 'sampan[upstream]'") from None
        if self._client is None:
            self._client = httpx2.AsyncClient(
                # Replies are waited for by those who ask.
                timeout=httpx2.Timeout(connect=10.0, read=None, write=60.0, pool=60.0),
                limits=httpx2.Limits(max_connections=CONNECTIONS_MAX, max_keepalive_connections=64),
            )
        headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
        if model.secret:
            headers["authorization"] = f"Bearer {model.secret}"
        body = None if document is None else msgspec.json.encode(document, enc_hook=dict)
        url = model.source.rstrip("/") + path
        if path in ("/tokenize", "/detokenize"):  # vLLM has these beside /v1, not in it
            url = model.source.rstrip("/").removesuffix("/v1") + path
        try:
            request = self._client.build_request("GET" if body is None else "POST", url, headers=headers, content=body)
            try:
                return await self._client.send(request, stream=True)
            except (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError):
                # A kept connection that the other side was just closing. Nothing was said yet: once more, anew.
                return await self._client.send(request, stream=True)
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol) as error:
            raise Fault(Kind.INVALID, "model", f"the upstream's address makes no sense: {error}") from error
        except httpx2.HTTPError as error:
            raise _down(f"the upstream cannot be reached: {_named(error)}") from error


async def _body(reply: httpx2.Response, bytes_max: int) -> bytes:
    """A reply's bytes. Raises Fault for one that is too long, or ends early."""
    import httpx2

    found = bytearray()
    try:
        async for part in reply.aiter_bytes():
            found += part
            if len(found) > bytes_max:
                raise _down("the upstream's reply is too long")
    except httpx2.HTTPError as error:
        raise _down(f"the upstream broke off: {_named(error)}") from error
    return bytes(found)


def _refusal(status: int, headers: Mapping[str, str], body: bytes, model: ModelRef) -> Fault:
    """What a reply of failure means."""
    try:
        document = msgspec.json.decode(body)
    except msgspec.DecodeError:
        document = {}
    error = document.get("error", document) if isinstance(document, dict) else {}
    about = error if isinstance(error, dict) else {}
    why = f"the upstream says: {words(error, model)}" if error else f"the upstream answered with status {status}"
    if status in (401, 403):  # its words may show a part of the key
        return Fault(Kind.INVALID, "model", f"the upstream refuses the key that it is given (status {status})")
    if status == 404 and not about.get("param"):
        return Fault(Kind.MISSING, "model", why)
    if status == 413 or (status in (400, 422) and _too_long(about)):
        tokens, tokens_max = _counts(about)
        return Fault(Kind.TOO_LARGE, "prompt", why, tokens=tokens, tokens_max=tokens_max)
    if 400 <= status < 500 and status not in (408, 425, 429):
        param = str(about.get("param") or "")
        return Fault(Kind.INVALID, "request", why, field=_FIELDS.get(param, param))
    return Fault(Kind.UNAVAILABLE, "model", why, retry_after_s=_retry_after(headers))


def words(error: object, model: ModelRef) -> str:
    """What a server says of an error, bounded, and without the key that it was given."""
    said = error.get("message") if isinstance(error, Mapping) else error
    text = said if isinstance(said, str) else "nothing"
    if model.secret:
        text = text.replace(model.secret, "…")
    return text if len(text) <= WHY_CHARACTERS_MAX else text[:WHY_CHARACTERS_MAX] + "…"


def _too_long(about: Mapping[str, Any]) -> bool:
    said = f"{about.get('code')} {about.get('type')} {about.get('message')}"
    return _TOO_LONG.search(said) is not None


def _counts(about: Mapping[str, Any]) -> tuple[int, int]:
    """(tokens, room) of a prompt that is too long, as far as the server says: llama.cpp in fields, vLLM and OpenAI in a
    sentence with the room first; 0 for what it does not say."""
    fields = about.get("n_prompt_tokens"), about.get("n_ctx")
    if isinstance(fields[0], int) and isinstance(fields[1], int):
        return fields[0], fields[1]
    found = [int(one) for one in re.findall(r"\b\d{1,9}\b", str(about.get("message") or ""))]
    room = found[0] if found else 0
    return max(found[1:], default=0), room


def _retry_after(headers: Mapping[str, str]) -> float:
    """Seconds, where a server says them; a date (RFC 9110, section 10.2.3) is not worth a calendar."""
    said = headers.get("retry-after", "")
    try:
        return min(max(float(said), 0.0), 3600.0)
    except ValueError:
        return RETRY_S


def _down(why: str) -> Fault:
    return Fault(Kind.UNAVAILABLE, "model", why, retry_after_s=RETRY_S)


def _named(error: Exception) -> str:
    return f"{type(error).__name__} {error}".strip()
