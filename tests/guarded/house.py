"""Every dialect of the program over real services in memory, and one furnished account to knock at the doors of.

A `House` is as `app` puts one together, dialects and all; `fork` is another one with the same rows, to be changed
freely. What is sent is signed by code that shares nothing with Sampan's.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from bench.sign import Signer, canonical_query
from bench.sign_aliyun import AcsSigner, OssSigner
from sampan import app
from sampan.config import Config
from sampan.dialects.aliyun.dashscope.later import DashScopeDoor
from sampan.dialects.open.openai.batches import OpenAiDoor
from sampan.engines.blobs_memory import MemoryBlobs
from sampan.engines.clock_system import SystemChance
from sampan.engines.digests import LibraryDigests
from sampan.engines.limiter import FileLimiter
from sampan.engines.store_memory import MemoryStore
from sampan.gateway.asgi import Gateway, Parts
from sampan.gateway.audit import Audit
from sampan.gateway.contract import Dialect
from sampan.gateway.dispatch import Dispatcher
from sampan.gateway.guard import Guard
from sampan.gateway.metrics import Counters
from sampan.kernel.body import Bytes
from sampan.kernel.caller import ANONYMOUS, Caller
from sampan.kernel.command import Command
from sampan.kernel.denial import Denial
from sampan.kernel.names import Resource, aliyun_account
from sampan.kernel.policy import Decision, Outcome, Principal
from sampan.services.identity import mfa
from sampan.services.identity import model as im
from sampan.services.identity.service import ROOT_ACCOUNT, Identity
from sampan.services.inference import model as em
from sampan.services.inference.service import Context, Inference
from sampan.services.objects import model as om
from sampan.services.objects.service import Objects
from tests.gateway.world import Lines
from tests.identity.world import SEALER, START_MS, Clock
from tests.inference.scripted import Script, ScriptedEngine

HOST = "127.0.0.1:4566"
USER, GROUP, ROLE = im.EntityKind.USER, im.EntityKind.GROUP, im.EntityKind.ROLE
NUMBER = aliyun_account(ROOT_ACCOUNT)
PROVIDER = "oidc.example.org"
SESAME = "sesame"
"""In the names and tags of what is ours: whoever reads this has read something that is not his."""


@dataclass(frozen=True)
class Answer:
    """A reply, and what the audit says of it: `fault` is "" if all went well."""

    status: int
    body: bytes
    operation: str
    fault: str
    resource: str

    @property
    def denied(self) -> bool:
        """Whether the guard said no."""
        assert (self.fault == "denied action") == (self.status == 403), self
        return self.fault == "denied action"


class House:
    """`keys` are the access keys of who lives here, by name: "root", "zed" (who has no policy at all), and those of
    another account, "stranger" (its root) and "tom" (its user, who may do everything there). `tokens` are their API
    keys. There are models for all: "tern" answers, "gull" embeds, "auk" ranks; "smew" can be taken away."""

    def __init__(self, folder: Path, dialects: Sequence[Dialect], rows: Sequence[tuple[bytes, bytes]] = ()) -> None:
        self._folder, self.dialects = folder, dialects
        self.clock, self.audit, self.store = Clock(), Lines(), MemoryStore()
        self.facts: dict[str, str] = {}
        self.keys: dict[str, im.IssuedKey] = {}
        self.tokens: dict[str, str] = {}
        chance, digests = SystemChance(), LibraryDigests()
        self._runner = asyncio.Runner()
        self.identity = Identity(self.store, self.clock, chance, SEALER, app.READERS, app.PROVIDED)
        self.objects = Objects(
            self.store, MemoryBlobs(chance), self.clock, chance, digests, Config().regions, app.READERS
        )
        tasks = {"tern": em.Task.GENERATE, "gull": em.Task.EMBED, "auk": em.Task.RANK}
        scripts = {f"/{name}": Script(task=task) for name, task in tasks.items()}
        engines = {em.EngineKind.LOCAL: ScriptedEngine(scripts)}
        models = {
            name: em.Deployment(name, ROOT_ACCOUNT, 0, (em.Backend(em.EngineKind.LOCAL, f"/{name}"),), fixed=True)
            for name in tasks
        }
        self._limiter = FileLimiter(folder / "limits")
        self.inference = Inference(
            Context(
                store=self.store,
                blobs=MemoryBlobs(chance),
                clock=self.clock,
                chance=chance,
                digests=LibraryDigests(),
                sealer=SEALER,
                limiter=self._limiter,
                engines=engines,
                operator=ROOT_ACCOUNT,
                log=logging.getLogger("sampan.test"),
                fixed=models,
                doors={"open/openai": OpenAiDoor(), "aliyun/dashscope": DashScopeDoor()},
            )
        )
        resources = {
            "objects": self.objects.owned, "identity": self.identity.owned, "inference": self.inference.owned,
        }  # fmt: skip
        self.guard = Guard(resources, self.identity.standing)
        self._handlers = {**self.identity.handlers, **self.objects.handlers, **self.inference.handlers}
        self.gateway = Gateway(
            Parts(
                dispatcher=Dispatcher(list(dialects)),
                handlers=self._handlers,
                keys=self.identity,
                guard=self.guard,
                clock=self.clock,
                chance=chance,
                digests=digests,
                audit=Audit(self.audit, text=False),
                counters=Counters(folder / "one.counters"),
                pages={},
                life=contextlib.nullcontext,  # type: ignore[arg-type]
                log=logging.getLogger("sampan"),
            )
        )
        if rows:
            self._runner.run(self.store.write(lambda tx: [tx.put(key, value) for key, value in rows]))

    @classmethod
    def furnished(cls, folder: Path) -> House:
        """The first one, with everything in it."""
        house = cls(folder, app.dialects(Config(data=folder)))
        (folder / "run").mkdir(exist_ok=True)
        house._furnish()
        return house

    def fork(self) -> House:
        """The same again: what happens there does not happen here."""
        other = House(self._folder, self.dialects, self.rows())
        other.facts, other.keys, other.tokens = self.facts, self.keys, self.tokens
        return other

    def close(self) -> None:
        self._runner.close()

    def rows(self) -> list[tuple[bytes, bytes]]:
        """All that is stored."""
        with self.store.view() as view:
            return list(view.scan(b"", b"\xff" * 8))

    # --- from within --------------------------------------------------------------------------------------------------

    def act(self, who: str, command: Command) -> Any:
        """Run a command past the guard."""
        key = self.identity.find(self.keys[who].key_id) if who else None
        caller: Caller = key.caller if key is not None else ANONYMOUS
        return self._runner.run(self._handlers[type(command)](caller, command))

    def give(self, document: im.Document | None, user: str = "zed") -> None:
        """Give a user one policy, and no other."""
        ref = im.EntityRef(USER, user)
        if document is not None or self.act("root", im.GetInlinePolicies(ref=ref)):
            self.act("root", im.PutInlinePolicy(ref=ref, name="p", document=document))

    def user(self, root: str, name: str, **tags: str) -> None:
        """A user with a key and no policy."""
        self.act(root, im.CreateEntity(ref=im.EntityRef(USER, name), tags=tags))
        self.keys[name] = self.act(root, im.CreateAccessKey(user=name, form="AKIA"))
        self.tokens[name] = self.act(root, im.CreateApiKey(user=name, form="sk-")).token

    # --- from outside -------------------------------------------------------------------------------------------------

    def send(
        self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes, scheme: str = "http"
    ) -> Answer:
        """A request as the server hands it on. `path` and `query` are escaped."""
        return self._runner.run(self._send(method, path, query, headers, body, scheme))

    async def _send(
        self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes, scheme: str
    ) -> Answer:
        messages = [{"type": "http.request", "body": body, "more_body": False}]
        replied: list[Any] = []

        async def receive() -> Any:
            return messages.pop() if messages else await asyncio.get_running_loop().create_future()  # it stays

        async def send(message: Any) -> None:
            replied.append(message)

        lines = {**headers, **({"content-length": str(len(body))} if body or method in ("PUT", "POST") else {})}
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "scheme": scheme,
            "raw_path": path.encode(),
            "path": path,
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in lines.items()],
            "client": ("127.0.0.1", "5"),
        }
        await self.gateway(scope, receive, send)
        line = json.loads(self.audit.lines[-1])
        return Answer(
            replied[0]["status"],
            b"".join(message.get("body", b"") for message in replied[1:]),
            line.get("operation", ""),
            line.get("fault", ""),
            line.get("resource", ""),
        )

    # --- furniture ----------------------------------------------------------------------------------------------------

    def _furnish(self) -> None:
        self._runner.run(self.identity.adopt_root("AKIAROOTROOTROOTROOT", "root's secret"))
        self.keys["root"] = im.IssuedKey(ROOT_ACCOUNT, "AKIAROOTROOTROOTROOT", "root's secret")
        self.keys["stranger"] = self.act("", im.CreateAccount(name="strangers"))
        for root in ("root", "stranger"):
            self.tokens[root] = self.act(root, im.CreateApiKey(user="", form="sk-")).token
        self.facts |= {"account": ROOT_ACCOUNT, "number": NUMBER}
        self._people()
        self._buckets()
        self._models()
        self._token()
        self.user("stranger", "tom")
        everything = json.dumps(
            {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
        )
        document = im.Document(im.Language.IAM, everything)
        self.act("stranger", im.PutInlinePolicy(ref=im.EntityRef(USER, "tom"), name="p", document=document))
        self._task()

    def _people(self) -> None:
        act = lambda command: self.act("root", command)  # noqa: E731
        ann, crew, helm = im.EntityRef(USER, "ann"), im.EntityRef(GROUP, "crew"), im.EntityRef(ROLE, "helm")
        trust = {"Principal": {"AWS": ROOT_ACCOUNT}, "Action": "sts:AssumeRole"}
        web = {"Principal": {"Federated": f"arn:aws:iam::{ROOT_ACCOUNT}:oidc-provider/{PROVIDER}"}}
        policy = iam({"Action": "s3:GetObject", "Resource": "*"})
        for name in ("zed", "ann"):
            self.user("root", name, team=SESAME)
        # Who has nothing, and can be deleted.
        act(im.CreateEntity(ref=im.EntityRef(USER, "bea"), tags={"team": SESAME}))
        for ref in (crew, im.EntityRef(GROUP, "none")):
            act(im.CreateEntity(ref=ref, description=SESAME))
        act(im.CreateEntity(ref=helm, trust=iam(trust), description=SESAME, tags={"team": SESAME}))
        act(im.CreateEntity(ref=im.EntityRef(ROLE, "bare"), trust=iam(trust), description=SESAME))
        act(
            im.CreateEntity(
                ref=im.EntityRef(ROLE, "web"), trust=iam({**web, "Action": "sts:AssumeRoleWithWebIdentity"})
            )
        )
        act(im.SetMember(group="crew", user="ann", member=True))
        act(im.CreatePolicy(policy="/read", document=policy, description=SESAME, tags={"team": SESAME}))
        act(im.CreatePolicyVersion(policy="/read", document=policy, make_default=True))
        act(im.CreatePolicy(policy="/spare", document=policy))
        for ref in (ann, crew, helm):
            act(im.AttachPolicy(ref=ref, policy="/read", attached=True))
            act(im.PutInlinePolicy(ref=ref, name="own", document=policy))
        for ref in (ann, helm):
            act(im.SetBoundary(ref=ref, policy="/read"))
        for name in ("ann", "zed"):
            act(im.PutLoginProfile(user=name, create=True, password="Harbour-12345!"))
        for name in ("deck", "empty"):
            act(im.CreateInstanceProfile(name=name, tags={"team": SESAME}))
        act(im.SetInstanceRole(name="deck", role="helm", present=True))
        act(im.SetPasswordPolicy(policy=im.PasswordPolicy(chars_min=8)))
        self.facts["api_key"] = act(im.CreateApiKey(user="ann", form="ABSK")).key.key_id
        refusal = Decision(Outcome.IMPLICIT, "identity")
        ann_asks = Principal("user", ROOT_ACCOUNT, "ann")
        denial = Denial(ann_asks, "", "objects:GetObject", Resource("objects", SESAME), refusal)
        self.facts["denial"] = self.identity.told(denial)
        act(im.SetAlias(alias=SESAME))
        seeds = {name: act(im.CreateMfaDevice(name=name)).seed for name in ("phone", "tablet")}
        step = START_MS // mfa.STEP_MS
        codes = {name: [_code(seed, step + n) for n in (0, 1)] for name, seed in seeds.items()}
        act(im.BindMfaDevice(user="ann", name="phone", codes=tuple(codes["phone"])))
        self.facts |= {"key": self.keys["ann"].key_id, "code1": codes["tablet"][0], "code2": codes["tablet"][1]}

    def _buckets(self) -> None:
        block, owned = om.Block(refuse_policy=True), om.Ownership.WRITER
        act = lambda command: self.act("root", command)  # noqa: E731
        for name in ("books", "ruled", "empty"):
            act(om.CreateBucket(bucket=name))
        act(om.PutBucketBlock(bucket="ruled", block=block))
        act(om.PutBucketOwnership(bucket="ruled", ownership=owned))
        act(om.PutBucketTags(bucket="books", tags={"team": SESAME}))
        for key in ("a/1", "a/2"):
            act(om.PutObject(bucket="books", key=key, body=Bytes(SESAME.encode()), tags={"team": SESAME}))
        act(om.PutSymlink(bucket="books", key="a/link", target="a/1"))
        act(
            om.PutObject(
                bucket="books", key="cold", body=Bytes(b"x"), meta=om.Meta(storage_class=om.StorageClass.ARCHIVE)
            )
        )
        act(om.AppendObject(bucket="books", key="log", position=0, body=Bytes(b"x")))
        rule = {"Principal": {"AWS": f"arn:aws:iam::{ROOT_ACCOUNT}:user/bea"}, "Action": "s3:GetObject"}
        act(om.PutBucketPolicy(bucket="ruled", document=iam({**rule, "Resource": f"arn:aws:s3:::ruled/{SESAME}"})))
        upload = act(om.CreateUpload(bucket="books", key="up")).upload
        part = act(om.PutPart(bucket="books", key="up", upload=upload, number=1, body=Bytes(b"x")))
        self.facts |= {"upload": upload, "etag": part.etag}

    def _models(self) -> None:
        act = lambda command: self.act("root", command)  # noqa: E731
        act(em.Deploy(model="smew", backends=(em.Backend(em.EngineKind.LOCAL, "/tern"),)))
        ask = em.Ask(messages=(em.Message(em.Role.USER, (em.Part(text=SESAME),)),))
        self.facts["turn"] = act(em.Generate(model="tern", ask=ask, keep=True, note=b"{}", prefix="resp_")).id

        file = act(em.PutFile(name=SESAME, purpose="batch", body=Bytes(b'{"custom_id": "a"}')))
        batch = em.CreateBatch(door="open/openai", endpoint="/v1/embeddings", input_file=file.id, window_s=3600)
        self.facts |= {"file": file.id, "batch": act(batch).id}

    def _task(self) -> None:
        """One that has not begun: nothing runs here any more."""
        ask = em.Ask(messages=(em.Message(em.Role.USER, (em.Part(text=SESAME),)),))
        task = em.Defer(command=em.Generate(model="tern", ask=ask), door="aliyun/dashscope")
        self.facts["task"] = self.act("root", task).id

    def _token(self) -> None:
        secret = ec.generate_private_key(ec.SECP256R1())
        public = {**json.loads(jwt.algorithms.ECAlgorithm.to_jwk(secret.public_key())), "kid": "one", "alg": "ES256"}
        self.act("root", im.PutProvider(
            create=True, name=PROVIDER, url=f"https://{PROVIDER}", audiences=("sampan",), thumbprints=("0" * 40,),
            keys=json.dumps({"keys": [public]}),
        ))  # fmt: skip
        claims = {"iss": f"https://{PROVIDER}", "sub": "s", "aud": "sampan", "exp": START_MS // 1000 + 600}
        self.facts["token"] = jwt.encode(claims, secret, "ES256", {"kid": "one"})


def _code(seed: str | None, step: int) -> str:
    return mfa.code_at(seed or "", step)


def iam(*statements: dict[str, Any]) -> im.Document:
    """A policy in IAM's language, of statements that allow unless they say something else."""
    made = [{"Effect": "Allow", **each} for each in statements]
    return im.Document(im.Language.IAM, json.dumps({"Version": "2012-10-17", "Statement": made}))


