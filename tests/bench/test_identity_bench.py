"""The benchmark of identity runs, and lets in by just one statement of a thousand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import identity
from sampan.kernel.fault import Fault, Kind
from sampan.services.identity import model as im


def test_a_quick_run_measures_every_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "figures.json"
    assert identity.main(["--quick", "--json", str(file)]) == 0
    figures = json.loads(file.read_text())
    assert set(figures["rows"]) == {f"{scheme.name}, {who}" for scheme in identity.SCHEMES for who in ("root", "user")}
    for row in figures["rows"].values():
        assert 0 < row["opened"]["low"] <= row["opened"]["high"]
        assert row["both"]["median"] >= row["allowed"]["median"] > 0
    assert figures["firsts_ms"]["cold"]["median"] > figures["firsts_ms"]["changed"]["median"] > 0
    assert "| ACS3, GetUser of RAM, user |" in capsys.readouterr().out


def test_the_policies_are_those_of_the_goal_and_one_statement_decides(tmp_path: Path) -> None:
    documents = identity.documents()
    assert len(documents) == identity.POLICIES == 50
    assert {len(json.loads(document.text)["Statement"]) for document in documents} == {identity.STATEMENTS} == {20}
    with identity.opened(tmp_path) as world:
        first = [next(scheme.make(world.keys["user"])) for scheme in identity.SCHEMES]
        for scheme, request in zip(identity.SCHEMES, first, strict=True):
            identity.ask(world, world.guard, world.dialects[scheme.dialect], request)
        # Without the policy that holds it, nothing does.
        world.act(im.AttachPolicy(ref=identity.USER, policy="/p0", attached=False))
        for scheme in identity.SCHEMES:
            request = next(scheme.make(world.keys["user"]))
            with pytest.raises(Fault) as caught:
                identity.ask(world, world.guard, world.dialects[scheme.dialect], request)
            assert (caught.value.kind, caught.value.noun) == (Kind.DENIED, "action")
