"""Access keys, passwords for the console, and virtual devices of a second factor."""

from __future__ import annotations

import re

from sampan.dialects.aliyun.ram import members
from sampan.dialects.aliyun.ram.members import Members
from sampan.dialects.aliyun.wire import arn
from sampan.dialects.aliyun.wire.dates import iso_seconds
from sampan.dialects.aliyun.wire.openapi import OpenApiExchange, Row
from sampan.kernel.fault import Fault, Kind
from sampan.services.identity import model
from sampan.services.identity.model import AccessKey, IssuedKey, KeyUse, LoginProfile, MfaDevice

FORM = "LTAI"
_CODE = re.compile(r"[0-9]{6}")
_STATUS = {"Active": True, "Inactive": False}


def _user(x: OpenApiExchange) -> str:
    """The user, "" for the caller."""
    name: str = x.params.get("UserName", "")
    return name


def _status(active: bool) -> str:
    return "Active" if active else "Inactive"


# --- access keys ------------------------------------------------------------------------------------------------------


def _key_made(x: OpenApiExchange, made: IssuedKey) -> Members:
    return {
        "AccessKey": {
            "AccessKeyId": made.key_id,
            "AccessKeySecret": made.secret,
            "Status": _status(True),
            "CreateDate": iso_seconds(made.created_ms),
        }
    }


def _set_key(x: OpenApiExchange) -> model.SetAccessKey:
    status: str = x.params["Status"]
    if status not in _STATUS:
        why = "Status must be Active or Inactive."
        raise Fault(Kind.INVALID, "argument", why, name="Status", value=status[:64])
    return model.SetAccessKey(user=_user(x), key_id=x.params["UserAccessKeyId"], active=_STATUS[status])


def _keys(x: OpenApiExchange, found: tuple[AccessKey, ...]) -> Members:
    return members.listed(
        "AccessKey",
        [
            {"AccessKeyId": key.key_id, "Status": _status(key.active), "CreateDate": iso_seconds(key.created_ms)}
            for key in found
        ],
    )


def _use(x: OpenApiExchange, found: KeyUse) -> Members:
    used = iso_seconds(found.used_ms) if found.used_ms is not None else "N/A"
    return {"AccessKeyLastUsed": {"LastUsedDate": used}}


# --- login profiles ---------------------------------------------------------------------------------------------------


def _put_login(x: OpenApiExchange, create: bool) -> model.PutLoginProfile:
    if x.params.get("MFABindRequired"):
        raise Fault(Kind.NOT_DONE, "operation", "MFABindRequired is not done by Sampan yet.")
    return model.PutLoginProfile(
        user=x.params["UserName"],
        create=create,
        password=x.params.get("Password"),
        reset_required=x.params.get("PasswordResetRequired", False if create else None),
    )


def _login(x: OpenApiExchange, found: LoginProfile) -> Members:
    return {
        "LoginProfile": {
            "UserName": found.user,
            "PasswordResetRequired": found.reset_required,
            "MFABindRequired": False,
            "CreateDate": iso_seconds(found.created_ms),
        }
    }


# --- second factors ---------------------------------------------------------------------------------------------------


def _serial(x: OpenApiExchange, name: str) -> str:
    return arn.identity(x.caller.account, "mfa", name)


def _device(x: OpenApiExchange) -> str:
    """The device's name, from its serial number, which must be of the caller's account."""
    account, name = arn.parse(x.params["SerialNumber"], "mfa", "SerialNumber")
    if account != x.caller.account:
        raise Fault(Kind.MISSING, "mfa device")
    return name


def _device_made(x: OpenApiExchange, made: MfaDevice) -> Members:
    return {"VirtualMFADevice": {"SerialNumber": _serial(x, made.name), "Base32StringSeed": made.seed}}


def _bind_device(x: OpenApiExchange) -> model.BindMfaDevice:
    codes: tuple[str, str] = (x.params["AuthenticationCode1"], x.params["AuthenticationCode2"])
    if not all(_CODE.fullmatch(code) for code in codes):
        why = 'The parameter "AuthenticationCode" must be 6 digits.'
        raise Fault(Kind.INVALID, "argument", why, name="AuthenticationCode", code="Format")
    return model.BindMfaDevice(user=x.params["UserName"], name=_device(x), codes=codes)


def _unbound(x: OpenApiExchange, result: object) -> Members:
    return {"MFADevice": {}}


def _devices(x: OpenApiExchange, found: tuple[MfaDevice, ...]) -> Members:
    devices = []
    for device in found:
        item: Members = {"SerialNumber": _serial(x, device.name)}
        if device.user is not None and device.bound_ms is not None:
            item |= {"ActivateDate": iso_seconds(device.bound_ms), "User": {"UserName": device.user}}
        devices.append(item)
    return members.listed("VirtualMFADevice", devices)


def _device_of(x: OpenApiExchange, found: tuple[MfaDevice, ...]) -> Members:
    if not found:
        raise Fault(Kind.MISSING, "mfa device", user=x.params["UserName"])
    return {"MFADevice": {"SerialNumber": _serial(x, found[0].name), "Type": "VMFA"}}


ROWS = (
    Row("CreateAccessKey", "UserName", lambda x: model.CreateAccessKey(user=_user(x), form=FORM), _key_made),
    Row("UpdateAccessKey", "UserAccessKeyId! Status! UserName", _set_key, members.nothing),
    Row(
        "DeleteAccessKey",
        "UserAccessKeyId! UserName",
        lambda x: model.DeleteAccessKey(user=_user(x), key_id=x.params["UserAccessKeyId"]),
        members.nothing,
    ),
    Row("ListAccessKeys", "UserName", lambda x: model.ListAccessKeys(user=_user(x)), _keys),
    Row(
        "GetAccessKeyLastUsed",
        "UserAccessKeyId! UserName",
        lambda x: model.GetAccessKeyUse(key_id=x.params["UserAccessKeyId"]),
        _use,
    ),
    Row(
        "CreateLoginProfile",
        "UserName! Password! PasswordResetRequired:bool MFABindRequired:bool",
        lambda x: _put_login(x, True),
        _login,
    ),
    Row("GetLoginProfile", "UserName!", lambda x: model.GetLoginProfile(user=x.params["UserName"]), _login),
    Row(
        "UpdateLoginProfile",
        "UserName! Password PasswordResetRequired:bool MFABindRequired:bool",
        lambda x: _put_login(x, False),
        members.nothing,
    ),
    Row(
        "DeleteLoginProfile",
        "UserName!",
        lambda x: model.DeleteLoginProfile(user=x.params["UserName"]),
        members.nothing,
    ),
    Row(
        "CreateVirtualMFADevice",
        "VirtualMFADeviceName!",
        lambda x: model.CreateMfaDevice(name=x.params["VirtualMFADeviceName"]),
        _device_made,
    ),
    Row("ListVirtualMFADevices", "", lambda x: model.ListMfaDevices(), _devices),
    Row("DeleteVirtualMFADevice", "SerialNumber!", lambda x: model.DeleteMfaDevice(name=_device(x)), members.nothing),
    Row(
        "BindMFADevice",
        "SerialNumber! UserName! AuthenticationCode1! AuthenticationCode2!",
        _bind_device,
        members.nothing,
    ),
    Row(
        "UnbindMFADevice",
        "UserName!",
        lambda x: model.UnbindMfaDevice(user=x.params["UserName"], name=""),
        _unbound,
    ),
    Row("GetUserMFAInfo", "UserName!", lambda x: model.ListMfaDevices(user=x.params["UserName"]), _device_of),
)
