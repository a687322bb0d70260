"""Forms with a file, as flows: what clients send, cut at any place, and what nobody should send."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from sampan.kernel import form as forms
from sampan.kernel import limits
from sampan.kernel.body import Digest
from sampan.kernel.fault import Fault, Kind

TYPE = "multipart/form-data; boundary=xYz"
FILE = bytes(range(256)) * 7 + b"\r\n--xY\r\n--x"


class Pieces:
    """An Inflow in pieces of a size."""

    def __init__(self, data: bytes, size: int) -> None:
        self._data = data
        self._size = size
        self.length = None
        self.algorithms: frozenset[str] = frozenset()

    async def chunks(self) -> AsyncIterator[bytes]:
        for at in range(0, len(self._data), self._size):
            yield self._data[at : at + self._size]

    def digests(self) -> Sequence[Digest]:
        return ()


def field(name: str, value: str) -> bytes:
    return f'--xYz\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()


def file(data: bytes = FILE, name: str = "a.jsonl") -> bytes:
    head = f'--xYz\r\ncontent-disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: text/x\r\n\r\n'
    return head.encode() + data + b"\r\n"


def read(data: bytes, size: int = 1 << 16, wanted: Sequence[str] = (), kind: str = TYPE) -> tuple[forms.Form, bytes]:
    async def run() -> tuple[forms.Form, bytes]:
        form = await forms.read(Pieces(data, size), kind, wanted)
        return form, b"" if form.file is None else b"".join([chunk async for chunk in form.file.chunks()])

    return asyncio.run(run())


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 64, 1 << 16])
def test_a_form_cut_anywhere(size: int) -> None:
    data = b"a preamble\r\n" + field("purpose", "batch") + file() + field("late", "ß") + b"--xYz--\r\nepilogue"
    form, content = read(data, size, wanted=("purpose",))
    assert content == FILE
    assert (form.file_field, form.file_name) == ("file", "a.jsonl")
    assert form.fields == {"purpose": "batch", "late": "ß"}


@pytest.mark.parametrize("size", [1, 1 << 16])
def test_a_wanted_field_may_come_after_a_small_file(size: int) -> None:
    form, content = read(file() + field("purpose", "batch") + b"--xYz--", size, wanted=("purpose",))
    assert (form.fields, content) == ({"purpose": "batch"}, FILE)


def test_a_wanted_field_may_not_come_after_a_large_file() -> None:
    with pytest.raises(Fault) as raised:
        read(file(bytes(forms.HELD_BYTES_MAX + 1)) + field("purpose", "batch") + b"--xYz--", wanted=("purpose",))
    assert (raised.value.kind, raised.value.noun) == (Kind.INVALID, "document")


def test_no_file_and_an_empty_file() -> None:
    assert read(field("purpose", "batch") + b"--xYz--")[0].file is None
    form, content = read(file(b"") + b"--xYz--")
    assert form.file is not None
    assert content == b""


def test_names_and_boundaries_in_quotes() -> None:
    form, _ = read(file(name='a \\"b\\" ü.txt') + b"--xYz--", kind='Multipart/Form-Data; charset=utf-8; boundary="xYz"')
    assert form.file_name == 'a "b" ü.txt'


@pytest.mark.parametrize(
    ("data", "kind", "expected"),
    [
        (b"--xYz--", "application/json", (Kind.INVALID, "document")),
        (b"--xYz--", "multipart/form-data", (Kind.INVALID, "document")),
        (b"", TYPE, (Kind.TRUNCATED, "body")),
        (field("a", "b"), TYPE, (Kind.TRUNCATED, "body")),
        (file(), TYPE, (Kind.TRUNCATED, "body")),
        (file()[:-9], TYPE, (Kind.TRUNCATED, "body")),
        (b"--xYz\r\nno: disposition\r\n\r\nx\r\n--xYz--", TYPE, (Kind.INVALID, "document")),
        (file() + file() + b"--xYz--", TYPE, (Kind.INVALID, "document")),
        (field("a", "b" * limits.FORM_HEAD_BYTES_MAX) + b"--xYz--", TYPE, (Kind.TOO_LARGE, "document")),
        (b"--xYz\r\nx: " + b"h" * 2 * limits.FORM_HEAD_BYTES_MAX, TYPE, (Kind.TOO_LARGE, "document")),
        (field("a", "b") * (forms.PARTS_MAX + 1) + b"--xYz--", TYPE, (Kind.TOO_LARGE, "document")),
    ],
)
def test_what_is_no_form_is_refused(data: bytes, kind: str, expected: tuple[Kind, str]) -> None:
    for size in (13, 1 << 16):
        with pytest.raises(Fault) as raised:
            read(data, size, kind=kind)
        assert (raised.value.kind, raised.value.noun) == expected
