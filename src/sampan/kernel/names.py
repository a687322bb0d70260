"""Names: accounts, regions of the clouds, resources."""

from __future__ import annotations

from dataclasses import dataclass

ACCOUNT_DIGITS = 12


def aliyun_account(account: str) -> str:
    """The 16-digit form of a 12-digit account number, as Alibaba Cloud's dialects show it."""
    return "1" + account.rjust(15, "0") if account else ""


def account_of_aliyun(digits: str) -> str:
    """The inverse of `aliyun_account`; any other text is returned unchanged (and names no account)."""
    return digits[-ACCOUNT_DIGITS:] if len(digits) == 16 and digits.startswith("1000") else digits


@dataclass(frozen=True, slots=True)
class Place:
    """A region as one cloud names it: `Place("aws", "us-east-1")`, `Place("aliyun", "cn-hangzhou")`."""

    cloud: str
    region: str


@dataclass(frozen=True, slots=True)
class Resource:
    """What an action touches: `Resource("objects", "photos/cat.jpg", owner)`.

    `path` is a bucket, or a bucket, a slash and a key; empty for the service as a whole. `owner` is the account that
    owns it, or "" when nobody does (the service then says that it is missing, or creates it for the caller).
    """

    service: str
    path: str
    owner: str = ""
