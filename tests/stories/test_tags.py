"""Tags of objects: apart from the bytes, replaced as a whole."""

from __future__ import annotations

import pytest

from tests.stories.driver import Driver, Refused


def test_tags_are_set_replaced_and_dropped(cloud: Driver, bucket: str) -> None:
    before = cloud.put(bucket, "key", b"bytes")
    assert cloud.tags(bucket, "key") == {}
    cloud.set_tags(bucket, "key", {"team": "north", "a b": "c=d", "empty": ""})
    assert cloud.tags(bucket, "key") == {"team": "north", "a b": "c=d", "empty": ""}
    cloud.set_tags(bucket, "key", {"only": "1"})
    assert cloud.tags(bucket, "key") == {"only": "1"}
    seen = cloud.head(bucket, "key")
    assert (seen.tags, seen.etag) == (1, before.etag)
    cloud.drop_tags(bucket, "key")
    assert cloud.tags(bucket, "key") == {}


def test_ten_tags_are_enough(cloud: Driver, bucket: str) -> None:
    cloud.put(bucket, "key", b"bytes")
    ten = {f"tag{number}": "x" for number in range(10)}
    cloud.set_tags(bucket, "key", ten)
    with pytest.raises(Refused) as refused:
        cloud.set_tags(bucket, "key", {**ten, "one": "more"})
    assert refused.value.status == 400
    assert refused.value.code in ("BadRequest", "InvalidTag", "InvalidArgument")
    assert cloud.tags(bucket, "key") == ten


def test_what_is_not_there_has_no_tags(cloud: Driver, bucket: str) -> None:
    with pytest.raises(Refused, match="404 NoSuchKey"):
        cloud.tags(bucket, "missing")
    with pytest.raises(Refused, match="404 NoSuchKey"):
        cloud.set_tags(bucket, "missing", {"a": "b"})
