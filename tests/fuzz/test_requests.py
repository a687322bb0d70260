"""Requests made up at random and rightly signed: each gets a reply in the vendor's own form."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.conftest import Examples
from tests.fuzz.test_wire import fine
from tests.fuzz.wire import SUBRESOURCES, Ask, Sign, oss_v1, send, sigv4
from tests.stories.driver import Door

METHODS = st.sampled_from(["GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "PATCH"])
PATHS = st.one_of(
    st.sampled_from(["/", "/fuzz-bucket", "/fuzz-bucket/", "/fuzz-bucket/key", "/no-such-bucket", "/fuzz-bucket/a/b/"]),
    st.text("ab/.%-_~2fF0", max_size=20).map(lambda text: "/" + re.sub("%(?![0-9a-fA-F]{2})", "", text)),
)
S3_PARAMETERS = (
    "accelerate acl analytics attributes cors delete encryption intelligent-tiering inventory legal-hold lifecycle "
    "list-type location logging max-keys metrics notification object-lock ownershipControls partNumber policy "
    "policyStatus prefix publicAccessBlock replication requestPayment restore retention select select-type tagging "
    "torrent uploadId uploads versionId versioning versions website x-id marker delimiter continuation-token"
)
OSS_PARAMETERS = (
    "append bucketInfo stat symlink objectMeta live worm qos style referer cname callback img vod position "
    "x-oss-process x-oss-traffic-limit sequential asyncFetch regionList resourceGroup accessPoint publicAccessBlock"
)
NAMES = st.sampled_from(sorted({*S3_PARAMETERS.split(), *OSS_PARAMETERS.split(), *SUBRESOURCES}))
VALUES = st.one_of(st.none(), st.sampled_from(["", "1", "0", "-1", "2", "null", "url", "true"]), st.text(max_size=12))
PLAIN = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30)
HEADER_NAMES = (
    "range if-match if-none-match content-type content-md5 content-encoding expires origin "
    "x-amz-copy-source x-amz-acl x-amz-tagging x-amz-metadata-directive x-amz-meta-a x-amz-checksum-crc32 x-amz-mfa "
    "x-amz-checksum-algorithm x-amz-sdk-checksum-algorithm x-amz-trailer x-amz-object-attributes "
    "x-amz-expected-bucket-owner x-amz-decoded-content-length x-oss-copy-source x-oss-symlink-target "
    "x-oss-forbid-overwrite x-oss-tagging x-oss-callback x-oss-meta-a x-oss-metadata-directive x-oss-complete-all "
    "x-oss-range-behavior"
)
HEADERS = st.dictionaries(
    st.sampled_from(HEADER_NAMES.split()),
    st.one_of(PLAIN, st.sampled_from(["bytes=0-", "*", "true", "COPY", "/fuzz-bucket/key", "a=b", "0"])),
    max_size=4,
)
ASKS = st.builds(
    Ask, METHODS, PATHS, st.lists(st.tuples(NAMES, VALUES), max_size=3), HEADERS, st.one_of(st.just(b""), st.binary())
)


@pytest.mark.timeout(3600)  # with --long
def test_every_request_gets_a_reply_in_the_vendors_form(door: Door, bucket: str, examples: Examples) -> None:
    @settings(settings.get_profile("fuzz"), max_examples=examples(250, 20_000))
    @given(ASKS, st.sampled_from([sigv4, oss_v1]))
    def run(ask: Ask, sign: Sign) -> None:
        (reply,) = send(door, sign(door, ask))
        fine([reply])
        ours = "x-amz-request-id" if sign is sigv4 else "x-oss-request-id"
        assert re.fullmatch("[0-9A-F]{16}|[0-9A-F]{24}", reply.headers[ours]), reply.headers
        if reply.status >= 400 and ask.method != "HEAD":
            assert reply.headers["content-type"].startswith("application/xml")
            assert reply.code, reply
            assert f"<RequestId>{reply.headers[ours]}</RequestId>".encode() in reply.body

    run()
