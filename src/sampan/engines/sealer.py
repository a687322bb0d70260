"""Secrets at rest: AES-256-GCM under a key that lies beside the data, readable by the owner only.

It keeps secrets out of backups of the database, out of what `strings` shows and out of pages that SQLite leaves
behind. It does not protect from somebody who can read the whole data folder.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12


class AesSealer:
    """Implements `kernel.ports.Sealer`. The row's key is authenticated with the secret, so that a sealed
    secret that is moved to another row does not open there."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, secret: str, row: bytes, nonce: bytes) -> bytes:
        assert len(nonce) == NONCE_BYTES
        return nonce + self._cipher.encrypt(nonce, secret.encode(), row)

    def open(self, sealed: bytes, row: bytes) -> str:
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], row).decode()
        except (InvalidTag, ValueError):  # altered, or too short
            raise ValueError("sealed with another key, or for another row") from None


def load_key(path: Path) -> bytes:
    """The key in a file, made at the first time. Raises OSError, or ValueError if the file holds no key."""
    if not path.exists():
        descriptor = os.open(path.with_suffix(".new"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        path.with_suffix(".new").rename(path)
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
    key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise ValueError(f"{path} holds no key of {KEY_BYTES} bytes")
    return key
