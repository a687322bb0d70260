"""Answers, whole and streamed, and what becomes of them when a backend fails."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sampan.kernel.fault import Fault, Kind
from sampan.services.inference import model as m
from tests.inference.scripted import Script, said
from tests.inference.world import ALICE, World, fixed, question

Make = Callable[..., World]
DOWN = Fault(Kind.UNAVAILABLE, "model", retry_after_s=3)
DIED = Fault(Kind.UNAVAILABLE, "answer")


def test_an_answer_is_whole(world: World) -> None:
    answer = world.ask(prefix="chatcmpl-")
    assert [choice.text for choice in answer.choices] == ["Hello, world"]
    assert (answer.model, answer.deployment, answer.usage) == ("qwen", "qwen", m.Usage(3, answer_tokens=3))
    assert answer.id.startswith("chatcmpl-") and len(answer.id) == len("chatcmpl-") + 32
    assert world.engine.asked[0][1].tenant == ALICE.account


def test_streamed_and_whole_agree(world: World) -> None:
    stream = world.run(m.Generate(model="qwen-plus", ask=question(), stream=True))
    assert (stream.model, stream.deployment) == ("qwen-plus", "qwen")
    assert m.whole(world.pieces(stream)) == (world.ask().choices, world.ask().usage)
    assert world.engine.open == 0


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_stream_that_is_closed_early_frees_the_engine(world: World, count: int) -> None:
    stream = world.run(m.Generate(model="qwen", ask=question(), stream=True))
    assert world.engine.open == 1
    if count:
        assert len(world.pieces(stream, count)) == count
    else:
        world.wait(stream.pieces.aclose())
    world.wait(stream.pieces.aclose())
    assert world.engine.open == 0


@pytest.mark.parametrize("name", ["other", "", "../qwen", "q" * 300, "qw\0en"])
def test_what_is_not_there_is_missing(world: World, name: str) -> None:
    fault = world.fault(m.Generate(model=name, ask=question()))
    assert (fault.kind, fault.noun, fault.facts["model"]) == (Kind.MISSING, "model", name[:256])


def test_a_model_is_asked_for_what_it_is_for(make_world: Make) -> None:
    world = make_world(vectors=fixed("vectors", "/vectors"), ranks=fixed("ranks", "/ranks"))
    assert world.run(m.Embed(model="vectors", texts=("abc", (1, 2)))).vectors == ((3.0, 0.0), (2.0, 0.0))
    assert world.run(m.Rank(model="ranks", query="b", documents=("abc", "xyz"))).scores == (1.0, 0.0)
    assert world.run(m.Tokenize(model="qwen", ask=question("ab"))).ids == (97, 98)
    assert world.run(m.Detokenize(model="qwen", tokens=(97, 98))) == "ab"
    for command in (
        m.Generate(model="vectors", ask=question()),
        m.Embed(model="qwen", texts=("a",)),
        m.Rank(model="vectors", query="a", documents=("a",)),
    ):
        fault = world.fault(command)
        assert (fault.kind, fault.noun, fault.facts["model"]) == (Kind.MISMATCH, "model", command.model)


def test_a_private_model_is_missing_to_others(make_world: Make) -> None:
    world = make_world(secret=fixed("secret", "/qwen", shared=False))
    assert world.fault(m.Generate(model="secret", ask=question())).kind is Kind.MISSING


# --- several backends -------------------------------------------------------------------------------------------------


def two(make_world: Make, first: Script, second: Script) -> World:
    world = make_world(pair=fixed("pair", "/a", "/b"))
    world.scripts |= {"/a": first, "/b": second}
    return world


@pytest.mark.parametrize("stream", [False, True])
def test_the_next_backend_answers_when_the_first_cannot(stream: bool, make_world: Make) -> None:
    world = two(make_world, Script([DOWN]), Script(said("b")))
    for _ in range(2):
        answer = world.run(m.Generate(model="pair", ask=question(), stream=stream))
        choices = m.whole(world.pieces(answer))[0] if stream else answer.choices
        assert [choice.text for choice in choices] == ["b"]
    # The second time the first one was still resting: it was not asked again.
    assert [ref.source for ref, _ in world.engine.asked] == ["/a", "/b", "/b"]
    world.clock.ms += 3001
    world.ask(model="pair")
    assert world.engine.asked[-2][0].source == "/a"


def test_text_that_was_streamed_is_never_said_again(make_world: Make) -> None:
    world = two(make_world, Script([*said("one", "two")[:1], DIED]), Script(said("b")))
    stream = world.run(m.Generate(model="pair", ask=question(), stream=True))
    with pytest.raises(Fault) as caught:
        world.pieces(stream)
    assert caught.value is DIED
    assert [ref.source for ref, _ in world.engine.asked] == ["/a"]


def test_an_answer_that_nobody_saw_yet_is_asked_for_again(make_world: Make) -> None:
    world = two(make_world, Script([*said("one", "two")[:1], DIED]), Script(said("b")))
    assert [choice.text for choice in world.ask(model="pair").choices] == ["b"]


@pytest.mark.parametrize("fault", [Fault(Kind.TOO_LARGE, "prompt"), Fault(Kind.INVALID, "request", field="top_k")])
def test_what_every_backend_would_refuse_is_refused_at_once(fault: Fault, make_world: Make) -> None:
    world = two(make_world, Script([fault]), Script(said("b")))
    assert world.fault(m.Generate(model="pair", ask=question())) is fault
    assert len(world.engine.asked) == 1


def test_when_none_can_the_last_one_says_why(make_world: Make) -> None:
    world = two(make_world, Script([Fault(Kind.MISSING, "model")]), Script([DOWN]))
    fault = world.fault(m.Generate(model="pair", ask=question()))
    assert (fault, fault.facts["model"], fault.facts["retry_after_s"]) == (DOWN, "pair", 3)
    # All rest now, and are asked all the same: nobody else is there.
    assert world.fault(m.Generate(model="pair", ask=question())) is not None


def test_nothing_said_is_no_answer(world: World) -> None:
    world.scripts["/qwen"] = Script([])
    for stream in (False, True):
        fault = world.fault(m.Generate(model="qwen", ask=question(), stream=stream))
        assert (fault.kind, fault.noun) == (Kind.UNAVAILABLE, "answer")
