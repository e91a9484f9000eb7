"""The world that faults happen to: database, servers, workers, proxies, ledger. Everything in it is ours to kill."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.faults import checks, ledger
from tests.faults.connection import Answer, Connection
from tests.faults.database import Database
from tests.faults.processes import end, waited_s

ROOT = Path(__file__).parents[2]
START_LIMIT_S = {"sqlite": 3.0, "postgresql": 5.0}
"""I10: from the start of the process to its first answer."""


@dataclass
class Tally:
    """What a scenario did, and what was wrong."""

    scenario: str
    kills: int = 0
    faults: int = 0
    trials: int = 0
    acked: int = 0
    seconds: float = 0.0
    restarts_s: list[float] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)


class World:
    """One database with servers and workers.

    Args:
        defect: a seeded defect of the servers.
        worker_defect: options of broken workers.
    """

    def __init__(
        self,
        database: Database,
        folder: Path,
        launcher: "Launcher",
        *,
        defect: str | None = None,
        worker_defect: dict[str, Any] | None = None,
    ) -> None:
        self.database, self.folder, self.launcher, self.defect = database, folder, launcher, defect
        self.worker_defect = worker_defect or {}
        self.run = uuid4().hex[:8]
        self.key = ""
        self.key_file = folder / "key"
        self.socket = str(folder / "ledger.sock")
        self.lines_file = folder / "ledger.jsonl"
        self.ports = [free_port()]
        self.servers: dict[int, int] = {}
        self.workers: list[subprocess.Popen[bytes]] = []
        self.killed: set[str] = set()
        self.started_at: dict[int, float] = {}
        self.restarts_s: list[float] = []
        self.ledger = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.ledger", self.socket, str(self.lines_file)],
            stdout=subprocess.PIPE, cwd=ROOT,
        )  # fmt: skip
        assert self.ledger.stdout is not None
        self.ledger.stdout.readline()

    # --- servers -------------------------------------------------------------------------------

    def start_server(self, port: int | None = None, **settings: Any) -> int:
        """Starts a server; its pid."""
        port = port or self.ports[0]
        given = {
            "database_url": self.database.url, "port": port, "first_key_file": str(self.key_file),
            "sweep_s": 0.5, "log": {"level": "warning"}, "drain_s": 10.0,
        }  # fmt: skip
        pid = self.launcher.start(given | settings, self.folder / f"server-{port}.log", self.defect)
        self.servers[port] = pid
        self.started_at[port] = time.monotonic()
        return pid

    async def wait_until_ready(self, port: int | None = None, limit_s: float = 30.0) -> float:
        """Seconds from the start of the server to its first answer, but for those in which it got no processor."""
        port = port or self.ports[0]
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            with suppress(OSError, TimeoutError):
                if (await Connection("127.0.0.1", port, "").ask("GET", "/readyz", timeout_s=1.0)).status == 200:
                    took = time.monotonic() - self.started_at[port] - waited_s(self.servers[port])
                    self.restarts_s.append(took)
                    self.key = self.key or self.key_file.read_text().strip()
                    return took
            await asyncio.sleep(0.02)
        raise RuntimeError(f"the server does not answer:\n{self.server_log(port)[-2000:]}")

    def kill_server(self, port: int | None = None, sig: int = signal.SIGKILL) -> None:
        """Ends a server and waits until its process is gone."""
        pid = self.servers.pop(port or self.ports[0])
        end(pid, sig)

    def server_log(self, port: int | None = None) -> str:
        return (self.folder / f"server-{port or self.ports[0]}.log").read_text(errors="replace")

    async def ask(self, method: str, path: str, body: Any = None, **options: Any) -> Answer:
        """A request of the harness's own."""
        return await Connection("127.0.0.1", self.ports[0], self.key).ask(method, path, body, **options)

    # --- workers -------------------------------------------------------------------------------

    def start_workers(self, processes: int = 1, *, name: str = "s", **plan: Any) -> list[subprocess.Popen[bytes]]:
        """Starts worker processes; `plan` as in `worker.Plan`."""
        started = []
        for _ in range(processes):
            given = {
                "ports": self.ports, "key": self.key, "socket": self.socket, "study": f"{self.run}-{name}",
                "seed": len(self.workers),
            } | plan | self.worker_defect  # fmt: skip
            command = [sys.executable, "-m", "tests.faults.worker", json.dumps(given)]
            started.append(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE))
            self.workers.append(started[-1])
        return started

    def kill_worker(self, worker: subprocess.Popen[bytes], sig: int = signal.SIGKILL) -> None:
        self.killed.add(f"w{worker.pid}")
        worker.send_signal(sig)
        if sig == signal.SIGKILL:
            worker.wait()

    async def settle(self, limit_s: float) -> list[str]:
        """Lets the workers end the studies they are in; what hangs is a violation."""
        for worker in self.workers:
            if worker.poll() is None and worker.stdout is not None and worker.stdout.readline():
                worker.send_signal(signal.SIGUSR1)
        deadline = time.monotonic() + limit_s
        while any(worker.poll() is None for worker in self.workers):
            if time.monotonic() > deadline:
                self.stop_workers()
                return [f"I4 the studies have not ended {limit_s:.0f} s after the faults"]
            await asyncio.sleep(0.05)
        failed = [w.returncode for w in self.workers if w.returncode and f"w{w.pid}" not in self.killed]
        return [f"harness: workers ended with {failed}"] if failed else []

    def stop_workers(self) -> None:
        for worker in self.workers:
            if worker.poll() is None:
                self.killed.add(f"w{worker.pid}")
                worker.kill()
                worker.wait()

    # --- judgement -----------------------------------------------------------------------------

    def sample(self) -> list[str]:
        """I5, I6, I9 of what a crash has left."""
        found = self.database.integrity()
        with self.database.copied() as url:
            found += checks.snapshot(checks.Stored(url))
        return found

    def judge(self, tally: Tally, *, settled: bool = True) -> None:
        """Adds what the ledger and the database disagree about."""
        lines = ledger.read(self.lines_file)
        tally.acked += sum(line.get("outcome") == "acked" for line in lines)
        with self.database.copied() as url:
            tally.trials += len(checks.Stored(url).trials)
            tally.violations += checks.judge(lines, url, killed=frozenset(self.killed), settled=settled)
        tally.restarts_s += self.restarts_s
        log = "".join(self.server_log(port) for port in self.ports if (self.folder / f"server-{port}.log").exists())
        tally.violations += [f"log: {line[:300]}" for line in log.splitlines() if is_trouble(line)]

    def close(self) -> None:
        self.stop_workers()
        for port in list(self.servers):
            with suppress(ProcessLookupError):
                self.kill_server(port)
        self.ledger.kill()
        self.ledger.wait()


class Launcher:
    """The process that forks servers."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.launcher"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT,
            text=True, env=os.environ | {"OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        self._read()

    def start(self, settings: dict[str, Any], output: Path, defect: str | None) -> int:
        assert self._process.stdin is not None
        told = {"settings": settings, "output": str(output), "defect": defect}
        self._process.stdin.write(json.dumps(told) + "\n")
        self._process.stdin.flush()
        return int(self._read())

    def close(self) -> None:
        self._process.kill()
        self._process.wait()

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def is_trouble(line: str) -> bool:
    """Whether a line of the server's log is a fault of its own: a traceback, or an error that nobody foresaw."""
    return "Traceback" in line or '"level": "error"' in line or "database is locked" in line


Scenario = Callable[[World, Tally, int], Any]
