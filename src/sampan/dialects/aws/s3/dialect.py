"""The S3 dialect: which requests are its own, who signed them, which operation they mean."""

from __future__ import annotations

from collections.abc import Sequence

from sampan.dialects.aws.s3 import names, words
from sampan.dialects.aws.s3.address import ENDPOINT_HOSTS, Address, Addresses
from sampan.dialects.aws.s3.exchange import S3Exchange
from sampan.dialects.aws.s3.headers import check_promises
from sampan.dialects.aws.s3.ops import Table
from sampan.dialects.aws.wire.body import open_body
from sampan.dialects.aws.wire.sign import Signed
from sampan.dialects.aws.wire.sigv2 import SigV2
from sampan.dialects.aws.wire.sigv4 import SigV4
from sampan.gateway.contract import Claim, Operation
from sampan.gateway.http import Reply, Request
from sampan.kernel.caller import Keyring
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.names import Place

_SCOPES = (names.SERVICE,)
_REQUEST_ID_CHARS = 16  # S3's are this long; clients show them and nothing more


class S3Dialect:
    """Implements `gateway.contract.Dialect`.

    `domains` are the names below which a first label is a bucket, beside Amazon's own. `region` is where a bucket is
    made if the signature does not say.
    """

    name = "aws/s3"
    claims: Sequence[Claim] = (
        Claim(rank=0, authorization=("AWS4-",), scope=_SCOPES),
        Claim(rank=0, authorization=("AWS ",)),
        Claim(rank=0, query=("X-Amz-Credential",), scope=_SCOPES),
        Claim(rank=0, query=("AWSAccessKeyId",)),
        Claim(rank=1, host=ENDPOINT_HOSTS),
        # Malformed credentials name no service, and unsigned requests nobody: S3 is the likeliest.
        Claim(rank=2, authorization=("AWS4-",)),
        Claim(rank=2, query=("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature")),
        Claim(rank=2, unsigned=True),
    )

    def __init__(self, domains: Sequence[str], region: str) -> None:
        self._addresses = Addresses(domains)
        self._region = region
        self._table = Table()
        self._v4 = SigV4(names.SERVICE)
        # list-type only asks for another form of the same listing; clients of Version 2 do not sign it.
        self._v2 = SigV2(self._table.subresources - {"list-type"})

    @property
    def operations(self) -> Sequence[Operation]:
        return [row.operation for row in self._table.rows]

    @property
    def words(self) -> frozenset[tuple[Kind, str]]:
        return words.KNOWN

    def open(self, request: Request, request_id: str, keys: Keyring, now_ms: int) -> S3Exchange:
        """Verify the signature, choose the operation and prepare the body. Raises Fault."""
        address = self._addresses.read(request.host, request.path)
        _check_text(request)
        signed = self._verify(request, address, keys, now_ms)
        exchange = S3Exchange(request, request_id, address, signed, _place(request, signed))
        row = self._table.choose(request, address.bucket, address.key, exchange.headers)
        exchange.operation = row.operation
        check_promises(exchange)
        if row.bind is not None and (row.streams or row.document):
            seal = signed.seal if signed is not None else None
            exchange.body = open_body(request, exchange.headers, seal, checksums=not row.whole)
        return exchange

    def _verify(self, request: Request, address: Address, keys: Keyring, now_ms: int) -> Signed | None:
        """None if the request is not signed at all. What is signed in any way must be signed well."""
        authorization = request.headers.get("authorization")
        v4 = v2 = False
        for name, _ in request.query:
            v4 = v4 or name in ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature")
            v2 = v2 or name in ("AWSAccessKeyId", "Signature")
        if (authorization is not None) + v4 + v2 > 1:
            raise Fault(
                Kind.INVALID,
                "argument",
                "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string "
                "parameter or the Authorization header should be specified",
                name="Authorization",
                value=(authorization or "").partition(" ")[0][:64],
            )
        if authorization is not None:
            if authorization.startswith("AWS "):
                return self._v2.verify_header(request, address.virtual, keys, now_ms)
            return self._v4.verify_header(request, keys, now_ms)
        if v4:
            return self._v4.verify_query(request, keys, now_ms)
        if v2:
            return self._v2.verify_query(request, address.virtual, keys, now_ms)
        return None

    def refuse(self, request: Request, request_id: str, fault: Fault) -> Reply:
        """S3's error reply."""
        address = self._addresses.read(request.host, request.path)
        if words.recreated(_signed_region(request) or self._region, fault):
            return Reply(200, [("Location", f"/{address.bucket}")])
        return words.reply(request, request_id[:_REQUEST_ID_CHARS], request_id, address, fault)

    def finish(self, request: Request, request_id: str, reply: Reply) -> None:
        """The ids by which a request is found again, and the server's name."""
        reply.headers += (
            ("x-amz-request-id", request_id[:_REQUEST_ID_CHARS]),
            ("x-amz-id-2", request_id),
            ("Server", "AmazonS3"),
        )


def _check_text(request: Request) -> None:
    """Paths and parameters must be UTF-8. Raises Fault(INVALID, "uri")."""
    if request.path.isascii() and "%" not in request.raw_query and request.raw_query.isascii():
        return
    try:
        request.path.encode()
        for name, value in request.query:
            name.encode()
            value.encode()
    except UnicodeEncodeError:
        raise Fault(Kind.INVALID, "uri", "the path or the query is not UTF-8") from None


def _place(request: Request, signed: Signed | None) -> Place | None:
    """The region that was signed for. OSS speaks S3 as well, with its own regions."""
    if signed is None or not signed.region:
        return None
    if signed.region.startswith("oss-") or request.host.endswith(".aliyuncs.com"):
        return Place("aliyun", signed.region.removeprefix("oss-"))
    return Place(names.CLOUD, signed.region)


def _signed_region(request: Request) -> str:
    credential = request.headers.get("authorization", "").partition("Credential=")[2].partition(",")[0]
    parts = (credential or request.param("X-Amz-Credential") or "").rsplit("/", 3)
    return parts[1] if len(parts) == 4 else ""
