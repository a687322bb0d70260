"""What is written down: quotas, use, prices, the request log."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampan.engines.store_memory import MemoryStore
from sampan.kernel.asking import Usage
from sampan.kernel.caller import Caller
from sampan.kernel.fault import Fault, Kind
from sampan.services.inference import books, prices, rows
from sampan.services.inference import model as m
from sampan.services.inference.redaction import redacted
from tests.inference.scripted import Script, said
from tests.inference.world import ALICE, BOB, OPERATOR, World, question

DAY = "2023-11-14"  # of the world's clock
PEM = "PRIVATE KEY"  # no whole head of one stands in a file of ours
TEMPORARY = Caller(ALICE.account, "someone", "ASIATEMP", kind="role", issued_ms=1)


def used(world: World, account: str = "", caller: Caller = ALICE) -> list[m.Metered]:
    world.wait(books.flush(world.service._context))
    return list(world.run(m.ListUsage(first_day=DAY, last_day=DAY, account=account), caller))


# --- quotas -----------------------------------------------------------------------------------------------------------


def quota(world: World, account: str = ALICE.account, **limits: Any) -> None:
    world.run(m.SetQuota(quota=m.Quota(account, **limits)), OPERATOR)


def test_requests_a_minute_drain_steadily(world: World) -> None:
    quota(world, requests_per_minute=2)
    world.ask()
    world.ask()
    fault = world.fault(m.Generate(model="qwen", ask=question()))
    assert (fault.kind, fault.noun, fault.facts) == (Kind.TOO_MANY, "requests", {"limit": 2, "retry_after_s": 30.0})
    world.ask(caller=BOB)  # somebody else's
    world.clock.ms += 29_990
    assert world.fault(m.Generate(model="qwen", ask=question())).noun == "requests"
    world.clock.ms += 11
    world.ask()  # what was promised
    assert world.fault(m.Generate(model="qwen", ask=question())).noun == "requests"


def test_tokens_a_minute_are_those_that_were_used(world: World) -> None:
    quota(world, tokens_per_minute=100)
    world.scripts["/qwen"] = Script(said("long", prompt_tokens=149))
    world.ask()  # taken for 16, and was 150
    fault = world.fault(m.Generate(model="qwen", ask=question()))
    assert fault.noun == "tokens"
    world.clock.ms += round(fault.facts["retry_after_s"] * 1000) - 5
    assert world.fault(m.Generate(model="qwen", ask=question())).noun == "tokens"
    world.clock.ms += 10
    world.ask()


def test_who_asks_for_more_than_a_minutes_worth_waits_and_not_for_ever(world: World) -> None:
    quota(world, tokens_per_minute=10)
    world.ask("x" * 4000)
    assert world.fault(m.Generate(model="qwen", ask=question("x" * 4000))).facts["retry_after_s"] <= 60


def test_what_is_in_flight_counts_until_it_is_closed(world: World) -> None:
    quota(world, in_flight=1)
    stream = world.run(m.Generate(model="qwen", ask=question(), stream=True))
    assert world.fault(m.Embed(model="qwen", texts=("a",))).noun == "model"  # refused before it is counted
    assert world.fault(m.Generate(model="qwen", ask=question())).noun == "in flight"
    world.pieces(stream, 1)
    world.ask()
    lost = world.run(m.Generate(model="qwen", ask=question(), stream=True))
    del lost  # a reader that forgets it
    world.ask()
    world.scripts["/qwen"] = Script([Fault(Kind.TOO_LARGE, "prompt")])
    for _ in range(3):
        assert world.fault(m.Generate(model="qwen", ask=question())).noun == "prompt"


@pytest.mark.parametrize(
    ("account", "key_id", "model", "bears"),
    [
        ("", "", "", True),
        ("", "", "qwen", True),
        (ALICE.account, ALICE.key_id, "qwen", True),
        ("", ALICE.key_id, "", True),
        (BOB.account, "", "", False),
        ("", "AKIAOTHER", "", False),
        ("", "", "other", False),
        ("", "", "qwen-plus", False),
    ],
)
def test_a_quota_bears_on_all_that_it_names(world: World, account: str, key_id: str, model: str, bears: bool) -> None:
    quota(world, account, key_id=key_id, model=model, requests_per_minute=0)
    if bears:
        assert world.fault(m.Generate(model="qwen-plus", ask=question())).noun == "requests"
    else:
        world.ask()
    quota(world, account, key_id=key_id, model=model)
    assert world.run(m.ListQuotas(), OPERATOR) == ()
    world.ask()


def test_a_request_takes_of_all_its_quotas_or_of_none(world: World) -> None:
    quota(world, "", requests_per_minute=3)
    quota(world, requests_per_minute=1)
    world.ask()
    for _ in range(5):
        world.fault(m.Generate(model="qwen", ask=question()))
    world.ask(caller=BOB)
    world.ask(caller=BOB)
    assert world.fault(m.Generate(model="qwen", ask=question()), BOB).facts["limit"] == 3


@pytest.mark.parametrize(
    "bad", [m.Quota("x" * 300), m.Quota("a", requests_per_minute=-1), m.Quota("a\0b", in_flight=1)]
)
def test_bad_quotas_are_refused(world: World, bad: m.Quota) -> None:
    assert (world.fault(m.SetQuota(quota=bad), OPERATOR).noun) == "request"


# --- use and prices ---------------------------------------------------------------------------------------------------


def test_use_is_counted_by_day_account_key_and_model(world: World) -> None:
    world.ask()
    world.pieces(world.run(m.Generate(model="qwen-plus", ask=question(), stream=True)))
    world.ask(caller=BOB)
    world.ask(caller=TEMPORARY)
    alice = m.Metered(DAY, ALICE.account, ALICE.key_id, "qwen", 2, Usage(6, answer_tokens=6))
    role = m.Metered(DAY, ALICE.account, "", "qwen", 1, Usage(3, answer_tokens=3))
    assert used(world) == [role, alice]
    assert [metered.account for metered in used(world, "*", OPERATOR)] == [ALICE.account] * 2 + [BOB.account]
    assert used(world, ALICE.account, OPERATOR) == [role, alice]
    for account in ("*", BOB.account):
        fault = world.fault(m.ListUsage(first_day=DAY, last_day=DAY, account=account))
        assert (fault.kind, fault.noun) == (Kind.DENIED, "action")


def test_what_was_read_counts_when_the_reader_leaves(world: World) -> None:
    stream = world.run(m.Generate(model="qwen", ask=question(), stream=True))
    world.pieces(stream, 2)
    assert used(world)[0].usage == Usage(3, answer_tokens=2)


def test_use_is_added_to_what_is_written(world: World) -> None:
    for count in (1, 2):
        world.ask()
        assert used(world)[0].requests == count
    world.restart()
    world.ask()
    assert used(world)[0].requests == 3


def test_what_cannot_be_written_is_written_later(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(self: object, change: object) -> None:
        raise Fault(Kind.FULL, "store")

    world.ask()
    with monkeypatch.context() as patch:
        patch.setattr(MemoryStore, "write", fails)
        with pytest.raises(Fault):
            used(world)
        world.ask()
    assert used(world)[0].requests == 2


def test_a_worker_that_stops_writes_all(world: World) -> None:
    async def stop() -> None:
        task = asyncio.create_task(world.service.accompany())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    world.ask()
    world.wait(stop())
    assert world.run(m.ListUsage(first_day=DAY, last_day=DAY))[0].requests == 1


def test_a_price_is_that_of_the_day(world: World) -> None:
    world.ask()
    assert (used(world)[0].cost, used(world)[0].currency) == ("", "")
    world.run(m.SetPrice(price=m.Price("qwen-plus", "USD", "0.4", "1.25", "0.1")), OPERATOR)
    assert world.run(m.ListPrices(), OPERATOR) == (m.Price("qwen", "USD", "0.4", "1.25", "0.1"),)
    world.ask()
    free, priced = used(world)
    assert (free.cost, priced.cost, priced.currency) == ("", "0.00000495", "USD")
    world.run(m.SetPrice(price=m.Price("qwen", "USD", "100", "100")), OPERATOR)
    assert used(world)[1] == priced


def test_a_cost_may_be_large(world: World) -> None:
    world.run(m.SetPrice(price=m.Price("qwen", "VND", "999999.999999", "999999")), OPERATOR)
    world.scripts["/qwen"] = Script(said("x", prompt_tokens=10**9))
    for _ in range(30):
        world.ask()
    assert used(world)[0].cost == "30000000029.96997"  # more than 64 bits of its unit


AMOUNTS = st.decimals(0, 999_999, places=6).map(lambda amount: f"{amount:f}")


@given(AMOUNTS, AMOUNTS, AMOUNTS | st.none(), *[st.integers(0, 10**6)] * 3)
@settings(max_examples=200, deadline=None)
def test_costs_are_exact(prompt: str, answer: str, shared: str | None, n: int, of_it: int, said: int) -> None:
    of_it = min(n, of_it)
    row = rows.UsageRow(prompt=n, shared=of_it, answer=said)
    told = Decimal(prices.written(prices.cost(m.Price("m", "EUR", prompt, answer, shared), row)))
    wanted = (n - of_it) * Decimal(prompt) + of_it * Decimal(prompt if shared is None else shared)
    assert told == (wanted + said * Decimal(answer)) / 10**6


@pytest.mark.parametrize(
    "bad", [("qwen", "USD", "-1", "1"), ("qwen", "USD", "1e3", "1"), ("qwen", "$", "1", "1"), ("none", "USD", "1", "1")]
)
def test_bad_prices_are_refused(world: World, bad: tuple[str, str, str, str]) -> None:
    world.fault(m.SetPrice(price=m.Price(*bad)), OPERATOR)
    assert world.run(m.ListPrices(), OPERATOR) == ()


@pytest.mark.parametrize("day", ["2023-1-1", "yesterday", "2023-02-30", "9999-12-31", ""])
def test_bad_days_are_refused(world: World, day: str) -> None:
    if day == "9999-12-31":
        assert world.fault(m.ListUsage(first_day=DAY, last_day=day)).facts["field"] == "first_day"
    else:
        assert world.fault(m.ListUsage(first_day=day, last_day=DAY)).facts["field"] == "first_day"


# --- the request log --------------------------------------------------------------------------------------------------


def logged(world: World, **more: Any) -> list[m.Logged]:
    world.wait(books.flush(world.service._context))
    return list(world.run(m.ListLogged(**more), OPERATOR))


def test_nothing_is_logged_unless_asked_for_and_no_texts_unless_asked_for(world: World) -> None:
    world.ask()
    assert logged(world) == []
    world.run(m.SetLogging(logging=m.Logging(share=1.0)), OPERATOR)
    answer = world.ask("my password: hunter22", model="qwen-plus")
    (line,) = logged(world)
    assert (line.model, line.deployment) == ("qwen-plus", "qwen")
    assert (line.id, line.account, line.finish, line.asked, line.said) == (answer.id, ALICE.account, "stop", "", "")
    world.run(m.SetLogging(logging=m.Logging(share=1.0, texts=True)), OPERATOR)
    world.clock.ms += 1
    world.ask("my password: hunter22, hello")
    line = logged(world)[0]
    assert (line.asked, line.said) == ("user: my password: [redacted], hello", "Hello, world")
    assert line.first_ms is None
    world.clock.ms += 1
    world.pieces(world.run(m.Generate(model="qwen", ask=question(), stream=True)))
    line = logged(world, limit=1)[0]
    assert (line.said, line.first_ms) == ("Hello, world", 0)


def test_faults_and_readers_that_left_are_logged_as_such(world: World) -> None:
    world.run(m.SetLogging(logging=m.Logging(share=1.0)), OPERATOR)
    world.pieces(world.run(m.Generate(model="qwen", ask=question(), stream=True)), 1)
    world.clock.ms += 1
    world.scripts["/qwen"] = Script([Fault(Kind.TOO_LARGE, "prompt", "9 tokens")])
    world.fault(m.Generate(model="qwen", ask=question()), BOB)
    assert [line.finish for line in logged(world)] == ["prompt: too large (9 tokens)", "left"]
    assert [line.account for line in logged(world, account=BOB.account)] == [BOB.account]


def test_a_share_is_a_share(world: World) -> None:
    world.run(m.SetLogging(logging=m.Logging(share=0.25)), OPERATOR)
    for _ in range(400):
        world.ask()
    assert 50 <= len(logged(world, limit=1000)) <= 150  # five standard deviations
    assert world.fault(m.SetLogging(logging=m.Logging(share=1.5)), OPERATOR).noun == "request"


@pytest.mark.parametrize(
    "secret",
    [
        "AKIAIOSFODNN7EXAMPLE",
        "sk-proj-abcdefghijklmnop1234",
        "LTAI5tAbCdEfGhIjKlMn",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
        "4111 1111 1111 1111",
        "someone@example.org",
        f"-----BEGIN RSA {PEM}-----\nMIIE\n-----END RSA {PEM}-----",
    ],
)
def test_secrets_are_masked_wherever_they_stand(secret: str) -> None:
    for around in ("{}", "see {} there", "键是{}。", '"{}"'):
        assert secret not in redacted(around.format(secret))
        assert "[redacted]" in redacted(around.format(secret))


@pytest.mark.parametrize(
    "text", ["hello 你好", "the task is at 4111 1111 1111 1112", "skipping-the-queue", "tokens: 12", "a@b"]
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redacted(text) == text


@pytest.mark.parametrize(
    "command",
    [
        m.SetQuota(quota=m.Quota("", in_flight=1)),
        m.ListQuotas(),
        m.SetPrice(price=m.Price("qwen", "USD", "1", "1")),
        m.ListPrices(),
        m.SetLogging(logging=m.Logging(1.0, True)),
        m.ListLogged(),
        m.Deploy(model="new", backends=(m.Backend(m.EngineKind.LOCAL, "/qwen"),)),
        m.Undeploy(model="qwen"),
        m.LoadModel(model="qwen"),
        m.SetModelAlias(model="qwen", alias="gpt"),
    ],
    ids=lambda command: type(command).__name__,
)
def test_the_operators_commands_are_the_operators(world: World, command: m.Command) -> None:
    fault = world.fault(command)
    assert (fault.kind, fault.noun) == (Kind.DENIED, "action")
