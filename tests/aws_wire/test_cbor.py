"""CBOR against the examples of RFC 8949, appendix A, and against what is none."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampan.dialects.aws.wire.cbor import LEVELS_MAX, Malformed, Seconds, decode, encode

EXAMPLES = {
    "00": 0, "17": 23, "1818": 24, "1903e8": 1000, "1b000000e8d4a51000": 10**12, "1bffffffffffffffff": 2**64 - 1,
    "20": -1, "3903e7": -1000, "fb3ff199999999999a": 1.1, "fbc010666666666666": -4.1, "f4": False, "f5": True,
    "f6": None, "4401020304": b"\1\2\3\4", "6449455446": "IETF", "62c3bc": "ü", "83010203": [1, 2, 3],
    "a26161016162820203": {"a": 1, "b": [2, 3]}, "c11a514b67b0": Seconds(1363896240),
    "c1fb41d452d9ec200000": Seconds(1363896240.5),
}  # fmt: skip
READ_ONLY = {
    "f90000": 0.0, "f93c00": 1.0, "fa47c35000": 100000.0, "f97c00": math.inf, "fbfff0000000000000": -math.inf,
    "f7": None, "5f42010243030405ff": b"\1\2\3\4\5", "7f657374726561646d696e67ff": "streaming", "9fff": [],
    "9f018202039f0405ffff": [1, [2, 3], [4, 5]], "bf61610161629f0203ffff": {"a": 1, "b": [2, 3]},
}  # fmt: skip
BAD = (
    "", "18", "1c", "61", "62c3", "61ff", "8201", "a1", "a16161", "a10102", "a2616101616102", "f8", "f0", "ff", "c074",
    "c16161", "d9ffff00", "1f", "5f6161ff", "5f5f4101ffff", "9f", "0000", "9bffffffffffffffff", "bbffffffffffffffff",
    "5bffffffffffffffff", "fb00",
)  # fmt: skip

TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**64), 2**64 - 1) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(), below, max_size=4),
)


@pytest.mark.parametrize(("data", "value"), EXAMPLES.items())
def test_the_rfcs_examples(data: str, value: object) -> None:
    found = decode(bytes.fromhex(data))
    assert (found, type(found)) == (value, type(value))
    assert encode(value).hex() == data


@pytest.mark.parametrize(("data", "value"), READ_ONLY.items())
def test_longer_forms_than_ours(data: str, value: object) -> None:
    assert decode(bytes.fromhex(data)) == value


@pytest.mark.parametrize("data", BAD)
def test_what_is_none(data: str) -> None:
    with pytest.raises(Malformed):
        decode(bytes.fromhex(data))


@given(TREES)
@settings(max_examples=50, deadline=None)
def test_what_is_written_is_read(tree: object) -> None:
    assert decode(encode(tree)) == tree


@given(st.binary(max_size=40))
@settings(max_examples=200, deadline=None)
def test_any_bytes(data: bytes) -> None:
    try:
        decode(data)
    except Malformed:
        pass


@pytest.mark.parametrize("begin", [b"\x81", b"\x9f", b"\xa1\x61a", b"\xc1"])
def test_depth_is_bounded(begin: bytes) -> None:
    with pytest.raises(Malformed, match="levels"):
        decode(begin * (LEVELS_MAX + 2))
