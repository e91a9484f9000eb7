"""What an engine may see of a study: its trials as observations, in the space as it is now."""

from app.search.engine import Observation
from app.services.engine_pool import HistoryChanges
from app.services.transferring import lessons_of
from app.storage import reader
from app.storage.json_text import from_text
from studyhall.study import StudyDefinition
from studyhall.trial import TrialState

LINES_A_READ = 20_000
CURVES_A_READ = 500
MOST_POINTS = 64
"""Of one curve: an engine holds the curves of all trials."""

Curve = tuple[tuple[int, float], ...]
"""(step, first objective), ascending by step."""


def changes_after(
    connection: reader.Connection, *, study_id: str, definition: StudyDefinition, after: int
) -> HistoryChanges:
    """What has changed in a study's history after a sequence number."""
    lines: list[reader.TrialLine] = []
    while True:
        page = reader.lines_after(connection, study_id, lines[-1].sequence if lines else after, LINES_A_READ)
        lines += page
        if len(page) < LINES_A_READ:
            break
    curves = _curves(connection, study_id, definition, lines)
    seen = [observation_of(line, definition, curves.get(line.number, ())) for line in lines]
    return HistoryChanges(
        observations=tuple(observation for observation in seen if observation is not None),
        removed=tuple(line.number for line, observation in zip(lines, seen, strict=True) if observation is None),
        sequence=max((line.sequence for line in lines), default=after),
        lessons=lessons_of(connection, study_id, definition) if after == 0 and definition.transfer.studies else (),
    )


def _curves(
    connection: reader.Connection, study_id: str, definition: StudyDefinition, lines: list[reader.TrialLine]
) -> dict[int, Curve]:
    """The course of the first objective in running and pruned trials, and in completed ones where it foretells ends."""
    metric = definition.objectives[0].metric
    telling = {TrialState.RUNNING, TrialState.PRUNED}
    if definition.stopping.rule != "none" and len(definition.objectives) == 1:
        telling.add(TrialState.COMPLETED)
    numbers = [line.number for line in lines if line.state in telling]
    found: dict[int, Curve] = {}
    for start in range(0, len(numbers), CURVES_A_READ):
        read = reader.curves_of(connection, study_id, numbers[start : start + CURVES_A_READ])
        for number, steps in read.items():
            reported = [(step, from_text(metrics)) for step, metrics in steps]
            found[number] = thinned([(step, metrics[metric]) for step, metrics in reported if metric in metrics])
    return found


def thinned(curve: list[tuple[int, float]]) -> Curve:
    """A curve of at most `MOST_POINTS`: the first ones, where curves bend, then fewer and fewer, and the last."""
    if len(curve) <= MOST_POINTS:
        return tuple(curve)
    ratio = (len(curve) - 1) ** (1.0 / (MOST_POINTS - 1))
    return tuple(curve[at] for at in sorted({round(ratio**n) - 1 for n in range(MOST_POINTS)} | {len(curve) - 1}))


def observation_of(line: reader.TrialLine, definition: StudyDefinition, curve: Curve = ()) -> Observation | None:
    """A stored trial as an engine may see it; None when it may not.

    Hidden are excluded trials, cancelled ones (they say nothing about their configuration), those that go on as another
    trial, and those outside of the space as it is now.
    """
    if line.excluded or line.continued_by is not None or line.state == TrialState.CANCELLED:
        return None
    parameters = definition.space.backfilled(from_text(line.parameters))
    if parameters is None:
        return None
    metrics: dict[str, float] = from_text(line.metrics) if line.metrics else {}
    values = tuple(metrics[o.metric] for o in definition.objectives if o.metric in metrics)
    seconds = None if line.finished_at is None or line.started_at is None else line.finished_at - line.started_at
    return Observation(
        number=line.number,
        state=TrialState(line.state),
        parameters=parameters,
        values=values if len(values) == len(definition.objectives) else None,
        metrics=metrics,
        curve=curve,
        seconds=seconds,
    )
