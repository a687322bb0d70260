"""The tiny folders are what their kind of model is, as the library and transformers read it."""

from __future__ import annotations

import torch
import transformers

from sampan.llm.chat import ChatTemplate
from sampan.llm.engine import Engine, Options
from sampan.llm.pooling import Embedder, Reranker
from sampan.llm.request import Request, Sampling
from tests.llm import folders


def test_a_chat_folder_answers_as_transformers_does(tmp_path):
    folder = folders.chat(tmp_path / "chat")
    engine = Engine.load(folder, options=Options(cache_bytes=8 << 20))
    template = ChatTemplate.load(folder)
    tool = {"type": "function", "function": {"name": "f", "parameters": {}}}
    prompt = template.render([{"role": "user", "content": "你好 <|im_end|>"}], tools=[tool], enable_thinking=False)
    assert prompt.endswith("assistant\n<think>\n\n</think>\n\n")
    tokens = engine.text.encode(prompt)
    [[answer]] = engine.run([Request(tuple(tokens), Sampling(temperature=0, tokens_max=16, ignore_end=True))])
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    expected = model.generate(
        torch.tensor([tokens]), max_new_tokens=16, min_new_tokens=16, do_sample=False, eos_token_id=None, pad_token_id=0
    )
    assert list(answer.tokens) == expected[0, len(tokens) :].tolist()
    assert len(set(answer.tokens)) > 4  # it wanders


def test_embedding_and_reranker_folders(tmp_path):
    engine = Engine.load(folders.embedding(tmp_path / "e"), options=Options(cache_bytes=1 << 20))
    assert engine.model.head is None or engine.model.config.tied
    assert Embedder(engine.model, engine.text)(["a", "b"]).shape == (2, 64)
    engine = Engine.load(folders.reranker(tmp_path / "r"), options=Options(cache_bytes=1 << 20))
    low, high = sorted(Reranker(engine.model, engine.text)("q", ["a", "b"]))
    assert 0 < low < high < 1


def test_an_adapter_changes_answers(tmp_path):
    engine = Engine.load(folders.chat(tmp_path / "chat"), options=Options(cache_bytes=8 << 20))
    engine.adapters.register("a", folders.adapter(tmp_path / "a"))
    sampling = Sampling(temperature=0, tokens_max=8)
    [[plain], [changed]] = engine.run([Request((5, 6, 7), sampling), Request((5, 6, 7), sampling, adapter="a")])
    assert plain.tokens != changed.tokens