def ram(*statements: dict[str, Any]) -> im.Document:
    """The same in RAM's."""
    made = [{"Effect": "Allow", **each} for each in statements]
    return im.Document(im.Language.RAM, json.dumps({"Version": "1", "Statement": made}))


# --- the clouds' ways of asking ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sample:
    """One call of one operation. `asks` is "METHOD /path?query", or for an API of actions its parameters as a query;
    `needs` are the permissions that the vendor's pages name for it, each "product:Action resource", the resource
    without its ARN's beginning.

    `{name}` stands for one of the house's facts, wherever it is. `free`: whoever can sign may. `token`: it is called
    by who holds a token, and not signed.
    """

    asks: str
    needs: tuple[str, ...] = ()
    body: str = ""
    headers: Mapping[str, str] | None = None
    free: bool = False
    token: bool = False


def sample(asks: str, *needs: str, **more: Any) -> Sample:
    """A Sample, written shortly."""
    return Sample(asks, needs, **more)


class Cloud:
    """How a cloud's clients ask, and what its policies say. `language` makes a policy, `arn` a resource's name."""

    wrong = "mismatch signature"
    """The fault of who is not who he says."""

    def __init__(self, product: str, version: str = "") -> None:
        self.product, self.version = product, version

    def ask(self, house: House, operation: str, sample: Sample, who: str) -> Answer:
        """Send a sample, signed with somebody's key; "" is nobody's."""
        raise NotImplementedError

    def statement(self, need: str, house: House, suffix: str = "") -> dict[str, Any]:
        """The statement that gives just what is needed."""
        action, _, resource = _filled(need, house).partition(" ")
        return {"Action": [action], "Resource": [self.arn(action, resource, suffix)]}

    def arn(self, action: str, resource: str, suffix: str) -> str:
        raise NotImplementedError

    def language(self, *statements: dict[str, Any]) -> im.Document:
        raise NotImplementedError


