"""`sampan env`: what it prints can be evaluated, and works."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from sampan.cli import env
from sampan.cli.door import Door
from sampan.cli.snippets import SNIPPETS
from tests.cli.program import sampan
from tests.clients.apart import node_modules_with, python_with
from tests.clients.test_ali_oss import PACKAGES as ALI_OSS
from tests.clients.test_s3fs import REQUIREMENTS as FSSPEC
from tests.harness import Server

NASTY = """a'b"c$d`e\\f"""
DOOR = Door("http://127.0.0.1:4566", "KEY", NASTY, "us-east-1", "cn-hangzhou", None)
TRUSTED = Door("https://127.0.0.1:4566", "KEY", "SECRET", "us-east-1", "cn-hangzhou", Path("/data/tls/ca.pem"))


def test_what_it_prints_is_what_a_shell_gets(server: Server, tmp_path: Path) -> None:
    script = f"""
        export AWS_SESSION_TOKEN=stale AWS_PROFILE=work
        eval "$({sys.executable} -m sampan.cli.main env --data {shlex.quote(str(server.data))})"
        echo "$AWS_ENDPOINT_URL|$AWS_ACCESS_KEY_ID|$OSS_ACCESS_KEY_SECRET"
        echo "${{AWS_SESSION_TOKEN-none}}|${{AWS_PROFILE-none}}"
        aws s3 ls
    """
    done = subprocess.run(
        ["sh", "-eu", "-c", script], capture_output=True, text=True, check=False,
        env={"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:2] == [f"{server.url}|{server.key_id}|{server.secret}", "none|none"]


def test_clients_of_models_get_the_api_key(server: Server, tmp_path: Path) -> None:
    lines = sampan("env", "--shell", "dotenv", "--data", str(server.data), home=tmp_path).stdout.splitlines()
    values = dict(line.split("=", 1) for line in lines)
    key = tomllib.loads((server.data / "credentials.toml").read_text())["api_key"]
    assert [name for name, value in values.items() if value == key] == [
        "OPENAI_API_KEY", "DASHSCOPE_API_KEY", "ANTHROPIC_API_KEY",
    ]  # fmt: skip
    assert values["OPENAI_BASE_URL"] == f"{server.url}/v1"
    assert values["DASHSCOPE_HTTP_BASE_URL"] == f"{server.url}/api/v1"
    assert values["ANTHROPIC_BASE_URL"] == server.url
    # Without TLS some SDKs refuse to send it, and would not sign either.
    assert "AWS_BEARER_TOKEN_BEDROCK" not in values
    assert env.variables(replace(TRUSTED, api_key="sk-x"), {})["AWS_BEARER_TOKEN_BEDROCK"] == "sk-x"
    assert not [name for name in env.variables(DOOR, {}) if name.endswith("API_KEY")]
    assert NASTY not in repr(replace(DOOR, api_key=NASTY))


@pytest.mark.parametrize("shell", ["sh", "bash", "zsh"])
def test_any_secret_gets_through_a_shell(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here")
    lines = "\n".join(env.SHELLS["bash"]({"SECRET": NASTY}, []))
    done = subprocess.run([shell, "-c", f'{lines}\nprintf %s "$SECRET"'], capture_output=True, text=True, check=True)
    assert done.stdout == NASTY


def test_other_shells_are_spoken() -> None:
    assert list(env.SHELLS["fish"]({"A": "it's \\ b"}, ["B"])) == ["set -e B", r"set -gx A 'it\'s \\ b'"]
    assert list(env.SHELLS["powershell"]({"A": "it's"}, ["B"])) == [
        "Remove-Item Env:B -ErrorAction SilentlyContinue",
        "$env:A = 'it''s'",
    ]
    assert list(env.SHELLS["dotenv"]({"A": "x y"}, ["B"])) == ["A=x y"]


def test_the_shell_is_guessed(server: Server, tmp_path: Path) -> None:
    done = sampan("env", "--data", str(server.data), home=tmp_path, env={"SHELL": "/usr/bin/fish"})
    assert done.stdout.startswith("set -gx ")


def test_a_proxy_is_kept_away_from_this_machine() -> None:
    assert "no_proxy" not in env.variables(DOOR, {})
    values = env.variables(DOOR, {"http_proxy": "http://proxy:3128", "no_proxy": "example.org"})
    assert values["no_proxy"] == values["NO_PROXY"] == "example.org,127.0.0.1,localhost"


def test_tls_names_the_authority() -> None:
    values = env.variables(TRUSTED, {})
    assert values["AWS_CA_BUNDLE"] == values["NODE_EXTRA_CA_CERTS"] == "/data/tls/ca.pem"
    assert "AWS_ALLOW_HTTP" not in values
    assert "AWS_CA_BUNDLE" not in env.variables(DOOR, {})


@pytest.mark.parametrize("client", ["boto3", "pyarrow", "oss2", "oss-v2", "s3fs", "ossfs", "ali-oss"])
@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_a_snippet_runs_as_it_is(client: str, tls: bool, server: Server, tls_server: Server, tmp_path: Path) -> None:
    one = tls_server if tls else server
    snippet = sampan("env", "--for", client, "--data", str(one.data), home=tmp_path).stdout
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    if tls:  # what the snippet's comment says, for clients that take it from there only
        trust = str(one.data / "tls" / "ca.pem")
        environment |= {"REQUESTS_CA_BUNDLE": trust} if client in ("oss-v2", "ossfs") else {}
        environment |= {"NODE_EXTRA_CA_CERTS": trust} if client == "ali-oss" else {}
    program: str | Path = sys.executable
    if client in ("s3fs", "ossfs"):
        program = python_with("fsspec", FSSPEC)
    if client == "ali-oss":
        environment["NODE_PATH"] = str(node_modules_with("ali-oss", ALI_OSS))
        program = "node"
    done = subprocess.run(
        [program, "-"], input=snippet, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, snippet + done.stderr


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_the_snippets_for_programs_work(tls: bool, server: Server, tls_server: Server, tmp_path: Path) -> None:
    one = tls_server if tls else server
    home, trust = tmp_path / "home", {}
    (home / ".aws").mkdir(parents=True)
    for client, file in (("awscli", ".aws/config"), ("s3cmd", ".s3cfg"), ("rclone", "rclone.conf")):
        (home / file).write_text(sampan("env", "--for", client, "--data", str(one.data), home=tmp_path).stdout)
    if tls:
        trust = {"RCLONE_CA_CERT": str(one.data / "tls" / "ca.pem")}
    curl = sampan("env", "--for", "curl", "--data", str(one.data), home=tmp_path).stdout
    for command in (
        "aws --profile sampan s3 ls", "s3cmd ls", "rclone --config rclone.conf lsd sampan:", f"set -e; {curl}"
    ):  # fmt: skip
        done = subprocess.run(
            ["sh", "-c", command], cwd=home, capture_output=True, text=True, check=False,
            env={"HOME": str(home), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"} | trust,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}: {done.stderr}"
        assert "<Error>" not in done.stdout


@pytest.mark.parametrize("client", SNIPPETS)
def test_every_snippet_names_the_door(client: str) -> None:
    for door in (DOOR, TRUSTED):
        text = SNIPPETS[client](door)
        assert "KEY" in text
        assert ":4566" in text
        assert "None" not in text
        assert ("ca.pem" in text) == (door is TRUSTED) or client == "duckdb"


def test_no_folder_is_one_clear_line(tmp_path: Path) -> None:
    done = sampan("env", "--data", str(tmp_path / "none"), home=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "start Sampan once with `sampan up`" in done.stderr


def test_a_damaged_credentials_file_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "credentials.toml").write_text("not toml")
    done = sampan("env", "--data", str(tmp_path), home=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)


def test_it_finds_a_server_on_another_port_and_believes_the_command_line(server: Server, tmp_path: Path) -> None:
    lines = sampan("env", "--data", str(server.data), home=tmp_path).stdout
    assert f"AWS_ENDPOINT_URL='{server.url}'" in lines
    lines = sampan("env", "--data", str(server.data), "--port", "9999", home=tmp_path).stdout
    assert "AWS_ENDPOINT_URL='http://127.0.0.1:9999'" in lines
