"""Accounts and access keys: kept sealed, found at once, never in the open."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from sampan.engines.clock_system import SystemChance, SystemClock
from sampan.engines.sealer import AesSealer, load_key
from sampan.engines.store_memory import MemoryStore
from sampan.engines.store_sqlite import SqliteStore
from sampan.kernel.caller import ANONYMOUS
from sampan.kernel.fault import Fault, Kind
from sampan.kernel.names import account_of_aliyun, aliyun_account
from sampan.services.identity import model, rows
from sampan.services.identity.service import ROOT_ACCOUNT, Identity

SEALER = AesSealer(bytes(range(32)))


def identity_over(store: Any) -> Identity:
    return Identity(store, SystemClock(), SystemChance(), SEALER)


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    made = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "store")
    yield made
    made.close()


@pytest.fixture
def identity(store: Any) -> Identity:
    return identity_over(store)


def run(action: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(action)


def create(identity: Identity, name: str) -> model.IssuedKey:
    return run(identity.handlers[model.CreateAccount](ANONYMOUS, model.CreateAccount(name=name)))


def test_a_new_account_has_a_key_that_is_found(identity: Identity) -> None:
    issued = create(identity, "lighthouse")
    key = identity.find(issued.key_id)
    assert key is not None
    assert (key.secret, key.caller.account, key.active, key.token) == (issued.secret, issued.account, True, None)
    assert len(issued.key_id) == 20
    assert issued.key_id.startswith("AKIA")
    assert len(issued.secret) == 40


def test_account_numbers_have_12_digits_and_a_form_in_both_clouds(identity: Identity) -> None:
    numbers = [create(identity, f"n{n}").account for n in range(50)]
    assert len(set(numbers)) == 50
    for number in numbers:
        assert len(number) == 12
        assert number.isdigit()
        assert number[0] != "0"
        assert account_of_aliyun(aliyun_account(number)) == number


def test_names_are_unique_and_sane(identity: Identity) -> None:
    create(identity, "one")
    for name, kind in (("one", Kind.EXISTS), ("", Kind.INVALID), ("a\nb", Kind.INVALID), ("x" * 65, Kind.INVALID)):
        with pytest.raises(Fault) as caught:
            create(identity, name)
        assert (caught.value.kind, caught.value.noun) == (kind, "account")
    assert [
        account.name for account in run(identity.handlers[model.ListAccounts](ANONYMOUS, model.ListAccounts()))
    ] == ["one"]


def test_more_keys_for_an_account(identity: Identity) -> None:
    first = create(identity, "one")
    second = run(identity.handlers[model.CreateKey](ANONYMOUS, model.CreateKey(account=first.account)))
    for issued in (first, second):
        key = identity.find(issued.key_id)
        assert key is not None
        assert key.secret == issued.secret
    with pytest.raises(Fault) as caught:
        run(identity.handlers[model.CreateKey](ANONYMOUS, model.CreateKey(account="123456789012")))
    assert (caught.value.kind, caught.value.noun) == (Kind.MISSING, "account")


def test_a_temporary_key_has_a_token_and_an_end(identity: Identity) -> None:
    account = create(identity, "one").account
    issued = run(identity.handlers[model.CreateKey](ANONYMOUS, model.CreateKey(account=account, expires_ms=77)))
    key = identity.find(issued.key_id)
    assert key is not None
    assert issued.key_id.startswith("ASIA")
    assert issued.token
    assert (key.token, key.expires_ms) == (issued.token, 77)


@pytest.mark.parametrize("key_id", ["", "AKIANOBODY", "ü", "\udcff", "a" * 129, "ia000000000000"])
def test_unknown_ids_find_nothing(identity: Identity, key_id: str) -> None:
    create(identity, "one")
    assert identity.find(key_id) is None


# --- secrets ----------------------------------------------------------------------------------------------------------


def test_no_secret_lies_in_the_open(identity: Identity, store: Any) -> None:
    account = create(identity, "one")
    temporary = run(
        identity.handlers[model.CreateKey](ANONYMOUS, model.CreateKey(account=account.account, expires_ms=1))
    )
    with store.view() as view:
        stored = b"".join(key + value for key, value in view.scan(b"", b"\xff"))
    assert account.key_id.encode() in stored
    for secret in (account.secret, temporary.secret, temporary.token):
        assert secret.encode() not in stored
        assert secret not in repr((account, temporary, identity.find(account.key_id)))


def test_a_sealed_secret_opens_only_where_it_was_put(identity: Identity, store: Any) -> None:
    """Somebody who can write rows, but has not the key file, cannot give their secret to another's key."""
    one, two = create(identity, "one"), create(identity, "two")

    def swap(transaction: Any) -> None:
        mine, his = rows.key(one.key_id), rows.key(two.key_id)
        row = rows.decode_key(transaction.get(his))
        row.secret = rows.decode_key(transaction.get(mine)).secret
        transaction.put(his, rows.encode(row))

    run(store.write(swap))
    with pytest.raises(ValueError, match="sealed"):
        identity.find(two.key_id)


