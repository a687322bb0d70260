"""Temporary credentials: who gets them, what they are good for, and when they end."""

from __future__ import annotations

import base64
import hmac
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from tests.identity.test_access import GET, Library, get, ref
from tests.identity.world import allow, deny, refused, say

from sampan.kernel.fault import Kind
from sampan.services.identity import mfa, rows
from sampan.services.identity import model as m
from sampan.services.objects import model as om

ROLE = m.EntityKind.ROLE
DENIED = (Kind.DENIED, "action")


@pytest.fixture
def world() -> Library:
    return Library()


def assume(world: Library, role: str = "reader", **more: Any) -> m.AssumeRole:
    return m.AssumeRole(**{"account": world.one.account, "role": role, "session": "s1", **more})


# --- roles ------------------------------------------------------------------------------------------------------------


def test_a_role_is_taken_on_and_left(world: Library) -> None:
    world.role(world.root, "reader", [f"user:{world.one.account}:ann"], allow(GET, on="objects:books/a/*"))
    ann = world.user(world.root, "ann")
    session = world.act(ann, assume(world, duration_s=900))
    assert (session.role, session.session, session.expires_ms) == ("reader", "s1", world.clock.ms + 900_000)
    key = world.identity.find(session.key_id)
    assert key is not None
    assert (key.secret, key.token, key.expires_ms) == (session.secret, session.token, session.expires_ms)
    assert (key.caller.kind, key.caller.principal, key.caller.session) == ("role", "reader", "s1")
    assert world.may(session.key_id, get("a/1"))
    assert not world.may(session.key_id, get("b/1"))
    assert not world.may(ann, get("a/1"))
    who = world.act(session.key_id, m.GetCallerIdentity())
    assert (who.account, who.kind, who.name, who.session) == (world.one.account, "role", "reader", "s1")
    assert refused(lambda: world.act(session.key_id, m.GetSessionToken())) == DENIED


def test_only_those_whom_the_role_trusts(world: Library) -> None:
    world.role(world.root, "reader", [f"user:{world.one.account}:ann"], allow(GET))
    bea = world.user(world.root, "bea", allow("*"))
    assert not world.may(bea, assume(world)), "no policy of one's own makes up for the role's trust"
    assert not world.may(world.root, assume(world))
    assert not world.may(None, assume(world))
    ann = world.user(world.root, "ann", deny("identity:AssumeRole"))
    assert not world.may(ann, assume(world))


def test_trust_in_the_account_leaves_it_to_the_accounts_policies(world: Library) -> None:
    world.role(world.root, "reader", [f"account:{world.one.account}"], allow(GET))
    assert not world.may(world.user(world.root, "ann"), assume(world))
    allowed = world.user(world.root, "bea", allow("identity:AssumeRole", on="identity:role/reader"))
    assert world.may(allowed, assume(world))
    assert world.may(world.root, assume(world))


def test_across_accounts_the_role_and_the_callers_policies_must_agree(world: Library) -> None:
    world.role(world.root, "reader", [f"account:{world.two.account}"], allow(GET))
    assert not world.may(world.user(world.stranger, "tom"), assume(world))
    jim = world.user(world.stranger, "jim", allow("identity:AssumeRole"))
    session = world.act(jim, assume(world))
    assert session.account == world.one.account
    assert world.may(session.key_id, get("a/1")), "who took the role on acts in the role's account"
    assert not world.may(session.key_id, om.HeadBucket(bucket="films"))
    assert not world.may(jim, assume(world, role="nobody")), "nobody learns which roles another account has"
    assert refused(lambda: world.act(jim, assume(world, role="nobody"))) == DENIED


