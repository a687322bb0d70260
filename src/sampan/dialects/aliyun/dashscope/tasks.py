"""Tasks: what runs while nobody waits (`X-DashScope-Async: enable`), and how far it is."""

from __future__ import annotations

from typing import Any

import msgspec

from sampan.dialects.aliyun.dashscope.exchange import DashScopeExchange
from sampan.dialects.aliyun.dashscope.forms import invalid
from sampan.dialects.aliyun.dashscope.listings import PAGE, PAGE_MAX, local, number
from sampan.dialects.aliyun.dashscope.replies import reply
from sampan.gateway.http import Reply
from sampan.services.inference.model import CancelTask, Deferred, GetTask, ListTasks, TaskState

ALL_MAX = 10_000
_STATES = {
    TaskState.PENDING: "PENDING",
    TaskState.RUNNING: "RUNNING",
    TaskState.DONE: "SUCCEEDED",
    TaskState.FAILED: "FAILED",
    TaskState.CANCELLED: "CANCELED",
}


def render_begun(x: DashScopeExchange, task: Deferred) -> Reply:
    """That it has been taken on."""
    return reply(x, {"output": {"task_id": task.id, "task_status": _STATES[task.state]}})


def bind_get(x: DashScopeExchange, _: bytes) -> GetTask:
    """The one that the path names."""
    return GetTask(task=x.params["name"])


def render_get(x: DashScopeExchange, task: Deferred) -> Reply:
    """How far it is; when it is done, its output and usage, when it failed, the code and the message."""
    note: dict[str, Any] = msgspec.json.decode(task.note) if task.note else {}
    output = _shown(task) | note.get("output", {})
    output |= {name: note[name] for name in ("code", "message") if name in note}
    return reply(x, {"output": output} | ({"usage": note["usage"]} if "usage" in note else {}))


def bind_cancel(x: DashScopeExchange, _: bytes) -> CancelTask:
    """The one that the path names."""
    return CancelTask(task=x.params["name"])


def bind_list(x: DashScopeExchange, _: bytes) -> ListTasks:
    """All, or those of one status. Raises Fault(INVALID, "argument")."""
    status = x.request.param("status")
    states = {name: state for state, name in _STATES.items()}
    if status and status not in states:
        raise invalid("status", f"must be one of {', '.join(states)}.")
    return ListTasks(state=states[status] if status else None, limit=ALL_MAX)


def render_list(x: DashScopeExchange, found: tuple[Deferred, ...]) -> Reply:
    """A page of them. Model Studio counts pages of tasks beside their list, and not around it."""
    at, size = number(x, "page_no", 1, 1_000_000), number(x, "page_size", PAGE, PAGE_MAX)
    rows = [_shown(task) | {"status": _STATES[task.state]} for task in found[(at - 1) * size : at * size]]
    pages = -(-len(found) // size)
    return reply(x, {"data": rows, "total": len(found), "total_page": pages, "page_no": at, "page_size": size})


def _shown(task: Deferred) -> dict[str, Any]:
    times = {"submit_time": task.created_ms, "scheduled_time": task.started_ms, "end_time": task.ended_ms}
    told = {name: local(ms) for name, ms in times.items() if ms is not None}
    return {"task_id": task.id, "task_status": _STATES[task.state]} | told