class Aws(Cloud):
    """S3 where there is no version, else an API of the query protocol."""

    def ask(self, house: House, operation: str, sample: Sample, who: str) -> Answer:
        key = house.keys[who] if who else im.IssuedKey("", "", "")
        signer = Signer(key.key_id, key.secret, HOST, _now(house), service=self.product)
        method, path, query, body = "POST", "/", {}, _filled(sample.body, house).encode()
        if self.version:
            params = {"Action": operation, "Version": self.version, **_pairs(_filled(sample.asks, house))}
            body = "&".join(f"{quote(name)}={quote(value, safe='')}" for name, value in params.items()).encode()
            more = {"content-type": "application/x-www-form-urlencoded"}
        else:
            method, path, query, more = _asked(sample, house, body)
        digest = hashlib.sha256(body).hexdigest()
        plain = {"host": HOST, "amz-sdk-invocation-id": "x", **more}
        headers = signer.headers(method, path, query, digest, more) if who else plain
        return house.send(method, quote(path), canonical_query(query), headers, body)

    def arn(self, action: str, resource: str, suffix: str) -> str:
        if resource == "*":
            return "*"
        product = "s3::" if action.startswith("s3:") else f"iam::{ROOT_ACCOUNT}"
        return f"arn:aws:{product}:{_named(resource, suffix)}"

    def language(self, *statements: dict[str, Any]) -> im.Document:
        return iam(*statements)


