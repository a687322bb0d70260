"""`sampan up`: start the cloud, and say where it is."""

from __future__ import annotations

import argparse
import errno
import http.client
import json
import os
import socket
import ssl
import sys
import threading
import time
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from granian.constants import Interfaces, Loops, SSLProtocols
from granian.log import LogLevels
from granian.server.mp import MPServer

from sampan import __version__, app, config
from sampan.config import Config

READY_S_MAX = 60
STOP_S_MAX = 30  # what requests under way get to finish when the server is stopped
BACKLOG = 2048


def add(subparsers: Any) -> None:
    """Add the command to the program's."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "up",
        help="start the cloud",
        description="Start the cloud: every protocol on one port, over one set of resources.",
        epilog="Each setting can also be given in a TOML file and as SAMPAN_<NAME>; the root's credentials only there.",
    )
    config.add_flags(parser)
    parser.add_argument("--ready-file", metavar="FILE", help="write JSON with pid, url and port here, once it answers")


def run(args: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM. Exit code 0 after a clean stop, 1 with one line when it cannot run."""
    try:
        settings = config.load(vars(args), os.environ, Path.cwd())
        with app.prepare(settings) as prepared, _reserve(settings) as reserved:
            settings = replace(settings, port=reserved.getsockname()[1])
            prepared = replace(prepared, config=settings)
            ready_file = Path(args.ready_file) if args.ready_file else None
            server = _server(prepared, reserved.getsockname()[0])
            threading.Thread(target=_announce, args=(prepared, ready_file), name="announce", daemon=True).start()
            try:
                server.serve(target_loader=partial(app.worker, prepared, os.getpid()), wrap_loader=False)
            finally:
                app.server_file(settings).unlink(missing_ok=True)
                if ready_file is not None:
                    ready_file.unlink(missing_ok=True)
    except (config.Misconfigured, app.Trouble) as trouble:
        print(f"sampan up: {trouble}", file=sys.stderr)
        return 1
    except SystemExit as stop:  # the server's way to say that its workers keep dying; the log says why
        return int(stop.code or 0)
    return 0


def _server(prepared: app.Prepared, address: str) -> MPServer:
    settings = prepared.config
    tls: dict[str, Any] = {}
    if prepared.certificates is not None:
        tls = {
            "ssl_cert": prepared.certificates.certificate,
            "ssl_key": prepared.certificates.key,
            "ssl_protocol_min": SSLProtocols.tls12,  # older SDKs of both clouds know nothing newer
        }
    try:
        return MPServer(
            "sampan",
            address=address,
            port=settings.port,
            workers=settings.workers,
            interface=Interfaces.ASGI,
            loop=Loops.uvloop,
            backlog=BACKLOG,
            websockets=False,
            log_level=LogLevels.warning,
            log_dictconfig=app.log_settings(settings),
            respawn_failed_workers=True,
            respawn_interval=0,
            workers_kill_timeout=STOP_S_MAX,
            **tls,
        )
    except (ssl.SSLError, OSError) as error:
        raise app.Trouble(f"the certificate or its key cannot be used: {error}") from None


def _reserve(settings: Config) -> socket.socket:
    """A socket bound to the port, not listening: it keeps the port ours until the workers listen on it.

    They share it by SO_REUSEPORT, under which the kernel would let a second Sampan share it too, and give it half of
    the requests. So the port is first asked for alone.
    """
    try:
        family, kind, _, _, where = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise app.Trouble(f"{settings.host} is no address of this machine: {error.strerror}") from None
    try:
        with socket.socket(family, kind) as alone:
            alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            alone.bind(where)
            alone.listen(1)
            where = (where[0], alone.getsockname()[1], *where[2:])
        shared = socket.socket(family, kind)
        shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        shared.bind(where)
        return shared
    except OSError as error:
        raise app.Trouble(_why_not(settings, error)) from None


def _why_not(settings: Config, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {settings.port} of {settings.host} is in use by another program"
            f"{_sampan_at(settings)}: stop it, or choose another port with --port"
        )
    if error.errno == errno.EACCES:
        return f"port {settings.port} may not be used without privileges: choose one above 1023 with --port"
    return f"{settings.host}:{settings.port} cannot be listened on: {error.strerror}"


