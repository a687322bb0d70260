"""Between text and tokens: a model's tokenizer, and its answer as text while it is being made."""

from __future__ import annotations

import codecs
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from tokenizers.decoders import DecodeStream

from sampan.llm.config import read_json
from sampan.llm.errors import ModelError
from sampan.llm.structured import Vocabulary

TOKENIZER_BYTES_MAX = 256 << 20
_CONFIG_BYTES_MAX = 16 << 20


def _byte_alphabet() -> dict[str, int]:
    """GPT-2's printable stand-ins for bytes: those that print stand for themselves, the rest follow from U+0100 on."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in set(plain)]
    return {chr(byte): byte for byte in plain} | {chr(0x100 + i): byte for i, byte in enumerate(others)}


class Text:
    """A model's tokenizer.json, with what its other files say about special tokens."""

    def __init__(self, tokenizer: Tokenizer, *, end_tokens: Sequence[int] = (), vocabulary: int | None = None) -> None:
        self._tokenizer = tokenizer
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self.end_tokens = tuple(end_tokens)
        self._size = vocabulary or tokenizer.get_vocab_size(with_added_tokens=True)
        self._added = tokenizer.get_added_tokens_decoder()
        self._bytewise = json.loads(tokenizer.to_str()).get("decoder", {}) or {}
        self._alphabet = _byte_alphabet() if self._bytewise.get("type") == "ByteLevel" else None
        self._grammars: Vocabulary | None = None

    @classmethod
    def load(cls, folder: str | Path, vocabulary: int | None = None) -> Text:
        """The tokenizer of a model folder. Raises ModelError."""
        path = Path(folder) / "tokenizer.json"
        try:
            if path.stat().st_size > TOKENIZER_BYTES_MAX:
                raise ModelError(f"{path.name} is larger than {TOKENIZER_BYTES_MAX} bytes")
            tokenizer = Tokenizer.from_file(str(path))
        except OSError as error:
            raise ModelError(f"cannot read {path}: {error.strerror}") from error
        except ModelError:
            raise
        except Exception as error:  # tokenizers raises bare Exception for whatever it cannot parse
            raise ModelError(f"{path.name} is not a tokenizer: {error}") from error
        return cls(tokenizer, end_tokens=end_tokens(Path(folder), tokenizer), vocabulary=vocabulary)

    def encode(self, text: str, *, special: bool = False) -> list[int]:
        """Tokens of a text. `special` adds what the model expects around a bare text (a start token, say); special
        tokens written out in the text are recognised either way."""
        return list(self._tokenizer.encode(text, add_special_tokens=special).ids)

    def decode(self, tokens: Sequence[int], *, special: bool = False) -> str:
        """The tokens' text; `special` keeps special tokens. What is not valid UTF-8 becomes U+FFFD."""
        stream = self.stream(special=special)
        return stream.add(tokens) + stream.end()

    def token_id(self, token: str) -> int | None:
        found = self._tokenizer.token_to_id(token)
        return None if found is None else int(found)

    def token_bytes(self, token: int) -> bytes:
        """What a token stands for, special ones included; nothing for ids beyond the tokenizer's. A token need not be
        whole characters."""
        added = self._added.get(token)
        piece = str(added.content) if added is not None else self._tokenizer.id_to_token(token)
        if piece is None:
            return b""
        if added is not None:
            return piece.encode()
        if self._alphabet is not None:
            return bytes(self._alphabet[character] for character in piece)
        if len(piece) == 6 and piece.startswith("<0x") and piece.endswith(">"):
            return bytes.fromhex(piece[3:5])
        return piece.replace("▁", " ").encode()

    def stream(self, stops: Sequence[str] = (), *, special: bool = False) -> Stream:
        """For the text of an answer, token by token."""
        decoder = _Bytes(self._tokenizer, self._added, self._alphabet, special) if self._alphabet else None
        return Stream(decoder or _Pieces(self._tokenizer, special), stops)

    def grammars(self) -> Vocabulary:
        """The vocabulary for structured answers; made on the first call, which takes about a second."""
        if self._grammars is None:
            self._grammars = Vocabulary(self._tokenizer.to_str(), self._size, self.end_tokens)
        return self._grammars


