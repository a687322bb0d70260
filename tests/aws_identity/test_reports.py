"""The credential report, as its readers take it apart."""

from __future__ import annotations

import asyncio
import csv
from datetime import UTC, datetime
from pathlib import Path

from sampan.services.identity.service import ROOT_ACCOUNT
from tests.aws_identity.cloud import Cloud
from tests.aws_identity.test_end_to_end import refused, user


def test_the_credential_report(tmp_path: Path) -> None:
    cloud = Cloud(tmp_path)
    iam = cloud.client("iam")
    keys = user(cloud, "ann", Path="/team/")
    iam.create_user(UserName="bob")
    iam.update_account_password_policy(MaxPasswordAge=90)
    iam.update_access_key(UserName="ann", AccessKeyId=keys["AccessKeyId"], Status="Inactive")
    cloud.clock.ms += 1000  # keys are told oldest first
    other = iam.create_access_key(UserName="ann")["AccessKey"]
    iam.create_login_profile(UserName="bob", Password="Harbour-12345!")
    assert refused(cloud.client("iam", other).list_users) == "AccessDenied"
    asyncio.run(cloud.identity.flush())
    assert iam.generate_credential_report()["State"] == "COMPLETE"
    found = iam.get_credential_report()
    assert found["ReportFormat"] == "text/csv"
    table = list(csv.DictReader(found["Content"].decode().splitlines()))
    root, ann, bob = table
    now = datetime.fromtimestamp(cloud.clock.ms // 1000, UTC)
    later = datetime.fromtimestamp(cloud.clock.ms // 1000 + 90 * 86400, UTC)
    assert (root["user"], root["password_enabled"], root["access_key_1_active"]) == (
        "<root_account>", "not_supported", "true",
    )  # fmt: skip
    assert ann["arn"] == f"arn:aws:iam::{ROOT_ACCOUNT}:user/team/ann"
    assert (ann["password_enabled"], ann["password_last_changed"], ann["mfa_active"]) == ("false", "N/A", "false")
    assert [ann[f"access_key_{number}_active"] for number in (1, 2)] == ["false", "true"]
    assert [ann[f"access_key_{number}_last_used_date"] for number in (1, 2)] == ["N/A", now.isoformat()]
    assert ann["access_key_2_last_used_service"] == "iam"
    assert (bob["password_enabled"], bob["password_last_changed"]) == ("true", now.isoformat())
    assert bob["password_next_rotation"] == later.isoformat()
    assert (bob["access_key_1_active"], bob["access_key_1_last_rotated"]) == ("false", "N/A")
    text = found["Content"].decode()
    assert keys["SecretAccessKey"] not in text and other["AccessKeyId"] not in text
