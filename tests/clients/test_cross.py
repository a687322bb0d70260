"""What is written through one client is read through all the others: bytes, size, ETag, type, metadata."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from tests.clients.clients import CLIENTS, CONTENT_TYPE, META, Client
from tests.stories.driver import Door
from tests.stories.driver_boto3 import connect
from tests.stories.samples import MIB, ODD_KEYS, SIZES, body, md5


@dataclass
class Shelf:
    """What one client wrote."""

    bucket: str
    bytes: dict[str, bytes] = field(default_factory=dict)
    etags: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def client(
    door: Door, env: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Client]]:
    """A client by its name, started when it is first asked for."""
    started: dict[str, Client] = {}

    def start(name: str) -> Client:
        if name not in started:
            started[name] = CLIENTS[name](door, env, tmp_path_factory.mktemp(name))
        return started[name]

    yield start
    for one in started.values():
        one.close()


@pytest.fixture(scope="module")
def shelf(door: Door, client: Callable[[str], Client], names: Iterator[str]) -> Callable[[str], Shelf]:
    """What a client wrote, by its name; it writes when it is first asked."""
    s3, shelves = connect(door), dict[str, Shelf]()

    def fill(name: str) -> Shelf:
        if name not in shelves:
            writer, shelf = client(name), Shelf(next(names))
            s3.create_bucket(Bucket=shelf.bucket)
            shelf.bytes = {f"size/{size}": body(size, name) for size in (*SIZES, 12 * MIB)}
            shelf.bytes |= {key: key.encode() for key in ODD_KEYS if writer.writes.fullmatch(key)}
            for key, data in shelf.bytes.items():
                writer.write(shelf.bucket, key, data)
                shelf.etags[key] = s3.head_object(Bucket=shelf.bucket, Key=key)["ETag"].strip('"')
            shelves[name] = shelf
        return shelves[name]

    return fill


@pytest.mark.parametrize("reader", CLIENTS)
@pytest.mark.parametrize("writer", CLIENTS)
def test_what_one_wrote_the_other_reads(
    client: Callable[[str], Client], shelf: Callable[[str], Shelf], writer: str, reader: str
) -> None:
    written, reads = shelf(writer), client(reader)
    keys = [key for key in written.bytes if reads.reads.fullmatch(key)]
    assert len(keys) >= 8
    for key, data in reads.read_all(written.bucket, keys).items():
        assert data == written.bytes[key], key
    for key, look in reads.look_all(written.bucket, keys).items():
        assert look.size == len(written.bytes[key]), key
        if look.etag is not None:
            assert look.etag == written.etags[key], key
        if client(writer).types:
            assert look.content_type in (None, CONTENT_TYPE), key
        if client(writer).metas:
            assert look.meta is None or META.items() <= look.meta.items(), key


@pytest.mark.parametrize("writer", CLIENTS)
def test_a_written_object_is_what_it_should_be(shelf: Callable[[str], Shelf], writer: str) -> None:
    """The ETag of a whole object is its MD5; 12 MiB went up in parts, wherever the client does that."""
    written = shelf(writer)
    for key, data in written.bytes.items():
        if "-" not in written.etags[key]:
            assert written.etags[key] == md5(data)
        else:
            assert len(data) > 5 * MIB or writer == "pyarrow", key
    assert "-" in written.etags[f"size/{12 * MIB}"]
