"""Listings: complete, in order, in pages, rolled up."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.stories.driver import Driver

KEYS = [
    "a",
    "a/",
    "a/1",
    "a/2",
    "a/b/3",
    "a0",
    "a b",
    "a+b",
    "a%2Fb",
    "B",
    "b/1",
    "b/2",
    "é",
    "z",
    "ﾠhalf",
    "🔑",
]


@pytest.fixture(scope="module")
def full(drivers: dict[str, Driver], names: Iterator[str]) -> str:
    """A bucket with `KEYS`."""
    bucket, writer = next(names), drivers["boto3-v4-path"]
    writer.make_bucket(bucket)
    for key in reversed(KEYS):
        writer.put(bucket, key, key.encode())
    return bucket


def _in_order(keys: list[str]) -> list[str]:
    return sorted(keys, key=str.encode)


def test_all_keys_come_in_the_order_of_their_bytes(cloud: Driver, full: str) -> None:
    for page in (1, 3, 16, 1000):
        for listing in (cloud.listing(full, page=page), cloud.listing_old(full, page=page)):
            assert listing.keys == _in_order(KEYS)
            assert listing.prefixes == ()
            assert listing.pages == -(-len(KEYS) // page)


@pytest.mark.parametrize(
    ("prefix", "delimiter", "keys", "prefixes"),
    [
        ("", "/", [key for key in KEYS if "/" not in key], ["a/", "b/"]),
        ("a", "/", ["a", "a b", "a%2Fb", "a+b", "a0"], ["a/"]),
        ("a/", "/", ["a/", "a/1", "a/2"], ["a/b/"]),
        ("a/", "", ["a/", "a/1", "a/2", "a/b/3"], []),
        ("nothing", "/", [], []),
        ("é", "", ["é"], []),
        ("", "b", [key for key in KEYS if "b" not in key], ["a b", "a%2Fb", "a+b", "a/b", "b"]),
        ("", "2F", [key for key in KEYS if "2F" not in key], ["a%2F"]),
    ],
)
def test_keys_are_rolled_up(
    cloud: Driver, full: str, prefix: str, delimiter: str, keys: list[str], prefixes: list[str]
) -> None:
    for page in (1, 2, 1000):
        for listing in (cloud.listing(full, prefix, delimiter, page), cloud.listing_old(full, prefix, delimiter, page)):
            assert listing.keys == _in_order(keys)
            assert list(listing.prefixes) == _in_order(prefixes)
