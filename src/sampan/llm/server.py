"""A model's process: it listens on a unix socket, and answers until whoever started it is gone.

    python -m sampan.llm serve MODEL --socket PATH

Standard output tells how far it is, in lines of JSON: {"loading": 0.4}, then {"ready": true}, or {"failed": why,
"absent": whether there is no such model}. It ends when standard input does.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from socket import AF_UNIX, SOCK_STREAM
from socket import socket as Socket  # noqa: N812 - a class, and named as one
from typing import Any

import msgspec
from msgspec import Raw

from sampan.llm import facts, quantise, settings
from sampan.llm.engine import Engine, Options
from sampan.llm.errors import AbsentError, AnswerError, GoneError, LlmError, ModelError, RequestError
from sampan.llm.frames import NOTHING, Call, Done, Frames, Refused, Said
from sampan.llm.models.decoder import Decoder
from sampan.llm.pooling import Embedder, Reranker
from sampan.llm.served import Generating, Pooling
from sampan.llm.settings import Settings
from sampan.llm.talk import Talk
from sampan.llm.values import Ask, EmbedWish, Piece, RankWish

SWITCH_S = 0.0005  # the stepping thread and the event loop take turns at the interpreter; Python's own 5 ms are felt

_LOOKS = ("state", "retire", "drain", "cancel")  # calls that are no use of the model

_log = logging.getLogger(__name__)
Opened = Callable[["Server"], Generating | Pooling]


def main(source: Path, socket: Path, given: dict[str, Any]) -> int:
    """The process' life; returns the exit status."""
    sys.setswitchinterval(SWITCH_S)
    try:
        chosen = settings.read(given)
        opened = load(source, chosen, lambda done, all_: _tell({"loading": round(done / max(all_, 1), 3)}))
    except LlmError as error:
        _tell({"failed": str(error), "absent": isinstance(error, AbsentError)})
        return 1
    listening = _bound(socket)
    try:
        return asyncio.run(_serve(opened, listening, partial(socket.unlink, missing_ok=True)))
    finally:
        socket.unlink(missing_ok=True)


def _bound(path: Path) -> Socket:
    """A socket that only this user can reach. (The folder it is in keeps others out before its mode does.)"""
    path.unlink(missing_ok=True)
    listening = Socket(AF_UNIX, SOCK_STREAM)
    listening.bind(str(path))
    path.chmod(0o600)
    return listening


def load(source: Path, chosen: Settings, progress: Callable[[int, int], None]) -> Opened:
    """Bring the model into memory; what comes back makes it answer on the running event loop. Raises ModelError."""
    import torch

    if chosen.threads:
        torch.set_num_threads(chosen.threads)
    if chosen.weights not in quantise.FORMS:
        raise ModelError(f"settings: weights must be one of {', '.join(quantise.FORMS)}, not {chosen.weights!r}")
    found = facts.abilities(source, chosen)
    generates = found.task == "generate"
    wanted: dict[str, Any] = {
        "cache_bytes": chosen.cache_bytes if generates else 0,
        "length_max": chosen.length_max,
        "step_tokens_max": chosen.step_tokens_max,
        "sequences_max": chosen.sequences_max,
        "waiting_max": chosen.waiting_max,
        "cache_dtype": chosen.cache_dtype,
        "draft_tokens": chosen.draft_tokens,
    }
    engine = Engine.load(
        source,
        dtype=chosen.dtype,
        device=chosen.device,
        form=quantise.FORMS[chosen.weights],
        draft=chosen.draft or None,
        options=Options(**{name: value for name, value in wanted.items() if value is not None}),
        progress=progress,
    )
    if engine.text is None:
        raise ModelError("this model has no tokenizer.json")
    text, length_max = engine.text, found.length_max
    if generates:
        talk = Talk(engine, source)
        return lambda server: Generating(talk, server.flush, server.broken)
    if not isinstance(engine.model, Decoder):
        raise ModelError(f"a model of type {found.architecture!r} can only answer here, not {found.task}")
    model: Embedder | Reranker
    if found.task == "rank":
        model = Reranker(engine.model, text)
    else:
        model = Embedder(engine.model, text, pooling=chosen.pooling or facts.pooling(source))
    return lambda server: Pooling(model, text, length_max)


