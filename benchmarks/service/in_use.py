"""The service as a fleet uses it: paced, waiting, with an engine that thinks. No peer has a counterpart to compare."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

from benchmarks.service.http_client import Client
from benchmarks.service.load import quantiles
from benchmarks.service.studyhall_peer import Studyhall

WORKERS = 64
WRITES_PER_S = 200
TRAINS_S = 2.0
TRAINERS = 8


def soak(peer: Studyhall, seconds: float) -> dict[str, Any]:
    """64 workers send 200 writes a second between them; the latency of each write, and the server's memory."""
    took: list[float] = []
    errors: list[str] = []
    ends = time.perf_counter() + seconds
    every_s = WORKERS / WRITES_PER_S

    def work(number: int) -> None:
        client = Client(peer.port, peer.key)
        due = time.perf_counter() + every_s * number / WORKERS

        def write(path: str, body: dict[str, Any]) -> Any:
            nonlocal due
            time.sleep(max(0.0, due - time.perf_counter()))
            due = max(due + every_s, time.perf_counter())
            began = time.perf_counter()
            answer = client.ask("POST", path, body)
            took.append(time.perf_counter() - began)
            return answer

        while time.perf_counter() < ends:
            try:
                _trial(write, peer.study, f"w{number}")
            except Exception as error:  # noqa: BLE001  # whatever it was is counted
                errors.append(repr(error))

    def memory_mb() -> float:
        status = Path(f"/proc/{peer.process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024

    threads = _start(work, WORKERS)
    time.sleep(seconds / 10)
    early = memory_mb()
    _join(threads)
    late = memory_mb()
    return {"what": f"{WORKERS} workers, {len(took) / seconds:.0f} writes/s, {seconds:.0f} s", "errors": len(errors),
            "said": errors[:3], "early_mb": early, "late_mb": late} | quantiles(took)  # fmt: skip


def _trial(write: Callable[[str, dict[str, Any]], Any], study: str, worker: str) -> None:
    token = uuid4().hex
    (claimed,) = write("/v1/claims", {"token": token, "worker": worker, "study": study})["trials"]
    trial, lease = f"/v1/trials/{claimed['trial']['id']}", {"attempt": claimed["attempt"], "token": token}
    for step in range(3):
        point = {"step": step, "metrics": {"loss": 1.0 / (step + 1)}}
        write(f"{trial}/measurements", lease | {"measurements": [point]})
    write(f"{trial}/heartbeat", lease)
    write(f"{trial}/complete", lease | {"metrics": {"loss": 0.5}})


def ahead(peer: Studyhall, seconds: float) -> dict[str, Any]:
    """How long 8 workers that train 2 s trials wait for `bayes`, whose suggestions are made ahead."""
    peer.new_study(algorithm="bayes")
    took: list[tuple[float, float]] = []
    sources: dict[str, int] = {}
    began = time.perf_counter()

    def work(number: int) -> None:
        client = Client(peer.port, peer.key)
        time.sleep(TRAINS_S * number / TRAINERS)
        while time.perf_counter() < began + seconds:
            token = uuid4().hex
            asked = time.perf_counter()
            body = {"token": token, "worker": f"w{number}", "study": peer.study, "wait_s": 20}
            (claimed,) = client.ask("POST", "/v1/claims", body)["trials"]
            took.append((asked - began, time.perf_counter() - asked))
            trial = claimed["trial"]
            sources[trial["source"]] = sources.get(trial["source"], 0) + 1
            time.sleep(TRAINS_S)
            loss = (trial["parameters"]["x"] - 0.3) ** 2
            lease = {"attempt": claimed["attempt"], "token": token}
            client.ask("POST", f"/v1/trials/{trial['id']}/complete", lease | {"metrics": {"loss": loss}})

    _join(_start(work, TRAINERS))
    steady = [each for at, each in took if at > 2 * TRAINS_S]  # the first ones have no suggestion made before them
    return {"what": f"ask of bayes, {TRAINERS} workers with {TRAINS_S:g} s trials ({sources})",
            "errors": 0} | quantiles(steady)  # fmt: skip


def handover(first: Studyhall, second: Studyhall, times: int) -> dict[str, Any]:
    """From a trial's end at one server to the next one in the hands of a worker that waits at another, or the same."""
    first.new_study(parallelism=1)
    one, other = Client(first.port, first.key), Client(second.port, first.key)
    took = []
    held = _claim(one, first.study)
    for _ in range(times):
        found: list[tuple[float, Any]] = []
        waiter = threading.Thread(target=_wait, args=(other, first.study, found))
        waiter.start()
        time.sleep(0.05)  # so that it waits
        ended = time.perf_counter()
        one.ask("POST", f"/v1/trials/{held[0]}/complete", held[1] | {"metrics": {"loss": 0.5}})
        waiter.join()
        took.append(found[0][0] - ended)
        held, one, other = found[0][1], other, one
    where = "two servers" if first is not second else "one server"
    return {"what": f"a trial's end to the next in hand, {where}, {first.name}", "errors": 0} | quantiles(took)


def _wait(client: Client, study: str, found: list[tuple[float, Any]]) -> None:
    claimed = _claim(client, study)
    found.append((time.perf_counter(), claimed))


def _claim(client: Client, study: str) -> tuple[str, dict[str, Any]]:
    token = uuid4().hex
    body = {"token": token, "worker": f"w{token[:6]}", "study": study, "wait_s": 20}
    (claimed,) = client.ask("POST", "/v1/claims", body)["trials"]
    return claimed["trial"]["id"], {"attempt": claimed["attempt"], "token": token}


def _start(work: Callable[[int], None], count: int) -> list[threading.Thread]:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    return threads


def _join(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.join()
