"""Doors with nothing behind them: the operations of a real service, and a command that says what was asked for."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import boto3
import botocore.session
from botocore import UNSIGNED
from botocore.awsrequest import AWSPreparedRequest, AWSResponse, HeadersDict
from botocore.config import Config
from botocore.parsers import create_parser

from sampan.dialects.aws.wire.model import load
from sampan.dialects.aws.wire.service import Call, Done, ServiceDialect, claims
from sampan.dialects.aws.wire.validation import validate
from sampan.dialects.aws.wire.words import Word
from sampan.gateway.http import Reply
from sampan.kernel.command import Command
from sampan.kernel.fault import Fault, Kind
from tests.aws.sdk import ENDPOINT, SECRET, Ring, Sent, _Nothing, check, key, sent

SESSION = botocore.session.get_session()
__all__ = ["validate"]
NOW_MS = int(time.time() * 1000)
KEYS = Ring(AK=key("AK"), TESTAK=key("TESTAK", "TESTSK"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked(Command):
    """What a request asked for."""

    action: ClassVar[str] = "toys:Ask"
    operation: str
    params: Mapping[str, Any]


def _bind(call: Call) -> Asked:
    assert call.operation is not None
    return Asked(operation=call.operation.name, params=call.params)


def toy(name: str, version: str, *done: str, words: Mapping[tuple[Kind, str], Word] | None = None) -> ServiceDialect:
    """A door to a service of which some operations are done; they give back what they are given."""
    model = load(name, version)
    row = Done(_bind, lambda _, result: result)
    return ServiceDialect(f"aws/{name}", model, claims(model), dict.fromkeys(done, row), words or {})


CLOUDWATCH = toy("cloudwatch", "2010-08-01", "PutMetricData", "ListMetrics", "GetDashboard", words={
    (Kind.MISSING, "dashboard"): Word("DashboardNotFoundError", 404, "Dashboard {name} does not exist"),
})  # fmt: skip
SQS = toy("sqs", "2012-11-05", "SendMessage", "ListQueues", words={
    (Kind.MISSING, "queue"): Word(
        "QueueDoesNotExist", 400, "The specified queue does not exist.", old="AWS.SimpleQueueService.NonExistentQueue"
    ),
})  # fmt: skip
KMS = toy("kms", "2014-11-01", "Encrypt", "ListKeys")
DYNAMODB = toy("dynamodb", "2012-08-10", "PutItem", "ListTables")
LAMBDA = toy("lambda", "2015-03-31", "Invoke", "ListFunctions", words={
    (Kind.TOO_MANY, "calls"): Word(
        "TooManyRequestsException",
        429,
        "Rate Exceeded.",
        details={"retryAfterSeconds": "after_s", "Reason": "reason"},
    ),
})  # fmt: skip
ROUTE53 = toy("route53", "2013-04-01", "CreateHostedZone", "ListHostedZones", words={
    (Kind.MISSING, "zone"): Word("NoSuchHostedZone", 404, "No hosted zone found with ID: {name}"),
})  # fmt: skip
BEDROCK = toy("bedrock-runtime", "2023-09-30", "Converse", "ConverseStream", "InvokeModel")
IOT = toy("iot-data", "2015-05-28", "Publish")
EBS = toy("ebs", "2019-11-02", "PutSnapshotBlock", "StartSnapshot")


def client(service: str, *, signed: bool = True, **more: Any) -> Any:
    return boto3.client(
        service,
        endpoint_url=more.pop("endpoint", ENDPOINT),
        region_name="us-east-1",
        aws_access_key_id="AK",
        aws_secret_access_key=SECRET,
        config=Config(
            retries={"max_attempts": 0},
            parameter_validation=False,
            signature_version=None if signed else UNSIGNED,
            inject_host_prefix=False,
            **more,
        ),
    )


def catch(api: Any, operation: str, **params: Any) -> Sent:
    """The request that a client makes for an operation, named as in Python."""
    caught: list[Sent] = []

    def keep(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        caught.append(sent(request))
        return AWSResponse(request.url, 200, {}, _Nothing())

    api.meta.events.register("before-send", keep)
    try:
        getattr(api, operation)(**params)
    except Exception:  # the empty answer is not what the parser expects
        if not caught:
            raise
    return caught[0]


def ask(door: ServiceDialect, request: Sent, keys: Any = KEYS, now_ms: int = NOW_MS) -> tuple[Call, Asked]:
    """What a door makes of a request. Raises Fault."""
    call = door.open(request.request(), "R", keys, now_ms)
    assert call.operation is not None
    assert call.operation.bind is not None
    command = call.operation.bind(call, check(call.body))
    assert isinstance(command, Asked)
    return call, command


def answer(door: ServiceDialect, request: Sent, result: Any) -> Reply:
    call, _ = ask(door, request)
    assert call.operation is not None
    assert call.operation.render is not None
    return call.operation.render(call, result)


def refusal(door: ServiceDialect, request: Sent, fault: Fault | None = None, **more: Any) -> Reply:
    """How a door refuses a request, with a given fault or its own."""
    if fault is None:
        try:
            ask(door, request, **more)
        except Fault as caught:
            fault = caught
    assert fault is not None, "nothing was raised"
    return door.refuse(request.request(), "R", fault)


def error(reply: Reply, protocol: str) -> tuple[int, str, str]:
    """Status, code and message, as the SDK reads them."""
    raw = {"headers": HeadersDict(reply.headers), "body": reply.body, "status_code": reply.status}
    told = create_parser(protocol).parse(raw, None)["Error"]
    return reply.status, told["Code"], told["Message"]


async def events(*told: Any) -> AsyncGenerator[Any, None]:
    for each in told:
        if isinstance(each, Fault):
            raise each
        yield each
