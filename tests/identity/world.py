"""Identity, objects and the guard together, over a Store in memory, with a policy language made for tests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from sampan.engines.blobs_memory import MemoryBlobs
from sampan.engines.clock_system import SystemChance
from sampan.engines.digests import LibraryDigests
from sampan.engines.sealer import AesSealer
from sampan.engines.store_memory import MemoryStore
from sampan.gateway import contract
from sampan.gateway.guard import Guard
from sampan.kernel.caller import ANONYMOUS, Caller
from sampan.kernel.command import Command
from sampan.kernel.conditions import Condition
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.policy import Effect, PrincipalPattern, Purpose, ResourcePattern, Statement
from sampan.services.identity import model as im
from sampan.services.identity.service import Identity
from sampan.services.objects import model as om
from sampan.services.objects.service import Objects

START_MS = 1_800_000_000_000
SEALER = AesSealer(bytes(range(32)))


class Clock:
    def __init__(self) -> None:
        self.ms = START_MS

    def now_ms(self) -> int:
        return self.ms


class PlainReader:
    """Reads statements written in the core's own words: a JSON list of objects, as `say` writes them."""

    def read(self, text: str, purpose: Purpose, account: str) -> tuple[Statement, ...]:
        try:
            statements = json.loads(text)
        except ValueError:
            raise Fault(Kind.INVALID, "policy document", "no JSON", where="") from None
        return tuple(_statement(statement, purpose) for statement in statements)


def _statement(said: Mapping[str, Any], purpose: Purpose) -> Statement:
    pairs = [path.partition(":") for path in said["on"]]
    resources = tuple(ResourcePattern(service, "*", path) for service, _, path in pairs)
    principals = tuple(PrincipalPattern(*who.split(":")) for who in said["who"]) if "who" in said else None
    assert (principals is None) == (purpose is Purpose.IDENTITY)
    conditions = tuple(Condition(operator, key, tuple(values)) for operator, key, values in said.get("if", ()))
    return Statement(Effect(said["effect"]), frozenset(said["do"]), resources, conditions, principals)


def say(*statements: Mapping[str, Any], language: im.Language = im.Language.IAM) -> im.Document:
    """A policy."""
    return im.Document(language, json.dumps(statements))


def allow(*actions: str, on: str = "*:*", effect: str = "allow", **more: Any) -> dict[str, Any]:
    """A statement; `who` and `if_` are its principals and conditions."""
    said: dict[str, Any] = {"effect": effect, "do": actions, "on": [on]}
    if "who" in more:
        said["who"] = more["who"]
    if "if_" in more:
        said["if"] = more["if_"]
    return said


def deny(*actions: str, on: str = "*:*", **more: Any) -> dict[str, Any]:
    return allow(*actions, on=on, effect="deny", **more)


class World:
    """One Sampan. `act` is the way of a request: key, guard, service."""

    def __init__(self, store: Any = None) -> None:
        self.store = store if store is not None else MemoryStore()
        self.clock = Clock()
        self.chance = SystemChance()
        self.blobs = MemoryBlobs(self.chance)
        self.other = self.worker()
        self.identity, self.objects, self.guard = self.worker()

    def worker(self) -> tuple[Identity, Objects, Guard]:
        """One more worker over the same Store, with memories of its own."""
        readers = {language: PlainReader() for language in im.Language}
        identity = Identity(self.store, self.clock, self.chance, SEALER, readers, PROVIDED)
        homes = {"aws": "us-east-1", "aliyun": "cn-hangzhou"}
        objects = Objects(self.store, self.blobs, self.clock, self.chance, LibraryDigests(), homes, readers)
        return identity, objects, Guard({"objects": objects.owned, "identity": identity.owned}, identity.standing)

    def caller(self, key_id: str | None) -> Caller:
        if key_id is None:
            return ANONYMOUS
        key = self.identity.find(key_id)
        assert key is not None, key_id
        return key.caller

    def act(self, key_id: str | None, command: Command, facts: Callable[[], Any] = dict) -> Any:
        """Run a command as the holder of a key. Raises Fault."""
        caller = self.caller(key_id)
        self.guard.allow(caller, command, facts)
        handlers = {**self.identity.handlers, **self.objects.handlers}
        return run(handlers[type(command)](caller, command))

    def may(self, key_id: str | None, command: Command, facts: Callable[[], Any] = dict) -> bool:
        """Whether the guard lets a command through, in this worker; and the other worker says the same."""
        caller, said = self.caller(key_id), []
        for guard in (self.guard, self.other[2]):
            try:
                guard.allow(caller, command, facts)
                said.append(True)
            except Fault as fault:
                assert (fault.kind, fault.noun) in {(Kind.DENIED, "action"), (Kind.MISSING, "key")}, fault
                said.append(False)
        assert said[0] == said[1], "two workers disagree"
        return said[0]

    # --- short words --------------------------------------------------------------------------------------------------

    def account(self, name: str) -> im.IssuedKey:
        return run(self.identity.handlers[im.CreateAccount](ANONYMOUS, im.CreateAccount(name=name)))

    def user(self, root: str, name: str, *statements: Mapping[str, Any]) -> str:
        """A user with one policy of its own; -> the id of its key."""
        ref = im.EntityRef(im.EntityKind.USER, name)
        self.act(root, im.CreateEntity(ref=ref))
        if statements:
            self.act(root, im.PutInlinePolicy(ref=ref, name="own", document=say(*statements)))
        return self.act(root, im.CreateAccessKey(user=name, form="AKIA")).key_id

    def role(self, root: str, name: str, who: list[str], *statements: Mapping[str, Any], **more: Any) -> None:
        """A role that `who` may assume, with one policy of its own."""
        ref = im.EntityRef(im.EntityKind.ROLE, name)
        trust = say(allow("identity:AssumeRole", "identity:AssumeRoleWithToken", who=who, **more))
        self.act(root, im.CreateEntity(ref=ref, trust=trust))
        if statements:
            self.act(root, im.PutInlinePolicy(ref=ref, name="own", document=say(*statements)))


PROVIDED = (
    im.Provided("aws", "/", "AdministratorAccess", say(allow("*"))),
    im.Provided("aliyun", "/", "AliyunOSSReadOnlyAccess", say(allow("objects:GetObject"))),
)


def run(action: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(action)


def refused(act: Callable[[], Any]) -> tuple[Kind, str]:
    """The fault that comes of it, which must be one that the service lists."""
    try:
        act()
    except Fault as fault:
        assert (fault.kind, fault.noun) in im.FAULTS | om.FAULTS | contract.FAULTS, fault
        return fault.kind, fault.noun
    raise AssertionError("it was allowed")
