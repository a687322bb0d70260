"""ali-oss, Alibaba Cloud's SDK for Node.js: signature versions 1 and 4, `localhost` with the bucket in the path and an
IP with the bucket in the Host header."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import fastcrc
import pytest
import requests

from tests.clients.apart import node_modules_with
from tests.clients.remote import Remote, RemoteError
from tests.stories.driver import Door
from tests.stories.samples import MIB, body, md5

PACKAGES = ("ali-oss@6.23.0",)
WORKER = Path(__file__).with_name("ali_oss_worker.cjs")
WAYS = [(v4, ip) for v4 in (False, True) for ip in (False, True)]


def start(door: Door, env: dict[str, str], *, v4: bool, ip: bool) -> Remote:
    """A client in a process of its own."""
    node = shutil.which("node")
    modules = node_modules_with("ali-oss", PACKAGES)
    options = {
        "accessKeyId": door.key_id,
        "accessKeySecret": door.secret,
        "authorizationV4": v4,
        "region": "oss-cn-hangzhou",
        "endpoint": f"http://{'127.0.0.1' if ip else 'localhost'}:{door.port}",
        "sldEnable": not ip,
        "retryMax": 0,
    }
    assert node is not None
    return Remote([node, WORKER], env | {"NODE_PATH": str(modules)}, options)


@dataclass
class Way:
    """A client, and how it was made."""

    call: Remote
    v4: bool
    ip: bool


@pytest.fixture(scope="module", params=WAYS, ids=lambda way: f"{'v4' if way[0] else 'v1'}-{'ip' if way[1] else 'sld'}")
def way(request: pytest.FixtureRequest, door: Door, env: dict[str, str]) -> Iterator[Way]:
    v4, ip = request.param
    with start(door, env, v4=v4, ip=ip) as call:
        yield Way(call, v4, ip)


@pytest.fixture
def bucket(names: Iterator[str]) -> str:
    """The name of this test's bucket."""
    return next(names)


@pytest.fixture
def oss(way: Way, bucket: str) -> Remote:
    """The client, on a bucket of this test's own."""
    way.call("putBucket", bucket)
    way.call("useBucket", bucket)
    return way.call


def test_an_object_comes_and_goes(oss: Remote) -> None:
    data = body(100_000)
    put = oss("put", "dir/a b+ключ.bin", data, {"mime": "text/x-own", "meta": {"author": "me"}})
    assert put["res"]["headers"]["etag"] == f'"{md5(data).upper()}"'
    assert put["res"]["headers"]["x-oss-hash-crc64ecma"] == str(fastcrc.crc64.xz(data))
    got = oss("get", "dir/a b+ключ.bin")
    assert got["content"] == data
    head = oss("head", "dir/a b+ключ.bin")
    assert head["meta"] == {"author": "me"}
    assert head["res"]["headers"]["content-type"] == "text/x-own"
    assert oss("get", "dir/a b+ключ.bin", {"headers": {"Range": "bytes=1-3"}})["content"] == data[1:4]
    oss("delete", "dir/a b+ключ.bin")
    with pytest.raises(RemoteError) as missing:
        oss("get", "dir/a b+ключ.bin")
    assert (missing.value.kind, missing.value.status) == ("NoSuchKey", 404)
    with pytest.raises(RemoteError) as missing:
        oss("head", "dir/a b+ключ.bin")
    assert (missing.value.kind, missing.value.status) == ("NoSuchKey", 404)


def test_listings_and_many_deletes(oss: Remote) -> None:
    keys = [f"d{number % 3}/k {number}" for number in range(12)]
    for key in keys:
        oss("put", key, b"x")
    assert [row["name"] for row in oss("list", {"max-keys": 1000}, {})["objects"]] == sorted(keys)
    rolled = oss("listV2", {"delimiter": "/", "max-keys": 2})
    assert (rolled["prefixes"], rolled["isTruncated"]) == (["d0/", "d1/"], True)
    rest = oss("listV2", {"delimiter": "/", "continuation-token": rolled["nextContinuationToken"]})
    assert (rest["prefixes"], rest["isTruncated"]) == (["d2/"], False)
    assert len(oss("deleteMulti", keys)["deleted"]) == 12
    assert oss("listV2", {})["objects"] is None or oss("listV2", {})["objects"] == []


