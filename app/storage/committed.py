"""What a commit has changed, and how servers that share a PostgreSQL database tell each other.

LISTEN/NOTIFY wakes the long-polls of the other servers within about a millisecond; a message that is lost with a
connection costs no more than a poll's next look.
"""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import structlog
from sqlalchemy import Engine

log = structlog.get_logger(__name__)

CHANNEL: Final = "studyhall"
EVERYTHING: Final = "*"
_STUDIES_A_MESSAGE: Final = 50  # PostgreSQL takes payloads below 8,000 bytes
_TRIALS_A_MESSAGE: Final = 150
_LOOK_S: Final = 0.5
_RECONNECT_S: Final = 1.0


@dataclass(slots=True)
class Committed:
    """The new sequence number of each study that changed, and where a claim may find a trial now."""

    sequences: dict[str, int] = field(default_factory=dict)
    openings: set[str] = field(default_factory=set)
    moved: set[str] = field(default_factory=set)
    """Studies in which a trial has changed its state; of another server's commits: all that changed."""
    recalled: set[str] = field(default_factory=set)
    """Running trials whose worker is to hear that it should end, or has lost them."""
    demand: dict[str, int] = field(default_factory=dict)
    """How many trials claims of a server without engines are waiting for, by study."""

    def add(self, other: "Committed") -> None:
        """Takes in what another transaction has changed."""
        self.sequences |= other.sequences
        self.openings |= other.openings
        self.moved |= other.moved
        self.recalled |= other.recalled
        self.demand |= other.demand

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to tell anybody."""
        return not self.sequences and not self.demand

    def payloads(self, server: str) -> Iterator[str]:
        """The messages that tell the other servers."""
        studies = list(self.sequences | self.demand)
        for start in range(0, len(studies), _STUDIES_A_MESSAGE):
            part = studies[start : start + _STUDIES_A_MESSAGE]
            sequences = {study: self.sequences[study] for study in part if study in self.sequences}
            open_now = [study for study in part if study in self.openings]
            demand = {study: self.demand[study] for study in part if study in self.demand}
            yield _message(server, sequences, open_now, demand, [])
        trials = list(self.recalled)
        for start in range(0, len(trials), _TRIALS_A_MESSAGE):
            yield _message(server, {}, [], {}, trials[start : start + _TRIALS_A_MESSAGE])


class Listener(Protocol):
    """Told after each commit; called on a thread of the database's."""

    def __call__(self, committed: Committed, /) -> None: ...


class Listening:
    """Hears what the other servers have committed.

    Args:
        server: this process's own name; it has heard its own commits already.
    """

    def __init__(self, engine: Engine, server: str, listener: Listener) -> None:
        self._engine = engine
        self._server = server
        self._listener = listener
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="studyhall-listening", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stops within half a second."""
        self._closing.set()
        self._thread.join()

    def _serve(self) -> None:
        while not self._closing.is_set():
            try:
                self._listen()
            except Exception as error:  # noqa: BLE001  # the database is away: listen again when it is back
                log.info("listening_interrupted", error=type(error).__name__)
                self._closing.wait(_RECONNECT_S)

    def _listen(self) -> None:
        pooled = self._engine.raw_connection()
        connection: Any = pooled.driver_connection
        pooled.detach()
        try:
            connection.autocommit = True
            connection.execute(f"LISTEN {CHANNEL}")
            # Whatever happened while nobody listened: let everybody look once.
            self._listener(Committed({EVERYTHING: 0}, {EVERYTHING}, recalled={EVERYTHING}))
            while not self._closing.is_set():
                for message in connection.notifies(timeout=_LOOK_S):
                    self._hear(message.payload)
        finally:
            connection.close()

    def _hear(self, payload: str) -> None:
        server, sequences, openings, demand, recalled = json.loads(payload)
        if server != self._server:
            self._listener(Committed(sequences, set(openings), set(sequences), set(recalled), demand))


def _message(server: str, *told: Any) -> str:
    return json.dumps([server, *told], separators=(",", ":"))
