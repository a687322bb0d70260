"""Where settings come from, and which wins."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from sampan import config
from sampan.config import Config, Misconfigured, add_flags, load


def test_defaults(tmp_path: Path) -> None:
    found = load({}, {"HOME": "/h"}, tmp_path)
    assert (found.host, found.port, found.url) == ("127.0.0.1", 4566, "http://127.0.0.1:4566")
    assert found.data == Path("/h/.local/share/sampan")
    assert found.regions == {"aws": "us-east-1", "aliyun": "cn-hangzhou"}
    assert load({}, {"HOME": "/h", "XDG_DATA_HOME": "/x"}, tmp_path).data == Path("/x/sampan")
    assert load({}, {"HOME": "/h", "XDG_DATA_HOME": "relative/is/ignored"}, tmp_path).data.is_relative_to("/h")


def test_flags_beat_variables_beat_the_file_beats_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "sampan.toml").write_text('port = 1\nregion_aws = "file"\nhost = "file"\nworkers = 2\n')
    environment = {"HOME": "/h", "SAMPAN_REGION_AWS": "variable", "SAMPAN_HOST": "variable", "SAMPAN_PORT": ""}
    found = load({"host": "flag", "tls": None}, environment, tmp_path)
    assert (found.host, found.region_aws, found.port, found.workers) == ("flag", "variable", 1, 2)
    assert found.region_aliyun == "cn-hangzhou"


def test_which_file_is_read(tmp_path: Path) -> None:
    data, here, named = tmp_path / "data", tmp_path / "here", tmp_path / "named.toml"
    for folder in (data, here):
        folder.mkdir()
    (data / "sampan.toml").write_text("port = 1")
    environment = {"SAMPAN_DATA": str(data)}
    assert load({}, environment, here).port == 1
    (here / "sampan.toml").write_text("port = 2")
    assert load({}, environment, here).port == 2
    named.write_text("port = 3")
    assert load({}, {**environment, "SAMPAN_CONFIG": str(named)}, here).port == 3
    assert load({"config": "../named.toml"}, environment, here).port == 3
    with pytest.raises(Misconfigured, match=r"missing\.toml cannot be read"):
        load({"config": "missing.toml"}, environment, here)


def test_paths_are_meant_from_where_they_are_written(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    (there / "my.toml").write_text('data = "d"\ntls = true\ntls_cert = "/abs/c"\ntls_key = "k"\n')
    found = load({"config": str(there / "my.toml")}, {"HOME": "/h"}, here)
    assert (found.data, found.tls_cert, found.tls_key) == (there / "d", Path("/abs/c"), there / "k")
    assert load({"data": "d"}, {"HOME": "/h"}, here).data == here / "d"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prot = 1", r"no such setting: prot \(there are: host, port"),
        ("port = 70000", "port in .*: must be from 0 to 65535"),
        ('port = "x"', "must be a whole number"),
        ("port = true", "must be a whole number"),
        ("port = 1.5", "must be a whole number"),
        ("workers = 0", "must be from 1"),
        ('tls = "maybe"', "must be true or false"),
        ('domains = ["-bad-"]', "'-bad-' is not a domain name"),
        ("domains = 5", "must be a list"),
        ('log_level = "loud"', "must be one of debug, info"),
        ('region_aws = "US East"', "must be a region's name"),
        ("root_access_key_id = 5", "must be"),
        ('root_access_key_id = "only-this"', "give both, or neither"),
        ('tls_cert = "c"', "give both, or neither"),
        ('tls_cert = "c"\ntls_key = "k"', "tls is not on"),
        ("port = ", "is not TOML"),
        ("port = 1\nport = 2", "is not TOML"),
        ("[port]", "must be a whole number"),
    ],
)
def test_bad_files_are_told_clearly(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "sampan.toml").write_text(text)
    with pytest.raises(Misconfigured, match=message):
        load({}, {"HOME": "/h"}, tmp_path)


def test_bad_variables_and_flags_are_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"^SAMPAN_PORT: must be"):
        load({}, {"SAMPAN_PORT": "http"}, tmp_path)
    with pytest.raises(Misconfigured, match=r"^--log-level: must be"):
        load({"log_level": "loud"}, {}, tmp_path)


def test_no_message_and_no_repr_shows_the_secret(tmp_path: Path) -> None:
    secret = "s3cr3t s3cr3t"
    with pytest.raises(Misconfigured) as caught:
        load({}, {"SAMPAN_ROOT_ACCESS_KEY_ID": "abc", "SAMPAN_ROOT_ACCESS_KEY_SECRET": secret}, tmp_path)
    assert "s3cr3t" not in str(caught.value)
    good = load({}, {"SAMPAN_ROOT_ACCESS_KEY_ID": "abc", "SAMPAN_ROOT_ACCESS_KEY_SECRET": "s3cr3t"}, tmp_path)
    assert good.root_access_key_secret == "s3cr3t"
    assert "s3cr3t" not in repr(good)


def test_every_setting_is_in_all_three_places(tmp_path: Path) -> None:
    assert {setting.name for setting in config.SETTINGS} == set(Config.__dataclass_fields__)
    parser = argparse.ArgumentParser()
    add_flags(parser)
    given = parser.parse_args(["--port", "7", "--no-tls", "--domains", "a.com,B.com", "--log-format", "json"])
    found = load(vars(given), {"HOME": "/h", "SAMPAN_TLS": "yes", "SAMPAN_WORKERS": "3"}, tmp_path)
    assert (found.port, found.tls, found.domains, found.workers) == (7, False, ("a.com", "b.com", "localhost"), 3)
    with pytest.raises(SystemExit):
        parser.parse_args(["--root-access-key-secret", "x"])


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:4566"),
        ("::", "http://[::1]:4566"),
        ("::1", "http://[::1]:4566"),
        ("localhost", "http://localhost:4566"),
    ],
)
def test_the_url_is_one_that_can_be_visited(host: str, url: str) -> None:
    assert Config(host=host).url == url
    assert Config(host=host, tls=True).url == url.replace("http:", "https:")
