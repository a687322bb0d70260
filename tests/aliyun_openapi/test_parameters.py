"""Declarations of parameters, and what they make of flat lists, JSON texts and JSON bodies."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.dialects.aliyun.wire import openapi_parameters
from sampan.kernel.fault import Fault, Kind

DECLARED = "Name! Size:int Fast:bool Filter:json Ids[] Tag[Key! Value] Disk{Size:int Tags[Key]} Nested[Ids[] Of{A}]"


def read(values: dict[str, Any], declared: str = DECLARED) -> dict[str, Any]:
    return openapi_parameters.read(openapi_parameters.declare(declared), {"Name": "n", **values})


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, {}),
        ({"Unheard": "of"}, {}),
        ({"Size": "7"}, {"Size": 7}),
        ({"Size": 7}, {"Size": 7}),
        ({"Size": ""}, {}),
        ({"Fast": "true"}, {"Fast": True}),
        ({"Fast": "False"}, {"Fast": False}),
        ({"Fast": True}, {"Fast": True}),
        ({"Filter": '{"a":[1]}'}, {"Filter": {"a": [1]}}),
        ({"Filter": {"a": 1}}, {"Filter": {"a": 1}}),
        ({"Ids.1": "a", "Ids.2": "b"}, {"Ids": ["a", "b"]}),
        ({"Ids.10": "b", "Ids.2": "a"}, {"Ids": ["a", "b"]}),
        ({"Ids": '["a","b"]'}, {"Ids": ["a", "b"]}),
        ({"Ids": ["a"]}, {"Ids": ["a"]}),
        ({"Ids": "[]"}, {}),
        ({"Ids.x": "a", "Ids.99999": "b"}, {}),
        ({"Tag.1.Key": "k", "Tag.1.Value": "v", "Tag.2.Key": "l"}, {"Tag": [{"Key": "k", "Value": "v"}, {"Key": "l"}]}),
        ({"Tag": '[{"Key":"k","Value":"v"}]'}, {"Tag": [{"Key": "k", "Value": "v"}]}),
        ({"Tag": [{"Key": "k"}]}, {"Tag": [{"Key": "k"}]}),
        ({"Disk.Size": "5", "Disk.Tags.1.Key": "k"}, {"Disk": {"Size": 5, "Tags": [{"Key": "k"}]}}),
        ({"Disk": '{"Size":5}'}, {"Disk": {"Size": 5}}),
        ({"Nested.1.Ids.1": "a", "Nested.1.Of.A": "b"}, {"Nested": [{"Ids": ["a"], "Of": {"A": "b"}}]}),
    ],
)
def test_values(values: dict[str, Any], expected: dict[str, Any]) -> None:
    assert read(values) == {"Name": "n", **expected}


@pytest.mark.parametrize(
    ("values", "kind", "name"),
    [
        ({"Name": ""}, Kind.ABSENT, "Name"),
        ({"Name": "\udc80"}, Kind.INVALID, "Name"),
        ({"Name": 5}, Kind.INVALID, "Name"),
        ({"Size": "7.0"}, Kind.INVALID, "Size"),
        ({"Size": "9" * 30}, Kind.INVALID, "Size"),
        ({"Size": True}, Kind.INVALID, "Size"),
        ({"Fast": "yes"}, Kind.INVALID, "Fast"),
        ({"Filter": "{"}, Kind.INVALID, "Filter"),
        ({"Filter": "[" * 100_000}, Kind.INVALID, "Filter"),
        ({"Ids": "a"}, Kind.INVALID, "Ids"),
        ({"Ids": '{"a":1}'}, Kind.INVALID, "Ids"),
        ({"Ids": "[1]"}, Kind.INVALID, "Ids.1"),
        ({"Ids": ["x"] * 1001}, Kind.INVALID, "Ids"),
        ({"Tag": '["k"]'}, Kind.INVALID, "Tag.1"),
        ({"Tag.1.Value": "v"}, Kind.ABSENT, "Tag.1.Key"),
        ({"Tag.1.Key": "k", "Tag.7.Value": "v"}, Kind.ABSENT, "Tag.2.Key"),
        ({"Disk": "[1]"}, Kind.INVALID, "Disk"),
        ({"Disk.Size": "x"}, Kind.INVALID, "Disk.Size"),
    ],
)
def test_faults_name_the_parameter(values: dict[str, Any], kind: Kind, name: str) -> None:
    with pytest.raises(Fault) as caught:
        read(values)
    assert (caught.value.kind, caught.value.noun, caught.value.facts["name"]) == (kind, "argument", name)


@pytest.mark.parametrize("declared", ["A[", "A]", "A{B]", "A:float", "A B!C:", "?"])
def test_a_wrong_declaration_is_refused(declared: str) -> None:
    with pytest.raises(ValueError):
        openapi_parameters.declare(declared)


ATOMS = st.sampled_from([None, True, 0, -1, "", "a", "7", "true", "[1]", '["a"]', '[{"Key":"k"}]', "{}", "\udc80"])
VALUES = st.recursive(
    ATOMS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["Key", "Size", ""]), inner)
)
NAMES = st.sampled_from(["Name", "Size", "Fast", "Ids", "Ids.1", "Tag", "Tag.1", "Tag.1.Key", "Disk", "Disk.Size"])


@given(st.dictionaries(NAMES, VALUES))
def test_whatever_comes_is_read_or_refused(values: dict[str, Any]) -> None:
    try:
        found = read(values)
    except Fault as fault:
        assert fault.noun == "argument"
    else:
        assert all(isinstance(item, str) for item in found.get("Ids", []))
        assert all(set(tag) <= {"Key", "Value"} and "Key" in tag for tag in found.get("Tag", []))
