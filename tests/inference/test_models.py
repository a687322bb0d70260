"""Which models there are."""

from __future__ import annotations

from sampan.kernel.asking import Standing
from sampan.kernel.fault import Fault, Kind
from sampan.services.inference import model as m
from tests.inference.scripted import Script
from tests.inference.world import ALICE, OPERATOR, World, fixed, question


def test_models_are_listed_by_name_with_their_aliases(world: World) -> None:
    world.fixed["private"] = fixed("private", "/qwen", shared=False)
    found = world.run(m.ListModels())
    assert [(model.name, model.deployment.name, model.aliases) for model in found] == [
        ("qwen", "qwen", ("qwen-plus",)),
        ("qwen-plus", "qwen", ("qwen-plus",)),
    ]
    assert {model.condition for model in found} == {None}
    assert [model.name for model in world.run(m.ListModels(), OPERATOR)] == ["private", "qwen", "qwen-plus"]


def test_a_model_that_is_down_is_listed_all_the_same(world: World) -> None:
    world.fixed["far"] = fixed("far", "/far")
    world.scripts["/far"] = Script(refuses=Fault(Kind.UNAVAILABLE, "model", "no route"))
    found = {model.name: model for model in world.run(m.ListModels(conditions=True))}
    assert found["far"].condition is not None and found["far"].condition.standing is Standing.FAILED
    assert found["qwen"].condition is not None and found["qwen"].condition.standing is Standing.COLD
    assert world.run(m.GetModel(model="qwen-plus")).condition == found["qwen"].condition


def test_the_guard_is_told_the_deployment_behind_a_name(world: World) -> None:
    command = m.GetModel(model="qwen-plus")
    owned = world.service.owned(ALICE, command, "model/qwen-plus")
    assert owned is not None and (owned.owner, owned.path) == (ALICE.account, "model/qwen")
    assert world.service.owned(ALICE, command, "model/none") is None
    world.fixed["private"] = fixed("private", "/qwen", shared=False)
    assert world.service.owned(ALICE, command, "model/private") is None
    assert world.service.owned(OPERATOR, command, "model/private") is not None


def test_why_a_model_cannot_be_used_is_told_to_its_operator_alone(world: World) -> None:
    world.fixed["broken"] = fixed("broken", "/secret/folder")
    world.scripts["/secret/folder"] = Script(refuses=Fault(Kind.INVALID, "model", "/secret/folder lacks config.json"))
    ask = m.Generate(model="broken", ask=question())
    assert "/secret/folder" not in str(world.fault(ask, ALICE))
    assert "/secret/folder" in str(world.fault(ask, OPERATOR))
