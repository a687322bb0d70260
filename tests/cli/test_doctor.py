"""`sampan doctor` finds what is planted, says how to mend it, and changes nothing."""

from __future__ import annotations

import json
import os
import resource
import shutil
import socket
import sqlite3
from collections import namedtuple
from pathlib import Path

import boto3
import pytest

from sampan.cli import doctor_data, doctor_machine
from sampan.cli.doctor_machine import BROKEN, FINE, LOOK
from sampan.config import Config
from tests.cli.program import sampan
from tests.harness import Server


def examine(
    data: Path, home: Path, *flags: str, env: dict[str, str] | None = None
) -> tuple[int, dict[str, list[dict[str, str]]]]:
    """Exit code, and findings by what was looked at."""
    done = sampan("doctor", "--json", "--data", str(data), *flags, home=home, env=env)
    assert done.stderr == ""
    found: dict[str, list[dict[str, str]]] = {}
    for finding in json.loads(done.stdout)["findings"]:
        found.setdefault(finding["what"], []).append(finding)
        assert finding["grade"] == FINE or finding["mend"], "what is not fine must be mendable"
    return done.returncode, found


@pytest.fixture
def stopped(fresh_server: Server) -> Path:
    """The data folder of a server that was stopped, with a large object in it."""
    s3 = boto3.client(
        "s3", endpoint_url=fresh_server.url, region_name="us-east-1",
        aws_access_key_id=fresh_server.key_id, aws_secret_access_key=fresh_server.secret,
    )  # fmt: skip
    s3.create_bucket(Bucket="ward")
    s3.put_object(Bucket="ward", Key="large", Body=os.urandom(1_000_000))
    fresh_server.stop()
    return fresh_server.data


def test_a_healthy_folder_is_healthy_beside_its_server(server: Server, tmp_path: Path) -> None:
    code, found = examine(server.data, tmp_path)
    assert code == 0, found
    assert found["server"][0]["found"].startswith(f"runs at {server.url}")
    assert {found[what][0]["grade"] for what in ("database", "blobs", "data folder", "Python", "SQLite")} == {FINE}


def test_it_changes_nothing(stopped: Path, tmp_path: Path) -> None:
    def seen() -> dict[str, bytes]:
        return {
            str(path): path.read_bytes() for path in stopped.rglob("*") if path.is_file() and "store" not in path.parts
        }

    before = seen()
    assert examine(stopped, tmp_path)[0] == 0
    assert seen() == before


def test_a_folder_that_is_not_there_yet_is_fine(tmp_path: Path) -> None:
    code, found = examine(tmp_path / "none" / "yet", tmp_path, "--port", "0")
    assert code == 0
    assert "not there yet" in found["data folder"][0]["found"]
    assert not (tmp_path / "none").exists()


def test_a_missing_blob_is_found(stopped: Path, tmp_path: Path) -> None:
    (blob,) = [path for path in (stopped / "blobs").rglob("*") if path.is_file()]
    blob.unlink()
    code, found = examine(stopped, tmp_path, "--port", "0")
    assert code == 1
    assert found["blobs"][0]["grade"] == BROKEN
    assert blob.name in found["blobs"][0]["found"]


def test_a_torn_database_is_found(stopped: Path, tmp_path: Path) -> None:
    path = stopped / "store" / "store.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    whole = bytearray(path.read_bytes())
    whole[8192 : 2 * 8192] = b"\xa5" * 8192
    path.write_bytes(whole)
    code, found = examine(stopped, tmp_path, "--port", "0")
    assert code == 1
    assert found["database"][0]["grade"] == BROKEN
    assert "backup" in found["database"][0]["mend"]


def test_a_file_that_is_no_database_is_found(stopped: Path, tmp_path: Path) -> None:
    (stopped / "store" / "store.db").write_bytes(b"not a database" * 1000)
    code, found = examine(stopped, tmp_path, "--port", "0")
    assert code == 1
    assert found["database"][0]["grade"] == BROKEN


def test_open_secrets_are_found(stopped: Path, tmp_path: Path) -> None:
    (stopped / "credentials.toml").chmod(0o644)
    stopped.chmod(0o755)
    code, found = examine(stopped, tmp_path, "--port", "0")
    assert code == 1
    grades = {finding["found"]: finding["grade"] for finding in found["secrets"]}
    assert grades == {"credentials.toml is open to others (0644)": BROKEN, "secrets.key (0600)": FINE}
    assert found["data folder"][0]["grade"] == LOOK