def test_a_confused_deputy_needs_the_external_id(world: Library) -> None:
    condition = [["string-equals", "external-id", ["7d2f"]]]
    world.role(world.root, "reader", [f"account:{world.two.account}"], allow(GET), if_=condition)
    jim = world.user(world.stranger, "jim", allow("identity:AssumeRole"))
    assert not world.may(jim, assume(world))
    assert not world.may(jim, assume(world, external_id="other"))
    assert not world.may(jim, assume(world, tags={"external-id": "7d2f"}))
    assert world.may(jim, assume(world, external_id="7d2f"))


def test_durations_have_their_bounds(world: Library) -> None:
    world.role(world.root, "reader", ["any"])
    world.act(world.root, m.UpdateEntity(ref=ref("reader", ROLE), session_s_max=7200))
    for seconds in (899, 7201):
        assert refused(lambda s=seconds: world.act(world.root, assume(world, duration_s=s))) == (
            Kind.INVALID,
            "duration",
        )
    session = world.act(world.root, assume(world, duration_s=7200))
    chained = assume(world, duration_s=3601)
    assert refused(lambda: world.act(session.key_id, chained)) == (Kind.INVALID, "duration")
    assert world.act(session.key_id, assume(world)).expires_ms == world.clock.ms + 3_600_000
    for seconds in (3599, 43201):
        update = m.UpdateEntity(ref=ref("reader", ROLE), session_s_max=seconds)
        assert refused(lambda update=update: world.act(world.root, update)) == (Kind.INVALID, "duration")


@pytest.mark.parametrize("name", ["", "x", "a b", "a/b", "x" * 65, "ä" * 3])
def test_session_names_are_sane(world: Library, name: str) -> None:
    world.role(world.root, "reader", ["any"])
    assert refused(lambda: world.act(world.root, assume(world, session=name))) == (Kind.INVALID, "session name")


def test_session_policies_only_take_away(world: Library) -> None:
    world.role(world.root, "reader", ["any"], allow(GET, on="objects:books/*"))
    world.act(world.root, m.CreatePolicy(policy="/b", document=say(allow(GET, on="objects:books/b/*"))))
    only_a = say(allow(GET, "objects:DeleteObject", on="objects:books/a/*"))
    narrow = world.act(world.root, assume(world, policy=only_a)).key_id
    both = world.act(world.root, assume(world, policy=only_a, policies=("/b",))).key_id
    assert (world.may(narrow, get("a/1")), world.may(narrow, get("b/1"))) == (True, False)
    assert (world.may(both, get("a/1")), world.may(both, get("b/1")), world.may(both, get("c"))) == (True, True, False)
    assert not world.may(narrow, om.DeleteObject(bucket="books", key="a/1"))
    world.act(world.root, m.DeletePolicy(policy="/b"))
    assert (world.may(both, get("a/1")), world.may(both, get("b/1"))) == (True, False)
    large = say(*[allow(GET)] * 60)
    assert refused(lambda: world.act(world.root, assume(world, policy=large))) == (Kind.TOO_LARGE, "policy document")
    assert refused(lambda: world.act(world.root, assume(world, policies=("/b",)))) == (Kind.MISSING, "policy")


def test_session_tags_and_what_is_passed_on(world: Library) -> None:
    condition = [["string-equals", "principal-tag/team", ["red"]]]
    world.role(world.root, "reader", ["any"], allow(GET, if_=condition), allow("identity:AssumeRole"))
    passing = assume(world, tags={"Team": "red"}, transitive=("Team",), source_identity="ann")
    first = world.act(world.root, passing)
    second = world.act(first.key_id, assume(world, tags={"Team": "blue"}))
    third = world.act(second.key_id, assume(world))
    keeping = world.act(world.act(world.root, assume(world, tags={"Team": "red"})).key_id, assume(world))
    assert [world.may(session.key_id, get("a/1")) for session in (first, second, third, keeping)] == [
        True,
        True,
        True,
        False,
    ]
    assert third.source_identity == "ann"


