"""Clients of a models' server that behave badly, by hand: what no SDK would do on purpose, and every network does."""

from __future__ import annotations

import json
import random
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

TIMEOUT_S = 60.0  # of anything that a server answers
ROOM = 4096  # tokens of the tiny model
LONG = {"max_tokens": 3000, "ignore_eos": True}


@dataclass
class Talker:
    """Opens connections to one server. `seen` counts what came of each way to behave."""

    port: int
    key: str
    other_key: str = ""
    model: str = "tiny"
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    seen: Counter[str] = field(default_factory=Counter)

    def request(self, path: str, body: Any, *, length: int | None = None, **headers: str) -> bytes:
        """A request as bytes; `length` is what it says of its body."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = [f"POST {path} HTTP/1.1", "host: 127.0.0.1", f"authorization: Bearer {self.key}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines += ["content-type: application/json", "connection: close"]
        return "\r\n".join([*lines, f"content-length: {len(raw) if length is None else length}", "", ""]).encode() + raw

    def chat(self, *, path: str = "/v1/chat/completions", **more: Any) -> bytes:
        """A question that no other is like."""
        text = f"Tell me about {self.chance.random()}"
        asked = {"model": self.model, "messages": [{"role": "user", "content": text}], "stream": True}
        return self.request(path, {**asked, "max_tokens": 24, "ignore_eos": True, **more})

    def dial(self, *, buffer: int = 0) -> socket.socket:
        """A connection; with a `buffer`, one that takes in little."""
        made = socket.socket()
        if buffer:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        made.settimeout(TIMEOUT_S)
        made.connect(("127.0.0.1", self.port))
        return made

    def exchange(self, sent: bytes) -> bytes:
        """Send, and read to the end."""
        with self.dial() as line:
            line.sendall(sent)
            got = bytearray()
            while piece := line.recv(1 << 16):
                got += piece
            return bytes(got)

    def begin(self, sent: bytes, *, buffer: int = 0) -> socket.socket:
        """Send, and read until the model has said something."""
        line = self.dial(buffer=buffer)
        line.sendall(sent)
        got = b""
        while b'"delta":{"content":"' not in got and b"reasoning_content" not in got:
            piece = line.recv(4096)
            got += piece
            if not piece or status(got) not in (0, 200):
                line.close()
                raise Refused(status(got), got)
        return line

    # --- ways to behave -----------------------------------------------------------------------------------------------

    def listen(self) -> None:
        """Ask, and read it all: an answer, "come later", or an end that says that the model is gone."""
        self._note("listen", self.exchange(self.chat()))

    def whole(self) -> None:
        """Ask without a stream."""
        self._note("whole", self.exchange(self.chat(stream=False, max_tokens=8)))

    def vanish(self) -> None:
        """Leave in the middle: in good order, or as a machine that has lost its power."""
        try:
            line = self.begin(self.chat(**LONG))
        except Refused as refused:
            self._note("vanish", refused.reply)
            return
        if self.chance.random() < 0.5:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset
        line.close()
        self.seen["vanish: left"] += 1

    def leave_at_once(self) -> None:
        """Leave before there can be an answer: while the prompt is read, or while others are answered."""
        with self.dial() as line:
            line.sendall(self.chat(stream=self.chance.random() < 0.5, **LONG))
            time.sleep(self.chance.random() * 0.05)
        self.seen["leave at once"] += 1

    def stall(self) -> None:
        """Do not read; then leave."""
        try:
            line = self.begin(self.chat(**LONG), buffer=4096)
        except Refused as refused:
            self._note("stall", refused.reply)
            return
        time.sleep(self.chance.random())
        line.close()
        self.seen["stall: left"] += 1

    def halve(self) -> None:
        """Send half of a request, wait a little, leave."""
        whole = self.chat()
        with self.dial() as line:
            line.sendall(whole[: self.chance.randrange(1, len(whole))])
            time.sleep(self.chance.random() * 0.2)
        self.seen["halve"] += 1

    def promise(self) -> None:
        """Promise more than is sent, and say that that was all."""
        with self.dial() as line:
            line.sendall(self.request("/v1/chat/completions", b'{"model": "tiny"', length=1000))
            line.shutdown(socket.SHUT_WR)
            line.recv(1 << 16)
        self.seen["promise"] += 1

    def ask_too_much(self) -> None:
        """A prompt beyond the room, too many answers, a body beyond bounds, nonsense: refused, and why."""
        long_ = [{"role": "user", "content": "word " * ROOM}]
        asked = self.chance.choice(
            [
                self.chat(messages=long_),
                self.chat(n=100_000),
                self.chat(logprobs=True, top_logprobs=10_000),
                self.chat(
                    response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": {"$ref": "#/x"}}}
                ),
                self.request("/v1/chat/completions", b"{" * 5000),
                self.chat(guided_regex="(a|b" * 50),
            ]
        )
        got = self.exchange(asked)
        assert status(got) in (400, 413, 429, 503), got[:600]
        self.seen[f"too much: {status(got)}"] += 1

    def cancel(self) -> None:
        """Have it done later, and cancel that."""
        task = {"model": self.model, "input": {"messages": [{"role": "user", "content": "Hi"}]}}
        path = "/api/v1/services/aigc/text-generation/generation"
        got = self.exchange(self.request(path, task, **{"x-dashscope-async": "enable"}))
        if status(got) == 200:
            name = json.loads(got.partition(b"\r\n\r\n")[2])["output"]["task_id"]
            got = self.exchange(self.request(f"/api/v1/tasks/{name}/cancel", b""))
        assert status(got) in (200, 400, 409, 429, 503), got[:600]  # it may have run already
        self.seen[f"cancel: {status(got)}"] += 1

    @property
    def ways(self) -> tuple[Callable[[], None], ...]:
        """All of them, those that read to the end more often."""
        return (
            self.listen, self.listen, self.listen, self.whole, self.vanish, self.vanish, self.leave_at_once, self.stall,
            self.halve, self.promise, self.ask_too_much, self.cancel,
        )  # fmt: skip

    def _note(self, way: str, got: bytes) -> None:
        """Book a reply: nothing but an answer, a refusal for now with a time, or an end that says so, is fine."""
        code = status(got)
        assert code in (200, 429, 503), got[:600]
        if code == 200:
            ended = b"data: [DONE]" in got or b'"finish_reason":"' in got
            failed = b'"error":{' in got
            assert ended or failed, got[-600:]
            self.seen[f"{way}: {'answered' if ended else 'ended by an error'}"] += 1
            return
        assert b"retry-after:" in got.lower(), got[:600]
        self.seen[f"{way}: {code}"] += 1


class Refused(Exception):
    """A stream did not begin."""

    def __init__(self, code: int, reply: bytes) -> None:
        super().__init__(code)
        self.reply = reply


def status(reply: bytes) -> int:
    """The status of a reply; 0 if there is none yet."""
    return int(reply[9:12]) if len(reply) >= 12 else 0
