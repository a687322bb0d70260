"""Alibaba Cloud's own policies ("system policies"), as far as they speak of what Sampan has.

Source: Alibaba Cloud RAM, "System policies". They say the same, in words of our own making.
"""

from __future__ import annotations

import json

from sampan.services.identity.model import Document, Language, Provided


def _policy(name: str, description: str, *actions: str) -> Provided:
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    text = json.dumps({"Version": "1", "Statement": [statement]}, indent=2)
    return Provided("aliyun", "/", name, Document(Language.RAM, text), description)


PROVIDED = (
    _policy("AdministratorAccess", "Everything.", "*"),
    _policy("AliyunRAMFullAccess", "Everything of RAM.", "ram:*"),
    _policy("AliyunRAMReadOnlyAccess", "Looking at everything of RAM.", "ram:Get*", "ram:List*"),
    _policy("AliyunSTSAssumeRoleAccess", "Taking on roles.", "sts:AssumeRole"),
    _policy("AliyunOSSFullAccess", "Everything of OSS.", "oss:*"),
    _policy("AliyunOSSReadOnlyAccess", "Looking at everything of OSS.", "oss:Get*", "oss:List*"),
)
