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

_UPLOAD = (
    '--B\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
    '--B\r\ncontent-disposition: form-data; name="FIELD"; filename="f"\r\n\r\n{}\r\n--B--\r\n'
)
_CHAT = '"model": "tern", "messages": [{"role": "user", "content": "Hi"}]'
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
    ("createFile", sample("POST /v1/files", "sfm:UploadFile file/", body=_UPLOAD.replace("FIELD", "file"))),
    ("listFiles", sample("GET /v1/files", "sfm:ListFiles file/")),
    ("retrieveFile", sample("GET /v1/files/{file}", "sfm:GetFile file/{file}")),
    ("downloadFile", sample("GET /v1/files/{file}/content", "sfm:DownloadFile file/{file}")),
    ("deleteFile", sample("DELETE /v1/files/{file}", "sfm:DeleteFile file/{file}")),
    (
        "createBatch",
        sample(
            "POST /v1/batches",
            "sfm:CreateBatch batch/",
            "sfm:DownloadFile file/{file}",
            body='{"input_file_id": "{file}", "endpoint": "/v1/embeddings", "completion_window": "24h"}',
        ),
    ),
    ("listBatches", sample("GET /v1/batches", "sfm:ListBatches batch/")),
    ("retrieveBatch", sample("GET /v1/batches/{batch}", "sfm:GetBatch batch/{batch}")),
    ("cancelBatch", sample("POST /v1/batches/{batch}/cancel", "sfm:CancelBatch batch/{batch}")),
]

_AIGC = "POST /api/v1/services/aigc/text-generation/generation"
_GENERATE = '{"model": "tern", "input": {"messages": [{"role": "user", "content": "Hi"}]}}'

DASHSCOPE: list[tuple[str, Sample]] = [
    ("text-generation", sample(_AIGC, "sfm:InvokeModel model/tern", body=_GENERATE)),
    (
        "text-generation",
        sample(_AIGC, "sfm:InvokeModel model/tern", body=_GENERATE, headers={"x-dashscope-sse": "enable"}),
    ),
    (
        "text-generation",
        sample(_AIGC, "sfm:InvokeModel model/tern", body=_GENERATE, headers={"x-dashscope-async": "enable"}),
    ),
    (
        "multimodal-generation",
        sample(
            "POST /api/v1/services/aigc/multimodal-generation/generation", "sfm:InvokeModel model/tern", body=_GENERATE
        ),
    ),
    (
        "text-embedding",
        sample(
            "POST /api/v1/services/embeddings/text-embedding/text-embedding",
            "sfm:InvokeModel model/gull",
            body='{"model": "gull", "input": {"texts": ["Hi"]}}',
        ),
    ),
    (
        "text-rerank",
        sample(
            "POST /api/v1/services/rerank/text-rerank/text-rerank",
            "sfm:InvokeModel model/auk",
            body='{"model": "auk", "input": {"query": "a", "documents": ["a"]}}',
        ),
    ),
    ("tokenizer", sample("POST /api/v1/tokenizer", "sfm:CountTokens model/tern", body=_GENERATE)),
    ("tasks.list", sample("GET /api/v1/tasks", "sfm:ListTasks task/")),
    ("tasks.get", sample("GET /api/v1/tasks/{task}", "sfm:GetTask task/{task}")),
    ("tasks.cancel", sample("POST /api/v1/tasks/{task}/cancel", "sfm:CancelTask task/{task}")),
    ("models.list", sample("GET /api/v1/models", "sfm:ListModels *")),
    ("models.get", sample("GET /api/v1/models/tern", "sfm:GetModel model/tern")),
    ("deployments.list", sample("GET /api/v1/deployments", "sfm:ListModels *")),
    ("deployments.get", sample("GET /api/v1/deployments/tern", "sfm:GetModel model/tern")),
    ("files.upload", sample("POST /api/v1/files", "sfm:UploadFile file/", body=_UPLOAD.replace("FIELD", "files"))),
    ("files.list", sample("GET /api/v1/files", "sfm:ListFiles file/")),
    ("files.get", sample("GET /api/v1/files/{file}", "sfm:GetFile file/{file}")),
    ("files.delete", sample("DELETE /api/v1/files/{file}", "sfm:DeleteFile file/{file}")),
]
