"""Small tokenizers trained on the languages that the models list."""

from __future__ import annotations

import json

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from sampan.llm.text import Text
from tests.tongues import TEXTS

SPLIT = (  # the pattern that Qwen's tokenizers publish
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def bytewise() -> Text:
    """A byte-level tokenizer made as Qwen's are, trained on the languages."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=2000, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(TEXTS.values(), trainer)
    tokenizer.add_tokens([AddedToken("<think>", special=False)])
    tokenizer.add_special_tokens(["<|im_start|>", "<|im_end|>"])
    return Text(tokenizer, end_tokens=(tokenizer.token_to_id("<|im_end|>"),))


def pieces() -> Text:
    """One made as Llama 2's: words marked by ▁, unknown characters as single bytes."""
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    special = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.BpeTrainer(
        vocab_size=1500, special_tokens=special, limit_alphabet=300, show_progress=False, max_token_length=12
    )
    tokenizer.train_from_iterator(TEXTS.values(), trainer)
    loaded = json.loads(tokenizer.to_str())
    loaded["added_tokens"] = [one for one in loaded["added_tokens"] if not one["content"].startswith("<0x")]
    return Text(Tokenizer.from_str(json.dumps(loaded)))
