"""Short searches for tests: an engine, a space, a function, and the trials that came of it."""

from collections.abc import Callable

from app.search.engine import History, Lesson, Observation
from app.search.registry import engine
from studyhall.space import Space
from studyhall.study import Algorithm, Objective
from studyhall.trial import TrialState
from studyhall.words import Parameters

Values = float | tuple[float, ...] | None


def search(
    name: str,
    space: Space,
    function: Callable[[Parameters], Values],
    trials: int,
    *,
    batch: int = 1,
    seed: int = 0,
    objectives: int = 1,
    lessons: tuple[Lesson, ...] = (),
) -> tuple[Observation, ...]:
    """Runs an engine; a function that gives None has made its trial infeasible."""
    suggest = engine(Algorithm(name=name))
    goals = tuple(Objective(metric=f"m{i}") for i in range(objectives))
    found: list[Observation] = []
    while len(found) < trials:
        for suggestion in suggest(
            space, History(goals, tuple(found), lessons=lessons), batch, seed=seed, number=len(found)
        ):
            found.append(_ended(len(found), suggestion.parameters, function(suggestion.parameters)))
    return tuple(found)


def best(trials: tuple[Observation, ...]) -> float:
    """The lowest first value."""
    return min(trial.values[0] for trial in trials if trial.values)


def failures(trials: tuple[Observation, ...]) -> int:
    """How many trials were infeasible."""
    return sum(trial.state is TrialState.INFEASIBLE for trial in trials)


def _ended(number: int, parameters: Parameters, value: Values) -> Observation:
    if value is None:
        return Observation(number, TrialState.INFEASIBLE, parameters)
    values = value if isinstance(value, tuple) else (value,)
    return Observation(number, TrialState.COMPLETED, parameters, values, {f"m{i}": v for i, v in enumerate(values)})
