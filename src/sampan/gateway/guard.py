"""May this caller run this command? One question, asked after the signature is verified and before the service runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sampan.kernel.caller import Caller
from sampan.kernel.command import Command
from sampan.kernel.fault import Fault, Kind

Owner = Callable[[str], str | None]
"""Tells the account that owns the thing at a path, or None when there is no such thing."""

# Making something is asked of the caller's own account: whether the name is taken is for the service to say, in its
# own words ("owned by somebody else" is a conflict there, and not a refusal).
_MAKING = frozenset({"objects:CreateBucket"})


class Guard:
    """Accounts are walls: a caller may do everything to what its own account owns, and nothing to anything else.

    `owners` tells the owners of each service's resources, by the first word of an action. Policies of users, roles and
    resources will be asked here as well, between the owner's "yes" and the refusal.
    """

    def __init__(self, owners: Mapping[str, Owner]) -> None:
        self._owners = owners

    def allow(self, caller: Caller, command: Command) -> None:
        """Return if every action on every path that the command touches is allowed. Raises Fault(DENIED, "action")."""
        known = ""  # a batch touches one bucket a thousand times: it is looked up once
        for action, path in command.touches():
            if caller.anonymous:
                raise _denied(action, path)
            container = path.partition("/")[0]
            if not container or container == known or action in _MAKING:
                continue
            owner = self._owners[action.partition(":")[0]](container)
            # What nobody owns does not exist: the service says so.
            if owner is not None and owner != caller.account:
                raise _denied(action, path)
            known = container


def _denied(action: str, path: str) -> Fault:
    return Fault(Kind.DENIED, "action", f"{action} is not allowed for this caller", action=action, path=path)
