"""Files: what batches read and write."""

from __future__ import annotations

from typing import Any

from sampan.dialects.open.openai.exchange import OpenAiExchange
from sampan.dialects.open.openai.limits import invalid
from sampan.dialects.open.openai.queries import choice, natural
from sampan.dialects.open.openai.replies import answering, listed, operation, remembering
from sampan.gateway.contract import Operation
from sampan.gateway.http import Reply
from sampan.kernel import form
from sampan.kernel.command import Command
from sampan.services.inference.model import DeleteFile, File, FileContent, GetFile, ListFiles, PutFile, ReadFile

PREFIX = "file-"
PURPOSES = frozenset({"assistants", "batch", "fine-tune", "vision", "user_data", "evals", "file-extract"})
PAGE_MAX = 10_000
NAME_CHARS_MAX = 512
EXPIRES_S_MIN, EXPIRES_S_MAX = 3600, 2_592_000


def shown(file: File) -> dict[str, Any]:
    """A file."""
    return {
        "id": file.id,
        "object": "file",
        "bytes": file.size,
        "created_at": file.created_ms // 1000,
        "expires_at": None if file.expires_ms is None else file.expires_ms // 1000,
        "filename": file.name,
        "purpose": file.purpose,
        "status": "processed",
        "status_details": None,
    }


async def _begin(x: OpenAiExchange) -> None:
    x.form = await form.read(x.body, x.request.headers.get("content-type", ""), wanted=("purpose",))


def _put(x: OpenAiExchange, document: bytes) -> Command:
    purpose, body = x.form.fields.get("purpose", ""), x.form.file
    if body is None or x.form.file_field != "file":
        raise invalid("file", "Missing required parameter: 'file'.", missing=True)
    if not purpose:
        raise invalid("purpose", "Missing required parameter: 'purpose'.", missing=True)
    if purpose not in PURPOSES:
        raise invalid("purpose", f"'{purpose[:64]}' is not one of {', '.join(sorted(PURPOSES))}.")
    return PutFile(
        name=x.form.file_name[:NAME_CHARS_MAX] or "file",
        purpose=purpose,
        body=body,
        prefix=PREFIX,
        expires_s=_expires(x.form.fields),
    )


def _expires(fields: dict[str, str]) -> int | None:
    """`expires_after[seconds]`, as forms write `expires_after.seconds`."""
    seconds, anchor = fields.get("expires_after[seconds]"), fields.get("expires_after[anchor]", "created_at")
    if seconds is None:
        return None
    if anchor != "created_at":
        raise invalid("expires_after[anchor]", "The anchor must be 'created_at'.")
    if not (seconds.isascii() and seconds.isdecimal() and len(seconds) < 10):
        raise invalid("expires_after[seconds]", "Seconds must be a whole number.")
    if not EXPIRES_S_MIN <= int(seconds) <= EXPIRES_S_MAX:
        raise invalid("expires_after[seconds]", f"Seconds must lie between {EXPIRES_S_MIN} and {EXPIRES_S_MAX}.")
    return int(seconds)


def _list(x: OpenAiExchange, document: bytes) -> Command:
    return ListFiles(
        purpose=x.request.param("purpose") or "",
        after=x.request.param("after") or "",
        # One more than is shown tells whether there are more.
        limit=natural(x.request, "limit", PAGE_MAX, PAGE_MAX) + 1,
        oldest_first=choice(x.request, "order", ("desc", "asc")) == "asc",
    )


def _page(asked: ListFiles, found: tuple[File, ...]) -> dict[str, Any]:
    rows = [shown(file) for file in found[: asked.limit - 1]]
    return listed(rows, len(found) > len(rows))


def _content(x: OpenAiExchange, found: FileContent) -> Reply:
    return Reply(200, [("content-type", "application/octet-stream")], found.body)


def _file(x: OpenAiExchange) -> str:
    return x.params["file_id"]


CREATE = Operation("createFile", remembering(_put), answering(lambda _, file: shown(file)), begin=_begin)
LIST = operation("listFiles", _list, _page)
GET = operation("retrieveFile", lambda x, _: GetFile(file=_file(x)), lambda _, file: shown(file))
DELETE = operation(
    "deleteFile",
    lambda x, _: DeleteFile(file=_file(x)),
    lambda asked, _: {"id": asked.file, "object": "file", "deleted": True},
)
CONTENT = Operation("downloadFile", lambda x, _: ReadFile(file=_file(x)), _content)
