"""Access keys and second factors. One bind and one render for each operation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sampan.dialects.aws.iam import forms, names
from sampan.dialects.aws.wire.service import Call, Done, nothing
from sampan.kernel.fault import Fault, Kind
from sampan.services.identity.model import (
    AccessKey,
    BindMfaDevice,
    CreateAccessKey,
    CreateMfaDevice,
    DeleteAccessKey,
    DeleteMfaDevice,
    GetAccessKeyUse,
    IssuedKey,
    KeyUse,
    ListAccessKeys,
    ListMfaDevices,
    MfaDevice,
    SetAccessKey,
    UnbindMfaDevice,
)

Shown = Mapping[str, Any]

FORM = "AKIA"
_NEVER = "N/A"
_WORDS = {True: "Active", False: "Inactive"}


def _user(call: Call) -> str:
    """ "" stands for the caller."""
    return str(call.params.get("UserName", ""))


# --- access keys ------------------------------------------------------------------------------------------------------


def _bind_create_key(call: Call) -> CreateAccessKey:
    return CreateAccessKey(user=_user(call), form=FORM)


def _render_create_key(call: Call, key: IssuedKey) -> Shown:
    """The only time that the secret is told."""
    return {
        "AccessKey": {
            "UserName": key.user,
            "AccessKeyId": key.key_id,
            "Status": _WORDS[True],
            "SecretAccessKey": key.secret,
            "CreateDate": key.created_ms,
        }
    }


def _bind_list_keys(call: Call) -> ListAccessKeys:
    return ListAccessKeys(user=_user(call))


def _render_list_keys(call: Call, keys: tuple[AccessKey, ...]) -> Shown:
    """There are so few that they are always told at once."""
    rows = [
        {
            "UserName": key.user,
            "AccessKeyId": key.key_id,
            "Status": _WORDS[key.active],
            "CreateDate": key.created_ms,
        }
        for key in keys
    ]
    return {"AccessKeyMetadata": rows, "IsTruncated": False}


def _bind_update_key(call: Call) -> SetAccessKey:
    status = call.params["Status"]
    if status not in _WORDS.values():
        raise Fault(Kind.NOT_DONE, "operation", operation=f"UpdateAccessKey with Status {status}")
    return SetAccessKey(user=_user(call), key_id=call.params["AccessKeyId"], active=status == _WORDS[True])


def _bind_delete_key(call: Call) -> DeleteAccessKey:
    return DeleteAccessKey(user=_user(call), key_id=call.params["AccessKeyId"])


def _bind_key_use(call: Call) -> GetAccessKeyUse:
    return GetAccessKeyUse(key_id=call.params["AccessKeyId"])


def _render_key_use(call: Call, use: KeyUse) -> Shown:
    """A key that was never used has no date, and "N/A" for the rest."""
    return {
        "UserName": use.user,
        "AccessKeyLastUsed": {
            "LastUsedDate": use.used_ms,
            "ServiceName": names.SERVICES.get(use.service, use.service) or _NEVER,
            "Region": use.region or _NEVER,
        },
    }


# --- second factors ---------------------------------------------------------------------------------------------------


def _device(call: Call) -> str:
    return names.device_of(call.params["SerialNumber"], call.caller.account)


def _bind_create_device(call: Call) -> CreateMfaDevice:
    if call.params.get("Path", "/") != "/":
        raise Fault(Kind.NOT_DONE, "operation", operation="CreateVirtualMFADevice with Path")
    if call.params.get("Tags"):
        raise Fault(Kind.NOT_DONE, "operation", operation="CreateVirtualMFADevice with Tags")
    return CreateMfaDevice(name=call.params["VirtualMFADeviceName"])


def _render_create_device(call: Call, device: MfaDevice) -> Shown:
    """The seed, as it is typed into a device. There is no picture of it: whoever shows one can draw it."""
    assert device.seed is not None
    serial = names.device_arn(device.name, call.caller.account)
    return {"VirtualMFADevice": {"SerialNumber": serial, "Base32StringSeed": device.seed.encode()}}


def _bind_enable_device(call: Call) -> BindMfaDevice:
    given = call.params
    codes = (given["AuthenticationCode1"], given["AuthenticationCode2"])
    return BindMfaDevice(user=_user(call), name=_device(call), codes=codes)


def _bind_list_devices(call: Call) -> ListMfaDevices:
    return ListMfaDevices(user=_user(call))


def _render_list_devices(call: Call, devices: tuple[MfaDevice, ...]) -> Shown:
    page = forms.cut(call, devices, lambda device: device.name)
    return forms.listed("MFADevices", page, lambda device: _enabled(call, device))


def _enabled(call: Call, device: MfaDevice) -> Shown:
    return {
        "UserName": device.user,
        "SerialNumber": names.device_arn(device.name, call.caller.account),
        "EnableDate": device.bound_ms,
    }


def _bind_list_virtual(call: Call) -> ListMfaDevices:
    return ListMfaDevices()


def _render_list_virtual(call: Call, devices: tuple[MfaDevice, ...]) -> Shown:
    """All of the account, or only those that are somebody's, or nobody's."""
    wanted = {"Assigned": (True,), "Unassigned": (False,)}.get(
        call.params.get("AssignmentStatus", "Any"), (True, False)
    )
    page = forms.cut(
        call, [device for device in devices if (device.bound_ms is not None) in wanted], lambda device: device.name
    )
    return forms.listed("VirtualMFADevices", page, lambda device: _virtual(call, device))


def _virtual(call: Call, device: MfaDevice) -> Shown:
    serial = names.device_arn(device.name, call.caller.account)
    return {"SerialNumber": serial, "EnableDate": device.bound_ms}


def _bind_get_device(call: Call) -> ListMfaDevices:
    call.asked = _device(call)
    return ListMfaDevices(user=call.params.get("UserName"))


def _render_get_device(call: Call, devices: tuple[MfaDevice, ...]) -> Shown:
    """Raises Fault(MISSING, "mfa device")."""
    for device in devices:
        if device.name.lower() == call.asked.lower() and device.bound_ms is not None:
            return _enabled(call, device)
    raise Fault(Kind.MISSING, "mfa device", name=call.asked)


def keys() -> dict[str, Done]:
    """IAM's operations on access keys."""
    return {
        "CreateAccessKey": Done(_bind_create_key, _render_create_key),
        "ListAccessKeys": Done(_bind_list_keys, _render_list_keys),
        "UpdateAccessKey": Done(_bind_update_key, nothing),
        "DeleteAccessKey": Done(_bind_delete_key, nothing),
        "GetAccessKeyLastUsed": Done(_bind_key_use, _render_key_use),
    }


def devices() -> dict[str, Done]:
    """IAM's operations on second factors."""
    return {
        "CreateVirtualMFADevice": Done(_bind_create_device, _render_create_device),
        "EnableMFADevice": Done(_bind_enable_device, nothing),
        "DeactivateMFADevice": Done(lambda call: UnbindMfaDevice(user=_user(call), name=_device(call)), nothing),
        "DeleteVirtualMFADevice": Done(lambda call: DeleteMfaDevice(name=_device(call)), nothing),
        "ListMFADevices": Done(_bind_list_devices, _render_list_devices),
        "ListVirtualMFADevices": Done(_bind_list_virtual, _render_list_virtual),
        "GetMFADevice": Done(_bind_get_device, _render_get_device),
    }