class Bedrock(Aws):
    """Bedrock's APIs, whose models belong to no account. Unsigned, only their hosts tell whose requests they are."""

    def __init__(self, host: str) -> None:
        super().__init__("bedrock")
        self.host = host

    def ask(self, house: House, operation: str, sample: Sample, who: str) -> Answer:
        if who:
            return super().ask(house, operation, sample, who)
        method, path, query, more = _asked(sample, house, b"")
        headers = {"host": f"{self.host}.us-east-1.amazonaws.com", **more}
        return house.send(method, quote(path), canonical_query(query), headers, _filled(sample.body, house).encode())

    def arn(self, action: str, resource: str, suffix: str) -> str:
        return _model_arn(resource, suffix)


class Aliyun(Cloud):
    """OSS where there is no version, else an API of the RPC style."""

    def ask(self, house: House, operation: str, sample: Sample, who: str) -> Answer:
        key = house.keys[who] if who else im.IssuedKey("", "", "")
        body = _filled(sample.body, house).encode()
        if self.version:
            query = _pairs(_filled(sample.asks, house))
            signer = AcsSigner(key.key_id, key.secret, HOST, self.version, _now(house))
            signed = signer.headers(operation, query)
            plain = {name: value for name, value in signed.items() if name != "authorization"}
            return house.send("POST", "/", canonical_query(query), signed if who else plain, b"")
        method, path, query, more = _asked(sample, house, body)
        oss = OssSigner(key.key_id, key.secret, HOST, _now(house))
        # Unsigned, OSS's own headers tell its requests from those of S3.
        # What is signed is the resource: a bucket's ends with a slash, however it is written.
        resource = path if path.count("/") > 1 or path == "/" else f"{path}/"
        headers = oss.headers(method, resource, query, more) if who else {"host": HOST, "x-oss-date": "x", **more}
        return house.send(method, quote(path), canonical_query(query), headers, body)

    def arn(self, action: str, resource: str, suffix: str) -> str:
        if resource == "*":
            return "*"
        product = "oss" if action.startswith("oss:") else "ram"
        account = "system" if resource.startswith("system:") else NUMBER
        named = _named(resource.removeprefix("system:"), suffix)
        return f"acs:{product}:*:{account}:{named}"

    def language(self, *statements: dict[str, Any]) -> im.Document:
        return ram(*statements)


