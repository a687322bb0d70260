"""Bodies: aws-chunked in all its forms, cut anywhere, and what headers promise of a plain one."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.dialects.aws.s3.dialect import S3Dialect
from sampan.dialects.aws.wire import dates
from sampan.dialects.aws.wire.body import open_body
from sampan.dialects.aws.wire.chunked import ChunkDecoder
from sampan.dialects.aws.wire.sign import ChunkSeal
from sampan.dialects.aws.wire.sigv4 import SigV4, signing_key
from sampan.engines.digests import LibraryDigests
from sampan.kernel.body import Inflow
from sampan.kernel.fault import Fault, Kind
from tests.aws.sdk import SECRET, Ring, Sent, catch, check, client, drain, fault_of, key, outcome

SCOPE = "20130524/us-east-1/s3/aws4_request"
STAMP = "20130524T000000Z"
KEY = signing_key(SECRET, "20130524", "us-east-1", "s3")
NOW_MS = dates.parse_amz(STAMP) or 0
RING = Ring(AKIAIOSFODNN7EXAMPLE=key("AKIAIOSFODNN7EXAMPLE"))
NOTHING = hashlib.sha256(b"").hexdigest()


def seal(signature: str = "0" * 64) -> ChunkSeal:
    return ChunkSeal(KEY, STAMP, SCOPE, signature)


def encode(chunks: list[bytes], first: str | None, trailer: tuple[str, str] | None = None, end: str = "\r\n") -> bytes:
    """aws-chunked as a sender makes it: signed if `first`, the request's signature, is given."""
    previous, wire = first, b""
    for chunk in [*chunks, b""]:
        extension = b""
        if previous is not None:
            digest = hashlib.sha256(chunk).hexdigest()
            previous = sign("\n".join(["AWS4-HMAC-SHA256-PAYLOAD", STAMP, SCOPE, previous, NOTHING, digest]))
            extension = b";chunk-signature=" + previous.encode()
        wire += f"{len(chunk):x}".encode() + extension + b"\r\n" + (chunk + b"\r\n" if chunk else b"")
    if trailer is not None:
        wire += f"{trailer[0]}:{trailer[1]}{end}".encode()
        if previous is not None:
            digest = hashlib.sha256(f"{trailer[0]}:{trailer[1]}\n".encode()).hexdigest()
            signature = sign("\n".join(["AWS4-HMAC-SHA256-TRAILER", STAMP, SCOPE, previous, digest]))
            wire += f"x-amz-trailer-signature:{signature}\r\n".encode()
    return wire + b"\r\n"


def sign(text: str) -> str:
    return hmac.digest(KEY, text.encode(), "sha256").hex()


def feed(decoder: ChunkDecoder, pieces: list[bytes]) -> bytes:
    data = b"".join(piece for wire in pieces for piece in decoder.feed(wire))
    decoder.finish()
    return data


# --- AWS's own examples ----------------------------------------------------------------------------------------------
# "Transferring Payload in Multiple Chunks" and the page on trailing headers, of the S3 API reference: 65 KiB of "a" in
# chunks of 64 KiB.

CHUNKS = [b"a" * 65536, b"a" * 1024]
SIGNED_WIRE = (
    b"10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n" + CHUNKS[0] + b"\r\n"
    b"400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n" + CHUNKS[1] + b"\r\n"
    b"0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n"
)  # fmt: skip
SIGNED = Sent(
    "PUT",
    "/examplebucket/chunkObject.txt",
    "",
    {
        "host": "s3.amazonaws.com",
        "x-amz-date": STAMP,
        "x-amz-storage-class": "REDUCED_REDUNDANCY",
        "authorization": "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
        "SignedHeaders=content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;"
        "x-amz-decoded-content-length;x-amz-storage-class,"
        "Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
        "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "content-encoding": "aws-chunked",
        "x-amz-decoded-content-length": "66560",
        "content-length": "66824",
    },
    SIGNED_WIRE,
)


