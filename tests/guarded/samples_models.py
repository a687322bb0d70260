"""What is sent for each operation of the doors to models, and which permissions it needs.

Source: AWS Service Authorization Reference, Amazon Bedrock: the other vendors name no permissions.
"""

from __future__ import annotations

from tests.guarded.house import Sample, sample

_MODEL = "foundation-model/tern"
_MESSAGES = '"model": "tern", "messages": [{"role": "user", "content": "Hi"}]'

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