class Open(Cloud):
    """The doors to models, where a key is sent along: `version` names the header that their clients always send. Their
    vendors have no policies; here IAM's words for Bedrock stand for the same permissions."""

    wrong = "missing key"

    def ask(self, house: House, operation: str, sample: Sample, who: str) -> Answer:
        body = _filled(sample.body, house).encode()
        method, path, query, more = _asked(sample, house, b"")
        if body.startswith(b"--"):
            more = {**more, "content-type": "multipart/form-data; boundary=B"}
        name, _, value = self.version.partition(": ")
        headers = {"host": HOST, "content-type": "application/json", **({name: value} if name else {}), **more}
        if who:
            headers["authorization"] = f"Bearer {house.tokens[who]}"
        return house.send(method, quote(path), canonical_query(query), headers, body)

    def arn(self, action: str, resource: str, suffix: str) -> str:
        return _model_arn(resource, suffix)

    def language(self, *statements: dict[str, Any]) -> im.Document:
        return iam(*statements)


class ModelStudio(Open):
    """The same, in the words that RAM has for Model Studio: there are some for files and batches, too."""

    def arn(self, action: str, resource: str, suffix: str) -> str:
        return "*" if resource == "*" else f"acs:sfm:*:{NUMBER}:{_named(resource, suffix)}"

    def language(self, *statements: dict[str, Any]) -> im.Document:
        return ram(*statements)


