"""Every operation of every dialect: refused without permission, allowed with exactly the right one, and refused across
accounts. Asked from outside, by requests that are really signed; the permissions are those of the vendors' own pages,
in the vendors' own words.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from sampan import app
from sampan.config import Config
from tests.guarded.house import CLOUDS, SESAME, Answer, House, Sample
from tests.guarded.samples_identity import ALIYUN_STS, IAM, RAM, STS
from tests.guarded.samples_models import ANTHROPIC, BEDROCK, BEDROCK_RUNTIME, DASHSCOPE, OPENAI
from tests.guarded.samples_objects import OSS, S3

SAMPLES = {
    "aws/s3": S3,
    "aws/iam": IAM,
    "aws/sts": STS,
    "aws/bedrock": BEDROCK,
    "aws/bedrock-runtime": BEDROCK_RUNTIME,
    "aliyun/oss": OSS,
    "aliyun/ram": RAM,
    "aliyun/sts": ALIYUN_STS,
    "aliyun/dashscope": DASHSCOPE,
    "open/anthropic": ANTHROPIC,
    "open/openai": OPENAI,
}
BOUND = {
    (dialect.name, operation.name)
    for dialect in app.dialects(Config())
    for operation in dialect.operations
    if operation.bind is not None
}
EVERY = [(dialect, name, sample) for dialect, samples in SAMPLES.items() for name, sample in samples]
every = pytest.mark.parametrize(
    ("dialect", "name", "sample"), EVERY, ids=[f"{dialect}-{name}" for dialect, name, _ in EVERY]
)


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = House.furnished(tmp_path_factory.mktemp("house"))
    yield house
    house.close()


@pytest.fixture
def house(furnished: House) -> Iterator[House]:
    house = furnished.fork()
    yield house
    house.close()


def test_every_operation_is_walked() -> None:
    """A dialect, or an operation, that nobody has written a sample for is one that nobody has seen refused."""
    assert {name for name, _ in BOUND} == set(CLOUDS) == set(SAMPLES)
    assert {(dialect, name) for dialect, name, _ in EVERY} == BOUND


@every
def test_only_with_the_right_permission(house: House, dialect: str, name: str, sample: Sample) -> None:
    """Whatever is allowed besides, and wherever else it is allowed."""
    cloud = CLOUDS[dialect]

    def asked(who: str = "zed") -> Answer:
        answer = cloud.ask(house, name, sample, who)
        assert answer.operation == name, f"the sample is of another operation: {answer}"
        return answer

    if sample.free or sample.token:
        answer = asked("" if sample.token else "zed")
        assert answer.fault == "", answer
        return
    right = [cloud.statement(need, house) for need in sample.needs]
    assert right, "an operation that needs no permission"
    assert asked().denied
    for index, need in enumerate(sample.needs):
        rest = right[:index] + right[index + 1 :]
        house.give(cloud.language(*rest) if rest else None)
        assert asked().denied, f"{need} is not asked for"
        everything_else = {"NotAction": right[index]["Action"], "Resource": ["*"]}
        if sum(other.partition(" ")[0] == need.partition(" ")[0] for other in sample.needs) == 1:
            house.give(cloud.language(everything_else))
            assert asked().denied, f"something else is good for {need}"
        if not need.endswith(" *"):
            house.give(cloud.language(*rest, cloud.statement(need, house, "x")))
            assert asked().denied, f"the place of {need} does not count"
    house.give(cloud.language(*right))
    answer = asked()
    assert answer.fault == "", answer


@every
@pytest.mark.parametrize("who", ["stranger", "tom"])
def test_never_across_accounts(house: House, dialect: str, name: str, sample: Sample, who: str) -> None:
    """Not by another account's root, nor by its user who may do everything: neither changes nor reads what is ours."""
    if sample.token:
        pytest.skip("a token is good for whoever holds it; see test_tokens")
    strangers = house.keys["stranger"].account.encode()
    before = {key: value for key, value in house.rows() if strangers not in key}
    answer = CLOUDS[dialect].ask(house, name, sample, who)
    after = dict(house.rows())
    assert {key: after.get(key) for key in before} == before, "it changed what is ours"
    if dialect in ("aws/s3", "aliyun/oss"):
        # Buckets have one name for all accounts: here the guard is asked about what is ours, but for what is new.
        assert answer.denied == (answer.resource not in ("", "new")), answer
    assert SESAME.encode() not in answer.body.replace(sample.asks.encode(), b""), answer


@every
@pytest.mark.parametrize("who", ["", "liar"])
def test_nothing_without_a_good_signature(house: House, dialect: str, name: str, sample: Sample, who: str) -> None:
    """Neither to who signs with a secret that is nearly right, nor to who does not sign at all."""
    if sample.token:
        pytest.skip("it is not signed; see test_tokens")
    root = house.keys["root"]
    house.keys = {**house.keys, "liar": replace(root, secret=root.secret + "!")}
    house.tokens = {**house.tokens, "liar": house.tokens["root"] + "A"}
    before = house.rows()
    answer = CLOUDS[dialect].ask(house, name, sample, who)
    assert answer.status >= 400, answer
    assert answer.fault == CLOUDS[dialect].wrong if who else answer.fault, answer
    assert house.rows() == before
    assert SESAME.encode() not in answer.body


@pytest.mark.parametrize("dialect", ["aws/sts", "aliyun/sts"])
def test_tokens(house: House, dialect: str) -> None:
    """A token is good for the role that trusts its issuer, while it lasts, and for nothing else."""
    (name, sample) = next((name, sample) for name, sample in SAMPLES[dialect] if sample.token)

    def asked(**change: str) -> str:
        asks = sample.asks
        for old, new in change.items():
            asks = asks.replace(old, new)
        return CLOUDS[dialect].ask(house, name, replace(sample, asks=asks), "").fault

    assert asked() == ""
    assert asked(web="helm") == "denied action"
    assert asked(web="nobody") == "denied action"
    assert asked(**{"{account}": house.keys["stranger"].account, "{number}": "1" + "9" * 15}) != ""
    signed = house.facts["token"]
    house.facts = {**house.facts, "token": signed[:-4] + ("AAAA" if signed[-4:] != "AAAA" else "BBBB")}
    assert asked() == "invalid identity token"
    house.facts = {**house.facts, "token": signed}
    house.clock.ms += 3600_000
    assert asked() == "expired identity token"
