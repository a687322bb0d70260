"""What the functions of this service work with."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sampan.kernel.asking import Abilities
from sampan.kernel.budget import Budget, Limiter
from sampan.kernel.caller import Caller
from sampan.kernel.command import Command
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.ports import Blobs, Chance, Clock, Digests, Engine, Sealer, Store
from sampan.kernel.remembered import Remembered
from sampan.services.inference import rows
from sampan.services.inference.doors import Door
from sampan.services.inference.health import Health
from sampan.services.inference.lately import Lately
from sampan.services.inference.pending import Pending
from sampan.services.inference.values import Alias, Deployment, EngineKind, Logging

NAMES_REMEMBERED_MAX = 1024  # about 1 MB
TASKS_AT_ONCE = 64  # in a process
ABILITIES_KEPT_MS = 60_000  # a folder's files may be replaced, an upstream's model, too


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The ports, who runs this Sampan (`operator`: an account), and what its configuration says of models.

    `fixed` are deployments and `fixed_aliases` aliases by name; no command changes them.
    """

    store: Store
    blobs: Blobs
    clock: Clock
    chance: Chance
    digests: Digests
    sealer: Sealer
    engines: Mapping[EngineKind, Engine]
    limiter: Limiter
    operator: str
    log: logging.Logger
    doors: Mapping[str, Door] = field(default_factory=dict)
    allow: Callable[[Caller, Command], None] = lambda caller, command: None
    """Asks the guard, as it is asked of a request. Raises Fault(DENIED, "action"), or what the guard raises."""
    fixed: Mapping[str, Deployment] = field(default_factory=dict)
    fixed_aliases: Mapping[str, str] = field(default_factory=dict)
    health: Health = field(default_factory=Health)
    abilities: Lately[Abilities] = field(default_factory=lambda: Lately(ABILITIES_KEPT_MS))
    """What backends' models can do, by `backends.Place.key`."""
    pending: Pending = field(default_factory=Pending)
    tasks: dict[str, tuple[str, asyncio.Task[None]]] = field(default_factory=dict)
    """The tasks that run in this process, by id, with their accounts."""
    task_places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(TASKS_AT_ONCE))
    deployments: Remembered[Deployment] = field(init=False)
    """Deployments by the key of their row, as of now."""
    aliases: Remembered[Alias] = field(init=False)
    """Aliases, likewise."""
    quotas: Remembered[Mapping[tuple[str, str, str], Budget]] = field(init=False)
    """What `rows.QUOTAS` says."""
    logged: Remembered[Logging] = field(init=False)
    """What `rows.LOGGING` says."""

    def __post_init__(self) -> None:
        deployments = Remembered(
            self.store, lambda key, raw: rows.decode_deployment(key, raw, self.sealer), NAMES_REMEMBERED_MAX
        )
        aliases = Remembered(self.store, lambda _, raw: rows.decode_alias(raw), NAMES_REMEMBERED_MAX)
        object.__setattr__(self, "deployments", deployments)
        object.__setattr__(self, "aliases", aliases)
        object.__setattr__(self, "quotas", Remembered(self.store, lambda _, raw: rows.budgets(raw), 1))
        object.__setattr__(self, "logged", Remembered(self.store, lambda _, raw: rows.decode_logging(raw), 1))

    def fresh_id(self, prefix: str, now_ms: int) -> str:
        """An id that nobody can guess, and by which what was made later sorts later."""
        return f"{prefix}{rows.time_id(now_ms, self.chance.token(10))}"

    def check_operator(self, caller: Caller, action: str) -> None:
        """Raises Fault(DENIED, "action") for whoever does not belong to the account that runs this Sampan."""
        if caller.account != self.operator:
            why = f"{action} is for the account that runs this Sampan"
            raise Fault(Kind.DENIED, "action", why, action=action, path="", by="operator")
