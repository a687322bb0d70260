"""Documents that cannot be read, or say what nobody can mean, for every operation that takes one."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.conftest import Examples
from tests.fuzz.test_wire import fine
from tests.fuzz.wire import Ask, Reply, oss_v1, send, sigv4
from tests.stories.driver import Door

DEEP = b"<a>" * 100_000 + b"</a>" * 100_000
BOMB = (
    b'<!DOCTYPE a [<!ENTITY e0 "ha">'
    + b"".join(b'<!ENTITY e%d "%s">' % (n, b"&e%d;" % (n - 1) * 10) for n in range(1, 12))
    + b"]><Delete><Object><Key>&e11;</Key></Object></Delete>"
)
OUTSIDE = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><Tagging><TagSet><Tag><Key>&x;</Key></Tag></TagSet></Tagging>'
ELEMENTS = (
    *("Delete", "Object", "Key", "VersionId", "Quiet", "Tagging", "TagSet", "Tag", "Value", "Status"),
    *("CompleteMultipartUpload", "Part", "PartNumber", "ETag", "VersioningConfiguration"),
    *("CreateBucketConfiguration", "LocationConstraint"),
)
PART = b"<Part><PartNumber>%s</PartNumber><ETag>%s</ETag></Part>"
CREATE = b"<CreateBucketConfiguration>%s</CreateBucketConfiguration>"
GOOD_ETAG = b'"d41d8cd98f00b204e9800998ecf8427e"'


def completing(*parts: tuple[bytes, bytes]) -> bytes:
    """A document that completes an upload."""
    return b"<CompleteMultipartUpload>" + b"".join(PART % part for part in parts) + b"</CompleteMultipartUpload>"


BAD = {
    "nothing": b"",
    "no XML": b"this is not XML",
    "JSON": b'{"Delete": {}}',
    "noise": bytes(range(256)) * 4,
    "only a declaration": b'<?xml version="1.0"?>',
    "cut": b"<Delete><Object><Key>a</Ke",
    "crossed": b"<Delete><Object></Delete></Object>",
    "another root": b"<Cabbage/>",
    "empty root": b"<Delete/>",
    "two roots": b"<Delete/><Delete/>",
    "NUL": b"<Delete><Object><Key>a\x00b</Key></Object></Delete>",
    "no UTF-8": b"<Delete><Object><Key>\xff\xfe</Key></Object></Delete>",
    "UTF-16": "<Delete><Object><Key>a</Key></Object></Delete>".encode("utf-16"),
    "unknown encoding": b'<?xml version="1.0" encoding="klingon"?><Delete/>',
    "deep": DEEP,
    "bomb": BOMB,
    "outside": OUTSIDE,
    "many attributes": b"<Delete " + b" ".join(b'a%d="x"' % n for n in range(50_000)) + b"/>",
    "a long name": b"<" + b"D" * 1_000_000 + b"/>",
    "too large": b"<Delete>" + b"<Object><Key>k</Key></Object>" * 200_000 + b"</Delete>",
    "million parts": completing(*[(b"%d" % n, GOOD_ETAG) for n in range(1, 100_000)]),
    "part zero": completing((b"0", GOOD_ETAG)),
    "part minus one": completing((b"-1", GOOD_ETAG)),
    "part enormous": completing((b"9" * 5000, GOOD_ETAG)),
    "part no number": completing((b"one", GOOD_ETAG)),
    "part twice": completing((b"1", GOOD_ETAG), (b"1", GOOD_ETAG)),
    "parts backwards": completing((b"2", GOOD_ETAG), (b"1", GOOD_ETAG)),
    "part without ETag": b"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber></Part></CompleteMultipartUpload>",
    "ETag no ETag": completing((b"1", b"not an etag \x7f")),
    "no parts": b"<CompleteMultipartUpload></CompleteMultipartUpload>",
    "eleven tags": b"<Tagging><TagSet>"
    + b"".join(b"<Tag><Key>%d</Key><Value>x</Value></Tag>" % n for n in range(51))
    + b"</TagSet></Tagging>",
    "same tag twice": b"<Tagging><TagSet>" + b"<Tag><Key>a</Key><Value>x</Value></Tag>" * 2 + b"</TagSet></Tagging>",
    "tag without key": b"<Tagging><TagSet><Tag><Value>x</Value></Tag></TagSet></Tagging>",
    "long tag": b"<Tagging><TagSet><Tag><Key>" + b"k" * 500 + b"</Key><Value/></Tag></TagSet></Tagging>",
    "versioning maybe": b"<VersioningConfiguration><Status>Perhaps</Status></VersioningConfiguration>",
    "versioning nothing": b"<VersioningConfiguration/>",
    "delete nothing": b"<Delete><Object></Object></Delete>",
    "delete empty key": b"<Delete><Object><Key></Key></Object></Delete>",
    "delete long key": b"<Delete><Object><Key>" + b"k" * 5000 + b"</Key></Object></Delete>",
    "delete no version": b"<Delete><Object><Key>a</Key><VersionId>\xe2\x98\x83</VersionId></Object></Delete>",
    "region nowhere": CREATE % b"<LocationConstraint>../..</LocationConstraint>",
    "class unknown": CREATE % b"<StorageClass>Marble</StorageClass>",
}
"""Documents; each is sent to every operation, whether meant for it or not."""

TAKES = {
    "create bucket": ("PUT", "/fuzz-new-bucket", ()),
    "delete many": ("POST", "/fuzz-bucket", [("delete", None)]),
    "versioning": ("PUT", "/fuzz-bucket-2", [("versioning", None)]),
    "bucket tags": ("PUT", "/fuzz-bucket-2", [("tagging", None)]),
    "object tags": ("PUT", "/fuzz-bucket/key", [("tagging", None)]),
    "complete": ("POST", "/fuzz-bucket/key", [("uploadId", "UPLOAD")]),
    "lifecycle": ("PUT", "/fuzz-bucket", [("lifecycle", None)]),
    "policy": ("PUT", "/fuzz-bucket", [("policy", None)]),
    "cors": ("PUT", "/fuzz-bucket", [("cors", None)]),
    "acl": ("PUT", "/fuzz-bucket/key", [("acl", None)]),
    "restore": ("POST", "/fuzz-bucket/key", [("restore", None)]),
    "select": ("POST", "/fuzz-bucket/key", [("select", None), ("select-type", "2")]),
}


@pytest.fixture(scope="module")
def upload(door: Door, bucket: str) -> str:
    """An unfinished upload of "key", and a second bucket to be spoiled."""
    for ask in (Ask("PUT", "/fuzz-bucket-2"), Ask("PUT", "/fuzz-bucket/key", body=b"kept")):
        assert send(door, sigv4(door, ask))[0].status == 200
    (begun,) = send(door, sigv4(door, Ask("POST", f"/{bucket}/key", [("uploads", None)])))
    return begun.body.partition(b"<UploadId>")[2].partition(b"<")[0].decode()


def _send(door: Door, family: str, ask: Ask) -> list[Reply]:
    md5 = base64.b64encode(hashlib.md5(ask.body, usedforsecurity=False).digest()).decode()
    ask = Ask(ask.method, ask.path, ask.query, {"content-md5": md5, "content-type": "application/xml"}, ask.body)
    if family == "aws":
        return send(door, sigv4(door, ask))
    return send(door, oss_v1(door, ask))


@pytest.mark.parametrize("family", ["aws", "aliyun"])
@pytest.mark.parametrize("operation", TAKES)
def test_every_bad_document_gets_a_word(door: Door, upload: str, operation: str, family: str) -> None:
    method, path, query = TAKES[operation]
    query = [(name, upload if value == "UPLOAD" else value) for name, value in query]
    for what, document in BAD.items():
        replies = _send(door, family, Ask(method, path, query, {}, document))
        assert len(replies) == 1, what
        fine(replies)
        assert replies[0].status >= 400 or _may_succeed(operation, what), (what, replies[0])
        if replies[0].status >= 400:
            assert replies[0].code, (what, replies[0])
            assert b"root:" not in replies[0].body
    assert send(door, sigv4(door, Ask("GET", "/fuzz-bucket/key")))[0].body == b"kept"


def _may_succeed(operation: str, what: str) -> bool:
    """What is fine after all: an empty body where none is needed, a document that means nothing worse than nothing."""
    return (operation, what) in {
        ("create bucket", "nothing"),
        ("delete many", "delete no version"),
        ("delete many", "delete empty key"),
        ("delete many", "delete long key"),
        ("delete many", "UTF-16"),
        ("create bucket", "class unknown"),
        ("versioning", "versioning nothing"),
    } or operation in ("acl", "restore")


@pytest.mark.timeout(3600)  # with --long
def test_documents_made_up(door: Door, upload: str, examples: Examples) -> None:
    names = st.sampled_from(ELEMENTS)
    texts = st.one_of(st.text(max_size=20), st.integers().map(str), st.sampled_from(["Enabled", "true", "null", ""]))
    leaf = texts.map(lambda text: text.replace("&", "&amp;").replace("<", "&lt;"))
    trees = st.recursive(
        leaf, lambda inner: st.lists(st.tuples(names, inner).map(_element), max_size=6).map("".join), max_leaves=12
    )

    @settings(settings.get_profile("fuzz"), max_examples=examples(60, 5000))
    @given(st.sampled_from(sorted(TAKES)), st.sampled_from(["aws", "aliyun"]), names, trees)
    def run(operation: str, family: str, root: str, tree: str) -> None:
        method, path, query = TAKES[operation]
        query = [(name, upload if value == "UPLOAD" else value) for name, value in query]
        fine(_send(door, family, Ask(method, path, query, {}, _element((root, tree)).encode())))

    run()


def _element(pair: tuple[str, str]) -> str:
    return f"<{pair[0]}>{pair[1]}</{pair[0]}>"