def opened(sent: Sent, pieces: list[bytes] | None = None, **more: Any) -> Inflow:
    request = sent.request(pieces, **more)
    signed = SigV4("s3").verify_header(request, RING, NOW_MS)
    return open_body(request, signed.headers, signed.seal, checksums=True)


def test_the_manuals_signed_chunks_verify() -> None:
    assert len(SIGNED_WIRE) == 66824
    body = opened(SIGNED)
    assert body.length == 66560
    assert drain(body) == b"".join(CHUNKS)


def test_the_manuals_signed_chunks_with_a_trailer_verify() -> None:
    headers = {name: value for name, value in SIGNED.headers.items() if name != "content-length"}
    headers |= {
        "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        "x-amz-trailer": "x-amz-checksum-crc32c",
        "authorization": "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
        "SignedHeaders=content-encoding;host;x-amz-content-sha256;x-amz-date;"
        "x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer,"
        "Signature=106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
    }
    wire = (
        b"10000;chunk-signature=b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2\r\n"
        + CHUNKS[0] + b"\r\n"
        b"400;chunk-signature=1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7\r\n"
        + CHUNKS[1] + b"\r\n"
        b"0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n"
        b"x-amz-checksum-crc32c:sOO8/Q==\r\n"
        b"x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n"
    )  # fmt: skip
    body = opened(replace(SIGNED, headers=headers, body=wire))
    assert body.algorithms == {"crc32c"}
    assert check(body) == b"".join(CHUNKS)


def b64(algorithm: str, data: bytes) -> str:
    digester = LibraryDigests().start([algorithm])
    digester.update(data)
    return base64.b64encode(digester.values()[algorithm]).decode()


# --- framing ---------------------------------------------------------------------------------------------------------

DATA = [b"hello, ", b"wor", b"ld"]
CHECKSUM = ("x-amz-checksum-crc32", b64("crc32", b"".join(DATA)))
FORMS = {
    "signed": (encode(DATA, "0" * 64), seal(), ""),
    "signed trailer": (encode(DATA, "0" * 64, CHECKSUM), seal(), CHECKSUM[0]),
    "signed trailer, line ends as some SDKs write them": (
        encode(DATA, "0" * 64, CHECKSUM, "\n\r\n"),
        seal(),
        CHECKSUM[0],
    ),
    "unsigned trailer": (encode(DATA, None, CHECKSUM), None, CHECKSUM[0]),
    "unsigned": (encode(DATA, None), None, ""),
}


def decoder(form: str) -> ChunkDecoder:
    _, sealed, trailer = FORMS[form]
    return ChunkDecoder(12, sealed, trailer)


@pytest.mark.parametrize("form", FORMS)
def test_cut_at_every_byte(form: str) -> None:
    wire = FORMS[form][0]
    for cut in range(len(wire) + 1):
        taken = decoder(form)
        assert feed(taken, [wire[:cut], wire[cut:]]) == b"hello, world"
        assert taken.trailer == (CHECKSUM[1] if "trailer" in form else "")
    assert feed(decoder(form), [wire[i : i + 1] for i in range(len(wire))]) == b"hello, world"


@pytest.mark.parametrize("form", FORMS)
def test_ended_at_every_byte(form: str) -> None:
    wire = FORMS[form][0]
    for end in range(len(wire)):
        fault = fault_of(lambda end=end: feed(decoder(form), [wire[:end]]))
        assert (fault.kind, fault.noun) == (Kind.TRUNCATED, "body")


@pytest.mark.parametrize("form", ["signed", "signed trailer"])
def test_no_byte_of_a_signed_body_can_be_changed(form: str) -> None:
    wire = FORMS[form][0]
    for at in range(len(wire) - 2):
        for byte in (wire[at] ^ 1, ord("0"), ord("\n")):
            if byte == wire[at]:
                continue
            changed = wire[:at] + bytes([byte]) + wire[at + 1 :]
            taken = decoder(form)
            try:
                data = feed(taken, [changed])
            except Fault as fault:
                assert (fault.kind, fault.noun) in {
                    (Kind.INVALID, "chunk"), (Kind.MISMATCH, "signature"), (Kind.TRUNCATED, "body"),
                }  # fmt: skip
            else:
                # A line end that says the same, or the case of a hexadecimal size: nothing that matters.
                assert (data, taken.trailer) == (b"hello, world", CHECKSUM[1] if "trailer" in form else "")


