"""What is listed in pages: models, deployments, files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, TypeVar

from sampan.dialects.aliyun.dashscope.exchange import DashScopeExchange
from sampan.dialects.aliyun.dashscope.forms import invalid
from sampan.dialects.aliyun.dashscope.replies import reply
from sampan.gateway.http import Reply
from sampan.kernel import form
from sampan.services.inference.model import (
    DeleteFile,
    File,
    GetFile,
    GetModel,
    ListFiles,
    ListModels,
    Model,
    PutFile,
    Standing,
    Task,
)

T = TypeVar("T")
PAGE, PAGE_MAX = 10, 100
NAME_CHARS_MAX = 512
CHINA = timezone(timedelta(hours=8))
"""Model Studio tells local time, without a zone."""
_CAPABILITIES = {Task.GENERATE: "TG", Task.EMBED: "TE", Task.RANK: "TR"}
_STATES = {
    Standing.READY: "RUNNING",
    Standing.LOADING: "DEPLOYING",
    Standing.FAILED: "FAILED",
    Standing.COLD: "PENDING",
}


def local(ms: int) -> str:
    """A time as Model Studio writes it: "2026-01-31 08:00:00.000"."""
    return datetime.fromtimestamp(ms / 1000, UTC).astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S.") + f"{ms % 1000:03d}"


def number(x: DashScopeExchange, name: str, default: int, most: int) -> int:
    """A whole number of the query. Raises Fault(INVALID, "argument")."""
    text = x.request.param(name)
    if not text:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and 1 <= int(text) <= most):
        raise invalid(name, f"must be from 1 to {most}.")
    return int(text)


def page(x: DashScopeExchange, name: str, rows: Sequence[T], shown: Callable[[T], dict[str, Any]]) -> dict[str, Any]:
    """The page of `rows` that the query asks for."""
    at, size = number(x, "page_no", 1, 1_000_000), number(x, "page_size", PAGE, PAGE_MAX)
    wanted = rows[(at - 1) * size : at * size]
    return {"total": len(rows), "page_no": at, "page_size": size, name: [shown(row) for row in wanted]}


# --- models -----------------------------------------------------------------------------------------------------------


def bind_models(x: DashScopeExchange, _: bytes) -> ListModels:
    """All that the caller may see."""
    return ListModels()


def render_models(x: DashScopeExchange, found: tuple[Model, ...]) -> Reply:
    """A page of them; of one name, where one is asked for."""
    name = x.request.param("model")
    return reply(x, {"output": page(x, "models", [one for one in found if name in (None, "", one.name)], _model)})


def bind_model(x: DashScopeExchange, _: bytes) -> GetModel:
    """The one that the path names."""
    return GetModel(model=x.params["name"])


def render_model(x: DashScopeExchange, found: Model) -> Reply:
    """One."""
    return reply(x, {"output": _model(found)})


def _model(found: Model) -> dict[str, Any]:
    able = found.abilities
    return {
        "model": found.name,
        "name": found.name,
        "description": found.deployment.description,
        "base_model": found.deployment.base or found.deployment.name,
        "capabilities": [_CAPABILITIES[able.task]],
        "model_info": {"context_window": able.length_max, "parameters": able.parameters},
        "gmt_create": local(found.deployment.created_ms),
    }


def bind_deployments(x: DashScopeExchange, _: bytes) -> ListModels:
    """All, with how they do."""
    return ListModels(conditions=True)


def render_deployments(x: DashScopeExchange, found: tuple[Model, ...]) -> Reply:
    """Each deployment once: aliases are no deployments."""
    own = [model for model in found if model.name == model.deployment.name]
    return reply(x, {"output": page(x, "deployments", own, _deployment)})


def render_deployment(x: DashScopeExchange, found: Model) -> Reply:
    """One."""
    return reply(x, {"output": _deployment(found)})


def _deployment(found: Model) -> dict[str, Any]:
    standing = found.condition.standing if found.condition is not None else Standing.COLD
    return {
        "deployed_model": found.name,
        "model_name": found.deployment.name,
        "base_model": found.deployment.base or found.deployment.name,
        "status": _STATES[standing],
        "capacity": 1,
        "gmt_create": local(found.deployment.created_ms),
    }


# --- files ------------------------------------------------------------------------------------------------------------


async def begin_file(x: DashScopeExchange) -> None:
    """Read the form up to its file."""
    x.form = await form.read(x.body, x.request.headers.get("content-type", ""))


def bind_file(x: DashScopeExchange, _: bytes) -> PutFile:
    """Raises Fault(INVALID, "argument") for a form without a file."""
    if x.form.file is None or x.form.file_field not in ("files", "file"):
        raise invalid("files", "is required.", missing=True)
    fields = x.form.fields
    return PutFile(
        name=x.form.file_name[:NAME_CHARS_MAX] or "file",
        purpose=fields.get("purpose", "fine_tune")[:64],
        body=x.form.file,
        description=fields.get("descriptions", "")[:1024],
        prefix="file-",
    )


def render_file(x: DashScopeExchange, file: File) -> Reply:
    """What was uploaded: here, one file in a form."""
    return reply(x, {"data": {"uploaded_files": [{"file_id": file.id, "name": file.name}], "failed_uploads": []}})


def bind_files(x: DashScopeExchange, _: bytes) -> ListFiles:
    """All of the account's."""
    return ListFiles()


def render_files(x: DashScopeExchange, found: tuple[File, ...]) -> Reply:
    """A page of them."""
    return reply(x, {"data": page(x, "files", found, _file)})


def bind_get_file(x: DashScopeExchange, _: bytes) -> GetFile:
    """The one that the path names."""
    return GetFile(file=x.params["name"])


def render_get_file(x: DashScopeExchange, file: File) -> Reply:
    """One."""
    return reply(x, {"data": _file(file)})


def bind_delete_file(x: DashScopeExchange, _: bytes) -> DeleteFile:
    """The one that the path names."""
    return DeleteFile(file=x.params["name"])


def render_nothing(x: DashScopeExchange, _: None) -> Reply:
    """That it is done."""
    return reply(x, {})


def _file(file: File) -> dict[str, Any]:
    return {
        "file_id": file.id,
        "name": file.name,
        "description": file.description,
        "size": file.size,
        "md5": file.md5.hex(),
        "gmt_create": local(file.created_ms),
        "purpose": file.purpose,
    }
