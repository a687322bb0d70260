"""`sampan tour` holds against a real server, leaves nothing, and can fail."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import boto3
import pytest
from rich.console import Console

from sampan.cli import tour
from sampan.cli.tour_steps import STEPS, Step, Traveller, Unproven, check
from tests.cli.program import sampan
from tests.harness import Server


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_every_step_holds_and_nothing_is_left(tls: bool, server: Server, tls_server: Server, tmp_path: Path) -> None:
    one = tls_server if tls else server
    done = sampan("tour", "--data", str(one.data), home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("✓") == len(STEPS)
    assert "✗" not in done.stdout
    assert one.secret not in done.stdout + done.stderr
    trust = str(one.data / "tls" / "ca.pem") if tls else None
    s3 = boto3.client(
        "s3", endpoint_url=one.url, aws_access_key_id=one.key_id, aws_secret_access_key=one.secret,
        region_name="us-east-1", verify=trust,
    )  # fmt: skip
    left = [row["Name"] for row in s3.list_buckets()["Buckets"] if row["Name"].startswith("sampan-tour")]
    assert left == [], "it cleans up after itself"


def test_the_wrong_credentials_fail_every_step(server: Server, tmp_path: Path) -> None:
    wrong = {"SAMPAN_ROOT_ACCESS_KEY_ID": server.key_id, "SAMPAN_ROOT_ACCESS_KEY_SECRET": "another"}
    done = sampan("tour", "--data", str(server.data), home=tmp_path, env=wrong)
    assert done.returncode == 1
    assert "SignatureDoesNotMatch" in done.stdout
    assert "steps failed" in done.stdout


def test_a_step_that_does_not_hold_is_shown_and_the_rest_still_taken() -> None:
    def sink(_: Traveller) -> str:
        raise Unproven("it sank")

    def sail(_: Traveller) -> str:
        return "it sails"

    steps = (Step("Boats", "A leaky one", "nobody", sink), Step("Boats", "A sound one", "nobody", sail))
    console = Console(file=io.StringIO(), width=120)
    outcomes = tour._travel(console, object(), steps)  # type: ignore[arg-type]
    assert [outcome.error for outcome in outcomes] == ["Unproven: it sank", ""]
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "✗" in shown
    assert "it sank" in shown
    assert "it sails" in shown


def test_check_raises_what_it_was_told() -> None:
    check(True, "fine")
    with pytest.raises(Unproven, match="not so"):
        check(False, "not so")


def test_no_server_is_one_clear_line(tmp_path: Path) -> None:
    credentials = {"SAMPAN_ROOT_ACCESS_KEY_ID": "KEY", "SAMPAN_ROOT_ACCESS_KEY_SECRET": "SECRET"}
    done = sampan("tour", "--port", "1", home=tmp_path, env=credentials)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "start one with `sampan up`" in done.stderr


def test_a_missing_sdk_is_one_clear_line(server: Server, tmp_path: Path) -> None:
    # A module of the same name that cannot be imported stands for one that is not installed.
    (tmp_path / "oss2.py").write_text("raise ModuleNotFoundError(\"No module named 'oss2'\", name='oss2')\n")
    done = sampan("tour", "--data", str(server.data), home=tmp_path, env={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith("pip install 'sampan[tour]'"), sys.version