def test_a_file_in_parts(oss: Remote, bucket: str, big: Path, tmp_path: Path) -> None:
    done = oss("multipartUpload", "big file", str(big), {"partSize": MIB, "parallel": 3, "mime": "text/x-own"})
    assert done["res"]["status"] == 200
    back = tmp_path / "back"
    oss("get", "big file", str(back))
    assert back.read_bytes() == big.read_bytes()
    assert oss("head", "big file")["res"]["headers"]["x-oss-object-type"] == "Multipart"
    oss("multipartUploadCopy", "copied", {"sourceKey": "big file", "sourceBucketName": bucket}, {"partSize": MIB})
    assert oss("get", "copied")["content"] == big.read_bytes()
    oss("put", "by path", str(big))
    assert oss("get", "by path")["content"] == big.read_bytes()


def test_copies_appends_links_and_tags(oss: Remote) -> None:
    oss("put", "from", b"bytes", {"meta": {"a": "b"}})
    oss("copy", "to ключ", "from")
    assert oss("get", "to ключ")["content"] == b"bytes"
    appended = oss("append", "log", b"one")
    oss("append", "log", b"two", {"position": int(appended["nextAppendPosition"])})
    assert oss("get", "log")["content"] == b"onetwo"
    oss("putSymlink", "link", "from", {})
    assert oss("getSymlink", "link")["targetName"] == "from"
    assert oss("get", "link")["content"] == b"bytes"
    oss("putObjectTagging", "from", {"team": "a b"})
    assert oss("getObjectTagging", "from")["tag"] == {"team": "a b"}
    oss("deleteObjectTagging", "from")
    assert oss("getObjectTagging", "from")["tag"] == {}
    oss("putMeta", "from", {"c": "d"}, {})
    assert oss("head", "from")["meta"] == {"c": "d"}


def test_versions(way: Way, oss: Remote, names: Iterator[str]) -> None:
    bucket = next(names)
    way.call("putBucket", bucket)
    way.call("putBucketVersioning", bucket, "Enabled")
    assert way.call("getBucketVersioning", bucket)["versionStatus"] == "Enabled"
    way.call("useBucket", bucket)
    first = oss("put", "key", b"one")["res"]["headers"]["x-oss-version-id"]
    oss("put", "key", b"two")
    assert oss("get", "key", None, {"versionId": first})["content"] == b"one"
    oss("delete", "key")
    rows = oss("getBucketVersions", {})
    assert len(rows["objects"]) == 2
    assert len(rows["deleteMarker"]) == 1


def test_a_signed_url(way: Way, oss: Remote) -> None:
    oss("put", "a b.txt", b"by url")
    if way.v4:
        if way.ip:
            pytest.skip("ali-oss leaves the bucket out of a V4 URL to an IP")
        url = oss("signatureUrlV4", "GET", 60, {}, "a b.txt")
    else:
        if way.ip:
            pytest.skip("ali-oss refuses to sign a V1 URL to an IP")
        url = oss("signatureUrl", "a b.txt", {"expires": 60})
    reply = requests.get(url, timeout=10)
    assert (reply.status_code, reply.content) == (200, b"by url")
    assert requests.get(url.replace("a%20b", "a%20c"), timeout=10).status_code == 403


def test_buckets(way: Way, names: Iterator[str]) -> None:
    bucket = next(names)
    way.call("putBucket", bucket)
    info = way.call("getBucketInfo", bucket)["bucket"]
    assert (info["Name"], info["Location"]) == (bucket, "oss-cn-hangzhou")
    assert way.call("getBucketLocation", bucket)["location"] == "oss-cn-hangzhou"
    assert [row["name"] for row in way.call("listBuckets", {"prefix": bucket})["buckets"]] == [bucket]
    way.call("deleteBucket", bucket)
    with pytest.raises(RemoteError, match="NoSuchBucket"):
        way.call("getBucketInfo", bucket)
