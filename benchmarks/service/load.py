"""Closed-loop clients and what they measure. Standard library only: it runs in every peer's environment.

A peer is an object with `name`, `setup()`, `prefill(n)`, `connect()`, `ask() -> handle`, `report(handle, step, value)`,
`tell(handle, value)`, `pids()` (the processes that serve it) and `teardown()`. `connect` to `tell` run in the clients.
"""

import multiprocessing
import os
import random
import resource
import time
import traceback
from pathlib import Path
from typing import Any

TICKS = os.sysconf("SC_CLK_TCK")
REPORTS = 3


def run(peer: Any, clients: int, seconds: float) -> dict[str, Any]:
    """One measurement: rates, latencies in ms, CPU ms a trial."""
    context = multiprocessing.get_context("fork")
    ready, go = context.Semaphore(0), context.Event()
    pipes, processes = [], []
    for number in range(clients):
        mine, theirs = context.Pipe(False)
        process = context.Process(target=_client, args=(peer, number, ready, go, seconds, theirs))
        process.start()
        theirs.close()
        pipes.append(mine)
        processes.append(process)
    for _ in range(clients):
        ready.acquire(timeout=300)
    before = tree_cpu_s(peer.pids())
    go.set()
    rows = [pipe.recv() for pipe in pipes if pipe.poll(seconds + 300)]
    served = tree_cpu_s(peer.pids()) - before
    for process in processes:
        process.join(10)
    trials = sum(row["trials"] for row in rows)
    cpu = served + sum(row["cpu"] for row in rows)
    return {
        "clients": clients,
        "trials": trials,
        "trials_per_s": sum(row["trials"] / row["wall"] for row in rows),
        "cpu_ms": 1000 * cpu / trials if trials else None,
        "server_cpu_ms": 1000 * served / trials if trials else None,
        "ask": quantiles([x for row in rows for x in row["ask"]]),
        "report": quantiles([x for row in rows for x in row["report"]]),
        "tell": quantiles([x for row in rows for x in row["tell"]]),
        "first_ask": quantiles([row["first"] for row in rows])["p50"],
        "errors": sum(row["errors"] for row in rows),
    }


def _client(peer: Any, number: int, ready: Any, go: Any, seconds: float, pipe: Any) -> None:
    rng = random.Random(number)
    row: dict[str, Any] = {"trials": 0, "errors": 0, "ask": [], "report": [], "tell": [], "first": None}
    try:
        began = time.perf_counter()
        peer.connect()
        handle = peer.ask()
        row["first"] = time.perf_counter() - began
        peer.tell(handle, rng.random())
    except Exception:  # noqa: BLE001  # whatever a peer raises is counted, and the others go on
        traceback.print_exc()
        row["errors"] += 1
    ready.release()
    go.wait()
    used = resource.getrusage(resource.RUSAGE_SELF)
    began = time.perf_counter()
    while time.perf_counter() < began + seconds and row["errors"] < 20:
        try:
            _trial(peer, rng, row)
        except Exception:  # noqa: BLE001
            traceback.print_exc()
            row["errors"] += 1
    row["wall"] = time.perf_counter() - began
    now = resource.getrusage(resource.RUSAGE_SELF)
    row["cpu"] = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    pipe.send(row)
    pipe.close()
    os._exit(0)


def _trial(peer: Any, rng: random.Random, row: dict[str, Any]) -> None:
    at = time.perf_counter()
    handle = peer.ask()
    row["ask"].append(time.perf_counter() - at)
    for step in range(REPORTS):
        at = time.perf_counter()
        peer.report(handle, step, rng.random())
        row["report"].append(time.perf_counter() - at)
    at = time.perf_counter()
    peer.tell(handle, rng.random())
    row["tell"].append(time.perf_counter() - at)
    row["trials"] += 1


def quantiles(seconds: list[Any]) -> dict[str, float | None]:
    """p50, p95 and p99 in ms."""
    known = sorted(x for x in seconds if x is not None)
    if not known:
        return {"p50": None, "p95": None, "p99": None}
    return {name: 1000 * known[min(len(known) - 1, int(q * len(known)))] for name, q in _QUANTILES}


_QUANTILES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))


def tree_cpu_s(roots: list[int]) -> float:
    """CPU seconds used so far by processes, their children, and those that these have waited for."""
    stats = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                rest = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            stats[int(folder.name)] = (int(rest[1]), sum(map(int, rest[11:15])) / TICKS)
    wanted = set(roots)
    while more := {pid for pid, (parent, _) in stats.items() if parent in wanted} - wanted:
        wanted |= more
    return sum(stats[pid][1] for pid in wanted if pid in stats)
