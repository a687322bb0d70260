"""Objects in parts: any order, replaced, copied, listed, finished, aborted."""

from __future__ import annotations

import fastcrc
import pytest

from tests.stories.driver import Can, Driver, Origin, Part, Refused, Told
from tests.stories.samples import MIB, body, md5, md5_of_parts

ONE, TWO, THREE = body(5 * MIB, 1), body(5 * MIB + 1, 2), body(1000, 3)


def test_parts_in_any_order_make_one_object(cloud: Driver, bucket: str) -> None:
    told = Told("video/x-own", {"reel": "3"}, {"cache-control": "no-cache"}, {"a": "b"})
    upload = cloud.begin(bucket, "dir/big file", told)
    parts = {}
    for number, data in ((30, THREE), (2, b"replaced below"), (1, ONE), (2, TWO)):
        parts[number] = cloud.part(bucket, "dir/big file", upload, number, data)
        assert parts[number].etag == md5(data)
    assert cloud.listing(bucket).entries == (), "an unfinished object is not visible"
    wrote = cloud.finish(bucket, "dir/big file", upload, [parts[1], parts[2], parts[30]])
    seen = cloud.get(bucket, "dir/big file")
    assert seen.body == ONE + TWO + THREE
    assert wrote.etag == seen.etag == md5_of_parts(ONE, TWO, THREE)
    assert (seen.content_type, seen.metadata, seen.headers) == (told.content_type, told.metadata, told.headers)
    assert cloud.tags(bucket, "dir/big file") == told.tags
    if Can.CRC64 in cloud.can:
        assert seen.crc64 == fastcrc.crc64.xz(ONE + TWO + THREE)
    if Can.FORM in cloud.can:
        assert seen.form == "Multipart"
    middle = cloud.get(bucket, "dir/big file", span=f"bytes={5 * MIB - 3}-{5 * MIB + 2}")
    assert middle.body == ONE[-3:] + TWO[:3]


def test_parts_and_uploads_are_listed_in_pages(cloud: Driver, bucket: str) -> None:
    sent = {}
    uploads = {key: cloud.begin(bucket, key) for key in ("b", "a/1 ключ", "c")}
    for number in (1, 3, 5, 7, 10_000):
        sent[number] = cloud.part(bucket, "b", uploads["b"], number, b"x" * number)
    assert cloud.parts(bucket, "b", uploads["b"], page=2) == list(sent.values())
    assert cloud.uploads(bucket, page=1) == sorted(uploads.items())
    cloud.abort(bucket, "b", uploads["b"])
    assert [key for key, _ in cloud.uploads(bucket)] == ["a/1 ключ", "c"]


def test_two_uploads_of_one_key_do_not_mix(cloud: Driver, bucket: str) -> None:
    first, second = cloud.begin(bucket, "key"), cloud.begin(bucket, "key")
    one = cloud.part(bucket, "key", first, 1, b"first")
    two = cloud.part(bucket, "key", second, 1, b"second")
    assert sorted(upload for _, upload in cloud.uploads(bucket)) == sorted((first, second))
    cloud.finish(bucket, "key", second, [two])
    assert cloud.get(bucket, "key").body == b"second"
    cloud.finish(bucket, "key", first, [one])
    assert cloud.get(bucket, "key").body == b"first"


def test_a_part_is_copied_from_an_object(cloud: Driver, bucket: str) -> None:
    source = body(6 * MIB, "source")
    cloud.put(bucket, "src/ключ +", source)
    upload = cloud.begin(bucket, "key")
    origin = Origin(bucket, "src/ключ +")
    first = cloud.copy_part(bucket, "key", upload, 1, origin, 0, 5 * MIB - 1)
    second = cloud.copy_part(bucket, "key", upload, 2, origin, 5 * MIB, 6 * MIB - 1)
    assert second.etag == md5(source[5 * MIB :])
    cloud.delete(bucket, "src/ключ +")
    cloud.finish(bucket, "key", upload, [first, second])
    assert cloud.get(bucket, "key").body == source


def test_an_aborted_upload_is_gone(cloud: Driver, bucket: str) -> None:
    upload = cloud.begin(bucket, "key")
    part = cloud.part(bucket, "key", upload, 1, b"bytes")
    cloud.abort(bucket, "key", upload)
    with pytest.raises(Refused, match="404 NoSuchUpload"):
        cloud.part(bucket, "key", upload, 2, b"bytes")
    with pytest.raises(Refused, match="404 NoSuchUpload"):
        cloud.parts(bucket, "key", upload)
    with pytest.raises(Refused, match="404 NoSuchUpload"):
        cloud.finish(bucket, "key", upload, [part])
    assert cloud.listing(bucket).entries == ()


def test_what_was_not_sent_is_not_made(cloud: Driver, bucket: str) -> None:
    upload = cloud.begin(bucket, "key")
    small = cloud.part(bucket, "key", upload, 1, b"too small to be followed")
    last = cloud.part(bucket, "key", upload, 2, b"last")
    for parts, code in (
        ([small, last], "EntityTooSmall"),
        ([small, Part(3, 4, last.etag)], "InvalidPart"),
        ([Part(1, 1, "0" * 32)], "InvalidPart"),
    ):
        with pytest.raises(Refused) as refused:
            cloud.finish(bucket, "key", upload, parts)
        assert (refused.value.status, refused.value.code) == (400, code)
    assert cloud.listing(bucket).entries == ()
    cloud.finish(bucket, "key", upload, [last])
    assert cloud.get(bucket, "key").body == b"last"


def test_an_upload_belongs_to_its_key(cloud: Driver, bucket: str) -> None:
    upload = cloud.begin(bucket, "key")
    with pytest.raises(Refused, match="404 NoSuchUpload"):
        cloud.part(bucket, "other key", upload, 1, b"bytes")
    with pytest.raises(Refused, match="404 NoSuchUpload"):
        cloud.abort(bucket, "other key", upload)
