"""The service over the real engine and a real server: what holds whatever the door, and what a kill leaves."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sampan import app, config
from sampan.kernel.command import Command
from sampan.services.inference.model import (
    Backend,
    BatchState,
    Deploy,
    EngineKind,
    GetBatch,
    ListUsage,
    Metered,
    Quota,
    SetQuota,
    Undeploy,
)
from tests.harness import Server
from tests.models.conftest import ROOT, TABLES, Cloud, api_keys

openai = pytest.importorskip("openai", reason="the SDK is not installed: pip install 'sampan[test]'")

WAIT_S = 60


def client(server: Server, key: str) -> Any:
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key=key, max_retries=0, timeout=WAIT_S)


def say(api: Any, text: str, **more: Any) -> Any:
    more = {"model": "tiny", "max_tokens": 8, "temperature": 0, "seed": 1} | more
    return api.chat.completions.create(messages=[{"role": "user", "content": text}], **more)


def until(holds: Callable[[], Any], what: str) -> Any:
    end = time.monotonic() + WAIT_S
    while not (found := holds()):
        assert time.monotonic() < end, f"{what} did not come"
        time.sleep(0.05)
    return found


def used(server: Server) -> list[Metered]:
    """What the root used today and yesterday: a day may end in the middle of a test."""
    days = [datetime.fromtimestamp(time.time() - ago_s, UTC).date().isoformat() for ago_s in (86_400, 0)]
    return list(told(server, ListUsage(first_day=days[0], last_day=days[1])))


def told(server: Server, command: Command) -> Any:
    """What the operator is told by a command, beside the running server."""
    settings = config.load({"data": str(server.data)}, {}, server.data)
    with app.open_inference(settings, running=server.running) as inference:
        return asyncio.run(inference.handlers[type(command)](ROOT, command))  # type: ignore[arg-type]


def line(name: str, **more: Any) -> str:
    body = {"model": "tiny", "max_tokens": 8, "messages": [{"role": "user", "content": name}]} | more
    return json.dumps({"custom_id": name, "method": "POST", "url": "/v1/chat/completions", "body": body})


def batch_of(api: Any, names: list[str], **more: Any) -> Any:
    text = "\n".join(line(name, **more) for name in names).encode()
    file = api.files.create(file=("in.jsonl", io.BytesIO(text)), purpose="batch")
    return api.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")


# --- one server for many ----------------------------------------------------------------------------------------------


def test_an_alias_and_its_model_say_the_same(cloud: Cloud) -> None:
    api = client(cloud.server, cloud.key)
    one, two = say(api, "Hello"), say(api, "Hello", model="gpt-4o-mini")
    assert one.choices[0].message.content == two.choices[0].message.content
    assert one.usage.completion_tokens > 0


def test_nothing_of_one_account_is_seen_by_another(cloud: Cloud) -> None:
    mine, other = client(cloud.server, cloud.key), client(cloud.server, cloud.other_key)
    kept = mine.responses.create(model="tiny", input="a secret", max_output_tokens=16)
    batch = batch_of(mine, ["secret"])
    for call in (
        lambda: other.responses.retrieve(kept.id),
        lambda: other.responses.create(model="tiny", input="go on", previous_response_id=kept.id),
        lambda: other.responses.delete(kept.id),
        lambda: other.files.retrieve(batch.input_file_id),
        lambda: other.files.content(batch.input_file_id),
        lambda: other.files.delete(batch.input_file_id),
        lambda: other.batches.retrieve(batch.id),
        lambda: other.batches.cancel(batch.id),
    ):
        with pytest.raises((openai.NotFoundError, openai.BadRequestError)) as caught:
            call()
        assert "secret" not in str(caught.value)
    assert list(other.files.list()) == [] and list(other.batches.list()) == []
    assert [file.id for file in mine.files.list() if file.id == batch.input_file_id]


def test_a_quota_holds_over_all_workers(cloud: Cloud) -> None:
    told(cloud.server, SetQuota(quota=Quota(account="", model="tuned", requests_per_minute=6)))
    said: list[int] = []

    def ask() -> None:
        for _ in range(4):  # each over a connection of its own, and so to either worker
            try:
                say(client(cloud.server, cloud.key), "Hi", model="tuned", max_tokens=1)
                said.append(200)
            except openai.RateLimitError as refused:
                assert 0 < float(refused.response.headers["retry-after"]) <= 60
                said.append(429)

    begun = time.monotonic()
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    drained = (time.monotonic() - begun) / 10  # six a minute
    told(cloud.server, SetQuota(quota=Quota(account="", model="tuned")))
    assert len(said) == 16
    assert 6 <= said.count(200) <= 6 + drained + 1


def test_a_client_that_leaves_gives_its_place_back_at_once(cloud: Cloud) -> None:
    told(cloud.server, SetQuota(quota=Quota(account="", model="tuned", in_flight=1)))
    api = client(cloud.server, cloud.key)
    try:
        for _ in range(3):
            stream = say(api, "Hello", model="tuned", stream=True, max_tokens=2000, extra_body={"ignore_eos": True})
            next(iter(stream))
            with pytest.raises(openai.RateLimitError):
                say(api, "Hi", model="tuned")
            stream.close()
            left = time.monotonic()
            until(lambda: answers(lambda: say(api, "Hi", model="tuned", max_tokens=1)), "a place")
            assert time.monotonic() - left < 2  # 0.1 and an answer, on a machine that does other things too
    finally:
        told(cloud.server, SetQuota(quota=Quota(account="", model="tuned")))


def local(cloud: Cloud) -> Backend:
    """The model "tiny", as its table has it: the same one in memory."""
    return Backend(EngineKind.LOCAL, str(cloud.folder / "tiny"), settings={"threads": 1, "cache_bytes": 33554432})


def test_what_is_deployed_while_it_runs_is_known_to_every_worker_at_once(cloud: Cloud) -> None:
    told(cloud.server, Deploy(model="late", backends=(local(cloud),)))
    try:
        wanted = say(client(cloud.server, cloud.key), "Hello").choices[0].message.content
        for _ in range(8):  # each over a connection of its own
            found = say(client(cloud.server, cloud.other_key), "Hello", model="late")
            assert found.choices[0].message.content == wanted
        assert "late" in [model.id for model in client(cloud.server, cloud.key).models.list()]
    finally:
        told(cloud.server, Undeploy(model="late"))
    for _ in range(8):
        with pytest.raises(openai.NotFoundError):
            say(client(cloud.server, cloud.key), "Hello", model="late")


@pytest.mark.parametrize("stream", [False, True])
def test_another_backend_answers_in_place_of_one_that_is_down(cloud: Cloud, stream: bool) -> None:
    dead = Backend(EngineKind.OPENAI, "http://127.0.0.1:9/v1", "tiny")
    itself = Backend(EngineKind.OPENAI, f"{cloud.url}/v1", "tiny", cloud.key)
    api = client(cloud.server, cloud.key)
    wanted = say(api, "Hello").choices[0].message.content
    for name, backends in (("near", (dead, local(cloud))), ("far", (dead, itself))):
        told(cloud.server, Deploy(model=name, backends=backends))
        try:
            for _ in range(3):
                found = say(api, "Hello", model=name, stream=stream)
                if stream:
                    text = "".join(chunk.choices[0].delta.content or "" for chunk in found if chunk.choices)
                else:
                    text = found.choices[0].message.content
                assert text == wanted
        finally:
            told(cloud.server, Undeploy(model=name))


def answers(call: Callable[[], Any]) -> bool:
    try:
        call()
    except openai.RateLimitError:
        return False
    return True


# --- a server of one's own, to be killed ------------------------------------------------------------------------------


def test_a_kill_loses_no_line_of_a_batch_and_no_turn_and_seconds_of_use(models_folder: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "sampan.toml").write_text(TABLES.format(folder=models_folder))
    names = [f"n{number}" for number in range(160)]
    with Server(data, "--workers", "2", "--model", "tiny") as server:
        key, _ = api_keys(data)
        api = client(server, key)
        first = say(api, "Hello").usage
        kept = api.responses.create(model="tiny", input="a word", max_output_tokens=16)
        until(lambda: sum(row.requests for row in used(server)) == 2, "use")
        batch = batch_of(api, names, max_tokens=48, ignore_eos=True)
        until(lambda: api.batches.retrieve(batch.id).request_counts.completed >= 5, "a line")
        for worker in server.workers():
            os.kill(worker, signal.SIGKILL)
        so_far = told(server, GetBatch(batch=batch.id))
        assert so_far.state is BatchState.RUNNING
        # New workers come, and one of them goes on.
        until(lambda: told(server, GetBatch(batch=batch.id)).done > so_far.done, "another line")
        server.kill()
        assert told(server, GetBatch(batch=batch.id)).state is BatchState.RUNNING
        before = used(server)[0]
        server.start()
        api = client(server, key)
        done = until(
            lambda: (found := api.batches.retrieve(batch.id)).status in ("completed", "failed") and found, "the end"
        )
        assert (done.status, done.request_counts.completed, done.request_counts.total) == ("completed", 160, 160)
        lines = [json.loads(text) for text in api.files.content(done.output_file_id).text.splitlines()]
        assert [one["custom_id"] for one in lines] == names
        assert all(one["response"]["body"]["usage"]["completion_tokens"] == 48 for one in lines)
        assert api.responses.create(model="tiny", input="go on", previous_response_id=kept.id, max_output_tokens=16)
        # Of what was told before, seconds may be lost, and what was written is.
        assert before.requests >= 2 and before.usage.prompt_tokens >= first.prompt_tokens
        until(lambda: used(server)[0].requests > before.requests, "more use")
        # A stop loses nothing.
        time.sleep(1.5)
        before = used(server)[0]
        say(api, "Bye")
        server.stop()
        assert used(server)[0].requests == before.requests + 1
