"""Bedrock's words for the faults of the inference service.

Source: "Errors" of each operation in the Amazon Bedrock API reference, and "Troubleshooting Amazon Bedrock API Error
Codes" of its user guide; texts as AWS sends them, since people search for them.
"""

from __future__ import annotations

from sampan.dialects.aws.wire.words import Word, Words
from sampan.kernel.fault import Kind

_INVALID = "ValidationException"
_MISSING = "ResourceNotFoundException"
_SLOWLY = "ThrottlingException"
_CONFLICT = "ConflictException"

RUNTIME: Words = {
    (Kind.MISSING, "model"): Word(_INVALID, 400, "The provided model identifier is invalid."),
    (Kind.INVALID, "model"): Word("ModelErrorException", 424, "The model {model} cannot be used.", telling=True),
    (Kind.MISMATCH, "model"): Word(
        _INVALID, 400, "The model {model} does not support the requested operation.", telling=True
    ),
    (Kind.CONFLICT, "model"): Word(_CONFLICT, 400, "The model cannot be changed.", telling=True),
    (Kind.EXISTS, "model"): Word(_CONFLICT, 400, "There is a model of this name already."),
    (Kind.UNAVAILABLE, "model"): Word(
        "ThrottlingException", 429, "Too many requests, please wait before trying again."
    ),
    (Kind.UNAVAILABLE, "answer"): Word(
        "InternalServerException",
        500,
        "The system encountered an unexpected error during processing. Try your request again.",
    ),
    (Kind.INVALID, "request"): Word(
        _INVALID, 400, "Malformed input request, please reformat your input and try again.", telling=True
    ),
    (Kind.TOO_LARGE, "prompt"): Word(
        _INVALID, 400, "Input is too long for requested model: {tokens} tokens > {tokens_max} maximum"
    ),
    (Kind.TOO_MANY, "requests"): Word(_SLOWLY, 429, "Too many requests, please wait before trying again."),
    (Kind.TOO_MANY, "tokens"): Word(_SLOWLY, 429, "Too many tokens, please wait before trying again."),
    (Kind.TOO_MANY, "in flight"): Word(_SLOWLY, 429, "Too many concurrent requests, please wait before trying again."),
    (Kind.MISSING, "turn"): Word(_MISSING, 404, "The conversation cannot be found."),
    (Kind.MISSING, "file"): Word(_MISSING, 404, "The file cannot be found."),
    (Kind.INVALID, "file"): Word(_INVALID, 400, "The file cannot be read.", telling=True),
    (Kind.TOO_LARGE, "file"): Word(_INVALID, 400, "The file is too large."),
    (Kind.MISSING, "batch"): Word(_MISSING, 404, "The job cannot be found."),
    (Kind.CONFLICT, "batch"): Word(_CONFLICT, 400, "The job has ended already."),
    (Kind.MISSING, "task"): Word(_MISSING, 404, "The job cannot be found."),
    (Kind.CONFLICT, "task"): Word(_CONFLICT, 400, "The job has begun already."),
    (Kind.MISSING, "alias"): Word(_MISSING, 404, "The name cannot be found."),
    (Kind.EXISTS, "alias"): Word(_CONFLICT, 400, "The name is taken already."),
}

CONTROL: Words = {
    **RUNTIME,
    (Kind.MISSING, "model"): Word(
        _MISSING, 404, "Could not resolve the foundation model from the provided model identifier: {model}"
    ),
}
"""Of the API that tells of models."""
