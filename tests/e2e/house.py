"""A house for one test: a server with its engine, and workers, started as the command line starts them."""

import os
import select
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from studyhall.client import Client
from studyhall.commands.children import Child, Children
from studyhall.commands.processes import program_arguments
from studyhall.home import read_key
from studyhall.study_handle import StudyHandle
from studyhall.wire.results import Event

READY_S = 60.0
GRACE_S = 20.0
LEASE_S = 3.0
TRAININGS = Path(__file__).with_name("trainings")
ROOT = str(Path(__file__).parents[2])


class House:
    """Starts, kills and asks the processes of one test.

    Args:
        directory: everything they keep.
        database: its URL; a file in the directory when it is not given.
    """

    def __init__(self, directory: Path, database: str | None = None) -> None:
        self.directory = directory
        self.url = ""
        self._database = database or f"sqlite:///{directory / 'studyhall.db'}"
        self._children = Children(directory / "logs")
        self._servers: list[Child] = []
        self._proxy: Child | None = None
        self._killed_at: str | None = None

    def start_server(self) -> None:
        """A server on the house's database; where the last one was killed, at its address."""
        port = self._killed_at.rpartition(":")[2] if self._killed_at else "0"
        arguments = program_arguments("serve", ["--port", port, "--key-file", str(self.directory / "key")])
        environment = {"STUDYHALL_DATABASE_URL": self._database, "STUDYHALL_SWEEP_S": "0.2"}
        server = self._children.start("server", arguments, environment | {"STUDYHALL_LOG__FORMAT": "text"})
        address = server.wait_until_ready(READY_S)
        self._servers.append(server)
        self.url = self.url or address

    def start_proxy(self) -> None:
        """Puts a proxy before the servers, which gives each request to the next of them."""
        addresses = [str(server.address) for server in self._servers]
        self._proxy = self._children.start("proxy", ["-m", "tests.e2e.round_robin", *addresses], {"PYTHONPATH": ROOT})
        self.url = self._proxy.wait_until_ready(READY_S)

    def kill_server(self) -> None:
        """SIGKILL to the server that has run longest, as the kernel does when memory runs out."""
        server = self._servers.pop(0)
        os.kill(server.pid, signal.SIGKILL)
        assert self._children.next_end(GRACE_S) is server
        self._killed_at = server.address

    def start_worker(
        self,
        name: str,
        *,
        options: Sequence[str] = (),
        arguments: Sequence[str] | None = None,
        environment: Mapping[str, str] | None = None,
        waits: bool = True,
    ) -> Child:
        """A worker with short leases that runs `e2e_training` and needs no torch.

        Args:
            options: more of `studyhall worker`.
            arguments: for Python instead of those that make it a worker.
        """
        usual = ["--url", self.url, "--key-file", str(self.directory / "key"), "--name", name]
        usual += ["--trainables", "none", "--allow", "e2e_training:held", "--path", str(TRAININGS)]
        usual += ["--lease-s", str(LEASE_S), *options]
        program = program_arguments("worker") if arguments is None else arguments
        settings = {"STUDYHALL_HOME": str(self.directory)} | dict(environment or {})
        worker = self._children.start(name, [*program, *usual], settings)
        if waits:
            worker.wait_until_ready(READY_S)
        return worker

    def kill(self, child: Child) -> None:
        """SIGKILL to a worker."""
        os.kill(child.pid, signal.SIGKILL)
        assert self._children.next_end(GRACE_S) is child

    @cached_property
    def client(self) -> Client:
        """A client with the admin key."""
        return Client(self.url, read_key(self.directory / "key"))

    def held_study(self, name: str, *, trials: int) -> StudyHandle:
        """A study whose first attempt begins and waits."""
        for pipe in ("begun", "go"):
            os.mkfifo(self.directory / pipe)
        return self.client.create_study(
            name,
            [{"name": "x", "type": "float", "low": 0, "high": 1}],
            {"metric": "loss"},
            algorithm={"name": "random", "seed": 1},
            budget={"max_trials": trials},
            task={"entry_point": "e2e_training:held", "settings": {"marks": str(self.directory)}},
        )

    def wait_until_begun(self) -> int:
        """The number of the trial that waits now."""
        return int((self.directory / "begun").read_text())

    def let_go(self) -> None:
        """Lets the waiting attempt end."""
        (self.directory / "go").write_text("")

    def stop(self) -> None:
        """Ends what still runs."""
        if "client" in vars(self):
            self.client.close()
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        try:
            self._children.stop(GRACE_S, but=(*self._servers, self._proxy))
            self._children.stop(GRACE_S)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def wait_for(study: StudyHandle, kind: str, *, number: int | None = None) -> Event:
    """The first event of a kind, of a trial."""
    wanted = (event for event in study.events() if event.kind == kind and number in (None, event.number))
    return next(wanted)


def wait_for_end(pid: int, timeout_s: float) -> bool:
    """Whether a process, of anybody's, ends in time."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([watched], [], [], timeout_s)[0])
    finally:
        os.close(watched)


@contextmanager
def house_in(directory: Path, database: str | None = None, *, servers: int = 1) -> Iterator[House]:
    """A house with a server; with several, a proxy stands before them."""
    house = House(directory, database)
    try:
        for _ in range(servers):
            house.start_server()
        if servers > 1:
            house.start_proxy()
        yield house
    finally:
        house.stop()
