"""The engines that bench/llm.py compares, each over random weights of the same shape."""

from __future__ import annotations

import ctypes
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import torch

from sampan.llm import loader, quantise
from sampan.llm.config import parse
from sampan.llm.engine import Engine, Options
from sampan.llm.request import Request, Sampling

Clock = Callable[[], float]


class Absent(Exception):
    """The engine is not installed; the message says what is missing."""


class Runs(Protocol):
    """An engine with its model."""

    name: str

    def prefill(self, length: int) -> float:
        """Seconds until a prompt of so many tokens has its first token."""
        ...

    def decode(self, count: int, length: int, tokens: int) -> list[float]:
        """Seconds of each of `tokens` steps in which `count` answers behind prompts of `length` grow by one token."""
        ...


def prompts(count: int, length: int, start: tuple[int, ...] = ()) -> list[tuple[int, ...]]:
    rows = torch.randint(1000, 100_000, (count, length - len(start))).tolist()
    return [start + tuple(row) for row in rows]


def greedy(tokens: int) -> Sampling:
    return Sampling(temperature=0, tokens_max=tokens, ignore_end=True)


class RandomWeights:
    """A source of small random tensors of the shapes that the loader asks for."""

    def __init__(self, shape: dict) -> None:
        hidden, head, heads, kv = (
            shape[name] for name in ("hidden_size", "head_dim", "num_attention_heads", "num_key_value_heads")
        )
        wide = shape["intermediate_size"]
        self._shapes = {"model.embed_tokens.weight": (shape["vocab_size"], hidden), "model.norm.weight": (hidden,)}
        for i in range(shape["num_hidden_layers"]):
            for name, size in (
                ("self_attn.q_proj", (heads * head, hidden)),
                ("self_attn.k_proj", (kv * head, hidden)),
                ("self_attn.v_proj", (kv * head, hidden)),
                ("self_attn.o_proj", (hidden, heads * head)),
                ("mlp.gate_proj", (wide, hidden)),
                ("mlp.up_proj", (wide, hidden)),
                ("mlp.down_proj", (hidden, wide)),
                ("self_attn.q_norm", (head,)),
                ("self_attn.k_norm", (head,)),
                ("input_layernorm", (hidden,)),
                ("post_attention_layernorm", (hidden,)),
            ):
                self._shapes[f"model.layers.{i}.{name}.weight"] = size

    def names(self) -> frozenset[str]:
        return frozenset(self._shapes)

    def levels(self, name: str) -> None:
        return None

    def read(self, name: str) -> torch.Tensor:
        shape = self._shapes[name]
        if len(shape) == 1:
            return torch.ones(shape, dtype=torch.bfloat16)
        return torch.empty(shape, dtype=torch.bfloat16).uniform_(-0.03, 0.03)


class Sampan:
    """sampan.llm, with weights of one width."""

    def __init__(self, shape: dict, width: str, clock: Clock) -> None:
        self.name = f"sampan {width}"
        form = quantise.FORMS["auto" if width == "bf16" else width]
        self.model = loader.build(parse(shape), RandomWeights(shape), form=form)
        self.engine = Engine(self.model, options=Options(cache_bytes=2 << 30, sequences_max=64))
        self._clock = clock

    @property
    def bytes_read(self) -> int:
        """What a step has to read of the weights."""
        size = self.model.head.bytes if self.model.head else 0
        for layer in self.model.layers:
            size += layer.qkv.bytes + layer.output.bytes + layer.mlp.gate_up.bytes + layer.mlp.down.bytes
        return size

    def prefill(self, length: int) -> float:
        self.engine.add(Request(prompts(1, length)[0], greedy(1)))
        started = self._clock()
        while self.engine.busy:
            self.engine.step()
        return self._clock() - started

    def decode(self, count: int, length: int, tokens: int, adapters: int = 0) -> list[float]:
        engine = self.engine
        ids = []
        for i, prompt in enumerate(prompts(count, length)):
            ids.append(engine.add(Request(prompt, greedy(4096), adapter=f"a{i % adapters}" if adapters else None)))
        engine.step()
        while engine.scheduler.waiting or any(one.pending > 1 for one in engine.scheduler.running):
            engine.step()
        out = []
        for _ in range(tokens):
            started = self._clock()
            updates = engine.step()
            out.append(self._clock() - started)
            assert sum(len(update.tokens) for update in updates) == count
        for one in ids:
            engine.cancel(one)
        engine.step()
        return out


class Transformers:
    """transformers' own model and cache, the likeliest token taken by hand: `generate` without its overhead."""

    name = "transformers bf16"

    def __init__(self, shape: dict, clock: Clock) -> None:
        try:
            from transformers import Qwen3Config, Qwen3ForCausalLM
        except ImportError as error:
            raise Absent("transformers is not installed") from error
        torch.set_default_dtype(torch.bfloat16)
        fields = {name: value for name, value in shape.items() if name not in ("model_type", "torch_dtype")}
        self._model = Qwen3ForCausalLM(Qwen3Config(**fields)).eval()
        torch.set_default_dtype(torch.float32)
        self._clock = clock

    @torch.inference_mode()
    def prefill(self, length: int) -> float:
        started = self._clock()
        self._read(1, length)
        return self._clock() - started

    @torch.inference_mode()
    def decode(self, count: int, length: int, tokens: int) -> list[float]:
        out, cache = self._read(count, length)
        seconds = []
        for _ in range(tokens):
            started = self._clock()
            last = out.logits[:, -1:].argmax(-1)
            out = self._model(last, past_key_values=cache, use_cache=True)
            seconds.append(self._clock() - started)
        return seconds

    def _read(self, count, length):
        from transformers import DynamicCache

        cache = DynamicCache()
        ids = torch.tensor(prompts(count, length))
        return self._model(ids, past_key_values=cache, use_cache=True, logits_to_keep=1), cache


