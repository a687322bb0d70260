"""What policies would say of requests that nobody has made: the guard's own evaluator, with its reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sampan.kernel.caller import Caller
from sampan.kernel.document import items_at
from sampan.kernel.explain import Explanation, Policies, explain, keys_of, worst
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.names import Resource
from sampan.kernel.policy import Named, Principal, Purpose, Question, Statement
from sampan.kernel.ports import View
from sampan.services.identity import rows
from sampan.services.identity.context import Context, find_entity
from sampan.services.identity.holdings import boundary_of, documents_of, public_id
from sampan.services.identity.model import GetContextKeys, SimulatePolicies
from sampan.services.identity.values import Document, EntityKind, MatchedStatement, Simulated

QUESTIONS_MAX = 1000  # actions times resources: each is put to every statement, and that takes time
INPUT, INPUT_BOUNDARY, INPUT_RESOURCE = "input", "input boundary", "input resource"


async def get_context_keys(context: Context, caller: Caller, command: GetContextKeys) -> tuple[str, ...]:
    """Faults: MISSING "user" | "group" | "role", INVALID "simulation" for a document that is none."""
    read = [_read(context, caller.account, document) for document in command.documents]
    with context.store.view() as view:
        if command.of is not None:
            row = find_entity(view, caller.account, command.of)
            documents = documents_of(view, context, caller.account, row)
            read += [_read(context, caller.account, document) for _, document in documents]
    return tuple(sorted(keys_of(statement for statements in read for statement in statements)))


async def simulate_policies(
    context: Context, caller: Caller, command: SimulatePolicies
) -> tuple[tuple[Simulated, ...], ...]:
    """Faults: MISSING "user" | "group" | "role", INVALID "simulation" for what cannot be asked or is no policy."""
    if len(command.actions) * len(command.resources) > QUESTIONS_MAX:
        why = f"at most {QUESTIONS_MAX} pairs of an action and a resource are allowed"
        raise Fault(Kind.INVALID, "simulation", why)
    with context.store.view() as view:
        simulation = _Simulation(view, context, caller.account, command)
    return tuple(
        tuple(simulation.run(action, resource) for resource in command.resources) for action in command.actions
    )


class _Simulation:
    """The policies of one command, read, and who asks."""

    def __init__(self, view: View, context: Context, account: str, command: SimulatePolicies) -> None:
        self._context = context
        self._account = account
        documents = _inputs(command.documents)
        principal = Principal("user", account)
        known: dict[str, tuple[str, ...]] = {"account": (account,), "principal-kind": ("user",)}
        bound = None if command.boundary is None else (INPUT_BOUNDARY, command.boundary)
        if command.of is not None:
            row = find_entity(view, account, command.of)
            documents = documents_of(view, context, account, row) + documents
            bound = bound or boundary_of(view, context, account, row)
            if row.kind is not EntityKind.GROUP:
                principal = Principal(str(row.kind), account, row.name)
                known = _known(account, row)
        self._principal = command.principal or principal
        self._facts: Mapping[str, tuple[str, ...]] = {**known, **command.asked}
        self._texts = {name: document.text for name, document in documents}
        self._policies = Policies(
            [self._named(name, document) for name, document in documents],
            None if bound is None else [self._named(*bound)],
        )
        if command.resource_policy is not None:
            own = self._named(INPUT_RESOURCE, command.resource_policy, Purpose.RESOURCE)
            self._policies = replace(self._policies, resource=[own])

    def run(self, cores: frozenset[str], resource: Resource) -> Simulated:
        """One action on one resource."""
        questions = [Question(self._principal, core, resource, self._facts) for core in sorted(cores)]
        return self._told(worst([explain(question, self._policies) for question in questions]))

    def _named(self, name: str, document: Document, purpose: Purpose = Purpose.IDENTITY) -> Named:
        self._texts[name] = document.text
        return Named(name, _read(self._context, self._account, document, purpose))

    def _told(self, found: Explanation) -> Simulated:
        matched = []
        for match in found.matched:
            text = self._texts[match.policy]
            start, end = items_at(text, "Statement")[match.index]
            matched.append(MatchedStatement(match.kind, match.policy, _position(text, start), _position(text, end)))
        return Simulated(found.decision.outcome, tuple(matched), found.missing, found.boundary)


def _read(
    context: Context, account: str, document: Document, purpose: Purpose = Purpose.IDENTITY
) -> tuple[Statement, ...]:
    try:
        return context.read(document, purpose, account)
    except Fault as fault:
        where = f"{fault.why} (at {fault.facts.get('where') or 'the top'})" if fault.why else ""
        raise Fault(Kind.INVALID, "simulation", where or "a policy document is malformed") from None


def _inputs(documents: Sequence[Document]) -> list[tuple[str, Document]]:
    return [(f"{INPUT}.{number}", document) for number, document in enumerate(documents, 1)]


def _known(account: str, row: rows.EntityRow) -> dict[str, tuple[str, ...]]:
    """What conditions may ask of an entity that calls."""
    known: dict[str, tuple[str, ...]] = {"account": (account,), "principal-kind": (str(row.kind),)}
    if row.kind is EntityKind.USER:
        known |= {"username": (row.name,), "userid": (public_id(row),)}
    return known | {f"principal-tag/{name.lower()}": (value,) for name, value in row.tags.items()}


def _position(text: str, at: int) -> tuple[int, int]:
    """Line and column, from 1."""
    return text.count("\n", 0, at) + 1, at - (text.rfind("\n", 0, at) + 1) + 1
