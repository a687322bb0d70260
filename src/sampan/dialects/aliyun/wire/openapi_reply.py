"""Replies of OpenAPI products: one value, written as JSON or as XML."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sampan.gateway.http import Reply, Request
from sampan.gateway.xml import escape

JSON, XML = "json", "xml"
# Byte for byte: an SDK reads an error as XML only under exactly this type.
_TYPES = {JSON: "application/json;charset=utf-8", XML: "text/xml;charset=utf-8"}


def form_of(request: Request) -> str:
    """The form that the client asks for: the parameter Format, else the header Accept, else what is usual with its
    signature: XML with RPC's older one, JSON elsewhere."""
    asked = (request.param("Format") or "").upper()
    if asked in ("JSON", "XML"):
        return XML if asked == "XML" else JSON
    accept = request.headers.get("accept", "")
    if "authorization" not in request.headers and request.param("Signature") is not None and "json" not in accept:
        return XML
    return XML if "xml" in accept and "json" not in accept else JSON


def reply(form: str, root: str, value: Mapping[str, Any], status: int = 200) -> Reply:
    """`root` names the document in XML; JSON needs no such name. Members that are None are left out."""
    headers = [("content-type", _TYPES[form])]
    if form == XML:
        return Reply(status, headers, f'<?xml version="1.0" encoding="UTF-8"?>{_xml(root, value)}'.encode())
    return Reply(status, headers, json.dumps(_json(value), ensure_ascii=True, separators=(",", ":")).encode())


def _json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _json(member) for name, member in value.items() if member is not None}
    return [_json(item) for item in value] if isinstance(value, list | tuple) else value


def _xml(name: str, value: Any) -> str:
    """A list is its element, as many times as it has items."""
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return "".join([_xml(name, item) for item in value])
    if isinstance(value, Mapping):
        content = "".join([_xml(member, item) for member, item in value.items()])
    else:
        content = escape(str(value).lower() if isinstance(value, bool) else str(value))
    return f"<{name}>{content}</{name}>"
