"""The names that a cloud gives to actions, both ways: "s3:Get*" to the core actions that it stands for, and back.

A cloud's action that Sampan does not do, or a whole product that it does not know, is kept under the cloud's name
("aws!ec2:RunInstances"), which no question ever asks for: a policy may speak of it, and means nothing by it here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sampan.kernel import wildcard
from sampan.kernel.policy import ANY

_FORM = re.compile(r"([A-Za-z0-9-]{1,64}):([A-Za-z0-9*?_./-]{1,128})")
FOREIGN = "!"  # between a cloud and its own name of something that has no core name


@dataclass(frozen=True, slots=True)
class Product:
    """One product's actions by the vendor's names, each with the core actions that it allows.

    `everything`: what the product as a whole stands for ("s3:*"); more than its actions name, if another cloud has a
    name for something that this one has not. `also`: names that are understood and never written. `by_name`: all that
    are understood, in lower case.
    """

    actions: Mapping[str, frozenset[str]]
    everything: frozenset[str]
    also: Mapping[str, frozenset[str]]
    by_name: Mapping[str, frozenset[str]]


def product(actions: Mapping[str, str], also: Mapping[str, str] | None = None, unnamed: str = "") -> Product:
    """From tables of words: vendor's action to core actions, with spaces between them."""
    read = {name: frozenset(cores.split()) for name, cores in actions.items()}
    more = {name: frozenset(cores.split()) for name, cores in (also or {}).items()}
    return Product(
        actions=read,
        everything=frozenset(unnamed.split()).union(*read.values()),
        also=more,
        by_name={name.lower(): cores for name, cores in {**read, **more}.items()},
    )


@dataclass(frozen=True, slots=True)
class Actions:
    """All products of one cloud. Names are compared without regard to case, as both clouds do."""

    cloud: str
    products: Mapping[str, Product]

    def read(self, text: str) -> frozenset[str]:
        """The core actions of "*", "s3:*", "s3:Get*" or "s3:GetObject". Raises ValueError for what is no action."""
        if text.strip("*") == "" and text:
            return frozenset({ANY})
        found = _FORM.fullmatch(text)
        if found is None:
            raise ValueError("an action is written product:Action")
        known = self.products.get(found[1].lower())
        wanted = found[2].lower()
        if known is None:
            return frozenset({self._foreign(text)})
        if wanted.strip("*") == "":
            return known.everything
        if "*" not in wanted and "?" not in wanted:
            return known.by_name.get(wanted) or frozenset({self._foreign(text)})
        cores = [cores for name, cores in known.by_name.items() if wildcard.matches(wanted, name)]
        return frozenset().union(*cores) if cores else frozenset({self._foreign(text)})

    def write(self, cores: Iterable[str]) -> tuple[tuple[str, ...], frozenset[str]]:
        """The cloud's names that together stand for just these core actions, and those that no name stands for."""
        left = frozenset(cores)
        if ANY in left:
            return ("*",), frozenset()
        mine = sorted(core for core in left if core.startswith(self._foreign("")))
        names = [core.removeprefix(self._foreign("")) for core in mine]
        wanted = left
        left -= set(mine)
        for name, known in self.products.items():
            if known.everything and known.everything <= wanted:
                names.append(f"{name}:*")
                left -= known.everything
        for name, known in self.products.items():
            for action, stands_for in known.actions.items():
                if stands_for <= wanted and stands_for & left:
                    names.append(f"{name}:{action}")
        named = frozenset().union(*(self.read(name) for name in names))
        return tuple(names), left - named

    def called(self, core: str) -> str:
        """What a person of this cloud calls a core action: the first name that stands for it."""
        if core.startswith(self._foreign("")):
            return core.removeprefix(self._foreign(""))
        for name, known in self.products.items():
            for action, stands_for in known.actions.items():
                if core in stands_for:
                    return f"{name}:{action}"
        return core

    def _foreign(self, text: str) -> str:
        return f"{self.cloud}{FOREIGN}{text}"
