"""Listing, against the slow and obvious."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sampan.engines.blobs_memory import MemoryBlobs
from sampan.engines.clock_system import SystemChance
from sampan.engines.store_memory import MemoryStore
from sampan.services.objects import model as m
from tests.objects.conftest import World

KEYS = st.text(alphabet="ab/\0é\U0010ffff", min_size=1, max_size=5)


def obvious(keys: set[str], prefix: str, delimiter: str, after: str) -> list[tuple[str, bool]]:
    """Keys and rolled-up prefixes (True), in order."""
    found: dict[str, bool] = {}
    for key in sorted(keys, key=lambda k: k.encode()):
        if not key.startswith(prefix):
            continue
        at = key.find(delimiter, len(prefix)) if delimiter else -1
        name, rolled = (key, False) if at < 0 else (key[: at + len(delimiter)], True)
        if name.encode() > after.encode():
            found[name] = rolled
    return list(found.items())


@settings(max_examples=300, deadline=None)
@given(
    st.sets(KEYS, max_size=12),
    st.text("ab/", max_size=2),
    st.sampled_from(["", "/", "a", "b/"]),
    KEYS | st.just(""),
    st.integers(1, 4),
)
def test_pages_are_what_the_obvious_gives(keys: set[str], prefix: str, delimiter: str, after: str, limit: int) -> None:
    world = World(MemoryStore(), MemoryBlobs(SystemChance()))
    world.bucket()
    for key in keys:
        world.put(key, b"")
    expected = obvious(keys, prefix, delimiter, after)
    seen: list[tuple[str, bool]] = []
    position = after
    while True:
        page = world.run(
            m.ListObjects(bucket="photos", prefix=prefix, delimiter=delimiter, after=position, limit=limit)
        )
        rows = [(found.key, False) for found in page.objects] + [(name, True) for name in page.prefixes]
        assert len(rows) <= limit
        seen += sorted(rows, key=lambda row: row[0].encode())
        if page.next is None:
            break
        assert len(rows) == limit
        position = page.next
    assert seen == expected
    # In a bucket without versioning, versions are the same keys.
    versions = world.run(m.ListVersions(bucket="photos", prefix=prefix, delimiter=delimiter))
    names = [(found.key, False) for found in versions.versions] + [(name, True) for name in versions.prefixes]
    assert sorted(names, key=lambda row: row[0].encode()) == obvious(keys, prefix, delimiter, "")
    world.close()


def test_a_page_of_nothing(world: World) -> None:
    world.bucket()
    world.put("a", b"")
    page = world.run(m.ListObjects(bucket="photos", limit=0))
    assert (page.objects, page.prefixes, page.next) == ((), (), None)
    assert world.listed(limit=-5) == []
    assert world.listed(limit=10**30) == ["a"]
    assert world.listed(prefix="\udcff") == []
