"""Questions become prompts and requests, updates become pieces: tools, shapes, reasoning, echo, chances, refusals."""

from __future__ import annotations

import json

import pytest

from sampan.llm.engine import Engine, Options
from sampan.llm.errors import PromptError, RequestError
from sampan.llm.hearing import Hearing
from sampan.llm.request import Update
from sampan.llm.talk import _CLOSING, Talk
from sampan.llm.values import Ask, Call, Message, Part, Piece, Shape, Tool, Wishes
from tests.llm import folders

SCHEMA = {
    "type": "object",
    "properties": {"city": {"enum": ["Paris", "Köln"]}, "days": {"type": "array", "items": {"$ref": "#/$defs/day"}}},
    "required": ["city", "days"],
    "additionalProperties": False,
    "$defs": {"day": {"type": "boolean"}},
}
WEATHER = Tool("weather", "tells the weather", SCHEMA)
STOP = Tool("stop", "stops", {"properties": {}, "additionalProperties": False})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return folders.chat(tmp_path_factory.mktemp("talk") / "chat")


@pytest.fixture(scope="module")
def talk(folder):
    return Talk(Engine.load(folder, options=Options(cache_bytes=32 << 20, seed=1)), folder)


def user(text: str = "Hello") -> tuple[Message, ...]:
    return (Message("user", (Part(text=text),)),)


def said(talk: Talk, **changes) -> list[Piece]:
    sampling = Wishes(**({"seed": 1, "tokens_max": 150} | changes.pop("sampling", {})))
    if "prompt" not in changes:
        changes.setdefault("messages", user())
    return list(talk.say(Ask(sampling=sampling, **changes)))


def text(pieces: list[Piece], say: str = "text") -> str:
    return "".join(piece.text for piece in pieces if piece.say == say)


def calls(pieces: list[Piece]) -> list[tuple[str, object]]:
    names = {piece.call: piece.name for piece in pieces if piece.say == "call"}
    return [
        (name, json.loads("".join(one.text for one in pieces if one.say == "arguments" and one.call == index)))
        for index, name in names.items()
    ]


def test_an_answer_comes_in_pieces_that_lose_nothing(talk):
    pieces = said(talk, sampling={"logprobs": 2})
    tokens = [token for piece in pieces for token in piece.tokens]
    assert talk.text(tokens).startswith(text(pieces))
    assert pieces[-1].say == "end"
    assert pieces[-1].finish == "stop"
    usage = pieces[-1].usage
    assert usage.answer_tokens == len(tokens)
    assert usage.prompt_tokens == len(talk.tokens(Ask(messages=user())).ids)
    chances = [one for piece in pieces for one in piece.logprobs]
    assert [one.token for one in chances] == tokens
    assert b"".join(one.data for one in chances).decode(errors="replace").startswith(text(pieces))
    assert all(len(one.alternatives) == 2 and one.value <= one.alternatives[0].value + 1e-6 for one in chances)


def test_the_same_seed_gives_the_same_answers_each_of_its_own(talk):
    pieces = said(talk, sampling={"n": 3})
    answers = [text([piece for piece in pieces if piece.index == index]) for index in range(3)]
    assert len(set(answers)) == 3
    assert text(said(talk)) == answers[0]
    assert [piece.say for piece in pieces].count("end") == 3


def test_defaults_are_the_folders(talk, folder, tmp_path):
    greedy = folders.chat(tmp_path / "greedy")
    (greedy / "generation_config.json").write_text('{"do_sample": false}')
    plain = Talk(talk.engine, greedy)
    assert text(said(plain, sampling={"seed": 1})) == text(said(plain, sampling={"seed": 2}))
    assert text(said(plain)) == text(said(talk, sampling={"temperature": 0.0}))
    assert talk.prepare(Ask(messages=user())).request.sampling.top_k == 20
    assert talk.prepare(Ask(messages=user(), sampling=Wishes(top_k=0))).request.sampling.top_k == 0


@pytest.mark.parametrize("seed", range(3))
def test_tools_that_must_be_called_are_called_rightly(talk, seed):
    given = {"tools": (WEATHER, STOP), "sampling": {"seed": seed}}
    [(name, arguments)] = calls(said(talk, forced="weather", parallel_calls=False, **given))
    assert name == "weather"
    assert arguments["city"] in ("Paris", "Köln")
    pieces = said(talk, tooling="required", **given)
    assert pieces[-1].finish in ("calls", "length")
    assert calls(pieces)[0][0] in ("weather", "stop")
    assert text(pieces).strip() == ""
    assert len({piece.id for piece in pieces if piece.say == "call"}) == len(calls(pieces))


RIGHT = '<tool_call>\n{"name": "weather", "arguments": {"city": "Paris", "days": [true]}}\n</tool_call>'
WRONG = '<tool_call>\n{"name": "weather", "arguments": {"city": "Rome"'


