"""Answers that follow a grammar: JSON schemas, regular expressions, choices and context-free grammars, by llguidance
(https://github.com/guidance-ai/llguidance)."""

from __future__ import annotations

import json
import re
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import llguidance
import torch
from torch import Tensor

from sampan.llm.errors import RequestError

GRAMMAR_CHARACTERS_MAX = 256 * 1024
COMPILED_MAX = 64  # grammars kept for the next who ask for the same shape
ERROR_CHARACTERS_MAX = 500  # of llguidance's complaints, which may list the whole vocabulary


@dataclass(frozen=True, slots=True)
class Grammar:
    """What the answer must match, in llguidance's own form. Make one by the class methods."""

    source: str

    @classmethod
    def json_schema(cls, schema: Mapping[str, Any] | bool, *, compact: bool = False) -> Grammar:
        """JSON that fits the schema (https://json-schema.org, as far as llguidance knows it). `compact` allows no
        white space between its parts, in which a weak model can lose itself."""
        options: Any = {"whitespace_flexible": not compact}
        return cls._made(
            lambda text: llguidance.LLMatcher.grammar_from_json_schema(text, overrides=options), json.dumps(schema)
        )

    @classmethod
    def any_json(cls) -> Grammar:
        """Any JSON object."""
        return cls.json_schema({"type": "object"})

    @classmethod
    def regex(cls, pattern: str) -> Grammar:
        """Text that matches the whole pattern (Rust's syntax)."""
        return cls._made(llguidance.LLMatcher.grammar_from_regex, pattern)

    @classmethod
    def choice(cls, options: Sequence[str]) -> Grammar:
        """One of the texts."""
        if not options:
            raise RequestError("a choice needs at least one option")
        return cls.regex("|".join(f"({_escaped(option)})" for option in options))

    @classmethod
    def lark(cls, grammar: str) -> Grammar:
        """A context-free grammar in llguidance's Lark dialect."""
        return cls._made(llguidance.LLMatcher.grammar_from_lark, grammar)

    @classmethod
    def _made(cls, make: Any, text: str) -> Grammar:
        if len(text) > GRAMMAR_CHARACTERS_MAX:
            raise RequestError(f"the grammar is longer than {GRAMMAR_CHARACTERS_MAX} characters")
        try:
            source = str(make(text))
        except ValueError as error:
            raise RequestError(f"bad grammar: {error}") from error
        complaint = llguidance.LLMatcher.validate_grammar(source)
        if complaint and not complaint.startswith("WARNING"):
            raise RequestError(f"bad grammar: {complaint}")
        return cls(source)


def _escaped(text: str) -> str:
    return re.sub(r"[\\^$.|?*+()\[\]{}/]", lambda found: "\\" + found[0], text)


class Vocabulary:
    """The tokenizer as llguidance needs it; made once per model."""

    def __init__(self, tokenizer_json: str, size: int, end_tokens: Sequence[int]) -> None:
        end = list(end_tokens) or None
        self._tokenizer = llguidance.LLTokenizer(tokenizer_json, n_vocab=size, eos_token=end)

        self._compiled: OrderedDict[str, Any] = OrderedDict()
        self._compiling = threading.Lock()

    def matcher(self, grammar: Grammar) -> Matcher:
        """For one answer. Grammars are compiled once, which takes up to a second for a large one. May be called from
        any thread. Raises RequestError."""
        with self._compiling:
            found = self._compiled.get(grammar.source)
            if found is not None:
                self._compiled.move_to_end(grammar.source)
                return Matcher(found.deep_copy())
        found = llguidance.LLMatcher(self._tokenizer, grammar.source, log_level=0)
        made = Matcher(found.deep_copy())
        with self._compiling:
            self._compiled[grammar.source] = found
            if len(self._compiled) > COMPILED_MAX:
                self._compiled.popitem(last=False)
        return made


class Matcher:
    """Where one answer stands in its grammar."""

    def __init__(self, matcher: Any) -> None:
        self._matcher = matcher
        self._check()

    def mask(self, row: Tensor) -> Tensor:
        """The row with every token that the grammar forbids at -inf."""
        allowed = torch.frombuffer(bytearray(self._matcher.compute_logit_bias()), dtype=torch.uint8)
        self._check()
        out = torch.full_like(row, float("-inf"))
        size = min(row.shape[0], allowed.shape[0])
        out[:size] = torch.where(allowed[:size].bool(), row[:size], out[:size])
        return out

    def accept(self, token: int) -> None:
        """The token was chosen."""
        self._matcher.consume_token(token)
        self._check()

    @property
    def done(self) -> bool:
        """Whether nothing but an end can follow."""
        return bool(self._matcher.is_stopped())

    def _check(self) -> None:
        if self._matcher.is_error():
            error = str(self._matcher.get_error())
            raise RequestError(f"grammar: {error[:ERROR_CHARACTERS_MAX]}", field="shape")