def end_tokens(folder: Path, tokenizer: Tokenizer) -> tuple[int, ...]:
    """All tokens that end an answer, from generation_config.json, config.json and tokenizer_config.json."""
    found: list[int] = []
    for name in ("generation_config.json", "config.json"):
        if (folder / name).is_file():
            value = read_json(folder / name, _CONFIG_BYTES_MAX).get("eos_token_id")
            found += [token for token in (value if isinstance(value, list) else [value]) if isinstance(token, int)]
    if (folder / "tokenizer_config.json").is_file():
        value = read_json(folder / "tokenizer_config.json", _CONFIG_BYTES_MAX).get("eos_token")
        content = value.get("content") if isinstance(value, dict) else value
        token = tokenizer.token_to_id(content) if isinstance(content, str) else None
        found += [] if token is None else [token]
    return tuple(dict.fromkeys(found))


class _Bytes:
    """Byte-level tokenizers (Qwen's, Llama 3's): tokens are bytes, and UTF-8 is decoded as it comes."""

    def __init__(self, tokenizer: Tokenizer, added: dict[int, Any], alphabet: dict[str, int], special: bool) -> None:
        self._tokenizer, self._added, self._alphabet, self._special = tokenizer, added, alphabet, special
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")

    def add(self, token: int) -> str:
        added = self._added.get(token)
        if added is not None:
            if added.special and not self._special:
                return ""
            return self._utf8.decode(str(added.content).encode())
        piece = self._tokenizer.id_to_token(token)
        if piece is None:  # models round their vocabulary up beyond the tokenizer's
            return ""
        return self._utf8.decode(bytes(self._alphabet[character] for character in piece))

    def end(self) -> str:
        return self._utf8.decode(b"", final=True)


class _Pieces:
    """Any other tokenizer, by the decoder that it brings."""

    def __init__(self, tokenizer: Tokenizer, special: bool) -> None:
        self._tokenizer, self._special = tokenizer, special
        self._stream = DecodeStream(skip_special_tokens=not special)
        self._tokens: list[int] = []
        self._length = 0

    def add(self, token: int) -> str:
        self._tokens.append(token)
        out = self._stream.step(self._tokenizer, token) or ""
        self._length += len(out)
        return out

    def end(self) -> str:
        whole = self._tokenizer.decode(self._tokens, skip_special_tokens=not self._special)
        return str(whole)[self._length :]


class Stream:
    """An answer's text while it grows. Whole characters come out as soon as they are sure; what may be the beginning
    of a stop string is kept back until it is known not to be one."""

    def __init__(self, decoder: _Bytes | _Pieces, stops: Sequence[str]) -> None:
        self._decoder, self._stops = decoder, tuple(stops)
        self._kept = ""
        self.stopped_by = ""

    @property
    def stopped(self) -> bool:
        return bool(self.stopped_by)

    def add(self, tokens: Sequence[int]) -> str:
        """Text that is now sure. Once a stop string has come, `stopped` is true and nothing more comes out."""
        return self._sure("".join(self._decoder.add(token) for token in tokens))

    def end(self) -> str:
        """What was kept back, when no more tokens come."""
        out = self._sure(self._decoder.end())
        kept, self._kept = self._kept, ""
        return out if self.stopped else out + kept

    def _sure(self, fresh: str) -> str:
        if self.stopped:
            return ""
        text = self._kept + fresh
        found = [(at, stop) for at, stop in ((text.find(stop), stop) for stop in self._stops) if at >= 0]
        if found:
            at, self.stopped_by = min(found)
            self._kept = ""
            return text[:at]
        keep = max((overlap(text, stop) for stop in self._stops), default=0)
        self._kept = text[len(text) - keep :]
        return text[: len(text) - keep]


def overlap(text: str, stop: str) -> int:
    """How long the longest end of `text` is that `stop` begins with, but is not all of."""
    for size in range(min(len(text), len(stop) - 1), 0, -1):
        if text.endswith(stop[:size]):
            return size
    return 0
