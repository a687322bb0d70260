"""Operations of OpenAI's API that Sampan does not do: named as its reference names them, refused as what they are."""

from __future__ import annotations

from collections.abc import Iterator

from sampan.gateway.contract import Operation

# Method, path below the version, name. Deprecated families (assistants, threads) are there, since clients still call.
_ROWS = """\
POST /moderations createModeration
POST /audio/speech createSpeech
POST /audio/transcriptions createTranscription
POST /audio/translations createTranslation
POST /images/generations createImage
POST /images/edits createImageEdit
POST /images/variations createImageVariation
POST /videos createVideo
GET /videos listVideos
GET /videos/{video_id} getVideo
DELETE /videos/{video_id} deleteVideo
GET /videos/{video_id}/content retrieveVideoContent
POST /videos/{video_id}/remix createVideoRemix
GET /chat/completions listChatCompletions
GET /chat/completions/{completion_id} getChatCompletion
POST /chat/completions/{completion_id} updateChatCompletion
DELETE /chat/completions/{completion_id} deleteChatCompletion
GET /chat/completions/{completion_id}/messages getChatCompletionMessages
POST /responses/{response_id}/cancel cancelResponse
POST /responses/compact compactResponse
POST /conversations createConversation
GET /conversations/{conversation_id} getConversation
POST /conversations/{conversation_id} updateConversation
DELETE /conversations/{conversation_id} deleteConversation
POST /conversations/{conversation_id}/items createConversationItems
GET /conversations/{conversation_id}/items listConversationItems
GET /conversations/{conversation_id}/items/{item_id} getConversationItem
DELETE /conversations/{conversation_id}/items/{item_id} deleteConversationItem
POST /uploads createUpload
POST /uploads/{upload_id}/parts addUploadPart
POST /uploads/{upload_id}/complete completeUpload
POST /uploads/{upload_id}/cancel cancelUpload
POST /fine_tuning/jobs createFineTuningJob
GET /fine_tuning/jobs listPaginatedFineTuningJobs
GET /fine_tuning/jobs/{job_id} retrieveFineTuningJob
POST /fine_tuning/jobs/{job_id}/cancel cancelFineTuningJob
POST /fine_tuning/jobs/{job_id}/pause pauseFineTuningJob
POST /fine_tuning/jobs/{job_id}/resume resumeFineTuningJob
GET /fine_tuning/jobs/{job_id}/events listFineTuningEvents
GET /fine_tuning/jobs/{job_id}/checkpoints listFineTuningJobCheckpoints
POST /fine_tuning/alpha/graders/run runGrader
POST /fine_tuning/alpha/graders/validate validateGrader
GET /fine_tuning/checkpoints/{checkpoint}/permissions listFineTuningCheckpointPermissions
POST /fine_tuning/checkpoints/{checkpoint}/permissions createFineTuningCheckpointPermission
DELETE /fine_tuning/checkpoints/{checkpoint}/permissions/{permission_id} deleteFineTuningCheckpointPermission
GET /vector_stores listVectorStores
POST /vector_stores createVectorStore
GET /vector_stores/{store_id} getVectorStore
POST /vector_stores/{store_id} modifyVectorStore
DELETE /vector_stores/{store_id} deleteVectorStore
POST /vector_stores/{store_id}/search searchVectorStore
GET /vector_stores/{store_id}/files listVectorStoreFiles
POST /vector_stores/{store_id}/files createVectorStoreFile
GET /vector_stores/{store_id}/files/{file_id} getVectorStoreFile
POST /vector_stores/{store_id}/files/{file_id} updateVectorStoreFileAttributes
DELETE /vector_stores/{store_id}/files/{file_id} deleteVectorStoreFile
GET /vector_stores/{store_id}/files/{file_id}/content retrieveVectorStoreFileContent
POST /vector_stores/{store_id}/file_batches createVectorStoreFileBatch
GET /vector_stores/{store_id}/file_batches/{batch_id} getVectorStoreFileBatch
POST /vector_stores/{store_id}/file_batches/{batch_id}/cancel cancelVectorStoreFileBatch
GET /vector_stores/{store_id}/file_batches/{batch_id}/files listFilesInVectorStoreBatch
GET /containers ListContainers
POST /containers CreateContainer
GET /containers/{container_id} RetrieveContainer
DELETE /containers/{container_id} DeleteContainer
GET /containers/{container_id}/files ListContainerFiles
POST /containers/{container_id}/files CreateContainerFile
GET /containers/{container_id}/files/{file_id} RetrieveContainerFile
DELETE /containers/{container_id}/files/{file_id} DeleteContainerFile
GET /containers/{container_id}/files/{file_id}/content RetrieveContainerFileContent
GET /evals listEvals
POST /evals createEval
GET /evals/{eval_id} getEval
POST /evals/{eval_id} updateEval
DELETE /evals/{eval_id} deleteEval
GET /evals/{eval_id}/runs getEvalRuns
POST /evals/{eval_id}/runs createEvalRun
GET /evals/{eval_id}/runs/{run_id} getEvalRun
POST /evals/{eval_id}/runs/{run_id} cancelEvalRun
DELETE /evals/{eval_id}/runs/{run_id} deleteEvalRun
GET /evals/{eval_id}/runs/{run_id}/output_items getEvalRunOutputItems
GET /evals/{eval_id}/runs/{run_id}/output_items/{item_id} getEvalRunOutputItem
POST /realtime/sessions create-realtime-session
POST /realtime/client_secrets create-realtime-client-secret
POST /realtime/transcription_sessions create-realtime-transcription-session
POST /realtime/calls create-realtime-call
GET /assistants listAssistants
POST /assistants createAssistant
GET /assistants/{assistant_id} getAssistant
POST /assistants/{assistant_id} modifyAssistant
DELETE /assistants/{assistant_id} deleteAssistant
POST /threads createThread
POST /threads/runs createThreadAndRun
GET /threads/{thread_id} getThread
POST /threads/{thread_id} modifyThread
DELETE /threads/{thread_id} deleteThread
GET /threads/{thread_id}/messages listMessages
POST /threads/{thread_id}/messages createMessage
GET /threads/{thread_id}/messages/{message_id} getMessage
POST /threads/{thread_id}/messages/{message_id} modifyMessage
DELETE /threads/{thread_id}/messages/{message_id} deleteMessage
GET /threads/{thread_id}/runs listRuns
POST /threads/{thread_id}/runs createRun
GET /threads/{thread_id}/runs/{run_id} getRun
POST /threads/{thread_id}/runs/{run_id} modifyRun
POST /threads/{thread_id}/runs/{run_id}/cancel cancelRun
POST /threads/{thread_id}/runs/{run_id}/submit_tool_outputs submitToolOuputsToRun
GET /threads/{thread_id}/runs/{run_id}/steps listRunSteps
GET /threads/{thread_id}/runs/{run_id}/steps/{step_id} getRunStep
"""


def routes() -> Iterator[tuple[str, str, Operation]]:
    """Method, path and operation of each."""
    for row in _ROWS.splitlines():
        method, path, name = row.split(" ")
        yield method, path, Operation(name)
