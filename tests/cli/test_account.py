"""`sampan account`: keys for an account of a data folder, at once, while a server runs on it or not."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from sampan import app, config
from sampan.kernel.caller import bearer
from tests.cli.program import sampan
from tests.harness import Server


@pytest.fixture
def data(fresh_server: Server) -> Path:
    return fresh_server.data


def test_an_api_key_from_its_making_to_its_end(data: Path, tmp_path: Path) -> None:
    where = ("--data", str(data))
    made = sampan("account", "api-key", "root", "--days", "3", "--only", "models", *where, home=tmp_path)
    assert made.returncode == 0, made.stderr
    key_id, token = made.stdout.split()[1], made.stdout.split()[4]
    listed = sampan("account", "api-keys", "root", *where, home=tmp_path).stdout.splitlines()
    own, other = sorted(listed, key=lambda line: line.startswith(key_id))
    assert other.startswith(f"{key_id}  root  active  made ")
    assert other.endswith("  models")
    assert "ends " in other
    assert "ends" not in own
    assert token not in "".join(listed)
    with app.open_identity(config.load({"data": str(data)}, {}, tmp_path)) as identity:
        assert bearer(identity, token, 0).scope == ("models",)
        root_s = tomllib.loads((data / "credentials.toml").read_text())["api_key"]
        assert bearer(identity, root_s, 0).scope == ()
        ended = sampan("account", "end-api-key", "root", key_id, *where, home=tmp_path)
        assert (ended.returncode, ended.stdout) == (0, "")
        assert identity.bearer(token) is None


def test_what_cannot_be_done_is_one_line(data: Path, tmp_path: Path) -> None:
    for words in (
        ("api-key", "nowhere"),
        ("api-key", "root", "--user", "nobody"),
        ("end-api-key", "root", "ACCANOTHING"),
        ("key", "nowhere"),
    ):
        done = sampan("account", *words, "--data", str(data), home=tmp_path)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), words
        assert done.stderr.startswith("sampan account: there is no" if words[-1] == "nowhere" else "sampan account: ")
    for words in (("--days", "0"), ("--days", "x"), ("--only", "S3:Get")):
        assert sampan("account", "api-key", "root", *words, "--data", str(data), home=tmp_path).returncode == 2
