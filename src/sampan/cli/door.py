"""Where this Sampan is and how to get in, for commands that are its clients."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from sampan.config import Config


class Shut(Exception):  # noqa: N818 - the state of a door
    """There is no way in. The text is for a person: why, and what to do."""


@dataclass(frozen=True, slots=True)
class Door:
    """An address and the root's credentials. `authority` is the certificate of our own authority, with TLS by it."""

    url: str
    key_id: str
    secret: str = field(repr=False)
    region_aws: str
    region_aliyun: str
    authority: Path | None

    @property
    def scheme(self) -> str:
        """ "http" or "https"."""
        return urlsplit(self.url).scheme

    @property
    def netloc(self) -> str:
        """Host and port."""
        return urlsplit(self.url).netloc

    @property
    def host(self) -> str:
        """The host alone."""
        return urlsplit(self.url).hostname or ""


def context(door: Door) -> ssl.SSLContext:
    """What a TLS connection through this door is checked with."""
    return ssl.create_default_context(cafile=None if door.authority is None else str(door.authority))


def find(config: Config) -> Door:
    """The door of the Sampan that this configuration describes. Raises Shut."""
    raise NotImplementedError
