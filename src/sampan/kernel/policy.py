"""Policies, in words of no vendor, and the one evaluator for all of them.

A statement says: for these actions on these resources, if these conditions hold, allow or deny. The languages of the
clouds are read into this form (by the dialects' families), so that a statement written for IAM and one written for RAM
are the same statement. Pure: the same question to the same policies has the same answer.

Sources: AWS IAM User Guide, "Policy evaluation logic"; Alibaba Cloud RAM, "Policy evaluation process". Where they
differ RAM's has fewer kinds of policy, so IAM's order serves both.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from sampan.kernel import wildcard
from sampan.kernel.conditions import Condition, holds, substitute
from sampan.kernel.names import Resource

ANY = "*"


class Effect(enum.StrEnum):
    """What a statement does where it applies."""

    ALLOW = "allow"
    DENY = "deny"


class Outcome(enum.StrEnum):
    """`IMPLICIT` and `EXPLICIT` are refusals: nothing allowed it, or a statement denied it."""

    ALLOWED = "allowed"
    IMPLICIT = "implicit deny"
    EXPLICIT = "explicit deny"


@dataclass(frozen=True, slots=True)
class ResourcePattern:
    """Resources by service, owner's account and path, each with the wildcards * and ?. A path may hold variables."""

    service: str
    account: str
    path: str


@dataclass(frozen=True, slots=True)
class PrincipalPattern:
    """Who a statement of a resource's or a trust policy speaks of.

    `kind`: "any" (everybody, also the anonymous), "account" (everybody of an account, as far as that account's own
    policies let them), "user", "role", "session" (of a role: `name` is role/session), "service", "federated".
    """

    kind: str
    account: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """`actions` are core actions ("objects:GetObject"), or ANY; `but_actions` turns them around (NotAction), and the
    same for resources and principals. `principals` None: the statement is for whom the policy is attached to."""

    effect: Effect
    actions: frozenset[str]
    resources: tuple[ResourcePattern, ...]
    conditions: tuple[Condition, ...] = ()
    principals: tuple[PrincipalPattern, ...] | None = None
    but_actions: bool = False
    but_resources: bool = False
    but_principals: bool = False
    sid: str = ""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. `kind`: "root", "user", "role" (then `session` is set), "federated", "anonymous", "service"."""

    kind: str
    account: str
    name: str = ""
    session: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """May `principal` do `action` on `resource`? `context` holds the values of condition keys, by core name.

    `itself`: only a statement that names the principal itself counts, and not one that leaves it to its account.
    """

    principal: Principal
    action: str
    resource: Resource
    context: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    itself: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """`policy` and `index` name the statement that decided (None: no statement did). `kind` is its policy's kind."""

    outcome: Outcome
    kind: str = ""
    policy: str = ""
    index: int | None = None
    sid: str = ""

    @property
    def allowed(self) -> bool:
        return self.outcome is Outcome.ALLOWED


@dataclass(frozen=True, slots=True)
class Named:
    """Statements under the name of their policy, by which a decision is explained."""

    name: str
    statements: tuple[Statement, ...]


class Ruleset(Protocol):
    """Some policies, taken together."""

    def match(self, question: Question, effect: Effect) -> tuple[str, int, str] | None:
        """A statement of that effect that applies: its policy's name, its place in it, and its sid."""
        ...


@dataclass(frozen=True, slots=True)
class Held:
    """All that bears on one caller. `boundary` and `sessions` limit what `identity` allows, if they are there at all:
    a session policy allows nothing by itself."""

    identity: Ruleset
    boundary: Ruleset | None = None
    sessions: Sequence[Ruleset] = ()


def decide(question: Question, held: Held | None, resource: Ruleset | None = None) -> Decision:
    """The answer. `held` None is a caller without policies (anonymous); `resource` is the resource's own policy.

    In order: any deny that applies; then, within one account, an allow of the resource's policy that names the caller
    itself, or of the caller's policies within its limits; across accounts both are needed. The root of the resource's
    own account needs no policy.
    """
    denied = _denial(question, held, resource)
    if denied is not None:
        return denied
    by_resource = _found(Outcome.ALLOWED, "resource", resource, question, Effect.ALLOW)
    principal = question.principal
    owner = question.resource.owner
    own = owner in ("", principal.account) and principal.kind != "anonymous"
    if own and principal.kind == "root" and not (held and held.sessions):
        return Decision(Outcome.ALLOWED, "root")
    by_identity = _by_identity(question, held)
    if own:
        if by_identity is not None and by_identity.allowed:
            return by_identity
        # What the policy leaves to the account ("account"), the account's own policies have just left undone.
        by_name = by_resource and _found(
            Outcome.ALLOWED, "resource", resource, replace(question, itself=True), Effect.ALLOW
        )
        if by_name is not None and not _limited(question, held):
            return by_name
        return by_identity or Decision(Outcome.IMPLICIT)
    if by_resource is None:
        return Decision(Outcome.IMPLICIT, "resource")
    if principal.kind == "anonymous":
        return by_resource
    if principal.kind == "root" or (by_identity is not None and by_identity.allowed):
        return by_resource
    return by_identity or Decision(Outcome.IMPLICIT, "identity")


def _denial(question: Question, held: Held | None, resource: Ruleset | None) -> Decision | None:
    layers: list[tuple[str, Ruleset | None]] = [("resource", resource)]
    if held is not None:
        layers += [("identity", held.identity), ("boundary", held.boundary)]
        layers += [("session", session) for session in held.sessions]
    for kind, rules in layers:
        found = _found(Outcome.EXPLICIT, kind, rules, question, Effect.DENY)
        if found is not None:
            return found
    return None