def test_a_session_ends_with_its_role(world: Library) -> None:
    world.role(world.root, "reader", ["any"], allow(GET))
    session = world.act(world.root, assume(world)).key_id
    assert world.may(session, get("a/1"))
    world.act(world.root, m.PutInlinePolicy(ref=ref("reader", ROLE), name="own", document=None))
    assert not world.may(session, get("a/1")), "what the role loses, its sessions lose"
    world.act(world.root, m.DeleteEntity(ref=ref("reader", ROLE)))
    world.role(world.root, "reader", ["any"], allow(GET))
    assert not world.may(session, get("a/1"))


def test_tokens_cannot_be_made_by_anybody_else(world: Library) -> None:
    """A token is 48 random bytes, kept sealed: no other is right, and none lies in the open."""
    session = world.act(world.root, m.GetSessionToken())
    with world.store.view() as view:
        stored = b"".join(key + value for key, value in view.scan(b"", b"\xff"))
    for secret in (session.secret, session.token):
        assert secret.encode() not in stored
        assert secret not in repr(session)
    assert world.act(world.root, m.GetSessionToken()).token != session.token


def test_ended_sessions_are_swept_away_by_new_ones(world: Library) -> None:
    ended = [world.act(world.root, m.GetSessionToken(duration_s=900)).key_id for _ in range(5)]
    world.clock.ms += 900_001
    world.act(world.root, m.GetSessionToken())
    assert all(world.identity.find(key_id) is not None for key_id in ended), "a client hears that it has expired"
    world.clock.ms += 26 * 3_600_000
    world.act(world.root, m.GetSessionToken())
    assert all(world.identity.find(key_id) is None for key_id in ended)
    with world.store.view() as view:
        assert sum(1 for _ in view.scan(rows.ENDS, rows.after(rows.ENDS))) == 1


# --- sessions of one's own --------------------------------------------------------------------------------------------


def test_a_user_gets_a_session_without_any_permission(world: Library) -> None:
    ann = world.user(world.root, "ann", allow(GET))
    session = world.act(ann, m.GetSessionToken())
    assert session.expires_ms == world.clock.ms + 12 * 3_600_000
    assert world.may(session.key_id, get("a/1"))
    assert world.act(session.key_id, m.GetCallerIdentity()).name == "ann"
    assert not world.may(world.user(world.root, "bea", deny("identity:GetSessionToken")), m.GetSessionToken())
    assert not world.may(None, m.GetSessionToken())
    assert world.act(world.root, m.GetSessionToken()).expires_ms == world.clock.ms + 3_600_000


def test_a_federated_user_has_what_both_sides_allow(world: Library) -> None:
    ann = world.user(world.root, "ann", allow(GET, on="objects:books/a/*"), allow("identity:GetFederationToken"))

    def federated(by: str, *said: Any) -> str:
        command = m.GetFederationToken(name="guest", policy=say(*said) if said else None)
        return world.act(by, command).key_id

    none, all_ = federated(ann), federated(ann, allow("*"))
    assert not world.may(none, get("a/1"))
    assert (world.may(all_, get("a/1")), world.may(all_, get("b/1"))) == (True, False)
    of_root = federated(world.root, allow(GET, on="objects:books/b/*"))
    assert (world.may(of_root, get("a/1")), world.may(of_root, get("b/1"))) == (False, True)
    assert not world.may(federated(world.root), get("a/1"))
    assert world.act(all_, m.GetCallerIdentity()).kind == "federated"
    assert not world.may(all_, get("x", "films"))
    assert not world.may(world.user(world.root, "bea"), m.GetFederationToken(name="guest"))


def test_everybody_who_can_sign_may_ask_who_it_is(world: Library) -> None:
    for key_id in (world.root, world.user(world.root, "ann", deny("*"))):
        world.act(key_id, m.GetCallerIdentity())
    assert refused(lambda: world.act(None, m.GetCallerIdentity())) == DENIED


# --- second factors ---------------------------------------------------------------------------------------------------


