"""The table of nonces: each may be used once, in any process."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sampan.engines.nonces import WAYS, NonceTable
from sampan.kernel.fault import Fault, Kind

KEPT_MS = 1_800_000


def test_a_nonce_is_good_once(tmp_path: Path) -> None:
    table = NonceTable(tmp_path / "nonces", KEPT_MS)
    assert table.spend("key", "a", 1_000)
    assert not table.spend("key", "a", 1_000 + KEPT_MS - 1)
    assert table.spend("other", "a", 1_000)
    assert table.spend("key", "b", 1_000)
    assert table.spend("key", "a", 1_000 + KEPT_MS)
    assert not table.spend("key", "a", 1_001 + KEPT_MS)


def test_it_outlives_the_server(tmp_path: Path) -> None:
    first = NonceTable(tmp_path / "nonces", KEPT_MS)
    assert first.spend("key", "a", 1_000)
    first.close()
    assert not NonceTable(tmp_path / "nonces", KEPT_MS).spend("key", "a", 2_000)


def test_a_full_set_forgets_the_oldest(tmp_path: Path) -> None:
    table = NonceTable(tmp_path / "nonces", KEPT_MS, sets=1)
    for number in range(WAYS + 1):
        assert table.spend("key", str(number), 1_000 + number)
    assert not any(table.spend("key", str(number), 2_000) for number in range(1, WAYS + 1))
    assert table.spend("key", "0", 2_000)
    assert (tmp_path / "nonces").stat().st_size == WAYS * 16


def test_ten_thousand_do_not_meet(tmp_path: Path) -> None:
    table = NonceTable(tmp_path / "nonces", KEPT_MS)
    assert all(table.spend("key", str(number), 1_000) for number in range(10_000))
    assert not any(table.spend("key", str(number), 1_000) for number in range(10_000))


def _spend(path: Path) -> list[int]:
    table = NonceTable(path, KEPT_MS)
    return [nonce for nonce in range(3_000) if table.spend("key", str(nonce), 1_000)]


def test_one_process_of_many_gets_it(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        spent = pool.map(_spend, [tmp_path / "nonces"] * 2, chunksize=1)
    assert sorted(spent[0] + spent[1]) == list(range(3_000))


def test_a_disk_that_is_full_is_a_fault(tmp_path: Path) -> None:
    """In a process of its own, since a limit on the size of files cannot be taken back."""
    program = f"""
import resource, signal
from pathlib import Path
from sampan.engines.nonces import NonceTable
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
NonceTable(Path({str(tmp_path / "nonces")!r}), {KEPT_MS}).spend("key", "a", 1)
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=dict(os.environ))
    assert "Fault" in ran.stderr and "store" in ran.stderr


def test_a_nonce_may_be_any_text(tmp_path: Path) -> None:
    table = NonceTable(tmp_path / "nonces", KEPT_MS)
    assert table.spend("key", "\udc80é\n", 1)
    assert not table.spend("key", "\udc80é\n", 1)


def test_a_folder_that_is_gone_is_a_fault(tmp_path: Path) -> None:
    table = NonceTable(tmp_path / "gone" / "nonces", KEPT_MS)
    with pytest.raises(Fault) as caught:
        table.spend("key", "a", 1)
    assert caught.value.kind is Kind.UNAVAILABLE
