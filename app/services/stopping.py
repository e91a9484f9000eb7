"""Where stopping rules meet the database: each level a trial reaches is recorded once, and judged then.

Safe to repeat: a report that is sent again adds nothing, so it is not judged again; the decision to stop stands on the
trial, and every later answer repeats it.
"""

from collections.abc import Iterable
from functools import lru_cache

from app.search.stopping import Course, Rule, rule
from app.services.moves import point_of
from app.storage.domain import definition_from
from app.storage.json_text import from_text, to_text
from app.storage.rows import LevelRow, MeasurementRow, StudyRow, TrialRow
from app.storage.transaction import Transaction
from studyhall.study import StudyDefinition


def judge(tx: Transaction, study: StudyRow, trial: TrialRow, rows: Iterable[MeasurementRow]) -> None:
    """Compares a trial with those that came as far, at each level it has newly reached; asks it to stop if it loses."""
    stopping = _rule_of(study.definition)
    if stopping is None or trial.stop_requested is not None:
        return
    definition = definition_from(study.definition)
    for row in sorted(rows, key=lambda row: row.step):
        level = stopping.level(row.step, trial.number)
        if level is None or (trial.level is not None and level <= trial.level):
            continue
        reason = _reach(tx, stopping, definition, trial, level, row)
        if reason is not None:
            tx.recall(trial, reason[:200])
            tx.record(study, "trial.stop_requested", trial, reason=reason, step=row.step)
            return


def _reach(
    tx: Transaction, stopping: Rule, definition: StudyDefinition, trial: TrialRow, level: int, row: MeasurementRow
) -> str | None:
    metrics = from_text(row.metrics)
    if any(objective.metric not in metrics for objective in definition.objectives):
        return None
    own = point_of(definition.objectives, metrics)
    others = [tuple(from_text(text)) for text in tx.points_at(trial.study_id, level, but=trial.id)]
    tx.change(trial, level=level)
    tx.reach(LevelRow(trial.study_id, level, trial.id, to_text(own)))
    return stopping.verdict(own, others, _courses(tx, definition, trial, level) if stopping.foretells else ())


def _courses(tx: Transaction, definition: StudyDefinition, trial: TrialRow, level: int) -> list[Course]:
    told = [(tuple(from_text(point)), from_text(metrics)) for point, metrics in tx.courses_from(trial.study_id, level)]
    return [(point, point_of(definition.objectives, metrics)) for point, metrics in told]


@lru_cache(maxsize=512)
def _rule_of(definition: str) -> Rule | None:
    return rule(definition_from(definition).stopping)
