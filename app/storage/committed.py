"""What a commit has changed, and how servers that share a PostgreSQL database tell each other.

LISTEN/NOTIFY wakes the long-polls of the other servers within about a millisecond; a message that is lost with a
connection costs no more than a poll's next look. A server that is alone tells nobody, which spares it a fifth of a
trial's time: servers greet each other, and whoever meets one for the first time looks at everything once, because what
it had committed before it knew of us was told to nobody.
"""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Protocol
from uuid import uuid4

import structlog
from sqlalchemy import Engine

log = structlog.get_logger(__name__)

CHANNEL: Final = "studyhall"
EVERYTHING: Final = "*"
_STUDIES_A_MESSAGE: Final = 50  # PostgreSQL takes payloads below 8,000 bytes
_TRIALS_A_MESSAGE: Final = 150
_LOOK_S: Final = 0.5
_RECONNECT_S: Final = 1.0
_GREET_S: Final = 20.0
_FORGET_S: Final = 90.0
_STRANGE_S: Final = 1.0
"""For so long after it has begun to listen a server does not believe that it is alone."""


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
    """Hears what the other servers have committed, and knows whether there are any."""

    def __init__(self, engine: Engine, listener: Listener) -> None:
        self.server = uuid4().hex
        """Names this process to the others; it has heard its own commits already."""
        self._engine = engine
        self._listener = listener
        self._others: dict[str, float] = {}
        self._alone_from = float("inf")
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="studyhall-listening", daemon=True)
        self._thread.start()

    @property
    def is_alone(self) -> bool:
        """Whether no other server uses the database; False while that is not known."""
        return not self._others and time.monotonic() >= self._alone_from

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
            self._others.clear()
            self._alone_from = time.monotonic() + _STRANGE_S
            self._look()  # whatever happened while nobody listened
            greet_at = 0.0
            while not self._closing.is_set():
                if time.monotonic() >= greet_at:
                    self._greet(connection)
                    greet_at = time.monotonic() + _GREET_S
                for message in connection.notifies(timeout=_LOOK_S):
                    if self._hear(message.payload):
                        greet_at = 0.0
        finally:
            self._alone_from = float("inf")
            connection.close()

    def _greet(self, connection: Any) -> None:
        since = time.monotonic() - _FORGET_S
        self._others = {server: heard for server, heard in self._others.items() if heard >= since}
        connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, _message(self.server)))

    def _hear(self, payload: str) -> bool:
        """Passes on what another server tells; whether it is one that we had not heard of."""
        server, *told = json.loads(payload)
        if server == self.server:
            return False
        is_new = server not in self._others
        self._others[server] = time.monotonic()
        if is_new:
            self._look()
        if told:
            sequences, openings, demand, recalled = told
            self._listener(Committed(sequences, set(openings), set(sequences), set(recalled), demand))
        return is_new

    def _look(self) -> None:
        self._listener(Committed({EVERYTHING: 0}, {EVERYTHING}, recalled={EVERYTHING}))


def _message(server: str, *told: Any) -> str:
    return json.dumps([server, *told], separators=(",", ":"))
