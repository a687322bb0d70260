"""Refusals as sealed messages: whoever is refused can hand one on, and only who may read them can."""

from __future__ import annotations

import base64
import binascii
import json

from sampan.kernel.caller import Caller
from sampan.kernel.denial import Denial
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.names import Resource
from sampan.kernel.policy import Decision, Outcome, Principal
from sampan.services.identity.context import Context
from sampan.services.identity.model import DecodeDenial

MESSAGE_CHARS_MAX = 10_240  # what STS takes
VALUE_CHARS_MAX = 256
_ROW = b"denial"  # what messages are sealed for: they are in no row


def encode(context: Context, denial: Denial) -> str:
    """A message of letters, digits, - and _. What of the context has no room in it is left out."""
    told = {key: [value[:VALUE_CHARS_MAX] for value in values] for key, values in denial.context.items()}
    message = _sealed(context, denial, told)
    return message if len(message) <= MESSAGE_CHARS_MAX else _sealed(context, denial, {})


def _sealed(context: Context, denial: Denial, told: dict[str, list[str]]) -> str:
    principal, resource, decision = denial.principal, denial.resource, denial.decision
    fields = [
        [principal.kind, principal.account, principal.name, principal.session],
        denial.id,
        denial.action,
        [resource.service, resource.path[:VALUE_CHARS_MAX], resource.owner],
        [decision.outcome, decision.kind, decision.policy, decision.index, decision.sid],
        told,
    ]
    sealed = context.seal(json.dumps(fields, separators=(",", ":")), _ROW)
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


async def decode_denial(context: Context, caller: Caller, command: DecodeDenial) -> Denial:
    """Faults: INVALID "denial", also for what another account's caller was told."""
    found = _opened(context, command.message)
    if found is None or found.principal.account != caller.account:
        raise Fault(Kind.INVALID, "denial", "this is no message of a refusal of this account")
    return found


def _opened(context: Context, message: str) -> Denial | None:
    if len(message) > MESSAGE_CHARS_MAX or not message.isascii():
        return None
    try:
        sealed = base64.b64decode(message + "=" * (-len(message) % 4), altchars=b"-_", validate=True)
        principal, id_, action, resource, decision, told = json.loads(context.sealer.open(sealed, _ROW))
    except (binascii.Error, ValueError):
        return None
    # It was sealed here: what it holds is as it was written.
    outcome, *rest = decision
    values = {key: tuple(each) for key, each in told.items()}
    return Denial(Principal(*principal), id_, action, Resource(*resource), Decision(Outcome(outcome), *rest), values)
