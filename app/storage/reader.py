"""Queries that change nothing: pages, bests, events, histories. On connections that cannot write.

A list is read by its key, never by offset (flat at any depth), and always bounded. A cursor says where the last page
ended (`cursors`).
"""

from collections.abc import Collection, Sequence
from dataclasses import astuple, dataclass
from typing import Any, Literal, NamedTuple, TypeVar

from sqlalchemy import JSON, ColumnElement, and_, case, cast, func, literal_column, or_, select, type_coerce
from sqlalchemy import Connection as Connection  # services name it in their queries, and know no SQL

from app.meters import Stock
from app.storage import tables
from app.storage.cursors import cursor_after, id_in, list_of, number_in, pair_in
from app.storage.domain import (
    attempt_from,
    event_from,
    key_from,
    moment,
    study_from,
    trainables_from,
    trial_from,
    worker_from,
)
from app.storage.json_text import from_text
from app.storage.rows import AttemptRow, EventRow, KeyRow, StudyRow, TrialRow, WorkerRow
from app.storage.sql import OF_PROJECT
from studyhall.study import Study, StudyState
from studyhall.trial import Attempt, RecordedMeasurement, Trial, TrialState
from studyhall.wire.fleet import TrainableInfo, Worker
from studyhall.wire.pages import Page
from studyhall.wire.results import Event
from studyhall.wire.server import Audited, Key

LONGEST_PAGE = 500
MOST_WORKERS = 2000
"""Of a project; those that were heard of last."""
MOST_KEYS = 2000
"""Of a project, or a study."""
WORKER_STATES = ("online", "offline", "draining", "quarantined")

_T, _S = tables.trials.c, tables.studies.c

_LEASED = (_T.state == literal_column("'running'"), _T.expires_at > literal_column("0"))
"""Constants as text: the leases' index is of running trials only, and is used where that can be seen."""

_RUNNING_BY_WORKER = (
    select(_T.worker, func.count())
    .join(tables.studies, _S.id == _T.study_id)
    .where(*_LEASED, OF_PROJECT)
    .group_by(_T.worker)
)

