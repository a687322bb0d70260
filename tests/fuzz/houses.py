"""The doors to models over one service and a scripted engine, in this process, with somebody else's secrets in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from sampan.dialects.aliyun.dashscope.dialect import DashScopeDialect
from sampan.dialects.aliyun.dashscope.later import DashScopeDoor
from sampan.dialects.aws.bedrock.dialect import BedrockDialect, BedrockRuntimeDialect
from sampan.dialects.open.anthropic.dialect import AnthropicDialect
from sampan.dialects.open.openai.batches import DOOR, OpenAiDoor
from sampan.dialects.open.openai.dialect import OpenAiDialect
from tests.inference.world import ALICE, World, fixed, until
from tests.open.world import KEY, OTHERS_KEY, Answered, House

SECRET = "hunter2-of-bob"
DOORS = ("openai", "anthropic", "dashscope", "bedrock", "bedrock-control")
FORM = {"content_type": "multipart/form-data; boundary=B"}


@dataclass(frozen=True)
class Street:
    """All doors; `ids` are what Alice has, `others` what Bob has (files, batches, turns, tasks)."""

    world: World
    houses: dict[str, House]
    ids: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)

    def send(
        self, door: str, method: str, path: str, body: bytes | dict[str, Any] = b"", key: str = KEY, **headers: str
    ) -> Answered:
        """One request, with what the door's clients always send."""
        if door == "anthropic":
            headers = {"anthropic_version": "2023-06-01", **headers}
        return self.houses[door].send(method, path, body, key=key, **headers)

    def leaks(self, reply: Answered, sent: bytes) -> list[str]:
        """What of Bob's is in a reply to Alice, or in what a model was asked for her; ids that she named herself may be
        told back."""
        asked = [ask for _, ask in self.world.engine.asked if ask.tenant == ALICE.account]
        told = reply.body + repr((reply.headers, asked)).encode()
        self.world.engine.asked.clear()
        found = [SECRET] if SECRET.encode() in told else []
        return found + [one for one in self.others if one.encode() in told and one.encode() not in sent]


def street(folder: Path) -> Street:
    """Alice's and Bob's things in one world."""
    world = World(folder, vectors=fixed("vectors", "/vectors"), ranks=fixed("ranks", "/ranks"))
    world.context.doors.update({DOOR: OpenAiDoor(), DashScopeDialect.name: DashScopeDoor()})  # type: ignore[attr-defined]
    dialects = (
        OpenAiDialect(),
        AnthropicDialect(),
        DashScopeDialect(),
        BedrockRuntimeDialect("eu-west-3", world.clock),
        BedrockDialect("eu-west-3"),
    )
    made = Street(world, {name: House(one, folder, world) for name, one in zip(DOORS, dialects, strict=True)})
    made.ids.extend(_things(made, KEY, "mine"))
    made.others.extend(_things(made, OTHERS_KEY, SECRET))
    world.wait(until(lambda: not world.context.tasks))
    return made


def _things(street: Street, key: str, words: str) -> Sequence[str]:
    """One of each thing that an account can have, with these words in it. -> their ids"""

    def post(door: str, path: str, body: bytes | dict[str, Any], **headers: str) -> Any:
        reply = street.send(door, "POST", path, body, key, **headers)
        assert reply.status == 200, reply
        return reply.json

    chat = {"model": "qwen", "messages": [{"role": "user", "content": words}]}
    line = {"custom_id": words, "method": "POST", "url": "/v1/chat/completions", "body": chat}
    file = post("openai", "/v1/files", upload(words, msgspec.json.encode(line), "batch", "file"), **FORM)["id"]
    described = post("dashscope", "/api/v1/files", upload(words, words.encode(), "fine_tune", "files"), **FORM)
    batch = {"input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    turn = {"model": "qwen", "input": words, "instructions": words, "store": True}
    task = {"model": "qwen", "input": {"messages": [{"role": "user", "content": words}]}}
    begun = post("dashscope", "/api/v1/services/aigc/text-generation/generation", task, x_dashscope_async="enable")
    return [
        file,
        described["data"]["uploaded_files"][0]["file_id"],
        post("openai", "/v1/batches", {**batch, "metadata": {"of": words}})["id"],
        post("openai", "/v1/responses", turn)["id"],
        begun["output"]["task_id"],
    ]


def upload(name: str, content: bytes, purpose: str, field: str) -> bytes:
    """A form with a file, as `FORM` says."""
    head = f'--B\r\ncontent-disposition: form-data; name="purpose"\r\n\r\n{purpose}\r\n--B\r\n'
    head += f'content-disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'
    return head.encode() + content + b"\r\n--B--\r\n"
