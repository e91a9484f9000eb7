"""Studyhall itself: its server in a process of its own, asked over HTTP."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

from benchmarks.service.http_client import Client

SPACE = {
    "parameters": [
        {"name": "x", "type": "float", "low": 0.0, "high": 1.0},
        {"name": "lr", "type": "float", "low": 1e-5, "high": 0.1, "scale": "log"},
        {"name": "layers", "type": "int", "low": 1, "high": 8},
        {"name": "act", "type": "categorical", "choices": ["relu", "tanh", "gelu"]},
    ]
}


class Studyhall:
    """Five requests a trial.

    Args:
        url: of the database; where it is a cluster, `database_pid` is its postmaster.
    """

    def __init__(self, name: str, url: str, folder: Path, database_pid: int | None = None, objectives: int = 1) -> None:
        self.name, self.url, self.folder, self.database_pid = name, url, folder, database_pid
        self.objectives = objectives
        self.study = ""

    def setup(self, key: str | None = None) -> None:
        """Starts the server, and makes a study.

        Args:
            key: of a database that another server has made; None: this one makes it.
        """
        key_file = self.folder / f"{self.name}.key"
        environment = os.environ | {
            "STUDYHALL_DATABASE_URL": self.url,
            "STUDYHALL_FIRST_KEY_FILE": str(key_file),
            "STUDYHALL_LOG__LEVEL": "warning",
        }
        command = [sys.executable, "-m", "app", "serve", "--port", "0"]
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline().rsplit(":", 1)[1])
        self.key = key or key_file.read_text().strip()
        self.new_study()

    def new_study(self, algorithm: str = "random", **fields: Any) -> None:
        body = fields | {
            "name": f"bench-{uuid4().hex[:8]}",
            "space": SPACE,
            "objectives": [{"metric": name} for name in ("loss", "cost")[: self.objectives]],
            "algorithm": {"name": algorithm, "seed": 1},
        }
        self.study = Client(self.port, self.key).ask("POST", "/v1/studies", body)["id"]

    def prefill(self, n: int) -> None:
        """Imports n finished trials, each with three measurements, over the API."""
        client, rng = Client(self.port, self.key), random.Random(0)
        for start in range(0, n, 500):
            items = [
                {
                    "parameters": {"x": rng.random(), "lr": 10 ** rng.uniform(-5, -1), "layers": 3, "act": "relu"},
                    "state": "completed",
                    "metrics": {"loss": rng.random(), "cost": rng.random()},
                    "measurements": [{"step": step, "metrics": {"loss": rng.random()}} for step in range(3)],
                }
                for _ in range(min(500, n - start))
            ]
            client.ask("POST", f"/v1/studies/{self.study}/trials", {"trials": items})

    def connect(self) -> None:
        self.client = Client(self.port, self.key)
        self.worker = f"w{os.getpid()}"

    def ask(self) -> tuple[str, dict[str, Any]]:
        token = uuid4().hex
        body = {"token": token, "worker": self.worker, "study": self.study}
        (claimed,) = self.client.ask("POST", "/v1/claims", body)["trials"]
        return claimed["trial"]["id"], {"attempt": claimed["attempt"], "token": token}

    def report(self, handle: tuple[str, dict[str, Any]], step: int, value: float) -> None:
        trial, lease = handle
        point = {"step": step, "metrics": {"loss": value}}
        self.client.ask("POST", f"/v1/trials/{trial}/measurements", lease | {"measurements": [point]})

    def tell(self, handle: tuple[str, dict[str, Any]], value: float) -> None:
        trial, lease = handle
        metrics = {"loss": value, "cost": 1.0 - value}
        self.client.ask("POST", f"/v1/trials/{trial}/complete", lease | {"metrics": metrics})

    def reads(self) -> dict[str, Any]:
        """What people look at, ms p50 of 20."""
        self.connect()
        paths = {
            "newest 100": f"/v1/studies/{self.study}/trials?limit=100&sort=-number",
            "best": f"/v1/studies/{self.study}/best",
            "summary": f"/v1/studies/{self.study}/summary",
            "Pareto": f"/v1/studies/{self.study}/pareto",
        }
        found = {}
        for name, path in paths.items():
            took = []
            for _ in range(20):
                at = time.perf_counter()
                self.client.ask("GET", path)
                took.append(time.perf_counter() - at)
            found[name] = 1000 * sorted(took)[10]
        return found

    def pids(self) -> list[int]:
        return [self.process.pid, *([self.database_pid] if self.database_pid else [])]

    def teardown(self) -> None:
        self.process.terminate()
        self.process.wait(30)


class OneRequest(Studyhall):
    """One request a trial: `complete` carries the measurements and the claim for the next trial."""

    held: tuple[str, dict[str, Any]] | None = None

    def ask(self) -> tuple[str, dict[str, Any]]:
        self.points: list[dict[str, Any]] = []
        held, self.held = self.held, None
        return held or super().ask()

    def report(self, handle: tuple[str, dict[str, Any]], step: int, value: float) -> None:
        self.points.append({"step": step, "metrics": {"loss": value}})

    def tell(self, handle: tuple[str, dict[str, Any]], value: float) -> None:
        trial, lease = handle
        token = uuid4().hex
        body = lease | {"metrics": {"loss": value}, "measurements": self.points, "claim": {"token": token}}
        (claimed,) = self.client.ask("POST", f"/v1/trials/{trial}/complete", body)["claimed"]["trials"]
        self.held = claimed["trial"]["id"], {"attempt": claimed["attempt"], "token": token}


def ingest(peer: Studyhall, points: int, seconds: float, clients: int) -> dict[str, Any]:
    """Metric points a second, `points` to a request."""
    from multiprocessing import get_context

    context = get_context("fork")

    def send(pipe: Any) -> None:
        peer.connect()
        trial, lease = peer.ask()
        step, ends = 0, time.perf_counter() + seconds
        while time.perf_counter() < ends:
            batch = [{"step": step + n, "metrics": {"loss": 0.5}} for n in range(points)]
            if step + points > 90_000:
                trial, lease = peer.ask()
                step = 0
                continue
            peer.client.ask("POST", f"/v1/trials/{trial}/measurements", lease | {"measurements": batch})
            step += points
            sent[0] += points
        pipe.send(sent[0])
        os._exit(0)

    sent = [0]
    pipes = []
    for _ in range(clients):
        mine, theirs = context.Pipe(False)
        context.Process(target=send, args=(theirs,)).start()
        pipes.append(mine)
    return {"points_per_s": sum(pipe.recv() for pipe in pipes) / seconds, "points": points, "clients": clients}
