"""Trials that go on from a checkpoint: their own, when the rule would not stop them any more, or a better one's.

Who goes on is a new trial that `continues` another; it costs no budget, because the other one has paid. Why not the
stopped trial itself: what has ended stays as it ended, for whoever was told so. Only trials whose worker keeps a
checkpoint can go on: without one the steps that they have behind them would be paid for again.
"""

import math
from collections.abc import Callable, Sequence

from app.search.perturbing import perturbable, perturbed
from app.search.random import generator
from app.search.stopping import Exploit, Point, dominates
from app.services.claiming import new_trial
from app.storage.domain import definition_from
from app.storage.json_text import from_text, to_text
from app.storage.rows import StudyRow, TrialRow
from app.storage.transaction import Transaction
from studyhall.trial import TrialState


def revive(
    tx: Transaction, study: StudyRow, level: int, points: Sequence[Point], goes_on: Callable[[Point], bool]
) -> None:
    """Lets the best of the trials that were stopped at a level go on, when the rule would let it now.

    Args:
        points: of all trials that have reached the level.
        goes_on: whether the rule lets somebody who is at a point of the level go on.
    """
    if study.pruned == 0 or study.state not in ("active", "paused"):
        return
    stopped = [(tuple(from_text(point)), id) for point, id in tx.stopped_at(study.id, level)]
    if not stopped:
        return
    point, id = min(stopped, key=lambda candidate: _rank(candidate[0], points))
    parent = tx.trial(id)
    if parent is None or not goes_on(point) or not _has_a_place(study, parent):
        return
    child = _continue(tx, study, parent, parent.parameters, source="revived")
    child.level, child.why = parent.level, f"trial {parent.number} would not be stopped any more: it goes on"
    tx.change(parent, continued_by=child.id)
    tx.touch(study, parent)
    _queue(tx, study, child, parent)
    tx.pass_levels(study.id, parent.id, child.id)


def replace(
    tx: Transaction, study: StudyRow, loser: TrialRow, level: int, points: Sequence[Point], exploit: Exploit
) -> bool:
    """Puts a trial in the place of one of the worst: from the checkpoint of one of the best, changed a little.

    Returns: False, and nothing happens, when none of the best still runs and has a checkpoint from the level before, or
        later: to train on from an older one, or from an end, is no gain.
    """
    if study.state not in ("active", "paused"):
        return False
    kept = max(1, math.floor(len(points) * exploit.share))
    since = max(1, level - exploit.interval)
    able = [(tuple(from_text(point)), id) for point, id in tx.saved_at(study.id, level, since) if id != loser.id]
    best = [id for point, id in able if _rank(point, points) < kept]
    source = generator(study.seed, study.next_number)
    parent = tx.trial(source.choice(best)) if best else None
    if parent is None or not _has_a_place(study, parent):
        return False
    space, parameters = definition_from(study.definition).space, from_text(parent.parameters)
    names = perturbable(space, exploit.parameters)
    changed = perturbed(space, parameters, names, factor=exploit.factor, source=source)
    child = _continue(tx, study, parent, to_text(changed), source="exploit")
    child.level = level
    child.why = f"in the place of trial {loser.number}, from trial {parent.number} at step {parent.checkpoint}"
    _queue(tx, study, child, parent)
    return True


def _has_a_place(study: StudyRow, trial: TrialRow) -> bool:
    """Whether a trial fits the space as it is now."""
    return definition_from(study.definition).space.contains(from_text(trial.parameters))


def _rank(point: Point, points: Sequence[Point]) -> int:
    return sum(dominates(other, point) for other in points)


def _continue(tx: Transaction, study: StudyRow, parent: TrialRow, parameters: str, *, source: str) -> TrialRow:
    child = new_trial(tx, study, parameters, TrialState.WAITING, source=source, counted=False)
    child.continues, child.checkpoint = parent.id, parent.checkpoint
    return child


def _queue(tx: Transaction, study: StudyRow, child: TrialRow, parent: TrialRow) -> None:
    tx.add_trial(child)
    tx.change(study, next_number=study.next_number + 1, waiting=study.waiting + 1)
    tx.record(study, "trial.queued", child, continues=parent.id)
    tx.touch(study, parent)
    tx.openings.add(study.id)
