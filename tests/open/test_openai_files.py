"""Files and batches of OpenAI's door, and who leaves in the middle of an answer."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import openai
import pytest

from sampan.dialects.open.openai.batches import OpenAiDoor
from sampan.kernel.asking import Usage
from sampan.kernel.fault import Fault, Kind
from sampan.services.inference.model import Answer, Batch, BatchState, Choice, Embedding, Finish
from tests.inference.scripted import Script, said
from tests.open.test_openai_chat import HI, sdk
from tests.open.test_openai_rest import ASK
from tests.open.world import OTHERS_KEY, House, Wire

LEAVING_S_MAX = 0.1


# --- files ------------------------------------------------------------------------------------------------------------


def part(name: str, value: str, file: bool = False) -> str:
    more = '; filename="a.jsonl"' if file else ""
    return f'--x\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{value}\r\n'


FILE = part("file", "{}", file=True)
BATCH = part("purpose", "batch")
NOW = part("expires_after[anchor]", "now")


def upload(house: House, *parts: str, kind: str = "multipart/form-data; boundary=x") -> Any:
    body = "".join(parts) + "--x--\r\n"
    return house.send("POST", "/v1/files", body.encode(), content_type=kind)


@pytest.mark.parametrize("parts", [(BATCH, FILE), (FILE, BATCH)], ids=["purpose first", "file first"])
def test_a_file_is_uploaded(house: House, parts: tuple[str, ...]) -> None:
    made = upload(house, *parts).json
    assert (made["object"], made["bytes"], made["filename"], made["purpose"]) == ("file", 2, "a.jsonl", "batch")
    assert made["id"].startswith("file-")
    assert house.send("GET", f"/v1/files/{made['id']}/content").body == b"{}"
    assert house.send("GET", f"/v1/files/{made['id']}/content", key=OTHERS_KEY).status == 404


@pytest.mark.parametrize(
    ("parts", "param"),
    [
        ((FILE,), "purpose"),
        ((BATCH,), "file"),
        ((part("purpose", "world peace"), FILE), "purpose"),
        ((BATCH, part("document", "{}", file=True)), "file"),
        ((BATCH, part("expires_after[seconds]", "5"), FILE), "expires_after[seconds]"),
        ((BATCH, part("expires_after[seconds]", "x"), FILE), "expires_after[seconds]"),
        ((BATCH, part("expires_after[seconds]", "3600"), NOW, FILE), "expires_after[anchor]"),
        ((BATCH, FILE, FILE), None),
    ],
)  # fmt: skip
def test_files_that_cannot_be(house: House, parts: tuple[str, ...], param: str | None) -> None:
    reply = upload(house, *parts)
    assert (reply.status, reply.json["error"]["param"]) == (400, param)
    assert house.send("GET", "/v1/files").json["data"] == []


def test_a_file_that_ends_early(house: House) -> None:
    reply = house.send("POST", "/v1/files", (BATCH + FILE).encode(), content_type="multipart/form-data; boundary=x")
    assert reply.status == 400
    assert upload(house, BATCH, FILE, kind="application/json").status == 400
    assert house.send("GET", "/v1/files").json["data"] == []


def test_a_file_expires(house: House) -> None:
    made = house.run(
        sdk(house).files.create(
            file=("a", b"x"), purpose="batch", expires_after={"anchor": "created_at", "seconds": 3600}
        )
    )
    assert made.expires_at == made.created_at + 3600


def test_files_page_by_page(house: House) -> None:
    for number in range(5):
        house.world.clock.ms += 1000
        house.run(sdk(house).files.create(file=(f"{number}", b"x"), purpose="batch" if number % 2 else "user_data"))

    def names(**more: Any) -> list[str]:
        async def read() -> list[str]:
            return [file.filename async for file in sdk(house).files.list(**more)]

        return house.run(read())

    assert names(limit=2) == ["4", "3", "2", "1", "0"]
    assert names(limit=2, order="asc") == ["0", "1", "2", "3", "4"]
    assert names(purpose="batch") == ["3", "1"]
    assert house.send("GET", "/v1/files?limit=0").status == 400
    assert house.send("GET", "/v1/files?order=sideways").status == 400


# --- batches ----------------------------------------------------------------------------------------------------------


def line(**more: Any) -> bytes:
    asked = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": ASK} | more
    return json.dumps(asked).encode()


def test_the_lines_of_a_batch() -> None:
    door, usage = OpenAiDoor(), Usage(1, 0, 2)
    assert door.name(line()) == "a"
    command = door.command("/v1/chat/completions", line(body=ASK | {"stream": True}))
    assert command.stream is False  # type: ignore[attr-defined]
    answer = Answer("chatcmpl-1", "qwen", "qwen", 0, (Choice(0, "Hi", Finish.STOP),), usage)
    document = door.result(command, answer)
    assert json.loads(document)["choices"][0]["message"]["content"] == "Hi"
    row = json.loads(door.entry("9", line(), document, None))
    assert (row["custom_id"], row["response"]["status_code"], row["error"]) == ("a", 200, None)
    assert row["response"]["body"]["id"] == "chatcmpl-1"
    fault = Fault(Kind.MISSING, "model", model="none")
    row = json.loads(door.entry("9", line(), door.refusal(fault), fault))
    assert (row["response"]["status_code"], row["response"]["body"]["error"]["code"]) == (404, "model_not_found")
    for endpoint, body, value in (
        ("/v1/completions", {"model": "m", "prompt": "x"}, answer),
        ("/v1/responses", {"model": "m", "input": "x"}, answer),
        ("/v1/embeddings", {"model": "m", "input": "x"}, Embedding(((1.0,),), usage)),
    ):
        command = door.command(endpoint, line(url=endpoint, body=body))
        assert json.loads(door.result(command, value))["usage"]["total_tokens"] > 0


@pytest.mark.parametrize("raw", [b"", b"{}", b"\xff", line(custom_id=None), line(method="GET"), line(custom_id="")])
def test_what_is_no_line(raw: bytes) -> None:
    with pytest.raises(Fault) as caught:
        OpenAiDoor().name(raw)
    assert (caught.value.kind, caught.value.noun) == (Kind.INVALID, "file")


@pytest.mark.parametrize("raw", [line(url="/v1/embeddings"), line(body={}), line(body=None), line(body="x")])
def test_lines_that_cannot_be_asked(raw: bytes) -> None:
    with pytest.raises(Fault) as caught:
        OpenAiDoor().command("/v1/chat/completions", raw)
    assert caught.value.kind is Kind.INVALID


@pytest.mark.parametrize("state", BatchState)
def test_a_batch_in_every_state(state: BatchState) -> None:
    from sampan.dialects.open.openai.batches import shown

    batch = Batch("batch_1", "d", "/v1/x", "file-1", state, 1000, 9000, 3600, ended_ms=5000, errors=("bad",))
    got = openai.types.Batch.model_validate(shown(batch))
    assert got.completion_window == "1h"
    assert got.errors is not None and got.errors.data is not None and got.errors.data[0].message == "bad"
    ends = [got.completed_at, got.failed_at, got.expired_at, got.cancelled_at]
    assert ends.count(5) == (state in (BatchState.DONE, BatchState.FAILED, BatchState.EXPIRED, BatchState.CANCELLED))


# --- who leaves -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", {"messages": HI}),
        ("/v1/responses", {"input": "x"}),
        ("/v1/completions", {"prompt": "x"}),
        ("/v1/completions", {"prompt": ["x", "y"]}),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_who_leaves_frees_the_place(house: House, path: str, body: dict[str, Any], stream: bool) -> None:
    house.world.scripts["/qwen"] = Script(said("a", "b"), gate=asyncio.Event())
    engine = house.world.engine

    async def run() -> float:
        wire = Wire(house.gateway)
        task = asyncio.create_task(wire.post(path, {"model": "qwen", "stream": stream} | body))
        while not engine.open:  # noqa: ASYNC110 - the engine is a script, and tells nobody
            await asyncio.sleep(0)
        if stream:
            assert b"a" in await anext(wire.body())
        begun = time.monotonic()
        wire.left.set()
        while engine.open:
            assert time.monotonic() - begun < 10
            await asyncio.sleep(0)
        took = time.monotonic() - begun
        await task
        return took

    assert house.run(run()) < LEAVING_S_MAX


def test_the_first_piece_goes_out_at_once(house: House) -> None:
    gate = asyncio.Event()
    house.world.scripts["/qwen"] = Script(said("first", "second"), gate=gate)

    async def run() -> None:
        wire = Wire(house.gateway)
        task = asyncio.create_task(wire.post("/v1/chat/completions", ASK | {"stream": True}))
        body = wire.body()
        assert b"first" in await asyncio.wait_for(anext(body), 5)
        gate.set()
        rest = b"".join([chunk async for chunk in body])
        assert b"second" in rest
        assert rest.endswith(b"data: [DONE]\n\n")
        await task

    house.run(run())
