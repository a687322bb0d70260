"""What every service of AWS has in common, whatever its protocols: who asks, in which protocol, and what is refused."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import hmac
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer

from sampan.dialects.aws.wire import dates
from sampan.dialects.aws.wire.service import ServiceDialect
from sampan.dialects.aws.wire.sigv4 import SigV4, normalized_path
from sampan.gateway.contract import FAULTS
from sampan.gateway.dispatch import Dispatcher
from sampan.kernel.caller import ApiKey, Caller
from sampan.kernel.fault import Fault, Kind
from tests.aws.sdk import ENDPOINT, Ring, Sent
from tests.aws_wire import toys
from tests.aws_wire.sdk import Service
from tests.aws_wire.toys import (
    BEDROCK,
    CLOUDWATCH,
    DYNAMODB,
    EBS,
    IOT,
    KMS,
    LAMBDA,
    NOW_MS,
    ROUTE53,
    SQS,
    answer,
    ask,
    catch,
    client,
    error,
    refusal,
)  # fmt: skip

FOLDER = Path(__file__).parent / "captures"
DOORS = (BEDROCK, CLOUDWATCH, DYNAMODB, EBS, IOT, KMS, LAMBDA, ROUTE53, SQS)
RECORDED = {
    "awscli_cloudwatch": (CLOUDWATCH, "ListMetrics"),
    "boto3_sqs": (SQS, "ListQueues"),
    "boto3_kms": (KMS, "ListKeys"),
    "boto3_dynamodb": (DYNAMODB, "ListTables"),
    "boto3_lambda": (LAMBDA, "ListFunctions"),
}
SIGNED_AT_MS = dates.parse_amz("20261122T103500Z")


def recorded(name: str) -> Sent:
    head, _, body = (FOLDER / f"{name}.txt").read_bytes().partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    path, _, query = target.partition("?")
    return Sent(method, path, query, headers, body)


@pytest.mark.parametrize("name", [path.stem for path in sorted(FOLDER.iterdir())])
def test_a_recorded_request_is_understood(name: str) -> None:
    door, operation = RECORDED[name]
    assert Dispatcher(DOORS).pick(recorded(name).request()) is door
    assert SIGNED_AT_MS is not None
    call, asked = ask(door, recorded(name), now_ms=SIGNED_AT_MS)
    assert (asked.operation, call.caller.key_id) == (operation, "TESTAK")


def with_body(request: Sent, body: bytes) -> Sent:
    return replace(request.with_header("content-length", str(len(body))), body=body)


# --- protocols --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", ["smithy-rpc-v2-cbor", "json", "query"])
def test_a_service_speaks_every_protocol_of_its_model(protocol: str) -> None:
    """One question in three protocols is one command, and each gets its answer in its own."""
    sdk = Service("cloudwatch", protocol)
    model = sdk.sdk.operation_model("PutMetricData")
    params = {"Namespace": "boats", "MetricData": [{"MetricName": "speed", "Value": 7.5}]}
    unsigned = sdk.sent(model, params)
    assert error(refusal(CLOUDWATCH, unsigned), protocol)[1].startswith("MissingAuthenticationToken")
    assert sdk.ours.read(unsigned.request(), unsigned.body)[1] == params
    reply = refusal(CLOUDWATCH, unsigned, Fault(Kind.MISSING, "dashboard", name="d"))
    assert error(reply, protocol) == (404, "ResourceNotFound", "Dashboard d does not exist")


def test_old_codes_are_told_beside_the_new_ones() -> None:
    request = catch(client("sqs"), "send_message", QueueUrl="http://q", MessageBody="hello")
    reply = refusal(SQS, request, Fault(Kind.MISSING, "queue"))
    assert ("x-amzn-query-error", "AWS.SimpleQueueService.NonExistentQueue;Sender") in reply.headers
    assert error(reply, "json")[1] == "AWS.SimpleQueueService.NonExistentQueue"
    reply = refusal(SQS, request, Fault(Kind.MISSING, "key"))
    assert ("x-amzn-query-error", "InvalidClientTokenId;Sender") in reply.headers


def test_what_an_error_tells_beside_its_message() -> None:
    request = catch(client("lambda"), "list_functions")
    reply = refusal(LAMBDA, request, Fault(Kind.TOO_MANY, "calls", after_s="3", reason="CallerRateLimitExceeded"))
    assert ("Retry-After", "3") in reply.headers
    assert reply.body == b'{"message":"Rate Exceeded.","Reason":"CallerRateLimitExceeded"}'
    assert error(reply, "rest-json") == (429, "TooManyRequestsException", "Rate Exceeded.")


@pytest.mark.parametrize(
    ("door", "service", "operation", "params", "protocol", "status", "code"),
    [
        (DYNAMODB, "dynamodb", "list_tables", {}, "json", 400, "InvalidSignatureException"),
        (LAMBDA, "lambda", "list_functions", {}, "rest-json", 403, "InvalidSignatureException"),
        (ROUTE53, "route53", "list_hosted_zones", {}, "rest-xml", 403, "SignatureDoesNotMatch"),
        (CLOUDWATCH, "cloudwatch", "list_metrics", {}, "json", 400, "SignatureDoesNotMatch"),
    ],
)
def test_a_signature_covers_the_body(
    door: ServiceDialect, service: str, operation: str, params: Any, protocol: str, status: int, code: str
) -> None:
    good = catch(client(service), operation, **params)
    assert ask(door, good)[0].caller.key_id == "AK"
    other = replace(good, body=b"*" * len(good.body)) if good.body else with_body(good, b"*")
    assert error(refusal(door, other), protocol)[:2] == (status, code)


def test_there_are_words_for_every_fault() -> None:
    for door in DOORS:
        assert FAULTS - door.words == set()


def test_what_is_not_done_says_so() -> None:
    request = catch(client("kms"), "list_aliases")
    assert error(refusal(KMS, request), "json") == (
        501, "NotImplementedException", "ListAliases is not done by this server yet.",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("door", "service", "operation", "change", "protocol", "status"),
    [
        (DYNAMODB, "dynamodb", "list_tables", {"headers": {"X-Amz-Target": "DynamoDB_1.ListTables"}}, "json", 400),
        (DYNAMODB, "dynamodb", "list_tables", {"headers": {"X-Amz-Target": "ListTables"}}, "json", 400),
        (LAMBDA, "lambda", "list_functions", {"url": f"{ENDPOINT}/nowhere"}, "rest-json", 404),
    ],
)
def test_no_such_operation(
    door: ServiceDialect, service: str, operation: str, change: dict[str, Any], protocol: str, status: int
) -> None:
    """Said to whoever signs it, and to nobody else."""
    request = changed(client(service), operation, change)
    assert error(refusal(door, request), protocol)[:2] == (status, "UnknownOperationException")
    for authorization, code in ((None, "MissingAuthenticationToken"), ("AWS4-HMAC-SHA256 x", "IncompleteSignature")):
        told = error(refusal(door, request.with_header("authorization", authorization)), protocol)
        assert told[1].startswith(code)


def test_signed_twice_is_not_signed() -> None:
    digest = hashlib.sha256(b"{}").hexdigest()
    for request in (catch(client("lambda"), "list_functions"), signed_like_other_sdks(digest, b"{}")):
        twice = replace(request, query="X-Amz-Signature=0")
        assert error(refusal(LAMBDA, twice), "rest-json")[:2] == (403, "IncompleteSignatureException")


# --- signatures and bodies --------------------------------------------------------------------------------------------


def changed(api: Any, operation: str, change: dict[str, Any], **params: Any) -> Sent:
    """A request that was changed before it was signed."""

    def put(params: dict[str, Any], **_: Any) -> None:
        for name, value in change.items():
            params[name] = {**params[name], **value} if isinstance(value, dict) else value

    api.meta.events.register("before-call", put)
    return catch(api, operation, **params)


def signed_like_other_sdks(digest: str, body: bytes, door: str = "lambda", **more: str) -> Sent:
    """SDKs of other languages say the body's digest in a header; botocore does so when it is given one."""
    change = {"headers": {"X-Amz-Content-SHA256": digest, **more}}
    if door == "ebs":
        return changed(client(door), "put_snapshot_block", change, SnapshotId="snap-0", BlockIndex=1, BlockData=body,
                       DataLength=1, Checksum="eHg=", ChecksumAlgorithm="SHA256")  # fmt: skip
    return changed(client(door), "invoke", change, FunctionName="f", Payload=body)


