"""Counters in files, added up over workers."""

from __future__ import annotations

from pathlib import Path

from sampan.gateway.metrics import BOUNDS_US, SLOTS, Counters, expose, totals


def test_workers_are_added_up_at_once(tmp_path: Path) -> None:
    one, two = Counters(tmp_path / "1.counters"), Counters(tmp_path / "2.counters")
    one.count("aws/s3", "GetObject", 200, 0, 10, 300)
    two.count("aws/s3", "PutObject", 200, 5, 0, 1)
    two.count("aws/s3", "GetObject", 200, 1, 20, 400)
    sums = totals(tmp_path)
    assert sums["aws/s3|GetObject|200"][:4] == [2, 1, 30, 700]
    assert sums["aws/s3|PutObject|200"][:4] == [1, 5, 0, 1]


def test_a_dead_workers_counts_stay(tmp_path: Path) -> None:
    Counters(tmp_path / "1.counters").count("d", "o", 200, 0, 0, 1)
    Counters(tmp_path / "2.counters").count("d", "o", 200, 0, 0, 1)
    assert totals(tmp_path)["d|o|200"][0] == 2


def test_times_fall_into_buckets_with_their_bound_included(tmp_path: Path) -> None:
    counters = Counters(tmp_path / "1.counters")
    for bound in BOUNDS_US:
        counters.count("d", "o", 200, 0, 0, bound)
    counters.count("d", "o", 200, 0, 0, BOUNDS_US[-1] + 1)
    lines = expose(tmp_path, "1.0", 0).splitlines()
    buckets = [line for line in lines if line.startswith("sampan_request_seconds_bucket")]
    assert [int(line.rpartition(" ")[2]) for line in buckets] == list(range(1, len(BOUNDS_US) + 2))
    assert 'le="0.00025"' in buckets[0]
    assert 'le="+Inf"' in buckets[-1]


def test_the_page_is_what_prometheus_reads(tmp_path: Path) -> None:
    Counters(tmp_path / "1.counters").count("aws/s3", "GetObject", 404, 7, 9, 2_000_000)
    page = expose(tmp_path, "1.2.3", 1_500)
    assert 'sampan_info{version="1.2.3"} 1\n' in page
    assert "sampan_start_time_seconds 1.5\n" in page
    labels = '{dialect="aws/s3",operation="GetObject",status="404"}'
    assert f"sampan_requests_total{labels} 1\n" in page
    assert f"sampan_received_bytes_total{labels} 7\n" in page
    assert f"sampan_sent_bytes_total{labels} 9\n" in page
    assert f"sampan_request_seconds_sum{labels} 2.0\n" in page
    described = {line.split()[2] for line in page.splitlines() if line.startswith("# TYPE")}
    used = {line.partition("{")[0].partition(" ")[0] for line in page.splitlines() if not line.startswith("#")}
    assert {name.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count") for name in used} == described


def test_more_labels_than_slots_are_counted_together(tmp_path: Path) -> None:
    counters = Counters(tmp_path / "1.counters")
    for number in range(SLOTS + 100):
        counters.count("d", f"o{number}", 200, 0, 0, 1)
    sums = totals(tmp_path)
    assert sum(numbers[0] for numbers in sums.values()) == SLOTS + 100
    assert sums["other|other|0"][0] == 101
    assert len(sums) == SLOTS
