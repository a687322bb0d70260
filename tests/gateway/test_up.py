"""`sampan up` as a real process: how it starts, what it says when it cannot, and how it stops."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.harness import KEY_ID, SECRET, NotStarted, Server, alive

Make = Callable[..., Server]
MIB = 1024 * 1024


def client(server: Server, key_id: str = KEY_ID, secret: str = SECRET, **more: Any) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=server.url,
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
        region_name="us-east-1",
        config=Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}),
        **more,
    )


def sampan(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sampan.cli.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env={**env, "HOME": "/"})


def failure(server: Server) -> str:
    """The one line with which it refuses to start."""
    before = server.log
    with pytest.raises(NotStarted) as caught:
        server.start()
    assert caught.value.code == 1
    # A log that it shares with one that runs has lines of audit as well.
    (line,) = [line for line in caught.value.log.removeprefix(before).splitlines() if not line.startswith("{")]
    return line


# --- starting ---------------------------------------------------------------------------------------------------------


def test_a_first_start_makes_credentials_that_last(make_server: Make) -> None:
    none = {"SAMPAN_ROOT_ACCESS_KEY_ID": None, "SAMPAN_ROOT_ACCESS_KEY_SECRET": None}
    server = make_server(env=none).start()
    path = server.data / "credentials.toml"
    made = tomllib.loads(path.read_text())
    assert path.stat().st_mode & 0o777 == 0o600
    assert (server.data / "secrets.key").stat().st_mode & 0o777 == 0o600
    assert server.data.stat().st_mode & 0o777 == 0o700
    assert made["account"] == "000000000000"
    assert made["access_key_id"] in server.log
    assert made["access_key_secret"] not in server.log  # which is not a terminal
    assert made["api_key"].startswith("sk-")
    assert made["api_key"] not in server.log
    client(server, made["access_key_id"], made["access_key_secret"]).create_bucket(Bucket="kept")
    server.restart()
    assert tomllib.loads(path.read_text()) == made
    found = client(server, made["access_key_id"], made["access_key_secret"]).list_buckets()["Buckets"]
    assert [bucket["Name"] for bucket in found] == ["kept"]


def test_variables_replace_the_credentials(make_server: Make) -> None:
    server = make_server().start()
    client(server).create_bucket(Bucket="mine")
    server.env = {"SAMPAN_ROOT_ACCESS_KEY_ID": "ci", "SAMPAN_ROOT_ACCESS_KEY_SECRET": "not-a-secret"}
    server.restart()
    assert len(client(server, "ci", "not-a-secret").list_buckets()["Buckets"]) == 1
    with pytest.raises(ClientError, match="InvalidAccessKeyId"):
        client(server).list_buckets()


def test_a_file_of_before_there_were_api_keys_gets_one(make_server: Make) -> None:
    server = make_server().start()
    server.stop()
    path = server.data / "credentials.toml"
    old = [line for line in path.read_text().splitlines(keepends=True) if not line.startswith("api_key")]
    path.write_text("".join(old))
    server.start()
    made = tomllib.loads(path.read_text())
    assert (made["access_key_id"], made["api_key"][:3]) == (server.key_id, "sk-")
    server.env = {"SAMPAN_ROOT_API_KEY": "sk-of-the-pipeline"}
    server.restart()
    assert tomllib.loads(path.read_text())["api_key"] == "sk-of-the-pipeline"


def test_it_says_where_it_is(fresh_server: Server) -> None:
    facts = json.loads((fresh_server.data / "server.json").read_text())
    assert (facts["url"], facts["port"], facts["pid"]) == (fresh_server.url, fresh_server.port, fresh_server.pid)
    health = json.loads(fresh_server.page("health"))
    assert health["status"] == "ok"
    assert fresh_server.url in fresh_server.log
    assert fresh_server.stop() == 0
    assert not (fresh_server.data / "server.json").exists()


def test_a_configuration_may_wait_in_the_data_folder(make_server: Make) -> None:
    server = make_server()
    server.data.mkdir()
    (server.data / "sampan.toml").write_text("workers = 2\n")
    server.start()
    assert len(server.workers()) == 2


# --- refusing to start ------------------------------------------------------------------------------------------------


def test_a_port_in_use_by_another_sampan(make_server: Make) -> None:
    running = make_server().start()
    line = failure(make_server("--port", str(running.port), name="other"))
    assert line == (
        f"sampan up: port {running.port} of 127.0.0.1 is in use by another program (a Sampan, it says): "
        "stop it, or choose another port with --port"
    )
    assert json.loads(running.page("health"))["status"] == "ok"


def test_a_port_in_use_by_another_program(make_server: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        line = failure(make_server("--port", str(port)))
    assert f"port {port} of 127.0.0.1 is in use by another program: stop it" in line


def test_a_data_folder_in_use(make_server: Make, tmp_path: Path) -> None:
    running = make_server().start()
    line = failure(Server(running.data, "--ready-file", str(tmp_path / "other.ready")))
    assert f"is in use by another Sampan (process {running.pid})" in line
    assert "--data" in line
    assert json.loads(running.page("health"))["status"] == "ok"


def test_a_newer_data_folder(make_server: Make) -> None:
    server = make_server().start()
    server.stop()
    path = server.data / "format"
    path.write_text(path.read_text().replace("1", "99"))
    assert "was written by a newer Sampan" in failure(make_server(name="data"))


def test_somebody_elses_folder(make_server: Make, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").touch()
    assert "is not empty and not a data folder" in failure(make_server(name="photos"))
    assert [entry.name for entry in (tmp_path / "photos").iterdir()] == ["cat.jpg"]


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("--port", "http"), "--port: must be a whole number"),
        (("--host", "203.0.113.1"), "203.0.113.1"),
        (("--host", "no-such-host.invalid"), "is no address of this machine"),
        (("--tls", "--tls-cert", "/etc/passwd", "--tls-key", "/etc/passwd"), "the certificate or its key"),
        (("--config", "/nowhere/sampan.toml"), "cannot be read"),
    ],
)
def test_what_cannot_be(make_server: Make, flags: tuple[str, ...], says: str) -> None:
    assert says in failure(make_server(*flags))


def test_a_folder_that_cannot_be_written(make_server: Make, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "--data" in failure(make_server(name="file"))


# --- workers ----------------------------------------------------------------------------------------------------------


def test_two_workers_share_everything(make_server: Make) -> None:
    server = make_server("--workers", "2").start()
    assert len(server.workers()) == 2
    clients = [client(server) for _ in range(8)]  # the kernel spreads their connections
    clients[0].create_bucket(Bucket="shared")
    for number, one in enumerate(clients):
        one.put_object(Bucket="shared", Key=str(number), Body=b"x" * number)
        for other in clients:
            assert other.head_object(Bucket="shared", Key=str(number))["ContentLength"] == number
    used = [line for line in server.page("metrics").splitlines() if 'operation="HeadObject",status="200"' in line]
    assert 'sampan_requests_total{dialect="aws/s3",operation="HeadObject",status="200"} 64' in used


def test_a_worker_that_dies_is_replaced(make_server: Make) -> None:
    server = make_server("--workers", "2").start()
    client(server).create_bucket(Bucket="safe")
    first, second = server.workers()
    subprocess.run(["kill", "-9", str(first)], check=True)
    end = time.monotonic() + 20
    while time.monotonic() < end and (len(server.workers()) < 2 or first in server.workers()):
        time.sleep(0.05)
    assert second in server.workers()
    assert len(server.workers()) == 2
    for _ in range(8):
        assert len(client(server).list_buckets()["Buckets"]) == 1


def test_workers_do_not_outlive_their_parent(make_server: Make) -> None:
    server = make_server("--workers", "2").start()
    workers = server.workers()
    subprocess.run(["kill", "-9", str(server.pid)], check=True)
    end = time.monotonic() + 15
    while time.monotonic() < end and any(alive(pid) for pid in workers):
        time.sleep(0.05)
    assert not any(alive(pid) for pid in workers)
    server.kill()
    server.start()


# --- stopping ---------------------------------------------------------------------------------------------------------


def test_a_stop_lets_an_upload_finish(fresh_server: Server) -> None:
    s3 = client(fresh_server)
    s3.create_bucket(Bucket="upload")
    url = s3.generate_presigned_url("put_object", Params={"Bucket": "upload", "Key": "k"})
    connection = http.client.HTTPConnection("127.0.0.1", fresh_server.port, timeout=30)
    connection.putrequest("PUT", url.partition(fresh_server.host)[2])
    connection.putheader("content-length", str(2 * MIB))
    connection.endheaders()
    connection.send(b"a" * MIB)
    time.sleep(0.2)
    stopping = threading.Thread(target=fresh_server.stop)
    stopping.start()
    time.sleep(0.5)
    connection.send(b"b" * MIB)
    assert connection.getresponse().status == 200
    connection.close()
    stopping.join()
    fresh_server.start()
    assert client(fresh_server).get_object(Bucket="upload", Key="k")["Body"].read() == b"a" * MIB + b"b" * MIB


def test_a_stop_lets_a_download_finish(fresh_server: Server) -> None:
    s3 = client(fresh_server)
    s3.create_bucket(Bucket="download")
    s3.put_object(Bucket="download", Key="k", Body=b"x" * (32 * MIB))
    body = s3.get_object(Bucket="download", Key="k")["Body"]
    size = len(body.read(MIB))
    stopping = threading.Thread(target=fresh_server.stop)
    stopping.start()
    time.sleep(0.5)
    while piece := body.read(MIB):
        size += len(piece)
    assert size == 32 * MIB
    stopping.join()


def test_an_idle_connection_holds_up_no_stop(fresh_server: Server) -> None:
    with socket.create_connection(("127.0.0.1", fresh_server.port)) as idle:
        idle.sendall(b"GET /_sampan/health HTTP/1.1\r\nHost: a\r\n\r\n")
        idle.recv(1000)
        begun = time.monotonic()
        assert fresh_server.stop() == 0
        assert time.monotonic() - begun < 5


def test_a_client_that_leaves_ends_its_download(fresh_server: Server) -> None:
    """Nothing is read for nobody, and the others do not wait meanwhile."""
    s3 = client(fresh_server)
    s3.create_bucket(Bucket="download")
    s3.put_object(Bucket="download", Key="k", Body=b"x" * (64 * MIB))
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "download", "Key": "k"})
    target = url.partition(fresh_server.host)[2]
    with socket.create_connection(("127.0.0.1", fresh_server.port)) as leaving:
        leaving.sendall(f"GET {target} HTTP/1.1\r\nHost: {fresh_server.host}\r\n\r\n".encode())
        leaving.recv(MIB)
        time.sleep(0.5)
    end = time.monotonic() + 10
    while time.monotonic() < end and "GetObject" not in fresh_server.log:
        time.sleep(0.05)
    (entry,) = [json.loads(line) for line in fresh_server.log.splitlines() if "GetObject" in line]
    assert entry["fault"] == "truncated reply"
    assert entry["sent"] < 32 * MIB


# --- TLS --------------------------------------------------------------------------------------------------------------


def test_https_by_our_own_authority(make_server: Make) -> None:
    server = make_server("--tls", "--domains", "cloud.example").start()
    assert server.url.startswith("https://")
    authority = server.data / "tls" / "ca.pem"
    s3 = client(server, verify=str(authority))
    s3.create_bucket(Bucket="sealed")
    for name in ("localhost", "127.0.0.1", "b.s3.localhost", "b.cloud.example"):
        _handshake(server.port, name, authority)
    with pytest.raises(ssl.SSLCertVerificationError):
        _handshake(server.port, "evil.example", authority)
    with pytest.raises(ssl.SSLCertVerificationError):
        _handshake(server.port, "localhost", None)
    for path in authority.parent.glob("*.key"):
        assert path.stat().st_mode & 0o777 == 0o600
    certificates = {path.name: path.read_bytes() for path in authority.parent.iterdir()}
    server.restart()
    assert {path.name: path.read_bytes() for path in authority.parent.iterdir()} == certificates
    server.flags = ["--tls", "--domains", "other.example"]
    server.restart()
    assert authority.read_bytes() == certificates["ca.pem"]
    _handshake(server.port, "b.other.example", authority)


def _handshake(port: int, name: str, authority: Path | None) -> None:
    context = ssl.create_default_context(cafile=authority)
    with socket.create_connection(("127.0.0.1", port)) as plain, context.wrap_socket(plain, server_hostname=name):
        pass


# --- accounts ---------------------------------------------------------------------------------------------------------


def test_accounts_are_made_while_the_server_runs(fresh_server: Server) -> None:
    data = str(fresh_server.data)
    made = sampan("account", "add", "lighthouse", "--data", data)
    assert made.returncode == 0, made.stderr
    words = {line.rpartition("  ")[0].strip(): line.split() for line in made.stdout.splitlines()}
    key_id, secret = next(w[-1] for w in words.values() if "id" in w), made.stdout.split("secret")[1].split()[0]
    theirs = client(fresh_server, key_id, secret)
    theirs.create_bucket(Bucket="theirs")
    with pytest.raises(ClientError, match="AccessDenied"):
        client(fresh_server).list_objects_v2(Bucket="theirs")
    assert [b["Name"] for b in client(fresh_server).list_buckets()["Buckets"]] == []
    more = sampan("account", "key", "lighthouse", "--data", data).stdout.split()
    other = client(fresh_server, more[more.index("id") + 1], more[more.index("secret") + 1])
    assert [b["Name"] for b in other.list_buckets()["Buckets"]] == ["theirs"]
    listed = sampan("account", "ls", "--data", data).stdout
    assert "000000000000  root" in listed
    assert "  lighthouse" in listed
    again = sampan("account", "add", "lighthouse", "--data", data)
    assert (again.returncode, again.stderr) == (1, "sampan account: there is an account named lighthouse\n")
    nobody = sampan("account", "key", "nobody", "--data", data)
    assert (nobody.returncode, nobody.stdout) == (1, "")
    nowhere = sampan("account", "ls", "--data", data + "-nowhere")
    assert nowhere.returncode == 1
    assert "Traceback" not in nowhere.stderr


# --- the program ------------------------------------------------------------------------------------------------------


def test_help_and_version() -> None:
    assert "sampan 0." in sampan("version").stdout
    assert sampan("--version").stdout == sampan("version").stdout
    help_text = sampan("--help").stdout
    assert all(command in help_text for command in ("up", "env", "tour", "doctor", "account"))
    assert sampan().returncode == 2
    unknown = sampan("sail")
    assert unknown.returncode == 2
    assert "Traceback" not in unknown.stderr


# --- audit ------------------------------------------------------------------------------------------------------------


def test_audit_to_a_file_or_not_at_all(make_server: Make, tmp_path: Path) -> None:
    server = make_server("--audit", str(tmp_path / "audit.jsonl"), "--workers", "2").start()
    client(server).create_bucket(Bucket="seen")
    url = client(server).generate_presigned_url("list_objects_v2", Params={"Bucket": "seen"})
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("GET", url.partition(server.host)[2])
    assert connection.getresponse().status == 200
    server.stop()
    entries = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    assert (tmp_path / "audit.jsonl").stat().st_mode & 0o777 == 0o600
    # Each worker writes its own lines, a moment later: their order is that of their times only.
    operations = sorted(entry["operation"] for entry in entries if "operation" in entry)
    assert operations == ["CreateBucket", "ListObjectsV2"]
    text = (tmp_path / "audit.jsonl").read_text()
    assert "Signature" not in text
    assert SECRET not in text
    assert "CreateBucket" not in server.log
    server.flags = ["--audit", "off"]
    server.start()
    client(server).list_buckets()
    server.stop()
    assert "ListBuckets" not in server.log
