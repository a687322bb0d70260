"""One server with tiny random models for the tests of all doors: `sampan up --model`, over a folder of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sampan import app
from sampan.config import Config
from sampan.kernel.caller import Caller
from sampan.services.identity.model import CreateAccount, CreateApiKey
from sampan.services.identity.service import ROOT_ACCOUNT
from tests.harness import Server
from tests.llm import folders

ROOT = Caller(ROOT_ACCOUNT, "root", "AKIATESTTESTTESTTEST")
# Aliases are what a person would set who moves a program here without touching it.
TABLES = """\
[models.tiny]
source = "{folder}/tiny"
threads = 1
cache_bytes = 33554432
aliases = ["gpt-4o-mini", "qwen-plus", "claude-sonnet-4-5", "anthropic.claude-3-5-haiku-20241022-v1:0"]

[models.tuned]
base = "tiny"
adapter = "{folder}/adapter"

[models.vectors]
source = "{folder}/vectors"
threads = 1
aliases = ["text-embedding-3-small", "text-embedding-v4"]

[models.ranks]
source = "{folder}/ranks"
threads = 1
aliases = ["gte-rerank-v2"]
"""


@dataclass(frozen=True, slots=True)
class Cloud:
    """A server with models: "tiny" to talk to, "tuned" over it, "vectors" and "ranks". `key` and `other_key` are API
    keys of two accounts (the first is the root's). `folder` holds the models' folders."""

    server: Server
    key: str
    other_key: str
    folder: Path

    @property
    def url(self) -> str:
        return self.server.url


def write_models(folder: Path) -> None:
    """The folders that the tables name."""
    folders.chat(folder / "tiny")
    folders.embedding(folder / "vectors")
    folders.reranker(folder / "ranks")
    folders.adapter(folder / "adapter")


def api_keys(data: Path) -> tuple[str, str]:
    """New API keys: of the root, and of another account, made for it."""

    async def make() -> tuple[str, str]:
        with app.open_identity(Config(data=data)) as identity:
            other = await identity.handlers[CreateAccount](ROOT, CreateAccount(name="other"))
            command = CreateApiKey(user="", form="sk-")
            keys = [
                await identity.handlers[CreateApiKey](caller, command)
                for caller in (ROOT, Caller(other.account, "root", other.key_id))
            ]
            return keys[0].token, keys[1].token

    return asyncio.run(make())


@pytest.fixture(scope="session")
def models_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of tiny random models: "tiny", "vectors", "ranks", and "adapter" for the first."""
    missing = folders.missing()
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed: pip install 'sampan[llm]'")
    folder = tmp_path_factory.mktemp("models")
    write_models(folder)
    return folder


@pytest.fixture(scope="session")
def cloud(models_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """Two workers and the tiny models, for the session: tests take names of their own in it, and don't stop it."""
    data = tmp_path_factory.mktemp("cloud") / "data"
    data.mkdir()
    (data / "sampan.toml").write_text(TABLES.format(folder=models_folder))
    with Server(data, "--workers", "2", "--model", "tiny") as server:
        key, other_key = api_keys(data)
        yield Cloud(server, key, other_key, models_folder)
