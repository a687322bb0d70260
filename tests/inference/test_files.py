"""Files: in and out, whole, listed by age, gone when they are to be."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from sampan.kernel.body import Bytes, Digest
from sampan.kernel.fault import Fault, Kind
from sampan.services.inference import files, upkeep
from sampan.services.inference import model as m
from tests.inference.world import ALICE, BOB, World

SMALL, LARGE = b"small\n", bytes(range(256)) * 1024


def put(world: World, data: bytes = SMALL, caller: Any = ALICE, **more: Any) -> m.File:
    more = {"name": "a.jsonl", "purpose": "batch", "prefix": "file-"} | more
    return world.run(m.PutFile(body=Bytes(data), **more), caller)


def read(world: World, file: str, caller: Any = ALICE) -> bytes:
    found = world.run(m.ReadFile(file=file), caller)

    async def gather() -> bytes:
        try:
            return b"".join([chunk async for chunk in found.body.chunks()])
        finally:
            found.body.close()

    return world.wait(gather())


def clean(world: World) -> None:
    world.wait(files.empty_trash(world.context))


@pytest.mark.parametrize("data", [b"", SMALL, LARGE, bytes(files.INLINE_BYTES_MAX), bytes(files.INLINE_BYTES_MAX + 1)])
def test_what_goes_in_comes_out(world: World, data: bytes) -> None:
    file = put(world, data, description="what it is")
    assert (file.size, file.md5, file.name, file.purpose) == (len(data), hashlib.md5(data).digest(), "a.jsonl", "batch")
    assert file.id.startswith("file-") and file.expires_ms is None
    world.restart()
    assert world.wait(files.reclaim(world.context)) == 0
    assert read(world, file.id) == data
    assert world.run(m.GetFile(file=file.id)) == file


def test_files_are_listed_by_age(world: World) -> None:
    made = []
    for number in range(5):
        world.clock.ms += 1
        made.append(put(world, purpose="even" if number % 2 == 0 else "odd", prefix=f"{9 - number}file-").id)

    def listed(**more: Any) -> list[int]:
        return [made.index(file.id) for file in world.run(m.ListFiles(**more))]

    assert listed() == [4, 3, 2, 1, 0]
    assert listed(oldest_first=True, limit=2) == [0, 1]
    assert listed(after=made[3]) == [2, 1, 0]
    assert listed(after=made[3], oldest_first=True) == [4]
    assert listed(purpose="even", limit=2) == [4, 2]
    assert world.fault(m.ListFiles(after="file-" + "0" * 32)).kind is Kind.MISSING
    assert world.run(m.ListFiles(), BOB) == ()


def test_a_file_is_its_accounts_alone(world: World) -> None:
    file = put(world).id
    for command in (m.GetFile(file=file), m.ReadFile(file=file), m.DeleteFile(file=file), m.ListFiles(after=file)):
        fault = world.fault(command, BOB)
        assert (fault.kind, fault.noun) == (Kind.MISSING, "file")
    assert read(world, file) == SMALL


def test_who_reads_reads_on_when_it_is_deleted(world: World) -> None:
    file = put(world, LARGE).id
    found = world.run(m.ReadFile(file=file))
    world.run(m.DeleteFile(file=file))
    clean(world)
    assert list(world.blobs._blobs) == []

    async def gather() -> bytes:
        return b"".join([chunk async for chunk in found.body.chunks()])

    assert world.wait(gather()) == LARGE
    found.body.close()
    assert world.fault(m.GetFile(file=file)).kind is Kind.MISSING


def test_a_body_that_is_not_what_it_claims_leaves_nothing(world: World) -> None:
    wrong = Fault(Kind.MISMATCH, "digest", algorithm="md5")
    for data in (SMALL, LARGE * 8):
        body = Bytes(data, [Digest("md5", b"\0" * 16, wrong)])
        with pytest.raises(Fault) as caught:
            world.run(m.PutFile(name="a", purpose="batch", body=body))
        assert caught.value is wrong
    assert world.run(m.ListFiles()) == () and not world.blobs._blobs


def test_what_is_too_large_is_refused_and_leaves_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "FILE_BYTES_MAX", len(LARGE) - 1)
    assert world.fault(m.PutFile(name="a", purpose="batch", body=Bytes(LARGE))).facts["size_max"] == len(LARGE) - 1

    class Unsaid(Bytes):
        length = None  # type: ignore[assignment]

    assert world.fault(m.PutFile(name="a", purpose="batch", body=Unsaid(LARGE))).noun == "file"
    monkeypatch.setattr(files, "TOGETHER_BYTES_MAX", 10)
    put(world)
    assert world.fault(m.PutFile(name="a", purpose="batch", body=Bytes(SMALL))).kind is Kind.TOO_LARGE
    put(world, caller=BOB)
    assert not world.blobs._blobs


@pytest.mark.parametrize("field", ["name", "purpose", "description"])
def test_odd_names_are_refused(world: World, field: str) -> None:
    for text in ("a\0b", "x" * 1000):
        with pytest.raises(Fault) as caught:
            put(world, **{field: text})
        assert caught.value.facts["field"] == field


def test_a_file_ends_when_it_is_to(world: World) -> None:
    brief, lasting = put(world, LARGE, expires_s=60).id, put(world).id
    for ms, there in ((59_999, True), (60_000, False)):
        world.clock.ms = 1_700_000_000_000 + ms
        world.wait(upkeep.expire(world.context))
        assert (brief in [file.id for file in world.run(m.ListFiles())]) is there
    clean(world)
    assert not world.blobs._blobs
    assert read(world, lasting) == SMALL


def test_a_file_whose_bytes_went_away_is_noticed(world: World) -> None:
    kept, lost, gone = (put(world, LARGE).id for _ in range(3))
    world.run(m.DeleteFile(file=gone))
    blob = files.find(world.store._rows, ALICE.account, lost).blob
    world.blobs.delete(blob)
    assert sorted(there for _, there in world.service.referred_blobs()) == [False, True, True]
    assert dict(world.service.referred_blobs())[blob] is False
    assert read(world, kept) == LARGE
    assert world.fault(m.ReadFile(file=lost)).kind is Kind.MISSING


def test_what_a_crash_left_over_is_removed(world: World) -> None:
    kept = put(world, LARGE).id

    async def begin() -> None:
        draft = world.blobs.draft()
        await draft.write(b"half")

    world.wait(begin())
    world.restart()
    assert world.wait(files.reclaim(world.context)) == 1
    assert read(world, kept) == LARGE


class Files(RuleBasedStateMachine):
    """Files against a dict, with restarts and cleaning in between."""

    made = Bundle("made")

    @initialize()
    def begin(self) -> None:
        import tempfile
        from pathlib import Path

        self.folder = tempfile.TemporaryDirectory()
        self.world = World(Path(self.folder.name))
        self.there: dict[str, tuple[Any, bytes]] = {}

    @rule(
        target=made,
        data=st.sampled_from([b"", b"a", b"b" * 70_000, b"c" * 70_000]),
        caller=st.sampled_from([ALICE, BOB]),
    )
    def put(self, data: bytes, caller: Any) -> str:
        self.world.clock.ms += 1
        file = put(self.world, data, caller).id
        self.there[file] = caller, data
        return file

    @rule(file=consumes(made))
    def delete(self, file: str) -> None:
        caller, _ = self.there.pop(file)
        self.world.run(m.DeleteFile(file=file), caller)

    @rule()
    def clean(self) -> None:
        clean(self.world)

    @rule()
    def restart(self) -> None:
        self.world.restart()
        self.world.wait(files.reclaim(self.world.context))

    @invariant()
    def all_is_there_and_nothing_else(self) -> None:
        for caller in (ALICE, BOB):
            mine = {file: data for file, (whose, data) in self.there.items() if whose is caller}
            assert {file.id for file in self.world.run(m.ListFiles(), caller)} == set(mine)
            for file, data in mine.items():
                assert read(self.world, file, caller) == data

    def teardown(self) -> None:
        clean(self.world)
        assert len(self.world.blobs._blobs) == sum(len(data) > 65_536 for _, data in self.there.values())
        self.world.close()
        self.folder.cleanup()


TestFiles = Files.TestCase
TestFiles.settings = settings(max_examples=15, stateful_step_count=15, deadline=None)