def test_a_digest_in_a_header_is_verified_before_the_body_and_holds_for_it() -> None:
    good = signed_like_other_sdks(hashlib.sha256(b"{}").hexdigest(), b"{}")
    call, asked = ask(LAMBDA, good)
    assert (call.caller.key_id, asked.params["Payload"]) == ("AK", b"{}")
    assert error(refusal(LAMBDA, replace(good, body=b"[]")), "rest-json")[:2] == (403, "InvalidSignatureException")
    assert LAMBDA.open(good.request(), "R", toys.KEYS, NOW_MS).caller.key_id == "AK"


def test_only_where_the_model_says_so_is_a_body_left_out_of_the_signature() -> None:
    assert ask(EBS, signed_like_other_sdks("UNSIGNED-PAYLOAD", b"block", "ebs"))[1].params["BlockData"] == b"block"
    reply = refusal(LAMBDA, signed_like_other_sdks("UNSIGNED-PAYLOAD", b"{}"))
    assert error(reply, "rest-json")[:2] == (403, "IncompleteSignatureException")


def test_a_body_whose_chunks_are_signed() -> None:
    """What S3 takes, other services take as well: each chunk is verified as it comes."""
    digest = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
    head = signed_like_other_sdks(digest, b"", **{"X-Amz-Decoded-Content-Length": "7"})
    seal = SigV4("lambda", normalized_path).verify_header(head.request(), toys.KEYS, NOW_MS).seal
    assert seal is not None
    signature, body = seal.signature, b""
    for chunk in (b'{"a"', b":1}", b""):
        lines = ("AWS4-HMAC-SHA256-PAYLOAD", seal.timestamp, seal.scope, signature)
        hashes = (hashlib.sha256(b"").hexdigest(), hashlib.sha256(chunk).hexdigest())
        signature = hmac.new(seal.signing_key, "\n".join((*lines, *hashes)).encode(), "sha256").hexdigest()
        body += b"%x;chunk-signature=%s\r\n%s\r\n" % (len(chunk), signature.encode(), chunk)
    assert ask(LAMBDA, with_body(head, body))[1].params["Payload"] == b'{"a":1}'
    assert error(refusal(LAMBDA, with_body(head, body.replace(b":1", b":2"))), "rest-json")[0] == 403


