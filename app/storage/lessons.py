"""Queries for studies that learn from earlier ones."""

from sqlalchemy import select

from app.storage import tables
from app.storage.reader import Connection
from app.storage.rows import StudyRow

_T = tables.trials.c


def earlier_studies(connection: Connection, project: str, limit: int) -> list[StudyRow]:
    """The newest studies with results that are not put away."""
    query = select(tables.studies).where(
        tables.studies.c.project == project, tables.studies.c.completed > 0, tables.studies.c.archived_at.is_(None)
    )
    rows = connection.execute(query.order_by(tables.studies.c.created_at.desc(), tables.studies.c.id).limit(limit))
    return [StudyRow(*row) for row in rows]


def completed(connection: Connection, study_id: str, limit: int) -> list[tuple[str, str]]:
    """(parameters, metrics) of the latest completed trials that count, by number."""
    query = select(_T.parameters, _T.metrics).where(
        _T.study_id == study_id,
        _T.state == "completed",
        _T.excluded.is_(False),
        _T.metrics.is_not(None),
    )
    return [(row[0], row[1]) for row in connection.execute(query.order_by(_T.number.desc()).limit(limit))][::-1]


def lessons_of(connection: Connection, study_id: str) -> list[tuple[str, str]]:
    """(name, trials) of the earlier studies that teach a study, by name."""
    kept = tables.lessons.c
    query = select(kept.earlier, kept.trials).where(kept.study_id == study_id).order_by(kept.earlier)
    return [(row[0], row[1]) for row in connection.execute(query)]
