"""A server with its engine and workers on this machine, with everything they keep in one directory."""

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from studyhall.client import Client
from studyhall.commands.children import Child, Children
from studyhall.commands.processes import program_arguments
from studyhall.errors import Conflict, StudyhallError
from studyhall.home import ADMIN_KEY, WORKER_KEY, read_key, remember_server, write_private

PORT: Final = 8000
READY_S: Final = 60.0
WORKER_GRACE_S: Final = 15.0
SERVER_GRACE_S: Final = 30.0
WORKERS_KEY: Final = "workers of studyhall up"
KEY_LIFE_S: Final = 10 * 365 * 86_400.0


class LocalStack:
    """Starts in the order in which its parts need each other.

    Args:
        home: an absolute directory.
        port: None: 8000 when it is free, else any; 0: any.
    """

    def __init__(self, home: Path, *, workers: int, port: int | None = None) -> None:
        self.home = home
        self.children = Children(home / "logs")
        self._workers = workers
        self._port = free_port(PORT) if port is None else port
        self._server: Child | None = None
        self._started: list[Child] = []
        self.url = ""
        self.key = ""

    def start(self) -> None:
        """Starts everything, and remembers the server for the SDK and the command line.

        Raises:
            Unavailable: when the server does not get ready; the message has the end of its log.
            StudyhallError: when packages are missing.
        """
        if self._workers:
            program_arguments("worker")
        self._server = self.children.start("server", self._server_arguments(), self._server_environment())
        self.url = self._server.wait_until_ready(READY_S)
        self.key = self._admin_key()
        remember_server(self.home, self.url, self.home / ADMIN_KEY)
        worker_key = self._worker_key()
        names = [f"worker {number}" for number in range(1, self._workers + 1)]
        self._started = [self.start_worker(name, worker_key) for name in names]

    def wait_for_workers(self) -> None:
        """Returns when all of them can run trials: they have imported torch by then.

        Raises:
            Unavailable: when one does not get ready.
        """
        for worker in self._started:
            worker.wait_until_ready(READY_S)

    def start_worker(self, name: str, key_file: Path | None = None) -> Child:
        """Starts one more worker."""
        rest = ["--url", self.url, "--key-file", str(key_file or self.home / WORKER_KEY), "--slots", "1"]
        return self.children.start(name, program_arguments("worker", rest), {"STUDYHALL_HOME": str(self.home)})

    def stop(self) -> None:
        """Stops the workers, which give their trials back, and then the server."""
        self.children.stop(WORKER_GRACE_S, but=[self._server])
        self.children.stop(SERVER_GRACE_S)

    def client(self) -> Client:
        """A client with the admin key."""
        return Client(self.url, self.key)

    def _server_arguments(self) -> list[str]:
        return program_arguments("serve", ["--port", str(self._port), "--key-file", str(self.home / ADMIN_KEY)])

    def _server_environment(self) -> dict[str, str]:
        database = f"sqlite:///{self.home / 'studyhall.db'}"
        return {"STUDYHALL_DATABASE_URL": database, "STUDYHALL_LOG__FORMAT": "text"}

    def _admin_key(self) -> str:
        file = self.home / ADMIN_KEY
        if not file.exists():
            # The server writes it once, for an empty database; only a hash of it is in there.
            raise StudyhallError(
                f"the admin key of this database was in {file} and is gone: put it back, or choose another --home"
            )
        return read_key(file)

    def _worker_key(self) -> Path:
        file = self.home / WORKER_KEY
        with self.client() as client:
            if not (file.exists() and _has_working_key(client)):
                key = client.create_key(WORKERS_KEY, "worker", expires_in_s=KEY_LIFE_S)
                write_private(file, f"{key.secret}\n")
        return file


def _has_working_key(client: Client) -> bool:
    soon = datetime.now(UTC) + timedelta(days=1)
    keys = list(client.keys())
    return any(
        key.name == WORKERS_KEY and key.revoked_at is None and (key.expires_at is None or key.expires_at > soon)
        for key in keys
    )


def free_port(wanted: int) -> int:
    """The wanted port of the loopback, or any when something listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            return 0
    return wanted


@contextmanager
def occupied(home: Path, what: str) -> Iterator[None]:
    """Holds a directory: nobody else can while the block runs, however this process ends.

    Raises:
        Conflict: when somebody does, saying who.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (home / "lock").open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.seek(0)
            raise Conflict(
                f"{_holder(lock.read())} already uses {home}; stop it first, or choose another --home"
            ) from error
        lock.truncate(0)
        json.dump({"command": what, "pid": os.getpid()}, lock)
        lock.flush()
        yield


def _holder(text: str) -> str:
    try:
        holder = json.loads(text)
        return f"'studyhall {holder['command']}' (process {holder['pid']})"
    except (ValueError, KeyError, TypeError):
        return "another studyhall"


def unexpected_end(child: Child) -> StudyhallError:
    """What to say when a child ended that should not have."""
    said = child.log_tail()
    return StudyhallError(
        f"the {child.name} ended with code {child.exit_code}: {said or 'it said nothing'} (see {child.log})"
    )
