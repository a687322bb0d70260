"""What the pages say of the program is so: settings, commands, links, coverage."""

from __future__ import annotations

import argparse
import importlib
import re
import tomllib
from pathlib import Path

import pytest

from sampan import app, config
from sampan.cli import coverage, main, saying
from sampan.gateway.http import Request
from sampan.kernel.fault import Fault
from tests.docs.blocks import blocks

ROOT = Path(__file__).parents[2]
SPOKEN = re.compile(r"(?:^\$ |`|\(|\| )(?:\./)?sampan ([a-z]+)([^`\n|)#>]*)", re.MULTILINE)
PAGES = sorted(path.relative_to(ROOT).as_posix() for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def test_the_page_of_settings_has_every_setting_and_its_default() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text()
    shown = dict(re.findall(r"^\| `(\w+)` \| (?:`([^|]*)`)? ?\|", page, re.MULTILINE))
    default = config.Config(data=Path("~/.local/share/sampan"))
    assert list(shown) == [setting.name for setting in config.SETTINGS]
    for name, text in shown.items():
        told = tomllib.loads(f"value = {text}")["value"] if text else None
        real = getattr(default, name)
        real = str(real) if isinstance(real, Path) else list(real) if isinstance(real, tuple) else real
        assert told == (real or None) or told == real, name


def test_the_default_folder_is_the_one_that_the_pages_name() -> None:
    assert config.default_data({"HOME": "/somebody"}) == Path("/somebody/.local/share/sampan")
    assert config.default_data({"HOME": "/somebody", "XDG_DATA_HOME": "/data"}) == Path("/data/sampan")


def test_the_example_file_can_be_read(tmp_path: Path) -> None:
    whole, models = [block for block in blocks(ROOT, "docs/configuration.md") if block.language == "toml"]
    (tmp_path / "sampan.toml").write_text(whole.code + models.code)
    found = config.load({}, {}, tmp_path)
    assert (found.port, found.workers, found.log_format) == (4566, 4, "json")
    assert list(found.models) == ["qwen", "lawyer", "large"]


@pytest.mark.parametrize("page", PAGES)
def test_commands_and_flags_exist(page: str) -> None:
    for command, rest in re.findall(
        r"(?:^\$ |`|\(|\| )(?:\./)?sampan ([a-z]+)([^`\n|)#>]*)", (ROOT / page).read_text(), re.MULTILINE
    ):
        if command == "test":  # the launcher's own
            continue
        assert command in main.COMMANDS, f"sampan {command}"
        parsers = argparse.ArgumentParser().add_subparsers()
        module = importlib.import_module(f"sampan.cli.{command}") if command != "version" else None
        if module is None:
            continue
        module.add(parsers)
        known = _help(parsers.choices[command])
        for flag in re.findall(r"(?<!\S)--[a-z-]+", rest):
            assert flag in known, f"sampan {command} {flag}"


def _help(parser: argparse.ArgumentParser) -> str:
    """The help of a command, and of its own commands."""
    inner = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return parser.format_help() + "".join(_help(choice) for action in inner for choice in action.choices.values())


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text()
    for target, anchor in re.findall(r"\]\((?!\w+:)([^)#]*)(?:#([^)]*))?\)", text):
        path = (ROOT / page).parent / target if target else ROOT / page
        assert path.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
            assert anchor in [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles], anchor


def test_the_page_of_coverage_is_up_to_date() -> None:
    assert (ROOT / "docs" / "coverage.md").read_text() == coverage.page(config.Config())


def test_the_table_of_what_doors_can_say_is_up_to_date() -> None:
    page = (ROOT / "docs" / "models.md").read_text()
    assert page == saying.page(page)


def test_a_cell_is_no_claim() -> None:
    """What a door passes over, or refuses, gets no cell: the table cannot be made with it."""
    for body in ({"unheard_of": 7}, {"seed": "seven"}):
        row = saying.Row("seed", lambda ask: ask.sampling.seed == 7, {saying.OPENAI.title: body})
        assert not saying.understood(saying.OPENAI, row)


def test_the_errors_that_are_explained_are_errors_that_are_given() -> None:
    given = set()
    for dialect in app.dialects(config.Config()):
        request = Request("GET", b"/bucket/key", b"", {"host": "127.0.0.1:4566"})
        replies = [dialect.refuse(request, "0" * 24, Fault(kind, noun)) for kind, noun in dialect.words]
        given |= set(re.findall(r"<Code>(\w+)</Code>", "".join(bytes(reply.body).decode() for reply in replies)))
    table = (ROOT / "docs" / "errors.md").read_text().partition("\n## ")[0]
    explained = {
        code for row in re.findall(r"^\| (`[^|]*) \|", table, re.MULTILINE) for code in re.findall(r"`(\w+)`", row)
    }
    assert len(explained) > 10
    assert explained - given == set()
