"""The tokenizer and the chat template inside a GGUF file, so that the file alone can be talked to.

Two kinds are read: byte-level BPE ("gpt2"), whose way of splitting text is told by a name, and SentencePiece's BPE
("llama"), whose merges follow from the pieces' scores. Keys are those of ggml's docs/gguf.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from sampan.llm.chat import ChatTemplate
from sampan.llm.errors import ModelError, UnsupportedError
from sampan.llm.gguf_file import GgufFile
from sampan.llm.text import Text

_CONTROL, _USER_DEFINED, _BYTE = 3, 4, 6  # token types
_WORDS = (  # contractions, words, numbers of so many digits, other signs, line ends and blanks
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{digits}"
    r"| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# By the file's tokenizer.ggml.pre; None is GPT-2's own pattern.
_PATTERNS: dict[str, str | None] = {
    "qwen2": _WORDS.format(digits=""),
    "llama-bpe": _WORDS.format(digits="{1,3}"),
    "default": None,
    "gpt-2": None,
}
_NORMAL = {"qwen2"}  # split after composing characters (NFC)


def text(file: GgufFile) -> Text | None:
    """The file's tokenizer, or None if it has none. Raises ModelError, UnsupportedError."""
    kind, tokens = file.value("tokenizer.ggml.model"), file.value("tokenizer.ggml.tokens")
    if kind is None or tokens is None:
        return None
    try:
        tokenizer = _bytewise(file, tokens) if kind == "gpt2" else _pieces(file, tokens) if kind == "llama" else None
    except UnsupportedError:
        raise
    except Exception as error:  # tokenizers raises bare Exception for whatever does not fit together
        raise ModelError(f"the tokenizer in the GGUF file is not whole: {error}") from error
    if tokenizer is None:
        raise UnsupportedError(
            f"GGUF tokenizers of kind {kind!r} are not supported; put tokenizer.json beside the file"
        )
    ends = [file.value(f"tokenizer.ggml.{name}_token_id") for name in ("eos", "eot", "eom")]
    known = tuple(dict.fromkeys(token for token in ends if isinstance(token, int)))
    return Text(tokenizer, end_tokens=known, vocabulary=file.config.vocabulary)


def template(file: GgufFile) -> ChatTemplate | None:
    """The file's chat template, or None if it has none. Raises ModelError."""
    source, tokens = file.value("tokenizer.chat_template"), file.value("tokenizer.ggml.tokens", [])
    if not isinstance(source, str):
        return None
    places = {name: file.value(f"tokenizer.ggml.{name}_token_id") for name in ("bos", "eos")}
    special = {f"{name}_token": tokens[at] for name, at in places.items() if isinstance(at, int) and at < len(tokens)}
    return ChatTemplate(source, special)


def _bytewise(file: GgufFile, tokens: Sequence[str]) -> Tokenizer:
    name = str(file.value("tokenizer.ggml.pre", "default"))
    if name not in _PATTERNS:
        raise UnsupportedError(f"GGUF tokenizers that split like {name!r} are not supported; put tokenizer.json beside")
    merges = [tuple(merge.split(" ")) for merge in file.value("tokenizer.ggml.merges", [])]
    tokenizer = Tokenizer(models.BPE(_vocabulary(tokens), merges, ignore_merges=name == "llama-bpe"))
    pattern = _PATTERNS[name]
    if name in _NORMAL:
        tokenizer.normalizer = normalizers.NFC()
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=pattern is None)
    split = [] if pattern is None else [pre_tokenizers.Split(Regex(pattern), "isolated")]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*split, level])
    tokenizer.decoder = decoders.ByteLevel()
    return _finished(file, tokenizer, tokens, bos=name == "llama-bpe")


def _pieces(file: GgufFile, tokens: Sequence[str]) -> Tokenizer:
    vocabulary, unknown = _vocabulary(tokens), file.value("tokenizer.ggml.unknown_token_id", 0)
    scores, types = file.value("tokenizer.ggml.scores", []), file.value("tokenizer.ggml.token_type", [])
    plain = [i for i in range(len(tokens)) if i >= len(types) or types[i] not in (_CONTROL, _BYTE)]
    merges = _merges([(tokens[i], scores[i]) for i in plain], vocabulary)
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, unk_token=tokens[unknown], fuse_unk=True, byte_fallback=True))
    prefix = bool(file.value("tokenizer.ggml.add_space_prefix", True))
    blank = normalizers.Replace(" ", "▁")
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), blank]) if prefix else blank
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence([*steps, decoders.Strip(" ", 1, 0)] if prefix else steps)
    return _finished(file, tokenizer, tokens, bos=True)


def _vocabulary(tokens: Sequence[str]) -> dict[str, int]:
    return {token: i for i, token in enumerate(tokens)}


def _merges(pieces: Sequence[tuple[str, float]], vocabulary: dict[str, int]) -> list[tuple[str, str]]:
    """Every way to make a piece of two others, the best piece first."""
    out: list[tuple[str, str]] = []
    for piece, _ in sorted(pieces, key=lambda one: -one[1]):
        pairs = ((piece[:at], piece[at:]) for at in range(1, len(piece)))
        found = [pair for pair in pairs if pair[0] in vocabulary and pair[1] in vocabulary]
        out += sorted(found, key=lambda pair: (vocabulary[pair[0]], vocabulary[pair[1]]))
    return out


def _finished(file: GgufFile, tokenizer: Tokenizer, tokens: Sequence[str], *, bos: bool) -> Tokenizer:
    """With its special tokens, and the start token where the model expects one."""
    types: Any = file.value("tokenizer.ggml.token_type", [])
    marked = [(token, kind) for token, kind in zip(tokens, types, strict=False) if kind in (_CONTROL, _USER_DEFINED)]
    tokenizer.add_tokens([AddedToken(one, special=kind == _CONTROL, normalized=False) for one, kind in marked])
    start = file.value("tokenizer.ggml.bos_token_id")
    if isinstance(start, int) and file.value("tokenizer.ggml.add_bos_token", bos):
        mark = tokens[start]
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{mark}:0 $A:0", pair=f"{mark}:0 $A:0 {mark}:1 $B:1", special_tokens=[(mark, start)]
        )
    return tokenizer
