"""The AWS CLI against a real server, with a profile that assumes a role."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.aws_identity.cloud import policy
from tests.harness import Server


def aws(server: Server, home: Path, *words: str) -> str:
    """What the command prints; its error if it fails. Its home is the test's: it keeps sessions there."""
    taken = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    env = {**taken, "HOME": str(home), "AWS_ENDPOINT_URL": server.url, "AWS_MAX_ATTEMPTS": "1", "AWS_PAGER": ""}
    command = [str(Path(sys.executable).with_name("aws")), *words]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else done.stderr


def test_a_profile_that_assumes_a_role(fresh_server: Server, tmp_path: Path) -> None:
    (tmp_path / ".aws").mkdir()
    profiles = tmp_path / ".aws" / "config"

    def profile(name: str, key_id: str, secret: str) -> str:
        return f"[{name}]\nregion=us-east-1\naws_access_key_id={key_id}\naws_secret_access_key={secret}\n"

    def run(*words: str) -> str:
        return aws(fresh_server, tmp_path, *words)

    root = profile("default", fresh_server.key_id, fresh_server.secret)
    profiles.write_text(root)
    arn = json.loads(run("iam", "create-user", "--user-name", "ann", "--path", "/team/"))["User"]["Arn"]
    key = json.loads(run("iam", "create-access-key", "--user-name", "ann"))["AccessKey"]
    trust = policy({"Action": "sts:AssumeRole", "Principal": {"AWS": arn}})
    made = run("iam", "create-role", "--role-name", "builder", "--assume-role-policy-document", trust)
    role = json.loads(made)["Role"]["Arn"]
    own = "arn:aws:iam::aws:policy/AmazonS3FullAccess"
    assert run("iam", "attach-role-policy", "--role-name", "builder", "--policy-arn", own) == ""
    profiles.write_text(
        root
        + profile("profile ann", key["AccessKeyId"], key["SecretAccessKey"])
        + f"[profile builder]\nregion=us-east-1\nrole_arn={role}\nsource_profile=ann\n"
    )
    who = json.loads(run("--profile", "builder", "sts", "get-caller-identity"))["Arn"]
    assert who.startswith(f"{role.replace(':iam:', ':sts:').replace(':role/', ':assumed-role/')}/")
    assert run("--profile", "builder", "s3", "mb", "s3://harbour") == "make_bucket: harbour\n"
    assert "(AccessDenied)" in run("--profile", "ann", "s3", "ls", "s3://harbour")
    assert "iam:ListUsers" in run("--profile", "builder", "iam", "list-users")
