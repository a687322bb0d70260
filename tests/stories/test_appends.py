"""Objects that grow."""

from __future__ import annotations

import fastcrc
import pytest

from tests.stories.driver import Can, Driver, Refused, Told
from tests.stories.samples import body

pytestmark = pytest.mark.needs(Can.APPEND)


def test_an_object_grows_piece_by_piece(cloud: Driver, bucket: str) -> None:
    pieces = [body(10, 1), body(70_000, 2), b"", body(300_000, 3), body(1, 4)]
    whole, position = b"", 0
    for piece in pieces:
        position = cloud.append(bucket, "log", position, piece, Told("text/log", {"host": "a"}))
        whole += piece
        assert position == len(whole)
        seen = cloud.get(bucket, "log")
        assert (seen.body, seen.crc64, seen.form) == (whole, fastcrc.crc64.xz(whole), "Appendable")
    assert (seen.content_type, seen.metadata) == ("text/log", {"host": "a"})
    middle = cloud.get(bucket, "log", span="bytes=5-70014")
    assert middle.body == whole[5:70_015]


def test_a_wrong_position_changes_nothing(cloud: Driver, bucket: str) -> None:
    cloud.append(bucket, "log", 0, b"12345")
    for position in (0, 4, 6):
        with pytest.raises(Refused, match="409 PositionNotEqualToLength"):
            cloud.append(bucket, "log", position, b"x")
    assert cloud.get(bucket, "log").body == b"12345"
    with pytest.raises(Refused, match="409 PositionNotEqualToLength"):
        cloud.append(bucket, "new", 5, b"x")


def test_only_what_was_appended_to_grows(cloud: Driver, bucket: str) -> None:
    cloud.put(bucket, "plain", b"12345")
    with pytest.raises(Refused, match="409 ObjectNotAppendable"):
        cloud.append(bucket, "plain", 5, b"x")
    cloud.append(bucket, "log", 0, b"12345")
    cloud.put(bucket, "log", b"replaced")
    assert cloud.get(bucket, "log").form == "Normal"
