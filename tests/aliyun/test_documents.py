"""Every document that is rendered, read by the vendor's own parsers; every document that they write, bound."""

from __future__ import annotations

import base64
import hashlib
import time
from types import SimpleNamespace
from typing import Any

import oss2
import pytest
from alibabacloud_oss_v2 import models as v2
from alibabacloud_oss_v2 import serde
from oss2 import models, xml_utils
from requests.structures import CaseInsensitiveDict

from sampan.dialects.aliyun.oss.dialect import OssDialect
from sampan.dialects.aliyun.oss.exchange import OssExchange
from sampan.gateway.http import Reply
from sampan.kernel.body import Bytes
from sampan.kernel.caller import Caller
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.names import Place
from sampan.services.identity.model import Document, Language
from sampan.services.objects import model as m
from tests.aliyun.captured import Captured, Ring, key
from tests.aliyun.offline import bucket, sent

ID = "5C06A3B67B8B5A3DA422299D"
AT_MS = 1795342647123
ETAG = "5d41402abc4b2a76b9719d911017c592"
NASTY = "dir/a b+&<>\"'%中\U0001f600\n\x01\t"  # "\x01" cannot be in XML at all
DIALECT = OssDialect((), "cn-hangzhou")
RING = Ring(key("TESTAK", "TESTSK"))


def exchange(target: str, method: str = "GET", **headers: str) -> OssExchange:
    """An exchange that nobody signed, owned by somebody all the same."""
    lines = {"host": "photos.oss-cn-hangzhou.aliyuncs.com", **{k.replace("_", "-"): v for k, v in headers.items()}}
    x = DIALECT.open(Captured(method, target, lines, b"").request(), ID, RING, AT_MS)
    x.caller = Caller("123456789012", "root", "TESTAK")
    return x


def render(x: OssExchange, result: Any) -> Reply:
    assert x.operation is not None
    assert x.operation.render is not None
    reply = x.operation.render(x, result)
    DIALECT.finish(x.request, ID, reply)
    assert all(name == name.lower() for name, _ in reply.headers)
    return reply


