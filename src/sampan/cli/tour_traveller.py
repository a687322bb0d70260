"""Who takes the steps of `sampan tour`, with which clients, and what a step is."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3
import oss2
from botocore.config import Config
from botocore.exceptions import ClientError
from oss2.credentials import EnvironmentVariableCredentialsProvider

from sampan.cli.door import Door, context

MIB = 1024 * 1024
LARGE = 20 * MIB
ONCE = Config(retries={"total_max_attempts": 1})  # a retry would hide what the first answer was
PLAIN = "text/plain"


class Unproven(Exception):  # noqa: N818 - what a step could not show
    """Something is not as it should be; the text says what."""


class Missing(Exception):  # noqa: N818 - what a chapter could do nothing about
    """The steps of a chapter cannot be taken here; the text says for want of what."""


def check(fact: bool, otherwise: str) -> None:
    """Raise Unproven unless it is a fact."""
    if not fact:
        raise Unproven(otherwise)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model said, thoughts included, and the tokens that were read and written for it."""

    text: str
    n_read: int
    n_written: int


class Traveller:
    """The clients of both clouds, the two buckets of this tour, and what later steps want to know of earlier ones:
    the model that was found ("" for none yet), and what it answered."""

    def __init__(self, door: Door) -> None:
        self.door = door
        name = os.urandom(4).hex()
        self.from_aws, self.from_aliyun = f"sampan-tour-{name}-aws", f"sampan-tour-{name}-aliyun"
        self.s3 = boto3.client("s3", config=ONCE)
        self.auth = oss2.ProviderAuthV4(EnvironmentVariableCredentialsProvider())
        self.service = oss2.Service(self.auth, door.url, region=door.region_aliyun)
        self.large = os.urandom(LARGE)
        self.model = ""
        self.answer: Answer | None = None

    def bucket(self, name: str, auth: Any = None) -> Any:
        """The bucket as oss2 speaks to it."""
        return oss2.Bucket(auth or self.auth, self.door.url, name, region=self.door.region_aliyun)

    def stranger(self, key_id: str, secret: str) -> tuple[Any, Any]:
        """Clients of both clouds with other keys; the second is oss2's bucket."""
        s3 = boto3.client("s3", aws_access_key_id=key_id, aws_secret_access_key=secret, config=ONCE)
        return s3, self.bucket(self.from_aws, oss2.AuthV4(key_id, secret))

    def fetch(self, url: str, data: bytes | None = None) -> tuple[int, bytes]:
        """Status and body of a GET, or of a PUT of `data`, without any SDK."""
        request = urllib.request.Request(url, data=data, method="GET" if data is None else "PUT")  # noqa: S310
        if data is not None:
            request.add_header("Content-Type", PLAIN)
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context(self.door))
        )
        try:
            with opener.open(request, timeout=30) as reply:
                return reply.status, reply.read()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read()


def refused(call: Callable[[], Any]) -> tuple[int, str]:
    """Status and code of the vendor's error that a call ends with, of either SDK."""
    try:
        call()
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]
    except oss2.exceptions.ServerError as error:
        return error.status, error.code
    raise Unproven("it was let through")


def expect(call: Callable[[], Any], status: int, code: str) -> None:
    """Raise Unproven unless a call is refused just so."""
    found = refused(call)
    check(found == (status, code), f"refused with {found[0]} {found[1]}, not {status} {code}")


@dataclass(frozen=True, slots=True)
class Step:
    """One row of the table. `take` returns what it proved; it raises Unproven or an SDK's error if it could not,
    Missing if nothing more of its chapter can be tried, and ModuleNotFoundError if its SDK is not installed."""

    chapter: str
    title: str
    by: str
    take: Callable[[Traveller], str]
