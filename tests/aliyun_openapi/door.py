"""The dialects of RAM and STS behind a real socket, with a service that answers what a test told it to.

The vendors' SDKs talk to it unmodified: what they send is bound to commands, which are kept, and what they get is
rendered from the service's own values.
"""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from sampan.dialects.aliyun.oss.dialect import OssDialect
from sampan.dialects.aliyun.ram.dialect import RamDialect
from sampan.dialects.aliyun.sts.dialect import AliyunStsDialect
from sampan.dialects.aws.s3.dialect import S3Dialect
from sampan.engines.authority import Certificates
from sampan.engines.clock_system import SystemClock
from sampan.engines.digests import LibraryDigests
from sampan.gateway.dispatch import Dispatcher
from sampan.gateway.http import Reply, Request
from sampan.kernel.command import Command
from sampan.kernel.fault import Fault, Kind
from sampan.services.identity.model import Document, Entity, EntityKind, Language, Policy, PolicyVersion
from tests.aliyun_openapi.captured import ACCOUNT, Once, Ring, key

MS = 1795343000000
TIME = "2026-11-22T10:23:20Z"
ANN = Entity(
    EntityKind.USER, "ann", "ABCDEFGHIJKLMNOP", ACCOUNT, "/", MS, MS, "of the crew",
    note={"display-name": "Ann", "email": "ann@example.com", "mobile-phone": "86-1"},
)  # fmt: skip
CREW = Entity(EntityKind.GROUP, "crew", "BBCDEFGHIJKLMNOP", ACCOUNT, "/", MS, MS, "all hands")
TRUST = '{"Statement":[{"Action":"sts:AssumeRole","Effect":"Allow","Principal":{"RAM":["*"]}}],"Version":"1"}'
HELM = Entity(
    EntityKind.ROLE, "helm", "CBCDEFGHIJKLMNOP", ACCOUNT, "/", MS, MS, "steers",
    trust=Document(Language.RAM, TRUST), session_s_max=7200, tags={"deck": "upper"},
)  # fmt: skip
TEXT = '{"Statement":[{"Action":"oss:GetObject","Effect":"Allow","Resource":"*"}],"Version":"1"}'
READ = Policy(
    "/read", "read", "/", "DBCDEFGHIJKLMNOP", "", Language.RAM, 2, 1, MS, MS, "reads", {"a": "b"},
    document=Document(Language.RAM, TEXT),
)  # fmt: skip
VERSION = PolicyVersion(2, Document(Language.RAM, TEXT), True, MS)


class Door:
    """`commands` are those that came; `answer` is what the service gives for the next ones: a value, a Fault to be
    raised, or a function of the command. `sent` is the last reply's body."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.address = f"127.0.0.1:{port}"
        self.commands: list[Command] = []
        self.answer: Any = None
        self.sent = b""

    def run(self, command: Command) -> Any:
        self.commands.append(command)
        if isinstance(self.answer, Fault):
            raise self.answer
        return self.answer(command) if isinstance(self.answer, Callable) else self.answer  # type: ignore[arg-type]


@contextlib.contextmanager
def opened(*keys: Any, certificates: Certificates | None = None) -> Iterator[Door]:
    """A server on a free port, until the block ends."""
    nonces = Once()
    dispatcher = Dispatcher(
        [
            S3Dialect((), "us-east-1"),
            OssDialect((), "cn-hangzhou"),
            RamDialect("cn-hangzhou", nonces),
            AliyunStsDialect("cn-hangzhou", nonces),
        ]
    )
    ring = Ring(*(keys or (key("TESTAK", "TESTSK"),)))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            path, _, query = self.path.partition("?")
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.command, path.encode(), query.encode(), headers)
            reply = answer(request, body)
            data: bytes = reply.body  # type: ignore[assignment]
            door.sent = data
            self.send_response(reply.status)
            for name, value in [*reply.headers, ("content-length", str(len(data)))]:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = _answer

        def log_message(self, *args: object) -> None: ...

    def answer(request: Request, body: bytes) -> Reply:
        dialect = dispatcher.pick(request)
        assert dialect is not None, request.raw_query
        try:
            x = dialect.open(request, "0123456789ABCDEF01234567", ring, SystemClock().now_ms())
            assert x.operation is not None
            if x.operation.bind is None or x.operation.render is None:
                raise Fault(Kind.NOT_DONE, "operation", operation=x.operation.name)
            digester = LibraryDigests().start(x.body.algorithms)
            digester.update(body)
            for digest in x.body.digests():
                if digester.values()[digest.algorithm] != digest.value:
                    raise digest.fault
            reply = x.operation.render(x, door.run(x.operation.bind(x, body)))
        except Fault as fault:
            reply = dialect.refuse(request, "0123456789ABCDEF01234567", fault)
        dialect.finish(request, "0123456789ABCDEF01234567", reply)
        return reply

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificates is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates.certificate, certificates.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    door = Door(server.server_port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield door
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