def test_paths_are_encoded_twice_in_a_signature() -> None:
    for name in ("a b", "arn:aws:bedrock:us-east-1::foundation-model/qwen", "ü%/~", "a//b", "a.b", "a%2Fb"):
        assert ask(IOT, catch(client("iot-data"), "publish", topic=name))[1].params["topic"] == name


def test_compressed_bodies() -> None:
    data = [{"MetricName": "m" * 200, "Value": 1.0}] * 100
    api = client("cloudwatch", request_min_compression_size_bytes=100)
    request = catch(api, "put_metric_data", Namespace="boats", MetricData=data)
    assert request.headers["content-encoding"] == "gzip"
    assert ask(CLOUDWATCH, request)[1].params["MetricData"] == data


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"no gzip", "SerializationException"),
        (gzip.compress(b"{}")[:-4], "SerializationException"),
        (gzip.compress(b" " * 50_000_000), "RequestEntityTooLargeException"),
    ],
    ids=["not compressed", "cut", "a bomb"],
)
def test_bodies_that_are_not_what_they_say(body: bytes, code: str) -> None:
    change = {"headers": {"Content-Encoding": "gzip"}, "body": body}
    assert error(refusal(DYNAMODB, changed(client("dynamodb"), "list_tables", change)), "json")[1] == code


