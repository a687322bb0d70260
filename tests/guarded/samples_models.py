"""What is sent for each operation of the doors to models, and which permissions it needs.

Source: AWS Service Authorization Reference, Amazon Bedrock: the other vendors name no permissions.
"""

from __future__ import annotations

from tests.guarded.house import Sample, sample

_MODEL = "foundation-model/tern"
_MESSAGES = '"model": "tern", "messages": [{"role": "user", "content": "Hi"}]'

_ASKED = '{"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}'
_BODY = '{"messages": [{"role": "user", "content": "Hi"}]}'

BEDROCK_RUNTIME: list[tuple[str, Sample]] = [
    ("Converse", sample("POST /model/tern/converse", f"bedrock:InvokeModel {_MODEL}", body=_ASKED)),
    (
        "ConverseStream",
        sample("POST /model/tern/converse-stream", f"bedrock:InvokeModelWithResponseStream {_MODEL}", body=_ASKED),
    ),
    ("InvokeModel", sample("POST /model/tern/invoke", f"bedrock:InvokeModel {_MODEL}", body=_BODY)),
    (
        "InvokeModelWithResponseStream",
        sample(
            "POST /model/tern/invoke-with-response-stream",
            f"bedrock:InvokeModelWithResponseStream {_MODEL}",
            body=_BODY,
        ),
    ),
    (
        "CountTokens",
        sample(
            "POST /model/tern/count-tokens",
            f"bedrock:CountTokens {_MODEL}",
            body=f'{{"input": {{"converse": {_ASKED}}}}}',
        ),
    ),
]

BEDROCK: list[tuple[str, Sample]] = [
    ("ListFoundationModels", sample("GET /foundation-models", "bedrock:ListFoundationModels *")),
    ("GetFoundationModel", sample("GET /foundation-models/tern", f"bedrock:GetFoundationModel {_MODEL}")),
    (
        "GetFoundationModelAvailability",
        sample("GET /foundation-model-availability/tern", f"bedrock:GetFoundationModelAvailability {_MODEL}"),
    ),
]

ANTHROPIC: list[tuple[str, Sample]] = [
    (
        "messages.create",
        sample("POST /v1/messages", f"bedrock:InvokeModel {_MODEL}", body=f'{{{_MESSAGES}, "max_tokens": 9}}'),
    ),
    (
        "messages.create",
        sample(
            "POST /v1/messages",
            f"bedrock:InvokeModelWithResponseStream {_MODEL}",
            body=f'{{{_MESSAGES}, "max_tokens": 9, "stream": true}}',
        ),
    ),
    (
        "messages.count_tokens",
        sample("POST /v1/messages/count_tokens", f"bedrock:CountTokens {_MODEL}", body=f"{{{_MESSAGES}}}"),
    ),
    ("models.list", sample("GET /v1/models", "bedrock:ListFoundationModels *")),
    ("models.retrieve", sample("GET /v1/models/tern", f"bedrock:GetFoundationModel {_MODEL}")),
]
