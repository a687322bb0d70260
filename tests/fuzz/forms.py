"""Documents that fit a form of msgspec's, nearly fit it, or do not: what a door's own types say may be sent."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import inspect

DEPTH_MAX = 4  # a form may hold itself
TEXTS = st.sampled_from(
    ["", "Hi", "\0", "𝔘\ud7ff", "data:image/png;base64,AA==", "https://host/x", "{}", "[1]", "f", "24h", "a b",
     "x" * 300, "<think>", "\u202e", "0", "-1", "null"]
)  # fmt: skip
NUMBERS = st.one_of(
    st.integers(-2, 5), st.sampled_from([100, 2048, 1 << 20, 1 << 31, (1 << 31) - 1, 1 << 63, 1 << 70, -(1 << 64)])
)
FLOATS = st.one_of(st.floats(-3, 3), st.sampled_from([0.0, -0.0, 1e-300, 1e300, 0.5]))
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, FLOATS, TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)
SCHEMAS = st.sampled_from(
    [{"type": "object", "properties": {"a": {"type": "string"}}}, {"type": "array", "items": {"$ref": "#"}}, True, {},
     {"enum": []}, {"$ref": "#/nowhere"}, {"pattern": "("}, "{}", {"type": "none"}]
)  # fmt: skip


@cache
def documents(form: Any) -> st.SearchStrategy[Any]:
    """Values for JSON that a form takes, with something else here and there."""
    return _of(inspect.type_info(form), 0)


def _of(kind: Any, depth: int) -> st.SearchStrategy[Any]:
    match kind:
        case inspect.Metadata():
            return _of(kind.type, depth)
        case inspect.StructType():
            return st.deferred(lambda: _struct(kind, depth))
        case inspect.UnionType():
            return st.one_of([_of(one, depth) for one in kind.types])
        case inspect.ListType() | inspect.VarTupleType() | inspect.SetType():
            return st.lists(_of(kind.item_type, depth + 1), max_size=0 if depth > DEPTH_MAX else 3)
        case inspect.DictType():
            return st.dictionaries(TEXTS, _of(kind.value_type, depth + 1), max_size=2)
        case inspect.LiteralType():
            return st.sampled_from(list(kind.values))
        case inspect.EnumType():
            return st.sampled_from([one.value for one in kind.cls])
        case inspect.StrType():
            return st.one_of(TEXTS, st.just("tool_1")) if kind.pattern is None else st.sampled_from(["f", "tool_1", ""])
        case inspect.IntType():
            low = kind.ge if kind.ge is not None else -3
            return st.one_of(st.integers(low, low + 4), NUMBERS)
        case inspect.FloatType():
            return FLOATS
        case inspect.BoolType():
            return st.booleans()
        case inspect.NoneType():
            return st.none()
        case inspect.RawType() | inspect.AnyType():
            return st.one_of(ANYTHING, SCHEMAS)
    raise AssertionError(kind)


def _struct(kind: inspect.StructType, depth: int) -> st.SearchStrategy[dict[str, Any]]:
    """What is required, and a few of the other fields; here and there one is something else, or is missing."""
    fixed: dict[str, st.SearchStrategy[Any]] = {}
    if kind.tag_field is not None:
        fixed[kind.tag_field] = st.just(kind.tag)
    fields = {one.encode_name: _mostly(_of(one.type, depth + 1)) for one in kind.fields}
    needed = {one.encode_name: fields[one.encode_name] for one in kind.fields if one.required}
    rest = sorted(fields.keys() - needed.keys())
    if not rest or depth > DEPTH_MAX:
        return st.fixed_dictionaries({**fixed, **needed})
    # A few of many: each field is tried with and without each other in time.
    chosen = st.lists(st.sampled_from(rest), max_size=3, unique=True)
    return chosen.flatmap(lambda names: st.fixed_dictionaries({**fixed, **needed, **{n: fields[n] for n in names}}))


def _mostly(usual: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.integers(0, 11).flatmap(lambda dice: ANYTHING if dice == 11 else usual)


def encoded(value: Any) -> bytes:
    """A document as bytes."""
    return msgspec.json.encode(value)