def test_codes_are_those_of_rfc_6238() -> None:
    """RFC 6238, appendix B (SHA-1, the last six of its eight digits)."""
    seed = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    for seconds, code in ((59, "287082"), (1111111109, "081804"), (20000000000, "353130")):
        assert mfa.code_at(seed, seconds // 30) == code


def test_a_role_that_asks_for_a_second_factor(world: Library) -> None:
    condition = [["bool", "mfa", ["true"]]]
    world.role(world.root, "reader", [f"user:{world.one.account}:ann"], allow(GET), if_=condition)
    ann = world.user(world.root, "ann")
    device = world.act(world.root, m.CreateMfaDevice(name="phone"))
    now = lambda: world.clock.ms // 30_000  # noqa: E731
    code = lambda step: mfa.code_at(device.seed, step)  # noqa: E731
    wrong = m.BindMfaDevice(user="ann", name="phone", codes=(code(now()), code(now())))
    assert refused(lambda: world.act(world.root, wrong)) == (Kind.INVALID, "mfa code")
    bind = m.BindMfaDevice(user="ann", name="phone", codes=(code(now() - 1), code(now())))
    world.act(world.root, bind)
    assert refused(lambda: world.act(world.root, bind)) == (Kind.EXISTS, "mfa device")
    assert [(d.name, d.user, d.seed) for d in world.act(world.root, m.ListMfaDevices())] == [("phone", "ann", None)]
    assert not world.may(ann, assume(world))
    assert not world.may(ann, assume(world, mfa_code=code(now()))), "the code that bound it is spent"
    world.clock.ms += 60_000
    good = code(now())
    assert not world.may(ann, assume(world, mfa_code="000000" if good != "000000" else "000001"))
    session = world.act(ann, assume(world, mfa_code=good))
    assert world.may(session.key_id, get("a/1"))
    assert refused(lambda: world.act(ann, assume(world, mfa_code=good))) == DENIED, "no code is good twice"
    world.clock.ms += 60_000
    own = world.act(ann, m.GetSessionToken(mfa_code=code(now())))
    assert world.may(own.key_id, assume(world)), "a session that was got with a code"
    assert not world.may(world.act(ann, m.GetSessionToken()).key_id, assume(world))
    assert refused(lambda: world.act(ann, m.GetSessionToken(mfa_code="123456"))) == (Kind.INVALID, "mfa code")
    act = lambda command: world.act(world.root, command)  # noqa: E731
    assert refused(lambda: act(m.DeleteMfaDevice(name="phone"))) == (Kind.CONFLICT, "user")
    act(m.UnbindMfaDevice(user="ann", name="phone"))
    act(m.DeleteMfaDevice(name="phone"))
    assert refused(lambda: act(m.UnbindMfaDevice(user="ann", name="phone"))) == (Kind.MISSING, "mfa device")


# --- tokens of others -------------------------------------------------------------------------------------------------

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
CURVE = ec.generate_private_key(ec.SECP256R1())
ISSUER = "https://tokens.example"


def key_set() -> str:
    one = {**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(RSA.public_key())), "kid": "r", "alg": "RS256"}
    two = {**json.loads(jwt.algorithms.ECAlgorithm.to_jwk(CURVE.public_key())), "kid": "e", "alg": "ES256"}
    return json.dumps({"keys": [one, two]})


def token(world: Library, key: Any = RSA, kid: str = "r", algorithm: str = "RS256", **claims: Any) -> str:
    now = world.clock.ms // 1000
    said = {"iss": ISSUER, "sub": "job-1", "aud": "sampan", "exp": now + 60, **claims}
    said = {name: value for name, value in said.items() if value is not None}
    return jwt.encode(said, key, algorithm, headers={"kid": kid})


def with_token(world: Library, text: str, **more: Any) -> m.AssumeRoleWithToken:
    return m.AssumeRoleWithToken(account=world.one.account, role="job", session="s1", token=text, **more)


