"""The IAM dialect: which requests are its own, and what is done of its API."""

from __future__ import annotations

from sampan.dialects.aws.iam import (
    account,
    api_keys,
    credentials,
    details,
    entities,
    instances,
    passwords,
    policies,
    reports,
    simulation,
)
from sampan.dialects.aws.wire import identity_words, model
from sampan.dialects.aws.wire.service import ServiceDialect, claims


class IamDialect(ServiceDialect):
    """Implements `gateway.contract.Dialect`. IAM has no regions: whichever one is signed for will do."""

    def __init__(self) -> None:
        described = model.load("iam", "2010-05-08")
        super().__init__(
            "aws/iam",
            described,
            claims(described),
            {
                **entities.users(),
                **entities.groups(),
                **entities.roles(),
                **credentials.keys(),
                **api_keys.operations(),
                **passwords.operations(),
                **credentials.devices(),
                **policies.managed(),
                **policies.of_entities(),
                **simulation.operations(),
                **details.operations(),
                **instances.operations(),
                **reports.operations(),
                **account.operations(),
            },
            identity_words.IAM,
        )
