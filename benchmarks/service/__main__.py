"""Studyhall and its peers side by side: `python -m benchmarks.service [--rounds 3] [--clients 1,4,16,64] …`."""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import make_url

from benchmarks.environments import environment
from benchmarks.service import in_use, load, tables
from benchmarks.service.studyhall_peer import OneRequest, Studyhall, ingest
from tests.faults.database import Postgres
from tests.postgres_cluster import administer, connect

HERE = Path(__file__).parent
PEERS = ("studyhall sqlite", "studyhall sqlite one-request", "optuna sqlite", "optuna sqlite-wal", "optuna journal",
         "studyhall postgresql", "studyhall postgresql one-request", "optuna postgresql", "optuna grpc",
         "vizier sqlite")  # fmt: skip


class Bench:
    """One run: a folder on the disk to measure, a cluster when a peer needs one."""

    def __init__(self, arguments: argparse.Namespace, folder: Path, stack: ExitStack) -> None:
        self.arguments, self.folder, self.stack = arguments, folder, stack
        self.cluster: Postgres | None = None
        self.made = 0

    def database(self) -> tuple[str, int]:
        """The URL of a new database in the cluster, and the cluster's process."""
        if self.cluster is None:
            self.cluster = Postgres()
            self.stack.callback(self.cluster.close)
        self.made += 1
        administer(self.cluster.base, "CREATE DATABASE {}", f"bench{self.made}")
        url = self.cluster.base.set(database=f"bench{self.made}").render_as_string(hide_password=False)
        return url, self.cluster.process.pid

    def measure(
        self, peer: str, clients: list[int], *, prefill: int = 0, reads: bool = False
    ) -> Iterator[dict[str, Any]]:
        """The measurements of one peer in one round."""
        if peer.startswith("studyhall"):
            yield from self._ours(peer, clients, prefill, reads)
            return
        product, kind = peer.split()
        told: dict[str, Any] = {"kind": kind, "folder": str(self.folder), "clients": clients,
                                "seconds": self.arguments.seconds, "prefill": prefill, "reads": reads}  # fmt: skip
        if kind in ("postgresql", "grpc"):
            url, told["database_pid"] = self.database()
            told["url"] = url.replace("+psycopg", "+psycopg2")
        command = [environment(product), HERE / f"{product}_peer.py", json.dumps(told)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"{peer}: {done.stderr[-600:]}", file=sys.stderr)
        for line in done.stdout.splitlines():
            with suppress(ValueError):
                yield json.loads(line)

    def ours(self, peer: str, objectives: int = 1) -> Studyhall:
        kind = OneRequest if peer.endswith("one-request") else Studyhall
        self.made += 1
        if "postgresql" in peer:
            url, pid = self.database()
            return kind(f"s{self.made}", url, self.folder, pid, objectives)
        return kind(f"s{self.made}", f"sqlite:///{self.folder}/s{self.made}.db", self.folder, None, objectives)

    def _ours(self, peer: str, clients: list[int], prefill: int, reads: bool) -> Iterator[dict[str, Any]]:
        made = self.ours(peer)
        made.setup()
        try:
            made.prefill(prefill)
            if prefill and "postgresql" in peer:
                analyze(made.url)
            for each in clients:
                yield {"peer": peer} | load.run(made, each, self.arguments.seconds)
            if reads:
                yield {"peer": peer, "reads": made.reads()}
        finally:
            made.teardown()


def analyze(url: str) -> None:
    """Lets PostgreSQL look at what was imported, as its autovacuum does within a minute."""
    with connect(make_url(url)) as connection:
        connection.execute("ANALYZE")


def side_by_side(bench: Bench, peers: list[str]) -> list[dict[str, Any]]:
    """Rounds in which every peer has its turn."""
    found = []
    for round_number in range(bench.arguments.rounds):
        for peer in peers:
            for row in bench.measure(peer, bench.arguments.clients):
                found.append(row | {"round": round_number})
                show(found[-1])
    return found


