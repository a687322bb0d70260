"""The composition root: what is put together from what. It alone may import everything.

The parent process prepares (`prepare`): it owns the data folder for as long as it runs, and serves nothing. Each
worker process builds its own application (`worker`), so that nothing but files is shared.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import gc
import json
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import msgspec

from sampan import __version__
from sampan.config import Config
from sampan.config_models import ModelTable
from sampan.dialects.aliyun.dashscope.dialect import DashScopeDialect
from sampan.dialects.aliyun.dashscope.later import DashScopeDoor
from sampan.dialects.aliyun.oss.dialect import OssDialect
from sampan.dialects.aliyun.ram import provided as ram
from sampan.dialects.aliyun.ram.dialect import RamDialect
from sampan.dialects.aliyun.sts.dialect import AliyunStsDialect
from sampan.dialects.aliyun.wire.openapi_signature import KEPT_MS
from sampan.dialects.aliyun.wire.policy import RamReader
from sampan.dialects.aws.bedrock.dialect import BedrockDialect, BedrockRuntimeDialect
from sampan.dialects.aws.iam import provided as iam
from sampan.dialects.aws.iam.dialect import IamDialect
from sampan.dialects.aws.s3.dialect import S3Dialect
from sampan.dialects.aws.sts.dialect import StsDialect
from sampan.dialects.aws.wire.policy import IamReader
from sampan.dialects.open.anthropic.dialect import AnthropicDialect
from sampan.dialects.open.openai.batches import DOOR, OpenAiDoor
from sampan.dialects.open.openai.dialect import OpenAiDialect
from sampan.engines import authority, credentials, llm_host
from sampan.engines.blobs_disk import DiskBlobs
from sampan.engines.clock_system import SystemChance, SystemClock
from sampan.engines.credentials import Credentials
from sampan.engines.digests import LibraryDigests
from sampan.engines.folder import DataFolder, FolderError
from sampan.engines.limiter import FileLimiter
from sampan.engines.llm_local import LocalEngine
from sampan.engines.llm_upstream import UpstreamEngine
from sampan.engines.nonces import NonceTable
from sampan.engines.sealer import AesSealer, load_key
from sampan.engines.store_sqlite import Damaged, SqliteStore
from sampan.gateway import logs, metrics
from sampan.gateway.asgi import Gateway, Parts
from sampan.gateway.audit import Audit, FileSink
from sampan.gateway.contract import Dialect
from sampan.gateway.dispatch import Dispatcher
from sampan.gateway.guard import Guard
from sampan.gateway.http import Reply
from sampan.kernel.caller import Caller
from sampan.kernel.command import Command
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.policy import Reader
from sampan.kernel.ports import Engine
from sampan.services.identity.model import Language
from sampan.services.identity.service import ROOT_ACCOUNT, Identity
from sampan.services.inference.model import EngineKind
from sampan.services.inference.service import Context as InferenceContext
from sampan.services.inference.service import Inference
from sampan.services.objects.service import Objects

READERS: Mapping[Language, Reader] = MappingProxyType({Language.IAM: IamReader(), Language.RAM: RamReader()})
PROVIDED = (*iam.PROVIDED, *ram.PROVIDED)
# How often a waiting thread may ask for the interpreter: see `engines.store_sqlite`.
SWITCH_S = 50e-6
ELECTION_S = 2  # how soon another worker takes over what one does for all
PARENT_S = 1  # how soon a worker notices that its parent was killed


class Trouble(Exception):  # noqa: N818 - what a person would call it
    """Sampan cannot run. The text is for a person: what is wrong, and how to mend it."""


# --- files of the data folder -----------------------------------------------------------------------------------------


def credentials_file(config: Config) -> Path:
    """Where the root's access key and its API key are kept."""
    return config.data / "credentials.toml"


def known_root(config: Config) -> Credentials | None:
    """The root's keys as the last start has written them. Raises OSError, or ValueError for a damaged file."""
    return credentials.read(credentials_file(config))


def server_file(config: Config) -> Path:
    """Where the running server says what it is: JSON with pid, url, host, port and version."""
    return config.data / "server.json"


def authority_file(config: Config) -> Path:
    """The certificate that clients are told to trust, once TLS was on."""
    return config.data / "tls" / "ca.pem"


