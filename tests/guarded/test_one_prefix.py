"""A user is given a role, and reads one prefix of one bucket with temporary credentials, and nothing else: whichever
cloud made the user, the policy, the role and the bucket, whichever gave the credentials, through both clouds' doors.
"""

from __future__ import annotations

import http.client
import itertools
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.guarded.makers import MAKERS, Keys, Maker, Refused
from tests.harness import Server

TURNS = ("user", "policy", "role", "bucket", "assume")
MIXES = [dict(zip(TURNS, mix, strict=True)) for mix in itertools.product(MAKERS, repeat=len(TURNS))]
TRIES = 12  # by connections of their own: that all of them come to one of two workers has odds of one in 2,000
_NAMES = itertools.count()


def refused(act: Callable[[], Any]) -> bool:
    try:
        act()
    except Refused as refusal:
        assert refusal.status == 403, refusal
        assert refusal.code in ("AccessDenied", "NoPermission"), refusal
        return True
    return False


class Story:
    """What has been made, and by whom."""

    def __init__(self, server: Server, mix: dict[str, str]) -> None:
        self.url, number = server.url, next(_NAMES)
        root = Keys(server.key_id, server.secret)
        self.by: dict[str, Maker] = {turn: MAKERS[cloud](self.url, root) for turn, cloud in mix.items()}
        self.name = f"prefix-{number}"
        self.user = self.by["user"].user(self.name)
        self.by["bucket"].bucket(self.name)
        for key in ("a/1", "b/1"):
            self.by["bucket"].put(self.name, key, b"calm")
        self.by["role"].role(self.name, self.name)
        self.by["policy"].policy(self.name, self.name, "a/")
        self.by["role"].attach(self.name, self.name)
        self.session = MAKERS[mix["assume"]](self.url, self.user).assume(self.name)

    def readers(self, keys: Keys) -> list[Maker]:
        return [maker(self.url, keys) for maker in MAKERS.values()]


@pytest.mark.parametrize("mix", MIXES, ids=lambda mix: "-".join(mix.values()))
def test_one_prefix_and_nothing_else(server: Server, mix: dict[str, str]) -> None:
    story = Story(server, mix)
    for reader in story.readers(story.session):
        assert reader.get(story.name, "a/1") == b"calm"
        assert reader.list(story.name, "a/") == ["a/1"]
        assert refused(lambda reader=reader: reader.list(story.name, ""))
        assert refused(lambda reader=reader: reader.get(story.name, "b/1"))
        assert refused(lambda reader=reader: reader.put(story.name, "a/1", b"storm"))
        assert refused(reader.users)
        assert refused(lambda reader=reader: reader.user("other"))
        assert refused(lambda reader=reader: reader.assume(story.name)), "a role is not its own user"
    for reader in story.readers(story.user):
        assert refused(lambda reader=reader: reader.get(story.name, "a/1")), "the user by itself has nothing"


@pytest.mark.parametrize(("policy", "other"), [("aws", "aliyun"), ("aliyun", "aws")])
def test_a_change_is_in_force_for_the_next_request_in_every_worker(server: Server, policy: str, other: str) -> None:
    """Also where one cloud changes what the other made; asked by URLs that were signed before."""
    story = Story(server, dict.fromkeys(TURNS, policy))
    links = [reader.link(story.name, "a/1") for reader in story.readers(story.session)]
    root = Keys(server.key_id, server.secret)
    assert {status(link) for link in links for _ in range(TRIES)} == {200}
    for cloud, prefix, expected in ((other, "b/", 403), (policy, "a/", 200), (other, "a/1x", 403)):
        MAKERS[cloud](server.url, root).replace(story.name, story.name, prefix)
        assert {status(link) for link in links for _ in range(TRIES)} == {expected}, (cloud, prefix)


def status(url: str) -> int:
    """Of a GET, over a connection of its own."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    try:
        connection.request("GET", f"{parts.path}?{parts.query}")
        return connection.getresponse().status
    finally:
        connection.close()
