"""What makes one cloud's policy language: its words, both ways. `reading` and `writing` do the rest for all."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from sampan.kernel.actions import FOREIGN, Actions
from sampan.kernel.policy import PrincipalPattern, Purpose, ResourcePattern, Statement

TEXT_CHARS_MAX = 131_072  # of any document, spaces included: IAM's parameter
_KEY = re.compile(r"[A-Za-z0-9./_-]{1,256}:[^\x00-\x1f]{1,256}")
_VARIABLE = re.compile(r"\$\{([^}]*)\}")

OPERATORS: Mapping[str, str] = {
    "StringEquals": "string-equals",
    "StringNotEquals": "string-not-equals",
    "StringEqualsIgnoreCase": "string-equals-ignore-case",
    "StringNotEqualsIgnoreCase": "string-not-equals-ignore-case",
    "StringLike": "string-like",
    "StringNotLike": "string-not-like",
    "NumericEquals": "numeric-equals",
    "NumericNotEquals": "numeric-not-equals",
    "NumericLessThan": "numeric-less-than",
    "NumericLessThanEquals": "numeric-less-than-equals",
    "NumericGreaterThan": "numeric-greater-than",
    "NumericGreaterThanEquals": "numeric-greater-than-equals",
    "DateEquals": "date-equals",
    "DateNotEquals": "date-not-equals",
    "DateLessThan": "date-less-than",
    "DateLessThanEquals": "date-less-than-equals",
    "DateGreaterThan": "date-greater-than",
    "DateGreaterThanEquals": "date-greater-than-equals",
    "Bool": "bool",
    "IpAddress": "ip-address",
    "NotIpAddress": "not-ip-address",
}
"""The condition operators that the clouds share, by the names that both give them."""


class NoEqual(ValueError):  # noqa: N818 - what is so
    """Something that a language cannot say."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The names of condition keys, both ways. A name that ends in "/" is followed by a tag's name.

    `also`: names that are understood and not written. `of_objects`: those of them that are written, by core name, if a
    statement is about objects alone. `values`: where a key's values have other words, too.
    """

    cloud: str
    names: Mapping[str, str]
    also: Mapping[str, str] = field(default_factory=dict)
    of_objects: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def read(self, text: str) -> str:
        """The core's name. Names are compared without regard to case. Raises ValueError for what is no key."""
        if _KEY.fullmatch(text) is None:
            raise ValueError("a condition key is written prefix:Name")
        wanted = text.lower()
        for name, core in (*self.names.items(), *self.also.items()):
            lower = name.lower()
            if wanted == lower and not lower.endswith("/"):
                return core
            if lower.endswith("/") and wanted.startswith(lower) and wanted != lower:
                return core + wanted.removeprefix(lower)
        return f"{self.cloud}{FOREIGN}{wanted}"

    def write(self, core: str) -> str:
        """The cloud's name. Raises NoEqual."""
        if core.startswith(self.cloud + FOREIGN):
            return core.removeprefix(self.cloud + FOREIGN)
        for name, mine in self.names.items():
            if core == mine or (mine.endswith("/") and core.startswith(mine)):
                return name + core.removeprefix(mine)
        raise NoEqual(f"the condition key {core.rpartition(FOREIGN)[2]}")

    def called(self, core: str) -> str:
        """What a person of this cloud calls a key; one that has no name there by its own, or another cloud's."""
        try:
            return self.write(core)
        except NoEqual:
            return core.rpartition(FOREIGN)[2]

    def read_value(self, core: str, text: str) -> str:
        """A value in core words: "AssumedRole" is "role"."""
        return next((mine for word, mine in self.values.get(core, {}).items() if word.lower() == text.lower()), text)

    def write_value(self, core: str, text: str) -> str:
        """The inverse of `read_value`."""
        return next((word for word, mine in self.values.get(core, {}).items() if mine == text), text)


class Grammar(ABC):
    """One policy language. Methods raise ValueError for a text that is wrong, NoEqual for what has no word in it."""

    cloud: ClassVar[str]
    name: ClassVar[str]
    """As users know it: "IAM"."""
    actions: ClassVar[Actions]
    keys: ClassVar[Keys]
    operators: ClassVar[Mapping[str, str]]
    versions: ClassVar[Mapping[str, bool]]
    """Each Version, and whether variables count in it."""
    version_default: ClassVar[str | None]
    """What a document without a Version has; None: it must have one."""
    version_written: ClassVar[str]
    quantified: ClassVar[bool]
    """Whether operators may be IfExists, ForAnyValue: and ForAllValues:."""
    sid: ClassVar[re.Pattern[str]]
    sid_written: ClassVar[bool]
    """Whether a Sid is more than read past."""
    elements: ClassVar[frozenset[str]]
    """What a statement may have."""
    chars_max: ClassVar[Mapping[Purpose, int]]
    """Characters of a document, without spaces."""

    @abstractmethod
    def resource(self, text: str) -> ResourcePattern:
        """What a Resource names."""

    @abstractmethod
    def resource_text(self, pattern: ResourcePattern) -> str:
        """The inverse of `resource`."""

    @abstractmethod
    def principals(self, value: Any, purpose: Purpose) -> Sequence[tuple[str, PrincipalPattern]]:
        """Who a Principal names, each with the pointer to it from the element. Raises document.Unreadable, its place
        from the element on."""

    @abstractmethod
    def principals_value(self, patterns: Sequence[PrincipalPattern], purpose: Purpose) -> Any:
        """The inverse of `principals`."""

    def key(self, text: str) -> str:
        """The core name of a condition key."""
        return self.keys.read(text)

    def key_text(self, core: str, statement: Statement) -> str:
        """The inverse of `key`, for a condition of this statement."""
        if all(action.startswith("objects:") for action in statement.actions - {"objects:PutBucketTags"}):
            for mine, name in self.keys.of_objects.items():
                if core.startswith(mine):
                    return name + core.removeprefix(mine)
        return self.keys.write(core)

    def trusted(self, action: str) -> bool:
        """Whether a trust policy may speak of this action."""
        return action.lower().startswith("sts:")

    def read_variables(self, text: str, live: bool) -> str:
        """A text with the names in its variables in core words. Where they do not count, ${ is text like any other."""
        if "${" not in text:
            return text
        if not live:
            return text.replace("${", "${$}{")
        return _VARIABLE.sub(lambda found: "${" + self._variable(found[1]) + "}", text)

    def _variable(self, body: str) -> str:
        if body in ("*", "?", "$"):
            return body
        name, comma, default = body.partition(",")
        try:
            return self.key(name.strip()) + comma + default
        except ValueError:
            raise ValueError(f"${{{body}}} is no variable") from None

    def write_variables(self, text: str) -> str:
        """The inverse of `read_variables`, in a document of `version_written`. Raises NoEqual."""
        if "${" not in text:
            return text
        if not self.versions[self.version_written]:
            plain = text.replace("${$}{", "\x00")
            if "${" in plain:
                raise NoEqual(f"the variable in {text}")
            return plain.replace("\x00", "${")
        return _VARIABLE.sub(self._written_variable, text)

    def _written_variable(self, found: re.Match[str]) -> str:
        if found[1] in ("*", "?", "$"):
            return found[0]
        name, comma, default = found[1].partition(",")
        return "${" + self.keys.write(name) + comma + default + "}"
