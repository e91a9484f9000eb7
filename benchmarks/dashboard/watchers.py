"""Open dashboards as the server sees them: a stream each, and what changed, read no sooner than the dashboard does."""

import contextlib
import json
import multiprocessing
import random
import socket
import threading
import time
from typing import Any

from benchmarks.service.http_client import Client
from benchmarks.service.load import quantiles
from benchmarks.service.studyhall_peer import Studyhall

ROUNDS = 4
WORKERS = 8
PAUSE_S = 0.05
"""Of a worker between two requests: busy, and not so busy that the machine alone is measured."""
CALM_S, SPREAD_S = 0.5, 0.25
FIELDS = (
    "id,number,state,parameters,metrics,worker,source,attempt,step,"
    "excluded,labels,reason,sequence,started_at,finished_at"
)


def in_turns(peer: Studyhall, dashboards: int, seconds: float) -> str:
    """The latency of workers' requests in turns without and with open dashboards."""
    took: dict[bool, list[float]] = {False: [], True: []}
    for turn in range(2 * ROUNDS):
        is_watched = bool(turn % 2)
        with contextlib.ExitStack() as open_now:
            if is_watched:
                open_now.enter_context(_watched(peer, dashboards))
            took[is_watched] += _work(peer, seconds)
    alone, watched = quantiles(took[False]), quantiles(took[True])
    lines = [f"{WORKERS} workers, {ROUNDS} turns each, {len(took[True])} requests with {dashboards} dashboards", ""]
    lines += ["| ms | alone | watched | ratio |", "|---|---|---|---|"]
    for name, before in alone.items():
        with_them = watched[name]
        assert before is not None
        assert with_them is not None
        lines.append(f"| {name} | {before:.1f} | {with_them:.1f} | {with_them / before:.2f} |")
    return "\n".join(lines)


def _work(peer: Studyhall, seconds: float) -> list[float]:
    context = multiprocessing.get_context("fork")
    pipes = [context.Pipe(duplex=False) for _ in range(WORKERS)]
    workers = [context.Process(target=_worker, args=(peer, seconds, mine)) for _, mine in pipes]
    for worker in workers:
        worker.start()
    took = [each for theirs, _ in pipes for each in theirs.recv()]
    for worker in workers:
        worker.join()
    return took


def _worker(peer: Studyhall, seconds: float, pipe: Any) -> None:
    took: list[float] = []
    peer.connect()
    ends = time.perf_counter() + seconds

    def timed(act: Any, *args: Any) -> Any:
        began = time.perf_counter()
        answer = act(*args)
        took.append(time.perf_counter() - began)
        time.sleep(PAUSE_S)
        return answer

    while time.perf_counter() < ends:
        handle = timed(peer.ask)
        for step in range(3):
            timed(peer.report, handle, step, 1.0)
        timed(peer.tell, handle, 1.0)
    pipe.send(took)


@contextlib.contextmanager
def _watched(peer: Studyhall, dashboards: int) -> Any:
    watched = (peer.port, peer.key, peer.study, dashboards)
    watching = multiprocessing.get_context("fork").Process(target=_watch, args=watched)
    watching.start()
    time.sleep(1.0)  # all streams are open
    try:
        yield
    finally:
        watching.terminate()
        watching.join()


def _watch(port: int, key: str, study: str, dashboards: int) -> None:
    threads = [threading.Thread(target=_dashboard, args=(port, key, study), daemon=True) for _ in range(dashboards)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _dashboard(port: int, key: str, study: str) -> None:
    client = Client(port, key)
    known = client.ask("GET", f"/v1/studies/{study}/summary")["sequence"]
    for heard in _stream(port, key, study, known):
        if heard <= known:
            continue
        time.sleep(random.uniform(0.0, SPREAD_S))
        began = time.perf_counter()
        client.ask("GET", f"/v1/studies/{study}/summary?at_least={heard}")
        wanted = f"since={known}&at_least={heard}&sort=number&limit=500&fields={FIELDS}"
        client.ask("GET", f"/v1/studies/{study}/trials?{wanted}")
        known = heard
        time.sleep(max(CALM_S, 4 * (time.perf_counter() - began)))


def _stream(port: int, key: str, study: str, after: int) -> Any:
    """The sequence numbers of the event stream, the last one of whatever has come together."""
    with socket.create_connection(("127.0.0.1", port)) as door:
        asked = f"GET /v1/studies/{study}/events?after={after} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        door.sendall(f"{asked}Authorization: Bearer {key}\r\nAccept: text/event-stream\r\n\r\n".encode())
        while more := door.recv(1 << 16):
            told = [line for line in more.decode(errors="replace").splitlines() if line.startswith("data: {")]
            if told:
                with contextlib.suppress(ValueError):  # cut in two: the next one says as much
                    yield json.loads(told[-1][6:])["sequence"]
