"""Alibaba Cloud's own policies, as far as they are about what Sampan does: those that tools attach by name."""

from __future__ import annotations

import json

from sampan.services.identity.model import Document, Language, Provided

_POLICIES = (
    ("AdministratorAccess", "Everything, in all products.", ("*",)),
    ("AliyunOSSFullAccess", "Everything in OSS.", ("oss:*",)),
    ("AliyunOSSReadOnlyAccess", "Reading in OSS.", ("oss:Get*", "oss:List*")),
    ("AliyunRAMFullAccess", "Everything in RAM.", ("ram:*",)),
    ("AliyunRAMReadOnlyAccess", "Reading in RAM.", ("ram:Get*", "ram:List*")),
    ("AliyunSTSAssumeRoleAccess", "Assuming roles.", ("sts:AssumeRole",)),
)


def policies() -> tuple[Provided, ...]:
    """The policies, each of one statement that allows some actions on everything."""
    return tuple(
        Provided("aliyun", "/", name, Document(Language.RAM, _text(actions)), description)
        for name, description, actions in _POLICIES
    )


def _text(actions: tuple[str, ...]) -> str:
    action = list(actions) if len(actions) > 1 else actions[0]
    return json.dumps({"Version": "1", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]})
