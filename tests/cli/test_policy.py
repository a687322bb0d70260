"""`sampan policy`, as a person runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sampan.cli import mapping
from sampan.cli.main import main

ROOT = Path(__file__).parents[2]
READERS = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "Readers",
            "Effect": "Allow",
            "Action": ["s3:GetObject", "ec2:RunInstances"],
            "Resource": "arn:aws:s3:::photos/*",
            "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}},
        },
        {"Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::photos/private/*"},
    ],
}


@pytest.fixture
def readers(tmp_path: Path) -> str:
    file = tmp_path / "readers.json"
    file.write_text(json.dumps(READERS))
    return str(file)


def test_translate(readers: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "translate", "--to", "ram", readers]) == 3
    told = capsys.readouterr()
    assert told.err == "statement 1 (Readers): without ec2:RunInstances\n"
    assert json.loads(told.out)["Statement"][1] == {
        "Effect": "Deny",
        "Action": "oss:*",
        "Resource": "acs:oss:*:*:photos/private/*",
    }


def test_the_purpose_is_guessed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"RAM": ["acs:ram::1000123456789012:root"]}}
    bucket = {"Effect": "Allow", "Action": "oss:GetObject", "Principal": ["*"], "Resource": "acs:oss:*:*:b/*"}
    for row in (trust, bucket):
        file = tmp_path / "policy.json"
        file.write_text(json.dumps({"Version": "1", "Statement": [row]}))
        assert main(["policy", "translate", "--to", "iam", str(file)]) == 0
    told = capsys.readouterr()
    assert "arn:aws:iam::123456789012:root" in told.out and '"Principal": "*"' in told.out and told.err == ""


@pytest.mark.parametrize(
    ("key", "address", "expected", "code"),
    [
        ("cat.jpg", "10.0.0.1", "allowed by statement 1 (Readers) of ", 0),
        ("cat.jpg", "11.0.0.1", "implicit deny: nothing in the caller's policies allows it", 3),
        ("private/cat.jpg", "10.0.0.1", "explicit deny by statement 2 of ", 3),
    ],
)
def test_explain(
    readers: str, key: str, address: str, expected: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    for action, resource in (("oss:GetObject", "acs:oss:*:*:photos/"), ("s3:GetObject", "arn:aws:s3:::photos/")):
        for context in ({"aws:SourceIp": address}, {"acs:SourceIp": [address]}):
            given = ["--action", action, "--resource", resource + key, "--context", json.dumps(context)]
            assert main(["policy", "explain", readers, *given]) == code
            assert capsys.readouterr().out.startswith(f"{action}: {expected}")


def test_explain_says_what_it_was_not_told(readers: str, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["policy", "explain", readers, "--action", "s3:GetObject", "--resource", "arn:aws:s3:::photos/a"]
    assert main(given) == 3
    assert "without a value of aws:SourceIp" in capsys.readouterr().out
    assert main([*given, "--context", '{"aws:SourceIp": "10.0.0.1"}']) == 0
    assert "without" not in capsys.readouterr().out


def test_explain_with_limits(readers: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nothing = tmp_path / "nothing.json"
    nothing.write_text(
        json.dumps({"Version": "1", "Statement": [{"Effect": "Allow", "Action": "ram:*", "Resource": "*"}]})
    )
    given = ["policy", "explain", readers, "--action", "s3:GetObject", "--resource", "arn:aws:s3:::photos/a"]
    given += ["--context", '{"aws:SourceIp": "10.0.0.1"}']
    for flag, told in (("--boundary", "the permission boundary"), ("--session", "a session policy")):
        assert main([*given, flag, str(nothing)]) == 3
        assert told in capsys.readouterr().out
    assert main([*given, "--owner", "123456789012"]) == 3
    assert "the resource's policy" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["translate", "--to", "ram", "/nowhere"], "No such file"),
        (["explain", "READERS", "--action", "ec2:Run", "--resource", "*"], "no action that Sampan does"),
        (["explain", "READERS", "--action", "s3:GetObject", "--resource", "photos"], "an ARN is written"),
        (["explain", "READERS", "--action", "s3:GetObject", "--resource", "*", "--context", "{"], "not JSON"),
        (
            ["explain", "READERS", "--action", "s3:GetObject", "--resource", "*", "--context", '{"x:y": "z"}'],
            "no condition key",
        ),
        (
            ["explain", "READERS", "--action", "s3:GetObject", "--resource", "*", "--context", '{"aws:SourceIp": {}}'],
            "a text",
        ),
    ],
)
def test_mistakes(readers: str, arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", *(readers if word == "READERS" else word for word in arguments)]) == 1
    assert told in capsys.readouterr().err


def test_a_bad_policy_is_told_with_the_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "bad.json"
    file.write_text('{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "oss"}]}')
    assert main(["policy", "translate", "--to", "iam", str(file)]) == 1
    assert "/Statement/0/Action" in capsys.readouterr().err
    file.write_bytes(b"\xff")
    assert main(["policy", "translate", "--to", "iam", str(file)]) == 1
    file.write_bytes(b" " * (2 << 20))
    assert main(["policy", "translate", "--to", "iam", str(file)]) == 1
    assert "more than" in capsys.readouterr().err


def test_the_page_of_the_mapping_is_up_to_date() -> None:
    text = (ROOT / mapping.PAGE).read_text()
    assert text == mapping.page(text)
    assert "| `s3:GetObject` | `oss:GetObject` | `objects:GetObject` |" in text
