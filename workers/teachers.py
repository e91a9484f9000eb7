"""The teacher `best` of a task: the model of the study's best trial, as it is when another trial starts.

Settled here, before the trial's process is told its task, because only the worker may ask the server; so the settings
that a trial sees, and keeps in its model card, name one artifact.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from studyhall.errors import StudyhallError
from studyhall.study import Task
from studyhall.trial import Trial
from studyhall.wire.claims import ClaimedTrial, StudyBrief
from workers.keeping import Places
from workers.server import Server

logger = logging.getLogger(__name__)

BEST: Final = "best"
MODELS: Final = ("model", "train")
"""The artifacts that hold a trained network before anything was taken away from it, the likeliest first."""


async def with_teacher(task: Task, claimed: ClaimedTrial, *, server: Server, places: Places) -> Task:
    """The task with an artifact in the place of `best`; without a teacher while no trial has a result."""
    if task.settings.get("teacher") != BEST:
        return task
    settings = {name: value for name, value in task.settings.items() if name != "teacher"}
    try:
        best = _first(await server.best(claimed.study.id), claimed.study)
        key = None if best is None else await asyncio.to_thread(_model_of, best, claimed.study.id, places)
    except (StudyhallError, OSError) as error:
        logger.warning("trial %s learns from itself: the best trial cannot be had: %s", claimed.trial.id, error)
        key = None
    return task.model_copy(update={"settings": settings if key is None else settings | {"teacher": key}})


def _first(trials: Sequence[Trial], study: StudyBrief) -> Trial | None:
    """Of a Pareto front, the best in the first objective."""
    objective = study.objectives[0]
    sign = -1 if objective.goal == "maximize" else 1
    return min(trials, key=lambda trial: sign * trial.metrics[objective.metric], default=None)


def _model_of(trial: Trial, study: str, places: Places) -> str | None:
    home = places.last_attempt(study, trial.number)
    kept = places.store.names(home) if home else []
    return next((f"{home}/{name}" for name in MODELS if name in kept), None)
