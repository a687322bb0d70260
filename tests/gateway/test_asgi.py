"""The way of a request through the gateway, over a dialect made for tests."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from sampan.gateway import asgi, metrics
from sampan.kernel import limits
from sampan.kernel.body import Bytes, Digest
from sampan.kernel.fault import Fault, Kind
from tests.gateway.world import Flow, Result, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_result_becomes_a_reply_with_length_and_request_id(world: World) -> None:
    world.result = Result(201, [("X-Word", "ja")], b"hello")
    answer = world.ask()
    assert (answer.status, answer.body, answer.finished) == (201, b"hello", True)
    assert answer.headers["content-length"] == "5"
    assert answer.headers["X-Word"] == "ja"
    request_id = answer.headers["x-request-id"]
    assert len(request_id) == 24
    assert set(request_id) <= set("0123456789ABCDEF")
    assert world.ask().headers["x-request-id"] != request_id


def test_head_sends_no_body_and_keeps_the_length(world: World) -> None:
    flow = Flow(1000, [b"x" * 1000])
    world.result = Result(body=flow)
    answer = world.ask(method="HEAD")
    assert (answer.body, answer.headers["content-length"], answer.finished) == (b"", "1000", True)
    assert (flow.yielded, flow.closed) == (0, 1)


def test_a_dialects_own_content_length_is_kept(world: World) -> None:
    world.result = Result(200, [("Content-Length", "77")], b"")
    answer = world.ask(method="HEAD")
    assert [v for n, v in answer.headers.items() if n.lower() == "content-length"] == ["77"]


@pytest.mark.parametrize("status", [204, 304])
def test_bodiless_statuses_have_no_length(world: World, status: int) -> None:
    world.result = Result(status, [], b"not to be sent")
    answer = world.ask()
    assert (answer.body, answer.finished) == (b"", True)
    assert "content-length" not in answer.headers


def test_a_flow_is_streamed_and_closed(world: World) -> None:
    flow = Flow(6, [b"abc", b"def"])
    world.result = Result(body=flow)
    answer = world.ask()
    assert (answer.body, answer.finished, answer.headers["content-length"]) == (b"abcdef", True, "6")
    assert flow.closed == 1


def test_an_empty_flow_ends(world: World) -> None:
    world.result = Result(body=Flow(0, []))
    answer = world.ask()
    assert (answer.body, answer.finished) == (b"", True)


def test_a_body_that_is_here_already_is_one_message(world: World) -> None:
    world.result = Result(body=Bytes(b"all of it"))
    assert world.ask().body == b"all of it"


@pytest.mark.parametrize("pieces", [[b"abc"], [b"abc", OSError("disk")], [b"abc", Fault(Kind.INTERNAL, "blob")]])
def test_a_flow_that_breaks_breaks_the_connection(world: World, pieces: list[bytes | Exception]) -> None:
    """The server closes a connection whose application raises: the client sees that bytes are missing."""
    flow = Flow(6, pieces)
    world.result = Result(body=flow)
    with pytest.raises((Fault, OSError)):
        world.ask()
    assert flow.closed == 1
    assert json.loads(world.sink.lines[0])["fault"].startswith("internal")


def test_a_flow_that_cannot_begin_is_an_error_with_a_status(world: World) -> None:
    for error in (Fault(Kind.INTERNAL, "blob"), OSError("disk")):
        flow = Flow(6, [error])
        world.result = Result(body=flow)
        answer = world.ask()
        assert (answer.status, answer.finished) == (500, True)
        assert answer.headers["x-fault"].startswith(error.noun if isinstance(error, Fault) else "server")
        assert flow.closed >= 1


def test_a_long_reply_stops_when_the_client_leaves(world: World) -> None:
    pieces = [b"x" * limits.CHUNK_BYTES] * 40
    flow = Flow(40 * limits.CHUNK_BYTES, pieces)
    world.result = Result(body=flow)
    answer = world.ask(leaves=True)
    assert not answer.finished
    assert flow.yielded < 10
    assert flow.closed == 1
    assert json.loads(world.sink.lines[0])["fault"] == "truncated reply"


def test_a_reply_that_is_written_while_it_is_read_has_no_length(world: World) -> None:
    flow = Flow(None, [b"data: 1", b"data: 2"])
    world.result = Result(body=flow)
    answer = world.ask()
    assert (answer.body, answer.finished, flow.closed) == (b"data: 1data: 2", True, 1)
    assert "content-length" not in answer.headers


def test_such_a_reply_may_be_empty(world: World) -> None:
    world.result = Result(body=Flow(None, []))
    assert world.ask().finished


def test_such_a_reply_ends_when_the_client_leaves_between_two_pieces(world: World) -> None:
    flow = Flow(None, [b"data: 1", None])
    world.result = Result(body=flow)
    answer = world.ask(leaves=True)
    assert (answer.body, answer.finished, flow.closed) == (b"data: 1", False, 1)
    assert json.loads(world.sink.lines[0])["fault"] == "truncated reply"


def test_such_a_reply_that_breaks_breaks_the_connection(world: World) -> None:
    world.result = Result(body=Flow(None, [b"data: 1", Fault(Kind.INTERNAL, "blob")]))
    with pytest.raises(Fault):
        world.ask()


def test_what_takes_its_time_is_cancelled_when_the_client_leaves(world: World) -> None:
    world.result = None
    assert world.ask("Wait", leaves=True).status == asgi.CLIENT_LEFT
    assert world.cancelled == 1
    line = json.loads(world.sink.lines[0])
    assert (line["status"], line["fault"]) == (asgi.CLIENT_LEFT, "truncated reply")


def test_what_takes_its_time_is_answered_to_who_stays(world: World) -> None:
    world.result = Result(200, [], b"at last")
    assert world.ask("Wait").body == b"at last"
    assert world.cancelled == 0


def test_waiting_for_a_first_piece_ends_when_the_client_leaves(world: World) -> None:
    flow = Flow(None, [None])
    world.result = Result(body=flow)
    assert world.ask("Wait", leaves=True).status == asgi.CLIENT_LEFT
    assert flow.closed == 1


def test_a_header_from_a_client_cannot_begin_another(world: World) -> None:
    world.result = Result(200, [("x-meta", "a\r\nset-cookie: b\0\x7f"), ("x-umlaut", "ä")], b"")
    answer = world.ask()
    assert answer.headers["x-meta"] == "a  set-cookie: b  "
    assert answer.headers["x-umlaut"].encode("latin-1").decode() == "ä"


# --- refusals --------------------------------------------------------------------------------------------------------


def test_an_operation_without_bind_is_not_done(world: World) -> None:
    answer = world.ask("NotDone")
    assert answer.headers["x-fault"].startswith("operation: not done")
    assert world.commands == []


@pytest.mark.parametrize(("account", "path"), [("", b"/hers"), ("000000000001", b"/his"), ("000000000002", b"/hers/k")])
def test_the_guard_is_asked_before_the_service(world: World, account: str, path: bytes) -> None:
    assert world.ask(account=account, path=path).headers["x-fault"].startswith("action: denied")
    assert world.commands == []


def test_what_nobody_owns_is_the_services_to_miss(world: World) -> None:
    assert world.ask(path=b"/nobodys/key").status == 200


def test_an_exception_is_an_internal_fault_with_the_request_id_and_a_trace_in_the_log(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.result = RuntimeError("secret detail")
    answer = world.ask()
    assert answer.status == 500
    assert b"secret detail" not in answer.body
    assert answer.headers["x-request-id"] in caplog.text
    assert "secret detail" in caplog.text


def test_a_result_that_cannot_be_rendered_is_closed(world: World) -> None:
    flow = Flow(3, [b"abc"])
    world.result = Result(body=flow)
    assert world.ask("RenderBoom").status == 500
    assert flow.closed == 1


def test_a_dialect_that_cannot_refuse_still_gets_an_answer_out(world: World) -> None:
    world.result = RuntimeError()
    answer = world.ask(headers=[("x-toy-refuse", "boom")])
    assert answer.status == 500
    assert "error" in json.loads(answer.body)


def test_headers_and_targets_are_limited(world: World) -> None:
    fits = ("x-long", "a" * (limits.HEADERS_BYTES_MAX - 200))
    assert world.ask(headers=[fits]).status == 200
    assert world.ask(headers=[fits, ("x-more", "b" * 200)]).headers["x-fault"].startswith("header: too large")
    assert world.ask(path=b"/hers/" + b"a" * (limits.TARGET_BYTES_MAX - 6)).status == 200
    assert world.ask(path=b"/hers/" + b"a" * limits.TARGET_BYTES_MAX).headers["x-fault"].startswith("header: too large")
    query = b"a=" + b"b" * limits.TARGET_BYTES_MAX
    assert world.ask(query=query).headers["x-fault"].startswith("header: too large")


# --- documents -------------------------------------------------------------------------------------------------------


def test_a_document_arrives_whole(world: World) -> None:
    assert world.ask("Document", method="POST", body=[b"<a>", b"</a>"]).status == 200
    assert world.commands[0].document == b"<a></a>"


@pytest.mark.parametrize("says_its_length", [True, False])
def test_a_document_is_limited(world: World, says_its_length: bool) -> None:
    body = [b"x" * limits.MIB] * 4
    headers = [] if says_its_length else [("transfer-encoding", "chunked")]
    version = "1.1" if says_its_length else "2"
    assert world.ask("Document", method="POST", body=body, headers=headers, version=version).status == 200
    answer = world.ask("Document", method="POST", body=[*body, b"x"], headers=headers, version=version)
    assert answer.headers["x-fault"].startswith("document: too large")


def test_a_document_must_agree_with_each_of_its_digests(world: World) -> None:
    bad = Fault(Kind.MISMATCH, "digest", algorithm="crc32c")
    good = Digest("sha256", hashlib.sha256(b"doc").digest(), Fault(Kind.INTERNAL, "server"))
    world.dialect.digests = [good]
    assert world.ask("Document", method="POST", body=[b"doc"]).status == 200
    world.dialect.digests = [good, Digest("crc32c", b"\0\0\0\0", bad)]
    assert world.ask("Document", method="POST", body=[b"doc"]).headers["x-fault"] == "digest: mismatch"


def test_a_document_whose_sender_leaves_is_truncated(world: World) -> None:
    headers = [("content-length", "10")]
    answer = world.ask("Document", method="POST", body=[b"doc"], headers=headers, leaves=True)
    assert answer.headers["x-fault"].startswith("body: truncated")


# --- uploads ---------------------------------------------------------------------------------------------------------


def test_an_upload_flows_in_pieces(world: World) -> None:
    assert world.ask("Write", method="PUT", body=[b"a", b"b"]).status == 200
    assert world.consumed == [b"a", b"b"]
    assert world.read_after == 0


def test_the_rest_of_a_refused_upload_is_read_after_the_reply(world: World) -> None:
    """So that a client which sends before it listens sees the refusal, and the connection can be used again."""
    assert world.ask("Write", b"/his/k", method="PUT", body=[b"a" * 1000] * 20).status == 400
    assert world.read_after == 20


def test_a_refused_upload_is_not_read_for_ever(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi, "DRAIN_BYTES_MAX", 5000)
    world.ask("Write", b"/his/k", method="PUT", body=[b"a" * 1000] * 20)
    assert world.read_after == 5


def test_a_sender_who_waits_for_a_yes_is_not_drained(world: World) -> None:
    world.ask("Write", b"/his/k", method="PUT", body=[b"a"] * 20, headers=[("expect", "100-continue")])
    assert world.read_after == 0


def test_a_silent_sender_is_given_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi, "BODY_IDLE_S_MAX", 0.01)
    answer = world.ask("Document", method="POST", body=[b"d"], headers=[("content-length", "10")], stalls=True)
    assert answer.headers["x-fault"].startswith("body: truncated")


# --- what no dialect claims -------------------------------------------------------------------------------------------


def test_our_own_pages(world: World) -> None:
    assert world.ask("", b"/_sampan/health", account="").body == b"well"
    assert world.ask("", b"/_sampan/health", account="", method="HEAD").body == b""
    assert world.ask("", b"/_sampan/nothing", account="").status == 404
    assert world.ask("", b"/_sampan/health", account="", method="DELETE").status == 404


def test_unclaimed_requests_get_a_plain_word(world: World) -> None:
    answer = world.ask("", account="")
    assert answer.status == 404
    assert "claims" in json.loads(answer.body)["error"]
    assert world.ask("", account="", headers=[("authorization", "Basic x")]).status == 400
    assert world.ask("", b"*", account="", method="OPTIONS").status == 200


# --- audit and counters -----------------------------------------------------------------------------------------------


def test_one_line_of_audit_for_each_request(world: World) -> None:
    world.result = Result(body=b"12345")
    world.ask("Write", b"/hers/key", method="PUT", body=[b"abc"], headers=[("user-agent", "curl/8")])
    (line,) = world.sink.lines
    entry = json.loads(line)
    assert entry.pop("ms") >= 0
    assert entry.pop("time").endswith("Z")
    assert len(entry.pop("id")) == 24
    assert entry == {
        "client": "127.0.0.1",
        "method": "PUT",
        "status": 200,
        "dialect": "test/toy",
        "operation": "Write",
        "account": "000000000001",
        "key": "KEY000000000001",
        "resource": "hers/key",
        "received": 3,
        "sent": 5,
        "agent": "curl/8",
    }


def test_audit_says_which_key_was_claimed(world: World) -> None:
    world.ask("BadKey")
    entry = json.loads(world.sink.lines[0])
    assert (entry["key"], entry["fault"]) == ("AKIACLAIMED", "missing key")


def test_no_secret_gets_into_the_audit(world: World) -> None:
    query = b"X-Amz-Signature=5ec2e7&X-Amz-Security-Token=70ce2&Signature=5ec2e7"
    headers = [("x-amz-security-token", "70ce2"), ("cookie", "70ce2")]
    for what in ("Read", "BadKey", "NotDone", ""):
        world.ask(what, query=query, headers=headers)
    assert len(world.sink.lines) == 4
    assert b"5ec2e7" not in b"".join(world.sink.lines)
    assert b"70ce2" not in b"".join(world.sink.lines)


@pytest.mark.parametrize("text", [True, False])
def test_audit_takes_any_bytes_and_stays_one_line(tmp_path: Path, text: bool) -> None:
    world = World(tmp_path, text=text)
    world.ask(path=b"/hers/\xff\xfe%ff%0a%0d%1b[31m", headers=[("user-agent", "\xff\x80")])
    (line,) = world.sink.lines
    assert line.count(b"\n") == 1
    assert b"\x1b" not in line
    line.decode()


def test_requests_are_counted(world: World) -> None:
    world.result = Result(body=b"12345")
    world.ask()
    world.ask("Write", method="PUT", body=[b"abc"])
    refusal = world.ask("NotDone")
    sums = metrics.totals(world.folder)
    assert {label: numbers[:3] for label, numbers in sums.items()} == {
        "test/toy|Read|200": [1, 0, 5],
        "test/toy|Write|200": [1, 3, 5],
        "test/toy|NotDone|400": [1, 0, len(refusal.body)],
    }
