"""The service `identity`: which function runs which command, the Keyring of all dialects, and what callers may do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from sampan.kernel.caller import ApiKey, Caller, Key
from sampan.kernel.command import Command, Handlers
from sampan.kernel.denial import Denial
from sampan.kernel.fault import Fault
from sampan.kernel.policy import Held, Owned, Reader, Standing
from sampan.kernel.ports import Chance, Clock, Sealer, Store
from sampan.services.identity import (
    accounts,
    api_keys,
    attachments,
    denials,
    details,
    entities,
    instances,
    keys,
    mfa,
    model,
    passwords,
    policies,
    providers,
    reports,
    rows,
    sessions,
    settings,
    simulation,
    targets,
)
from sampan.services.identity.api_keys import Bearers
from sampan.services.identity.context import ROOT as ROOT
from sampan.services.identity.context import ROOT_ACCOUNT as ROOT_ACCOUNT
from sampan.services.identity.context import Context
from sampan.services.identity.holdings import Holdings
from sampan.services.identity.keys import Keys

FLUSH_S = 5  # how often the last uses of keys are written

COMMANDS: dict[type[Command], Callable[..., Awaitable[Any]]] = {
    model.CreateAccount: accounts.create_account,
    model.CreateKey: accounts.create_key,
    model.ListAccounts: accounts.list_accounts,
    model.SetAlias: accounts.set_alias,
    model.GetAlias: accounts.get_alias,
    model.GetDetails: details.get_details,
    model.GetSummary: accounts.get_summary,
    model.CreateEntity: entities.create_entity,
    model.GetEntity: entities.get_entity,
    model.UpdateEntity: entities.update_entity,
    model.DeleteEntity: entities.delete_entity,
    model.ListEntities: entities.list_entities,
    model.SetBoundary: entities.set_boundary,
    model.TagEntity: entities.tag_entity,
    model.SetMember: entities.set_member,
    model.ListMembers: entities.list_members,
    model.CreateAccessKey: keys.create_access_key,
    model.ListAccessKeys: keys.list_access_keys,
    model.SetAccessKey: keys.set_access_key,
    model.DeleteAccessKey: keys.delete_access_key,
    model.GetAccessKeyUse: keys.get_access_key_use,
    model.ReportCredentials: reports.report_credentials,
    model.GetKeyAccount: keys.get_key_account,
    model.CreateApiKey: api_keys.create_api_key,
    model.ListApiKeys: api_keys.list_api_keys,
    model.UpdateApiKey: api_keys.update_api_key,
    model.ResetApiKey: api_keys.reset_api_key,
    model.DeleteApiKey: api_keys.delete_api_key,
    model.PutLoginProfile: passwords.put_login_profile,
    model.GetLoginProfile: passwords.get_login_profile,
    model.DeleteLoginProfile: passwords.delete_login_profile,
    model.ChangePassword: passwords.change_password,
    model.GetPasswordPolicy: settings.get_settings,
    model.SetPasswordPolicy: settings.set_password_policy,
    model.GetPreferences: settings.get_settings,
    model.SetPreferences: settings.set_preferences,
    model.CreateMfaDevice: mfa.create_mfa_device,
    model.BindMfaDevice: mfa.bind_mfa_device,
    model.UnbindMfaDevice: mfa.unbind_mfa_device,
    model.DeleteMfaDevice: mfa.delete_mfa_device,
    model.ListMfaDevices: mfa.list_mfa_devices,
    model.CreatePolicy: policies.create_policy,
    model.GetPolicy: policies.get_policy,
    model.DescribePolicy: policies.describe_policy,
    model.DeletePolicy: policies.delete_policy,
    model.ListPolicies: policies.list_policies,
    model.TagPolicy: policies.tag_policy,
    model.CreatePolicyVersion: policies.create_policy_version,
    model.GetPolicyVersion: policies.get_policy_version,
    model.ListPolicyVersions: policies.list_policy_versions,
    model.SetDefaultPolicyVersion: policies.set_default_policy_version,
    model.DeletePolicyVersion: policies.delete_policy_version,
    model.AttachPolicy: attachments.attach_policy,
    model.ListAttached: attachments.list_attached,
    model.ListAttachments: attachments.list_attachments,
    model.PutInlinePolicy: attachments.put_inline_policy,
    model.GetInlinePolicies: attachments.get_inline_policies,
    model.SimulatePolicies: simulation.simulate_policies,
    model.GetContextKeys: simulation.get_context_keys,
    model.CreateInstanceProfile: instances.create_instance_profile,
    model.GetInstanceProfile: instances.get_instance_profile,
    model.ListInstanceProfiles: instances.list_instance_profiles,
    model.SetInstanceRole: instances.set_instance_role,
    model.TagInstanceProfile: instances.tag_instance_profile,
    model.DeleteInstanceProfile: instances.delete_instance_profile,
    model.PutProvider: providers.put_provider,
    model.UpdateProvider: providers.update_provider,
    model.TagProvider: providers.tag_provider,
    model.GetProviders: providers.get_providers,
    model.DeleteProvider: providers.delete_provider,
    model.AssumeRole: sessions.assume_role,
    model.AssumeRoleWithToken: sessions.assume_role_with_token,
    model.GetSessionToken: sessions.get_session_token,
    model.GetFederationToken: sessions.get_federation_token,
    model.DecodeDenial: denials.decode_denial,
    model.GetCallerIdentity: sessions.get_caller_identity,
}


class Identity:
    """Accounts, users, roles, keys and policies over a Store. `readers` read the languages that policies are written
    in, `provided` are the clouds' own policies.

    `handlers` runs commands; `find`, `bearer` and `used` are for whoever asks who calls, `standing`, `owned` and
    `told` for the guard; `maintain` is to run in every process that calls `used`.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        chance: Chance,
        sealer: Sealer,
        readers: Mapping[model.Language, Reader] = MappingProxyType({}),
        provided: Iterable[model.Provided] = (),
    ) -> None:
        clouds = {policy.policy: policy for policy in provided}
        self._context = Context(store, clock, chance, sealer, readers, clouds)
        self._keys = Keys(self._context)
        self._holdings = Holdings(self._context)
        self.handlers: Handlers = {command: partial(function, self._context) for command, function in COMMANDS.items()}
        self.find: Callable[[str], Key | None] = self._keys.find
        self.bearer: Callable[[str], ApiKey | None] = Bearers(self._context).find
        self.told: Callable[[Denial], str] = partial(denials.encode, self._context)
        self.used = self._keys.used
        self.standing: Callable[[Caller], Standing] = self._holdings.standing

    def held(self, caller: Caller) -> Held | None:
        """The policies that bear on a caller; None for a root, who needs none, and for nobody, who has none."""
        return self.standing(caller).held

    def owned(self, caller: Caller, command: Command, path: str) -> Owned | None:
        """What the path of a command of this service is, for the guard."""
        return targets.owned(self._context, caller, command, path)

    async def adopt_root(self, key_id: str, secret: str) -> None:
        """Make this the root's own key, instead of the one that was; make the root's account if there is none.

        Raises Fault(EXISTS, "key") if the id is another account's key.
        """
        key = self.find(key_id)
        with self._context.store.view() as view:
            adopted = view.get(rows.ROOT_KEY) == key_id.encode()
        if not (adopted and key is not None and key.secret == secret):
            await accounts.adopt_root(self._context, key_id, secret)

    async def adopt_root_api_key(self, token: str) -> None:
        """Make this the root's own API key, instead of the one that was. The root's account is there already.

        Raises Fault(EXISTS, "key") if it is somebody else's.
        """
        with self._context.store.view() as view:
            adopted = view.get(rows.ROOT_API_KEY)
        key = self.bearer(token)
        if key is None or key.key_id.encode() != adopted:
            await self._context.store.write(lambda tx: api_keys.adopt(tx, self._context, ROOT_ACCOUNT, token))

    def new_api_key(self) -> str:
        """The secret of an API key, in the form that most tools expect; nobody's yet."""
        return api_keys.new_token(self._context, "sk-")

    def new_credentials(self) -> tuple[str, str]:
        """An access key's id and secret in the form that both clouds' tools accept; nobody's yet."""
        issued = keys.issue(self._context, "AKIA")
        return issued.key_id, issued.secret

    async def flush(self) -> None:
        """Write when keys were used, as far as that was not written yet."""
        await self._keys.flush()

    async def maintain(self) -> None:
        """Write when keys were used, until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_S)
            try:
                await self.flush()
            except Fault:
                pass  # the disk is full or failing: it is only a note
