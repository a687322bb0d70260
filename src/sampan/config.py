"""The configuration: one frozen value, read once at the start.

Later places win: the defaults, one TOML file, `SAMPAN_*` variables, flags of the command line. The file is the one
that `--config` or `SAMPAN_CONFIG` names, else `sampan.toml` in the working folder, else the one in the data folder.
All three places use the same names: `region_aws = "eu-west-1"`, `SAMPAN_REGION_AWS=eu-west-1`,
`--region-aws eu-west-1`.
"""

from __future__ import annotations

import argparse
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sampan import config_models
from sampan.config_models import ModelTable

FILE = "sampan.toml"
DOMAINS_ALWAYS = ("localhost",)
WORKERS_MAX = 256  # far beyond what one machine's cores can feed


class Misconfigured(ValueError):  # noqa: N818 - it names a state of the configuration, in a person's words
    """A setting that cannot be used. The text is for a person: which setting, from where, what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Config:
    """How this Sampan runs.

    `data` holds everything that must survive. `domains` are the names below which a first label is a bucket, beside
    the clouds' own; "localhost" is always one. `tls` without `tls_cert` and `tls_key` uses a certificate of our own
    authority, made in the data folder. An empty `root_access_key_id` keeps the access key that the data folder holds,
    and an empty `root_api_key` the API key. `audit` is where the line of each request goes: "stderr", "off", or a file.
    `models` are those that are always there, by name, and `model` the words by which more were added to them;
    `models_memory` is how many bytes those that are loaded may take together (0: as the machine has room).
    """

    host: str = "127.0.0.1"
    port: int = 4566
    data: Path = Path("sampan-data")
    workers: int = 1
    tls: bool = False
    tls_cert: Path | None = None
    tls_key: Path | None = None
    domains: tuple[str, ...] = DOMAINS_ALWAYS
    region_aws: str = "us-east-1"
    region_aliyun: str = "cn-hangzhou"
    root_access_key_id: str = ""
    root_access_key_secret: str = field(default="", repr=False)
    root_api_key: str = field(default="", repr=False)
    log_format: str = "auto"
    log_level: str = "info"
    audit: str = "stderr"
    models: Mapping[str, ModelTable] = field(default_factory=dict)
    model: tuple[str, ...] = ()
    models_memory: int = 0

    @property
    def url(self) -> str:
        """The address for clients on this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)  # noqa: S104 - read, not bound
        if ":" in host and not host.startswith("["):
            host = f"[{host}]"
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"

    @property
    def regions(self) -> Mapping[str, str]:
        """The default region of each cloud: where a bucket is that was made through another one."""
        return {"aws": self.region_aws, "aliyun": self.region_aliyun}


# --- reading one value ------------------------------------------------------------------------------------------------
# Each reader takes what TOML gave, or a text from a variable or a flag, and raises ValueError with the reason.


def _text(pattern: str, what: str) -> Callable[[Any], str]:
    expression = re.compile(pattern)

    def read(raw: Any) -> str:
        if not isinstance(raw, str) or not expression.fullmatch(raw):
            raise ValueError(f"must be {what}")
        return raw

    return read


def _number(low: int, high: int) -> Callable[[Any], int]:
    def read(raw: Any) -> int:
        if isinstance(raw, bool) or not isinstance(raw, int | str) or not re.fullmatch(r"\d{1,9}", str(raw)):
            raise ValueError(f"must be a whole number from {low} to {high}")
        if not low <= int(raw) <= high:
            raise ValueError(f"must be from {low} to {high}")
        return int(raw)

    return read


def _choice(*choices: str) -> Callable[[Any], str]:
    def read(raw: Any) -> str:
        if raw not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return str(raw)

    return read


def _truth(raw: Any) -> bool:
    if isinstance(raw, bool):
        return raw
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if not isinstance(raw, str) or raw.lower() not in words:
        raise ValueError("must be true or false")
    return words[raw.lower()]


