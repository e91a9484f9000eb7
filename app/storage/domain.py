"""From rows to the words of the ground floor. What was checked at the door is not checked again."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from app.storage.json_text import from_text
from app.storage.rows import AttemptRow, EventRow, KeyRow, StudyRow, TrialRow, WorkerRow
from studyhall.study import Incumbent, Study, StudyDefinition, StudyState, TrialCounts
from studyhall.trial import Attempt, Prediction, Trial, TrialState
from studyhall.trusted import trusted
from studyhall.wire.claims import Capabilities
from studyhall.wire.fleet import MachineUse, TrainableInfo, Worker
from studyhall.wire.results import Event
from studyhall.wire.server import Key


def _stored(value: str | None) -> Any:
    # A literal of the ground floor, written by us: reading it back needs no second check.
    return value


def moment(at: float) -> datetime:
    """Seconds since 1970 as a time in UTC."""
    return datetime.fromtimestamp(at, UTC)


def moment_or_none(at: float | None) -> datetime | None:
    """The same for a time that may be absent."""
    return None if at is None else moment(at)


@lru_cache(maxsize=512)
def definition_from(text: str) -> StudyDefinition:
    """A stored definition; parsed once, since studies are read far more often than they change."""
    return StudyDefinition.model_validate_json(text)


def study_from(row: StudyRow) -> Study:
    """A study as the server tells it."""
    definition = definition_from(row.definition)
    fields = {name: getattr(definition, name) for name in StudyDefinition.model_fields}
    return trusted(
        Study,
        **fields,
        id=row.id,
        state=StudyState(row.state),
        reason=row.reason,
        space_version=row.space_version,
        sequence=row.sequence,
        trials=counts_from(row),
        planned_trials=planned_trials(row),
        best=incumbent_from(row),
        expected_improvement=row.expected_improvement,
        device_seconds=row.device_seconds,
        created_at=moment(row.created_at),
        updated_at=moment(row.updated_at),
        ended_at=moment_or_none(row.ended_at),
        archived_at=moment_or_none(row.archived_at),
    )


def counts_from(row: StudyRow) -> TrialCounts:
    """The counters of a study."""
    return trusted(TrialCounts, **{name: getattr(row, name) for name in TrialCounts.model_fields})


def planned_trials(row: StudyRow) -> int | None:
    """How many trials a study will have once `max_trials` are spent; None without that limit."""
    return None if row.max_trials is None else row.max_trials + counts_from(row).total - row.created


def incumbent_from(row: StudyRow) -> Incumbent | None:
    """The best trial of a study with one objective."""
    if row.best_trial is None or row.best_number is None or row.best_value is None:
        return None
    return trusted(Incumbent, trial=row.best_trial, number=row.best_number, value=row.best_value)


def trial_from(row: TrialRow) -> Trial:
    """A trial as the server tells it."""
    return trusted(
        Trial,
        id=row.id,
        study=row.study_id,
        number=row.number,
        state=TrialState(row.state),
        reason=row.reason,
        failure=_stored(row.failure),
        parameters=from_text(row.parameters),
        metrics=from_text(row.metrics) if row.metrics else {},
        attempt=row.attempt,
        worker=row.worker,
        source=_stored(row.source),
        predicted=Prediction.model_construct(**from_text(row.predicted)) if row.predicted else None,
        why=row.why,
        suggested_at_sequence=row.suggested_at,
        parent=row.parent,
        step=row.step,
        stop_requested=row.stop_requested,
        retry_of=row.retry_of,
        checkpoint=row.checkpoint,
        continues=row.continues,
        continued_by=row.continued_by,
        labels=from_text(row.labels),
        note=row.note,
        excluded=bool(row.excluded),
        sequence=row.sequence,
        created_at=moment(row.created_at),
        started_at=moment_or_none(row.started_at),
        finished_at=moment_or_none(row.finished_at),
    )


def attempt_from(row: AttemptRow) -> Attempt:
    """An attempt as the server tells it."""
    return trusted(
        Attempt,
        trial=row.trial_id,
        attempt=row.attempt,
        worker=row.worker,
        started_at=moment(row.started_at),
        ended_at=moment_or_none(row.ended_at),
        outcome=_stored(row.outcome),
        reason=row.reason,
    )


def event_from(row: EventRow) -> Event:
    """An event as the server tells it."""
    return trusted(
        Event,
        sequence=row.sequence,
        kind=row.kind,
        study=row.study_id,
        trial=row.trial_id,
        number=row.number,
        at=moment(row.at),
        data=from_text(row.data) if row.data else {},
    )


def worker_from(row: WorkerRow, *, running: int, now: float, offline_after_s: float) -> Worker:
    """A worker as the server tells it; silent ones count as offline."""
    silent = row.state == "online" and now - row.last_seen_at > offline_after_s
    return trusted(
        Worker,
        name=row.name,
        version=row.version,
        host=row.host,
        state=_stored("offline" if silent else row.state),
        reason=row.reason,
        capabilities=Capabilities.model_validate_json(row.capabilities),
        running=running,
        completed=row.completed,
        failed=row.failed,
        failure_rate=row.failed / ended if (ended := row.completed + row.failed) else None,
        slots=row.slots,
        machine=MachineUse.model_validate_json(row.machine) if row.machine else None,
        first_seen_at=moment(row.first_seen_at),
        last_seen_at=moment(row.last_seen_at),
    )


def trainables_from(row: WorkerRow) -> list[TrainableInfo]:
    """The trainables that a worker brought with it."""
    return [TrainableInfo.model_validate(item) for item in _tuples(from_text(row.trainables))]


def key_from(row: KeyRow, secret: str | None = None) -> Key:
    """A key as the server tells it; of one that was rotated, the end of its grace as its end."""
    ends = [end for end in (row.expires_at, row.taken_until) if end is not None]
    return trusted(
        Key,
        id=row.id,
        name=row.name,
        scope=_stored(row.scope),
        project=row.project,
        created_at=moment(row.created_at),
        expires_at=moment_or_none(min(ends, default=None)),
        revoked_at=moment_or_none(row.revoked_at),
        last_used_at=moment_or_none(row.last_used_at),
        secret=secret,
    )


def _tuples(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    # Strict models want tuples where JSON has lists.
    return [item | {"metrics": tuple(item.get("metrics", ()))} for item in items]