def _counters_folder(config: Config) -> Path:
    return config.data / "run"


def _served_file(config: Config) -> Path:
    """The models that the configuration of the running server names, with the keys of their upstreams: JSON."""
    return _counters_folder(config) / "models.json"


def _keep_private(path: Path, content: bytes) -> None:
    """Write a small file that is there as a whole or not at all, for us alone."""
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    new.replace(path)


# --- the parent -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Prepared:
    """A data folder that is ours. `run` is the number of this start; `started_ms` its time."""

    config: Config
    run: int
    started_ms: int
    root: Credentials
    certificates: authority.Certificates | None


@contextlib.contextmanager
def prepare(config: Config) -> Iterator[Prepared]:
    """Own the data folder, with the root's account and credentials, and certificates if TLS is on. Raises Trouble."""
    with _troubles(config):
        folder = DataFolder(config.data)
    try:
        with _troubles(config):
            root = _root(config)
            certificates = _certificates(config)
            counters = _counters_folder(config)
            counters.mkdir(mode=0o700, exist_ok=True)
            for old in counters.glob("*.counters"):
                old.unlink()
        with contextlib.ExitStack() as beside:
            with _troubles(config):
                beside.enter_context(llm_host.hosting(counters, config.models_memory or None))
                _keep_private(_served_file(config), msgspec.json.encode(dict(config.models)))
            yield Prepared(config, folder.run, SystemClock().now_ms(), root, certificates)
    finally:
        folder.close()


@contextlib.contextmanager
def open_identity(config: Config) -> Iterator[Identity]:
    """The identity service of a data folder, whether or not a server runs on it. Raises Trouble."""
    with _troubles(config):
        DataFolder.check(config.data)
        store = SqliteStore(config.data / "store")
    try:
        with _troubles(config):
            yield _identity(config, store)
    finally:
        store.close()


@contextlib.contextmanager
def open_objects(config: Config) -> Iterator[Objects]:
    """The objects of a data folder, to be looked at, whether or not a server runs on it. Raises Trouble."""
    with _troubles(config):
        DataFolder.check(config.data)
        store = SqliteStore(config.data / "store")
        chance = SystemChance()
        blobs = DiskBlobs(config.data / "blobs", 0, chance)
    try:
        with _troubles(config):
            yield Objects(store, blobs, SystemClock(), chance, LibraryDigests(), config.regions, READERS)
    finally:
        blobs.close()
        store.close()


@contextlib.contextmanager
def open_inference(config: Config, *, running: bool) -> Iterator[Inference]:
    """The models of a data folder: those of the server that is `running` on it, or of our own. Raises Trouble."""
    with _troubles(config):
        DataFolder.check(config.data)
        store = SqliteStore(config.data / "store")
    with contextlib.ExitStack() as beside:
        beside.callback(store.close)
        with _troubles(config):
            runs = _counters_folder(config)
            if running:
                # Its configuration may be another one than ours: flags, variables, the folder where it was started.
                tables = msgspec.json.decode(_served_file(config).read_bytes(), type=dict[str, ModelTable])
                config = replace(config, models=tables)
            else:
                runs.mkdir(mode=0o700, exist_ok=True)
                beside.enter_context(llm_host.hosting(runs, config.models_memory or None))
            log = logging.getLogger("sampan")
            yield _inference(config, 0, SystemClock().now_ms(), store, lambda caller, command: None, log)


@contextlib.contextmanager
def open_files(config: Config) -> Iterator[Iterator[tuple[str, bool]]]:
    """Each blob that the files of models' APIs refer to, and whether it is there; whether or not a server runs on the
    data folder. Raises Trouble."""
    with _troubles(config):
        DataFolder.check(config.data)
        store = SqliteStore(config.data / "store")
    try:
        log, now_ms = logging.getLogger("sampan"), SystemClock().now_ms()
        with _troubles(config):
            yield _inference(config, 0, now_ms, store, lambda caller, command: None, log).referred_blobs()
    finally:
        store.close()