def _sampan_at(settings: Config) -> str:
    """ " (a Sampan)" if that is what answers."""
    return " (a Sampan, it says)" if _health(settings) is not None else ""


def _health(settings: Config) -> dict[str, Any] | None:
    """What answers at the configured address, if it is a Sampan."""
    host = settings.url.partition("://")[2].rpartition(":")[0].strip("[]")
    try:
        if settings.tls:
            # Asked of ourselves: it is the answer that counts, not whom the certificate convinces.
            context = ssl._create_unverified_context()  # noqa: S323
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, settings.port, timeout=2, context=context
            )
        else:
            connection = http.client.HTTPConnection(host, settings.port, timeout=2)
        connection.request("GET", "/_sampan/health")
        answer = connection.getresponse()
        found = json.loads(answer.read(10_000)) if answer.status == 200 else None
        connection.close()
    except (OSError, ValueError, http.client.HTTPException):
        return None
    return found if isinstance(found, dict) and "run" in found else None


def _announce(prepared: app.Prepared, ready_file: Path | None) -> None:
    """Wait until the server answers, then say so: on standard output, and in files for programs."""
    settings = prepared.config
    end = time.monotonic() + READY_S_MAX
    pause_s = 0.02
    while (found := _health(settings)) is None or found["run"] != prepared.run:
        if time.monotonic() > end:
            print(f"sampan up: no answer within {READY_S_MAX} s; the log says why", file=sys.stderr)
            return
        time.sleep(pause_s)
        pause_s = min(1.0, pause_s * 1.5)
    facts = {
        "pid": os.getpid(),
        "url": settings.url,
        "host": settings.host,
        "port": settings.port,
        "version": __version__,
        "data": str(settings.data),
    }
    # In this order: whoever waits for the last may look at the others next.
    _put(app.server_file(settings), facts)
    print(_welcome(prepared), flush=True)
    if ready_file is not None:
        _put(ready_file, facts)


def _put(file: Path, facts: dict[str, Any]) -> None:
    """Write a small JSON file that is there as a whole or not at all."""
    new = file.with_name(file.name + ".new")
    new.write_text(json.dumps(facts) + "\n")
    new.replace(file)


def _welcome(prepared: app.Prepared) -> str:
    settings, root = prepared.config, prepared.root
    # On a terminal a person asked; anywhere else it would be a secret in a log.
    hidden = None if sys.stdout.isatty() else f"in {app.credentials_file(settings)}"
    lines = [
        f"Sampan {__version__} is ready.",
        "",
        f"  endpoint           {settings.url}   (every protocol)",
        f"  data folder        {settings.data}",
        f"  account            root, {root.account}",
        f"  access key id      {root.access_key_id}",
        f"  access key secret  {hidden or root.access_key_secret}",
        f"  API key            {hidden or root.api_key}",
    ]
    if prepared.certificates is not None and settings.tls_cert is None:
        lines.append(f"  trust this         {prepared.certificates.authority}")
    if settings.models:
        lines.append(f"  models             {', '.join(settings.models)}")
    lines += [
        "",
        *_aligned(
            (f'eval "$({_program()} env)"', "points the SDKs in a shell at it"),
            (f"{_program()} tour", "shows what it does, with the real SDKs"),
            ("Ctrl-C", "stops it"),
        ),
    ]
    if find_spec("torch") is None:
        lines += ["", "  Models are left out: pip install 'sampan[llm]' adds them."]
    return "\n".join(lines)


def _aligned(*rows: tuple[str, str]) -> list[str]:
    width = max(len(what) for what, _ in rows)
    return [f"  {what.ljust(width)}   {why}" for what, why in rows]


def _program() -> str:
    """What a person types: in a clone, the launcher beside the virtual environment that it made."""
    launcher = Path(sys.prefix).parent / "sampan"
    in_clone = Path(sys.prefix).name == ".venv" and launcher.is_file() and Path.cwd() == launcher.parent
    return "./sampan" if in_clone else "sampan"