Sort = Literal["number", "-number", "value", "-value"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TrialFilter:
    """Which trials of a study, in which order."""

    state: tuple[str, ...] = ()
    label: str | None = None
    """`key` or `key=value`."""
    worker: str | None = None
    since: int | None = None
    """Only those changed after this sequence number."""
    sort: Sort = "number"
    number: tuple[int, ...] = ()
    """Only those with these numbers."""


def study_row(connection: Connection, project: str, name: str) -> StudyRow | None:
    """A study by id or name."""
    query = select(*tables.studies.columns).where(_S.project == project)
    by_id = connection.execute(query.where(_S.id == name)).first() if name.startswith("st_") else None
    found = by_id or connection.execute(query.where(_S.name == name)).first()
    return None if found is None else StudyRow(*found)


def study_by_id(connection: Connection, study_id: str) -> StudyRow | None:
    """A study by its id, whoever owns it; for the server's own tasks."""
    found = connection.execute(select(*tables.studies.columns).where(_S.id == study_id)).first()
    return None if found is None else StudyRow(*found)


def studies_page(
    connection: Connection,
    project: str,
    *,
    limit: int,
    cursor: str | None,
    state: Sequence[str] = (),
    name: str | None = None,
    label: str | None = None,
    archived: bool = False,
) -> Page[Study]:
    """Studies, newest first; `name` matches any part of a name, literally."""
    place = _S.archived_at.is_not(None) if archived else _S.archived_at.is_(None)
    query = select(*tables.studies.columns).where(_S.project == project, place)
    if state:
        query = query.where(_S.state.in_(state))
    if name:
        query = query.where(_S.name.contains(name, autoescape=True))
    if label:
        query = query.where(_has_label(connection, _S.definition, "labels", label=label))
    of = list_of("studies", project, *state, name, label, "archived" if archived else "")
    if cursor is not None:
        query = query.where(_S.id < id_in(cursor, of))
    rows = [StudyRow(*row) for row in connection.execute(query.order_by(_S.id.desc()).limit(limit + 1))]
    return _page(
        [study_from(row) for row in rows[:limit]], cursor_after(of, rows[limit - 1].id) if len(rows) > limit else None
    )


def studies_ended_before(connection: Connection, *, before: float, limit: int) -> list[str]:
    """Studies of all projects that ended before a time and are not put away."""
    query = select(_S.id).where(_S.ended_at < before, _S.archived_at.is_(None)).order_by(_S.ended_at).limit(limit)
    return [row[0] for row in connection.execute(query)]


def studies_archived_before(connection: Connection, *, before: float, limit: int) -> list[str]:
    """Studies of all projects that were put away before a time."""
    query = select(_S.id).where(_S.archived_at < before).order_by(_S.archived_at).limit(limit)
    return [row[0] for row in connection.execute(query)]


def trials_page(
    connection: Connection, study_id: str, filter: TrialFilter, *, limit: int, cursor: str | None
) -> Page[Trial]:
    """Trials of a study."""
    by_value = filter.sort.endswith("value")
    if by_value and filter.state and TrialState.COMPLETED not in filter.state:
        return _page([], None)  # only completed trials have a value
    query = select(*tables.trials.columns).where(*_of_study(study_id, filter.state), *_conditions(connection, filter))
    of = list_of("trials", study_id, *map(str, astuple(filter)))
    if by_value:
        query = query.where(_T.value.is_not(None))
    if cursor is not None:
        query = query.where(_after(filter.sort, cursor, of))
    rows = [TrialRow(*row) for row in connection.execute(query.order_by(*_order(filter.sort)).limit(limit + 1))]
    more = len(rows) > limit
    last = rows[limit - 1] if more else None
    place = None if last is None else [last.value, last.number] if by_value else last.number
    return _page([trial_from(row) for row in rows[:limit]], None if place is None else cursor_after(of, place))


def trials_from(connection: Connection, study_id: str, after: int, before: int) -> list[Trial]:
    """The trials of a study whose numbers are from `after` on and below `before`, by number."""
    query = select(*tables.trials.columns).where(_T.study_id == study_id, _T.number >= after, _T.number < before)
    return [trial_from(TrialRow(*row)) for row in connection.execute(query.order_by(_T.number))]


TRIAL_COLUMNS = (
    _T.number, _T.state, _T.parameters, _T.metrics, _T.worker, _T.source, _T.attempt, _T.step, _T.excluded,
    _T.labels, _T.reason, _T.sequence, _T.started_at, _T.finished_at,
)  # fmt: skip


def trial_columns(
    connection: Connection, study_id: str, *, limit: int, cursor: str | None
) -> tuple[dict[str, list[Any]], str | None]:
    """Trials as columns, newest first; and the cursor of what comes after them.

    Parameters, metrics and labels are JSON texts, as they are stored: nobody here looks into them.
    """
    of = list_of("columns", study_id)
    query = select(*TRIAL_COLUMNS).where(_T.study_id == study_id).order_by(_T.number.desc()).limit(limit)
    if cursor is not None:
        query = query.where(_T.number < number_in(cursor, of))
    rows = connection.execute(query).all()
    told = list(zip(*rows, strict=True)) or [()] * len(TRIAL_COLUMNS)
    columns = {column.name: list(values) for column, values in zip(TRIAL_COLUMNS, told, strict=True)}
    last = rows[-1].number if rows else 0
    return columns, cursor_after(of, last) if len(rows) == limit and last > 0 else None


def trial_row(connection: Connection, project: str, trial_id: str) -> TrialRow | None:
    """A trial by id, if its study is of this project."""
    query = select(*tables.trials.columns).join(tables.studies, _S.id == _T.study_id)
    found = connection.execute(query.where(_T.id == trial_id, _S.project == project)).first()
    return None if found is None else TrialRow(*found)


def front(connection: Connection, study_id: str) -> list[Trial]:
    """The trials on the Pareto front, by number."""
    query = select(*tables.trials.columns).where(_T.study_id == study_id, _T.on_front).order_by(_T.number)
    return [trial_from(TrialRow(*row)) for row in connection.execute(query)]


def measurements_page(
    connection: Connection, trial_id: str, *, attempt: int | None, limit: int, cursor: str | None
) -> Page[RecordedMeasurement]:
    """The measurements of a trial, by attempt and step."""
    m = tables.measurements.c
    query = select(*tables.measurements.columns).where(m.trial_id == trial_id)
    if attempt is not None:
        query = query.where(m.attempt == attempt)
    of = list_of("measurements", trial_id, str(attempt))
    if cursor is not None:
        last_attempt, last_step = pair_in(cursor, of)
        query = query.where(or_(m.attempt > last_attempt, and_(m.attempt == last_attempt, m.step > last_step)))
    rows = connection.execute(query.order_by(m.attempt, m.step).limit(limit + 1)).all()
    items = [
        RecordedMeasurement.model_construct(attempt=row[1], step=row[2], metrics=from_text(row[3]), elapsed_s=row[4])
        for row in rows[:limit]
    ]
    return _page(items, cursor_after(of, [items[-1].attempt, items[-1].step]) if len(rows) > limit else None)


def attempts_of(connection: Connection, trial_id: str) -> list[Attempt]:
    """The attempts of a trial, first to last; retries are bounded, so this is short."""
    query = (
        select(*tables.attempts.columns)
        .where(tables.attempts.c.trial_id == trial_id)
        .order_by(tables.attempts.c.attempt)
    )
    return [attempt_from(AttemptRow(*row)) for row in connection.execute(query.limit(LONGEST_PAGE))]


def events_after(connection: Connection, study_id: str, after: int, limit: int) -> list[Event]:
    """What happened in a study after a sequence number, oldest first."""
    e = tables.events.c
    query = (
        select(*tables.events.columns)
        .where(e.study_id == study_id, e.sequence > after)
        .order_by(e.sequence)
        .limit(limit)
    )
    return [event_from(EventRow(*row)) for row in connection.execute(query)]


def sequence_of(connection: Connection, project: str, study_id: str) -> int | None:
    """How far a study is; None where there is none any more."""
    query = select(_S.sequence).where(_S.id == study_id, _S.project == project)
    found: int | None = connection.execute(query).scalar()
    return found


def sequences(connection: Connection, project: str) -> dict[str, int]:
    """The sequence number of each study of a project; of very many, those that changed last."""
    query = select(_S.id, _S.sequence).where(_S.project == project).order_by(_S.updated_at.desc()).limit(LONGEST_PAGE)
    return {row[0]: row[1] for row in connection.execute(query)}


@dataclass(frozen=True, slots=True)
class TrialLine:
    """What an engine and a chart need of a trial."""

    number: int
    state: str
    parameters: str
    metrics: str | None
    started_at: float | None
    finished_at: float | None
    excluded: bool
    continued_by: str | None
    sequence: int


def lines_after(connection: Connection, study_id: str, after: int, limit: int) -> list[TrialLine]:
    """The trials changed after a sequence number, in the order of their changes."""
    columns = (
        _T.number, _T.state, _T.parameters, _T.metrics, _T.started_at, _T.finished_at, _T.excluded, _T.continued_by,
        _T.sequence,
    )  # fmt: skip
    query = select(*columns).where(_T.study_id == study_id, _T.sequence > after).order_by(_T.sequence).limit(limit)
    return [TrialLine(*row) for row in connection.execute(query)]


def ended_before(connection: Connection, study_id: str, time: float) -> set[int]:
    """The numbers of the trials that had ended at a time, seconds since 1970."""
    query = select(_T.number).where(_T.study_id == study_id, _T.finished_at <= time)
    return set(connection.execute(query).scalars())


def unclaimed(connection: Connection, study_id: str) -> list[tuple[int, int]]:
    """(number, sequence it was suggested at) of waiting trials that an engine suggested and nobody has claimed yet."""
    query = select(_T.number, _T.suggested_at).where(
        _T.study_id == study_id, _T.state == "waiting", _T.attempt == 0, _T.suggested_at.is_not(None)
    )
    return [(row[0], row[1]) for row in connection.execute(query.order_by(_T.number))]


def curves_of(connection: Connection, study_id: str, numbers: Sequence[int]) -> dict[int, list[tuple[int, str]]]:
    """(step, metrics) of the current attempts of some trials, by number."""
    m = tables.measurements.c
    query = (
        select(_T.number, m.step, m.metrics)
        .join(tables.trials, and_(_T.id == m.trial_id, _T.attempt == m.attempt))
        .where(_T.study_id == study_id, _T.number.in_(numbers))
        .order_by(_T.number, m.step)
    )
    curves: dict[int, list[tuple[int, str]]] = {}
    for number, step, metrics in connection.execute(query):
        curves.setdefault(number, []).append((step, metrics))
    return curves


def metrics_of(connection: Connection, study_id: str, numbers: Sequence[int]) -> dict[int, dict[str, float]]:
    """The metrics of those of some trials that have any, by number."""
    query = select(_T.number, _T.metrics).where(
        _T.study_id == study_id, _T.number.in_(numbers), _T.metrics.is_not(None)
    )
    return {number: from_text(metrics) for number, metrics in connection.execute(query)}


def last_ends(connection: Connection, study_id: str, *, most: int, since: float) -> tuple[int, float | None, int]:
    """Of the trials that have changed last, at most so many: how many have ended, the first end, and ends since a time.

    Flat in the size of the study.
    """
    last = select(_T.finished_at.label("at")).where(_T.study_id == study_id).order_by(_T.sequence.desc()).limit(most)
    at = last.subquery().c.at
    ended, first, lately = connection.execute(
        select(func.count(at), func.min(at), func.count(case((at >= since, at))))
    ).one()
    return ended, first, lately


def workers(connection: Connection, project: str, *, now: float, offline_after_s: float) -> list[Worker]:
    """The workers of a project, by name."""
    running: dict[str | None, int] = dict(connection.execute(_RUNNING_BY_WORKER, {"project": project}).all())
    return [
        worker_from(row, running=running.get(row.name, 0), now=now, offline_after_s=offline_after_s)
        for row in sorted(_heard_of_last(connection, project), key=lambda row: row.name)
    ]


def _heard_of_last(connection: Connection, project: str) -> list[WorkerRow]:
    """The workers of a project that were heard of last, the latest first."""
    w = tables.workers.c
    query = select(*tables.workers.columns).where(w.project == project).order_by(w.last_seen_at.desc(), w.name)
    return [WorkerRow(*row) for row in connection.execute(query.limit(MOST_WORKERS))]


class Abilities(NamedTuple):
    """What a worker can run, as it is stored, and what says whether it is given anything."""

    name: str
    state: str
    last_seen_at: float
    capabilities: str


def abilities(connection: Connection, project: str) -> list[Abilities]:
    """What each of a project's workers can run, those heard of last first."""
    w = tables.workers.c
    columns = (w.name, w.state, w.last_seen_at, w.capabilities)
    query = select(*columns).where(w.project == project).order_by(w.last_seen_at.desc()).limit(MOST_WORKERS)
    rows = connection.execute(query)
    return [Abilities(*row) for row in rows]


def trainables(connection: Connection, project: str) -> list[TrainableInfo]:
    """What the project's workers can run, by name; the newest worker's word counts."""
    latest = _heard_of_last(connection, project)
    found = {info.name: info for row in reversed(latest) for info in trainables_from(row)}
    return [found[name] for name in sorted(found)]


def stock(connection: Connection, *, now: float, offline_after_s: float) -> Stock:
    """How many studies, trials of open studies, and workers there are in each state, of all projects.

    Reads the studies' own counters, never the trials.
    """
    counted = [name.value for name in TrialState]
    open_now = _S.state.not_in([state.value for state in StudyState if state.has_ended])
    sums = connection.execute(select(*(func.coalesce(func.sum(_S[name]), 0) for name in counted)).where(open_now))
    studies = connection.execute(select(_S.state, func.count()).group_by(_S.state))
    w = tables.workers.c
    silent = and_(w.state == "online", w.last_seen_at < now - offline_after_s)
    state = case((silent, "offline"), else_=w.state)
    workers = connection.execute(select(state, func.count()).group_by(state))
    return Stock(
        trials=dict(zip(counted, map(int, sums.one()), strict=True)),
        studies=dict.fromkeys(StudyState, 0) | {row[0]: row[1] for row in studies},
        workers=dict.fromkeys(WORKER_STATES, 0) | {row[0]: row[1] for row in workers},
    )


def key_row(connection: Connection, key_id: str) -> KeyRow | None:
    """A key by its id, whichever project it is of."""
    found = connection.execute(select(*tables.keys.columns).where(tables.keys.c.id == key_id)).first()
    return None if found is None else KeyRow(*found)


def keys(connection: Connection, project: str) -> list[Key]:
    """The keys of a project, oldest first."""
    return [key_from(row) for row in _lasting_keys(connection, tables.keys.c.project == project)]


def audit_page(connection: Connection, project: str, *, limit: int, cursor: str | None) -> Page[Audited]:
    """The audit log of a project, newest first."""
    a = tables.audit.c
    query = select(*tables.audit.columns).where(a.project == project)
    of = list_of("audit", project)
    if cursor is not None:
        query = query.where(a.id < number_in(cursor, of))
    rows = connection.execute(query.order_by(a.id.desc()).limit(limit + 1)).all()
    items = [
        Audited(id=row.id, at=moment(row.at), key=row.key_id, action=row.action, subject=row.subject,
                data=from_text(row.data or "{}"))
        for row in rows[:limit]
    ]  # fmt: skip
    return _page(items, cursor_after(of, items[-1].id) if len(rows) > limit else None)


def guests(connection: Connection, study_id: str) -> list[KeyRow]:
    """The keys that open one study only, oldest first."""
    return _lasting_keys(connection, tables.keys.c.study_id == study_id)


def _lasting_keys(connection: Connection, chosen: ColumnElement[bool]) -> list[KeyRow]:
    """Keys, oldest first; of very many those that work longest, so that those that ended hide none."""
    k = tables.keys.c
    longest = (k.revoked_at.is_not(None), k.expires_at.is_not(None), k.expires_at.desc())
    rows = connection.execute(select(*tables.keys.columns).where(chosen).order_by(*longest).limit(MOST_KEYS))
    return sorted((KeyRow(*row) for row in rows), key=lambda row: (row.created_at, row.id))


def _of_study(study_id: str, states: Collection[str]) -> list[ColumnElement[bool]]:
    """Trials of a study, in some states; one state that is rare in a large study is told as its index is."""
    match tuple(states):
        case ():
            return [_T.study_id == study_id]
        case ("running",):
            return [*_LEASED, _T.study_id + "" == study_id]
        case ("waiting",):
            return [_T.state == literal_column("'waiting'"), _T.study_id == study_id]
        case (state,) if state != "completed":
            return [tables.ENDED_OTHERWISE, _T.state == state, _T.study_id == study_id]
    return [_T.state.in_(states), _T.study_id == study_id]


def _conditions(connection: Connection, filter: TrialFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if filter.worker is not None:
        found.append(_T.worker == filter.worker)
    if filter.since is not None:
        found.append(_T.sequence > filter.since)
    if filter.number:
        found.append(_T.number.in_(filter.number))
    if filter.label is not None:
        found.append(_has_label(connection, _T.labels, label=filter.label))
    return found


def _has_label(connection: Connection, labels: ColumnElement[Any], *path: str, label: str) -> ColumnElement[bool]:
    """Whether a JSON text holds a label, given as `key` or `key=value`, below a path."""
    key, _, value = label.partition("=")
    # PostgreSQL needs a real cast to look into text; SQLite's functions take text, its cast would make a number of it.
    document = cast(labels, JSON) if connection.dialect.name == "postgresql" else type_coerce(labels, JSON)
    found = document[(*path, key)].as_string()
    matches: ColumnElement[bool] = found == value if value else found.is_not(None)
    return matches


def _order(sort: Sort) -> tuple[ColumnElement[Any], ...]:
    match sort:
        case "-number":
            return (_T.number.desc(),)
        case "value":
            return _T.value.asc(), _T.number.asc()
        case "-value":
            return _T.value.desc(), _T.number.asc()
    return (_T.number.asc(),)


def _after(sort: Sort, cursor: str, of: str) -> ColumnElement[bool]:
    if sort == "number":
        return _T.number > number_in(cursor, of)
    if sort == "-number":
        return _T.number < number_in(cursor, of)
    value, number = pair_in(cursor, of)
    beyond = _T.value > value if sort == "value" else _T.value < value
    return or_(beyond, and_(_T.value == value, _T.number > number))


def _page(items: list[T], cursor: str | None) -> Page[T]:
    return Page.model_construct(items=tuple(items), next_cursor=cursor)
