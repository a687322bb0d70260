"""Where this Sampan is and how to get in, for commands that are its clients."""

from __future__ import annotations

import argparse
import json
import os
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sampan import app, config
from sampan.config import Config


class Shut(Exception):  # noqa: N818 - the state of a door
    """There is no way in. The text is for a person: why, and what to do."""


@dataclass(frozen=True, slots=True)
class Door:
    """An address and the root's credentials, `api_key` "" if none is known. `authority` is the certificate of our own
    authority, with TLS by it."""

    url: str
    key_id: str
    secret: str = field(repr=False)
    region_aws: str
    region_aliyun: str
    authority: Path | None
    api_key: str = field(default="", repr=False)

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


def find(args: argparse.Namespace) -> Door:
    """The door of the Sampan that flags, variables and files describe. Raises Misconfigured or Shut.

    If one runs on the data folder it says itself where it is (it may have been started with other flags), unless the
    command line names a host or a port.
    """
    settings = config.load(vars(args), os.environ, Path.cwd())
    running = None if args.host or args.port else running_on(settings)
    url = str(running["url"]) if running else settings.url
    key_id, secret, api_key = _root(settings)
    authority = app.authority_file(settings)
    trusted = url.startswith("https:") and settings.tls_cert is None and authority.exists()
    return Door(
        url, key_id, secret, settings.region_aws, settings.region_aliyun, authority if trusted else None, api_key
    )


def running_on(settings: Config) -> dict[str, Any] | None:
    """What the server that runs on the data folder says of itself (pid, url, version), or None if none does."""
    try:
        facts = json.loads(app.server_file(settings).read_text("utf-8"))
        os.kill(int(facts["pid"]), 0)  # a server that was killed could not remove its file
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return dict(facts)


def _root(settings: Config) -> tuple[str, str, str]:
    """The access key's id and secret, and the API key: the configuration's, else what the last start has written."""
    path = app.credentials_file(settings)
    try:
        found = app.known_root(settings)
    except OSError as error:
        raise Shut(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise Shut(f"{path} cannot be understood ({error}): remove it, and the next start makes a new one") from None
    api_key = settings.root_api_key or (found.api_key if found is not None else "")
    if settings.root_access_key_id:
        return settings.root_access_key_id, settings.root_access_key_secret, api_key
    if found is None:
        raise Shut(f"{path} is not there: start Sampan once with `sampan up`, or name its folder with --data")
    return found.access_key_id, found.access_key_secret, api_key
