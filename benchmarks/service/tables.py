"""Markdown: medians over rounds, ratios within a round."""

from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any

Rows = Sequence[dict[str, Any]]

PAIRS = (
    ("studyhall sqlite", "optuna sqlite"), ("studyhall sqlite", "optuna sqlite-wal"),
    ("studyhall sqlite", "optuna journal"), ("studyhall sqlite", "vizier sqlite"),
    ("studyhall sqlite", "optuna grpc"), ("studyhall postgresql", "optuna postgresql"),
    ("studyhall postgresql", "optuna grpc"), ("studyhall sqlite one-request", "studyhall sqlite"),
    ("studyhall sqlite one-request", "optuna sqlite"), ("studyhall postgresql one-request", "studyhall postgresql"),
)  # fmt: skip


def report(rows: Rows, grown: Rows, front: Rows, points: Rows, used: Rows) -> str:
    """The whole report."""
    parts = []
    if rows:
        parts += ["### Side by side", _rates(rows), "### Ratios within a round: trials/s, and ask p99", _ratios(rows)]
    if grown:
        parts += ["### Growth: one client", _growth(grown), "### Looking at it, ms", _reads([*grown, *front])]
    if points:
        parts += ["### Metric points", _table(("points a request", "clients", "points/s"), (
            (row["points"], row["clients"], number(row["points_per_s"])) for row in points))]  # fmt: skip
    if used:
        parts += ["### In use, ms", _in_use(used)]
    return "\n\n".join(parts)


def _in_use(rows: Rows) -> str:
    cells = []
    for row in rows:
        memory = f"{number(row['early_mb'])}, {number(row['late_mb'])}" if "early_mb" in row else "-"
        cells.append((row["what"], *(number(row[each]) for each in ("p50", "p95", "p99")), row["errors"], memory))
    return _table(("what", "p50", "p95", "p99", "errors", "server MB, after a tenth and at the end"), cells)


def _rates(rows: Rows) -> str:
    cells = []
    for peer in _unique(row["peer"] for row in rows):
        for clients in sorted({row["clients"] for row in rows}):
            some = [row for row in rows if (row["peer"], row["clients"]) == (peer, clients)]
            if some:
                rates = [row["trials_per_s"] for row in some]
                spread = f"{number(median(rates))} ({number(min(rates))}-{number(max(rates))})"
                latencies = [_triple(some, name) for name in ("ask", "tell")]
                cpu = (_middle(row["cpu_ms"] for row in some), _middle(row["server_cpu_ms"] for row in some))
                first = _middle(row["first_ask"] for row in some)
                cells.append((peer, clients, spread, *cpu, *latencies, first, sum(row["errors"] for row in some)))
    head = ("peer", "clients", "trials/s (spread)", "CPU ms/trial", "of it not in clients", "ask p50 / p95 / p99 ms",
            "tell p50 / p95 / p99 ms", "first ask ms", "errors")  # fmt: skip
    return _table(head, cells)


def _ratios(rows: Rows) -> str:
    counts = sorted({row["clients"] for row in rows})
    cells = []
    for ours, theirs in PAIRS:
        line = [_pair(rows, ours, theirs, clients, lambda row: row["trials_per_s"]) for clients in counts]
        # With one request a trial, asking is part of the tell before: there is no ask to compare.
        asks = not ours.endswith("one-request")
        late = [
            _pair(rows, theirs, ours, clients, lambda row: row["ask"]["p99"]) if asks else "-" for clients in counts
        ]
        if any(cell != "-" for cell in line):
            cells.append((f"{ours} / {theirs}", *line, *late))
    head = ("pair", *(f"{count} clients" for count in counts), *(f"p99, {count}" for count in counts))
    return _table(head, cells)


def _pair(rows: Rows, above: str, below: str, clients: int, value: Any) -> str:
    by_round = {
        peer: {row["round"]: value(row) for row in rows if (row["peer"], row["clients"]) == (peer, clients)}
        for peer in (above, below)
    }
    both = [(by_round[above][n], by_round[below].get(n)) for n in by_round[above]]
    ratios = [first / second for first, second in both if first and second]
    return f"{number(median(ratios))} ({number(min(ratios))}-{number(max(ratios))})" if ratios else "-"


def _growth(grown: Rows) -> str:
    some = [row for row in grown if "trials_per_s" in row]
    cells = [
        (row["peer"], row["finished"], number(row["trials_per_s"]), number(row["ask"]["p50"]),
         number(row["tell"]["p50"]), number(row["first_ask"]), number(row["cpu_ms"]))
        for row in sorted(some, key=lambda row: (row["peer"], row["finished"]))
    ]  # fmt: skip
    head = ("peer", "finished trials", "trials/s", "ask p50 ms", "tell p50 ms", "first ask ms", "CPU ms/trial")
    return _table(head, cells)


def _reads(rows: Rows) -> str:
    some = [row for row in rows if "reads" in row]
    names = _unique(name for row in some for name in row["reads"])
    cells = [(row["peer"], row["finished"], *(number(row["reads"].get(name)) for name in names)) for row in some]
    return _table(("peer", "finished trials", *names), sorted(cells, key=lambda cell: (cell[0], cell[1])))


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(map(str, row)) + " |" for row in rows)])


def _triple(rows: Rows, name: str) -> str:
    return " / ".join(_middle(row[name][q] for row in rows) for q in ("p50", "p95", "p99"))


def _middle(values: Iterable[float | None]) -> str:
    known = [value for value in values if value is not None]
    return number(median(known)) if known else "-"


def number(value: float | None) -> str:
    """Three digits that mean something."""
    if value is None:
        return "-"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
