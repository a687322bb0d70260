"""Bedrock's two doors: which requests are their own, and what is done of their APIs."""

from __future__ import annotations

from sampan.dialects.aws.bedrock import catalogue, converse, invoke, words
from sampan.dialects.aws.wire import model
from sampan.dialects.aws.wire.service import ServiceDialect, claims
from sampan.gateway.contract import Claim
from sampan.kernel import limits
from sampan.kernel.ports import Clock

_BEARER = ("Bearer ",)
# Both are signed for as "bedrock": what tells them apart is the path.
_RUNTIME_PATHS = ("/model/", "/guardrail/", "/async-invoke")
_RUNTIME_NAMES = ("ConversationalModelId", "InvokeModelIdentifier", "FoundationModelVersionIdentifier")
_CONTROL_NAMES = ("BedrockModelId", "GetFoundationModelIdentifier")


class BedrockRuntimeDialect(ServiceDialect):
    """Implements `gateway.contract.Dialect`: asking models."""

    def __init__(self, region: str, clock: Clock) -> None:
        described = model.load("bedrock-runtime", "2023-09-30", _RUNTIME_NAMES)
        super().__init__(
            "aws/bedrock-runtime",
            described,
            (*claims(described, *_RUNTIME_PATHS), Claim(rank=1, authorization=_BEARER, path=_RUNTIME_PATHS)),
            {**converse.operations(clock), **invoke.operations(clock)},
            words.RUNTIME,
            region,
            limits.ASK_BYTES_MAX,
        )


class BedrockDialect(ServiceDialect):
    """Implements `gateway.contract.Dialect`: what is told of models."""

    def __init__(self, region: str) -> None:
        described = model.load("bedrock", "2023-04-20", _CONTROL_NAMES)
        paths = sorted({f"/{each.uri.split('/')[1]}" for each in described.operations.values()})
        super().__init__(
            "aws/bedrock",
            described,
            (*claims(described, *paths), Claim(rank=1, authorization=_BEARER, path=tuple(paths))),
            catalogue.operations(),
            words.CONTROL,
            region,
        )
