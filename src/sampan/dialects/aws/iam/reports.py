"""The credential report: a table of what everybody proves itself with.

Source: AWS IAM User Guide, "Generate credential reports for your AWS account".
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sampan.dialects.aws.iam import names
from sampan.dialects.aws.wire.service import Call, Done
from sampan.services.identity.model import AccessKey, CredentialReport, KeyUse, ReportCredentials, UserCredentials

Shown = Mapping[str, Any]

_KEYS = 2  # the table has room for so many
_NONE, _UNKNOWN, _UNSUPPORTED = "N/A", "no_information", "not_supported"
_OF_KEY = ("active", "last_rotated", "last_used_date", "last_used_region", "last_used_service")
_HEAD = (
    "user", "arn", "user_creation_time", "password_enabled", "password_last_used", "password_last_changed",
    "password_next_rotation", "mfa_active",
    *(f"access_key_{number}_{what}" for number in (1, 2) for what in _OF_KEY),
    "cert_1_active", "cert_1_last_rotated", "cert_2_active", "cert_2_last_rotated",
)  # fmt: skip


def _render_begun(call: Call, _: object) -> Shown:
    """It is made when it is asked for."""
    return {"State": "COMPLETE"}


def _render_report(call: Call, report: CredentialReport) -> Shown:
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(_HEAD)
    writer.writerows(_row(each) for each in report.users)
    return {"Content": table.getvalue().encode(), "ReportFormat": "text/csv", "GeneratedTime": report.made_ms}


def _row(each: UserCredentials) -> list[str]:
    root = each.user.id == each.user.account
    has = each.password_ms is not None
    password = [_UNSUPPORTED] * 4 if root else [_truth(has), _UNKNOWN if has else _NONE]
    if not root:
        password += [_time(each.password_ms), _time(each.rotate_ms)]
    keys = [column for key, use in each.keys[:_KEYS] for column in _key(key, use)]
    keys += ["false", *[_NONE] * (len(_OF_KEY) - 1)] * (_KEYS - len(each.keys[:_KEYS]))
    name = "<root_account>" if root else each.user.name
    return [
        name, names.entity_arn(each.user), _time(each.user.created_ms), *password, _truth(each.mfa), *keys,
        "false", _NONE, "false", _NONE,
    ]  # fmt: skip


def _key(key: AccessKey, use: KeyUse) -> list[str]:
    used = [_time(use.used_ms), use.region or _NONE, names.SERVICES.get(use.service, use.service) or _NONE]
    return [_truth(key.active), _time(key.created_ms), *used]


def _truth(value: bool) -> str:
    return "true" if value else "false"


def _time(at_ms: int | None) -> str:
    return _NONE if at_ms is None else datetime.fromtimestamp(at_ms // 1000, UTC).isoformat()


def operations() -> dict[str, Done]:
    """IAM's operations on the credential report."""
    return {
        "GenerateCredentialReport": Done(lambda _: ReportCredentials(), _render_begun),
        "GetCredentialReport": Done(lambda _: ReportCredentials(), _render_report),
    }
