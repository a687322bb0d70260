"""Tiny model folders as they are published, with random weights: one to talk to, one that embeds, one that ranks.

Only what the extra `llm` brings is needed, and only when a folder is made: `missing()` says what is not there, for
tests that are to be skipped by name. A folder takes some tenths of a second to make.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

NEEDED = ("torch", "safetensors", "tokenizers", "jinja2", "llguidance")
LENGTH_MAX = 4096
END, START_TURN, END_TURN = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
_SPECIAL = (END, START_TURN, END_TURN)
_MARKS = ("<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", "<think>", "</think>")
_SHAPE = {
    "model_type": "qwen3",
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": LENGTH_MAX,
    "rope_theta": 1_000_000.0,
    "rms_norm_eps": 1e-6,
    "hidden_act": "silu",
    "attention_bias": False,
    "tie_word_embeddings": True,
    "torch_dtype": "float32",
}
# Qwen's pattern for what a token never reaches across.
_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# Has what templates of Qwen3's kind have: tools, tool results, reasoning that is dropped from earlier turns, a switch
# for thinking.
TEMPLATE = """\
{%- if tools %}
{{- '<|im_start|>system\\n' }}
{%- if messages[0].role == 'system' %}{{- messages[0].content + '\\n\\n' }}{%- endif %}
{{- '# Tools\\n' }}
{%- for tool in tools %}{{- tool | tojson + '\\n' }}{%- endfor %}
{{- 'Call one so: <tool_call>\\n{"name": NAME, "arguments": {}}\\n</tool_call><|im_end|>\\n' }}
{%- elif messages[0].role == 'system' %}
{{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
{%- endif %}
{%- set asked = namespace(last=-1) %}
{%- for message in messages if message.role == 'user' %}{%- set asked.last = messages.index(message) %}{%- endfor %}
{%- for message in messages %}
{%- if message.role == 'user' or (message.role == 'system' and not loop.first) %}
{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
{%- elif message.role == 'assistant' %}
{{- '<|im_start|>assistant\\n' }}
{%- if message.reasoning_content and loop.index0 > asked.last %}
{{- '<think>\\n' + message.reasoning_content + '\\n</think>\\n\\n' }}
{%- endif %}
{{- message.content or '' }}
{%- for call in message.tool_calls or [] %}
{{- '\\n' if message.content or not loop.first }}
{{- '<tool_call>\\n{"name": "' + call.function.name + '", "arguments": ' }}
{{- call.function.arguments if call.function.arguments is string else call.function.arguments | tojson }}
{{- '}\\n</tool_call>' }}
{%- endfor %}
{{- '<|im_end|>\\n' }}
{%- elif message.role == 'tool' %}
{{- '<|im_start|>user\\n<tool_response>\\n' + message.content + '\\n</tool_response><|im_end|>\\n' }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<|im_start|>assistant\\n' }}
{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}
{%- endif %}
"""
_TAUGHT = (
    "yes no user assistant system tool name arguments Instruct Query Document answer only the and of to in is that it",
    '{"name": "weather", "arguments": {"city": "Paris"}} {"type": "function", "function": {"parameters": {"type":',
    "Hello, how are you? What is the weather in Paris today? Tell me a story about a boat on the river.",
    "你好，今天天气怎么样？ Привет, как дела? مرحبا كيف حالك こんにちは、元気ですか 안녕하세요 नमस्ते आप कैसे हैं",
)


def missing() -> list[str]:
    """Packages that making or running a folder needs, and that are not here."""
    return [name for name in NEEDED if importlib.util.find_spec(name) is None]


def chat(folder: Path, *, seed: int = 0, **changes: Any) -> Path:
    """A model to talk to: byte-level tokenizer, template with tools and thinking, sampling defaults. `changes` are
    of config.json. Its answers are random bytes, some dozens of tokens
    long."""
    tokenizer = _tokenizer()
    _write(folder, tokenizer, {"architectures": ["Qwen3ForCausalLM"], **changes}, seed, prefix="model.")
    _say(folder / "tokenizer_config.json", {"eos_token": END_TURN, "pad_token": END, "chat_template": TEMPLATE})
    _say(
        folder / "generation_config.json",
        {
            "do_sample": True,
            "temperature": 0.6,
            "top_k": 20,
            "top_p": 0.95,
            "eos_token_id": [tokenizer.token_to_id(END_TURN), tokenizer.token_to_id(END)],
        },
    )
    return folder


def embedding(folder: Path, *, seed: int = 0, **changes: Any) -> Path:
    """A model of Qwen3-Embedding's kind: a bare backbone, pooled at the last token, which the tokenizer adds."""
    from tokenizers import processors

    tokenizer = _tokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"$A {END}", special_tokens=[(END, tokenizer.token_to_id(END))]
    )
    _write(folder, tokenizer, {"architectures": ["Qwen3ForCausalLM"], **changes}, seed, prefix="")
    width = changes.get("hidden_size", _SHAPE["hidden_size"])
    _say(folder / "tokenizer_config.json", {"eos_token": END, "pad_token": END})
    _say(
        folder / "modules.json",
        [
            {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
            {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
        ],
    )
    pooling = {"word_embedding_dimension": width, "pooling_mode_lasttoken": True, "pooling_mode_mean_tokens": False}
    _say(folder / "1_Pooling" / "config.json", pooling)
    return folder


def reranker(folder: Path, *, seed: int = 0, **changes: Any) -> Path:
    """A model of Qwen3-Reranker's kind, which judges a document by the next token: yes or no."""
    chat(folder, seed=seed, **changes)
    (folder / "README.md").write_text("---\nlicense: apache-2.0\npipeline_tag: text-ranking\n---\n# A reranker\n")
    return folder


def adapter(folder: Path, *, rank: int = 4, seed: int = 1, **changes: Any) -> Path:
    """A LoRA adapter over `chat`, as PEFT writes them, on queries and values."""
    import torch
    from safetensors.torch import save_file

    shape = _SHAPE | changes
    torch.manual_seed(seed)
    tensors = {}
    for layer in range(int(shape["num_hidden_layers"])):
        for name, heads in (("q_proj", "num_attention_heads"), ("v_proj", "num_key_value_heads")):
            at = f"base_model.model.model.layers.{layer}.self_attn.{name}"
            tensors[f"{at}.lora_A.weight"] = torch.randn(rank, shape["hidden_size"]) * 0.2
            tensors[f"{at}.lora_B.weight"] = torch.randn(shape[heads] * shape["head_dim"], rank)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / "adapter_model.safetensors")
    _say(
        folder / "adapter_config.json",
        {"peft_type": "LORA", "r": rank, "lora_alpha": 2 * rank, "target_modules": ["q_proj", "v_proj"]},
    )
    return folder


def _tokenizer() -> Any:
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(
        _TAUGHT, trainers.BpeTrainer(vocab_size=480, initial_alphabet=alphabet, show_progress=False)
    )
    for word in ("yes", "no"):
        assert tokenizer.token_to_id(word) is not None, f"{word} must be one token"
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in _SPECIAL])
    tokenizer.add_tokens([AddedToken(name, special=False) for name in _MARKS])
    return tokenizer


def _write(folder: Path, tokenizer: Any, changes: dict[str, Any], seed: int, *, prefix: str) -> None:
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = -(-tokenizer.get_vocab_size(with_added_tokens=True) // 64) * 64  # rounded up, as published ones are
    end = tokenizer.token_to_id(END_TURN)
    config = {**_SHAPE, "vocab_size": vocabulary, "eos_token_id": end, **changes}
    tokenizer.save(str(folder / "tokenizer.json"))
    _say(folder / "config.json", config)
    weights = _weights(config, prefix, seed)
    weights[prefix + "embed_tokens.weight"][end] *= 2.5  # so that it is said once in some dozens of tokens
    save_file(weights, folder / "model.safetensors")


def _weights(config: dict[str, Any], prefix: str, seed: int) -> dict[str, Any]:
    """Wide enough that answers differ, and narrow enough that they wander over the vocabulary."""
    import torch

    torch.manual_seed(seed)
    hidden, head = config["hidden_size"], config["head_dim"]
    queries, keys = config["num_attention_heads"] * head, config["num_key_value_heads"] * head

    def matrix(out: int, width: int) -> torch.Tensor:
        return torch.randn(out, width) * 0.2

    def norm(size: int) -> torch.Tensor:
        return 1 + torch.randn(size) * 0.2

    out = {"embed_tokens.weight": matrix(config["vocab_size"], hidden), "norm.weight": norm(hidden)}
    for layer in range(config["num_hidden_layers"]):
        at = f"layers.{layer}."
        out[at + "input_layernorm.weight"] = norm(hidden)
        out[at + "post_attention_layernorm.weight"] = norm(hidden)
        for name, size in (("q_proj", queries), ("k_proj", keys), ("v_proj", keys)):
            out[f"{at}self_attn.{name}.weight"] = matrix(size, hidden)
        out[at + "self_attn.o_proj.weight"] = matrix(hidden, queries)
        out[at + "self_attn.q_norm.weight"], out[at + "self_attn.k_norm.weight"] = norm(head), norm(head)
        for name in ("gate_proj", "up_proj"):
            out[f"{at}mlp.{name}.weight"] = matrix(config["intermediate_size"], hidden)
        out[at + "mlp.down_proj.weight"] = matrix(hidden, config["intermediate_size"])
    return {prefix + name: tensor for name, tensor in out.items()}


def _say(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
