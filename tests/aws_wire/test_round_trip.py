"""Every protocol against AWS's SDK: what it sends we read, what we write it reads, whatever the values are."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampan.dialects.aws.wire.protocol import Refusal
from sampan.dialects.aws.wire.validation import validate
from sampan.gateway.contract import FAULTS
from sampan.kernel.fault import Fault
from tests.aws_wire.sdk import Service, plain, values

OPERATIONS = [
    ("dynamodb", "json", ("PutItem", "Query", "BatchWriteItem", "TransactWriteItems", "CreateTable", "DescribeTable")),
    ("sqs", "json", ("SendMessage", "ReceiveMessage", "SendMessageBatch", "GetQueueAttributes")),
    ("kms", "json", ("Encrypt", "CreateKey", "GenerateDataKey", "ListAliases")),
    ("logs", "json", ("PutLogEvents", "GetLogEvents", "StartQuery", "GetQueryResults")),
    ("ecr", "json", ("PutImage", "BatchGetImage", "GetAuthorizationToken")),
    ("cloudwatch", "json", ("PutMetricData", "GetMetricData")),
    ("cloudwatch", "query", ("PutMetricData", "GetMetricData", "PutMetricAlarm", "DescribeAlarms", "ListMetrics")),
    ("cloudwatch", "smithy-rpc-v2-cbor", ("PutMetricData", "GetMetricData", "PutMetricAlarm", "DescribeAlarms")),
    ("iam", "query", ("CreateUser", "SimulateCustomPolicy", "GetAccountSummary", "ListRoles")),
    ("sns", "query", ("Publish", "CreateTopic", "GetTopicAttributes")),
    ("rds", "query", ("CreateDBInstance", "DescribeDBInstances")),
    ("lambda", "rest-json", ("CreateFunction", "Invoke", "ListFunctions", "AddPermission", "UntagResource")),
    ("bedrock-runtime", "rest-json", ("Converse", "InvokeModel", "CountTokens", "ListAsyncInvokes")),
    ("bedrock", "rest-json", ("ListFoundationModels", "GetFoundationModel", "CreateGuardrail")),
    ("apigateway", "rest-json", ("CreateRestApi", "GetExport", "TestInvokeMethod", "UpdateMethod", "GetSdk")),
    ("glacier", "rest-json", ("InitiateJob", "GetJobOutput", "UploadArchive", "ListVaults")),
    ("lex-runtime", "rest-json", ("PostContent", "PostText")),
    ("iot-data", "rest-json", ("Publish", "GetThingShadow")),
    ("route53", "rest-xml", ("ChangeResourceRecordSets", "ListResourceRecordSets", "CreateHostedZone", "GetChange")),
    ("cloudfront", "rest-xml", ("CreateDistribution", "CreateDistributionWithTags", "GetFunction", "ListFunctions")),
    ("s3control", "rest-xml", ("CreateJob", "GetAccessPoint", "PutBucketLifecycleConfiguration")),
]  # fmt: skip
CASES = [(service, protocol, name) for service, protocol, names in OPERATIONS for name in names]

service = lru_cache(Service)


def without_empty(value: Any) -> Any:
    """What not every protocol can tell: an empty list, map, structure or body from none at all."""
    if isinstance(value, dict):
        below = {key: without_empty(each) for key, each in value.items()}
        return {key: each for key, each in below.items() if each not in ([], {}, b"")}
    if isinstance(value, list):
        return [each for each in map(without_empty, value) if each not in ([], {}, b"")]
    return value


@pytest.mark.parametrize(("name", "protocol", "operation"), CASES)
def test_what_the_sdk_sends_is_read(name: str, protocol: str, operation: str, few: settings) -> None:
    door = service(name, protocol)
    model = door.sdk.operation_model(operation)

    @few
    @given(values(model.input_shape) if model.input_shape is not None else st.just({}))
    def check(params: dict[str, Any]) -> None:
        sent = door.sent(model, params)
        assert door.ours.spoken(sent.request())
        found, read = door.ours.read(sent.request(), sent.body)
        assert found.name == operation
        exact = protocol in ("json", "smithy-rpc-v2-cbor")
        assert (read if exact else without_empty(read)) == (plain(params) if exact else without_empty(plain(params)))

    check()


@pytest.mark.parametrize(("name", "protocol", "operation"), CASES)
def test_what_we_write_the_sdk_reads(name: str, protocol: str, operation: str, few: settings) -> None:
    door = service(name, protocol)
    model = door.sdk.operation_model(operation)
    shape = model.output_shape

    @few
    @given(values(shape) if shape is not None else st.just({}))
    def check(result: dict[str, Any]) -> None:
        reply = door.ours.write(door.model.operations[operation], plain(result), "R")
        assert reply.status < 300
        parsed = door.parsed(reply, shape)
        parsed.pop("ResponseMetadata", None)
        for member in set(parsed) - set(result):
            # Every reply has a status, and every body a type.
            place = shape.members[member].serialization
            if place.get("location") == "statusCode" or place.get("name", "").lower() == "content-type":
                del parsed[member]
        assert without_empty(plain(parsed)) == without_empty(plain(result))

    check()


@pytest.mark.parametrize(("name", "protocol"), sorted({(name, protocol) for name, protocol, _ in CASES}))
def test_the_sdk_reads_our_errors(name: str, protocol: str) -> None:
    """Every error of the model, with all that its shape has, and one that no model has."""
    door = service(name, protocol)
    for code, error in list(door.model.errors.items())[:30]:
        reply = door.ours.refuse(Refusal(code, error.status, "it <broke> & fell"), "R")
        told = door.parsed(reply, None)
        assert told["Error"]["Message"] == "it <broke> & fell"
        assert told["ResponseMetadata"]["HTTPStatusCode"] == error.status
        assert told["Error"]["Code"] == (
            code if protocol in ("json", "rest-json") and not door.model.query_errors else error.code
        )
    told = door.parsed(door.ours.refuse(Refusal("ThrottlingException", 400, "slowly"), "R"), None)
    assert (told["Error"]["Code"], told["Error"]["Message"]) == ("ThrottlingException", "slowly")


@pytest.mark.parametrize(("name", "protocol"), sorted({(name, protocol) for name, protocol, _ in CASES}))
def test_the_sdk_reads_all_that_an_error_tells(name: str, protocol: str, few: settings) -> None:
    door = service(name, protocol)
    rich = [code for code, error in door.model.errors.items() if len(error.shape.members) > 1]

    @few
    @given(st.data())
    def check(data: st.DataObject) -> None:
        error = door.model.errors[data.draw(st.sampled_from(rich))]
        shape = door.sdk.shape_for(error.shape.name)
        told = {member: each for member, each in data.draw(values(shape)).items() if member.lower() != "message"}
        reply = door.ours.refuse(Refusal(error.shape.name, error.status, "it broke", details=plain(told)), "R")
        read = {member: each for member, each in door.parsed(reply, shape).items() if member.lower() != "message"}
        read.pop("ResponseMetadata", None)
        assert without_empty(plain(read)) == without_empty(plain(told))

    if rich:
        check()


@pytest.mark.parametrize(("name", "protocol", "operation"), CASES[::4])
def test_what_is_damaged_is_refused_or_read_but_never_a_mistake_of_ours(
    name: str, protocol: str, operation: str, few: settings
) -> None:
    door = service(name, protocol)
    model = door.sdk.operation_model(operation)

    @settings(few, max_examples=3 * few.max_examples)
    @given(values(model.input_shape), st.data())
    def check(params: dict[str, Any], data: st.DataObject) -> None:
        sent = door.sent(model, params)
        body = bytearray(sent.body)
        for _ in range(data.draw(st.integers(1, 4))):
            at = data.draw(st.integers(0, len(body)))
            body[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
        query = data.draw(st.sampled_from((sent.query, "%ff=1", "Action=" + operation, "a=1&a=1")))
        try:
            found, read = door.ours.read(replace(sent, query=query).request(), bytes(body))
            validate(found.input, read)
        except Fault as fault:
            assert (fault.kind, fault.noun) in FAULTS

    check()
