"""Managed policies that every account of AWS has, as far as they are about what Sampan speaks.

Source: AWS Managed Policy Reference. What they allow of other products is left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from sampan.dialects.aws.iam.names import CLOUD
from sampan.services.identity.model import Document, Language, Provided

_S3_READ = ("s3:Get*", "s3:List*", "s3:Describe*", "s3-object-lambda:Get*", "s3-object-lambda:List*")
_IAM_READ = (
    "iam:GenerateCredentialReport", "iam:GenerateServiceLastAccessedDetails", "iam:Get*", "iam:List*",
    "iam:SimulateCustomPolicy", "iam:SimulatePrincipalPolicy",
)  # fmt: skip

_ALLOWED: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "AdministratorAccess": ("Everything.", ("*",)),
    "ReadOnlyAccess": ("Everything that changes nothing.", (*_S3_READ, *_IAM_READ, "sts:GetCallerIdentity")),
    "AmazonS3FullAccess": ("All of S3.", ("s3:*", "s3-object-lambda:*")),
    "AmazonS3ReadOnlyAccess": ("All of S3 that changes nothing.", _S3_READ),
    "IAMFullAccess": ("All of IAM.", ("iam:*",)),
    "IAMReadOnlyAccess": ("All of IAM that changes nothing.", _IAM_READ),
}
# One's own password alone.
_OWN_PASSWORD = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "iam:ChangePassword", "Resource": "arn:aws:iam::*:user/${aws:username}"},
        {"Effect": "Allow", "Action": "iam:GetAccountPasswordPolicy", "Resource": "*"},
    ],
}


def policies() -> tuple[Provided, ...]:
    """AWS's own policies."""
    made = [
        _provided(name, description, {"Version": "2012-10-17", "Statement": [_statement(actions)]})
        for name, (description, actions) in _ALLOWED.items()
    ]
    return (*made, _provided("IAMUserChangePassword", "To change one's own password.", _OWN_PASSWORD))


def _statement(actions: tuple[str, ...]) -> Mapping[str, object]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": "*"}


def _provided(name: str, description: str, document: Mapping[str, object]) -> Provided:
    return Provided(CLOUD, "/", name, Document(Language.IAM, json.dumps(document, indent=2)), description)