class LlamaCpp:
    """llama.cpp by the ctypes of llama-cpp-python, over a GGUF file of random weights."""

    def __init__(self, shape: dict, width: str, threads: int, clock: Clock) -> None:
        try:
            import llama_cpp
        except ImportError as error:
            raise Absent("llama-cpp-python is not installed") from error
        self._lib, self._clock = llama_cpp, clock
        self.name = f"llama.cpp {width}"
        llama_cpp.llama_backend_init()
        self._quiet = llama_cpp.llama_log_callback(lambda *_: None)
        llama_cpp.llama_log_set(self._quiet, None)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.gguf"
            write_gguf(path, shape, width)
            options = llama_cpp.llama_model_default_params()
            options.use_mmap = False
            self._model = llama_cpp.llama_model_load_from_file(str(path).encode(), options)
        context = llama_cpp.llama_context_default_params()
        context.n_ctx, context.n_batch, context.n_ubatch, context.n_seq_max = 64 * 256, 4096, 512, 32
        context.n_threads = context.n_threads_batch = threads
        context.kv_unified = True
        self._context = llama_cpp.llama_init_from_model(self._model, context)
        assert self._context
        self._vocabulary = shape["vocab_size"]

    def prefill(self, length: int) -> float:
        self._forget()
        started = self._clock()
        self._run([(token, at, 0, at == length - 1) for at, token in enumerate(prompts(1, length)[0])])
        return self._clock() - started

    def decode(self, count: int, length: int, tokens: int) -> list[float]:
        self._forget()
        for i, prompt in enumerate(prompts(count, length)):
            last = self._run([(token, at, i, at == length - 1) for at, token in enumerate(prompt)])
        out = []
        picks = [last[-1]] * count
        for at in range(length, length + tokens):
            started = self._clock()
            picks = self._run([(picks[i], at, i, True) for i in range(count)])
            out.append(self._clock() - started)
        return out

    def _forget(self) -> None:
        self._lib.llama_memory_clear(self._lib.llama_get_memory(self._context), True)

    def _run(self, rows: list[tuple[int, int, int, bool]]) -> list[int]:
        """The likeliest token of each of the rows (token, position, sequence, wanted) that are wanted."""
        lib = self._lib
        batch = lib.llama_batch_init(len(rows), 0, 1)
        batch.n_tokens = len(rows)
        for i, (token, at, sequence, wanted) in enumerate(rows):
            batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.logits[i] = token, at, 1, wanted
            batch.seq_id[i][0] = sequence
        assert lib.llama_decode(self._context, batch) == 0
        picks = []
        for i, row in enumerate(rows):
            if row[3]:
                at = ctypes.addressof(lib.llama_get_logits_ith(self._context, i).contents)
                logits = torch.frombuffer((ctypes.c_float * self._vocabulary).from_address(at), dtype=torch.float32)
                picks.append(int(logits.argmax()))
        lib.llama_batch_free(batch)
        return picks


def write_gguf(path: Path, shape: dict, width: str) -> None:
    """A model without a tokenizer; linears in the width, the output head (the embedding) at eight bits or more."""
    import gguf
    import numpy

    kinds = gguf.GGMLQuantizationType
    kind = {"bf16": kinds.BF16, "int8": kinds.Q8_0, "int4": kinds.Q4_0}[width]
    source, writer = RandomWeights(shape), gguf.GGUFWriter(path, "qwen3")
    writer.add_block_count(shape["num_hidden_layers"])
    writer.add_context_length(shape["max_position_embeddings"])
    writer.add_embedding_length(shape["hidden_size"])
    writer.add_feed_forward_length(shape["intermediate_size"])
    writer.add_head_count(shape["num_attention_heads"])
    writer.add_head_count_kv(shape["num_key_value_heads"])
    writer.add_key_length(shape["head_dim"])
    writer.add_value_length(shape["head_dim"])
    writer.add_rope_freq_base(shape["rope_theta"])
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_vocab_size(shape["vocab_size"])
    writer.add_tokenizer_model("none")
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.QWEN3, shape["num_hidden_layers"])
    made: dict[tuple, numpy.ndarray] = {}  # the same numbers in every layer: nobody looks at them
    for name in sorted(source.names()):
        tensor = source.read(name).float()
        target = names.get_name(name, try_suffixes=(".weight",))
        if tensor.dim() == 1:
            writer.add_tensor(target, tensor.numpy())
            continue
        mine = kinds.Q8_0 if "embed" in name and width == "int4" else kind
        key = (tuple(tensor.shape), mine)
        if key not in made:
            made[key] = gguf.quants.quantize(tensor.numpy(), mine)
        writer.add_tensor(target, made[key], raw_dtype=mine)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
