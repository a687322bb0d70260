"""`sampan env`: the variables, or the few lines of code, that point a client at this Sampan."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sampan import config
from sampan.cli.door import Door, Shut, find
from sampan.cli.snippets import SNIPPETS

# What would send a request elsewhere, or sign it with something else, if it were left over from another setup.
STALE = (
    "AWS_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_ENDPOINT_URL_S3",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "OSS_SESSION_TOKEN",
    "ALIBABA_CLOUD_SECURITY_TOKEN",
    "AWS_BEARER_TOKEN_BEDROCK",
    "ANTHROPIC_AUTH_TOKEN",
)
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


def add(subparsers: Any) -> None:
    """Add the command to the program's."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "env",
        help="print what points every SDK at this Sampan",
        description='Print variables for the shell, to be used as eval "$(sampan env)", or a snippet for one client.',
    )
    parser.add_argument("--shell", choices=tuple(SHELLS), help="whose words to use (default: by $SHELL, else bash)")
    parser.add_argument("--for", dest="client", choices=tuple(SNIPPETS), metavar="CLIENT",
                        help=f"print a snippet instead: {', '.join(SNIPPETS)}")  # fmt: skip
    config.add_flags(parser, "data", "host", "port", "tls")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print to standard output what a shell may evaluate, and nothing else there."""
    try:
        door = find(args)
    except (config.Misconfigured, Shut) as reason:
        print(f"sampan env: {reason}", file=sys.stderr)
        return 1
    if args.client:
        print(SNIPPETS[args.client](door), end="")
        return 0
    shell = SHELLS[args.shell or ("fish" if os.environ.get("SHELL", "").endswith("/fish") else "bash")]
    for line in shell(variables(door, os.environ), [name for name in STALE if name in os.environ]):
        print(line)
    return 0


def variables(door: Door, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that the clients of both clouds read, for this door."""
    values = {
        "AWS_ENDPOINT_URL": door.url,
        "AWS_ACCESS_KEY_ID": door.key_id,
        "AWS_SECRET_ACCESS_KEY": door.secret,
        "AWS_REGION": door.region_aws,
        "AWS_DEFAULT_REGION": door.region_aws,
        # Without these two, an SDK that finds no credentials waits for a metadata service that is not there.
        "AWS_EC2_METADATA_DISABLED": "true",
        "ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true",
        "OSS_ENDPOINT": door.url,
        "OSS_REGION": door.region_aliyun,
        "OSS_ACCESS_KEY_ID": door.key_id,
        "OSS_ACCESS_KEY_SECRET": door.secret,
        "ALIBABA_CLOUD_ACCESS_KEY_ID": door.key_id,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": door.secret,
        "RCLONE_CONFIG_SAMPAN_TYPE": "s3",
        "RCLONE_CONFIG_SAMPAN_PROVIDER": "Other",
        "RCLONE_CONFIG_SAMPAN_ENDPOINT": door.url,
        "RCLONE_CONFIG_SAMPAN_REGION": door.region_aws,
        "RCLONE_CONFIG_SAMPAN_ACCESS_KEY_ID": door.key_id,
        "RCLONE_CONFIG_SAMPAN_SECRET_ACCESS_KEY": door.secret,
        "RCLONE_CONFIG_SAMPAN_FORCE_PATH_STYLE": "true",
    }
    if door.api_key:
        values |= _models(door)
    if door.url.startswith("http:"):
        values["AWS_ALLOW_HTTP"] = "true"  # Rust's object_store (polars, delta-rs) refuses plain http without it
    if door.authority is not None:
        # The last adds to the system's authorities; the others replace them, for as long as the shell lives.
        names = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "RCLONE_CA_CERT", "NODE_EXTRA_CA_CERTS")
        values |= dict.fromkeys(names, str(door.authority))
    if any(environment.get(name) for name in PROXIES):
        # A proxy that is meant for the world outside would be asked for 127.0.0.1 too.
        spared = [name for name in environment.get("no_proxy", environment.get("NO_PROXY", "")).split(",") if name]
        hosts = ",".join(dict.fromkeys([*spared, door.host, "127.0.0.1", "localhost"]))
        values |= {"no_proxy": hosts, "NO_PROXY": hosts}
    return values


def _models(door: Door) -> dict[str, str]:
    """What the clients of models read: they sign nothing, and send a key."""
    values = {
        "OPENAI_API_KEY": door.api_key,
        "OPENAI_BASE_URL": f"{door.url}/v1",
        "DASHSCOPE_API_KEY": door.api_key,
        "DASHSCOPE_HTTP_BASE_URL": f"{door.url}/api/v1",
        "ANTHROPIC_API_KEY": door.api_key,
        "ANTHROPIC_BASE_URL": door.url,
    }
    if door.scheme == "https":
        # With it AWS's SDKs sign nothing for Bedrock any more, and some refuse to send it without TLS.
        values["AWS_BEARER_TOKEN_BEDROCK"] = door.api_key
    return values


def _bash(values: Mapping[str, str], stale: list[str]) -> Iterator[str]:
    if stale:
        yield f"unset {' '.join(stale)}"
    for name, value in values.items():
        yield f"export {name}=" + "'" + value.replace("'", "'\\''") + "'"


def _fish(values: Mapping[str, str], stale: list[str]) -> Iterator[str]:
    for name in stale:
        yield f"set -e {name}"
    for name, value in values.items():
        yield f"set -gx {name} '" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _powershell(values: Mapping[str, str], stale: list[str]) -> Iterator[str]:
    for name in stale:
        yield f"Remove-Item Env:{name} -ErrorAction SilentlyContinue"
    for name, value in values.items():
        yield f"$env:{name} = '" + value.replace("'", "''") + "'"


def _dotenv(values: Mapping[str, str], stale: list[str]) -> Iterator[str]:
    """NAME=value, as `docker run --env-file` and CI systems read it: no quoting, and nothing can be unset."""
    del stale
    for name, value in values.items():
        yield f"{name}={value}"


SHELLS: Mapping[str, Callable[[Mapping[str, str], list[str]], Iterator[str]]] = {
    "bash": _bash,  # zsh and sh read it too
    "fish": _fish,
    "powershell": _powershell,
    "dotenv": _dotenv,
}
