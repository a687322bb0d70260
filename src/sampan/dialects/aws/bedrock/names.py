"""Bedrock's names for models: bare ids, and ARNs.

Source: Amazon Bedrock API reference, `modelId` of Converse. What a model is called here is free, so a bare id is taken
as it is; of an ARN the part after its kind is the name, whatever region and account it is of.
"""

from __future__ import annotations

from sampan.kernel.fault import Fault, Kind

_KINDS = frozenset(
    {
        "foundation-model", "inference-profile", "application-inference-profile", "provisioned-model",
        "imported-model", "custom-model", "custom-model-deployment",
    }
)  # fmt: skip


def model_of(identifier: str) -> str:
    """The core's name of a model. Raises Fault(MISSING, "model")."""
    if not identifier.startswith("arn:"):
        return identifier
    kind, _, name = identifier.split(":", 5)[-1].partition("/")
    if kind not in _KINDS or not name:
        raise Fault(Kind.MISSING, "model", model=identifier[:256])
    return name


def arn(region: str, model: str) -> str:
    """The ARN of a model: it belongs to no account."""
    return f"arn:aws:bedrock:{region}::foundation-model/{model}"
