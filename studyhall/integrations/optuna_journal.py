"""Optuna's journal, kept by a Studyhall server: each of its records is an imported trial of one study.

Why this study of records: Optuna's storages grow trials parameter by parameter, in spaces that nobody declares; our
trials begin complete. An append-only list is all that Optuna's own JournalStorage needs to be exact, and imported
trials are one: numbered without gaps, in the order of their commits, written once however often a request is repeated.
The price: the study of records shows in lists. The road not taken, one of our trials for each running one of Optuna's,
passes no storage suite.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from optuna.storages.journal import BaseJournalBackend
from pydantic import Field

from studyhall.client import Client
from studyhall.errors import Conflict
from studyhall.transport import Connection, path_of
from studyhall.wire.pages import Page
from studyhall.wire.studies import QueueTrial, QueueTrials
from studyhall.words import Labels, Word

PIECE_CHARACTERS: Final = 4000
"""A record longer than that becomes several trials, added together."""
RECORDS_AT_ONCE: Final = 50
_LABEL: Final = "optuna.journal"
_MORE: Final = "more"


class _Piece(Word):
    """What a record needs of its trial."""

    number: int
    note: str = ""
    labels: Labels = Field(default_factory=dict)


class StudyJournal(BaseJournalBackend):
    """An append-only list of JSON records in a study. Processes and threads may share one.

    Args:
        client: None: the server that `studyhall.client.Client()` finds, also after a pickle has been read.
        name: of the study that holds the records; made when it is not there.

    Raises:
        Conflict: a study of this name exists and holds something else.
    """

    def __init__(self, client: Client | None = None, *, name: str = "optuna-journal") -> None:
        self.name = name
        self._open(client or Client())

    def __getstate__(self) -> dict[str, Any]:
        # Neither sockets nor the key: a pickle may lie around.
        return {"name": self.name, "url": self.client.connection.url}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.name = state["name"]
        self._open(Client(state["url"]))

    def _open(self, client: Client) -> None:
        self.client = client
        study = client.create_study(
            self.name,
            space=[{"name": "record", "type": "constant", "value": 0}],
            objectives={"metric": "record"},
            algorithm="random",
            labels={_LABEL: "records"},
            description="Optuna's journal: each trial is one record. Its studies are beside it, under their own names.",
            if_exists="get",
        )
        if study.definition.labels.get(_LABEL) != "records":
            raise Conflict(f"study '{self.name}' holds no journal of Optuna; choose another `journal` name")
        self._path = path_of("studies", study.id, "trials")
        self._records = self._trials = 0

    @property
    def _connection(self) -> Connection:
        return self.client.connection

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Adds records at the end, all or none; they are on disk when this returns."""
        pieces = [piece for log in logs for piece in _pieces(json.dumps(log))]
        self._connection.post(self._path, QueueTrials(trials=tuple(pieces)), Page[_Piece])

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """The records from that one on, to the last."""
        if log_number_from != self._records:
            self._records = self._trials = 0
        text = ""
        trials = self._trials
        for piece in self._pieces_from(trials):
            trials += 1
            text += piece.note
            if piece.labels.get(_MORE):
                continue
            record, text = json.loads(text), ""
            self._records, self._trials = self._records + 1, trials
            if self._records > log_number_from:
                yield record

    def _pieces_from(self, number: int) -> Iterator[_Piece]:
        # By number and not by a cursor: numbers have no gaps, and a cursor ends where the list ended once.
        while True:
            wanted = range(number, number + RECORDS_AT_ONCE)
            query: dict[str, Sequence[int] | int | str] = {
                "number": wanted,
                "limit": RECORDS_AT_ONCE,
                "fields": "note,labels",
            }
            found = self._connection.get(self._path, Page[_Piece], query=query).items
            yield from found
            number += len(found)
            if len(found) < RECORDS_AT_ONCE:
                return


def _pieces(text: str) -> Sequence[QueueTrial]:
    parts = [text[at : at + PIECE_CHARACTERS] for at in range(0, len(text), PIECE_CHARACTERS)]
    return [
        QueueTrial(
            parameters={"record": 0},
            state="completed",
            metrics={"record": 0.0},
            note=part,
            labels={} if part is parts[-1] else {_MORE: "1"},
        )
        for part in parts
    ]