class _Bearers(Ring):
    """A keyring of API keys."""

    keys_sent: dict[str, ApiKey]

    def bearer(self, token: str) -> ApiKey | None:
        return self.keys_sent.get(token)


def test_an_api_key_instead_of_a_signature() -> None:
    caller = Caller("123456789012", "ann", "BedrockAPIKey-x", "user")
    keys = _Bearers()
    keys.keys_sent = {
        "ABSKgood": ApiKey("x", caller),
        "ABSKold": ApiKey("x", caller, expires_ms=NOW_MS - 1),
        "ABSKoff": ApiKey("x", caller, active=False),
    }
    request = catch(client("bedrock-runtime"), "invoke_model", modelId="qwen", body=b"{}")

    def sent(key: str) -> Sent:
        return request.with_header("authorization", f"Bearer {key}")

    assert ask(BEDROCK, sent("ABSKgood"), keys)[0].caller == caller
    for key, code in (("ABSKno", "Unrecognized"), ("ABSKold", "ExpiredToken"), ("ABSKoff", "Unrecognized")):
        status, found, message = error(refusal(BEDROCK, sent(key), keys=keys), "rest-json")
        assert (status, code in found, key in message) == (403, True, False)
    lambda_ = catch(client("lambda"), "list_functions").with_header("authorization", "Bearer ABSKgood")
    assert error(refusal(LAMBDA, lambda_, keys=keys), "rest-json")[0] in (400, 403)


# --- what the model does not allow ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (b"{", "SerializationException", "The body is not well-formed JSON"),
        (b"\xff", "SerializationException", "The body is not well-formed JSON"),
        (b'"\\ud800"', "SerializationException", "The body is not well-formed JSON"),
        (b"[]", "SerializationException", "Start of list found where not expected"),
        (b'{"TableName": 5}', "SerializationException", "NUMBER_VALUE cannot be converted to String"),
        (b'{"TableName": {}}', "SerializationException", "Start of structure or map found where not expected"),
        (b'{"TableName": "abc", "Item": {"a": null}}', "SerializationException", "Null found"),
        (b'{"TableName": "abc", "Item": {"a": {"B": "~"}}}', "SerializationException", "B is not Base64"),
        (b"[" * 5000 + b"]" * 5000, "SerializationException", "The body"),
        (b'{"a": ' * 129 + b"1" + b"}" * 129, "SerializationException", "more than 128 levels"),
        (b'{"TableName": "abc", "Item": {"a": {"L": [null]}}}', "SerializationException", "Null found"),
        (b'{"TableName": "abc"}', "ValidationException", "Value null at 'item' failed to satisfy constraint"),
        (
            b'{"TableName": "", "Item": {}, "ReturnValues": "x"}',
            "ValidationException",
            "2 validation errors detected: Value '' at 'tableName' failed to satisfy constraint: Member must have "
            "length greater than or equal to 1; Value 'x' at 'returnValues' failed to satisfy constraint: Member must "
            "satisfy enum value set: [",
        ),
    ],
    ids=lambda value: str(value)[:30],
)
def test_json_that_no_sdk_sends(body: bytes, code: str, message: str) -> None:
    request = catch(client("dynamodb"), "put_item", TableName="abc", Item={})
    protocol = Service("dynamodb", "json").ours
    fault = None
    try:
        operation, params = protocol.read(request.request(), body)
        toys.validate(operation.input, params)
    except Fault as caught:
        fault = caught
    found = error(refusal(DYNAMODB, request, fault), "json")
    assert found[:2] == (400, code)
    assert message in found[2]


