"""Every fault that can be raised has words in every dialect, and every fault that is raised is listed."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Mapping, Set
from pathlib import Path

import pytest

from sampan import app
from sampan.config import Config
from sampan.dialects.aliyun.wire import openapi_words
from sampan.gateway import contract
from sampan.gateway.contract import Dialect
from sampan.gateway.http import Request
from sampan.kernel.fault import Fault, Kind
from tests.architecture import checks

SOURCE = Path(__file__).parents[2] / "src" / "sampan"
SERVICES = sorted(path.parent.name for path in SOURCE.glob("services/*/model.py"))
DIALECTS = app.dialects(Config())
OURS: frozenset[tuple[Kind, str]] = contract.FAULTS
WIRES: frozenset[tuple[Kind, str]] = openapi_words.FAULTS  # of a family's wire, beside the gateway's own
THEIRS: dict[str, frozenset[tuple[Kind, str]]] = {
    name: importlib.import_module(f"sampan.services.{name}.model").FAULTS for name in SERVICES
}
# How an error looks: in XML, in the OpenAPI's JSON, in that of the doors to models.
CODE = rb'<Code>|"[Cc]ode":|"error":\{|"message":'
INTERNAL = rb'<Code>Internal(?:Error|Failure)</Code>|"[Cc]ode":"InternalError"|"type":"(?:api|server)_error"|has failed'
SERVERS_FAULT = (Kind.FULL, Kind.UNAVAILABLE, Kind.INTERNAL)
UNSPOKEN = {(Kind.TRUNCATED, "reply")}  # the client has left in the middle of it: there is nobody to tell
FACTS: dict[str, object] = {
    "action": "objects:GetObject", "path": "bucket/key", "operation": "GetObject", "name": "N", "value": "V",
    "key_id": "KEY", "string_to_sign": "S", "canonical_request": "C", "algorithm": "md5",
    "request_time": "T", "server_time_ms": 0, "expires_ms": 0, "modified_ms": 0,
    "expected": "1", "given": "2", "size": 1, "size_min": 2, "size_max": 3, "number": 1, "count": 2, "count_max": 1,
    "bucket": "bucket", "key": "key", "version": "V", "etag": "e", "mine": False,
}  # fmt: skip


def spoken(dialect: Dialect) -> list[str]:
    """The services whose commands a dialect makes: those whose vocabulary it imports."""
    folder = "/".join(type(dialect).__module__.split(".")[1:-1]) + "/"
    names = {
        name
        for path, tree in checks.modules(SOURCE)
        if path.startswith(folder)
        for _, name in checks.imported(path, tree)
    }
    return [name for name in SERVICES if any(found.startswith(f"sampan.services.{name}.model") for found in names)]


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_every_fault_has_words(dialect: Dialect) -> None:
    services = spoken(dialect)
    assert services, "a dialect of nothing"
    assert OURS.union(*(THEIRS[name] for name in services)) - dialect.words == set()


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
@pytest.mark.parametrize("facts", [FACTS, {}], ids=["facts", "bare"])
def test_the_words_are_words(dialect: Dialect, facts: dict[str, object]) -> None:
    request = Request("GET", b"/bucket/key", b"", {"host": "127.0.0.1:4566"})
    for kind, noun in sorted(dialect.words):
        reply = dialect.refuse(request, "0" * 24, Fault(kind, noun, **facts))
        # Not every fault is an error to everybody: no tags at all is an answer to OSS.
        assert 200 <= reply.status < 600, (kind, noun)
        assert reply.status < 400 or re.search(CODE, reply.body), (kind, noun)  # type: ignore[arg-type]
        # What is overloaded is asked to be asked later, which is nobody's fault.
        assert reply.status in (429, 501) or (reply.status >= 500) == (kind in SERVERS_FAULT), (kind, noun)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_what_has_no_words_is_our_mistake(dialect: Dialect) -> None:
    request = Request("GET", b"/bucket/key", b"", {"host": "127.0.0.1:4566"})
    for fault in (Fault(Kind.INTERNAL, "blob", "secret details"), Fault(Kind.MISSING, "anchor", "secret details")):
        reply = dialect.refuse(request, "0" * 24, fault)
        assert reply.status == 500
        assert re.search(INTERNAL, reply.body)  # type: ignore[arg-type]
        assert b"secret details" not in reply.body  # type: ignore[operator]


def test_every_fault_that_is_raised_is_listed() -> None:
    assert unlisted(SOURCE, OURS | WIRES, THEIRS) == []


def unlisted(root: Path, ours: Set[tuple[Kind, str]], theirs: Mapping[str, Set[tuple[Kind, str]]]) -> list[str]:
    """Faults spelled out below `root` that are neither the gateway's nor of the service in whose folder they are."""
    broken = []
    for path, tree in checks.modules(root):
        layer, _, rest = path.partition("/")
        mine = [theirs.get(rest.partition("/")[0], frozenset())] if layer == "services" else theirs.values()
        known = frozenset(ours).union(*mine)
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Call) and ast.unparse(node.func) == "Fault" and len(node.args) >= 2):
                continue
            kind, noun = ast.unparse(node.args[0]).removeprefix("Kind."), node.args[1]
            # What is computed is seen when it is raised; what is written can be read.
            if not isinstance(noun, ast.Constant) or kind not in Kind.__members__:
                continue
            pair = Kind[kind], str(noun.value)
            if pair not in known and pair not in UNSPOKEN and pair[0] is not Kind.INTERNAL:
                broken.append(f"{path}:{node.lineno}: {kind} {noun.value!r}")
    return broken


def test_a_planted_fault_is_caught(tmp_path: Path) -> None:
    (tmp_path / "services" / "boats").mkdir(parents=True)
    (tmp_path / "services" / "boats" / "sail.py").write_text(
        "raise Fault(Kind.MISSING, 'boat')\nraise Fault(Kind.MISSING, 'bucket')\nraise Fault(Kind.FULL, 'store')\n"
    )
    theirs = {"boats": {(Kind.MISSING, "boat")}, "objects": {(Kind.MISSING, "bucket")}}
    assert unlisted(tmp_path, {(Kind.FULL, "store")}, theirs) == ["services/boats/sail.py:2: MISSING 'bucket'"]
