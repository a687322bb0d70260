"""`sampan tour` holds against a real server, leaves nothing, and can fail."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from rich.console import Console

from sampan.cli import tour, tour_models
from sampan.cli.serving import NONE_YET
from sampan.cli.tour_steps import STEPS
from sampan.cli.tour_traveller import Answer, Missing, Step, Traveller, Unproven, check
from tests.cli.program import sampan
from tests.harness import Server
from tests.llm import folders


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_every_step_holds_and_nothing_is_left(tls: bool, server: Server, tls_server: Server, tmp_path: Path) -> None:
    one = tls_server if tls else server
    done = sampan("tour", "--data", str(one.data), home=tmp_path, env=_path())
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("✓") == len(STEPS) - len(tour_models.STEPS)
    assert (done.stdout.count(NONE_YET), done.stdout.count(" – ")) == (1, 1), "a chapter without a model is a line"
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
    done = sampan("tour", "--data", str(server.data), home=tmp_path, env=wrong | _path())
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
    done = sampan("tour", "--port", "1", home=tmp_path, env=credentials | _path())
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "start one with `sampan up`" in done.stderr


def test_a_missing_sdk_is_one_clear_line(server: Server, tmp_path: Path) -> None:
    # A module of the same name that cannot be imported stands for one that is not installed.
    (tmp_path / "oss2.py").write_text("raise ModuleNotFoundError(\"No module named 'oss2'\", name='oss2')\n")
    done = sampan(
        "tour",
        "--data",
        str(server.data),
        home=tmp_path,
        env={"PYTHONPATH": os.pathsep.join([str(tmp_path), *_path().values()])},
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith("pip install 'sampan[tour]'"), sys.version


# --- with a model ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def talking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with models: one that ranks, which the tour has to pass over, and one to talk to. With TLS, since each
    SDK has another way to trust an authority."""
    if folders.missing():
        pytest.skip(f"needs {', '.join(folders.missing())}")
    folder = tmp_path_factory.mktemp("models")
    models = [str(folders.reranker(folder / "judge")), str(folders.chat(folder / "tern", seed=1))]
    flags = [word for model in models for word in ("--model", model)]
    with Server(tmp_path_factory.mktemp("talking") / "data", "--tls", *flags) as running:
        yield running


def test_four_sdks_get_one_answer(talking: Server, tmp_path: Path) -> None:
    done = sampan("tour", "--data", str(talking.data), home=tmp_path, env=_path())
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("✓") == len(STEPS)
    rows = {line.split("Asked by ")[1].split()[0]: line for line in done.stdout.splitlines() if "Asked by " in line}
    assert list(rows) == ["OpenAI's", "Model", "Anthropic's", "Bedrock's"]
    assert ["the same answer" in row for row in rows.values()] == [False, True, True, True]
    assert "tern" in done.stdout and "judge" not in done.stdout
    assert "sk-" not in done.stdout + done.stderr


def test_a_client_that_is_not_installed_is_passed_over_by_name(talking: Server, tmp_path: Path) -> None:
    # A module of the same name that cannot be found stands for one that is not installed.
    (tmp_path / "dashscope.py").write_text('raise ModuleNotFoundError("No module named", name="dashscope")\n')
    path = os.pathsep.join([str(tmp_path), *_path().values()])
    done = sampan("tour", "--data", str(talking.data), home=tmp_path, env={"PYTHONPATH": path})
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("dashscope is not installed") == 1
    assert done.stdout.count("the same answer") == 2


def test_another_answer_does_not_hold() -> None:
    class Heard:
        answer: Answer | None = None

    t = Heard()
    said = tour_models._heard(t, Answer("Aye,\n aye\x1b", 9, 3))  # type: ignore[arg-type]
    assert said == "“Aye, aye”", "on one line, and nothing that a terminal would obey"
    t.answer = Answer("Aye,\n aye", 9, 3)
    assert "9 tokens read, 3 written" in tour_models._heard(t, Answer("Aye,\n aye", 9, 3))  # type: ignore[arg-type]
    for other in (Answer("Aye, aye", 9, 3), Answer("Aye,\n aye", 8, 3), Answer("Aye,\n aye", 9, 4)):
        with pytest.raises(Unproven, match="another answer"):
            tour_models._heard(t, other)  # type: ignore[arg-type]


def test_a_chapter_is_closed_by_what_it_lacks_and_the_next_is_open() -> None:
    def lacks(_: Traveller) -> str:
        raise Missing("no wind")

    def rows(_: Traveller) -> str:
        import no_such_module

        return str(no_such_module)

    def sails(_: Traveller) -> str:
        return "it sails"

    steps = (
        Step("One", "An oar", "nobody", rows),
        Step("One", "A sail", "nobody", lacks),
        Step("One", "A flag", "nobody", sails),
        Step("Two", "A boat", "nobody", sails),
    )
    outcomes = tour._travel(Console(file=io.StringIO()), object(), steps)  # type: ignore[arg-type]
    assert [(outcome.step.title, outcome.missing) for outcome in outcomes] == [
        ("An oar", "no_such_module is not installed"),
        ("A sail", "no wind"),
        ("A boat", ""),
    ]


def _path() -> dict[str, str]:
    return {"PYTHONPATH": os.environ["PYTHONPATH"]} if "PYTHONPATH" in os.environ else {}
