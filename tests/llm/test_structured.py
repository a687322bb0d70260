"""Answers that must follow a grammar do, from a model that knows nothing; and stop strings end them cleanly."""

from __future__ import annotations

import json
import re

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from sampan.llm.engine import Engine, Options
from sampan.llm.errors import RequestError
from sampan.llm.loader import load
from sampan.llm.request import Request, Sampling
from sampan.llm.structured import Grammar
from sampan.llm.text import Text

END = 257


@pytest.fixture(scope="module")
def engine(models):
    return make(models)


def make(models_, **options):
    """A model over single bytes: 256 tokens, and an end."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({character: i for i, character in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<s>", "<end>"])
    assert tokenizer.token_to_id("<end>") == END
    model = load(models_("qwen3", eos_token_id=END))
    text = Text(tokenizer, end_tokens=(END,), vocabulary=model.config.vocabulary)
    return Engine(model, text=text, options=Options(cache_bytes=8 << 20, seed=1, **options))


def ask(engine, grammar=None, prompt="Say: ", **sampling):
    given = {"tokens_max": 120, "grammar": grammar} | sampling
    return Request(tuple(engine.text.encode(prompt)), Sampling(**given))


SCHEMA = {
    "type": "object",
    "properties": {"city": {"enum": ["Köln", "東京"]}, "days": {"type": "integer", "minimum": 1, "maximum": 14}},
    "required": ["city", "days"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("temperature", [0, 1.0])
def test_answers_follow_their_grammars_side_by_side(engine, temperature):
    requests = [
        ask(engine, Grammar.json_schema(SCHEMA, compact=True), temperature=temperature),
        ask(engine, Grammar.regex(r"[a-c]{3}-\d{2}"), temperature=temperature),
        ask(engine, Grammar.choice(["yes (a+b)*c?", "nein", "はい"]), temperature=temperature),
        ask(engine, Grammar.lark('start: "(" start ")" | "x"'), temperature=temperature),
        ask(engine, temperature=temperature, tokens_max=5, ignore_end=True),
    ]
    answers = [one[0] for one in engine.run(requests)]
    value = json.loads(answers[0].text)
    assert value["city"] in ("Köln", "東京")
    assert 1 <= value["days"] <= 14
    assert re.fullmatch(r"[a-c]{3}-\d{2}", answers[1].text)
    assert answers[2].text in ("yes (a+b)*c?", "nein", "はい")
    assert [answer.finished for answer in answers[:3]] == ["stop"] * 3
    nested = answers[3].text
    assert nested in "(" * 120 or nested == "(" * (len(nested) // 2) + "x" + ")" * (len(nested) // 2)
    assert len(answers[4].tokens) == 5


def test_guesses_keep_to_the_grammar(models):
    grammar = Grammar.regex("(ab){5}")
    answers = [
        make(models, draft_tokens=count).run([ask(engine_, grammar, "ababab")])[0][0].text
        for count in (0, 4)
        for engine_ in [make(models)]
    ]
    assert answers == ["ababababab"] * 2


@pytest.mark.parametrize(
    "bad",
    [
        lambda: Grammar.json_schema({"type": "wrong"}),
        lambda: Grammar.json_schema({"$ref": "#/nowhere"}),
        lambda: Grammar.regex("(unclosed"),
        lambda: Grammar.lark("start: undefined"),
        lambda: Grammar.choice([]),
        lambda: Grammar.regex("x" * 300_000),
    ],
)
def test_bad_grammars_are_refused(bad):
    with pytest.raises(RequestError):
        bad()


def test_a_grammar_that_no_matcher_takes_disturbs_nobody(engine):
    broken, sound = engine.run(
        [ask(engine, Grammar("nonsense")), ask(engine, tokens_max=4, ignore_end=True, temperature=0)]
    )
    assert broken[0].finished == "refused"
    assert broken[0].why
    assert len(sound[0].tokens) == 4


def test_stop_strings_cut_the_text(engine):
    letters = Grammar.regex("abcdefgh")
    answer = engine.run([ask(engine, letters, stop=("de", "zz"))])[0][0]
    assert (answer.text, answer.finished) == ("abc", "stop")
    answer = engine.run([ask(engine, letters, stop=("hx",))])[0][0]
    assert (answer.text, answer.finished) == ("abcdefgh", "stop")


def test_text_streams_whole_characters(engine):
    request_id = engine.add(ask(engine, Grammar.regex("東京é!")))
    parts = []
    while engine.busy:
        parts += [update.text for update in engine.step() if update.request_id == request_id]
    assert "".join(parts) == "東京é!"
    assert [part for part in parts if part][:2] == ["東", "京"]