def _root(config: Config) -> Credentials:
    """The root's keys, each of them the configuration's, else the file's, else new. Then all three agree."""
    found = known_root(config)
    store = SqliteStore(config.data / "store")
    try:
        identity = _identity(config, store)
        api_key = config.root_api_key or (found and found.api_key) or identity.new_api_key()
        if config.root_access_key_id:
            pair = config.root_access_key_id, config.root_access_key_secret
        else:
            pair = (found.access_key_id, found.access_key_secret) if found else identity.new_credentials()
        wanted = Credentials(ROOT_ACCOUNT, *pair, api_key)
        # The file first: a key that works, and that nobody knows, is worse than one that does not work yet.
        if wanted != found:
            credentials.write(credentials_file(config), wanted)
        asyncio.run(_adopt(identity, wanted))
    finally:
        store.close()
    return wanted


async def _adopt(identity: Identity, root: Credentials) -> None:
    await identity.adopt_root(root.access_key_id, root.access_key_secret)
    await identity.adopt_root_api_key(root.api_key)


def _certificates(config: Config) -> authority.Certificates | None:
    if not config.tls:
        return None
    if config.tls_cert is not None and config.tls_key is not None:
        return authority.Certificates(config.tls_cert, config.tls_cert, config.tls_key)
    names = ["localhost", "*.localhost", "127.0.0.1", "::1"]
    if config.host not in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        names.append(config.host)
    for domain in config.domains:
        # OpenSSL accepts no star before a single label: below "localhost" a bucket needs S3's longer form.
        names += [domain, f"*.{domain}", f"*.s3.{domain}", f"*.s3.{config.region_aws}.{domain}"]
    return authority.ensure(config.data / "tls", names, SystemClock().now_ms())


@contextlib.contextmanager
def _troubles(config: Config) -> Iterator[None]:
    """Turn what can go wrong with a data folder into Trouble."""
    full = f"no space is left for the data folder {config.data}: make room, or choose another with --data"
    try:
        yield
    except FolderError as error:
        raise Trouble(f"{error}; another folder can be chosen with --data") from None
    except Damaged as error:
        raise Trouble(f"the database in {config.data} cannot be used: {error}") from None
    except Fault as fault:
        raise Trouble(full if fault.kind is Kind.FULL else f"{fault.why or fault}") from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Trouble(full) from None
        where = error.filename or config.data
        raise Trouble(f"{where}: {error.strerror} (choose another data folder with --data)") from None
    except ValueError as error:
        raise Trouble(str(error)) from None


def _identity(config: Config, store: SqliteStore) -> Identity:
    sealer = AesSealer(load_key(config.data / "secrets.key"))
    return Identity(store, SystemClock(), SystemChance(), sealer, READERS, PROVIDED)


# --- a worker ---------------------------------------------------------------------------------------------------------


def dialects(config: Config) -> tuple[Dialect, ...]:
    """Every protocol that is spoken."""
    nonces = NonceTable(_counters_folder(config) / "nonces", KEPT_MS)
    return (
        S3Dialect(config.domains, config.region_aws),
        IamDialect(),
        StsDialect(),
        BedrockRuntimeDialect(config.region_aws, SystemClock()),
        BedrockDialect(config.region_aws),
        OssDialect(config.domains, config.region_aliyun),
        RamDialect(config.region_aliyun, nonces),
        AliyunStsDialect(config.region_aliyun, nonces),
        DashScopeDialect(),
        AnthropicDialect(),
        OpenAiDialect(),
    )