@pytest.fixture
def trusting(world: Library) -> Library:
    """A role for the holders of a provider's tokens of one subject."""
    world.act(world.root, m.PutProvider(create=True, name="ci", url=ISSUER, audiences=("sampan",), keys=key_set()))
    condition = [["string-like", "token/sub", ["job-*"]], ["string-equals", "token/aud", ["sampan"]]]
    world.role(world.root, "job", [f"federated:{world.one.account}:ci"], allow(GET), if_=condition)
    return world


def test_a_token_of_a_trusted_provider_is_worth_a_session(trusting: Library) -> None:
    world = trusting
    for text in (token(world), token(world, CURVE, "e", "ES256"), token(world, aud=["x", "sampan"])):
        session = world.act(None, with_token(world, text))
        assert (session.role, session.subject, session.audience, session.provider) == ("job", "job-1", "sampan", "ci")
        assert world.may(session.key_id, get("a/1"))
    assert world.act(None, with_token(world, token(world), provider="CI")).role == "job"


def test_a_token_that_is_not_what_it_should_be(trusting: Library) -> None:
    world, now = trusting, trusting.clock.ms // 1000
    head, body, signature = token(world).split(".")
    # The oldest trick: the public key taken for a secret that both sides share.
    spoken = ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
        for part in ({"alg": "HS256", "kid": "r"}, {"iss": ISSUER, "sub": "job-1", "aud": "sampan", "exp": now + 60})
    )
    mac = hmac.digest(key_set().encode(), spoken.encode(), "sha256")
    forged = f"{spoken}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"
    bad = {
        "no token": "x",
        "not ascii": "ä.b.c",
        "too long": "x" * 30_000,
        "another key": token(world, OTHER),
        "unknown kid": token(world, kid="z"),
        "the public key as a secret": forged,
        "no signature": jwt.encode({"iss": ISSUER, "sub": "job-1", "aud": "sampan", "exp": now + 60}, "", "none"),
        "cut": f"{head}.{body}.{signature[:-4]}",
        "altered": f"{head}.{body[:-2]}AA.{signature}",
        "another issuer": token(world, iss="https://other.example"),
        "another audience": token(world, aud="else"),
        "no end": token(world, exp=None),
        "no subject": token(world, sub=None),
        "not yet": token(world, nbf=now + 60),
    }
    for why, text in bad.items():
        assert refused(lambda text=text: world.act(None, with_token(world, text))) == (
            Kind.INVALID,
            "identity token",
        ), why
    ended = with_token(world, token(world, exp=now - 60))
    assert refused(lambda: world.act(None, ended)) == (Kind.EXPIRED, "identity token")
    assert refused(lambda: world.act(None, with_token(world, token(world, sub="person-1")))) == DENIED
    elsewhere = m.AssumeRoleWithToken(account=world.two.account, role="job", session="s1", token=token(world))
    assert refused(lambda: world.act(None, elsewhere)) == (Kind.INVALID, "identity token")


def test_providers(world: Library) -> None:
    put = lambda **more: m.PutProvider(  # noqa: E731
        **{"create": True, "name": "ci", "url": ISSUER, "audiences": ("a",), **more}
    )
    act = lambda command: world.act(world.root, command)  # noqa: E731
    act(put())
    assert refused(lambda: act(put())) == (Kind.EXISTS, "provider")
    assert refused(lambda: act(put(create=False, name="x"))) == (Kind.MISSING, "provider")
    for bad in ({"url": "ftp://x"}, {"keys": "{"}, {"keys": '{"keys": []}'}, {"audiences": ("",)}):
        assert refused(lambda bad=bad: act(put(name="y", **bad))) == (Kind.INVALID, "name")
    assert act(put(create=False, keys=key_set())).keys == key_set()
    assert [provider.name for provider in act(m.GetProviders())] == ["ci"]
    assert world.act(world.stranger, m.GetProviders()) == ()
    act(m.DeleteProvider(name="CI"))
    assert refused(lambda: act(m.GetProviders(name="ci"))) == (Kind.MISSING, "provider")