def _by_identity(question: Question, held: Held | None) -> Decision | None:
    """What the caller's own policies, boundary and session policies say together."""
    if held is None:
        return None
    if question.principal.kind == "root":
        allowed: Decision | None = Decision(Outcome.ALLOWED, "root")
    else:
        allowed = _found(Outcome.ALLOWED, "identity", held.identity, question, Effect.ALLOW)
    if allowed is None:
        return Decision(Outcome.IMPLICIT, "identity")
    limit = _limited(question, held)
    return Decision(Outcome.IMPLICIT, limit) if limit else allowed


def _limited(question: Question, held: Held | None) -> str:
    """The kind of limit that does not let this through, or ""."""
    if held is None:
        return ""
    if held.boundary is not None and held.boundary.match(question, Effect.ALLOW) is None:
        return "boundary"
    if any(session.match(question, Effect.ALLOW) is None for session in held.sessions):
        return "session"
    return ""


def _found(outcome: Outcome, kind: str, rules: Ruleset | None, question: Question, effect: Effect) -> Decision | None:
    found = rules.match(question, effect) if rules is not None else None
    return None if found is None else Decision(outcome, kind, *found)


# --- does a statement apply? Slow and obvious; `ruleset` is fast and must agree ---------------------------------------


def applies(statement: Statement, question: Question) -> bool:
    """Whether the statement speaks of the question at all."""
    return (
        action_matches(statement, question.action)
        and principal_matches(statement, question)
        and resource_matches(statement, question)
        and all(holds(condition, question.context) for condition in statement.conditions)
    )


def action_matches(statement: Statement, action: str) -> bool:
    """Whether the statement speaks of the action."""
    named = ANY in statement.actions or action in statement.actions
    return named != statement.but_actions


def resource_matches(statement: Statement, question: Question) -> bool:
    """Whether the statement speaks of the resource, its variables replaced."""
    named = any(_resource_matches(pattern, question) for pattern in statement.resources)
    return named != statement.but_resources


def _resource_matches(pattern: ResourcePattern, question: Question) -> bool:
    resource = question.resource
    if pattern.service not in (ANY, resource.service):
        return False
    # What nobody owns yet is made for the caller.
    owner = resource.owner or question.principal.account
    if pattern.account != ANY and owner and not wildcard.matches(pattern.account, owner):
        return False
    return wildcard.matches(substitute(pattern.path, question.context), resource.path)


def principal_matches(statement: Statement, question: Question) -> bool:
    """Whether the statement speaks of who asks; one without principals is for whom it is attached to."""
    if statement.principals is None:
        return True
    named = any(
        _is(pattern, question.principal)
        for pattern in statement.principals
        if not (question.itself and pattern.kind == "account" and question.principal.kind != "root")
    )
    return named != statement.but_principals


def _is(pattern: PrincipalPattern, principal: Principal) -> bool:
    if pattern.kind == "any":
        return True
    if pattern.account not in (ANY, principal.account):
        return False
    if pattern.kind == "account":
        return principal.kind not in ("anonymous", "service")
    if pattern.kind == "session":
        return principal.kind == "role" and f"{principal.name}/{principal.session}" == pattern.name
    return principal.kind == pattern.kind and principal.name == pattern.name


@dataclass(frozen=True, slots=True)
class Plain:
    """A Ruleset that looks at every statement: the reference that the fast one is tested against."""

    policies: Iterable[Named]

    def match(self, question: Question, effect: Effect) -> tuple[str, int, str] | None:
        for policy in self.policies:
            for index, statement in enumerate(policy.statements):
                if statement.effect is effect and applies(statement, question):
                    return policy.name, index, statement.sid
        return None


# --- the two sides of a question --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Standing:
    """A caller as its policies see it. `context` holds what conditions may ask of the caller."""

    principal: Principal
    held: Held | None = None
    context: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Owned:
    """A resource as its service knows it: whose it is, and its own policy.

    `required`: that policy must allow, whatever the caller's own say (a role's trust policy). `path`, where a command
    names the resource by way of its caller ("my own user"). `free`: whoever can sign may, whatever policies say.
    `context` gives what conditions may ask of the resource, and `principal` who asks, where that is not who signed (the
    holder of a token).

    `each` tells of one thing inside, by action and path, where that makes a difference: an object with an ACL of its
    own. It is asked only if policies are. `also` are the actions and paths that this one takes besides: what it leads
    to (the target of a link), or brings along (the tags of what is copied).
    """

    owner: str
    policy: Ruleset | None = None
    required: bool = False
    free: bool = False
    path: str | None = None
    context: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    principal: Principal | None = None
    each: Callable[[str, str], Owned] | None = None
    also: tuple[tuple[str, str], ...] = ()


# --- languages --------------------------------------------------------------------------------------------------------


class Purpose(enum.StrEnum):
    """What a document is for: it decides what must and may be in it."""

    IDENTITY = "identity"  # attached to a user, group or role; a boundary; a session policy
    RESOURCE = "resource"  # a bucket's
    TRUST = "trust"  # who may assume a role


class Reader(Protocol):
    """One cloud's policy language."""

    def read(self, text: str, purpose: Purpose, account: str) -> tuple[Statement, ...]:
        """The statements of a document of `account`. Raises Fault(INVALID | TOO_LARGE, "policy document"), its fact
        `where` a JSON pointer to the place ("/Statement/0/Action")."""
        ...
