"""The rows of one transaction, each of them once, and which of them outlive it.

SQLite has one writer, and nobody else writes: what it knew at its last commit is still true. Reading rows again for
every report of a running trial cost a sixth of a request. PostgreSQL has other servers, so there nothing outlives a
transaction.
"""

from collections.abc import Container, Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import Final, TypeVar

from app.storage.prefetch import Prefetched, Touches
from app.storage.rows import AttemptRow, StudyRow, TrialRow, WorkerRow

K = TypeVar("K")
R = TypeVar("R")

_MOST: Final = 4096
"""So many rows of a kind are kept between transactions."""


class Known:
    """Rows by identity; a value of None says that there is no such row."""

    def __init__(self) -> None:
        self.studies: dict[str, StudyRow | None] = {}
        self.trials: dict[str, TrialRow | None] = {}
        self.attempts: dict[tuple[str, int], AttemptRow | None] = {}
        self.workers: dict[tuple[str, str], WorkerRow | None] = {}
        self.by_token: dict[str, list[TrialRow]] = {}
        self.was: dict[TrialRow, tuple[int, str]] = {}
        """Attempt and state of each trial as they are in the database."""

    def take_in(self, found: Prefetched, wanted: Touches) -> None:
        """Keeps what was read and is not here yet; what was wanted and not found does not exist."""
        _keep(self.studies, {row[0]: StudyRow(*row) for row in found.studies}, wanted.studies)
        trials = {trial.id: trial for trial in self.trials_of(found.trials)}
        _keep(self.trials, trials, wanted.trials)
        self._keep_tokens(wanted.tokens, trials.values())
        _keep(self.attempts, {(row[0], row[1]): AttemptRow(*row) for row in found.attempts}, ())
        workers = [*wanted.workers, *filter(None, map(self.worker_of, wanted.ending))]
        _keep(self.workers, {(row[0], row[1]): WorkerRow(*row) for row in found.workers}, workers)

    def worker_of(self, trial_id: str) -> tuple[str, str] | None:
        """Project and name of the worker of a trial, as far as trial and study are here."""
        trial = self.trials.get(trial_id)
        study = None if trial is None else self.studies.get(trial.study_id)
        return None if trial is None or study is None or not trial.worker else (study.project, trial.worker)

    def trials_of(self, rows: Iterable[tuple[object, ...]]) -> list[TrialRow]:
        """The trials of some rows that a query has found; of those that are here already, ours."""
        return [self.trials.get(row[0]) or self.add(TrialRow(*row)) for row in rows]  # type: ignore[call-overload,arg-type]

    def add(self, trial: TrialRow) -> TrialRow:
        """Keeps a trial that is new here."""
        self.trials[trial.id] = trial
        self.was[trial] = (trial.attempt, trial.state)
        return trial

    def retoken(self, trial: TrialRow, token: str | None) -> None:
        """A trial is held with another token from now on."""
        if trial.token is not None and trial in self.by_token.get(trial.token, []):
            self.by_token[trial.token].remove(trial)
        if token is not None and token in self.by_token:
            self.by_token[token].append(trial)

    def _keep_tokens(self, tokens: Iterable[str], trials: Iterable[TrialRow]) -> None:
        fresh: dict[str, list[TrialRow]] = {token: [] for token in tokens if token not in self.by_token}
        for trial in trials:
            if trial.token in fresh:
                fresh[trial.token].append(trial)
        self.by_token.update(fresh)


class Memory:
    """What the one writer knows from its last commits: studies, workers, and running trials with their attempts.

    A transaction takes rows out and gives them back when it is committed, so that those of one which failed are gone.
    """

    def __init__(self) -> None:
        self._studies: dict[str, StudyRow | None] = {}
        self._trials: dict[str, TrialRow | None] = {}
        self._attempts: dict[tuple[str, int], AttemptRow | None] = {}
        self._workers: dict[tuple[str, str], WorkerRow | None] = {}
        """None: there is no such worker. Scripts that ask and tell are none."""

    def __iter__(self) -> Iterator[StudyRow | TrialRow | AttemptRow | WorkerRow]:
        kept = chain(self._studies.values(), self._trials.values(), self._attempts.values(), self._workers.values())
        return (row for row in kept if row is not None)

    def hand_over(self, known: Known, wanted: Touches) -> Touches:
        """Moves what is wanted from here to a transaction; the rest of it."""
        for id in wanted.trials:
            if id not in known.trials and (trial := self._trials.pop(id, None)) is not None:
                known.add(trial)
                _move(self._attempts, known.attempts, [(id, trial.attempt)])
        held = [trial for id in wanted.trials if (trial := known.trials.get(id)) is not None]
        _move(self._studies, known.studies, [*wanted.studies, *(trial.study_id for trial in held)])
        workers = filter(None, map(known.worker_of, wanted.ending))
        _move(self._workers, known.workers, [*wanted.workers, *workers])
        return Touches(
            studies=tuple(id for id in wanted.studies if id not in known.studies),
            trials=tuple(id for id in wanted.trials if id not in known.trials),
            tokens=wanted.tokens,
            ending=tuple(id for id in wanted.ending if not _is_whole(known, id)),
            workers=tuple(key for key in wanted.workers if key not in known.workers),
        )

    def give_back(self, known: Known) -> None:
        """Keeps what a transaction knew when it was committed."""
        _put(self._studies, known.studies, {id for id, row in known.studies.items() if row is not None})
        _put(self._workers, known.workers, known.workers)
        _put(self._trials, known.trials, {id for id, row in known.trials.items() if row and row.state == "running"})
        _put(self._attempts, known.attempts, {key for key, row in known.attempts.items() if row and not row.ended_at})

    def forget(self) -> None:
        """Knows nothing any more: rows were changed that no transaction had in hand."""
        for rows in (self._studies, self._trials, self._attempts, self._workers):
            rows.clear()


def _is_whole(known: Known, id: str) -> bool:
    trial = known.trials.get(id)
    return trial is not None and (id, trial.attempt) in known.attempts and known.worker_of(id) in known.workers


def _keep(kept: dict[K, R | None], found: Mapping[K, R], wanted: Iterable[K]) -> None:
    for key, row in found.items():
        kept.setdefault(key, row)
    for key in wanted:
        kept.setdefault(key, None)


def _move(here: dict[K, R], there: dict[K, R], keys: Iterable[K]) -> None:
    for key in keys:
        if key in here and key not in there:
            there[key] = here.pop(key)


def _put(kept: dict[K, R], rows: Mapping[K, R], worth: Container[K]) -> None:
    """Takes rows that are worth keeping to the end; the oldest ones have to leave."""
    for key, row in rows.items():
        kept.pop(key, None)
        if key in worth:
            kept[key] = row
    for key in list(islice(kept, max(0, len(kept) - _MOST))):
        del kept[key]
