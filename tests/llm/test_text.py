"""Text round trips through tokens in every language that the models list, one token at a time."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import normalizers

from sampan.llm.chat import ChatTemplate
from sampan.llm.errors import ModelError, RequestError
from sampan.llm.text import Text
from tests.tongues import LANGUAGES, TEXTS


def streamed(text: Text, tokens) -> list[str]:
    stream = text.stream()
    return [stream.add([token]) for token in tokens] + [stream.end()]


def test_the_languages_are_there():
    assert len(LANGUAGES) == 119
    assert list(TEXTS) == LANGUAGES  # none twice
    assert len(set(TEXTS.values())) > 110  # some dialects are written alike
    assert "ー" in TEXTS["ja"]
    assert all(len(one) > 50 for one in TEXTS.values())


@pytest.mark.parametrize("code", list(TEXTS))
def test_round_trip_and_fertility(bytewise, code):
    text = normalizers.NFC().normalize_str(TEXTS[code])
    tokens = bytewise.encode(text)
    parts = streamed(bytewise, tokens)
    assert "".join(parts) == text
    assert not any("\ufffd" in part for part in parts)
    # Never worse than bytes; a script that fell apart into them would show here.
    assert len(tokens) / len(text) < 0.75 * len(text.encode()) / len(text)


@given(st.sampled_from(list(TEXTS)), st.data())
def test_pieces_of_any_language_stream_whole(pieces, bytewise, code, data):
    whole = TEXTS[code]
    start = data.draw(st.integers(0, len(whole) - 1))
    text = normalizers.NFC().normalize_str(whole[start : start + data.draw(st.integers(1, 40))])
    assert "".join(streamed(bytewise, bytewise.encode(text))) == text
    parts = streamed(pieces, pieces.encode(text))
    assert "".join(parts) == text
    assert not any("\ufffd" in part for part in parts)


@given(st.text())
def test_any_text_streams_whole(bytewise, text):
    normal = normalizers.NFC().normalize_str(text)
    # What is written like a special token is one, and leaves no text.
    for mark in ("<|im_start|>", "<|im_end|>"):
        normal = normal.replace(mark, "")
    assert "".join(streamed(bytewise, bytewise.encode(text))) == normal


@given(st.lists(st.integers(0, 2100), max_size=30))
def test_any_tokens_stream_as_they_decode(bytewise, tokens):
    """Models say what they like: broken characters come out as U+FFFD, in the same places as when decoded at once."""
    assert "".join(streamed(bytewise, tokens)) == bytewise.decode(tokens)


def test_special_tokens(bytewise):
    tokens = bytewise.encode("<|im_start|>user\n<think>x<|im_end|>")
    assert tokens[0] == bytewise.token_id("<|im_start|>")
    assert bytewise.decode(tokens) == "user\n<think>x"
    assert bytewise.decode(tokens, special=True) == "<|im_start|>user\n<think>x<|im_end|>"


@given(st.lists(st.integers(0, 60), max_size=10), st.sampled_from([("END",), ("ab", "abc"), ("\n\n", "x\n")]))
def test_stop_strings_cut_wherever_they_fall(bytewise, places, stops):
    text = "abab x\nENDEN abc\n\nEND tail"
    pieces = []
    last = 0
    for place in [*sorted(place % len(text) for place in places), len(text)]:
        pieces.append(text[last:place])
        last = place
    stream = bytewise.stream(stops)
    out = "".join(stream.add(bytewise.encode(piece)) for piece in pieces) + stream.end()
    assert stream.stopped
    # The first to be complete ends the text.
    end = min(text.find(stop) + len(stop) for stop in stops if stop in text)
    assert text.startswith(out)
    assert any(text[len(out) :].startswith(stop) and len(out) + len(stop) <= end + 2 for stop in stops)


# --- chat templates ---------------------------------------------------------------------------------------------------

CHATML = (
    "{%- for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor -%}"
    "{%- if tools %}{{ tools | tojson }}{% endif -%}"
    "{%- if add_generation_prompt %}<|im_start|>assistant\n{% endif -%}"
)


def test_a_chat_template():
    made = ChatTemplate(CHATML)
    messages = [{"role": "user", "content": "Grüß <b>"}]
    assert made.render(messages) == "<|im_start|>user\nGrüß <b><|im_end|>\n<|im_start|>assistant\n"
    assert made.render(messages, answer=False).endswith("<|im_end|>\n")
    assert '"name": "ü"' in made.render(messages, tools=[{"name": "ü"}])


def test_a_template_is_found_where_it_is_published(tmp_path):
    assert ChatTemplate.load(tmp_path) is None
    config = {"bos_token": {"content": "<s>"}, "chat_template": [{"name": "default", "template": "{{ bos_token }}!"}]}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    assert ChatTemplate.load(tmp_path).render([]) == "<s>!"
    (tmp_path / "chat_template.jinja").write_text("{{ bos_token }}?")
    assert ChatTemplate.load(tmp_path).render([]) == "<s>?"


def test_templates_are_kept_in():
    for source in (
        "{{ messages.__class__.__mro__[1].__subclasses__() }}",
        "{{ ''.__class__ }}{{ cycler.__init__.__globals__ }}",
        "{% set _ = messages.append(1) %}",
        "{% for i in range(999999999) %}x{% endfor %}",
    ):
        with pytest.raises(RequestError):
            ChatTemplate(source).render([{"role": "user", "content": "x"}])
    with pytest.raises(RequestError, match="roles must alternate"):
        ChatTemplate("{{ raise_exception('roles must alternate') }}").render([])
    with pytest.raises(ModelError):
        ChatTemplate("{% if %}")
    assert ChatTemplate("{% generation %}a{% endgeneration %}{% for i in [1,2] %}{% break %}{% endfor %}").render([])


def test_a_spoiled_tokenizer_is_refused(tmp_path):
    with pytest.raises(ModelError, match="cannot read"):
        Text.load(tmp_path)
    (tmp_path / "tokenizer.json").write_text('{"version": "1.0"}')
    with pytest.raises(ModelError, match="not a tokenizer"):
        Text.load(tmp_path)
