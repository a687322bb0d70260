"""OSS: which requests are its own, who sent them, and what they ask for."""

from __future__ import annotations

from collections.abc import Sequence

from sampan.dialects.aliyun.oss import ops, replies, undone, words
from sampan.dialects.aliyun.oss.buckets import CLOUD
from sampan.dialects.aliyun.oss.exchange import OssExchange
from sampan.dialects.aliyun.oss.hosts import OSS_HOST, Hosts
from sampan.dialects.aliyun.oss.routes import BUCKET, OBJECT, SERVICE
from sampan.dialects.aliyun.wire import oss_signature
from sampan.dialects.aliyun.wire.oss_body import Body
from sampan.dialects.aliyun.wire.oss_claim import Reading
from sampan.gateway.contract import Claim, Operation
from sampan.gateway.http import Reply, Request
from sampan.kernel.caller import Keyring
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.names import Place

_WITH_BODY = frozenset({"PUT", "POST"})


class OssDialect:
    """The dialect. `domains` are the server's own names, whose subdomains are buckets; `region` is where buckets are
    made whose creator names no region."""

    def __init__(self, domains: Sequence[str], region: str) -> None:
        self._hosts = Hosts(domains)
        self._region = region
        self._verifier = oss_signature.Verifier()
        self._routes = ops.table()

    @property
    def name(self) -> str:
        return "aliyun/oss"

    @property
    def claims(self) -> Sequence[Claim]:
        return (
            Claim(0, authorization=("OSS ", "OSS2 ", "OSS4-HMAC-SHA256 ")),
            Claim(0, query=tuple(sorted(oss_signature.PARAMETERS - {"Signature"}))),
            Claim(1, host=OSS_HOST),
            Claim(1, headers=("x-oss-*",), unsigned=True),
            Claim(2, query=("x-oss-process",), unsigned=True),
        )

    @property
    def operations(self) -> Sequence[Operation]:
        return self._routes.operations

    @property
    def words(self) -> frozenset[tuple[Kind, str]]:
        return frozenset(words.WORDS)

    def open(self, request: Request, request_id: str, keys: Keyring, now_ms: int) -> OssExchange:
        """Raises what `Verifier.verify` raises, INVALID "uri", UNKNOWN or NOT_DONE "operation", ABSENT
        "authorization" (no bucket, nobody to list them for), INVALID "argument" or "digest" (the body's headers)."""
        x = OssExchange(request, request_id, self._region)
        readings, host_region = self._hosts.readings(request)
        signed = self._verifier.verify(request, readings, keys, now_ms)
        reading, region = readings[0], host_region
        if signed is not None:
            x.caller, reading = signed.key.caller, signed.reading
            if signed.claim.scope is not None:
                region = signed.claim.scope.region
        x.bucket, x.key = reading.bucket, reading.key
        x.place = Place(CLOUD, region) if region else None
        x.operation = self._operation(x, reading)
        if signed is None and not reading.bucket:
            raise Fault(Kind.ABSENT, "authorization")
        if request.method in _WITH_BODY:
            x.body = Body(request)
        return x

    def _operation(self, x: OssExchange, reading: Reading) -> Operation:
        level = (OBJECT if reading.key else BUCKET) if reading.bucket else SERVICE
        headers = x.request.headers
        found = self._routes.find(level, x.request.method, x.params, headers)
        if found is None:
            raise Fault(Kind.UNKNOWN, "operation", f"{x.request.method} of a {level}")
        if found.bind is not None:
            asked = sorted((undone.HEADERS & headers.keys()) | (undone.PARAMETERS & x.params.keys()))
            if asked:
                why = f"{asked[0]} of {found.name} is not done by Sampan yet."
                raise Fault(Kind.NOT_DONE, "operation", why, operation=found.name)
        return found

    def refuse(self, request: Request, request_id: str, fault: Fault) -> Reply:
        """OSS takes two of the service's faults for good: making one's own bucket again, and a bucket's tags that are
        none."""
        match (fault.kind, fault.noun):
            case (Kind.EXISTS, "bucket") if fault.facts.get("mine"):
                return replies.empty(headers=[("location", f"/{fault.facts.get('bucket', '')}")])
            case (Kind.MISSING, "bucket tags"):
                return replies.xml("Tagging", "<TagSet></TagSet>")
        return words.refusal(request, request_id, fault)

    def finish(self, request: Request, request_id: str, reply: Reply) -> None:
        reply.headers += [
            ("server", "AliyunOSS"),
            ("x-oss-request-id", request_id),
            ("x-oss-server-time", str(max(1, request.age_ms()))),
        ]