def test_chunks_cannot_change_places_or_be_left_out() -> None:
    wire = FORMS["signed"][0]
    lines = wire.split(b"\r\n")
    swapped = b"\r\n".join(lines[2:4] + lines[0:2] + lines[4:])
    left_out = b"\r\n".join(lines[2:])
    for changed in (swapped, left_out):
        assert fault_of(lambda changed=changed: feed(decoder("signed"), [changed])).noun == "signature"


@pytest.mark.parametrize(
    ("wire", "kind", "noun"),
    [
        (b"", Kind.TRUNCATED, "body"),
        (b"c\r\nhello, world\r\n0\r\n\r\n trailing", Kind.INVALID, "chunk"),
        (b"b\r\nhello, worl\r\n0\r\n\r\n", Kind.TRUNCATED, "body"),
        (b"d\r\nhello, world!\r\n0\r\n\r\n", Kind.INVALID, "chunk"),
        (b"ffffffffffffffff\r\n", Kind.INVALID, "chunk"),
        (b"0x0c\r\nhello, world\r\n0\r\n\r\n", Kind.INVALID, "chunk"),
        (b"+c\r\nhello, world\r\n0\r\n\r\n", Kind.INVALID, "chunk"),
        (b"-1\r\n", Kind.INVALID, "chunk"),
        (b"\r\n", Kind.INVALID, "chunk"),
        (b"c\nhello, world\r\n0\r\n\r\n", Kind.INVALID, "chunk"),
        (b"c\r\nhello, worldxx0\r\n\r\n", Kind.INVALID, "chunk"),
        (b"c\r\nhello, worldx\n0\r\n\r\n", Kind.INVALID, "chunk"),
        (b"c\r\nhello, world\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", Kind.INVALID, "chunk"),
        (b"0" * 5000, Kind.INVALID, "chunk"),
        (b"c;" + b"x" * 5000 + b"\r\n", Kind.INVALID, "chunk"),
    ],
)
def test_framing_that_cannot_be_read(wire: bytes, kind: Kind, noun: str) -> None:
    fault = fault_of(lambda: feed(ChunkDecoder(12, None, ""), [wire]))
    assert (fault.kind, fault.noun) == (kind, noun)


@pytest.mark.parametrize(
    "tail",
    [
        b"\r\n",
        b"x-amz-checksum-sha256:AAAA\r\n\r\n",
        b"x-amz-checksum-crc32:AAAAAA==\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n",
        b"x-amz-checksum-crc32:\r\n\r\n",
        b"x-amz-checksum-crc32\r\n\r\n",
        b"x-amz-trailer-signature:0\r\n\r\n",
        b":\r\n" * 100,
    ],
)
def test_trailers_that_were_not_announced(tail: bytes) -> None:
    wire = b"c\r\nhello, world\r\n0\r\n" + tail
    fault = fault_of(lambda: feed(ChunkDecoder(12, None, "x-amz-checksum-crc32"), [wire]))
    assert (fault.kind, fault.noun, fault.facts["part"]) == (Kind.INVALID, "chunk", "trailer")


def test_a_signed_trailer_needs_its_signature() -> None:
    wire = FORMS["signed trailer"][0]
    without = wire[: wire.index(b"x-amz-trailer-signature")] + b"\r\n"
    assert fault_of(lambda: feed(decoder("signed trailer"), [without])).kind is Kind.TRUNCATED
    blank = wire.replace(b"x-amz-trailer-signature", b"\r\n" * 100 + b"x-amz-trailer-signature")
    assert fault_of(lambda: feed(decoder("signed trailer"), [blank])).noun == "chunk"
    other = wire.replace(CHECKSUM[1].encode(), b"AAAAAA==")
    assert fault_of(lambda: feed(decoder("signed trailer"), [other])).noun == "signature"