def test_sealing_twice_shows_no_sameness() -> None:
    row = b"ikX"
    one, two = SEALER.seal("secret", row, b"1" * 12), SEALER.seal("secret", row, b"2" * 12)
    assert one != two
    assert SEALER.open(one, row) == SEALER.open(two, row) == "secret"
    for broken in (b"", one[:20], one[:-1] + b"?"):
        with pytest.raises(ValueError, match="sealed"):
            SEALER.open(broken, row)


def test_the_key_file_is_made_once_for_the_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "secrets.key"
    key = load_key(path)
    assert load_key(path) == key
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_bytes(b"short")
    with pytest.raises(ValueError, match="holds no key"):
        load_key(path)


# --- changes ----------------------------------------------------------------------------------------------------------


def test_a_change_by_another_process_holds_at_once(tmp_path: Path) -> None:
    here, there = SqliteStore(tmp_path), SqliteStore(tmp_path)
    try:
        asking, changing = identity_over(here), identity_over(there)
        issued = create(changing, "one")
        assert asking.find(issued.key_id) is not None

        def disable(transaction: Any) -> None:
            row = rows.decode_key(transaction.get(rows.key(issued.key_id)))
            row.active = False
            transaction.put(rows.key(issued.key_id), rows.encode(row))

        run(there.write(disable))
        key = asking.find(issued.key_id)
        assert key is not None
        assert not key.active
        run(there.write(lambda transaction: transaction.delete(rows.key(issued.key_id))))
        assert asking.find(issued.key_id) is None
    finally:
        here.close()
        there.close()


# --- the root ---------------------------------------------------------------------------------------------------------


def test_the_root_has_one_key_of_its_own_which_is_replaced(identity: Identity) -> None:
    run(identity.adopt_root("AKIAFIRST", "one"))
    key = identity.find("AKIAFIRST")
    assert key is not None
    assert (key.secret, key.caller.account) == ("one", ROOT_ACCOUNT)
    run(identity.adopt_root("AKIAFIRST", "two"))
    run(identity.adopt_root("AKIASECOND", "three"))
    assert identity.find("AKIAFIRST") is None
    key = identity.find("AKIASECOND")
    assert key is not None
    assert key.secret == "three"


def test_the_roots_other_keys_stay(identity: Identity) -> None:
    run(identity.adopt_root("AKIAFIRST", "one"))
    issued = run(identity.handlers[model.CreateKey](ANONYMOUS, model.CreateKey(account=ROOT_ACCOUNT)))
    run(identity.adopt_root("AKIASECOND", "two"))
    assert identity.find(issued.key_id) is not None


def test_the_root_cannot_take_anothers_key(identity: Identity) -> None:
    run(identity.adopt_root("AKIAFIRST", "one"))
    issued = create(identity, "other")
    with pytest.raises(Fault) as caught:
        run(identity.adopt_root(issued.key_id, "mine"))
    assert (caught.value.kind, caught.value.noun) == (Kind.EXISTS, "key")
    key = identity.find(issued.key_id)
    assert key is not None
    assert key.secret == issued.secret
    assert identity.find("AKIAFIRST") is not None


def test_nothing_is_written_when_nothing_changes(identity: Identity, store: Any) -> None:
    run(identity.adopt_root("AKIAFIRST", "one"))
    with store.view() as view:
        before = list(view.scan(b"", b"\xff"))
    run(identity.adopt_root("AKIAFIRST", "one"))
    with store.view() as view:
        assert list(view.scan(b"", b"\xff")) == before


def test_every_command_has_a_handler(identity: Identity) -> None:
    commands = {value for value in vars(model).values() if isinstance(value, type) and issubclass(value, model.Command)}
    bases = {base for command in commands for base in command.__mro__[1:]}
    assert set(identity.handlers) == commands - bases
