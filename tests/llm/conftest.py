"""The library's tests need PyTorch, which the cloud itself does not: without it they are skipped by name."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

_NEEDED = ("torch", "transformers", "safetensors")
_MISSING = [name for name in _NEEDED if importlib.util.find_spec(name) is None]


class _Absent(pytest.File):
    """Stands in for a test file that cannot be imported here."""

    def collect(self):
        yield _Skip.from_parent(self, name=f"needs_{_MISSING[0]}")


class _Skip(pytest.Item):
    def runtest(self):
        pytest.skip(f"{', '.join(_MISSING)} not installed: pip install 'sampan[llm,llm-test]'")


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector):
    return _Absent.from_parent(parent, path=module_path) if _MISSING else None


def pytest_configure(config: pytest.Config) -> None:
    if not _MISSING:
        import torch

        torch.set_num_threads(1)  # tiny models: threads cost more than they bring


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """Random-weight checkpoints by name, written by transformers once per session: models("qwen3") -> its folder."""
    from tests.llm import reference

    root = tmp_path_factory.mktemp("models")
    return lambda name, **changes: reference.checkpoint(root, name, **changes)


@pytest.fixture(scope="session")
def bytewise():
    """A byte-level tokenizer made as Qwen's are."""
    from tests.llm import languages

    return languages.bytewise()


@pytest.fixture(scope="session")
def pieces():
    """A tokenizer made as Llama 2's are."""
    from tests.llm import languages

    return languages.pieces()