@pytest.mark.parametrize(
    ("said", "fits"),
    [
        ("just text", True),
        (RIGHT, True),
        (f"<think>\nhm\n</think>\n\nSo: {RIGHT}\n{RIGHT} done", True),
        (WRONG, False),
        (f"text first {WRONG}", False),
        ('<tool_call>\n{"name": "nobody"', False),
    ],
)
def test_strict_tools_are_called_rightly_or_not_at_all(talk, said, fits):
    strict = Tool("weather", "tells the weather", SCHEMA, strict=True)
    held = talk.prepare(Ask(messages=user(), tools=(strict, STOP))).request.sampling.grammar
    matcher = talk.engine.text.grammars().matcher(held)
    tokens = talk.engine.text.encode(said)
    assert (matcher._matcher.try_consume_tokens(tokens) == len(tokens)) is fits


def test_one_call_at_a_time_where_that_was_asked(talk):
    second = RIGHT.replace("Paris", "Köln")
    for parallel, names in ((True, 2), (False, 1)):
        hearing = Hearing(talk.engine.text, style="hermes", parallel_calls=parallel)
        pieces = [piece for part in (RIGHT, "\n", second[:30], second[30:], "\nbye")
                  for piece in hearing.take(Update(1, 0, tokens=(5,), text=part))]  # fmt: skip
        assert hearing.done is not parallel
        pieces += hearing.take(Update(1, 0, finished="stop"))
        assert len(calls(pieces)) == names
        assert [piece.finish for piece in pieces if piece.say == "end"] == ["calls"]
        assert pieces[-1].say == "end"


def test_a_template_of_llamas_kind_calls_as_llama_does(talk, tmp_path):
    llama = folders.chat(tmp_path / "llama")
    template = "{% for one in messages %}{{ one.content }}{% endfor %}{{ tools }}<|python_tag|>"
    config = json.loads((llama / "tokenizer_config.json").read_text()) | {"chat_template": template}
    (llama / "tokenizer_config.json").write_text(json.dumps(config))
    [(name, arguments)] = calls(
        said(Talk(talk.engine, llama), tools=(WEATHER,), forced="weather", parallel_calls=False)
    )
    assert name == "weather"
    assert arguments["city"] in ("Paris", "Köln")


def test_tools_are_shown_unless_they_may_not_be_called(talk):
    shown = "".join(talk.tokens(Ask(messages=user(), tools=(WEATHER,))).texts)
    assert '"name": "weather"' in shown.replace("�", "")
    assert talk.tokens(Ask(messages=user(), tools=(WEATHER,), tooling="none")) == talk.tokens(Ask(messages=user()))


@pytest.mark.parametrize(
    ("shape", "fits"),
    [
        (Shape("json"), lambda found: isinstance(json.loads(found), dict)),
        (Shape("schema", json.dumps(SCHEMA)), lambda found: json.loads(found)["city"] in ("Paris", "Köln")),
        (Shape("regex", r"a/b[0-9]{3}"), lambda found: found.startswith("a/b") and len(found) == 6),
        (Shape("choice", '["ja", "/\\"\\\\", "Köln"]'), lambda found: found in ("ja", '/"\\', "Köln")),
        (Shape("grammar", 'start: "<" ("x" | "y")+ ">"'), lambda found: found.strip("xy<>") == ""),
    ],
)
def test_answers_have_the_shape_that_was_asked_for(talk, shape, fits):
    for seed in range(3):
        pieces = said(talk, shape=shape, sampling={"seed": seed, "tokens_max": 300})
        if pieces[-1].finish == "stop":
            assert fits(text(pieces)), text(pieces)
            break
    else:
        pytest.fail("it never came to an end")


def test_a_shape_waits_until_reasoning_is_over(talk):
    pieces = said(talk, shape=Shape("choice", '["ja", "nein"]'), thinking=True, thinking_tokens_max=7)
    assert text(pieces) in ("ja", "nein")
    assert set(text(pieces, "reasoning").partition(_CLOSING[:9])[0]) - set("janei")  # it was not held to the shape
    assert 7 < pieces[-1].usage.reasoning_tokens < pieces[-1].usage.answer_tokens
    assert text(said(talk, shape=Shape("choice", '["ja", "nein"]'))) in ("ja", "nein")


def test_a_model_that_always_reasons_keeps_to_a_shape_afterwards(talk, tmp_path):
    folder = folders.chat(tmp_path / "thinker")
    config = json.loads((folder / "tokenizer_config.json").read_text())
    before, _, _ = folders.TEMPLATE.partition("{%- if enable_thinking")
    config["chat_template"] = before + "{{- '<think>\\n' }}{%- endif %}"
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    thinker = Talk(talk.engine, folder)
    assert talk.text(thinker.tokens(Ask(messages=user())).ids).endswith("<think>\n")
    shape = Shape("choice", '["ja", "nein"]')
    assert text(said(thinker, shape=shape, thinking_tokens_max=5)) in ("ja", "nein")
    assert text(said(thinker, shape=shape, sampling={"tokens_max": 20, "ignore_end": True}), "reasoning")


