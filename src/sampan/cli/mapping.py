"""`python -m sampan.cli.mapping`: the tables of docs/policies.md, made from what the readers read.

A development tool, not a command of the program: it writes into a clone.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path

from sampan.kernel.actions import Actions
from sampan.kernel.language import Keys
from sampan.translate import GRAMMARS

PAGE = Path("docs/policies.md")
_PLACE = re.compile(r"(<!-- made: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_PRODUCTS = (
    ("s3", "oss", "Objects: `s3`, `oss`"),
    ("iam", "ram", "Identity: `iam`, `ram`"),
    ("sts", "sts", "Sessions: `sts`"),
    ("bedrock", "sfm", "Models: `bedrock`, `sfm`"),
)


def page(text: str) -> str:
    """The page with its tables made anew."""
    tables = {"actions": _actions(), "keys": _keys(), "operators": _operators()}
    return _PLACE.sub(lambda found: found[1] + tables[found[2]] + found[3], text)


def _actions() -> str:
    iam, ram = GRAMMARS["iam"].actions, GRAMMARS["ram"].actions
    texts = []
    for mine, theirs, title in _PRODUCTS:
        cores = _ordered(iam, mine) + [core for core in _ordered(ram, theirs) if core not in set(_ordered(iam, mine))]
        rows = [f"| {_named(iam, mine, core)} | {_named(ram, theirs, core)} | `{core}` |\n" for core in cores]
        texts.append(f"\n### {title}\n\n| IAM | RAM | here |\n|---|---|---|\n{''.join(rows)}")
    return "".join(texts) + "\n"


def _ordered(actions: Actions, product: str) -> list[str]:
    """A product's permissions in the order of its table."""
    found: dict[str, None] = {}
    for cores in actions.products[product].actions.values():
        found.update(dict.fromkeys(sorted(cores)))
    return list(found)


def _named(actions: Actions, product: str, core: str) -> str:
    known = actions.products[product]
    names = [name for table in (known.actions, known.also) for name, cores in table.items() if core in cores]
    return ", ".join(f"`{product}:{name}`" for name in names) or f"only `{product}:*`"


def _keys() -> str:
    iam, ram = GRAMMARS["iam"].keys, GRAMMARS["ram"].keys
    cores = list(dict.fromkeys([*iam.names.values(), "token/sub", "token/aud", "token/iss", *ram.names.values()]))
    rows = [f"| {_key(iam, core)} | {_key(ram, core)} | `{core}` |\n" for core in cores]
    return "\n| IAM | RAM | here |\n|---|---|---|\n" + "".join(rows) + "\n"


def _key(keys: Keys, core: str) -> str:
    names = [name for table in (keys.names, keys.also) for name, mine in table.items() if mine == core]
    if not names and core.startswith("token/") and keys is GRAMMARS["iam"].keys:
        names = [f"PROVIDER:{core.removeprefix('token/')}"]
    return ", ".join(f"`{name}`" for name in names) or "–"


def _operators() -> str:
    rows = [
        f"| `{name}` | {_code(name for name in [name] if name in GRAMMARS['ram'].operators)} |\n"
        for name in GRAMMARS["iam"].operators
    ]
    return "\n| IAM | RAM |\n|---|---|\n" + "".join(rows) + "| `…IfExists`, `ForAnyValue:…`, `ForAllValues:…` | – |\n\n"


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "–"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
    sys.stdout.write(f"{PAGE} is up to date\n")