def worker(prepared: Prepared, parent: int) -> Gateway:
    """The application of one worker process. `parent` is the process that started it."""
    config = prepared.config
    sys.setswitchinterval(SWITCH_S)
    log = logging.getLogger("sampan")
    clock, chance, digests = SystemClock(), SystemChance(), LibraryDigests()
    store = SqliteStore(config.data / "store")
    objects = Objects(
        store, DiskBlobs(config.data / "blobs", prepared.run, chance), clock, chance, digests, config.regions, READERS
    )
    identity = _identity(config, store)

    def allow(caller: Caller, command: Command) -> None:
        guard.allow(caller, command)

    inference = _inference(config, prepared.run, prepared.started_ms, store, allow, log)
    guard = Guard(
        {"objects": objects.owned, "identity": identity.owned, "inference": inference.owned},
        identity.standing,
        identity.used,
        identity.told,
    )
    counters_folder = _counters_folder(config)

    def health() -> Reply:
        with store.view() as view:
            view.get(b"")  # the database answers
        return _json({"status": "ok", "version": __version__, "run": prepared.run})

    def numbers() -> Reply:
        page = metrics.expose(counters_folder, __version__, prepared.started_ms)
        return Reply(200, [("content-type", "text/plain; version=0.0.4; charset=utf-8")], page.encode())

    @contextlib.asynccontextmanager
    async def life() -> AsyncIterator[None]:
        elected = (
            _elected(counters_folder / "maintenance.lock", objects.maintain, log),
            _elected(counters_folder / "inference.lock", inference.maintain, log),
        )
        everywhere = (identity.maintain(), inference.accompany(), _outlive_nobody(parent))
        tasks = [asyncio.create_task(work) for work in (*elected, *everywhere)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            store.close()

    gateway = Gateway(
        Parts(
            dispatcher=Dispatcher(dialects(config)),
            handlers={**objects.handlers, **identity.handlers, **inference.handlers},
            keys=identity,
            guard=guard,
            clock=clock,
            chance=chance,
            digests=digests,
            audit=_audit(config),
            counters=metrics.Counters(counters_folder / f"{os.getpid()}.counters"),
            pages={"health": health, "metrics": numbers},
            life=life,
            log=log,
        )
    )
    # What is here now stays until the end: the garbage collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    return gateway


def _inference(
    config: Config,
    run: int,
    started_ms: int,
    store: SqliteStore,
    allow: Callable[[Caller, Command], None],
    log: logging.Logger,
) -> Inference:
    tables, chance = config.models.values(), SystemChance()
    fixed = {
        table.deployment.name: replace(table.deployment, account=ROOT_ACCOUNT, created_ms=started_ms)
        for table in tables
    }
    return Inference(
        InferenceContext(
            store=store,
            blobs=DiskBlobs(config.data / "files", run, chance),
            clock=SystemClock(),
            chance=chance,
            digests=LibraryDigests(),
            sealer=AesSealer(load_key(config.data / "secrets.key")),
            limiter=FileLimiter(_counters_folder(config) / "limits"),
            engines=_engines(config),
            operator=ROOT_ACCOUNT,
            log=log,
            doors={DOOR: OpenAiDoor(), DashScopeDialect.name: DashScopeDoor()},
            allow=allow,
            fixed=fixed,
            fixed_aliases={alias: table.deployment.name for table in tables for alias in table.aliases},
        )
    )


def _engines(config: Config) -> Mapping[EngineKind, Engine]:
    """What runs models, by kind."""
    return {EngineKind.LOCAL: LocalEngine(_counters_folder(config)), EngineKind.OPENAI: UpstreamEngine()}


def text_logs(config: Config) -> bool:
    """Whether lines are for people: asked for, or on a terminal."""
    return sys.stderr.isatty() if config.log_format == "auto" else config.log_format == "text"


def log_settings(config: Config) -> dict[str, object]:
    """For `logging.config.dictConfig`."""
    return logs.settings(text=text_logs(config), level=config.log_level)


def _audit(config: Config) -> Audit:
    if config.audit == "off":
        return Audit(None)
    if config.audit == "stderr":
        return Audit(FileSink(sys.stderr.fileno()), text=text_logs(config))
    descriptor = os.open(config.audit, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    return Audit(FileSink(descriptor), text=config.log_format == "text")


async def _elected(lock: Path, work: Callable[[], Awaitable[None]], log: logging.Logger) -> None:
    """Run `work` in one worker process at a time; another takes over when that one dies."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while True:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            await asyncio.sleep(ELECTION_S)
        while True:
            try:
                await work()
                return
            except Exception:
                log.exception("maintenance failed; it begins anew")
            await asyncio.sleep(ELECTION_S)
    finally:
        os.close(descriptor)


async def _outlive_nobody(parent: int) -> None:
    """Stop this worker when its parent is gone, so that no orphan keeps the port and the data folder."""
    while os.getppid() == parent:  # noqa: ASYNC110 - no event tells of it
        await asyncio.sleep(PARENT_S)
    os.kill(os.getpid(), signal.SIGTERM)


def _json(value: dict[str, object]) -> Reply:
    return Reply(200, [("content-type", "application/json")], json.dumps(value).encode() + b"\n")