def growth(bench: Bench, peers: list[str]) -> list[dict[str, Any]]:
    """One client on studies that have grown."""
    found = []
    for finished in bench.arguments.growth:
        for peer in peers:
            for row in bench.measure(peer, [1], prefill=finished, reads=True):
                found.append(row | {"finished": finished})
                show(found[-1])
    return found


def pareto(bench: Bench) -> list[dict[str, Any]]:
    """What is looked at in a study with two objectives, the largest of the growth."""
    made = bench.ours("studyhall sqlite", objectives=2)
    made.setup()
    try:
        made.prefill(max(bench.arguments.growth))
        return [
            {"peer": "studyhall sqlite, two objectives", "finished": max(bench.arguments.growth), "reads": made.reads()}
        ]
    finally:
        made.teardown()


def ingestion(bench: Bench) -> list[dict[str, Any]]:
    """Metric points a second."""
    found = []
    for points in (1, 10, 100):
        made = bench.ours("studyhall sqlite")
        made.setup()
        try:
            found.append(ingest(made, points, bench.arguments.seconds, clients=8))
        finally:
            made.teardown()
    return found


def in_use_by_a_fleet(bench: Bench) -> list[dict[str, Any]]:
    """Paced load, suggestions made ahead, and one worker after the other."""
    seconds, found = bench.arguments.in_use, []
    with ExitStack() as stack:
        made = bench.ours("studyhall sqlite")
        made.setup()
        stack.callback(made.teardown)
        found += [in_use.handover(made, made, 50), in_use.ahead(made, min(seconds, 60.0))]
        made.new_study()
        found.append(in_use.soak(made, seconds))
    with ExitStack() as stack:
        first = bench.ours("studyhall postgresql")
        first.setup()
        stack.callback(first.teardown)
        second = Studyhall("second", first.url, bench.folder, first.database_pid)
        second.setup(first.key)
        stack.callback(second.teardown)
        found.append(in_use.handover(first, second, 50))
    return found


def show(row: dict[str, Any]) -> None:
    if "trials_per_s" in row:
        rate, cpu, p99 = row["trials_per_s"], row["cpu_ms"] or 0, row["ask"]["p99"] or 0
        asked = f"ask p99 {p99:8.1f} ms"
        print(f"{row['peer']:34} {row['clients']:3} clients {rate:8.1f} trials/s {cpu:7.2f} CPU ms, {asked}, "
              f"{row['errors']} errors", file=sys.stderr, flush=True)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.service", description=__doc__)
    numbers = lambda text: [int(part) for part in text.split(",")] if text else []  # noqa: E731
    parser.add_argument("--peers", default=",".join(PEERS), help="which, by commas")
    parser.add_argument("--clients", type=numbers, default=[1, 4, 16, 64])
    parser.add_argument(
        "--growth", type=numbers, default=[100, 1000, 10_000, 100_000], help="finished trials; '': none"
    )
    parser.add_argument("--grown-peers", default="studyhall sqlite,studyhall postgresql,optuna sqlite")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ingest", action="store_true", help="also metric points a second")
    parser.add_argument("--in-use", type=float, default=0.0, help="also the service in use, soaked for these seconds")
    parser.add_argument("--json", type=Path, help="keep every measurement here")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="studyhall-bench-")))
        bench = Bench(arguments, folder, stack)
        rows = side_by_side(bench, [peer for peer in arguments.peers.split(",") if peer])
        grown = growth(bench, arguments.grown_peers.split(",")) if arguments.growth else []
        front = pareto(bench) if arguments.growth else []
        points = ingestion(bench) if arguments.ingest else []
        used = in_use_by_a_fleet(bench) if arguments.in_use else []
    if arguments.json:
        arguments.json.write_text("".join(json.dumps(row) + "\n" for row in [*rows, *grown, *front, *points, *used]))
    print(tables.report(rows, grown, front, points, used))
    return 0


if __name__ == "__main__":
    sys.exit(main())