CLOUDS: Mapping[str, Cloud] = {
    "aws/s3": Aws("s3"),
    "aws/iam": Aws("iam", "2010-05-08"),
    "aws/sts": Aws("sts", "2011-06-15"),
    "aws/bedrock": Bedrock("bedrock"),
    "aws/bedrock-runtime": Bedrock("bedrock-runtime"),
    "aliyun/oss": Aliyun("oss"),
    "aliyun/ram": Aliyun("ram", "2015-05-01"),
    "aliyun/sts": Aliyun("sts", "2015-04-01"),
    "aliyun/dashscope": ModelStudio("models"),
    "open/anthropic": Open("models", "anthropic-version: 2023-06-01"),
    "open/openai": ModelStudio("models"),
}


def _model_arn(resource: str, suffix: str) -> str:
    """What Bedrock calls a model, and what lies in an account."""
    if resource == "*":
        return "*"
    account = "" if resource.startswith("foundation-model/") else ROOT_ACCOUNT
    return f"arn:aws:bedrock:us-east-1:{account}:{_named(resource, suffix)}"


def _named(resource: str, suffix: str) -> str:
    """The resource, or one with another name: "user/ann" becomes "user/annx", "user/*" becomes "userx/*"."""
    if resource.endswith("/*"):
        return f"{resource[:-2]}{suffix}/*"
    return resource + suffix


def _now(house: House) -> datetime:
    return datetime.fromtimestamp(house.clock.ms / 1000, UTC)


def _filled(text: str, house: House) -> str:
    for name, value in house.facts.items():
        text = text.replace("{" + name + "}", value)
    return text


def _pairs(query: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in query.split("&") if part) if query else {}


def _asked(sample: Sample, house: House, body: bytes) -> tuple[str, str, dict[str, str], dict[str, str]]:
    """Method, path, query and headers of a call in the style of S3 and OSS."""
    method, _, target = _filled(sample.asks, house).partition(" ")
    path, _, query = target.partition("?")
    pairs = [part.partition("=") for part in query.split("&") if part]
    headers = {name: _filled(value, house) for name, value in (sample.headers or {}).items()}
    if body:
        headers["content-md5"] = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
    return method, path, {name: value for name, _, value in pairs}, headers
