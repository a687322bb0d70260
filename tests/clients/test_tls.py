"""Over https, with the server's own certificate authority: the SDKs sign and frame their bodies otherwise there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
import oss2
import pytest
import requests
from boto3.s3.transfer import TransferConfig
from botocore.config import Config

from tests.harness import Server
from tests.stories.samples import MIB, body


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("tls") / "data", "--tls") as running:
        yield running


@pytest.fixture(scope="module")
def authority(secure: Server) -> str:
    """The file that a client must trust."""
    return str(secure.data / "tls" / "ca.pem")


def test_boto3_sends_checksums_behind_its_bodies(secure: Server, authority: str, big: Path, tmp_path: Path) -> None:
    """Over https it does not read a body twice: it signs none of it, and sends a CRC in a trailer."""
    s3 = boto3.client(
        "s3",
        endpoint_url=secure.url,
        region_name="us-east-1",
        aws_access_key_id=secure.key_id,
        aws_secret_access_key=secure.secret,
        verify=authority,
        config=Config(s3={"addressing_style": "path"}),
    )
    s3.create_bucket(Bucket="secure")
    sent = []
    s3.meta.events.register("before-send.s3", lambda request, **_: sent.append(dict(request.headers)))
    for algorithm in ("CRC32", "CRC32C", "CRC64NVME", "SHA256"):
        data = body(700_000, algorithm)
        s3.put_object(Bucket="secure", Key=algorithm, Body=data, ChecksumAlgorithm=algorithm)
        assert sent[-1]["x-amz-content-sha256"] == b"STREAMING-UNSIGNED-PAYLOAD-TRAILER"
        assert s3.get_object(Bucket="secure", Key=algorithm, ChecksumMode="ENABLED")["Body"].read() == data
    s3.upload_file(str(big), "secure", "big", Config=TransferConfig(multipart_chunksize=5 * MIB))
    s3.download_file("secure", "big", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == big.read_bytes()


def test_oss2_and_a_signed_url(secure: Server, authority: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", authority)
    auth = oss2.AuthV4(secure.key_id, secure.secret)
    bucket = oss2.Bucket(auth, secure.url, "secure-oss", region="cn-hangzhou")
    bucket.create_bucket()
    data = body(700_000)
    bucket.put_object("key", data)
    assert bucket.get_object("key").read() == data
    assert requests.get(bucket.sign_url("GET", "key", 60), timeout=10).content == data
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(bucket.sign_url("GET", "key", 60), timeout=10)
