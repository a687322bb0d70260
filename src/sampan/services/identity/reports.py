"""What everybody of an account proves itself with: the credential report."""

from __future__ import annotations

from sampan.kernel.caller import Caller
from sampan.kernel.ports import View
from sampan.services.identity import rows, settings
from sampan.services.identity.context import ROOT, Context, shown
from sampan.services.identity.entities import root_of
from sampan.services.identity.model import ReportCredentials
from sampan.services.identity.passwords import DAY_MS
from sampan.services.identity.values import AccessKey, CredentialReport, Entity, EntityKind, KeyUse, UserCredentials


async def report_credentials(context: Context, caller: Caller, command: ReportCredentials) -> CredentialReport:
    """As it is now."""
    account = caller.account
    with context.store.view() as view:
        policy = settings.of(view, account).passwords
        days_max = policy.days_max if policy is not None else 0
        prefix = rows.device(account)
        devices = [rows.decode_device(raw).user for _, raw in view.scan(prefix, rows.after(prefix))]
        found = [_of(view, root_of(view, account), "", days_max, "" in devices)]
        prefix = rows.entities(account, EntityKind.USER)
        for _, raw in view.scan(prefix, rows.after(prefix)):
            row = rows.decode_entity(raw)
            found.append(_of(view, shown(account, row), row.id, days_max, row.id in devices))
    return CredentialReport(context.clock.now_ms(), tuple(found))


def _of(view: View, user: Entity, self_id: str, days_max: int, mfa: bool) -> UserCredentials:
    raw = view.get(rows.profile(user.account, self_id)) if self_id else None
    profile = rows.decode_profile(raw) if raw is not None else None
    password_ms = None if profile is None else profile.set_ms or profile.created_ms
    rotate_ms = None if password_ms is None or not days_max else password_ms + days_max * DAY_MS
    return UserCredentials(user, password_ms, rotate_ms, mfa, tuple(_keys(view, user, self_id)))


def _keys(view: View, user: Entity, self_id: str) -> list[tuple[AccessKey, KeyUse]]:
    prefix = rows.keys_of(user.account, self_id)
    found = []
    for where, _ in view.scan(prefix, rows.after(prefix)):
        key_id = rows.key_id_of(where, prefix)
        raw, used = view.get(rows.key(key_id)), view.get(rows.use(key_id))
        if raw is None:
            continue
        row, name = rows.decode_key(raw), user.name or ROOT
        use = KeyUse(name, None)
        if used is not None:
            last = rows.decode_use(used)
            use = KeyUse(name, last.used_ms, last.service, last.region)
        found.append((AccessKey(key_id, name, row.active, row.created_ms), use))
    return found
