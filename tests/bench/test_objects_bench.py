"""The benchmark runs, tells the truth, and notices a server that does not."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import load, objects, report
from bench.load import Bodies, Call
from bench.sign import Signer

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux")


def test_a_quick_run_measures_every_row_and_meets_no_bad_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "figures.json"
    code = objects.main(["--quick", "--no-install", "--folder", str(tmp_path), "--json", str(file)])
    figures = json.loads(file.read_text())
    assert code == 0, capsys.readouterr().err
    (server,) = figures["servers"]
    wanted = {f"{row} x{connections}" for row in objects.ROWS for connections in objects.QUICK_CONNECTIONS}
    assert set(server["rows"]) == wanted
    for name, row in server["rows"].items():
        assert row["per_second"] > 0, name
        assert (row["bad"], row["complaint"]) == (0, ""), name
        assert 0 < row["p50_us"] <= row["p99_us"], name
    assert server["idle_bytes"] > 0
    assert "| LIST 1000 |" in capsys.readouterr().out


class Liar(http.server.BaseHTTPRequestHandler):
    """Answers the first GET as it should, the second with a wrong byte, the third with 503, and then hangs up."""

    protocol_version = "HTTP/1.1"
    body = b""
    asked = 0

    def do_GET(self) -> None:
        type(self).asked += 1
        if self.asked > 3:
            self.close_connection = True
            return
        self.send_response(503 if self.asked == 3 else 200)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body if self.asked == 1 else b"!" + self.body[1:])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def liar() -> Iterator[http.server.HTTPServer]:
    Liar.asked = 0
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Liar) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_the_client_sees_wrong_answers(tmp_path: Path, liar: http.server.HTTPServer) -> None:
    bodies = Bodies(tmp_path / "bodies", 5000)
    body = bodies.pick(3, 5000)
    Liar.body = bodies.bytes_of(body)
    pool = tmp_path / "pool"
    port = liar.server_address[1]
    calls = [Call("GET", f"/bucket/{number}", want=body) for number in range(4)]
    load.write_pool(pool, calls, Signer("key", "secret", f"127.0.0.1:{port}"))
    seen = load.run(load.build(tmp_path), port, 1, 5, pool, bodies.path, loop=False)
    assert (seen.good, seen.bad) == (1, 3)


def test_the_signature_is_that_of_the_vendors_sdk() -> None:
    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    query = {"list-type": "2", "prefix": "a b/ü"}
    ours = Signer("AKID", "SECRET", "127.0.0.1:4566")
    mine = ours.headers("GET", "/bucket/key ü", query)
    url = f"http://127.0.0.1:4566{load.target('/bucket/key ü', query)}"
    request = AWSRequest("GET", url, headers={"x-amz-content-sha256": mine["x-amz-content-sha256"]})
    theirs = S3SigV4Auth(Credentials("AKID", "SECRET"), "s3", "us-east-1")
    request.context["timestamp"] = mine["x-amz-date"]
    request.headers["X-Amz-Date"] = mine["x-amz-date"]
    canonical = theirs.canonical_request(request)
    assert mine["authorization"].endswith(theirs.signature(theirs.string_to_sign(request, canonical), request))


def test_a_loss_is_named() -> None:
    def server(name: str, rate: float, *, stores: bool = True) -> report.Row:
        rows = {f"GET 16 MiB x{n}": {"per_second": rate} for n in (1, 32)}
        return {"name": name, "object_server": stores, "rows": rows}

    servers = [server("sampan, 1 worker", 50), server("other", 60), server("nginx", 100, stores=False)]
    said = report._goals({"servers": servers, "connections": [1, 32]})
    assert "First among object servers in 0 of 2 rows." in said
    assert "- GET 16 MiB x1: other 60.0, sampan, 1 worker 50.0: 0.83" in said
    assert "0.50 of nginx (not within 20 %)" in said