async def _serve(opened: Opened, socket: Socket, tidy: Callable[[], None]) -> int:
    server = Server(opened)
    listening = await asyncio.get_running_loop().create_unix_server(server.connection, sock=socket)

    def watch() -> None:
        """Whoever started us holds the other end; when it is gone, so are we."""
        with contextlib.suppress(OSError):
            while os.read(0, 1 << 16):
                pass
        tidy()
        os._exit(0)

    threading.Thread(target=watch, name="sampan-parent", daemon=True).start()
    _tell({"ready": True})
    status = await server.ended
    listening.close()
    return status


def _tell(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)


class Server:
    """Takes calls from any number of connections to one model."""

    def __init__(self, opened: Opened) -> None:
        """To be made on the event loop."""
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._loop = asyncio.get_running_loop()
        self._peers: dict[Frames, _Peer] = {}
        self._due: set[_Peer] = set()
        self._decoder = msgspec.msgpack.Decoder(Call)
        self._encoder = msgspec.msgpack.Encoder()
        self._closing = False
        self._used = self._loop.time()
        self._model = opened(self)

    def connection(self) -> Frames:
        """The protocol of a new connection."""
        frames = Frames(self._take, self._lost)
        self._peers[frames] = _Peer(frames)
        return frames

    def flush(self) -> None:
        """Send what has gathered for each connection, in one frame each."""
        for peer in self._due:
            peer.flush()
        self._due.clear()

    def broken(self, error: BaseException) -> None:
        """A step failed, and nobody knows what is left in memory: everybody is told, and the process ends."""
        _log.critical("a step failed", exc_info=error)
        for peer in self._peers.values():
            for number in list(peer.open):
                self.refuse(peer, number, AnswerError(f"{type(error).__name__}: {error}"))
        self.flush()
        self._loop.call_later(0.1, self._end, 1)

    def due(self, peer: _Peer, reply: Said[Piece] | Done | Refused) -> None:
        """To be sent with the next flush."""
        peer.replies.append(reply)
        self._due.add(peer)

    # --- calls ---------------------------------------------------------------------------------------------------

    def _take(self, frames: Frames, frame: bytes) -> None:
        peer = self._peers[frames]
        try:
            call = self._decoder.decode(frame)
        except msgspec.DecodeError as error:
            _log.warning("a frame that is no call: %s", error)
            frames.close()
            return
        if call.verb == "cancel":
            self._cancel(peer, call.id)
            return
        if call.verb not in _LOOKS:
            self.touch()
        peer.open[call.id] = None
        peer.tasks[call.id] = self._loop.create_task(self._answer(peer, call))

    def _lost(self, frames: Frames) -> None:
        peer = self._peers.pop(frames)
        self._due.discard(peer)
        for number in list(peer.open):
            self._cancel(peer, number)

    def _cancel(self, peer: _Peer, number: int) -> None:
        task = peer.tasks.pop(number, None)
        if task is not None:
            task.cancel()
        answering = peer.open.pop(number, None)
        if answering is not None and isinstance(self._model, Generating):
            self._model.cancel(answering)
            self.touch()

    async def _answer(self, peer: _Peer, call: Call) -> None:
        try:
            if call.verb == "generate":
                await self._generate(peer, call)
                return
            value = await self._called(call)
            self.done(peer, call.id, Raw(self._encoder.encode(value)))
        except LlmError as error:
            self.refuse(peer, call.id, error)
        except msgspec.ValidationError as error:
            self.refuse(peer, call.id, RequestError(f"the request cannot be read: {error}"))
        except Exception as error:
            _log.exception("a call failed")
            self.refuse(peer, call.id, AnswerError(f"{type(error).__name__}: {error}"))
        finally:
            if call.verb not in _LOOKS:
                self.touch()
            peer.tasks.pop(call.id, None)
            self.flush()

    async def _generate(self, peer: _Peer, call: Call) -> None:
        model = self._model
        if not isinstance(model, Generating):
            raise RequestError("this model does not answer questions", field="model")
        self._check_open()
        ask = msgspec.msgpack.decode(call.body, type=Ask)
        answering = await model.generate(ask, call.adapter, _Asker(self, peer, call.id))
        if call.id in peer.open:
            peer.open[call.id] = answering
        else:  # given up meanwhile
            model.cancel(answering)

    async def _called(self, call: Call) -> Any:
        model = self._model
        if call.verb == "state":
            return msgspec.structs.replace(
                model.state(),
                memory_bytes=_resident_bytes(),
                idle_s=self._loop.time() - self._used if model.idle else 0,
            )
        if call.verb == "retire":  # to make room for another: only if nobody is here
            if not model.idle:
                return False
            self._closing = True
            self._loop.call_later(0.05, self._end, 0)
            return True
        if call.verb == "drain":  # end when all is answered
            self._closing = True
            self._drain()
            return None
        self._check_open()
        if call.verb == "tokenize":
            return await model.tokenize(msgspec.msgpack.decode(call.body, type=Ask))
        if call.verb == "detokenize":
            return await model.detokenize(msgspec.msgpack.decode(call.body, type=list[int]))
        if isinstance(model, Pooling) and call.verb == "embed":
            return await model.embed(msgspec.msgpack.decode(call.body, type=EmbedWish))
        if isinstance(model, Pooling) and call.verb == "rank":
            return await model.rank(msgspec.msgpack.decode(call.body, type=RankWish))
        raise RequestError(f"this model does not {call.verb}", field="model")

    def _check_open(self) -> None:
        if self._closing:
            raise GoneError("the model is being unloaded")

    def _drain(self) -> None:
        if self._model.idle:
            self._loop.call_later(0.05, self._end, 0)
        else:
            self._loop.call_later(0.05, self._drain)

    def touch(self) -> None:
        """Somebody wants something, or did until now."""
        self._used = self._loop.time()

    def done(self, peer: _Peer, number: int, value: Raw = NOTHING) -> None:
        if number in peer.open:
            del peer.open[number]
            self.due(peer, Done(number, value))

    def refuse(self, peer: _Peer, number: int, error: LlmError) -> None:
        if number in peer.open:
            del peer.open[number]
            self.due(peer, Refused(number, type(error).__name__, str(error), vars(error)))

    def _end(self, status: int) -> None:
        if not self.ended.done():
            self.ended.set_result(status)
            self._model.close()


class _Peer:
    """One connection: its open calls, with the number by which an answer can be cancelled, and what is to be sent."""

    def __init__(self, frames: Frames) -> None:
        self.frames = frames
        self.open: dict[int, int | None] = {}
        self.tasks: dict[int, asyncio.Task[None]] = {}
        self.replies: list[Said[Piece] | Done | Refused] = []

    def flush(self) -> None:
        self.frames.send(self.replies)
        self.replies = []


class _Asker:
    """Where the pieces of one call go."""

    def __init__(self, server: Server, peer: _Peer, number: int) -> None:
        self._server, self._peer, self._number = server, peer, number

    def piece(self, piece: Piece) -> None:
        self._server.due(self._peer, Said(self._number, piece))

    def done(self) -> None:
        self._server.touch()
        self._server.done(self._peer, self._number)

    def refuse(self, error: LlmError) -> None:
        self._server.touch()
        self._server.refuse(self._peer, self._number, error)


def _resident_bytes() -> int:
    """Memory that the process holds."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