def test_a_newer_folder_and_a_strangers_folder_are_found(stopped: Path, tmp_path: Path) -> None:
    (stopped / "format").write_text("sampan data folder, format 99\n")
    code, found = examine(stopped, tmp_path, "--port", "0")
    assert code == 1
    assert "newer" in found["data folder"][-1]["found"]
    strange = tmp_path / "strange"
    strange.mkdir(mode=0o700)
    (strange / "thesis.tex").touch()
    code, found = examine(strange, tmp_path, "--port", "0")
    assert code == 1
    assert "not a data folder" in found["data folder"][-1]["found"]


def test_a_taken_port_is_found_with_its_holder(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        number = other.getsockname()[1]
        code, found = examine(tmp_path / "none", tmp_path, "--port", str(number))
    assert code == 1
    assert found["port"][0]["grade"] == BROKEN
    if Path("/proc/net/tcp").exists():
        assert f"(process {os.getpid()})" in found["port"][0]["mend"]
    assert examine(tmp_path / "none", tmp_path, "--port", str(number))[1]["port"][0]["grade"] == FINE


def test_a_server_that_was_killed_is_not_taken_for_running(fresh_server: Server, tmp_path: Path) -> None:
    fresh_server.kill()
    assert (fresh_server.data / "server.json").exists()
    code, found = examine(fresh_server.data, tmp_path, "--port", "0")
    assert code == 0, found
    assert "server" not in found


def test_variables_that_mislead_are_found(tmp_path: Path) -> None:
    env = {"AWS_PROFILE": "work", "http_proxy": "http://proxy:3128"}
    code, found = examine(tmp_path / "none", tmp_path, "--port", "0", env=env)
    assert code == 0, "worth a look, not broken"
    assert (found["variables"][0]["grade"], found["proxy"][0]["grade"]) == (LOOK, LOOK)
    assert "AWS_PROFILE" in found["variables"][0]["found"]
    env["no_proxy"] = "localhost,127.0.0.1"
    assert "proxy" not in examine(tmp_path / "none", tmp_path, "--port", "0", env=env)[1]


def test_a_certificate_is_looked_at(tls_server: Server, tmp_path: Path) -> None:
    assert examine(tls_server.data, tmp_path)[1]["certificate"][0]["grade"] == FINE
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    shutil.copytree(tls_server.data / "tls", data / "tls")
    (data / "tls" / "server.pem").write_text("not a certificate")
    code, found = examine(data, tmp_path, "--port", "0")
    assert code == 1
    assert found["certificate"][0]["grade"] == BROKEN


# --- what cannot be planted on a real machine is told to the check itself ---------------------------------------------


def test_a_full_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    room = namedtuple("room", "f_bavail f_frsize f_files f_favail")
    for free_mib, grade in ((50, BROKEN), (1000, LOOK), (100_000, FINE)):
        monkeypatch.setattr(os, "statvfs", lambda _, free=free_mib: room(free * 256, 4096, 10**6, 10**6))
        assert next(doctor_data.disk(tmp_path)).grade == grade
    monkeypatch.setattr(os, "statvfs", lambda _: room(10**9, 4096, 10**6, 10))
    assert next(doctor_data.disk(tmp_path)).grade == BROKEN


@pytest.mark.parametrize(("kind", "grade"), [("nfs4", BROKEN), ("tmpfs", LOOK), ("ext4", FINE)])
def test_file_systems(kind: str, grade: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor_data, "_kind_of", lambda _: kind)
    assert list(doctor_data.disk(tmp_path))[-1].grade == grade


@pytest.mark.parametrize(("each_ms", "grade"), [(0.001, LOOK), (1, FINE), (50, LOOK)])
def test_syncs(each_ms: float, grade: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ticks = (step * each_ms / 1000 for step in range(1000))
    monkeypatch.setattr(doctor_data.time, "perf_counter", lambda: next(ticks))
    assert doctor_data.sync(tmp_path).grade == grade


@pytest.mark.parametrize(("soft", "grade"), [(256, BROKEN), (2048, LOOK), (65536, FINE)])
def test_open_files(soft: int, grade: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, 65536))
    assert doctor_machine.files().grade == grade


def test_a_clock_that_was_never_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor_machine.clock().grade == FINE
    monkeypatch.setattr(doctor_machine.time, "time", lambda: 0.0)
    assert doctor_machine.clock().grade == BROKEN


def test_a_database_that_takes_too_long_is_not_called_broken(stopped: Path) -> None:
    assert doctor_data.database(stopped / "store" / "store.db", None).grade == FINE
    many = ((f"{number:032x}", True) for number in range(10))
    assert doctor_data.blobs("blobs", many, 0).grade == LOOK


def test_a_check_that_fails_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    from sampan.cli import doctor

    def faint(_: Config) -> list[doctor_machine.Finding]:
        raise RuntimeError("oh")

    (finding,) = doctor._all("machine", lambda: faint(Config()))
    assert (finding.grade, finding.what) == (BROKEN, "machine")
