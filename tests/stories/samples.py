"""Bytes and keys that the tests write: all different, none random."""

from __future__ import annotations

import hashlib

KIB = 1024
MIB = 1024 * KIB

SIZES = (0, 1, KIB, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, MIB)
"""Around the limit up to which an object lives beside its row, and on both sides of the step of streaming."""

ODD_KEYS = (
    "space in the middle and at the end ",
    " begins with a space",
    "plus+plus",
    "per%cent%20%2F",
    "question?mark=1&more",
    "hash#fragment;semi,comma:colon@at$dollar!'()*",
    "doubled//slash///tripled",
    "/leading/slash",
    "trailing/slash/",
    "..",
    "../up",
    "a/../../up",
    "./here/.",
    "dots...",
    "unicode/ключ/鍵/🔑",
    "composed-é-decomposed-é",
    'quote"back\\slash<tag>&amp;',
    "tab\tnew\nline",
    "~tilde_under-dash.dot",
    "ends with .xml",
    "k" * 1023,
)
"""Keys that a careless server or client decodes twice, cleans up or cuts. OSS takes 1,023 bytes, S3 one more."""


def body(size: int, seed: object = "") -> bytes:
    """`size` bytes that look like noise, the same for the same seed."""
    out = bytearray()
    block = hashlib.sha256(repr(seed).encode()).digest()
    while len(out) < min(size, 256 * KIB):
        block = hashlib.sha256(block).digest()
        out += block
    # Longer bodies repeat a block with a counter, so that pieces in the wrong order show.
    block, step = bytes(out), max(len(out), 1)
    pieces = (block[:-8] + at.to_bytes(8, "big") for at in range(0, size, step))
    return b"".join(pieces)[:size]


def md5(data: bytes) -> str:
    """The MD5 as an ETag shows it."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def md5_of_parts(*parts: bytes) -> str:
    """The ETag of an object of these parts."""
    digests = b"".join(hashlib.md5(part, usedforsecurity=False).digest() for part in parts)
    return f"{md5(digests)}-{len(parts)}"
