"""`sampan account`: keys for an account of a data folder, at once, while a server runs on it or not."""

from __future__ import annotations

import json
import time
import tomllib
from pathlib import Path

import boto3
import jwt
import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric import ec

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


def test_a_provider_gets_its_keys(fresh_server: Server, tmp_path: Path) -> None:
    """A token of a trusted issuer is worth nothing until its keys are known, and then at once."""
    server = fresh_server
    signer = ec.generate_private_key(ec.SECP256R1())
    clients = {"endpoint_url": server.url, "region_name": "us-east-1"}
    root = {"aws_access_key_id": server.key_id, "aws_secret_access_key": server.secret}
    iam, sts = boto3.client("iam", **clients, **root), boto3.client("sts", **clients, **root)
    iam.create_open_id_connect_provider(Url="https://issuer.example.org", ClientIDList=["sampan"])
    principal = {"Federated": "arn:aws:iam::000000000000:oidc-provider/issuer.example.org"}
    statement = {"Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity", "Principal": principal}
    trust = json.dumps({"Version": "2012-10-17", "Statement": statement})
    arn = iam.create_role(RoleName="web", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    claims = {"iss": "https://issuer.example.org", "aud": "sampan", "sub": "ann", "exp": int(time.time()) + 600}
    token = jwt.encode(claims, signer, "ES256", headers={"kid": "k"})
    asked = {"RoleArn": arn, "RoleSessionName": "ann", "WebIdentityToken": token}
    with pytest.raises(ClientError, match="InvalidIdentityToken"):
        sts.assume_role_with_web_identity(**asked)
    public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(signer.public_key()))
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"keys": [{**public, "kid": "k", "use": "sig", "alg": "ES256"}]}))
    where = ("--data", str(server.data))
    done = sampan("account", "oidc-keys", "root", "issuer.example.org", str(keys), *where, home=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert sts.assume_role_with_web_identity(**asked)["SubjectFromWebIdentityToken"] == "ann"
    keys.write_text("no keys")
    for words in (("issuer.example.org", str(keys)), ("nobody.example.org", "/nowhere"), ("no.example.org", "-")):
        done = sampan("account", "oidc-keys", "root", *words, *where, home=tmp_path)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1), words


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