def test_reasoning_is_ended_by_its_limit_alone(talk):
    """What the model says before the limit is what it says without one."""
    begun = (*user(), Message("assistant", (Part(text="<think>\n"),)))
    free = said(talk, messages=begun, continues=True, sampling={"ignore_end": True, "tokens_max": 60})
    assert free[-1].usage.reasoning_tokens == 60
    held = said(
        talk, messages=begun, continues=True, thinking_tokens_max=9, sampling={"ignore_end": True, "tokens_max": 60}
    )
    tokens = [[token for piece in pieces for token in piece.tokens] for pieces in (free, held)]
    assert tokens[0][:9] == tokens[1][:9]
    assert talk.text(tokens[1][9:]).startswith(_CLOSING)
    assert text(held)


def test_a_message_goes_on_where_it_stopped(talk):
    begun = (*user(), Message("assistant", (Part(text="Once upon "),)))
    ids = talk.tokens(Ask(messages=begun, continues=True)).ids
    assert talk.text(ids).endswith("<|im_start|>assistant\nOnce upon ")
    assert text(said(talk, messages=begun, continues=True)) != text(said(talk))


def test_history_with_calls_and_results_is_rendered(talk):
    history = (
        Message("system", (Part(text="Be brief."),)),
        *user(),
        Message("assistant", calls=(Call("1", "weather", '{"city": "Köln"}'), Call("2", "stop", "not json"))),
        Message("tool", (Part(text="rain"),), call_id="1"),
    )
    shown = talk.text(talk.tokens(Ask(messages=history, tools=(WEATHER,))).ids)
    assert '{"name": "weather", "arguments": {"city": "Köln"}}' in shown
    assert '"arguments": not json}' in shown
    assert "<tool_response>\nrain\n</tool_response>" in shown


def test_bare_prompts(talk):
    whole = said(talk, prompt="The river")
    assert text(said(talk, prompt="The river", echo=True)) == "The river" + text(whole)
    scored = said(talk, prompt="The river", echo=True, sampling={"tokens_max": 0, "prompt_logprobs": 1})
    assert text(scored) == "The river"
    assert scored[-1].finish == "length"
    assert scored[-1].usage.answer_tokens == 0
    ids = talk.tokens(Ask(prompt="The river")).ids
    assert [one and one.token for one in scored[0].prompt_logprobs] == [None, *ids[1:]]
    assert text(said(talk, prompt=ids)) == text(whole)
    stopped = said(talk, prompt="The river", sampling={"stop": (text(whole)[2:4],)})
    assert text(stopped) == text(whole)[:2]
    assert (stopped[-1].finish, stopped[-1].stopped_by) == ("stop", text(whole)[2:4])


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"messages": ()}, "messages"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": (5, 1 << 20)}, "prompt"),
        ({"prompt": "x", "messages": user()}, "prompt"),
        ({"sampling": {"temperature": -1.0}}, "temperature"),
        ({"sampling": {"stop": ("",)}}, "stop"),
        ({"sampling": {"n": 0}}, "n"),
        ({"forced": "nobody", "tools": (WEATHER,)}, "forced"),
        ({"tooling": "required"}, "tools"),
        ({"shape": Shape("schema", "{")}, "shape"),
        ({"shape": Shape("schema", '{"type": "nonsense"}')}, "shape"),
        ({"shape": Shape("regex", "(")}, "shape"),
        ({"shape": Shape("grammar", "start: <nope>")}, "shape"),
        ({"shape": Shape("choice", "[]")}, "shape"),
        ({"template": {"messages": []}}, "template"),
        ({"continues": True}, "messages"),
        ({"messages": (Message("user", (Part("image", url="x"),)),)}, "messages"),
        ({"thinking_tokens_max": -1}, "thinking_tokens_max"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(talk, changes, field):
    with pytest.raises(RequestError) as refused:
        said(talk, **changes)
    assert refused.value.field == field
    assert len(str(refused.value)) < 1000


def test_a_prompt_beyond_the_room_is_counted(talk):
    with pytest.raises(PromptError) as refused:
        said(talk, prompt="x" * 5000)
    assert (refused.value.tokens, refused.value.tokens_max) == (5000, folders.LENGTH_MAX - 1)


def test_leaving_early_leaves_nothing_behind(talk):
    answering = talk.say(Ask(messages=user(), sampling=Wishes(ignore_end=True)))
    next(answering)
    assert talk.engine.open == 1
    answering.close()
    talk.engine.step()
    assert talk.engine.open == 0
    assert talk.engine.blocks.free == talk.engine.blocks.count
