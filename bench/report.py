"""Figures into tables: what bench/README.md shows."""

from __future__ import annotations

import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- figures: written by bench/objects.py --write -->", "<!-- end of figures -->"
CPU_ROWS = ("HEAD", "GET 1 KiB", "PUT 1 KiB", "LIST 1000", "GET 16 MiB", "PUT 16 MiB")  # at the most connections
Row = dict[str, Any]
Figures = dict[str, Any]


def machine() -> dict[str, str]:
    """Where and when the figures are taken."""
    root = Path(__file__).parents[1]
    model = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "")
    memory_kib = int(Path("/proc/meminfo").read_text().split()[1])
    commit = subprocess.run(
        ["git", "-C", root, "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    ).stdout.strip()
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": commit or "unknown",
        "processor": f"{model.partition(':')[2].strip() or platform.machine()}, "
        f"{len([x for x in Path('/proc/cpuinfo').read_text().splitlines() if x.startswith('processor')])} cores",
        "memory": f"{memory_kib / 2**20:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
    }


def render(figures: Figures) -> str:
    """All tables, in Markdown."""
    parts = [_where(figures), "### Guarantees\n\n" + _guarantees(figures)]
    for connections in figures["connections"]:
        mark = f" x{connections}"
        word = "connection" if connections == 1 else "connections"
        parts.append(f"### Requests a second, {connections} {word}\n\n" + _rates(figures, mark))
        parts.append(f"### Latency in milliseconds, p50 / p99, {connections} {word}\n\n" + _latencies(figures, mark))
    parts.append("### Memory and processor time\n\n" + _memory(figures))
    parts.append("### Against the goals\n\n" + _goals(figures))
    return "\n\n".join(parts) + "\n"


def render_identity(figures: Figures, goal_us: float) -> str:
    """The tables of bench/identity.py, in Markdown."""
    at = figures["machine"]
    head = ["", "signature, µs", "policies, µs", "both, µs", "both, 99th percentile, µs"]
    parts = ("opened", "allowed", "both", "p99")
    body = [[name, *[_spread(row[part]) for part in parts]] for name, row in figures["rows"].items()]
    first = figures["firsts_ms"]
    met = "met" if figures["worst_us"] < goal_us else "missed"
    return (
        f"{at['date']}, commit {at['commit']}. {at['processor']}, {at['memory']}; {at['system']}. "
        f"{figures['rounds']} rounds of {figures['requests']:,} requests, interleaved; medians, with the lowest and "
        f"highest round in brackets.\n\n{_table(head, body)}\n\n"
        f"The first request in a new worker, where all is read and compiled: {_spread(first['cold'])} ms; the first "
        f"after a change by another worker: {_spread(first['changed'])} ms.\n\n"
        f"Goal, less than {goal_us:g} µs for signature and policies together: {met}, at {_number(figures['worst_us'])} "
        "µs for the slowest.\n"
    )


def render_inference(figures: Figures, bare: str, goal_loss: float, goal_first_ms: float) -> str:
    """The tables of bench/inference.py, in Markdown."""
    at = figures["machine"]
    parts = [
        f"{at['date']}, commit {at['commit']}. {at['processor']}, {at['memory']}; {at['system']}; load average "
        f"{figures['load']:.1f}. {figures['rounds']} rounds, interleaved; answers of {figures['tokens']} tokens, "
        f"{figures['threads']} threads; medians, with the lowest and highest round in brackets."
    ]
    parts += [f"Not measured: {name}: {why}." for name, why in figures["absent"].items()]
    for name, rows in figures["models"].items():
        parts.append(f"### Model: {name}\n\n{_served(figures['streams'], rows)}")
        parts.append(_served_goals(figures["streams"], rows, bare, goal_loss, goal_first_ms))
    return "\n\n".join(parts) + "\n"


def _served(streams: list[int], rows: dict[str, Row]) -> str:
    head = [""]
    for n in streams:
        head += [f"tokens/s, {n} streams" if n > 1 else "tokens/s, 1 stream", "µs of processor a token"]
    body = []
    for who, row in rows.items():
        cells = [who]
        for n in streams:
            cells += [_spread(row[str(n)]["per_second"]), _number(row[str(n)]["cpu_us"]["median"])]
        first = row.get("1", {}).get("first_ms")
        body.append([*cells, _spread(first) if first else "–"])
    return _table([*head, "first word, ms"], body)


def _served_goals(streams: list[int], rows: dict[str, Row], bare: str, goal_loss: float, goal_first_ms: float) -> str:
    """What each of Sampan's doors costs, against the goals, and where a peer is faster."""
    lines = []
    for who, row in rows.items():
        if not who.startswith("sampan"):
            continue
        for n in (n for n in streams if n > 1):
            loss = 1 - row[str(n)]["per_second"]["median"] / rows[bare][str(n)]["per_second"]["median"]
            used = row[str(n)]["cpu_us"]["median"] - rows[bare][str(n)]["cpu_us"]["median"]
            met = "met" if loss <= goal_loss else "missed"
            lines.append(
                f"- {who}, {n} streams: {loss:+.1%} lost ({met}), {_number(used)} µs of processor a token more."
            )
        if "first_ms" in row.get("1", {}):
            more = row["1"]["first_ms"]["median"] - rows[bare]["1"]["first_ms"]["median"]
            best = row["1"]["first_ms"]["low"] - rows[bare]["1"]["first_ms"]["low"]
            met = "met" if more <= goal_first_ms else "missed"
            lines.append(
                f"- {who}: {more:+.1f} ms until the first word ({met}), {best:+.1f} ms between the fastest rounds."
            )
    return f"Goals: at most {goal_loss:.0%} lost, at most {goal_first_ms:g} ms added.\n\n" + "\n".join(lines)


def _spread(value: Row) -> str:
    return f"{_number(value['median'])} ({_number(value['low'])}–{_number(value['high'])})"


def write_into_readme(tables: str, begin: str = BEGIN) -> None:
    """Replace what stands between the two marks."""
    old = README.read_text()
    before, _, rest = old.partition(begin)
    README.write_text(f"{before}{begin}\n\n{tables}\n{END}{rest.partition(END)[2]}")


def _table(head: list[str], body: list[list[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in body])


def _where(figures: Figures) -> str:
    at = figures["machine"]
    lines = [
        f"{at['date']}, commit {at['commit']}. {at['processor']}, {at['memory']}; {at['system']}. "
        f"{figures['rounds']} rounds of {figures['seconds']:g} s for each row and server, interleaved; medians, "
        "with the lowest and highest round in brackets."
    ]
    lines += [f"Not measured: {name}: {why}." for name, why in figures["absent"].items()]
    return "\n".join(lines)


def _guarantees(figures: Figures) -> str:
    body = []
    for one in figures["servers"]:
        said = one["guarantees"]
        if said:
            words = [said["signature"], said["payload"], said["synced"], said["survives"]]
        else:
            words = ["not probed"] * 4 if one["object_server"] else ["no", "no", "no", "–"]
        body.append([one["name"], one["version"], *words, one["storage"]])
    head = ["server", "version", "signature checked", "body checked", "synced before the answer", "survives SIGKILL"]
    return _table([*head, "objects live in"], body)


def _row_names(figures: Figures, mark: str) -> list[str]:
    names: dict[str, None] = {}
    for one in figures["servers"]:
        names.update(dict.fromkeys(name for name in one["rows"] if name.endswith(mark)))
    return list(names)


def _cells(figures: Figures, mark: str, show: Any) -> str:
    servers = figures["servers"]
    body = [
        [name.removesuffix(mark), *[show(one["rows"].get(name)) for one in servers]]
        for name in _row_names(figures, mark)
    ]
    return _table(["", *[one["name"] for one in servers]], body)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def _rates(figures: Figures, mark: str) -> str:
    def show(row: Row | None) -> str:
        if row is None:
            return "–"
        if not row["per_second"]:
            return "failed"
        flaw = f" ({row['bad']} bad)" if row["bad"] else " (wrong)" if row["complaint"] else ""
        return f"{_number(row['per_second'])} ({_number(row['low'])}–{_number(row['high'])}){flaw}"

    return _cells(figures, mark, show)


def _latencies(figures: Figures, mark: str) -> str:
    def show(row: Row | None) -> str:
        return "–" if row is None else f"{_number(row['p50_us'] / 1000)} / {_number(row['p99_us'] / 1000)}"

    return _cells(figures, mark, show)


def _memory(figures: Figures) -> str:
    body = []
    for one in figures["servers"]:
        rows = one["rows"]
        large = [row["peak_bytes"] for name, row in rows.items() if "16 MiB" in name]
        small = [row["peak_bytes"] for name, row in rows.items() if "16 MiB" not in name]
        most = figures["connections"][-1]
        cpu = [rows[f"{name} x{most}"]["cpu_us"] if f"{name} x{most}" in rows else 0.0 for name in CPU_ROWS]
        mib = [f"{value / 2**20:,.0f}" for value in (one["idle_bytes"], max(small, default=0), max(large, default=0))]
        body.append([one["name"], *mib, *[_number(value) for value in cpu]])
    head = ["server", "MiB at start", "MiB at most, small rows", "MiB at most, 16 MiB rows"]
    return _table([*head, *[f"µs of processor, {name}" for name in CPU_ROWS]], body)


def _best(servers: list[Row], name: str) -> tuple[float, str]:
    """The fastest of `servers` in a row, and its name."""
    return max(
        ((one["rows"][name]["per_second"], one["name"]) for one in servers if name in one["rows"]), default=(0, "")
    )


def _goals(figures: Figures) -> str:
    """Where Sampan is not the first of the object servers, and how its large reads compare with nginx."""
    ours = [one for one in figures["servers"] if one["name"].startswith("sampan")]
    peers = [one for one in figures["servers"] if one["object_server"] and one not in ours]
    nginx = [one for one in figures["servers"] if not one["object_server"]]
    lost, won = [], 0
    marks = [f" x{connections}" for connections in figures["connections"]]
    for name in [name for mark in marks for name in _row_names(figures, mark)]:
        (mine, who), (best, whose) = _best(ours, name), _best(peers, name)
        if mine >= best:
            won += 1
        else:
            lost.append(f"- {name}: {whose} {_number(best)}, {who} {_number(mine)}: {mine / best:.2f}")
    lines = [f"First among object servers in {won} of {won + len(lost)} rows."]
    lines += ["Lost:", *lost] if lost else []
    for name in [f"GET 16 MiB{mark}" for mark in marks]:
        mine, best = _best(ours, name)[0], _best(nginx, name)[0]
        if mine and best:
            verdict = "within 20 %" if mine >= 0.8 * best else "not within 20 %"
            lines.append(f"- {name}: {mine / best:.2f} of nginx ({verdict}).")
    return "\n".join(lines)