def _path(raw: Any) -> Path:
    if not isinstance(raw, str | Path) or not str(raw) or "\0" in str(raw):
        raise ValueError("must be a path")
    return Path(raw).expanduser()


def _domains(raw: Any) -> tuple[str, ...]:
    names = [name.strip() for name in raw.split(",")] if isinstance(raw, str) else raw
    if not isinstance(names, list | tuple):
        raise ValueError("must be a list of domain names")
    for name in names:
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", name):
            raise ValueError(f"{str(name)[:64]!r} is not a domain name")
    return tuple(dict.fromkeys([*(name.lower() for name in names), *DOMAINS_ALWAYS]))


def _size(raw: Any) -> int:
    """Bytes, with or without a unit: 24GiB, 24G, 24000000000."""
    found = re.fullmatch(r"(\d{1,18})\s*(?:([KMGT])i?)?B?", str(raw), re.IGNORECASE)
    if isinstance(raw, bool) or not isinstance(raw, int | str) or not found:
        raise ValueError("must be a number of bytes, such as 24GiB")
    return int(found[1]) << (10 * (" KMGT".index(found[2].upper()) if found[2] else 0))


def _audit(raw: Any) -> str:
    return raw if raw in ("stderr", "off") else str(_path(raw))


_region = _text(r"[a-z0-9-]{1,64}", "a region's name, such as us-east-1")


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: how it is read, and its flag's help. Without help it has no flag."""

    name: str
    read: Callable[[Any], Any]
    help: str = ""
    metavar: str = ""

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        return "SAMPAN_" + self.name.upper()


SETTINGS: tuple[Setting, ...] = (
    Setting("host", _text(r"[A-Za-z0-9.:-]{1,253}", "an address or a host's name"), "address to listen on", "ADDRESS"),
    Setting("port", _number(0, 65535), "port to listen on; 0 picks a free one", "PORT"),
    Setting("data", _path, "folder that holds everything", "FOLDER"),
    Setting("workers", _number(1, WORKERS_MAX), "worker processes", "N"),
    Setting("tls", _truth, "speak https on the port"),
    Setting("tls_cert", _path, "certificate chain (PEM), instead of our own", "FILE"),
    Setting("tls_key", _path, "its private key (PEM, PKCS#8)", "FILE"),
    Setting("domains", _domains, "domains below which a first label is a bucket, by commas", "NAMES"),
    Setting("region_aws", _region, "AWS's region of buckets that were made elsewhere", "NAME"),
    Setting("region_aliyun", _region, "Alibaba Cloud's region of buckets that were made elsewhere", "NAME"),
    # A secret on a command line is seen by every user of the machine: these three have no flag.
    Setting("root_access_key_id", _text(r"[\w.-]{2,128}", "2 to 128 letters, digits, '_', '.' or '-'")),
    Setting("root_access_key_secret", _text(r"[!-~]{2,128}", "2 to 128 printable characters")),
    # Sent with requests as it is: too short, and it can be guessed.
    Setting(
        "root_api_key", _text(r"[A-Za-z0-9._~+/=-]{16,256}", "16 to 256 letters, digits and characters of ._~+/=-")
    ),
    Setting("log_format", _choice("auto", "text", "json"), "text, json, or auto: text on a terminal", "FORMAT"),
    Setting("log_level", _choice("debug", "info", "warning", "error"), "least level that is logged", "LEVEL"),
    Setting("audit", _audit, "the line of each request: stderr, off, or a file", "WHERE"),
    Setting("models", config_models.read_tables),  # tables have no flag
    Setting("model", config_models.read_words, "a model to serve, again and again: FOLDER, NAME=FOLDER", "MODEL"),
    Setting("models_memory", _size, "memory that loaded models may take together, as 24GiB", "SIZE"),
)


# --- putting the places together --------------------------------------------------------------------------------------


