"""Who there is and what they may, all at once: for those who audit an account."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from sampan.kernel.caller import Caller
from sampan.kernel.ports import View
from sampan.services.identity import attachments, instances, policies, rows
from sampan.services.identity.context import LIST_MAX, Context, shown
from sampan.services.identity.entities import last_used_ms, members
from sampan.services.identity.model import GetDetails
from sampan.services.identity.values import EntityDetails, EntityKind, Page, PolicyDetails

Details = EntityDetails | PolicyDetails
_ORDER = {EntityKind.USER: "1", EntityKind.GROUP: "2", EntityKind.ROLE: "3"}
_OWN, _CLOUDS = "4", "5"


async def get_details(context: Context, caller: Caller, command: GetDetails) -> Page[Details]:
    """Only what is on the page is looked at closely."""
    limit = max(1, min(command.limit, LIST_MAX))
    found: list[Details] = []
    last = ""
    with context.store.view() as view:
        for place, make in _listed(view, context, caller.account, command):
            if place <= command.after:
                continue
            if len(found) == limit:
                return Page(tuple(found), last)
            last = place
            found.append(make())
    return Page(tuple(found), None)


def _listed(
    view: View, context: Context, account: str, command: GetDetails
) -> Iterator[tuple[str, Callable[[], Details]]]:
    """Each by its place in the order of all, with what makes its details."""
    for kind, order in _ORDER.items():
        if kind in command.kinds:
            prefix = rows.entities(account, kind)
            for _, raw in view.scan(prefix, rows.after(prefix)):
                row = rows.decode_entity(raw)
                yield order + row.name.lower(), partial(_entity, view, context, account, row)
    if command.own:
        prefix = rows.policies(account)
        for _, raw in view.scan(prefix, rows.after(prefix)):
            policy = rows.decode_policy(raw)
            found = policies.Found(policy.path + policy.name, row=policy)
            yield _OWN + policy.name.lower(), partial(_policy, view, account, found)
    if command.clouds:
        for policy_id in sorted(context.provided):
            found = policies.Found(policy_id, provided=context.provided[policy_id])
            if policies.shown(view, account, found).attachments:
                yield _CLOUDS + policy_id, partial(_policy, view, account, found)


def _entity(view: View, context: Context, account: str, row: rows.EntityRow) -> EntityDetails:
    groups = members(view, account, row.id) if row.kind is EntityKind.USER else ()
    attached = attachments.attached(view, context, account, row.id)
    return EntityDetails(
        replace(shown(account, row), last_used_ms=last_used_ms(view, row)),
        attachments.inline(view, account, row.id),
        tuple(policies.shown(view, account, found) for found in attached),
        tuple(group.name for group in groups),
        instances.carrying(view, account, row.id) if row.kind is EntityKind.ROLE else (),
    )


def _policy(view: View, account: str, found: policies.Found) -> PolicyDetails:
    return PolicyDetails(policies.shown(view, account, found), policies.versions(view, account, found))
