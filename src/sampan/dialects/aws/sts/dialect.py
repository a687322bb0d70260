"""The STS dialect: which requests are its own, and what is done of its API."""

from __future__ import annotations

from sampan.dialects.aws.sts import sessions
from sampan.dialects.aws.wire import identity_words, model
from sampan.dialects.aws.wire.service import ServiceDialect, claims
from sampan.gateway.contract import Claim


class StsDialect(ServiceDialect):
    """Implements `gateway.contract.Dialect`. Sessions are good in every region.

    Whoever holds a token of a trusted provider signs nothing. The operation then stands in the body, which a claim
    cannot see; but a form is posted to "/" by no other client of AWS that does not sign.
    """

    def __init__(self) -> None:
        described = model.load("sts", "2011-06-15")
        super().__init__(
            "aws/sts",
            described,
            (
                *claims(described),
                Claim(rank=1, query=("WebIdentityToken",), unsigned=True),
                Claim(
                    rank=1,
                    headers=("amz-sdk-invocation-id",),
                    content="application/x-www-form-urlencoded",
                    unsigned=True,
                ),
            ),
            sessions.operations(),
            identity_words.STS,
        )
