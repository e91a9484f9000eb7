"""The unit of work: rows loaded under their study's lock, changed in memory, written set-wise at the end.

Every write to a study happens under the lock of its row (SQLite: the one writer; PostgreSQL: FOR UPDATE), so a check
followed by a write is safe; the UPDATE of a trial repeats the check of attempt and state all the same, and a
transaction that finds it broken is undone. One transaction serves a whole batch of requests (see `writer`), which is
why rows are kept here by identity and statements are gathered by table.

Lock order: studies by id, then their trials. Nothing here waits, computes or talks to anybody but the database.
"""

from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Table

from app.storage import sql, tables
from app.storage.json_text import from_text, to_text
from app.storage.known import Known, Memory
from app.storage.pending import Overtaken, Pending, Row
from app.storage.prefetch import Touches, prefetch, together
from app.storage.rows import (
    AnswerRow,
    ArtifactRow,
    AttemptRow,
    EventRow,
    KeyRow,
    LessonRow,
    LevelRow,
    LogRow,
    MeasurementRow,
    StudyRow,
    TrialRow,
    WebhookRow,
    WorkerRow,
)
from app.storage.statement import Session, Statement


class Transaction:
    """Rows by identity, and what is to be written of them at the end."""

    def __init__(
        self, session: Session, touches: Sequence[Touches], now: float | None, memory: Memory | None = None
    ) -> None:
        self.writes = 0
        """How many changes have been made; a verb that fails before its first one leaves no trace."""
        self.sequences: dict[str, int] = {}
        """The new sequence number of each study written to; listeners are woken with it after the commit."""
        self.openings: set[str] = set()
        """Studies that may have a trial for a waiting claim now."""
        self.moved: set[str] = set()
        """Studies in which a trial has changed its state."""
        self.recalled: set[str] = set()
        """Running trials whose worker is to hear that it should end, or has lost them."""
        self.demand: dict[str, int] = {}
        """Trials that are wanted of engines elsewhere, by study."""
        self._session = session
        self._memory = memory
        self._known = Known()
        self._pending = Pending()
        self.now = self._load(touches, now)
        """Database time, seconds since 1970."""

    # --- reading ---------------------------------------------------------------------------

    def study(self, id: str) -> StudyRow | None:
        """A study by id, locked; None when there is none."""
        if id not in self._known.studies:
            self._load([Touches(studies=(id,))], self.now)
        return self._known.studies[id]

    def study_named(self, project: str, name: str) -> StudyRow | None:
        """A study by name, locked."""
        for row in self._known.studies.values():
            if row is not None and row.project == project and row.name == name:
                return row
        rows = self._rows(sql.STUDY_NAMED, {"project": project, "name": name})
        if not rows:
            return None
        row = StudyRow(*rows[0])
        self._known.studies[row.id] = row
        return row

    def trial(self, id: str) -> TrialRow | None:
        """A trial by id, with its study locked first."""
        if id not in self._known.trials:
            self._load([Touches(trials=(id,))], self.now)
        return self._known.trials[id]

    def study_of(self, trial: TrialRow) -> StudyRow:
        """The study of a trial."""
        row = self.study(trial.study_id)
        if row is None:
            raise Overtaken(f"study {trial.study_id} is gone")
        return row

    def trials_of_token(self, token: str) -> list[TrialRow]:
        """The trials that were claimed with a token (given by its hash) and not released since."""
        if token not in self._known.by_token:
            self._load([Touches(tokens=(token,))], self.now)
        return sorted(self._known.by_token[token], key=lambda row: row.number)

    def waiting(self, study: StudyRow, limit: int) -> list[TrialRow]:
        """The study's waiting trials whose time has come, oldest first."""
        if study.waiting == 0:
            return []
        values = {"study_id": study.id, "now": self.now, "limit": limit}
        return self._known.trials_of(self._fresh(sql.WAITING, values))

    def numbered(self, study: StudyRow, number: int) -> TrialRow | None:
        """A study's trial by number."""
        found = self._known.trials_of(self._fresh(sql.NUMBERED, {"study_id": study.id, "number": number}))
        return found[0] if found else None

    def all_waiting(self, study: StudyRow) -> list[TrialRow]:
        """All waiting trials of a study, by number."""
        return self._known.trials_of(self._fresh(sql.ALL_WAITING, {"study_id": study.id}))

    def running(self, study: StudyRow) -> list[TrialRow]:
        """The running trials of a study, by number."""
        return self._known.trials_of(self._fresh(sql.RUNNING, {"study_id": study.id}))

    def twin(self, study: StudyRow, identity: str) -> TrialRow | None:
        """The first completed trial of a study that counts and comes to the same network."""
        found = self._known.trials_of(self._fresh(sql.TWIN, {"study_id": study.id, "identity": identity}))
        return found[0] if found else None

    def expired(self, limit: int, *, up_s: float) -> list[tuple[str, str]]:
        """(trial id, study id) of running trials whose lease has run out; a hint, to be judged again under the lock.

        Args:
            up_s: leases that are longer are not judged yet, and do not stand before those that are.
        """
        values = {"now": self.now, "limit": limit, "up_s": up_s}
        return [(row[0], row[1]) for row in self._fresh(sql.EXPIRED, values)]

    def claimable(self, project: str) -> list[tuple[str, str, float]]:
        """(id, definition, turn) of studies that workers may be given trials of, by whose share is due.

        First those that have fewer trials running than their priority, then those with as many as twice that, and so
        on; among these, whoever has had the fewest turns.
        """
        return [(row[0], row[1], row[2]) for row in self._fresh(sql.CLAIMABLE, {"project": project})]

    def open_studies(self) -> list[tuple[str, str, int]]:
        """(id, definition, how many trials run or wait) of the studies that have not ended."""
        return [(row[0], row[1], row[2]) for row in self._fresh(sql.OPEN, {})]

    def measured(self, trial: TrialRow, steps: Sequence[int]) -> dict[int, MeasurementRow]:
        """What the current attempt has reported at some steps."""
        self.flush()
        values = {"trial_id": trial.id, "attempt": trial.attempt, "steps": sorted(set(steps))}
        return {row[2]: MeasurementRow(*row) for row in self._rows(sql.MEASURED, values)}

    def last_measured(self, trial: TrialRow) -> dict[str, float] | None:
        """The metrics of the last step of the current attempt."""
        rows = self._fresh(sql.LAST_MEASURED, {"trial_id": trial.id, "attempt": trial.attempt})
        return from_text(rows[0][3]) if rows else None

    def logged(self, trial: TrialRow) -> int:
        """How many characters of its log the current attempt has sent."""
        rows = self._fresh(sql.LOGGED, {"trial_id": trial.id, "attempt": trial.attempt})
        return rows[0][0] or 0

    def artifact(self, trial: TrialRow, name: str) -> ArtifactRow | None:
        """What the current attempt has kept under a name."""
        rows = self._fresh(sql.ARTIFACT, {"trial_id": trial.id, "attempt": trial.attempt, "name": name})
        return ArtifactRow(*rows[0]) if rows else None

    def kept_bytes(self, trial: TrialRow) -> int:
        """How much all attempts at a trial have kept."""
        return int(self._fresh(sql.KEPT_BYTES, {"trial_id": trial.id})[0][0])

    def attempt(self, trial: TrialRow) -> AttemptRow | None:
        """The record of a trial's current attempt."""
        key = (trial.id, trial.attempt)
        if key not in self._known.attempts:
            rows = self._rows(sql.ATTEMPT, {"trial_id": trial.id, "attempt": trial.attempt})
            self._known.attempts[key] = AttemptRow(*rows[0]) if rows else None
        return self._known.attempts[key]

    def points_at(self, study_id: str, level: int, *, but: str) -> list[str]:
        """The points, as JSON, of the trials of a study that have reached a level, but one."""
        values = {"study_id": study_id, "level": level, "but": but}
        return [row[0] for row in self._fresh(sql.POINTS_AT, values)]

    def courses_from(self, study_id: str, level: int) -> list[tuple[str, str, int]]:
        """(point at a level, metrics at the end, both as JSON, last step) of the latest completed trials of a study."""
        rows = self._fresh(sql.COURSES_FROM, {"study_id": study_id, "level": level})
        return [(row[0], row[1], row[2] or 0) for row in rows]

    def stopped_at(self, study_id: str, level: int) -> list[tuple[str, str]]:
        """(point, as JSON, trial) of those that were stopped at a level and could go on from their checkpoint."""
        return [(row[0], row[1]) for row in self._fresh(sql.STOPPED_AT, {"study_id": study_id, "level": level})]

    def saved_at(self, study_id: str, level: int, since: int) -> list[tuple[str, str]]:
        """(point, as JSON, trial) of the running ones that have reached a level and saved a checkpoint since a step."""
        values = {"study_id": study_id, "level": level, "since": since}
        return [(row[0], row[1]) for row in self._fresh(sql.SAVED_AT, values)]

    def worker(self, project: str, name: str) -> WorkerRow | None:
        """A worker by name."""
        if (project, name) not in self._known.workers:
            self._load([Touches(workers=((project, name),))], self.now)
        return self._known.workers[project, name]

    def others_succeed(self, worker: WorkerRow, *, since: float) -> bool:
        """Whether another worker of the project was heard of since a time, and its last attempt went well."""
        values = {"project": worker.project, "name": worker.name, "since": since}
        return bool(self._fresh(sql.OTHERS_SUCCEED, values))

    def held_by(self, worker: WorkerRow) -> int:
        """How many trials a worker runs."""
        return int(self._fresh(sql.HELD_BY, {"project": worker.project, "name": worker.name})[0][0])

    def held_by_quarantined(self, limit: int) -> list[str]:
        """The ids of running trials whose worker has been put aside."""
        rows = self._fresh(sql.HELD_BY_QUARANTINED, {"limit": limit})
        return [row[0] for row in sorted(rows, key=itemgetter(1))]  # studies are locked in the order of their ids

    def key(self, id: str) -> KeyRow | None:
        """An API key by its id."""
        rows = self._fresh(sql.KEY, {"id": id})
        return KeyRow(*rows[0]) if rows else None

    def all_keys(self) -> list[KeyRow]:
        """All API keys, oldest first."""
        return [KeyRow(*row) for row in self._fresh(sql.KEYS, {})]

    def answer(self, key_id: str, route: str, idempotency_key: str) -> AnswerRow | None:
        """The stored answer to an earlier request with this Idempotency-Key."""
        rows = self._fresh(sql.ANSWER, {"key_id": key_id, "route": route, "idempotency_key": idempotency_key})
        return AnswerRow(*rows[0]) if rows else None

    # --- writing ---------------------------------------------------------------------------

    def recall(self, trial: TrialRow, reason: str) -> None:
        """Asks a running trial to stop; its worker hears of it at once."""
        self.change(trial, stop_requested=reason)
        self.recalled.add(trial.id)

    def change(self, row: Row, **values: Any) -> None:
        """Changes columns of a row; written at the end of the transaction."""
        self.writes += 1
        if "token" in values and isinstance(row, TrialRow) and row.token != values["token"]:
            self._known.retoken(row, values["token"])
        for name, value in values.items():
            setattr(row, name, value)
        self._pending.change(row, values)

    def add_study(self, row: StudyRow) -> None:
        """Inserts a study."""
        self._known.studies[row.id] = row
        self._add(tables.studies, row)

    def add_lesson(self, row: LessonRow) -> None:
        """Inserts what an earlier study teaches a new one."""
        self._add(tables.lessons, row)

    def add_trial(self, row: TrialRow) -> None:
        """Inserts a trial."""
        self._known.add(row)
        if row.token is not None:
            self._known.by_token.setdefault(row.token, []).append(row)
        self._add(tables.trials, row)

    def add_attempt(self, row: AttemptRow) -> None:
        """Inserts the record of an attempt."""
        self._known.attempts[row.trial_id, row.attempt] = row
        self._add(tables.attempts, row)

    def add_measurement(self, row: MeasurementRow) -> None:
        """Inserts a measurement."""
        self._add(tables.measurements, row)

    def add_log(self, row: LogRow) -> None:
        """Inserts a piece of a log."""
        self._add(tables.logs, row)

    def add_artifact(self, row: ArtifactRow) -> None:
        """Inserts the record of an artifact, whose content is there already."""
        self._add(tables.artifacts, row)

    def reach(self, row: LevelRow) -> None:
        """Records how a trial stood at a level."""
        self._add(tables.levels, row)

    def pass_levels(self, study_id: str, from_trial: str, to_trial: str) -> None:
        """From here on another trial stands for one at the levels that it has reached."""
        self.flush()
        values = {"of_study": study_id, "from_trial": from_trial, "to_trial": to_trial}
        self._session.run(sql.PASS_LEVELS, [values])

    def leave_levels(self, trial: TrialRow) -> None:
        """Forgets how a trial stood; before another attempt of it."""
        self.flush()
        self._session.run(sql.LEAVE_LEVELS, [{"study_id": trial.study_id, "trial_id": trial.id}])

    def add_worker(self, row: WorkerRow) -> None:
        """Inserts a worker."""
        self._known.workers[row.project, row.name] = row
        self._add(tables.workers, row)

    def add_key(self, row: KeyRow) -> None:
        """Inserts an API key."""
        self._add(tables.keys, row)

    def add_webhook(self, row: WebhookRow) -> None:
        """Inserts a webhook."""
        self._add(tables.webhooks, row)

    def add_answer(self, row: AnswerRow) -> None:
        """Keeps the answer to a request, for its repetition."""
        self._add(tables.answers, row)

    def record(self, study: StudyRow, kind: str, trial: TrialRow | None = None, **data: Any) -> None:
        """Raises the study's sequence number and records what happened under it."""
        sequence = self.touch(study, trial)
        self._add(
            tables.events,
            EventRow(
                study.id,
                sequence,
                kind,
                None if trial is None else trial.id,
                None if trial is None else trial.number,
                self.now,
                to_text(data) if data else None,
            ),
        )

    def touch(self, study: StudyRow, trial: TrialRow | None = None) -> int:
        """Raises the study's sequence number, and with it the trial's; the new number."""
        sequence = study.sequence + 1
        self.change(study, sequence=sequence, updated_at=self.now)
        if trial is not None:
            self.change(trial, sequence=sequence)
        self.sequences[study.id] = sequence
        return sequence

    def use_keys(self, ids: Iterable[str]) -> None:
        """Notes that these keys are in use."""
        self.flush()
        self.writes += 1
        self._session.run(sql.USE_KEY, [{"key_id": id, "now": self.now} for id in ids])

    def audit(self, *, project: str, key_id: str, action: str, subject: str, **data: Any) -> None:
        """Writes a line of the audit log, which is only ever appended to."""
        self.flush()
        self.writes += 1
        values = {"project": project, "at": self.now, "key_id": key_id, "action": action, "subject": subject}
        self._session.run(sql.AUDIT, [values | {"data": to_text(data) if data else None}])

    def delete_study(self, study: StudyRow) -> None:
        """Deletes a study and all that belongs to it."""
        self.flush()
        self.writes += 1
        self._session.run(sql.DELETE_STUDY, [{"id": study.id}])
        self._forget()
        self._known.studies[study.id] = None
        self._known.trials = {
            id: row for id, row in self._known.trials.items() if row is None or row.study_id != study.id
        }
        self.sequences[study.id] = study.sequence + 1

    def forget_answers(self, before: float) -> None:
        """Deletes stored answers older than a time."""
        self._session.run(sql.OLD_ANSWERS, [{"before": before}])

    def forget_workers(self, before: float) -> int:
        """Deletes the workers that were last heard of before a time, but for those put aside; how many."""
        self.flush()
        self.writes += 1
        self._forget()
        self._known.workers.clear()
        return self._session.run(sql.SILENT_WORKERS, [{"before": before}])

    def renew_leases(self) -> None:
        """Gives every lease its whole length from now, and ends every pause; after the clock has jumped."""
        self.flush()
        self.writes += 1
        self._forget()
        self._session.run(sql.RENEW_LEASES, [{"now": self.now}])
        self._session.run(sql.END_PAUSES, [{}])

    def query(self, statement: Statement, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        """The rows of a query that another module of this package keeps."""
        return self._fresh(statement, values)

    def run(self, statement: Statement, many: Sequence[dict[str, Any]]) -> int:
        """Runs such a statement once per set of values; how many rows it changed."""
        self.flush()
        self.writes += 1
        return self._session.run(statement, many)

    def remember(self) -> None:
        """It is committed: what it knew may outlive it."""
        if self._memory is not None:
            self._memory.give_back(self._known)

    def flush(self) -> None:
        """Writes what has gathered, parents before children.

        Raises:
            Overtaken: when a trial is not as it was read.
        """
        self._pending.write(self._session, self._known.was)

    # --- inside ----------------------------------------------------------------------------

    def _add(self, table: Table, row: Row) -> None:
        self.writes += 1
        self._pending.add(table, row)

    def _rows(self, statement: Statement, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        return self._session.rows(statement, values)

    def _fresh(self, statement: Statement, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        # A query by anything but identity must see what this batch has changed so far.
        self.flush()
        return self._session.rows(statement, values)

    def _forget(self) -> None:
        # Rows are changed that nobody has in hand.
        if self._memory is not None:
            self._memory.forget()
            self._memory = None

    def _load(self, batch: Sequence[Touches], now: float | None) -> float:
        """Takes in what is not here yet, by identity; the time at which it was read."""
        wanted = together(batch)
        if self._memory is not None:
            wanted = self._memory.hand_over(self._known, wanted)
        lone = {token for each in batch if not each.studies and not each.trials for token in each.tokens}
        found = prefetch(self._session, wanted, lone_tokens=[*lone], now=now, known=self._known.studies)
        self._known.take_in(found, wanted)
        return found.now
