"""AWS's policy language.

Source: AWS IAM User Guide, "IAM JSON policy reference" and "AWS global condition context keys"; Amazon S3 User Guide,
"Bucket policy examples using condition keys". Sizes: "IAM and AWS STS quotas", and S3's of bucket policies.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar

from sampan.dialects.aws.wire import arns
from sampan.dialects.aws.wire.actions import ACTIONS
from sampan.kernel import reading
from sampan.kernel.document import Numeral, Unreadable, below
from sampan.kernel.language import OPERATORS, Grammar, Keys, NoEqual
from sampan.kernel.policy import PrincipalPattern, Purpose, ResourcePattern, Statement

_KINDS = {
    "Account": "root",
    "User": "user",
    "AssumedRole": "role",
    "FederatedUser": "federated",
    "Anonymous": "anonymous",
}
_CLASSES = {
    "STANDARD": "standard",
    "REDUCED_REDUNDANCY": "reduced",
    "STANDARD_IA": "infrequent",
    "ONEZONE_IA": "infrequent-one-zone",
    "INTELLIGENT_TIERING": "intelligent",
    "GLACIER_IR": "archive-instant",
    "GLACIER": "archive",
    "DEEP_ARCHIVE": "archive-deep",
}
_KEYS = Keys(
    cloud=arns.CLOUD,
    names={
        "aws:SourceIp": "source-ip",
        "aws:CurrentTime": "time",
        "aws:EpochTime": "epoch",
        "aws:SecureTransport": "secure",
        "aws:MultiFactorAuthPresent": "mfa",
        "aws:UserAgent": "user-agent",
        "aws:Referer": "referer",
        "aws:username": "username",
        "aws:userid": "userid",
        "aws:PrincipalAccount": "account",
        "aws:PrincipalType": "principal-kind",
        "aws:SourceIdentity": "source-identity",
        "aws:PrincipalTag/": "principal-tag/",
        "aws:RequestTag/": "request-tag/",
        "aws:ResourceTag/": "resource-tag/",
        "aws:TagKeys": "tag-keys",
        "sts:ExternalId": "external-id",
        "sts:RoleSessionName": "session-name",
        "s3:prefix": "objects:prefix",
        "s3:delimiter": "objects:delimiter",
        "s3:max-keys": "objects:max-keys",
        "s3:VersionId": "objects:version",
        "s3:x-amz-storage-class": "objects:storage-class",
        "s3:x-amz-copy-source": "objects:copy-source",
        "s3:x-amz-acl": "objects:acl",
        "s3:ExistingObjectTag/": "objects:tag/",
    },
    also={
        "sts:SourceIdentity": "source-identity",
        "iam:ResourceTag/": "resource-tag/",
        "s3:BucketTag/": "resource-tag/",
        "s3:RequestObjectTag/": "request-tag/",
        "s3:RequestObjectTagKeys": "tag-keys",
    },
    of_objects={"request-tag/": "s3:RequestObjectTag/"},
    values={"principal-kind": _KINDS, "objects:storage-class": _CLASSES},
)
_TOKEN = re.compile(r"([a-z0-9.-]+\.[a-z0-9._/-]+):(sub|aud|iss)", re.IGNORECASE)


class IamGrammar(Grammar):
    """The words of IAM's language."""

    cloud: ClassVar = arns.CLOUD
    name: ClassVar = "IAM"
    actions: ClassVar = ACTIONS
    keys: ClassVar = _KEYS
    operators: ClassVar = {
        **OPERATORS,
        "Null": "null",
        "BinaryEquals": "binary-equals",
        "ArnEquals": "arn-equals",
        "ArnNotEquals": "arn-not-equals",
        "ArnLike": "arn-like",
        "ArnNotLike": "arn-not-like",
    }
    versions: ClassVar = {"2012-10-17": True, "2008-10-17": False}
    version_default: ClassVar = "2008-10-17"
    version_written: ClassVar = "2012-10-17"
    quantified: ClassVar = True
    sid: ClassVar = re.compile(r"[A-Za-z0-9]*")
    sid_written: ClassVar = True
    elements: ClassVar = frozenset(
        {"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"}
    )
    # The most that a role may have inline; what has less room is measured where it is kept.
    chars_max: ClassVar = {Purpose.IDENTITY: 10_240, Purpose.RESOURCE: 20_480, Purpose.TRUST: 4_096}

    def resource(self, text: str) -> ResourcePattern:
        return arns.resource(text)

    def resource_text(self, pattern: ResourcePattern) -> str:
        return arns.resource_text(pattern)

    def key(self, text: str) -> str:
        """A key of a token has the provider's name before its own: the core's has not, since Principal names it."""
        found = _TOKEN.fullmatch(text)
        return f"token/{found[2].lower()}" if found else super().key(text)

    def key_text(self, core: str, statement: Statement) -> str:
        if not core.startswith("token/"):
            return super().key_text(core, statement)
        providers = {pattern.name for pattern in statement.principals or () if pattern.kind == "federated"}
        if len(providers) != 1 or "." not in (provider := providers.pop()):
            raise NoEqual(f"{core} of a provider without an address")
        return f"{provider}:{core.removeprefix('token/')}"

    def principals(self, value: Any, purpose: Purpose) -> Sequence[tuple[str, PrincipalPattern]]:
        if value == "*":
            return [("", PrincipalPattern("any"))]
        if not isinstance(value, dict) or not value:
            raise Unreadable("", 'this must be "*", or an object with AWS, Service or Federated')
        found = []
        for kind, given in value.items():
            at = below("", kind)
            rows = list(enumerate(given)) if isinstance(given, list) else [(-1, given)]
            for index, text in rows:
                place = at if index < 0 else below(at, index)
                found.append((place, _principal(kind, text, place)))
            if not rows:
                raise Unreadable(at, "nobody is named")
        return found

    def principals_value(self, patterns: Sequence[PrincipalPattern], purpose: Purpose) -> Any:
        entries: dict[str, list[str]] = {}
        for pattern in patterns:
            element, text = arns.principal_text(pattern)
            entries.setdefault(element, []).append(text)
        if entries == {"AWS": ["*"]}:
            return "*"
        return {element: texts[0] if len(texts) == 1 else texts for element, texts in entries.items()}


def _principal(kind: str, text: Any, where: str) -> PrincipalPattern:
    if not isinstance(text, str) or isinstance(text, Numeral):
        raise Unreadable(where, "this must be a text")
    try:
        if kind == "AWS":
            return arns.principal(text)
        if kind == "Federated":
            return arns.federated(text)
    except ValueError as wrong:
        raise Unreadable(where, f"{text[:128]!r}: {wrong}") from None
    if kind == "Service" and re.fullmatch(r"[a-z0-9.-]{1,128}", text):
        return PrincipalPattern("service", "", text)
    if kind == "CanonicalUser" and re.fullmatch(r"[0-9a-f]{64}", text):
        return PrincipalPattern("canonical", "", text)
    raise Unreadable(where, f"{text[:128]!r} is no principal")


GRAMMAR = IamGrammar()


class IamReader:
    """Reads policies written for IAM and S3, as `kernel.policy.Reader` says."""

    def read(self, text: str, purpose: Purpose, account: str) -> tuple[Statement, ...]:
        return reading.read(GRAMMAR, text, purpose)
