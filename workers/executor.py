"""The seam between a worker and what runs its trials: slots on this machine, or a cluster.

An executor claims trials, has each run in a process of its own, and tells the server how it ended. The worker around it
makes it known to the server and delivers what could not be told.
"""

from typing import NamedTuple, Protocol

from studyhall.wire.claims import Capabilities
from studyhall.wire.fleet import MachineUse, TrainableInfo
from workers.server import Server
from workers.spool import Ending, Spool


class Offer(NamedTuple):
    """What the server is told of a worker; `slots` is how many trials it runs at once."""

    name: str
    host: str
    capabilities: Capabilities
    trainables: tuple[TrainableInfo, ...]
    slots: int
    machine: MachineUse | None = None


class Undelivered(Protocol):
    """Takes the endings that the server could not be told."""

    def put(self, ending: Ending) -> None:
        """Keeps one until somebody delivers it."""


class Executor(Protocol):
    """Runs trials until it is told to end."""

    async def start(self) -> None:
        """Finds out what it can run.

        Raises:
            InvalidInput: the configuration does not fit the machine.
            NurseryFailed: no trial can be started.
        """

    async def offers(self) -> tuple[Offer, ...]:
        """What it can run, as things are now, on each machine it has; asked again from time to time."""

    async def run(self, server: Server, spool: Spool) -> None:
        """Claims and runs until `end`, or until there was nothing to do for as long as the configuration allows.

        Raises:
            StudyhallError: the server does not want this worker.
            NurseryFailed: no trial can be started.
        """

    def end(self) -> None:
        """Asks the running trials to stop, gives them back, and claims no other."""

    def kill(self) -> None:
        """Ends the running trials now."""

    def close(self) -> None:
        """Lets go of everything that `start` began."""
