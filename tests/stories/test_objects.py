"""Objects: written whole, read whole and in pieces, described, deleted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from email.utils import formatdate

import fastcrc
import pytest
import requests

from tests.stories.driver import Can, Driver, Refused, Told
from tests.stories.samples import ODD_KEYS, SIZES, body, md5

NOTE = Told(
    content_type="text/x-poem; charset=utf-8",
    metadata={"author": "li-bai", "lines": "4", "with-dash": 'a b  c; d="e"'},
    headers={
        "cache-control": "max-age=60, private",
        "content-disposition": 'attachment; filename="moon.txt"',
        "content-language": "zh-CN",
        "expires": "Wed, 21 Oct 2099 07:28:00 GMT",
    },
    tags={"kind": "poem", "a b": "c/d+e"},
)


def test_what_is_written_is_read(cloud: Driver, bucket: str) -> None:
    for size in SIZES:
        data, key = body(size), f"{size:09}"
        wrote = cloud.put(bucket, key, data)
        seen = cloud.get(bucket, key)
        assert seen.body == data
        assert wrote.etag == seen.etag == md5(data)
        assert seen.size == size
        if Can.CRC64 in cloud.can:
            assert wrote.crc64 == seen.crc64 == fastcrc.crc64.xz(data)
    listed = [(row.key, row.size, row.etag) for row in cloud.listing(bucket).entries]
    assert listed == [(f"{size:09}", size, md5(body(size))) for size in SIZES]


def test_what_was_told_is_told_again(cloud: Driver, bucket: str) -> None:
    before_s = int(time.time())
    cloud.put(bucket, "poem", b"moonlight", NOTE)
    for seen in (cloud.get(bucket, "poem"), cloud.head(bucket, "poem")):
        assert seen.content_type == NOTE.content_type
        assert seen.metadata == NOTE.metadata
        assert seen.headers == NOTE.headers
        assert seen.tags == 2
        assert before_s <= seen.modified_s <= int(time.time())
        assert seen.version is None
        if Can.FORM in cloud.can:
            assert seen.form == "Normal"
    assert cloud.tags(bucket, "poem") == NOTE.tags


def test_encoded_content_is_kept_as_it_came(cloud: Driver, bucket: str) -> None:
    """The bytes are not really gzip: nobody may touch them."""
    cloud.put(bucket, "z", b"not gzip at all", Told(headers={"content-encoding": "x-own"}))
    seen = cloud.get(bucket, "z")
    assert (seen.body, seen.headers) == (b"not gzip at all", {"content-encoding": "x-own"})


def test_writing_again_replaces_everything(cloud: Driver, bucket: str) -> None:
    cloud.put(bucket, "poem", body(70_000), NOTE)
    cloud.put(bucket, "poem", b"short")
    seen = cloud.get(bucket, "poem")
    assert (seen.body, seen.metadata, seen.headers, seen.tags) == (b"short", {}, {}, 0)
    assert cloud.tags(bucket, "poem") == {}


def test_any_key_is_kept_as_it_is(cloud: Driver, bucket: str) -> None:
    keys = [key for key in (*ODD_KEYS, "?acl") if cloud.makes(key)]
    assert len(keys) > 15
    for key in keys:
        cloud.put(bucket, key, key.encode())
    for key in keys:
        assert cloud.get(bucket, key).body == key.encode()
        assert cloud.head(bucket, key).size == len(key.encode())
    assert set(cloud.listing(bucket).keys) == set(cloud.listing_old(bucket).keys) == set(keys)
    assert set(cloud.delete_many(bucket, keys)) == set(keys)
    assert cloud.listing(bucket).keys == []


@pytest.mark.parametrize("size", [100, 100_000, 600_000])
def test_a_range_is_read(cloud: Driver, bucket: str, size: int) -> None:
    data = body(size)
    cloud.put(bucket, "key", data)
    for span, first, last in (
        ("bytes=0-0", 0, 0),
        ("bytes=0-9", 0, 9),
        ("bytes=99-", 99, size - 1),
        ("bytes=-1", size - 1, size - 1),
        ("bytes=-100", size - 100, size - 1),
        ("bytes=10-98", 10, 98),
        (f"bytes={size // 2}-{size - 1}", size // 2, size - 1),
    ):
        seen = cloud.get(bucket, "key", span=span)
        assert seen.body == data[first : last + 1], span
        assert (seen.size, seen.range) == (last + 1 - first, f"bytes {first}-{last}/{size}")


def test_a_range_that_ends_beyond_the_object_is_cut(cloud: Driver, bucket: str) -> None:
    cloud.put(bucket, "key", b"0123456789")
    if Can.RANGE_LENIENT in cloud.can:
        seen = cloud.get(bucket, "key", span="bytes=5-10")
        assert (seen.body, seen.range) == (b"0123456789", None)
    else:
        seen = cloud.get(bucket, "key", span="bytes=5-10")
        assert (seen.body, seen.range) == (b"56789", "bytes 5-9/10")


def test_a_range_beyond_the_object(cloud: Driver, bucket: str) -> None:
    cloud.put(bucket, "key", b"0123456789")
    if Can.RANGE_LENIENT in cloud.can:
        assert cloud.get(bucket, "key", span="bytes=10-12").body == b"0123456789"
    else:
        with pytest.raises(Refused, match="416 InvalidRange"):
            cloud.get(bucket, "key", span="bytes=10-12")


def test_reads_on_conditions(cloud: Driver, bucket: str) -> None:
    etag = cloud.put(bucket, "key", b"bytes").etag
    past, future = formatdate(time.time() - 3600, usegmt=True), formatdate(time.time() + 3600, usegmt=True)
    for good in (
        {"if-match": f'"{etag}"'},
        {"if-match": f'"{etag.upper()}"'},
        {"if-none-match": '"00000000000000000000000000000000"'},
        {"if-modified-since": past},
        {"if-unmodified-since": future},
        {"if-match": f'"{etag}"', "if-unmodified-since": past},
    ):
        assert cloud.get(bucket, "key", conditions=good).body == b"bytes", good
    for unmet in ({"if-match": '"00000000000000000000000000000000"'}, {"if-unmodified-since": past}):
        with pytest.raises(Refused, match="412 PreconditionFailed"):
            cloud.get(bucket, "key", conditions=unmet)
    for unchanged in ({"if-none-match": f'"{etag}"'}, {"if-none-match": f'"{etag}"', "if-modified-since": past}):
        with pytest.raises(Refused) as refused:
            cloud.get(bucket, "key", conditions=unchanged)
        assert refused.value.status == 304, unchanged


def test_a_reader_may_ask_for_other_headers(cloud: Driver, bucket: str) -> None:
    cloud.put(bucket, "key", b"bytes", NOTE)
    overrides = {"content-type": "text/plain", "cache-control": "no-store", "content-disposition": "inline"}
    seen = cloud.get(bucket, "key", overrides=overrides)
    assert seen.content_type == "text/plain"
    assert (seen.headers["cache-control"], seen.headers["content-disposition"]) == ("no-store", "inline")
    assert cloud.get(bucket, "key").content_type == NOTE.content_type


def test_deleting_is_final_and_harmless_to_repeat(cloud: Driver, bucket: str) -> None:
    cloud.put(bucket, "key", b"bytes")
    gone = cloud.delete(bucket, "key")
    assert (gone.version, gone.marker) == (None, False)
    cloud.delete(bucket, "key")
    with pytest.raises(Refused, match="404 NoSuchKey"):
        cloud.get(bucket, "key")
    assert cloud.listing(bucket).entries == ()


def test_many_are_deleted_at_once(cloud: Driver, bucket: str) -> None:
    keys = [f"key {number} 鍵&<>" for number in range(20)]
    for key in keys:
        cloud.put(bucket, key, b"")
    cloud.put(bucket, "stays", b"")
    assert sorted(cloud.delete_many(bucket, [*keys, "never there"])) == sorted([*keys, "never there"])
    assert cloud.listing(bucket).keys == ["stays"]


def test_a_new_object_does_not_replace_an_old_one(cloud: Driver, bucket: str) -> None:
    cloud.put(bucket, "key", b"first", only_new=True)
    with pytest.raises(Refused) as refused:
        cloud.put(bucket, "key", b"second", only_new=True)
    wanted = {"aws": (412, "PreconditionFailed"), "aliyun": (409, "FileAlreadyExists")}[cloud.family]
    assert (refused.value.status, refused.value.code) == wanted
    assert cloud.get(bucket, "key").body == b"first"


@pytest.mark.needs(Can.WRITE_IF_MATCH)
def test_a_write_may_name_what_it_replaces(cloud: Driver, bucket: str) -> None:
    first = cloud.put(bucket, "key", b"first")
    cloud.overwrite(bucket, "key", b"second", first.etag)
    with pytest.raises(Refused, match="412 PreconditionFailed"):
        cloud.overwrite(bucket, "key", b"third", first.etag)
    with pytest.raises(Refused, match="404 NoSuchKey"):
        cloud.overwrite(bucket, "missing", b"third", first.etag)
    assert cloud.get(bucket, "key").body == b"second"


@pytest.mark.needs(Can.SIGN_URL)
def test_a_signed_url_reads_and_writes_without_credentials(cloud: Driver, bucket: str) -> None:
    key = "a b/ключ+%.txt"
    url = cloud.url("PUT", bucket, key, 60)
    assert requests.put(url, data=b"by url", timeout=10).status_code == 200
    url = cloud.url("GET", bucket, key, 60)
    reply = requests.get(url, timeout=10)
    assert (reply.status_code, reply.content) == (200, b"by url")
    assert requests.get(url, headers={"Range": "bytes=3-"}, timeout=10).content == b"url"
    assert requests.put(url, data=b"stolen", timeout=10).status_code == 403
    assert requests.get(url.replace("%D0%BA", "%D0%BB", 1), timeout=10).status_code == 403
    assert cloud.get(bucket, key).body == b"by url"


def test_a_signed_url_ends(drivers: dict[str, Driver], names: Iterator[str]) -> None:
    signers = [driver for driver in drivers.values() if Can.SIGN_URL in driver.can]
    bucket = next(names)
    signers[0].make_bucket(bucket)
    signers[0].put(bucket, "key", b"bytes")
    urls = {driver.name: driver.url("GET", bucket, "key", 3) for driver in signers}
    assert {name: requests.get(url, timeout=10).status_code for name, url in urls.items()} == dict.fromkeys(urls, 200)
    time.sleep(4.1)
    for name, url in urls.items():
        reply = requests.get(url, timeout=10)
        assert (reply.status_code, "<Code>AccessDenied</Code>" in reply.text) == (403, True), name
