"""Alibaba Cloud's policy language.

Source: Alibaba Cloud RAM, "Policy structure and syntax", "Policy elements", "Conditional operators" and "Limits"; OSS,
"Policy syntax and elements".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar

from sampan.dialects.aliyun.wire import arn
from sampan.dialects.aliyun.wire.actions import ACTIONS
from sampan.kernel import reading
from sampan.kernel.document import Numeral, Unreadable, below
from sampan.kernel.language import OPERATORS, Grammar, Keys
from sampan.kernel.policy import PrincipalPattern, Purpose, ResourcePattern, Statement

_KEYS = Keys(
    cloud=arn.CLOUD,
    names={
        "acs:SourceIp": "source-ip",
        "acs:CurrentTime": "time",
        "acs:SecureTransport": "secure",
        "acs:MFAPresent": "mfa",
        "acs:UserAgent": "user-agent",
        "acs:RequestTag/": "request-tag/",
        "acs:ResourceTag/": "resource-tag/",
        "sts:ExternalId": "external-id",
        "oidc:sub": "token/sub",
        "oidc:aud": "token/aud",
        "oidc:iss": "token/iss",
        "oss:Prefix": "objects:prefix",
        "oss:Delimiter": "objects:delimiter",
        "oss:x-oss-acl": "objects:acl",
        "oss:ExistingObjectTag/": "objects:tag/",
    },
    also={
        "oss:RequestObjectTag/": "request-tag/",
        "oss:BucketTag/": "resource-tag/",
        "oss:x-oss-object-acl": "objects:acl",
    },
    of_objects={"request-tag/": "oss:RequestObjectTag/", "resource-tag/": "oss:BucketTag/"},
)


class RamGrammar(Grammar):
    """The words of RAM's language."""

    cloud: ClassVar = arn.CLOUD
    name: ClassVar = "RAM"
    actions: ClassVar = ACTIONS
    keys: ClassVar = _KEYS
    operators: ClassVar = OPERATORS
    versions: ClassVar = {"1": False}
    version_default: ClassVar = None
    version_written: ClassVar = "1"
    quantified: ClassVar = False
    # RAM has no Sid: one is read past, and none is written.
    sid: ClassVar = re.compile(r"[A-Za-z0-9]*")
    sid_written: ClassVar = False
    elements: ClassVar = frozenset(
        {"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "Condition"}
    )
    chars_max: ClassVar = {Purpose.IDENTITY: 6_144, Purpose.RESOURCE: 16_384, Purpose.TRUST: 2_048}

    def resource(self, text: str) -> ResourcePattern:
        return arn.resource(text)

    def resource_text(self, pattern: ResourcePattern) -> str:
        return arn.resource_text(pattern)

    def principals(self, value: Any, purpose: Purpose) -> Sequence[tuple[str, PrincipalPattern]]:
        """An object as in trust policies, or a bucket policy's list, which may be empty: everybody."""
        if purpose is Purpose.RESOURCE and isinstance(value, list):
            listed = [(below("", index), _principal("RAM", text, below("", index))) for index, text in enumerate(value)]
            return listed or [("", PrincipalPattern("any"))]
        if value == "*" and purpose is Purpose.RESOURCE:
            return [("", PrincipalPattern("any"))]
        if not isinstance(value, dict) or not value:
            raise Unreadable("", "this must be an object with RAM, Service or Federated")
        found = []
        for kind, given in value.items():
            at = below("", kind)
            if not isinstance(given, list) or not given:
                raise Unreadable(at, "this must be an array, and not an empty one")
            found += [(below(at, index), _principal(kind, text, below(at, index))) for index, text in enumerate(given)]
        return found

    def principals_value(self, patterns: Sequence[PrincipalPattern], purpose: Purpose) -> Any:
        if purpose is Purpose.RESOURCE:
            return [arn.bucket_principal_text(pattern) for pattern in patterns]
        entries: dict[str, list[str]] = {}
        for pattern in patterns:
            element, text = arn.principal_text(pattern)
            entries.setdefault(element, []).append(text)
        return entries


def _principal(kind: str, text: Any, where: str) -> PrincipalPattern:
    if not isinstance(text, str) or isinstance(text, Numeral):
        raise Unreadable(where, "this must be a text")
    try:
        if kind == "RAM":
            return arn.principal(text)
        if kind == "Federated":
            return arn.federated(text)
    except ValueError as wrong:
        raise Unreadable(where, f"{text[:128]!r}: {wrong}") from None
    if kind == "Service" and re.fullmatch(r"[a-z0-9.-]{1,128}", text):
        return PrincipalPattern("service", "", text)
    raise Unreadable(where, f"{text[:128]!r} is no principal")


GRAMMAR = RamGrammar()


class RamReader:
    """Reads policies written for RAM and OSS, as `kernel.policy.Reader` says."""

    def read(self, text: str, purpose: Purpose, account: str) -> tuple[Statement, ...]:
        return reading.read(GRAMMAR, text, purpose)
