"""Random histories against a small model: what is read, listed and counted, and that no byte is ever leaked."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sampan.engines.blobs_memory import MemoryBlobs
from sampan.engines.clock_system import SystemChance
from sampan.engines.store_memory import MemoryStore
from sampan.kernel import limits
from sampan.kernel.body import Bytes
from sampan.services.objects import model as m
from sampan.services.objects import rows
from tests.objects.conftest import World

KEYS = st.sampled_from(["a", "b", "a/b"])
DATA = st.binary(max_size=3) | st.builds(lambda b: b * (limits.INLINE_BYTES_MAX + 1), st.binary(min_size=1, max_size=1))
Version = tuple[str | None, bytes | None]  # id, bytes; None stands for a delete marker


class History(RuleBasedStateMachine):
    """The model: for each key its versions, newest first."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(MemoryStore(), MemoryBlobs(SystemChance()))
        self.world.bucket()
        self.state = m.Versioning.NEVER
        self.model: dict[str, list[Version]] = {}
        self.uploads: list[tuple[str, str, dict[int, bytes]]] = []

    def teardown(self) -> None:
        self.world.close()

    @initialize(state=st.sampled_from(list(m.Versioning)))
    def choose(self, state: m.Versioning) -> None:
        if state is not m.Versioning.NEVER:
            self.version(state)

    def _front(self, key: str, version: str | None, data: bytes | None) -> None:
        version = version or "null"
        kept = [old for old in self.model.get(key, []) if old[0] != version]
        self.model[key] = [(version, data), *kept]

    @rule(key=KEYS, data=DATA)
    def put(self, key: str, data: bytes) -> None:
        self._front(key, self.world.put(key, data).version, data)

    @rule(state=st.sampled_from([m.Versioning.ENABLED, m.Versioning.SUSPENDED]))
    def version(self, state: m.Versioning) -> None:
        self.world.run(m.PutBucketVersioning(bucket="photos", versioning=state))
        self.state = state

    @rule(key=KEYS)
    def delete(self, key: str) -> None:
        deleted = self.world.run(m.DeleteObject(bucket="photos", key=key))
        if self.state is m.Versioning.NEVER:
            self.model.pop(key, None)
        else:
            self._front(key, deleted.version, None)

    @rule(key=KEYS, pick=st.integers(0, 5))
    def delete_version(self, key: str, pick: int) -> None:
        versions = self.model.get(key, [])
        if versions:
            version = versions.pop(pick % len(versions))[0]
            self.world.run(m.DeleteObject(bucket="photos", key=key, version=version))

    @rule(key=KEYS, source=KEYS)
    def copy(self, key: str, source: str) -> None:
        versions = self.model.get(source, [])
        if versions and versions[0][1] is not None:
            command = m.CopyObject(bucket="photos", key=key, source=m.Source("photos", source), meta=m.Meta())
            self._front(key, self.world.run(command).version, versions[0][1])

    @rule(key=KEYS)
    def create_upload(self, key: str) -> None:
        self.uploads.append((key, self.world.run(m.CreateUpload(bucket="photos", key=key)).upload, {}))

    @precondition(lambda self: self.uploads)
    @rule(number=st.integers(1, 3), data=DATA)
    def put_part(self, number: int, data: bytes) -> None:
        key, upload, parts = self.uploads[-1]
        self.world.run(m.PutPart(bucket="photos", key=key, upload=upload, number=number, body=Bytes(data + b".")))
        parts[number] = data + b"."

    @precondition(lambda self: self.uploads and self.uploads[-1][2])
    @rule(drop=st.booleans())
    def complete_upload(self, drop: bool) -> None:
        key, upload, parts = self.uploads.pop()
        numbers = sorted(parts)[: 1 if drop else None]
        named: Any = tuple(m.NamedPart(number) for number in numbers)
        command = m.CompleteUpload(bucket="photos", key=key, upload=upload, parts=named, part_bytes_min=0)
        written = self.world.run(command)
        self._front(key, written.version, b"".join(parts[number] for number in numbers))

    @precondition(lambda self: self.uploads)
    @rule()
    def abort_upload(self) -> None:
        key, upload, _ = self.uploads.pop()
        self.world.run(m.AbortUpload(bucket="photos", key=key, upload=upload))

    @invariant()
    def reads_agree(self) -> None:
        current = sorted(key for key, versions in self.model.items() if versions and versions[0][1] is not None)
        assert self.world.listed() == current
        for key, versions in self.model.items():
            for version, data in versions:
                if data is not None:
                    assert self.world.read(key, version=version) == data
        page = self.world.run(m.ListVersions(bucket="photos"))
        listed = [(v.key, v.version or "null", v.latest, v.delete_marker) for v in page.versions]
        assert listed == [
            (key, version, at == 0, data is None)
            for key in sorted(self.model)
            for at, (version, data) in enumerate(self.model[key])
        ]

    @invariant()
    def counts_agree(self) -> None:
        every = [data for versions in self.model.values() for _, data in versions]
        stat = self.world.run(m.MeasureBucket(bucket="photos"))
        sizes = [len(data) for data in every if data is not None]
        assert stat == m.BucketStat(len(sizes), sum(sizes), len(self.uploads), len(every) - len(sizes))

    @invariant()
    def nothing_leaks(self) -> None:
        """Once the trash is out, what lies on disk is what rows refer to, and the counts of references are right."""
        self.world.empty_trash()
        referred: dict[rows.Content, int] = {}

        def refer(content: rows.Content) -> None:
            if content.kind:
                referred[content] = referred.get(content, 0) + 1

        with self.world.context.store.view() as view:
            for prefix, decode in ((b"Oo", rows.decode_object), (b"Ov", rows.decode_object), (b"Op", rows.decode_part),
                                   (b"Ox", rows.decode_part)):  # fmt: skip
                for _, raw in view.scan(prefix, prefix + b"\xff" * 9):
                    refer(decode(raw).content)
            counts = {key[2:]: rows.decode_number(raw) for key, raw in view.scan(b"Or", b"Os")}
        assert counts == {
            (content.kind + content.id).encode(): count for content, count in referred.items() if count > 1
        }
        small = {content.id.encode() for content in referred if content.kind == "d"}
        large = {content.id.encode() for content in referred if content.kind == "b"}
        lists = {content.id.encode() for content in referred if content.kind == "x"}
        assert {key[2:] for key in self.world.rows(b"Od")} == small
        assert {key[2:] for key in self.world.rows(b"Of")} == large
        assert {key[2:].partition(b"\0")[0] for key in self.world.rows(b"Ox")} == lists
        assert self.world.rows(b"Ot") == []


History.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestHistory = History.TestCase
