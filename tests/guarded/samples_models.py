"""What is sent for each operation of the doors to models, and which permissions it needs.

Sources: AWS Service Authorization Reference, Amazon Bedrock; for what Bedrock has no word for, Model Studio's in RAM.
The other vendors name no permissions.
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

_CHAT = '"model": "tern", "messages": [{"role": "user", "content": "Hi"}]'
_FORM = """\
--x\r
Content-Disposition: form-data; name="purpose"\r
\r
batch\r
--x\r
Content-Disposition: form-data; name="file"; filename="a.jsonl"\r
\r
{}\r
--x--\r
"""
_BATCH = '{"input_file_id": "{file}", "endpoint": "/v1/chat/completions", "completion_window": "24h"}'
_INPUT = '{"model": "tern", "input": "Hi"}'
_RANK = '{"model": "auk", "query": "a", "documents": ["a"]}'

OPENAI: list[tuple[str, Sample]] = [
    ("createChatCompletion", sample("POST /v1/chat/completions", "sfm:InvokeModel model/tern", body=f"{{{_CHAT}}}")),
    (
        "createChatCompletion",
        sample("POST /v1/chat/completions", "sfm:InvokeModel model/tern", body=f'{{{_CHAT}, "stream": true}}'),
    ),
    (
        "createCompletion",
        sample("POST /v1/completions", "sfm:InvokeModel model/tern", body='{"model": "tern", "prompt": "Hi"}'),
    ),
    (
        "createEmbedding",
        sample("POST /v1/embeddings", "sfm:InvokeModel model/gull", body='{"model": "gull", "input": "Hi"}'),
    ),
    (
        "createResponse",
        sample("POST /v1/responses", "sfm:InvokeModel model/tern", body=_INPUT),
    ),
    (
        "createResponse",
        sample(
            "POST /v1/responses",
            "sfm:InvokeModel model/tern",
            "sfm:GetResponse turn/{turn}",
            body='{"model": "tern", "input": "Hi", "previous_response_id": "{turn}"}',
        ),
    ),
    (
        "getInputTokenCounts",
        sample("POST /v1/responses/input_tokens", "sfm:CountTokens model/tern", body=_INPUT),
    ),
    ("getResponse", sample("GET /v1/responses/{turn}", "sfm:GetResponse turn/{turn}")),
    ("listInputItems", sample("GET /v1/responses/{turn}/input_items", "sfm:GetResponse turn/{turn}")),
    ("deleteResponse", sample("DELETE /v1/responses/{turn}", "sfm:DeleteResponse turn/{turn}")),
    ("listModels", sample("GET /v1/models", "sfm:ListModels *")),
    ("retrieveModel", sample("GET /v1/models/tern", "sfm:GetModel model/tern")),
    ("deleteModel", sample("DELETE /v1/models/smew", "sfm:DeleteDeployment model/smew")),
    ("rerank", sample("POST /v1/rerank", "sfm:InvokeModel model/auk", body=_RANK)),
    ("rerankV2", sample("POST /v2/rerank", "sfm:InvokeModel model/auk", body=_RANK)),
    (
        "score",
        sample("POST /score", "sfm:InvokeModel model/auk", body='{"model": "auk", "text_1": "a", "text_2": "b"}'),
    ),
    ("tokenize", sample("POST /tokenize", "sfm:CountTokens model/tern", body='{"model": "tern", "prompt": "Hi"}')),
    ("detokenize", sample("POST /detokenize", "sfm:CountTokens model/tern", body='{"model": "tern", "tokens": [97]}')),
    (
        "createFile",
        sample(
            "POST /v1/files",
            "sfm:UploadFile file/",
            body=_FORM,
            headers={"content-type": "multipart/form-data; boundary=x"},
        ),
    ),
    ("listFiles", sample("GET /v1/files", "sfm:ListFiles file/")),
    ("retrieveFile", sample("GET /v1/files/{file}", "sfm:GetFile file/{file}")),
    ("downloadFile", sample("GET /v1/files/{file}/content", "sfm:DownloadFile file/{file}")),
    ("deleteFile", sample("DELETE /v1/files/{file}", "sfm:DeleteFile file/{file}")),
    (
        "createBatch",
        sample("POST /v1/batches", "sfm:CreateBatch batch/", "sfm:DownloadFile file/{file}", body=_BATCH),
    ),
    ("listBatches", sample("GET /v1/batches", "sfm:ListBatches batch/")),
    ("retrieveBatch", sample("GET /v1/batches/{batch}", "sfm:GetBatch batch/{batch}")),
    ("cancelBatch", sample("POST /v1/batches/{batch}/cancel", "sfm:CancelBatch batch/{batch}")),
]