@given(st.lists(st.binary(max_size=40), max_size=20), st.sampled_from(sorted(FORMS)))
def test_any_bytes_are_a_fault_and_no_accident(pieces: list[bytes], form: str) -> None:
    with pytest.raises(Fault):
        feed(decoder(form), pieces)


@given(st.lists(st.binary(min_size=1, max_size=100), max_size=8), st.data())
def test_what_is_encoded_is_decoded(chunks: list[bytes], data: st.DataObject) -> None:
    wire = encode(chunks, "0" * 64)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=6)))
    pieces = [wire[a:b] for a, b in zip([0, *cuts], [*cuts, len(wire)], strict=True)]
    whole = b"".join(chunks)
    assert feed(ChunkDecoder(len(whole), seal(), ""), pieces) == whole


# --- plain bodies and what their headers say -------------------------------------------------------------------------


def code(headers: dict[str, str], body: bytes = b"hello", **more: Any) -> str:
    """The error for an unsigned upload with these headers; what nobody may do comes later than what cannot be."""
    sent = Sent("PUT", "/bkt/k", "", {"host": "127.0.0.1", "content-length": str(len(body)), **headers}, body)
    return outcome(S3Dialect((), "us-east-1"), sent.request(**more), Ring(), 0)


@pytest.mark.parametrize("algorithm", ["crc32", "crc32c", "crc64nvme", "sha1", "sha256"])
def test_checksums_are_claimed_kept_and_refused(algorithm: str) -> None:
    name = f"x-amz-checksum-{algorithm}"
    assert code({name: b64(algorithm, b"hello")}) == ""
    assert code({name: b64(algorithm, b"hellp")}) == "BadDigest"
    assert code({name: "AAAA"}) == "InvalidRequest"
    assert code({name: "not base64"}) == "InvalidRequest"
    assert code({name: b64(algorithm, b"hello"), "x-amz-sdk-checksum-algorithm": algorithm.upper()}) == ""
    assert code({"x-amz-sdk-checksum-algorithm": algorithm.upper()}) == "InvalidRequest"
    sent = Sent("PUT", "/b/k", "", {name: b64(algorithm, b""), "content-length": "0"})
    (digest,) = open_body(sent.request(), sent.headers, None, checksums=True).digests()
    assert (digest.algorithm, digest.stored) == (algorithm, True)


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"content-md5": "XUFAKrxLKna5cZ2REBfFkg=="}, ""),
        ({"content-md5": "XUFAKrxLKna5cZ2REBfFkw=="}, "BadDigest"),
        ({"content-md5": "XUFA"}, "InvalidDigest"),
        ({"content-md5": "5d41402abc4b2a76b9719d911017c592"}, "InvalidDigest"),
        ({"content-md5": ""}, "InvalidDigest"),
        ({"x-amz-content-sha256": hashlib.sha256(b"hello").hexdigest()}, ""),
        ({"x-amz-content-sha256": hashlib.sha256(b"hellp").hexdigest()}, "XAmzContentSHA256Mismatch"),
        ({"x-amz-content-sha256": "x" * 64}, "InvalidArgument"),
        ({"x-amz-content-sha256": "UNSIGNED"}, "InvalidArgument"),
        ({"x-amz-content-sha256": "STREAMING-NOTHING"}, "InvalidArgument"),
        ({"x-amz-content-sha256": "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"}, "NotImplemented"),
        ({"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}, "MissingContentLength"),
        # Signed chunks need a signature to begin with.
        (
            {"x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "x-amz-decoded-content-length": "5"},
            "InvalidArgument",
        ),
        ({"x-amz-checksum-crc32": "NhCmhg==", "x-amz-checksum-sha1": "qvTGHdzF6KLavt4PO0gs2a6pQ00="}, "InvalidRequest"),
        ({"x-amz-checksum-crc32": "NhCmhg==", "x-amz-sdk-checksum-algorithm": "SHA1"}, "InvalidRequest"),
        ({"x-amz-checksum-sha512": "AAAA"}, "NotImplemented"),
        ({"x-amz-checksum-crc33": "AAAA"}, "InvalidRequest"),
        ({"content-length": "six"}, "InvalidArgument"),
        ({"content-length": "-5"}, "InvalidArgument"),
        ({"content-length": "6"}, "IncompleteBody"),
    ],
)
def test_what_headers_say_of_a_body(headers: dict[str, str], said: str) -> None:
    assert code(headers) == said


def test_a_sender_who_hangs_up_left_the_body_incomplete() -> None:
    assert code({}, whole=False) == "IncompleteBody"
    fault = fault_of(lambda: drain(opened(SIGNED, [SIGNED_WIRE[:1000]], whole=False)))
    assert (fault.kind, fault.noun) == (Kind.TRUNCATED, "body")


def test_trailing_checksums(dialect: S3Dialect) -> None:
    headers = {
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "x-amz-decoded-content-length": "12",
        "x-amz-trailer": "x-amz-checksum-crc32",
        "x-amz-sdk-checksum-algorithm": "CRC32",
    }
    wire = encode(DATA, None, CHECKSUM)
    assert code(headers, wire) == ""
    assert code(headers, encode(DATA, None, (CHECKSUM[0], "AAAAAA=="))) == "BadDigest"
    assert code(headers, encode(DATA, None, (CHECKSUM[0], "AAAA"))) == "InvalidRequest"
    assert code(headers, encode(DATA, None)) == "MalformedTrailerError"
    assert code(headers, encode(DATA, None, ("x-amz-checksum-sha1", "AAAA"))) == "MalformedTrailerError"
    assert code({**headers, "x-amz-trailer": "x-amz-checksum-md5"}, wire) == "NotImplemented"
    assert code({**headers, "x-amz-trailer": "x-other"}, wire) == "InvalidRequest"
    assert code({**headers, "x-amz-checksum-sha1": "qvTGHdzF6KLavt4PO0gs2a6pQ00="}, wire) == "InvalidRequest"
    assert code({**headers, "x-amz-decoded-content-length": "13"}, wire) == "IncompleteBody"
    assert code({**headers, "x-amz-decoded-content-length": "11"}, wire) == "InvalidRequest"
    assert code(headers, b"not chunked at all\r\n") == "InvalidRequest"


def test_the_sdks_own_trailing_checksum_verifies(dialect: S3Dialect, keys: Ring, now_ms: int) -> None:
    """Over https the SDK streams the body unsigned, with the checksum behind it."""
    request = catch(
        client(endpoint="https://127.0.0.1:4566"), "put_object", Bucket="bkt", Key="k", Body=b"hello" * 9999
    )
    assert request.headers["x-amz-content-sha256"] == "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
    assert outcome(dialect, request, keys, now_ms) == ""
    assert outcome(dialect, replace(request, body=request.body.replace(b"o", b"0", 1)), keys, now_ms) == "BadDigest"
    assert outcome(dialect, replace(request, body=request.body[:-30]), keys, now_ms) == "IncompleteBody"


def test_a_completing_requests_checksum_is_the_objects(dialect: S3Dialect, keys: Ring, now_ms: int) -> None:
    request = catch(
        client(), "complete_multipart_upload", Bucket="bkt", Key="k", UploadId="u", ChecksumCRC32="AAAAAA==",
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": '"' + "0" * 32 + '"'}]},
    )  # fmt: skip
    exchange = dialect.open(request.request(), "R", keys, now_ms)
    assert "crc32" not in exchange.body.algorithms
    assert exchange.operation is not None and exchange.operation.bind is not None
    command: Any = exchange.operation.bind(exchange, check(exchange.body))
    assert command.checksums == {"crc32": b"\0\0\0\0"}
