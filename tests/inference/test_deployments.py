"""Deployments and aliases that commands make: durable, seen by all, and their secrets by nobody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sampan.kernel.asking import Standing
from sampan.kernel.fault import Fault, Kind
from sampan.services.inference import model as m
from tests.inference.scripted import Script, said
from tests.inference.world import ALICE, OPERATOR, World, fixed, question

SECRET = "sk-of-the-upstream"


def local(source: str = "/other", **more: Any) -> tuple[m.Backend, ...]:
    return (m.Backend(m.EngineKind.LOCAL, source, **more),)


def deploy(world: World, name: str = "other", **more: Any) -> m.Model:
    world.scripts.setdefault("/other", Script(said("other")))
    more = {"backends": local()} | more
    return world.run(m.Deploy(model=name, **more), OPERATOR)


def test_what_is_deployed_answers_everybody_and_after_a_restart(world: World) -> None:
    made = deploy(world, description="a model", warm=True)
    assert (made.name, made.deployment.account, made.deployment.warm) == ("other", OPERATOR.account, True)
    for _ in range(2):
        assert world.ask(model="other").choices[0].text == "other"
        world.restart()
    assert [model.name for model in world.run(m.ListModels())] == ["other", "qwen", "qwen-plus"]
    world.run(m.Undeploy(model="other"), OPERATOR)
    assert world.fault(m.Generate(model="other", ask=question())).kind is Kind.MISSING
    world.restart()
    assert world.fault(m.Generate(model="other", ask=question())).kind is Kind.MISSING


def test_a_secret_is_sealed_and_told_to_the_engine_alone(world: World) -> None:
    backends = (m.Backend(m.EngineKind.LOCAL, "/other", secret=SECRET), *local("/qwen"))
    assert SECRET not in repr(deploy(world, backends=backends))
    with world.store.view() as view:
        for key, row in view.scan(b"", b"\xff"):
            assert SECRET.encode() not in key + row
    world.restart()
    world.ask(model="other")
    assert world.engine.asked[-1][0].secret == SECRET
    for found in (world.run(m.GetModel(model="other"), OPERATOR), *world.run(m.ListModels())):
        assert {backend.secret for backend in found.deployment.backends} == {""}


def test_what_cannot_be_used_is_not_deployed(world: World) -> None:
    world.scripts["/broken"] = Script(refuses=Fault(Kind.INVALID, "model", "damaged"))
    for source in ("/broken", "/nowhere"):
        fault = world.fault(m.Deploy(model="new", backends=local(source)), OPERATOR)
        assert fault.noun == "model" and fault.kind in (Kind.INVALID, Kind.MISSING)
    assert [model.name for model in world.run(m.ListModels())] == ["qwen", "qwen-plus"]


@pytest.mark.parametrize(
    ("command", "kind", "noun"),
    [
        (m.Deploy(model="-", backends=local()), Kind.INVALID, "request"),
        (m.Deploy(model="new"), Kind.INVALID, "request"),
        (m.Deploy(model="new", base="qwen"), Kind.INVALID, "request"),
        (m.Deploy(model="new", base="qwen", adapter="/a", backends=local()), Kind.INVALID, "request"),
        (m.Deploy(model="new", base="none", adapter="/a"), Kind.INVALID, "model"),
        (m.Deploy(model="new", backends=local("relative")), Kind.INVALID, "request"),
        (m.Deploy(model="new", backends=local("http://far")), Kind.INVALID, "request"),
        (m.Deploy(model="new", backends=local("/a\0b")), Kind.INVALID, "request"),
        (m.Deploy(model="new", backends=local() * 17), Kind.INVALID, "request"),
        (m.Deploy(model="new", backends=local(), keep_s=-1), Kind.INVALID, "request"),
        (m.Deploy(model="qwen", backends=local(), replace=True), Kind.CONFLICT, "model"),
        (m.Deploy(model="qwen-plus", backends=local()), Kind.EXISTS, "model"),
        (m.Undeploy(model="qwen"), Kind.CONFLICT, "model"),
        (m.Undeploy(model="none"), Kind.MISSING, "model"),
        (m.Undeploy(model="qwen-plus"), Kind.MISSING, "model"),
        (m.SetModelAlias(model="none", alias="a"), Kind.MISSING, "model"),
        (m.SetModelAlias(model="qwen", alias=""), Kind.INVALID, "request"),
        (m.SetModelAlias(model="qwen", alias="qwen"), Kind.EXISTS, "alias"),
        (m.SetModelAlias(model="qwen-plus", alias=None), Kind.CONFLICT, "model"),
        (m.SetModelAlias(model="none", alias=None), Kind.MISSING, "alias"),
    ],
)
def test_what_makes_no_sense_is_refused(world: World, command: m.Command, kind: Kind, noun: str) -> None:
    world.scripts["/other"] = Script()
    fault = world.fault(command, OPERATOR)
    assert (fault.kind, fault.noun) == (kind, noun)


def test_a_name_is_taken_once(world: World) -> None:
    deploy(world)
    fault = world.fault(m.Deploy(model="other", backends=local()), OPERATOR)
    assert (fault.kind, fault.noun) == (Kind.EXISTS, "model")
    assert deploy(world, backends=local("/qwen"), replace=True).deployment.backends[0].source == "/qwen"
    assert world.ask(model="other").choices[0].text == "Hello, world"


def test_a_derivative_is_asked_with_its_adapter_and_holds_its_base(world: World) -> None:
    deploy(world)
    deploy(world, "lawyer", backends=(), base="other", adapter="/adapters/lawyer")
    world.ask(model="lawyer")
    assert (world.engine.asked[-1][0].source, world.engine.asked[-1][0].adapter) == ("/other", "/adapters/lawyer")
    assert world.fault(m.Undeploy(model="other"), OPERATOR).kind is Kind.CONFLICT
    assert world.fault(m.Deploy(model="third", base="lawyer", adapter="/b"), OPERATOR).noun == "model"
    world.run(m.Undeploy(model="lawyer"), OPERATOR)
    world.run(m.Undeploy(model="other"), OPERATOR)


def test_an_alias_stands_for_a_deployment_until_it_is_taken_away(world: World) -> None:
    deploy(world)
    world.run(m.SetModelAlias(model="other", alias="gpt-4o-mini"), OPERATOR)
    assert world.ask(model="gpt-4o-mini").choices[0].text == "other"
    world.run(m.SetModelAlias(model="qwen-plus", alias="gpt-4o-mini"), OPERATOR)  # now for what that one stands for
    world.restart()
    answer = world.ask(model="gpt-4o-mini")
    assert (answer.model, answer.deployment) == ("gpt-4o-mini", "qwen")
    assert world.run(m.GetModel(model="qwen")).aliases == ("gpt-4o-mini", "qwen-plus")
    world.run(m.SetModelAlias(model="gpt-4o-mini", alias=None), OPERATOR)
    assert world.fault(m.Generate(model="gpt-4o-mini", ask=question())).kind is Kind.MISSING
    world.run(m.SetModelAlias(model="other", alias="mine"), OPERATOR)
    world.run(m.Undeploy(model="other"), OPERATOR)
    assert world.fault(m.SetModelAlias(model="mine", alias=None), OPERATOR).noun == "alias"


def test_a_model_is_loaded_and_unloaded_when_told(world: World) -> None:
    loaded = world.run(m.LoadModel(model="qwen-plus"), OPERATOR)
    assert loaded.condition is not None and loaded.condition.standing is Standing.READY
    assert world.engine.loaded == ["/qwen"]
    unloaded = world.run(m.LoadModel(model="qwen", loaded=False), OPERATOR)
    assert unloaded.condition is not None and unloaded.condition.standing is Standing.COLD


def test_what_another_deployment_needs_stays_in_memory(world: World) -> None:
    deploy(world, "same", backends=local("/qwen"))
    deploy(world)
    for name in ("qwen", "other"):
        world.run(m.LoadModel(model=name), OPERATOR)
    world.run(m.Undeploy(model="same"), OPERATOR)
    world.run(m.Undeploy(model="other"), OPERATOR)
    assert world.engine.loaded == ["/qwen"]


def test_how_long_it_is_kept_is_told_to_the_engine(make_world: Callable[..., World]) -> None:
    world = make_world(brief=fixed("brief", "/qwen", keep_s=5))
    world.ask(model="brief")
    world.ask()
    assert [dict(model.settings) for model, _ in world.engine.asked] == [{"keep_s": 5}, {}]


def test_others_see_no_private_deployment(world: World) -> None:
    deploy(world, shared=False)
    assert world.fault(m.GetModel(model="other"), ALICE).kind is Kind.MISSING
    assert world.ask(model="other", caller=OPERATOR).choices[0].text == "other"
