"""A history of puts, copies, appends, uploads in parts, versions and deletes, told in turn through both clouds, and
held against a dictionary."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from tests.fuzz.conftest import Examples
from tests.stories.driver import Can, Door, Driver, Origin, Refused, Told
from tests.stories.driver_boto3 import Boto3
from tests.stories.driver_oss2 import Oss2
from tests.stories.samples import body, md5, md5_of_parts

KEYS = st.sampled_from(["a", "a/b", "a/b/c", "b c", "é", "z+%"])
SIZES = st.sampled_from([0, 1, 1000, 65_536, 65_537, 300_000])
WHO = st.integers(0, 1)


class Objects(RuleBasedStateMachine):
    """`self.now` is what a reader must see: key -> (bytes, metadata, ETag, whether it can grow)."""

    clouds: tuple[Driver, Driver]
    names: Iterator[int]

    def __init__(self) -> None:
        super().__init__()
        self.bucket = f"machine-{next(self.names)}"
        self.clouds[0].make_bucket(self.bucket)
        self.seeds = itertools.count()
        self.now: dict[str, tuple[bytes, dict[str, str], str, bool]] = {}
        self.kept: dict[tuple[str, str], bytes] = {}  # (key, version) -> bytes, once versioning is on
        self.versioned = False

    def _wrote(self, key: str, data: bytes, meta: dict[str, str], etag: str, version: str | None, grows: bool) -> None:
        self.now[key] = (data, meta, etag, grows)
        assert (version is not None) == self.versioned
        if version is not None:
            self.kept[key, version] = data

    @rule(who=WHO, key=KEYS, size=SIZES, told=st.booleans())
    def put(self, who: int, key: str, size: int, told: bool) -> None:
        data = body(size, next(self.seeds))
        meta = {"seed": str(size)} if told else {}
        wrote = self.clouds[who].put(self.bucket, key, data, Told(metadata=meta))
        assert wrote.etag == md5(data)
        self._wrote(key, data, meta, wrote.etag, wrote.version, False)

    @rule(who=WHO, key=KEYS, size=SIZES)
    def put_only_new(self, who: int, key: str, size: int) -> None:
        data = body(size, next(self.seeds))
        if key in self.now:
            with pytest.raises(Refused):
                self.clouds[who].put(self.bucket, key, data, only_new=True)
        else:
            wrote = self.clouds[who].put(self.bucket, key, data, only_new=True)
            self._wrote(key, data, {}, wrote.etag, wrote.version, False)

    @rule(who=WHO, source=KEYS, key=KEYS)
    def copy(self, who: int, source: str, key: str) -> None:
        if source == key:
            return
        if source not in self.now:
            with pytest.raises(Refused, match="404 NoSuchKey"):
                self.clouds[who].copy(self.bucket, key, Origin(self.bucket, source))
            return
        data, meta, _, _ = self.now[source]
        wrote = self.clouds[who].copy(self.bucket, key, Origin(self.bucket, source))
        self._wrote(key, data, meta, wrote.etag, wrote.version, False)

    @rule(who=WHO, key=KEYS)
    def delete(self, who: int, key: str) -> None:
        gone = self.clouds[who].delete(self.bucket, key)
        assert gone.marker == self.versioned
        self.now.pop(key, None)

    @rule(who=WHO, keys=st.lists(KEYS, unique=True, min_size=1, max_size=4))
    def delete_many(self, who: int, keys: list[str]) -> None:
        self.clouds[who].delete_many(self.bucket, keys)
        for key in keys:
            self.now.pop(key, None)

    @rule(key=KEYS, size=SIZES)
    def append(self, key: str, size: int) -> None:
        """OSS alone can say it."""
        assert Can.APPEND in self.clouds[1].can
        old, meta, _, grows = self.now.get(key, (b"", {}, "", True))
        if not grows:
            with pytest.raises(Refused, match="409 ObjectNotAppendable"):
                self.clouds[1].append(self.bucket, key, len(old), b"more")
            return
        if self.versioned:
            return
        data = old + body(size, next(self.seeds))
        assert self.clouds[1].append(self.bucket, key, len(old), data[len(old) :]) == len(data)
        self.now[key] = (data, meta, self.clouds[1].head(self.bucket, key).etag, True)

    @rule(who=WHO, key=KEYS, size=SIZES, abort=st.booleans())
    def in_parts(self, who: int, key: str, size: int, abort: bool) -> None:
        """One part, sent twice, by one cloud; the upload is finished by the other."""
        data = body(size, next(self.seeds))
        upload = self.clouds[who].begin(self.bucket, key, Told(metadata={"by": "parts"}))
        self.clouds[1 - who].part(self.bucket, key, upload, 7, b"replaced")
        part = self.clouds[who].part(self.bucket, key, upload, 7, data)
        assert (key, upload) in self.clouds[1 - who].uploads(self.bucket)
        if abort:
            self.clouds[1 - who].abort(self.bucket, key, upload)
            return
        wrote = self.clouds[1 - who].finish(self.bucket, key, upload, [part])
        assert wrote.etag == md5_of_parts(data)
        self._wrote(key, data, {"by": "parts"}, wrote.etag, wrote.version, False)

    @precondition(lambda self: not self.versioned and not any(row[3] for row in self.now.values()))
    @rule(who=WHO)
    def keep_versions(self, who: int) -> None:
        self.clouds[who].set_versioning(self.bucket, on=True)
        self.versioned = True
        self.kept |= {(key, "null"): row[0] for key, row in self.now.items()}

    @rule(who=WHO, prefix=st.sampled_from(["", "a", "a/", "é"]), page=st.integers(1, 4))
    def list(self, who: int, prefix: str, page: int) -> None:
        wanted = sorted((key for key in self.now if key.startswith(prefix)), key=str.encode)
        listing = self.clouds[who].listing(self.bucket, prefix, page=page)
        assert listing.keys == wanted
        assert [(row.size, row.etag) for row in listing.entries] == [
            (len(self.now[key][0]), self.now[key][2]) for key in wanted
        ]
        rolled = self.clouds[who].listing_old(self.bucket, prefix, "/", page)
        assert rolled.keys == [key for key in wanted if "/" not in key[len(prefix) :]]

    @rule(who=WHO, key=KEYS)
    def read(self, who: int, key: str) -> None:
        if key not in self.now:
            with pytest.raises(Refused, match="404 NoSuchKey"):
                self.clouds[who].get(self.bucket, key)
            return
        data, meta, etag, _ = self.now[key]
        seen = self.clouds[who].get(self.bucket, key)
        assert (seen.body, seen.metadata, seen.etag) == (data, meta, etag)

    @invariant()
    def all_versions_are_kept(self) -> None:
        if self.versioned:
            rows = [row for row in self.clouds[0].versions(self.bucket).entries if not row.marker]
            assert {(row.key, row.version) for row in rows} == set(self.kept)
            assert {row.key for row in rows if row.latest} == set(self.now)

    def teardown(self) -> None:
        for (key, version), data in self.kept.items():
            assert self.clouds[1].get(self.bucket, key, version=version).body == data


@pytest.mark.timeout(3600)  # with --long
def test_a_history_through_both_clouds(door: Door, examples: Examples) -> None:
    class Machine(Objects):
        clouds = (Boto3("boto3", door), Oss2("oss2", door, signature=4))
        names = itertools.count()

    run_state_machine_as_test(
        Machine,
        settings=settings(
            settings.get_profile("fuzz"), max_examples=examples(12, 400), stateful_step_count=examples(25, 50)
        ),
    )
