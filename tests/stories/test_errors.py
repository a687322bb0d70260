"""Wrong calls: the vendor's own status and code, as each SDK's exception shows them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest

from tests.stories.conftest import DRIVERS
from tests.stories.driver import Door, Driver, Origin, Part, Refused, Told

Call = Callable[[Driver, str], object]


@dataclass(frozen=True)
class Wrong:
    """A wrong call and what each cloud says to it; `bucket` holds an object "key" of ten bytes. A cloud whose words
    are None does not know this mistake."""

    call: Call
    aws: str | None
    aliyun: str | None


NOBODY = "no-such-bucket-anywhere"
NO_UPLOAD = "0123456789ABCDEF0123456789ABCDEF"

WRONG = {
    "get from no bucket": Wrong(lambda c, b: c.get(NOBODY, "key"), "404 NoSuchBucket", "404 NoSuchBucket"),
    "put into no bucket": Wrong(lambda c, b: c.put(NOBODY, "key", b"x"), "404 NoSuchBucket", "404 NoSuchBucket"),
    "list no bucket": Wrong(lambda c, b: c.listing(NOBODY), "404 NoSuchBucket", "404 NoSuchBucket"),
    "versions of no bucket": Wrong(lambda c, b: c.versions(NOBODY), "404 NoSuchBucket", "404 NoSuchBucket"),
    "drop no bucket": Wrong(lambda c, b: c.drop_bucket(NOBODY), "404 NoSuchBucket", "404 NoSuchBucket"),
    "begin in no bucket": Wrong(lambda c, b: c.begin(NOBODY, "key"), "404 NoSuchBucket", "404 NoSuchBucket"),
    "location of no bucket": Wrong(lambda c, b: c.location(NOBODY), "404 NoSuchBucket", "404 NoSuchBucket"),
    "get no key": Wrong(lambda c, b: c.get(b, "none"), "404 NoSuchKey", "404 NoSuchKey"),
    "head no key": Wrong(lambda c, b: c.head(b, "none"), "404 404", "404 NoSuchKey"),
    "head in no bucket": Wrong(lambda c, b: c.head(NOBODY, "none"), "404 404", "404 NoSuchBucket"),
    "copy no key": Wrong(lambda c, b: c.copy(b, "to", Origin(b, "none")), "404 NoSuchKey", "404 NoSuchKey"),
    "tags of no key": Wrong(lambda c, b: c.tags(b, "none"), "404 NoSuchKey", "404 NoSuchKey"),
    "no upload: part": Wrong(lambda c, b: c.part(b, "key", NO_UPLOAD, 1, b"x"), "404 NoSuchUpload", "404 NoSuchUpload"),
    "no upload: list": Wrong(lambda c, b: c.parts(b, "key", NO_UPLOAD), "404 NoSuchUpload", "404 NoSuchUpload"),
    "no upload: abort": Wrong(lambda c, b: c.abort(b, "key", NO_UPLOAD), "404 NoSuchUpload", "404 NoSuchUpload"),
    "no upload: finish": Wrong(
        lambda c, b: c.finish(b, "key", NO_UPLOAD, [Part(1, 1, "0" * 32)]), "404 NoSuchUpload", "404 NoSuchUpload"
    ),
    "part number too large": Wrong(
        lambda c, b: c.part(b, "key", c.begin(b, "key"), 10_001, b"x"), "400 InvalidArgument", "400 InvalidArgument"
    ),
    "body is not what its MD5 says": Wrong(
        lambda c, b: c.put(b, "key", b"x", md5=_md5(b"y")), "400 BadDigest", "400 InvalidDigest"
    ),
    "MD5 is none": Wrong(lambda c, b: c.put(b, "key", b"x", md5="abc"), "400 InvalidDigest", "400 InvalidDigest"),
    "range not there": Wrong(lambda c, b: c.get(b, "key", span="bytes=10-"), "416 InvalidRange", None),
    "condition unmet": Wrong(
        lambda c, b: c.get(b, "key", conditions={"if-match": '"00"'}),
        "412 PreconditionFailed",
        "412 PreconditionFailed",
    ),
    "bucket not empty": Wrong(lambda c, b: c.drop_bucket(b), "409 BucketNotEmpty", "409 BucketNotEmpty"),
    "version is none": Wrong(
        lambda c, b: c.get(b, "key", version="not-a-version"), "400 InvalidArgument", "400 InvalidArgument"
    ),
    "key too long": Wrong(lambda c, b: c.put(b, "k" * 1025, b"x"), "400 KeyTooLongError", None),
    "key too long for OSS": Wrong(lambda c, b: c.put(b, "k" * 1024, b"x"), None, "400 InvalidObjectName"),
    "too much metadata": Wrong(
        lambda c, b: c.put(b, "key", b"x", Told(metadata={"a": "x" * 8200})), "400 MetadataTooLarge", None
    ),
    "onto itself unchanged": Wrong(lambda c, b: c.copy(b, "key", Origin(b, "key")), "400 InvalidRequest", None),
    "no tags on the bucket": Wrong(lambda c, b: c.bucket_tags(b), "404 NoSuchTagSet", None),
}


def _md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


CASES = [
    pytest.param(name, what, id=f"{name}-{what}")
    for name in DRIVERS
    for what, wrong in WRONG.items()
    if (wrong.aws if name.startswith("boto3") else wrong.aliyun) is not None
]


@pytest.fixture(scope="module")
def held(drivers: dict[str, Driver], names: Iterator[str]) -> str:
    """A bucket with an object "key" of ten bytes."""
    bucket = next(names)
    driver = drivers["boto3-v4-path"]
    driver.make_bucket(bucket)
    driver.put(bucket, "key", b"0123456789")
    return bucket


@pytest.mark.parametrize(("name", "what"), CASES)
def test_a_wrong_call_gets_the_vendors_word(drivers: dict[str, Driver], held: str, name: str, what: str) -> None:
    cloud, wrong = drivers[name], WRONG[what]
    with pytest.raises(Refused) as refused:
        wrong.call(cloud, held)
    assert f"{refused.value.status} {refused.value.code}" == (wrong.aws if cloud.family == "aws" else wrong.aliyun)
    assert len(refused.value.request_id) == (16 if cloud.family == "aws" else 24)
    assert cloud.get(held, "key").body == b"0123456789"


@pytest.mark.parametrize("name", DRIVERS)
def test_a_wrong_secret_and_an_unknown_key(door: Door, held: str, name: str) -> None:
    for wrong, code in (
        (replace(door, secret=door.secret[:-1] + "?"), "SignatureDoesNotMatch"),
        (replace(door, key_id="AKIAUNKNOWN000000000"), "InvalidAccessKeyId"),
    ):
        with pytest.raises(Refused, match=f"403 {code}"):
            DRIVERS[name](name, wrong).get(held, "key")
        with pytest.raises(Refused, match=f"403 {code}"):
            DRIVERS[name](name, wrong).put(held, "key", b"stolen")
        with pytest.raises(Refused, match=f"403 {code}"):
            DRIVERS[name](name, wrong).buckets()
