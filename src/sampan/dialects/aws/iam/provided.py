"""AWS's own managed policies, as far as they speak of what Sampan has.

Source: AWS Managed Policy Reference Guide. They say the same, in words of our own making.
"""

from __future__ import annotations

import json

from sampan.services.identity.model import Document, Language, Provided


def _policy(name: str, description: str, *actions: str, but: tuple[str, ...] = ()) -> Provided:
    statement: dict[str, object] = {"Effect": "Allow", "Resource": "*"}
    statement["NotAction" if but else "Action"] = list(but or actions)
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement]}, indent=2)
    return Provided("aws", "/", name, Document(Language.IAM, text), description)


PROVIDED = (
    _policy("AdministratorAccess", "Everything.", "*"),
    _policy("PowerUserAccess", "Everything but users, roles and policies.", but=("iam:*",)),
    _policy("IAMFullAccess", "Everything of IAM.", "iam:*"),
    _policy("IAMReadOnlyAccess", "Looking at everything of IAM.", "iam:Get*", "iam:List*"),
    _policy("AmazonS3FullAccess", "Everything of S3.", "s3:*"),
    _policy("AmazonS3ReadOnlyAccess", "Looking at everything of S3.", "s3:Get*", "s3:List*"),
)