@pytest.mark.parametrize(
    ("name", "target", "headers", "body"),
    [
        ("lambda", "GET /2015-03-31/functions?MaxItems=many", {}, b""),
        ("lambda", "GET /2015-03-31/functions?MaxItems=1&MaxItems=2", {}, b""),
        ("lambda", "GET /2015-03-31/functions?MaxItems=2147483648", {}, b""),
        ("lambda", "GET /2015-03-31/functions?Marker=%ff", {}, b""),
        ("lambda", "GET /2015-03-31/functions/%ff", {}, b""),
        ("lex-runtime", "POST /bot/b/alias/a/user/u/content", {"x-amz-lex-session-attributes": "e30"}, b""),
        ("bedrock-runtime", "POST /model/m/converse", {}, b'{"system": [{"text": "a", "cachePoint": {"type": "x"}}]}'),
        ("route53", "POST /2013-04-01/hostedzone", {}, b"<a"),
        ("route53", "POST /2013-04-01/hostedzone", {}, b"<!DOCTYPE a><a/>"),
        ("route53", "POST /2013-04-01/hostedzone", {}, b"<a><HostedZoneConfig><PrivateZone>x</PrivateZone></HostedZoneConfig></a>"),  # noqa: E501
        ("route53", "POST /2013-04-01/hostedzone", {}, b"<a><Name>x</Name><Name>y</Name></a>"),
        ("route53", "POST /2013-04-01/hostedzone", {}, b"<a><Name><b/></Name></a>"),
    ],
)  # fmt: skip
def test_rest_that_no_sdk_sends(name: str, target: str, headers: dict[str, str], body: bytes) -> None:
    method, _, rest = target.partition(" ")
    path, _, query = rest.partition("?")
    sdk = toys.SESSION.get_service_model(name)
    request = Sent(method, path, query, {"host": "h", **headers}).request()
    with pytest.raises(Fault) as caught:
        Service(name, sdk.resolved_protocol).ours.read(request, body)
    assert (caught.value.kind, caught.value.noun) in ((Kind.INVALID, "document"), (Kind.INVALID, "uri"))


def test_a_map_of_all_that_a_query_says_has_nothing_of_its_signature() -> None:
    door = Service("apigateway", "rest-json")
    query = "extensions=oas&X-Amz-Date=20260101T000000Z&X-Amz-Signature=0"
    sent = Sent("GET", "/restapis/r/stages/s/exports/oas30", query, {"host": "h"})
    assert door.ours.read(sent.request(), b"")[1]["parameters"] == {"extensions": "oas"}


def test_null_where_it_may_be_and_anything_where_that_may_be() -> None:
    """Neither is held against what the model says of its type."""
    door = Service("lex-runtime", "rest-json")
    operation = door.model.operations["PostContent"]
    assert operation.input is not None
    toys.validate(operation.input, {"botName": "b", "botAlias": "a", "userId": "us", "contentType": "x",
                                    "inputStream": b"", "sessionAttributes": {"any": ["thing"]}})  # fmt: skip
    sparse = Service("connectcases", "rest-json").model.operations["GetCaseAuditEvents"].output
    assert sparse is not None
    assert sparse.members["auditEvents"].shape.sparse
    toys.validate(sparse, {"auditEvents": [None]})


# --- streams ----------------------------------------------------------------------------------------------------------


def stream_of(*told: Any) -> list[tuple[dict[str, Any], bytes]]:
    params = {"modelId": "qwen", "messages": [{"role": "user", "content": [{"text": "hi"}]}]}
    reply = answer(
        BEDROCK, catch(client("bedrock-runtime"), "converse_stream", **params), {"stream": toys.events(*told)}
    )

    async def collect() -> bytes:
        return b"".join([chunk async for chunk in reply.body.chunks()])  # type: ignore[union-attr]

    buffer = EventStreamBuffer()
    buffer.add_data(asyncio.run(collect()))
    return [(event.headers, event.payload) for event in buffer]


def test_a_fault_in_a_stream_is_told_in_it() -> None:
    first, last = stream_of({"messageStart": {"role": "assistant"}}, Fault(Kind.UNAVAILABLE, "store"))
    assert first[0][":event-type"] == "messageStart"
    assert last[0][":message-type"] == "exception"
    assert last[0][":exception-type"] == "serviceUnavailableException"


def test_a_fault_before_a_stream_is_told_by_the_status() -> None:
    with pytest.raises(Fault):
        stream_of(Fault(Kind.UNAVAILABLE, "store"))
