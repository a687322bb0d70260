"""multipart/form-data (RFC 7578) as a flow: small fields, and one file whose bytes are never held as a whole."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence

from sampan.kernel import limits
from sampan.kernel.body import Bytes, Digest, Inflow
from sampan.kernel.fault import Fault, Kind

PARTS_MAX = 64
HELD_BYTES_MAX = 4 * limits.MIB  # of a file that comes before a field that is wanted first

_BOUNDARY = re.compile(r'multipart/form-data\s*;(?:.*;)?\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))', re.IGNORECASE)
_PARAMETER = re.compile(r';\s*(name|filename)="((?:[^"\\]|\\.)*)"', re.IGNORECASE)
_ESCAPED = re.compile(r"\\(.)")


class Form:
    """A form whose fields before its file have been read. `fields` may grow while the file is read: a form may go on
    after it. `file` is None if there is none."""

    def __init__(self) -> None:
        self.fields: dict[str, str] = {}
        self.file: Inflow | None = None
        self.file_field = ""
        self.file_name = ""


async def read(body: Inflow, content_type: str, wanted: Sequence[str] = ()) -> Form:
    """A form, read up to the bytes of its file. The fields `wanted` are there then, even where they were sent after a
    (small) file.

    Raises Fault(INVALID, "document") for what is no such form, Fault(TOO_LARGE, "document"), Fault(TRUNCATED, "body").
    """
    found = _BOUNDARY.match(content_type)
    if found is None:
        raise _invalid("the body must be multipart/form-data, with its boundary")
    parts = _Parts(body, (found[1] or found[2]).encode("utf-8", "surrogateescape"))
    form = Form()
    async for _ in parts.data():  # what comes before the first boundary is for nobody
        pass
    if not await parts.fields(form):
        return form
    if all(name in form.fields for name in wanted):
        form.file = _File(parts, form)
        return form
    held = bytearray()
    async for chunk in parts.data():
        held += chunk
        if len(held) > HELD_BYTES_MAX:
            raise _invalid(f"the form must have {', '.join(wanted)} before its file")
    await parts.rest(form)
    form.file = Bytes(bytes(held))
    return form


class _Parts:
    """The parts of a body, one after the other."""

    def __init__(self, body: Inflow, boundary: bytes) -> None:
        self._chunks = body.chunks()
        self._mark = b"\r\n--" + boundary
        self._kept = bytearray(b"\r\n")  # the first boundary begins the body, the others a line
        self._size = 0  # of everything but files
        self._count = 0

    async def fields(self, form: Form) -> bool:
        """Read fields into the form, up to a file (True) or the end of the form (False)."""
        while (headers := await self._headers()) is not None:
            named = {match[1].lower(): _ESCAPED.sub(r"\1", match[2]) for match in _PARAMETER.finditer(headers)}
            if "filename" in named:
                form.file_field, form.file_name = named.get("name", ""), named["filename"]
                return True
            value = bytearray()
            async for chunk in self.data():
                value += self._counted(chunk)
            form.fields[named.get("name", "")] = value.decode("utf-8", "replace")
        return False

    async def rest(self, form: Form) -> None:
        """Read what comes after the file. Raises Fault(INVALID, "document") for a second one."""
        if await self.fields(form):
            raise _invalid("the form has more than one file")
        async for _ in self._chunks:  # an epilogue is for nobody, and its sender wants to be heard out
            pass

    async def data(self) -> AsyncIterator[bytes]:
        """The bytes of a part, up to the boundary after it, which is taken as well."""
        keep = len(self._mark) - 1
        while (at := self._kept.find(self._mark)) < 0:
            if len(self._kept) > keep:
                yield bytes(self._kept[:-keep])
                del self._kept[:-keep]
            await self._more()
        if at:
            yield bytes(self._kept[:at])
        del self._kept[: at + len(self._mark)]

    async def _headers(self) -> str | None:
        """A part's headers, or None at the end of the form."""
        while len(self._kept) < 2:
            await self._more()
        if self._kept[:2] == b"--":
            return None
        self._count += 1
        if self._count > PARTS_MAX:
            raise Fault(Kind.TOO_LARGE, "document", f"a form has at most {PARTS_MAX} parts")
        while (end := self._kept.find(b"\r\n\r\n")) < 0:
            if len(self._kept) > limits.FORM_HEAD_BYTES_MAX:
                raise _too_large()
            await self._more()
        headers = bytes(self._counted(self._kept[:end]))
        del self._kept[: end + 4]
        # Lines that are folded, or of other headers, do no harm: only the disposition has these parameters.
        lines = [line for line in headers.split(b"\r\n") if line.lower().startswith(b"content-disposition:")]
        if not lines:
            raise _invalid("a part of the form has no Content-Disposition")
        return lines[0].decode("utf-8", "replace")

    def _counted(self, data: bytearray | bytes) -> bytearray | bytes:
        self._size += len(data)
        if self._size > limits.FORM_HEAD_BYTES_MAX:
            raise _too_large()
        return data

    async def _more(self) -> None:
        chunk = await anext(self._chunks, None)
        if chunk is None:
            raise Fault(Kind.TRUNCATED, "body", "the form ended before its last boundary")
        self._kept += chunk


class _File:
    """An Inflow: the file of a form."""

    def __init__(self, parts: _Parts, form: Form) -> None:
        self._parts = parts
        self._form = form

    @property
    def length(self) -> None:
        """The form alone says how long it is."""
        return None

    @property
    def algorithms(self) -> frozenset[str]:
        return frozenset()

    async def chunks(self) -> AsyncIterator[bytes]:
        """The file's bytes. Raises Fault(INVALID, "document"), too, if something is wrong with what comes after."""
        async for chunk in self._parts.data():
            yield chunk
        await self._parts.rest(self._form)

    def digests(self) -> Sequence[Digest]:
        return ()


def _invalid(why: str) -> Fault:
    return Fault(Kind.INVALID, "document", why)


def _too_large() -> Fault:
    return Fault(Kind.TOO_LARGE, "document", f"a form's fields have at most {limits.FORM_HEAD_BYTES_MAX} bytes")