def bind(call: Any, auth: Any = oss2.Auth) -> Any:
    """The command that a request of oss2's becomes."""
    captured = sent(lambda: call(bucket(auth("TESTAK", "TESTSK"))))
    x = DIALECT.open(captured.request(), ID, RING, time.time_ns() // 1_000_000)
    assert x.operation is not None
    assert x.operation.bind is not None
    return x.operation.bind(x, captured.body if x.operation.document else b"")


def old(parser: Any, result: type, reply: Reply) -> Any:
    """As oss2 reads it."""
    headers = CaseInsensitiveDict(reply.headers)
    response = SimpleNamespace(status=reply.status, headers=headers, request_id=headers["x-oss-request-id"])
    return parser(result(response), reply.body)


def new(result: Any, reply: Reply, name: str) -> Any:
    """As alibabacloud-oss-v2 reads it."""
    serde.deserialize_xml(xml_data=reply.body, obj=result, expect_tag=name)
    return result


def info(name: str = "k", **more: Any) -> m.ObjectInfo:
    return m.ObjectInfo(
        **{"key": name, "size": 5, "etag": ETAG, "modified_ms": AT_MS, "owner": "123456789012", "crc64": 7, **more}
    )


BUCKET = m.BucketInfo("photos", "123456789012", AT_MS, {"aliyun": "cn-beijing"}, m.Versioning.ENABLED, {})


# --- rendered --------------------------------------------------------------------------------------------------------


def test_list_buckets() -> None:
    x = exchange("/?prefix=p&max-keys=1")
    x.bucket = ""
    x.operation = next(operation for operation in DIALECT.operations if operation.name == "ListBuckets")
    reply = render(x, m.BucketPage((BUCKET,), "photos"))
    result = old(xml_utils.parse_list_buckets, models.ListBucketsResult, reply)
    assert (result.is_truncated, result.next_marker, result.owner.id) == (True, "photos", "1000123456789012")
    row = result.buckets[0]
    assert (row.name, row.location, row.region, row.storage_class) == (
        "photos",
        "oss-cn-beijing",
        "cn-beijing",
        "Standard",
    )
    assert row.extranet_endpoint == "oss-cn-beijing.aliyuncs.com"
    assert row.intranet_endpoint == "oss-cn-beijing-internal.aliyuncs.com"
    assert row.creation_date == AT_MS // 1000
    result = new(v2.ListBucketsResult(), reply, "ListAllMyBucketsResult")
    assert (result.is_truncated, result.max_keys, result.buckets[0].name) == (True, 1, "photos")


def test_bucket_info() -> None:
    shown = m.BucketInfo(
        "photos", "123456789012", AT_MS, {}, m.Versioning.NEVER, {"oss-redundancy": "ZRS"},
        storage_class=m.StorageClass.INFREQUENT,
    )  # fmt: skip
    reply = render(exchange("/?bucketInfo"), shown)
    result = old(xml_utils.parse_get_bucket_info, models.GetBucketInfoResult, reply)
    assert (result.name, result.storage_class, result.data_redundancy_type) == ("photos", "IA", "ZRS")
    assert (result.acl.grant, result.versioning_status, result.location) == ("private", None, "oss-cn-hangzhou")
    result = new(v2.GetBucketInfoResult(), reply, "BucketInfo").bucket_info
    assert (result.name, result.owner.id, result.block_public_access) == ("photos", "1000123456789012", False)


def test_bucket_stat_location_acl_versioning_tags() -> None:
    reply = render(exchange("/?stat"), m.BucketStat(3, 10, 2, 1))
    stat = old(xml_utils.parse_get_bucket_stat, models.GetBucketStatResult, reply)
    assert (stat.object_count, stat.storage_size_in_bytes) == (3, 10)
    assert (stat.multi_part_upload_count, stat.delete_marker_count) == (2, 1)
    assert new(v2.GetBucketStatResult(), reply, "BucketStat").storage == 10
    reply = render(exchange("/?location"), BUCKET)
    location = old(xml_utils.parse_get_bucket_location, models.GetBucketLocationResult, reply)
    assert location.location == "oss-cn-beijing"
    assert new(v2.GetBucketLocationResult(), reply, "LocationConstraint").location == "oss-cn-beijing"
    reply = render(exchange("/?acl"), BUCKET)
    assert old(xml_utils.parse_get_bucket_acl, models.GetBucketAclResult, reply).acl == "private"
    assert new(v2.GetBucketAclResult(), reply, "AccessControlPolicy").acl == "private"
    reply = render(exchange("/?versioning"), BUCKET)
    versioning = old(xml_utils.parse_get_bucket_versioning, models.GetBucketVersioningResult, reply)
    assert versioning.status == "Enabled"
    reply = render(exchange("/?tagging"), {"a&": "<b>", "c": ""})
    tags = old(xml_utils.parse_get_tagging, models.GetTaggingResult, reply)
    assert tags.tag_set.tagging_rule == {"a&": "<b>", "c": ""}


@pytest.mark.parametrize("encoded", [True, False])
@pytest.mark.parametrize("version", [1, 2])
def test_listings(version: int, encoded: bool) -> None:
    name = NASTY if encoded else NASTY.replace("\x01", "")
    target = (
        f"/?max-keys=2&delimiter=/{'&encoding-type=url' if encoded else ''}{'&list-type=2' if version == 2 else ''}"
    )
    link = info("link", form=m.Form.SYMLINK, meta=m.Meta(storage_class=m.StorageClass.ARCHIVE_DEEP))
    reply = render(exchange(target), m.ObjectPage((info(name), link), (name + "/",), name))
    if version == 1:
        result = old(xml_utils.parse_list_objects, models.ListObjectsResult, reply)
        assert result.next_marker == name
    else:
        result = old(xml_utils.parse_list_objects_v2, models.ListObjectsV2Result, reply)
        following = exchange(f"/?list-type=2&continuation-token={result.next_continuation_token}")
        assert following.operation is not None
        assert following.operation.bind is not None
        assert following.operation.bind(following, b"").after == name
    assert result.is_truncated
    assert result.prefix_list == [name + "/"]
    row, other = result.object_list
    assert (row.key, row.etag, row.size, row.type, row.storage_class) == (name, ETAG.upper(), 5, "Normal", "Standard")
    assert (other.type, other.storage_class) == ("Symlink", "DeepColdArchive")
    assert row.last_modified == AT_MS // 1000
    assert (row.owner is None) == (version == 2)
    fresh = v2.ListObjectsResult() if version == 1 else v2.ListObjectsV2Result()
    fresh = new(fresh, reply, "ListBucketResult")
    assert (fresh.is_truncated, fresh.max_keys, fresh.contents[0].size) == (True, 2, 5)


def test_an_empty_listing() -> None:
    for target in ("/", "/?list-type=2", "/?encoding-type=url"):
        reply = render(exchange(target), m.ObjectPage((), (), None))
        result = old(xml_utils.parse_list_objects, models.ListObjectsResult, reply)
        assert (result.is_truncated, result.object_list, result.prefix_list) == (False, [], [])


def test_versions() -> None:
    marker = info(NASTY, delete_marker=True, version="v2", latest=True)
    older = info(NASTY, version="v1", latest=False)
    reply = render(exchange("/?versions&encoding-type=url"), m.VersionPage((marker, older, info("n")), (), "n", None))
    result = old(xml_utils.parse_list_object_versions, models.ListObjectVersionsResult, reply)
    assert [(row.key, row.versionid, row.is_latest) for row in result.delete_marker] == [(NASTY, "v2", True)]
    rows = [(row.key, row.versionid, row.is_latest) for row in result.versions]
    assert rows == [(NASTY, "v1", False), ("n", "null", True)]
    assert (result.next_key_marker, result.next_versionid_marker) == ("n", "")
    fresh = new(v2.ListObjectVersionsResult(), reply, "ListVersionsResult")
    assert (len(fresh.version), len(fresh.delete_marker), fresh.is_truncated) == (2, 1, True)


def test_uploads() -> None:
    upload = m.UploadInfo(NASTY, "u1", "123456789012", AT_MS, m.StorageClass.STANDARD, None, m.ChecksumType.FULL)
    x = exchange("/k?uploads&encoding-type=url", "POST")
    reply = render(x, upload)
    result = old(xml_utils.parse_init_multipart_upload, models.InitMultipartUploadResult, reply)
    assert result.upload_id == "u1"
    part = m.PartInfo(3, 5, ETAG, AT_MS, 7, {})
    reply = render(exchange("/k?uploadId=u1"), m.PartPage(upload, (part,), None, 1))
    result = old(xml_utils.parse_list_parts, models.ListPartsResult, reply)
    assert (result.is_truncated, result.next_marker) == (False, "3")
    assert (result.parts[0].part_number, result.parts[0].etag, result.parts[0].size) == (3, ETAG.upper(), 5)
    fresh = new(v2.ListPartsResult(), reply, "ListPartsResult")
    assert (fresh.parts[0].hash_crc64, fresh.next_part_number_marker) == ("7", 3)
    reply = render(exchange("/?uploads&encoding-type=url"), m.UploadPage((upload,), ("p/",), NASTY, "u1"))
    result = old(xml_utils.parse_list_multipart_uploads, models.ListMultipartUploadsResult, reply)
    assert [(row.key, row.upload_id) for row in result.upload_list] == [(NASTY, "u1")]
    assert (result.is_truncated, result.next_key_marker, result.next_upload_id_marker) == (True, NASTY, "u1")
    assert result.prefix_list == ["p/"]


def test_writers_get_their_receipts() -> None:
    written = m.Written(ETAG, 5, 7, AT_MS, "v1", source_version="s1")
    for target, method, more in (
        ("/k", "PUT", {}), ("/k?append&position=0", "POST", {}), ("/k?symlink", "PUT", {}),
        ("/k", "PUT", {"x-oss-copy-source": "/photos/a"}), ("/k?uploadId=u", "POST", {}),
    ):  # fmt: skip
        reply = render(exchange(target, method, **more), written)
        headers = dict(reply.headers)
        assert headers["etag"] == f'"{ETAG.upper()}"'
        assert headers["x-oss-hash-crc64ecma"] == "7"
        assert headers["x-oss-version-id"] == "v1"
        assert len(headers["x-oss-request-id"]) == 24
        if "append" in target:
            assert headers["x-oss-next-append-position"] == "5"
        if more:
            assert headers["x-oss-copy-source-version-id"] == "s1"
            assert f'<ETag>"{ETAG.upper()}"</ETag>'.encode() in bytes(reply.body)  # type: ignore[arg-type]


def test_batch_delete_tells_what_went_and_what_did_not() -> None:
    rows = (
        "<Object><Key> a </Key></Object><Object><Key>n</Key><VersionId>v1</VersionId></Object>"
        "<Object><Key>b</Key><VersionId>v2</VersionId></Object><Object><Key>c</Key></Object>"
    )
    outcomes = (
        m.Deleted(" a ", "m1", True),
        m.Deleted("n", "v1"),
        m.Deleted("b", "v2", True),
        Fault(Kind.INVALID, "key"),
    )
    for quiet in ("true", "false"):
        x = exchange("/?delete&encoding-type=url", "POST", content_md5=base64.b64encode(b"0" * 16).decode())
        assert x.operation is not None
        assert x.operation.bind is not None
        command = x.operation.bind(x, f"<Delete><Quiet>{quiet}</Quiet>{rows}</Delete>".encode())
        assert [target.key for target in command.targets] == [" a ", "n", "b", "c"], "white space is part of a key"
        reply = render(x, outcomes)
        result = old(xml_utils.parse_batch_delete_objects, models.BatchDeleteObjectsResult, reply)
        assert b"<Error><Key>c</Key><Code>InvalidObjectName</Code>" in bytes(reply.body)  # type: ignore[arg-type]
        if quiet == "true":
            assert result.deleted_keys == []
            continue
        seen = [
            (row.key, row.versionid, row.delete_marker, row.delete_marker_versionid) for row in result.delete_versions
        ]
        assert seen == [(" a ", "", True, "m1"), ("n", "v1", False, ""), ("b", "v2", True, "v2")]


def test_a_reader_is_told_everything() -> None:
    meta = m.Meta("text/plain", {"cache-control": "no-cache"}, {"a": "中"}, m.StorageClass.INFREQUENT_ONE_ZONE)
    found = m.Found(info(meta=meta, version="v1", tags=2), 1, 3, True, Bytes(b"ell"))
    reply = render(exchange("/k?response-content-type=text/x&response-expires=soon"), found)
    headers = dict(reply.headers)
    assert reply.status == 206
    assert headers["content-range"] == "bytes 1-3/5"
    assert headers["content-type"] == "text/x"
    assert headers["expires"] == "soon"
    assert headers["cache-control"] == "no-cache"
    assert headers["x-oss-meta-a"] == "中"
    assert headers["x-oss-storage-class"] == "IA"
    assert headers["x-oss-tagging-count"] == "2"
    assert headers["content-md5"] == "XUFAKrxLKna5cZ2REBfFkg=="
    assert headers["last-modified"] == "Sun, 22 Nov 2026 10:17:27 GMT"
    assert [name for name, _ in reply.headers].count("content-type") == 1
    reply = render(exchange("/k", "HEAD"), m.Found(info(form=m.Form.APPENDABLE), 0, 4, False, None))
    headers = dict(reply.headers)
    assert (headers["content-length"], headers["x-oss-next-append-position"]) == ("5", "5")
    assert headers["content-type"] == "application/octet-stream"
    assert "content-md5" not in headers


def test_an_override_may_not_break_the_reply() -> None:
    x = exchange("/k?response-content-type=a%0d%0aSet-Cookie:%20b")
    with pytest.raises(Fault) as caught:
        render(x, m.Found(info(), 0, 4, False, Bytes(b"hello")))
    assert (caught.value.kind, caught.value.noun) == (Kind.INVALID, "argument")


def test_restore_is_for_what_is_archived() -> None:
    x = exchange("/k?restore", "POST")
    assert render(x, m.Found(info(), 0, 4, False, None)).status == 400
    archived = info(meta=m.Meta(storage_class=m.StorageClass.ARCHIVE))
    assert render(x, m.Found(archived, 0, 4, False, None)).status == 200


def test_a_page_of_a_thousand_keys_is_quick() -> None:
    page = m.ObjectPage(tuple(info(f"photos/2026/november/IMG_{n:06}.jpg") for n in range(1000)), (), "z")
    x = exchange("/?max-keys=1000&encoding-type=url")
    times = []
    for _ in range(10):
        began = time.process_time()
        render(x, page)
        times.append(time.process_time() - began)
    assert min(times) < 15e-3, "2 to 3 ms are measured"


# --- bound -----------------------------------------------------------------------------------------------------------


def test_put_object_binds_all_that_it_is_told() -> None:
    headers = {
        "Content-Type": "text/plain", "x-oss-meta-A": "1", "x-oss-tagging": "k%20=v&b=", "x-oss-storage-class": "IA",
        "x-oss-forbid-overwrite": "true", "Cache-Control": "no-cache", "x-oss-object-acl": "private",
        "Content-MD5": base64.b64encode(hashlib.md5(b"x").digest()).decode(), "x-oss-hash-crc64ecma": "258",
    }  # fmt: skip
    command = bind(lambda b: b.put_object("k", b"x", headers=headers))
    assert isinstance(command, m.PutObject)
    assert command.meta == m.Meta(
        "text/plain", {"cache-control": "no-cache"}, {"a": "1"}, m.StorageClass.INFREQUENT, acl=m.Acl.PRIVATE
    )
    assert command.tags == {"k ": "v", "b": ""}
    assert command.forbid_overwrite
    assert command.body.length == 1
    digests = {digest.algorithm: digest.value for digest in command.body.digests()}
    assert digests == {"md5": hashlib.md5(b"x").digest(), "crc64xz": (258).to_bytes(8, "big")}
    assert command.body.algorithms == {"md5", "crc64xz"}


def test_copies() -> None:
    command = bind(lambda b: b.copy_object("other", "a b/中+", "k", params={"versionId": "v1"}))
    assert command.source == m.Source("other", "a b/中+", "v1")
    assert (command.meta, command.tags, command.storage_class) == (None, None, None)
    command = bind(lambda b: b.update_object_meta("k", {"x-oss-meta-a": "2"}))
    assert command.meta == m.Meta(user={"a": "2"}, class_of_bucket=True)
    command = bind(lambda b: b.copy_object("other", "a", "k", headers={"x-oss-object-acl": "public-read"}))
    assert (command.acl, command.class_of_bucket) == (m.Acl.PUBLIC_READ, True)
    command = bind(lambda b: b.upload_part_copy("other", "a", (1, 2), "k", "u", 3))
    assert (command.number, command.range) == (3, m.Range(1, 2))


@pytest.mark.parametrize(
    ("value", "standard", "expected"),
    [
        ("bytes=1-2", False, m.Range(1, 2, True)),
        ("bytes=1-2", True, m.Range(1, 2)),
        ("bytes=-5", True, m.Range(None, 5)),
        ("bytes=5-", True, m.Range(5, None)),
        ("bytes=-", True, None),
        ("byte=1-2", True, None),
        ("bytes=3-2", True, None),
        ("bytes=a-b", False, None),
    ],
)
def test_ranges(value: str, standard: bool, expected: m.Range | None) -> None:
    headers = {"Range": value, **({"x-oss-range-behavior": "standard"} if standard else {})}
    assert bind(lambda b: b.get_object("k", headers=headers)).range == expected


def test_several_ranges_are_unsatisfiable() -> None:
    with pytest.raises(Fault) as caught:
        bind(lambda b: b.get_object("k", headers={"Range": "bytes=0-1,3-4"}))
    assert caught.value.kind == Kind.UNSATISFIABLE


def test_documents_of_oss2() -> None:
    config = models.BucketCreateConfig("IA", "ZRS")
    command = bind(lambda b: b.create_bucket("private", config), oss2.AuthV4)
    assert (command.note, command.storage_class) == ({"oss-redundancy": "ZRS"}, m.StorageClass.INFREQUENT)
    assert command.place == Place("aliyun", "cn-hangzhou")
    command = bind(lambda b: b.put_bucket_versioning(models.BucketVersioningConfig("Suspended")))
    assert command.versioning == m.Versioning.SUSPENDED
    rule = models.TaggingRule()
    rule.add("a b", "<c>")
    assert bind(lambda b: b.put_bucket_tagging(models.Tagging(rule))).tags == {"a b": "<c>"}
    assert bind(lambda b: b.put_object_tagging("k", models.Tagging(rule))).tags == {"a b": "<c>"}
    assert bind(lambda b: b.delete_object_tagging("k")).tags == {}
    assert bind(lambda b: b.batch_delete_objects([" a ", "b&<c>"])).targets == (m.Target(" a "), m.Target("b&<c>"))
    parts = [models.PartInfo(1, ETAG.upper()), models.PartInfo(3, ETAG)]
    command = bind(lambda b: b.complete_multipart_upload("k", "u", parts))
    assert command.parts == (m.NamedPart(1, ETAG), m.NamedPart(3, ETAG))
    assert command.part_bytes_min == 100 * 1024
    everything = {"x-oss-complete-all": "yes"}
    assert bind(lambda b: b.complete_multipart_upload("k", "u", None, headers=everything)).parts is None


def test_versions_conditions_and_pages() -> None:
    command = bind(lambda b: b.get_object("k", params={"versionId": "v1"}, headers={"If-Match": '"A", "b"'}))
    assert command.version == "v1"
    assert command.condition == m.Condition(match=("A", "b"))
    since = {"If-Modified-Since": "Sun, 22 Nov 2026 10:17:27 GMT", "If-Unmodified-Since": "nonsense"}
    condition = bind(lambda b: b.get_object("k", headers=since)).condition
    assert condition == m.Condition(modified_since_ms=1795342647000)
    command = bind(lambda b: b.list_object_versions(key_marker="k", versionid_marker="v1", max_keys=7))
    assert (command.after, command.version_after, command.limit) == ("k", "v1", 7)
    command = bind(lambda b: b.list_objects(prefix="p ", delimiter="/", marker="m", max_keys=1000))
    assert (command.prefix, command.delimiter, command.after, command.limit) == ("p ", "/", "m", 1000)


def test_bucket_policies_and_acls() -> None:
    for value in ("private", "public-read", "public-read-write"):
        command = bind(lambda b, value=value: b.put_bucket_acl(value))
        assert (command.acl, command.objects) == (value, True)
        command = bind(lambda b, value=value: b.put_object_acl("k", value))
        assert (type(command).__name__, command.acl) == ("PutObjectAcl", value)
        assert (
            bind(lambda b, value=value: b.put_object("k", b"", headers={"x-oss-object-acl": value})).meta.acl == value
        )
        assert bind(lambda b, value=value: b.create_bucket(value)).acl == value
    assert bind(lambda b: b.put_object_acl("k", "default")).acl is None
    policy = '{"Version":"1","Statement":[]}'
    assert bind(lambda b: b.put_bucket_policy(policy)).document == Document(Language.RAM, policy)
    for call, name in ((lambda b: b.get_bucket_policy(), "GetBucketPolicy"),
                       (lambda b: b.delete_bucket_policy(), "DeleteBucketPolicy"),
                       (lambda b: b.get_bucket_acl(), "GetBucketAcl")):  # fmt: skip
        assert type(bind(call)).__name__ == name


UNDONE = [
    lambda b: b.put_object("k", b"", headers={"x-oss-server-side-encryption": "AES256"}),
    lambda b: b.put_object("k", b"", headers={"x-oss-callback": "e30="}),
    lambda b: b.put_object("k", b"", headers={"x-oss-traffic-limit": "819200"}),
    lambda b: b.get_object("k", process="image/resize,w_1"),
    lambda b: b.delete_bucket_tagging(params={"tagging": "a"}),
]  # fmt: skip


@pytest.mark.parametrize("call", UNDONE)
def test_what_is_not_done_is_said(call: Any) -> None:
    with pytest.raises(Fault) as caught:
        bind(call)
    assert (caught.value.kind, caught.value.noun) == (Kind.NOT_DONE, "operation")


WRONG = [
    (lambda b: b.put_object("/k", b""), "key"), (lambda b: b.put_object("\\k", b""), "key"),
    (lambda b: b.put_object("k" * 1024, b""), "key"), (lambda b: b.put_object("中" * 342, b""), "key"),
    (lambda b: b.put_object("k", b"", headers={"x-oss-storage-class": "GLACIER"}), "argument"),
    (lambda b: b.put_object("k", b"", headers={"x-oss-tagging": "a=1&a=2"}), "tags"),
    (lambda b: b.put_object("k", b"", headers={"Content-MD5": "x"}), "digest"),
    (lambda b: b.put_object("k", b"", headers={"Content-MD5": "A" * 24}), "digest"),
    (lambda b: b.put_object("k", b"", headers={"x-oss-hash-crc64ecma": str(1 << 64)}), "digest"),
    (lambda b: b.append_object("k", -1, b""), "argument"),
    (lambda b: b.upload_part("k", "u", 10001, b""), "argument"),
    (lambda b: b.list_objects(max_keys=1001), "argument"),
    (lambda b: b.list_objects_v2(continuation_token="%%%"), "argument"),
    (lambda b: b.list_object_versions(versionid_marker="v"), "argument"),
    (lambda b: b.put_bucket_acl("secret"), "argument"), (lambda b: b.put_object_acl("k", "secret"), "argument"),
    (lambda b: b.put_object("k", b"", headers={"x-oss-object-acl": "authenticated-read"}), "argument"),
    (lambda b: b.copy_object("", "", "k"), "argument"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "noun"), WRONG)
def test_what_is_wrong_is_refused(call: Any, noun: str) -> None:
    with pytest.raises(Fault) as caught:
        bind(call)
    assert caught.value.noun == noun
    assert DIALECT.refuse(exchange("/").request, ID, caught.value).status == 400


def test_a_key_of_another_cloud_can_be_read_and_deleted() -> None:
    assert bind(lambda b: b.get_object("/k")).key == "/k"
    assert bind(lambda b: b.delete_object("k" * 1024)).key == "k" * 1024


def test_a_batch_delete_needs_a_digest() -> None:
    captured = sent(lambda: bucket(oss2.Auth("TESTAK", "TESTSK")).batch_delete_objects(["a"]))
    assert "content-md5" in captured.headers
    x = exchange("/?delete", "POST")
    assert x.operation is not None
    assert x.operation.bind is not None
    with pytest.raises(Fault) as caught:
        x.operation.bind(x, captured.body)
    assert (caught.value.kind, caught.value.noun) == (Kind.ABSENT, "digest")
