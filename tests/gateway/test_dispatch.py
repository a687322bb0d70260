"""Claims: which requests a dialect says are its own."""

from __future__ import annotations

from typing import Any

import pytest

from sampan.gateway.contract import Claim
from sampan.gateway.dispatch import Dispatcher, unsigned
from sampan.gateway.http import Request

V4 = "AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/{}/aws4_request, SignedHeaders=host, Signature=00"


class Named:
    """As much of a dialect as dispatch looks at."""

    def __init__(self, name: str, *claims: Claim) -> None:
        self.name = name
        self.claims = claims


def picked(dialects: list[Any], path: bytes = b"/", query: bytes = b"", **headers: str) -> str | None:
    request = Request("GET", path, query, {name.replace("_", "-"): value for name, value in headers.items()})
    found = Dispatcher(dialects).pick(request)
    return None if found is None else found.name


@pytest.mark.parametrize(
    ("claim", "yes", "no"),
    [
        (Claim(0, authorization=("OSS ",)), {"authorization": "OSS a:b"}, {"authorization": "OSS4 a:b"}),
        (Claim(0, authorization=("OSS ",)), {"authorization": "OSS a:b"}, {}),
        (Claim(0, headers=("x-a", "x-b")), {"x_b": ""}, {"x_c": ""}),
        (Claim(0, headers=("x-oss-*",)), {"x_oss_date": "now"}, {"x_osx_date": "now"}),
        (Claim(0, query=("Sig",)), {"query": b"a=1&Sig=2"}, {"query": b"sig=2&SigX=1"}),
        (Claim(0, host=r"(.+\.)?oss-.*"), {"host": "b.oss-cn-x.com:80"}, {"host": "b.s3.com"}),
        (Claim(0, host=r"oss"), {"host": "OSS"}, {"host": "oss.evil.com"}),
        (Claim(0, path=("/v1/",)), {"path": b"/v1/x"}, {"path": b"/v1"}),
        (Claim(0, unsigned=True), {}, {"authorization": ""}),
        (Claim(0, unsigned=True), {"query": b"a=b"}, {"query": b"X-Amz-Signature=1"}),
        (Claim(0, scope=("s3",)), {"authorization": V4.format("s3")}, {"authorization": V4.format("sqs")}),
        (Claim(0, scope=("s3",)), {"query": b"X-Amz-Credential=A%2FB%2F1%2Fr%2Fs3%2Faws4_request"}, {"query": b""}),
        (Claim(0, scope=("s3",)), {"authorization": "AWS4-ECDSA-P256-SHA256 Credential=A/1/s3/aws4_request"}, {}),
        # A key id may hold slashes; a scope that is cut short is nobody's.
        (Claim(0, scope=("s3",)), {"authorization": V4.replace("AKIA", "A/B/s3").format("s3")},
         {"authorization": "AWS4-HMAC-SHA256 Credential=s3/aws4_request"}),
        # Every test of a claim must hold.
        (Claim(0, headers=("x-a",), path=("/p",)), {"x_a": "", "path": b"/p"}, {"x_a": ""}),
    ],
)  # fmt: skip
def test_a_claim_holds_or_not(claim: Claim, yes: dict[str, Any], no: dict[str, Any]) -> None:
    dialect = Named("one", claim)
    assert picked([dialect], **yes) == "one"
    assert picked([dialect], **no) is None


def test_the_best_rank_wins_whatever_the_order() -> None:
    guess, signed = Named("guess", Claim(2)), Named("signed", Claim(0, headers=("x-sig",)))
    for dialects in ([guess, signed], [signed, guess]):
        assert picked(dialects, x_sig="1") == "signed"
        assert picked(dialects) == "guess"


def test_a_signature_in_the_query_is_not_hidden_by_a_header() -> None:
    """A header that is no AWS4 signature decides the scope: what a client signs twice is not two services'."""
    assert picked([Named("s3", Claim(0, scope=("s3",)))], authorization="Basic s3/aws4_request") is None


def test_unsigned_looks_at_header_and_query() -> None:
    assert unsigned(Request("GET", b"/", b"prefix=Signature", {}))
    assert not unsigned(Request("GET", b"/", b"Signature=", {}))
    assert not unsigned(Request("GET", b"/", b"", {"authorization": ""}))


def test_all_claims_that_hold_are_told() -> None:
    dialects = [Named("a", Claim(2), Claim(0)), Named("b", Claim(1))]
    found = Dispatcher(dialects).claimants(Request("GET", b"/", b"", {}))  # type: ignore[arg-type]
    assert [(rank, dialect.name) for rank, dialect in found] == [(0, "a"), (1, "b"), (2, "a")]
