"""The policy simulator: what policies would say, which statements decide, and what they would have liked to know."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn

from sampan.dialects.aws.iam import forms
from sampan.dialects.aws.wire import arns
from sampan.dialects.aws.wire.actions import ACTIONS
from sampan.dialects.aws.wire.policy import GRAMMAR
from sampan.dialects.aws.wire.service import Call, Done
from sampan.kernel import conditions
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.names import ACCOUNT_DIGITS, Resource
from sampan.kernel.policy import ANY, Outcome, Principal
from sampan.services.identity.model import (
    Document,
    EntityKind,
    EntityRef,
    GetContextKeys,
    MatchedStatement,
    Simulated,
    SimulatePolicies,
)

Shown = Mapping[str, Any]

_DECISIONS = {Outcome.ALLOWED: "allowed", Outcome.EXPLICIT: "explicitDeny", Outcome.IMPLICIT: "implicitDeny"}
_WORST = (Outcome.EXPLICIT, Outcome.IMPLICIT, Outcome.ALLOWED)
_INPUTS = {"input resource": "ResourcePolicy", "input boundary": "PermissionsBoundaryPolicyInputList.1"}
_SOURCE_TYPE = "IAM Policy"  # what AWS says of each, whatever its API reference promises
_UNDONE = ("PolicyExclusionList", "OrderedOrganizationPolicyInputList")


def _refuse(why: str) -> NoReturn:
    raise Fault(Kind.INVALID, "simulation", why)


# --- in ---------------------------------------------------------------------------------------------------------------


def _documents(call: Call) -> tuple[Document, ...]:
    return tuple(forms.document(text) for text in call.params.get("PolicyInputList", ()))


def _source(call: Call) -> EntityRef | None:
    """The entity whose policies are asked for; None where only documents are. Raises MISSING "user" ..."""
    text = call.params.get("PolicySourceArn")
    if text is None:
        return None
    parts = text.split(":", 5)
    kind, _, name = parts[-1].partition("/")
    if len(parts) != 6 or parts[2] != "iam" or kind not in tuple(EntityKind):
        _refuse(f"Invalid Entity Arn: {text[:256]} does not clearly define entity type and name.")
    name = name.rpartition("/")[2]
    if parts[4] != call.caller.account:
        raise Fault(Kind.MISSING, kind, name=name[:64])
    return EntityRef(EntityKind(kind), name)


def _bind_simulate(call: Call) -> SimulatePolicies:
    given = call.params
    for name in _UNDONE:
        if given.get(name):
            raise Fault(Kind.NOT_DONE, "operation", operation=f"A simulation with {name}")
    boundaries = [forms.document(text) for text in given.get("PermissionsBoundaryPolicyInputList", ())]
    if len(boundaries) > 1:
        _refuse("only one permissions boundary can be given")
    source, principal, policy = _source(call), _caller(call), given.get("ResourcePolicy")
    if policy is not None and principal is None and (source is None or source.kind is EntityKind.GROUP):
        _refuse("with a resource policy CallerArn must say who asks")
    owner = _owner(call)
    return SimulatePolicies(
        of=source,
        documents=_documents(call),
        boundary=boundaries[0] if boundaries else None,
        resource_policy=None if policy is None else forms.document(policy),
        actions=tuple(_tried(_action, text) for text in given["ActionNames"]),
        resources=tuple(_resource(text, owner) for text in given.get("ResourceArns") or ("*",)),
        principal=principal,
        asked=_context(call),
    )


def _action(text: str) -> frozenset[str]:
    if "*" in text or "?" in text:
        raise ValueError("an action's whole name is wanted")
    return ACTIONS.read(text)


def _tried(read: Callable[[str], Any], text: str) -> Any:
    try:
        return read(text)
    except ValueError as wrong:
        _refuse(f"{text[:128]}: {wrong}")


def _caller(call: Call) -> Principal | None:
    text = call.params.get("CallerArn")
    if text is None:
        return None
    found = _tried(arns.principal, text)
    if found.kind not in ("user", "role"):
        _refuse(f"{text[:128]} is not the ARN of a user or a role")
    return Principal(found.kind, found.account, found.name)


def _owner(call: Call) -> str:
    """The account that owns what names no owner, or ""."""
    text = call.params.get("ResourceOwner")
    if text is None:
        return ""
    number = str(text).removeprefix("arn:aws:iam::").removesuffix(":root")
    if len(number) != ACCOUNT_DIGITS or not number.isdecimal() or not number.isascii():
        _refuse(f"{text[:128]} is no account")
    return number


def _resource(text: str, owner: str) -> Resource:
    found = _tried(arns.resource, text)
    return Resource(found.service, found.path, owner if found.account == ANY else found.account)


def _context(call: Call) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for entry in call.params.get("ContextEntries", ()):
        name = entry.get("ContextKeyName", "")
        core = _tried(GRAMMAR.key, name)
        kind = entry.get("ContextKeyType", "string").removesuffix("List")
        values = tuple(GRAMMAR.keys.read_value(core, value) for value in entry.get("ContextKeyValues", ()))
        wrong = next((value for value in values if not _CHECKS.get(kind, _any)(value)), None)
        if wrong is not None:
            _refuse(f"{wrong[:64]} is no value of type {kind} for {name[:64]}")
        found[core] = tuple(value.lower() for value in values) if kind == "boolean" else values
    return found


def _any(_: str) -> bool:
    return True


_CHECKS: Mapping[str, Callable[[str], bool]] = {
    "boolean": lambda text: text.lower() in ("true", "false"),
    "numeric": lambda text: conditions.number(text) is not None,
    "date": lambda text: conditions.moment(text) is not None,
    "ip": conditions.is_network,
    "binary": conditions.is_base64,
}


# --- out --------------------------------------------------------------------------------------------------------------


def _keys(cores: Iterable[str]) -> list[str]:
    return sorted({GRAMMAR.keys.called(core) for core in cores})


def _render_keys(call: Call, cores: tuple[str, ...]) -> Shown:
    return {"ContextKeyNames": _keys(cores)}


def _render_simulated(call: Call, found: tuple[tuple[Simulated, ...], ...]) -> Shown:
    """A result for each action, in the order asked."""
    pairs = zip(call.params["ActionNames"], found, strict=True)
    rows = [(f"{index:06}", action, row) for index, (action, row) in enumerate(pairs)]
    page = forms.cut(call, rows, lambda row: row[0])
    return forms.listed("EvaluationResults", page, lambda row: _result(call, row[1], row[2]))


def _result(call: Call, action: str, found: Sequence[Simulated]) -> Shown:
    """Over all resources the worst counts; with one resource the two levels say the same."""
    resources = call.params.get("ResourceArns") or []
    outcome = next(each for each in _WORST if any(one.outcome is each for one in found))
    deciding = [match for one in found if one.outcome is outcome for match in one.matched]
    result = {
        "EvalActionName": action,
        "EvalResourceName": resources[0] if len(resources) == 1 else ANY,
        "EvalDecision": _DECISIONS[outcome],
        "MatchedStatements": [_statement(match) for match in dict.fromkeys(deciding)],
        "MissingContextValues": _keys(key for one in found for key in one.missing),
        **_bounded([one.boundary for one in found if one.boundary is not None]),
    }
    if resources and resources != [ANY]:
        pairs = zip(resources, found, strict=True)
        result["ResourceSpecificResults"] = [_specific(resource, one) for resource, one in pairs]
    return result


def _specific(resource: str, found: Simulated) -> Shown:
    return {
        "EvalResourceName": resource,
        "EvalResourceDecision": _DECISIONS[found.outcome],
        "MatchedStatements": [_statement(match) for match in found.matched],
        "MissingContextValues": _keys(found.missing),
        **_bounded([] if found.boundary is None else [found.boundary]),
    }


def _bounded(allowed: Sequence[bool]) -> Shown:
    if not allowed:
        return {}
    return {"PermissionsBoundaryDecisionDetail": {"AllowedByPermissionsBoundary": all(allowed)}}


def _statement(match: MatchedStatement) -> Shown:
    return {
        "SourcePolicyId": _policy_id(match.policy),
        "SourcePolicyType": _SOURCE_TYPE,
        "StartPosition": {"Line": match.start[0], "Column": match.start[1]},
        "EndPosition": {"Line": match.end[0], "Column": match.end[1]},
    }


def _policy_id(policy: str) -> str:
    """PolicyInputList.1 of what was given, user_ann_own of an entity's own policy, a managed one's name."""
    head, _, rest = policy.partition("/")
    if head in _INPUTS:
        return _INPUTS[head]
    if head.startswith("input."):
        return f"PolicyInputList.{head.removeprefix('input.')}"
    if head in tuple(EntityKind):
        entity, _, name = rest.partition(":")
        return f"{head}_{entity}_{name}"
    return policy.rpartition("/")[2]


def operations() -> dict[str, Done]:
    """IAM's operations that ask what policies say."""

    def keys(call: Call) -> GetContextKeys:
        return GetContextKeys(of=_source(call), documents=_documents(call))

    return {
        "SimulatePrincipalPolicy": Done(_bind_simulate, _render_simulated),
        "SimulateCustomPolicy": Done(_bind_simulate, _render_simulated),
        "GetContextKeysForPrincipalPolicy": Done(keys, _render_keys),
        "GetContextKeysForCustomPolicy": Done(keys, _render_keys),
    }
