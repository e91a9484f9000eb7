"""The trials of a study as columns, for analyses and charts: what they read, and how much of a very large study."""

from typing import Any

from sqlalchemy import Connection as Connection  # services name it in their queries, and know no SQL
from sqlalchemy import Select, or_, select

from app.storage import tables
from app.storage.reader import LONGEST_PAGE

_T, _S = tables.trials.c, tables.studies.c


def analysed_trials(connection: Connection, study_id: str, *, most: int, total: int) -> dict[str, list[Any]]:
    """Trials as columns for an analysis, by number; every so many-th when there are more than `most`, and the best.

    With several objectives the best are the front, or the first `most` of it. Parameters, metrics and predictions
    are JSON texts, as they are stored: nobody here looks into them.
    """
    columns = (_T.number, _T.state, _T.parameters, _T.metrics, _T.step, _T.predicted, _T.reason, _T.worker, _T.source)
    query = select(*columns, _T.started_at, _T.finished_at)
    query = query.where(_T.study_id == study_id, _T.excluded.is_(False), _T.state != "waiting")
    every = -(-total // most)
    if every > 1:
        best = select(_S.best_number).where(_S.id == study_id).scalar_subquery()
        query = query.where(or_(_T.number % every == 0, _T.number == best, _T.number.in_(_front(study_id, most))))
    rows = connection.execute(query.order_by(_T.number)).all()
    told = zip(*rows, strict=True) if rows else iter([()] * 11)
    names = [*(column.name for column in columns), "started_at", "finished_at"]
    return {name: list(column) for name, column in zip(names, told, strict=True)}


def front_numbers(connection: Connection, study_id: str, *, most: int) -> list[int]:
    """The numbers of the first trials on the Pareto front."""
    return list(connection.execute(_front(study_id, most)).scalars())


def _front(study_id: str, most: int) -> Select[int]:
    return select(_T.number).where(_T.study_id == study_id, _T.on_front).order_by(_T.number).limit(most)


def last_attempts(connection: Connection, study_id: str, *, most: int) -> dict[str, list[Any]]:
    """The attempts that began last, as columns, by beginning."""
    a = tables.attempts.c
    query = (
        select(_T.number, _T.id, _T.state, a.attempt, a.worker, a.started_at, a.ended_at, a.outcome, a.reason)
        .join(tables.trials, _T.id == a.trial_id)
        .where(_T.study_id == study_id)
        .order_by(a.started_at.desc(), _T.number.desc())
        .limit(most)
    )
    rows = connection.execute(query).all()[::-1]
    names = ("number", "trial", "state", "attempt", "worker", "started_at", "ended_at", "outcome", "reason")
    return {name: [row[i] for row in rows] for i, name in enumerate(names)}


def value_history(connection: Connection, study_id: str) -> list[tuple[int, str, float | None, float | None]]:
    """(number, state, value, finished_at) of every trial that has ended and is not excluded, by number."""
    query = select(_T.number, _T.state, _T.value, _T.finished_at).where(
        _T.study_id == study_id, _T.finished_at.is_not(None), _T.excluded.is_(False)
    )
    return [(row[0], row[1], row[2], row[3]) for row in connection.execute(query.order_by(_T.number))]


def metrics_history(connection: Connection, study_id: str) -> list[tuple[int, str, str | None, float | None]]:
    """The same with their metrics in place of the value, as JSON texts."""
    query = select(_T.number, _T.state, _T.metrics, _T.finished_at).where(
        _T.study_id == study_id, _T.finished_at.is_not(None), _T.excluded.is_(False)
    )
    return [(row[0], row[1], row[2], row[3]) for row in connection.execute(query.order_by(_T.number))]


def running_numbers(connection: Connection, study_id: str) -> list[int]:
    """The numbers of the trials that run now; as many as there are workers."""
    query = select(_T.number).where(_T.study_id == study_id, _T.state == "running").order_by(_T.number)
    return list(connection.execute(query.limit(LONGEST_PAGE)).scalars())
