"""What the functions of this service work with, and the few steps that nearly all of them begin with."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from sampan.kernel import limits
from sampan.kernel.caller import Caller
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.names import ACCOUNT_DIGITS
from sampan.kernel.policy import Purpose, Reader, Statement
from sampan.kernel.ports import Chance, Clock, Sealer, Store, Transaction, View
from sampan.services.identity import rows
from sampan.services.identity.values import Document, Entity, EntityKind, EntityRef, Language, Page, Provided

T = TypeVar("T")

ROOT = "root"
ROOT_ACCOUNT = "0" * ACCOUNT_DIGITS
"""The first account's number. Always the same, so that ARNs and URLs that hold it may be written down; and this one,
because tools for local clouds take it for granted."""

LIST_MAX = 1000  # rows in a page, whatever the caller asks for
TAGS_MAX = 50  # IAM's; RAM allows 20
PATH_CHARS_MAX = 512
_PATH = re.compile(r"/(?:[!-.0-~]+/)*")
_NAME = re.compile(r"[A-Za-z0-9+=,.@_-]+")
_READ_MAX = 1024  # documents remembered as statements


@dataclass(frozen=True, slots=True)
class Context:
    """The ports, the policy languages, and the clouds' own policies by id."""

    store: Store
    clock: Clock
    chance: Chance
    sealer: Sealer
    readers: Mapping[Language, Reader]
    provided: Mapping[str, Provided]
    _read: dict[tuple[Document, Purpose, str], tuple[Statement, ...]] = field(default_factory=dict)

    async def write(self, account: str, change: Callable[[Transaction], T]) -> T:
        """Run a change that bears on what an account's callers may do: its generation grows with it."""

        def counted(tx: Transaction) -> T:
            result = change(tx)
            where = rows.generation(account)
            tx.put(where, (int.from_bytes(tx.get(where) or b"", "big") + 1).to_bytes(8, "big"))
            return result

        return await self.store.write(counted)

    def read(self, document: Document, purpose: Purpose, account: str) -> tuple[Statement, ...]:
        """The statements of a document. Raises INVALID | TOO_LARGE "policy document"."""
        asked = (document, purpose, account)
        found = self._read.get(asked)
        if found is None:
            reader = self.readers.get(document.language)
            if reader is None:
                raise Fault(Kind.INVALID, "policy document", f"no policies are read in {document.language}", where="")
            found = reader.read(document.text, purpose, account)
            if len(self._read) >= _READ_MAX:
                self._read.clear()
            self._read[asked] = found
        return found

    def seal(self, secret: str, where: bytes) -> bytes:
        return self.sealer.seal(secret, where, self.chance.token(12))

    def new_id(self) -> str:
        """The id of an entity or a policy: 16 characters of A-Z and 2-7, never made again."""
        return base64.b32encode(self.chance.token(10)).decode()


# --- checks -----------------------------------------------------------------------------------------------------------


def check_name(what: str, name: str, chars_max: int = 64, chars_min: int = 1) -> None:
    """Raises INVALID "name". Both clouds' letters: IAM's, of which RAM's are a part."""
    if not chars_min <= len(name) <= chars_max or not _NAME.fullmatch(name):
        raise Fault(
            Kind.INVALID,
            "name",
            f"the name of a {what} has {chars_min} to {chars_max} letters, digits and characters of +=,.@_-",
            name=name[:chars_max],
            what=what,
        )


def check_path(path: str) -> None:
    """Raises INVALID "name", its fact `what` being "path"."""
    if len(path) > PATH_CHARS_MAX or not _PATH.fullmatch(path):
        raise Fault(Kind.INVALID, "name", "a path begins and ends with a slash", name=path[:64], what="path")


