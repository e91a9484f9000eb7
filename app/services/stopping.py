"""Where stopping rules meet the database: each level a trial reaches is recorded once, and judged then.

Safe to repeat: a report that is sent again adds nothing, so it is not judged again; the decision to stop stands on the
trial, and every later answer repeats it. The same goes for what follows from it: a stopped trial that goes on after
all, or another one in its place (`continuing`).
"""

from collections.abc import Iterable

from app.search.stopping import Course, Effort, Point, Rule
from app.services.continuing import replace, revive
from app.services.moves import point_of
from app.services.rules import rule_of
from app.storage.domain import definition_from
from app.storage.json_text import from_text, to_text
from app.storage.rows import LevelRow, MeasurementRow, StudyRow, TrialRow
from app.storage.transaction import Transaction
from studyhall.study import StudyDefinition


def judge(
    tx: Transaction, study: StudyRow, trial: TrialRow, rows: Iterable[MeasurementRow], *, is_over: bool = False
) -> None:
    """Compares a trial with those that came as far, at each level it has newly reached; asks it to stop if it loses.

    Args:
        is_over: it ends just now, with its last measurements: others shall be compared with it, but nobody stops it.
    """
    stopping = rule_of(study.definition)
    if stopping is None or trial.stop_requested is not None:
        return
    definition = definition_from(study.definition)
    for row in sorted(rows, key=lambda row: row.step):
        level = stopping.level(row.step, trial.number)
        if level is None or (trial.level is not None and level <= trial.level):
            continue
        reason = _reach(tx, study, stopping, definition, trial, level, row, is_over)
        if reason is not None:
            tx.recall(trial, reason[:200])
            tx.record(study, "trial.stop_requested", trial, reason=reason, step=row.step)
            return


def _reach(
    tx: Transaction,
    study: StudyRow,
    stopping: Rule,
    definition: StudyDefinition,
    trial: TrialRow,
    level: int,
    row: MeasurementRow,
    is_over: bool,
) -> str | None:
    metrics = from_text(row.metrics)
    if any(objective.metric not in metrics for objective in definition.objectives):
        return None
    own = point_of(definition.objectives, metrics)
    others = [tuple(from_text(text)) for text in tx.points_at(trial.study_id, level, but=trial.id)]
    tx.change(trial, level=level)
    tx.reach(LevelRow(trial.study_id, level, trial.id, to_text(own)))
    courses, effort = _told(tx, study, definition, level) if stopping.foretells else ([], None)
    reason = None if is_over else stopping.verdict(own, others, courses, effort)
    points = [*others, own]
    if stopping.exploit is None:
        revive(tx, study, level, points, lambda p: stopping.verdict(p, _without(p, points), courses, effort) is None)
    elif reason is not None and not replace(tx, study, trial, level, points, stopping.exploit):
        return None  # a population that could not replace its worst would only shrink
    return reason


def _told(
    tx: Transaction, study: StudyRow, definition: StudyDefinition, level: int
) -> tuple[list[Course], Effort | None]:
    """What trials that ran to their end tell of a level, and how long they were."""
    rows = tx.courses_from(study.id, level)
    courses = [
        (tuple(from_text(point)), point_of(definition.objectives, from_text(metrics))) for point, metrics, _ in rows
    ]
    full = max((step for _, _, step in rows), default=None)
    return courses, None if full is None else Effort(level, full, study.steps)


def _without(point: Point, points: list[Point]) -> list[Point]:
    at = points.index(point)
    return points[:at] + points[at + 1 :]
