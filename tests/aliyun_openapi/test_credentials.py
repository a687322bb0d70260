"""The vendor's credential providers, unmodified: those that call STS insist on TLS, those of a URI do not."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from alibabacloud_credentials.client import Client
from alibabacloud_credentials.models import Config
from alibabacloud_credentials.provider import (
    OIDCRoleArnCredentialsProvider,
    RamRoleArnCredentialsProvider,
    StaticAKCredentialsProvider,
)
from alibabacloud_sts20150401.client import Client as Sts
from alibabacloud_tea_openapi.models import Config as ApiConfig

from sampan.engines import authority
from sampan.engines.clock_system import SystemClock
from sampan.kernel.fault import Fault, Kind
from sampan.services.identity import model
from sampan.services.identity.model import Document, Language, Session, WhoAmI
from tests.aliyun_openapi.captured import ACCOUNT, key
from tests.aliyun_openapi.door import Door, opened

FAR_MS = 4102444800000
SESSION = Session(
    ACCOUNT, "STS.K", "secret", "token", FAR_MS, session="watch", role="helm", role_id="A", provider="hub"
)
ROLE_ARN = "acs:ram::1000123456789012:role/helm"


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    """A door behind TLS, whose authority the clients are told to trust."""
    certificates = authority.ensure(tmp_path / "tls", ["127.0.0.1"], SystemClock().now_ms())
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.authority))
    with opened(certificates=certificates) as door:
        door.answer = SESSION
        yield door


def test_ram_role_arn(tls: Door) -> None:
    provider = RamRoleArnCredentialsProvider(
        credentials_provider=StaticAKCredentialsProvider(access_key_id="TESTAK", access_key_secret="TESTSK"),
        role_arn=ROLE_ARN,
        role_session_name="watch",
        duration_seconds=900,
        policy='{"Statement":[],"Version":"1"}',
        external_id="e/1",
        sts_endpoint=tls.address,
    )
    found = provider.get_credentials()
    assert (found.get_access_key_id(), found.get_security_token()) == ("STS.K", "token")
    assert tls.commands == [
        model.AssumeRole(
            account=ACCOUNT,
            role="helm",
            session="watch",
            duration_s=900,
            policy=Document(Language.RAM, '{"Statement":[],"Version":"1"}'),
            external_id="e/1",
            form="STS.",
        )
    ]


def test_oidc_role_arn(tls: Door, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("a.b.c")
    provider = OIDCRoleArnCredentialsProvider(
        role_arn=ROLE_ARN,
        oidc_provider_arn="acs:ram::1000123456789012:oidc-provider/hub",
        oidc_token_file_path=str(tmp_path / "token"),
        role_session_name="watch",
        sts_endpoint=tls.address,
    )
    assert provider.get_credentials().get_access_key_secret() == "secret"
    assert tls.commands == [
        model.AssumeRoleWithToken(
            account=ACCOUNT,
            role="helm",
            session="watch",
            token="a.b.c",
            provider="hub",
            form="STS.",
            duration_s=3600,
        )
    ]


def test_a_refusal_reaches_the_provider(tls: Door) -> None:
    tls.answer = Fault(Kind.DENIED, "assume role")
    provider = RamRoleArnCredentialsProvider(
        credentials_provider=StaticAKCredentialsProvider(access_key_id="TESTAK", access_key_secret="TESTSK"),
        role_arn=ROLE_ARN,
        sts_endpoint=tls.address,
    )
    with pytest.raises(Exception, match="NoPermission"):
        provider.get_credentials()


def test_credentials_uri() -> None:
    """What the URI of somebody's own server gives out signs as well as any other temporary credentials."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made = {"AccessKeyId": "STS.K", "AccessKeySecret": "secret", "SecurityToken": "token"}
            body = json.dumps({"Code": "Success", **made, "Expiration": "2099-01-01T00:00:00Z"}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.handle_request)
    thread.start()
    try:
        credential = Client(
            Config(type="credentials_uri", credentials_uri=f"http://127.0.0.1:{server.server_port}/creds")
        )
        with opened(key("STS.K", "secret", "token", expires_ms=FAR_MS)) as door:
            door.answer = WhoAmI(ACCOUNT, "role", "helm", "A", "watch")
            config = ApiConfig(credential=credential, endpoint=door.address, protocol="HTTP")
            assert Sts(config).get_caller_identity().body.identity_type == "AssumedRoleUser"
    finally:
        thread.join(5)
        server.server_close()