def check_text(what: str, text: str, chars_max: int) -> None:
    """Raises INVALID "name" for a description or a note that is too long, or no UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Fault(Kind.INVALID, "name", f"the {what} is not UTF-8", name="", what=what) from None
    if len(text) > chars_max:
        raise Fault(Kind.INVALID, "name", f"a {what} has at most {chars_max} characters", name=text[:64], what=what)


def check_note(note: Mapping[str, str]) -> None:
    """Raises INVALID "name" if what a dialect wants to read back is too much."""
    for name, value in note.items():
        check_text("note", name, 64)
        check_text("note", value, 1024)


def check_tags(tags: Mapping[str, str], count_max: int = TAGS_MAX) -> None:
    """Raises TOO_MANY "tags" or INVALID "tags"."""
    if len(tags) > count_max:
        raise Fault(Kind.TOO_MANY, "tags", count=len(tags), count_max=count_max)
    for name, value in tags.items():
        try:
            (name + value).encode()
        except UnicodeEncodeError:
            raise Fault(Kind.INVALID, "tags", "tags must be UTF-8") from None
        if not 1 <= len(name) <= limits.TAG_KEY_CHARS_MAX or len(value) > limits.TAG_VALUE_CHARS_MAX:
            raise Fault(Kind.INVALID, "tags", "a key has 1 to 128 characters, a value at most 256", tag=name[:128])


def with_tags(have: Mapping[str, str], tags: Mapping[str, str], remove: tuple[str, ...]) -> dict[str, str]:
    """Tags with some added and some removed. Raises as `check_tags`."""
    check_tags(tags)
    made = {name: value for name, value in {**have, **tags}.items() if name not in remove}
    check_tags(made)
    return made


# --- entities ---------------------------------------------------------------------------------------------------------


def find_entity(view: View, account: str, ref: EntityRef) -> rows.EntityRow:
    """Raises MISSING "user" | "group" | "role"."""
    raw = view.get(rows.entity(account, ref)) if ref.name.isascii() and ref.name else None
    if raw is None:
        raise Fault(Kind.MISSING, str(ref.kind), f"there is no {ref.kind} {ref.name}", name=ref.name)
    return rows.decode_entity(raw)


def entity_of_id(view: View, account: str, entity_id: str) -> rows.EntityRow | None:
    """The entity of an id, unless it was deleted."""
    raw = view.get(rows.place(account, entity_id))
    return None if raw is None else find_entity(view, account, rows.ref_of(raw))


def named(view: View, caller: Caller, ref: EntityRef) -> rows.EntityRow:
    """The entity that a command names; a user without a name is the caller. Raises MISSING "user" ..."""
    if not ref.name and ref.kind is EntityKind.USER and caller.kind == "user":
        found = entity_of_id(view, caller.account, caller.id)
        if found is not None:
            return found
    return find_entity(view, caller.account, ref)


def save_entity(tx: Transaction, account: str, row: rows.EntityRow) -> None:
    """Keep an entity as it is now."""
    tx.put(rows.entity(account, ref_of(row)), rows.encode(row))


def ref_of(row: rows.EntityRow) -> EntityRef:
    """How commands name an entity."""
    return EntityRef(row.kind, row.name)


def shown(account: str, row: rows.EntityRow) -> Entity:
    """An entity's row as callers see it."""
    return Entity(
        kind=row.kind,
        name=row.name,
        id=row.id,
        account=account,
        path=row.path,
        created_ms=row.created_ms,
        updated_ms=row.updated_ms,
        description=row.description,
        trust=document(row.trust),
        session_s_max=row.session_s_max,
        boundary=row.boundary,
        tags=row.tags,
        note=row.note,
        service_linked=row.service_linked,
    )


def document(row: rows.DocumentRow | None) -> Document | None:
    """A document as callers see it."""
    return None if row is None else Document(row.language, row.text)


def document_row(of: Document) -> rows.DocumentRow:
    """The inverse of `document`."""
    return rows.DocumentRow(of.language, of.text)


def count(view: View, prefix: bytes) -> int:
    """How many rows begin with `prefix`."""
    return sum(1 for _ in view.scan(prefix, rows.after(prefix)))


def check_room(view: View, prefix: bytes, count_max: int, noun: str = "entity", **facts: object) -> None:
    """Raises TOO_MANY if as many rows begin with `prefix` as may."""
    if count(view, prefix) >= count_max:
        raise Fault(Kind.TOO_MANY, noun, f"at most {count_max} are allowed", count_max=count_max, **facts)


def page(found: list[T], after: str, limit: int, name: Callable[[T], str]) -> Page[T]:
    """A page of what is all here, in order of its names, whatever their case."""
    rest = [item for item in found if not after or name(item).lower() > after.lower()]
    limit = max(1, min(limit, LIST_MAX))
    items = tuple(rest[:limit])
    return Page(items, name(items[-1]) if len(rest) > limit else None)
