"""What must hold after every crash, seen from outside and, for the space that is used, from the data folder."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

from sampan.engines.store_sqlite import SqliteStore
from sampan.services.objects import rows
from tests.crash.ledger import Value
from tests.crash.traffic import KEPT, PLAIN, Load
from tests.crash.wire import Wire
from tests.harness import Server

RECLAIMED_S_MAX = 20


def check_all(server: Server, load: Load) -> None:
    """Every acknowledged write is there byte for byte, every other one whole or absent; listings agree with reads."""
    wire = Wire(server)
    try:
        check_objects(wire, load)
        check_uploads(wire, load)
        check_versions(wire, load)
    finally:
        wire.close()


def check_objects(wire: Wire, load: Load) -> None:
    listed = {key: (size, etag) for key, _, size, etag in wire.listed(PLAIN)}
    for key in load.ledger.all_keys():
        allowed = load.ledger.allowed(key)
        reply = wire.s3("GET", f"/{PLAIN}/{key}")
        assert reply.status in (200, 404), f"{key}: {reply}"
        if reply.status == 404:
            assert None in allowed, f"{key} is gone; it must be one of {allowed}"
            assert key not in listed, f"{key} is listed and cannot be read"
            load.ledger.settle(key, None)
            continue
        value = _matching(reply.body, reply.headers.get("x-amz-meta-mark", ""), allowed)
        assert value is not None, f"{key}: {len(reply.body)} bytes that nobody may see; allowed are {allowed}"
        etag = reply.headers["etag"].strip('"')
        assert "-" in etag or len(value.pieces) > 1 or etag.lower() == hashlib.md5(reply.body).hexdigest()
        assert listed.pop(key, None) == (len(reply.body), etag), f"{key} reads and lists differently"
        load.ledger.settle(key, value)
    assert not listed, f"listed and never written: {sorted(listed)}"


def _matching(body: bytes, mark: str, allowed: list[Value | None]) -> Value | None:
    for value in allowed:
        if value is not None and value.size == len(body) and value.mark == mark and value.made() == body:
            return value
    return None


def check_uploads(wire: Wire, load: Load) -> None:
    """Every acknowledged part of an unfinished upload is there; one that was not acknowledged may be, instead."""
    for client in load.clients:
        for upload in client.uploads:
            reply = wire.oss("GET", f"/{PLAIN}/{upload.key}", {"uploadId": upload.id})
            assert reply.status == 200, f"upload {upload.id} of {upload.key} is gone: {reply}"
            etags = [etag.strip('"').lower() for etag in reply.texts("ETag")]
            seen = dict(zip(map(int, reply.texts("PartNumber")), etags, strict=True))
            if upload.pending is not None:
                number, piece = upload.pending
                if seen.get(number) == piece.etag:
                    upload.parts[number] = piece
                upload.pending = None
            assert seen == {number: piece.etag for number, piece in upload.parts.items()}, f"upload {upload.id}"


def check_versions(wire: Wire, load: Load) -> None:
    seen: dict[str, list[str]] = {}
    for key, version, _, _ in wire.listed(KEPT, versions=True):
        seen.setdefault(key, []).insert(0, version)
    for client in load.clients:
        for key, history in client.histories.items():
            complaint = history.settle(seen.pop(key, []))
            assert not complaint, f"{key}: {complaint}"
            for write in history.versions:
                reply = wire.s3("GET", f"/{KEPT}/{key}", {"versionId": write.version})
                if write.value is None:
                    assert reply.status == 405, f"{key} {write.version} is a delete marker: {reply.status}"
                    continue
                assert reply.status == 200, f"{key} {write.version}: {reply}"
                assert _matching(reply.body, reply.headers.get("x-amz-meta-mark", ""), [write.value]), f"{key}"
            reply = wire.s3("GET", f"/{KEPT}/{key}")
            latest = history.versions[-1].value if history.versions else None
            assert (reply.status == 200) == (latest is not None), f"{key}: {reply.status}"
    assert not seen, f"listed and never written: {seen}"


# --- space ------------------------------------------------------------------------------------------------------------


def blob_files(data: Path) -> set[str]:
    """The blobs on disk."""
    return {path.name for path in (data / "blobs").rglob("*") if path.is_file()}


def rows_by_kind(data: Path) -> dict[str, set[bytes]]:
    """The keys of the objects' rows, by their second letter: see `sampan.services.objects.rows`."""
    found: dict[str, set[bytes]] = {}
    store = SqliteStore(data / "store")
    try:
        with store.view() as view:
            for key, _ in view.scan(b"O", rows.successor(b"O")):
                found.setdefault(chr(key[1]), set()).add(key[2:])
    finally:
        store.close()
    return found


def check_space(data: Path) -> None:
    """Wait until what the crash left over is reclaimed: exactly the blobs that are referred to are on disk."""
    end = time.monotonic() + RECLAIMED_S_MAX
    while True:
        files, found = blob_files(data), rows_by_kind(data)
        referred = {blob.decode() for blob in found.get("f", set())}
        if files == referred and not found.get("t"):
            return
        orphans, lost = files - referred, referred - files
        assert not lost or time.monotonic() < end, f"referred to and not on disk: {sorted(lost)}"
        assert time.monotonic() < end, f"not reclaimed: {sorted(orphans)}, trash {found.get('t')}"
        time.sleep(0.1)


def empty(server: Server, load: Load) -> None:
    """Delete all that is in the buckets."""
    wire = Wire(server)
    for client in load.clients:
        for upload in client.uploads:
            assert wire.oss("DELETE", f"/{PLAIN}/{upload.key}", {"uploadId": upload.id}).good
        client.uploads.clear()
    reply = wire.s3("GET", f"/{PLAIN}", {"uploads": ""})
    for key, upload in zip(reply.texts("Key"), reply.texts("UploadId"), strict=True):
        assert wire.s3("DELETE", f"/{PLAIN}/{key}", {"uploadId": upload}).good
    for key, *_ in wire.listed(PLAIN):
        assert wire.s3("DELETE", f"/{PLAIN}/{key}").good
    for key, version, *_ in wire.listed(KEPT, versions=True):
        assert wire.s3("DELETE", f"/{KEPT}/{key}", {"versionId": version}).good
    wire.close()


def check_empty(data: Path) -> None:
    """Nothing is left of deleted objects: no blob, and no row but the buckets' own."""
    check_space(data)
    assert not blob_files(data)
    left = {kind: keys for kind, keys in rows_by_kind(data).items() if kind not in "basc"}
    assert not left, f"left behind: {left}"