def add_flags(parser: argparse.ArgumentParser, *names: str) -> None:
    """Add `--config` and the flags of the settings named (all that have one, if none are) to a parser."""
    parser.add_argument("--config", metavar="FILE", help=f"configuration file (default: ./{FILE}, <data>/{FILE})")
    for setting in SETTINGS:
        if not setting.help or (names and setting.name not in names):
            continue
        if setting.read is _truth:
            parser.add_argument(setting.flag, action=argparse.BooleanOptionalAction, default=None, help=setting.help)
        elif setting.read is config_models.read_words:
            parser.add_argument(setting.flag, metavar=setting.metavar, action="append", help=setting.help)
        else:
            parser.add_argument(setting.flag, metavar=setting.metavar, default=None, help=setting.help)


def load(flags: Mapping[str, Any], environment: Mapping[str, str], folder: Path) -> Config:
    """The configuration for these flags (by setting; None, or left out, where not given), variables and working folder.

    Raises Misconfigured.
    """
    values: dict[str, Any] = {"data": default_data(environment)}
    given: dict[str, Any] = {}
    for setting in SETTINGS:
        # An empty variable is as good as none: that is how a shell or a compose file leaves one out.
        if environment.get(setting.variable):
            given[setting.name] = _read(setting, environment[setting.variable], setting.variable)
        if flags.get(setting.name) is not None:
            given[setting.name] = _read(setting, flags[setting.name], setting.flag)
    path = _file(flags.get("config") or environment.get("SAMPAN_CONFIG"), folder, given.get("data", values["data"]))
    if path is not None:
        values.update(_read_file(path))
    # Paths become absolute: the server's processes must agree on files wherever they stand.
    absolute: dict[str, Any] = {
        name: folder / value if isinstance(value, Path) else value for name, value in {**values, **given}.items()
    }
    config = Config(**absolute)
    _check(config)
    try:
        return replace(config, models=config_models.added(config.models, config.model, folder, environment))
    except ValueError as error:
        raise Misconfigured(f"model: {error}") from None


def default_data(environment: Mapping[str, str]) -> Path:
    """Where data lie if nobody says otherwise: what the XDG base directory specification calls user data.

    Objects are neither a cache nor settings, and a folder of the user's own outlives any clone of the repository.
    """
    home = Path(environment.get("HOME") or "~").expanduser()
    base = environment.get("XDG_DATA_HOME", "")
    return (Path(base) if base.startswith("/") else home / ".local" / "share") / "sampan"


def _file(named: str | None, folder: Path, data: Path) -> Path | None:
    if named:
        return folder / Path(named).expanduser()
    return next((path for path in (folder / FILE, folder / data / FILE) if path.is_file()), None)


def _read_file(path: Path) -> dict[str, Any]:
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise Misconfigured(f"{path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path} is not TOML: {error}") from None
    settings = {setting.name: setting for setting in SETTINGS}
    unknown = sorted(set(table) - set(settings))
    if unknown:
        raise Misconfigured(f"{path}: no such setting: {', '.join(unknown)} (there are: {', '.join(settings)})")
    values = {name: _read(settings[name], raw, f"{name} in {path}") for name, raw in table.items()}
    # A path in a file is meant from where the file is.
    if "models" in values:
        values["models"] = config_models.anchored(values["models"], path.parent)
    return {name: path.parent / value if isinstance(value, Path) else value for name, value in values.items()}


def _read(setting: Setting, raw: Any, where: str) -> Any:
    try:
        return setting.read(raw)
    except ValueError as error:
        raise Misconfigured(f"{where}: {error}") from None


def _check(config: Config) -> None:
    if bool(config.root_access_key_id) != bool(config.root_access_key_secret):
        raise Misconfigured("root_access_key_id and root_access_key_secret: give both, or neither")
    if bool(config.tls_cert) != bool(config.tls_key):
        raise Misconfigured("tls_cert and tls_key: give both, or neither")
    if config.tls_cert and not config.tls:
        raise Misconfigured("tls_cert is given, but tls is not on")
