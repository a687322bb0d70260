"""May this caller run this command? One question, asked after the signature is verified and before the service runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType

from sampan.gateway.http import Request
from sampan.kernel.caller import Caller
from sampan.kernel.command import Command
from sampan.kernel.denial import Denial
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.names import Resource
from sampan.kernel.policy import Decision, Effect, Outcome, Owned, Principal, Question, Standing, decide

Facts = Mapping[str, tuple[str, ...]]
Resources = Callable[[Caller, Command, str], Owned | None]
"""Tells what is at a path that a command touches, or None when there is no such thing."""
Standings = Callable[[Caller], Standing]
"""Tells what a caller is to policies. Raises Fault(MISSING, "key") if it is no more."""

# Making something is asked of the caller's own account: whether the name is taken is for the service to say, in its
# own words ("owned by somebody else" is a conflict there, and not a refusal).
_MAKING = frozenset({"objects:CreateBucket"})
_NOBODYS = Owned("")
_NO_FACTS: Facts = MappingProxyType({})


def roots_and_nobody(caller: Caller) -> Standing:
    """The standings where there are no users and roles: each caller is its account's root, or nobody."""
    return Standing(Principal("anonymous" if caller.anonymous else "root", caller.account))


def facts_of(request: Request, now: Callable[[], int]) -> Facts:
    """The values of the condition keys that a request itself answers. `now` is in milliseconds."""
    now_ms = now()
    facts = {
        "source-ip": (request.client,),
        "secure": ("true" if request.scheme == "https" else "false",),
        "time": (datetime.fromtimestamp(now_ms / 1000, UTC).isoformat(),),
        "epoch": (str(now_ms // 1000),),
    }
    for key in ("user-agent", "referer"):
        if key in request.headers:
            facts[key] = (request.headers[key],)
    return facts


class Guard:
    """Asks the policies: the caller's own, and those of what it wants to touch.

    A root may do everything to what its own account owns, and nobody may do anything to what is another account's,
    unless policies say so. Who came with a key of some scope may do nothing beyond it. `resources` tells what paths
    are, by the first word of an action, `standings` what callers are. `used` takes note of who called, and which
    service. `told` seals what is known of a refusal.
    """

    def __init__(
        self,
        resources: Mapping[str, Resources],
        standings: Standings = roots_and_nobody,
        used: Callable[[Caller, str], None] = lambda caller, service: None,
        told: Callable[[Denial], str] = lambda denial: "",
    ) -> None:
        self._resources = resources
        self._standings = standings
        self._used = used
        self._told = told

    def allow(
        self, caller: Caller, command: Command, facts: Callable[[], Facts] = dict, owners: Sequence[str] = ()
    ) -> None:
        """Return if every action on every path that the command touches is allowed. Raises Fault(DENIED, "action").

        `facts` gives what the request says for conditions; it is asked only if policies are. `owners` are the accounts
        that the request wants the things touched to belong to, in their order; "" for no matter which.
        """
        if caller.key_id:
            self._used(caller, command.action.partition(":")[0])
        known, owned = "", _NOBODYS  # a batch touches one bucket a thousand times: it is looked up once
        standing: Standing | None = None
        context: Facts = {}
        pairs = list(command.touches())
        for index, (action, path) in enumerate(pairs):  # which may grow on the way
            service = action.partition(":")[0]
            if caller.scope and service not in caller.scope:
                raise self._denied(caller, action, Resource(service, path), Decision(Outcome.IMPLICIT, "scope"))
            container = path.partition("/")[0]
            if action in _MAKING:
                known, owned = container, _NOBODYS
            elif not container or container != known:
                # What nobody owns does not exist: who may touch it hears so from the service.
                known, owned = container, self._resources[service](caller, command, path) or _NOBODYS
            if index < len(owners) and owners[index] and owned.owner not in ("", owners[index]):
                resource = Resource(service, path, owned.owner)
                raise self._denied(caller, action, resource, Decision(Outcome.EXPLICIT, "owner"))
            if caller.kind == "root" and owned.policy is None and owned.owner in ("", caller.account):
                continue
            if standing is None:
                standing = self._standings(caller)
                context = {**command.context(), **facts(), **standing.context}
            this = owned if owned.each is None else owned.each(action, path)
            resource = Resource(service, path if this.path is None else this.path, this.owner)
            decision = _decided(standing, this, action, resource, context)
            if not decision.allowed:
                principal = this.principal or standing.principal
                raise self._denied(caller, action, resource, decision, principal, {**context, **this.context})
            if this.also:
                pairs += [pair for pair in this.also if pair not in pairs]

    def _denied(
        self,
        caller: Caller,
        action: str,
        resource: Resource,
        decision: Decision,
        principal: Principal | None = None,
        context: Facts = _NO_FACTS,
    ) -> Fault:
        """The refusal with all that a dialect may say of it; the fact `told` is the same, sealed."""
        asker = principal or Principal(caller.kind, caller.account, caller.principal, caller.session)
        denial = Denial(asker, caller.id, action, resource, decision, context)
        return Fault(
            Kind.DENIED,
            "action",
            f"{action} is not allowed for this caller",
            action=action,
            path=resource.path,
            outcome=str(decision.outcome),
            by=decision.kind,
            denial=denial,
            told=self._told(denial),
        )


def _decided(standing: Standing, owned: Owned, action: str, resource: Resource, context: Facts) -> Decision:
    if owned.free and standing.principal.kind != "anonymous":
        return Decision(Outcome.ALLOWED, "free")
    if owned.context:
        context = {**context, **owned.context}
    # Who is not who signed has nothing of the signer's, either.
    principal, held = (standing.principal, standing.held) if owned.principal is None else (owned.principal, None)
    question = Question(principal, action, resource, context)
    if owned.required and (owned.policy is None or owned.policy.match(question, Effect.ALLOW) is None):
        return Decision(Outcome.IMPLICIT, "resource")
    return decide(question, held, owned.policy)
