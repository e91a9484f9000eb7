"""Who plays: our engines, called as the engine process calls them, and peers in environments of their own."""

import time
from typing import Any, Protocol

from app.search.engine import History, Observation
from app.search.registry import ENTRIES, engine
from benchmarks.search.away import LIBRARIES, Library, worker_of
from benchmarks.search.problem import Problem, Values
from studyhall.study import Algorithm, Objective
from studyhall.trial import TrialState

Parameters = dict[str, Any]


class Player(Protocol):
    """Someone who searches a problem."""

    def ask(self, count: int) -> list[Parameters]:
        """Points to try; what was asked and not told is pending."""
        ...

    def tell(self, parameters: Parameters, values: Values | None) -> None:
        """The result of a point; None: it failed."""
        ...

    def cpu_s(self) -> float:
        """CPU seconds that this player has used, problems not counted."""
        ...


class Ours:
    """One of our engines, called as the engine process calls it."""

    def __init__(self, name: str, problem: Problem, seed: int, budget: int) -> None:
        self._engine = engine(Algorithm(name=name))
        self._problem, self._space, self._seed, self._budget = problem, problem.space, seed, budget
        self._objectives = tuple(Objective(metric=f"m{i}") for i in range(problem.objectives))
        self._trials: list[Observation] = []
        self._cpu_s = 0.0

    def ask(self, count: int) -> list[Parameters]:
        history = History(self._objectives, tuple(self._trials), max_trials=self._budget)
        started = time.process_time()
        found = self._engine(self._space, history, count, seed=self._seed, number=len(self._trials))
        self._cpu_s += time.process_time() - started
        for suggestion in found:
            self._trials.append(Observation(len(self._trials), TrialState.RUNNING, suggestion.parameters))
        return [dict(suggestion.parameters) for suggestion in found]

    def tell(self, parameters: Parameters, values: Values | None) -> None:
        state = TrialState.INFEASIBLE if values is None else TrialState.COMPLETED
        number = next(o.number for o in self._trials if o.is_pending and o.parameters == parameters)
        self._trials[number] = Observation(number, state, parameters, values)

    def know(self, points: list[Parameters]) -> None:
        """Takes points for trials that have ended."""
        for parameters in points:
            found = Observation(len(self._trials), TrialState.COMPLETED, parameters, self._problem.truth(parameters))
            self._trials.append(found)

    def cpu_s(self) -> float:
        return self._cpu_s


class Ahead(Ours):
    """The same as the service does it while many workers are busy: some suggestions are kept ready.

    They are made anew after each result, so that the one a worker gets does not know what it has just brought itself.
    """

    def __init__(self, name: str, problem: Problem, seed: int, budget: int, *, ahead: int = 2) -> None:
        super().__init__(name, problem, seed, budget)
        self._ahead, self._ready = ahead, 0

    def ask(self, count: int) -> list[Parameters]:
        if self._ready < count:
            super().ask(count - self._ready)
            self._ready = count
        number = len(self._trials) - self._ready
        found = [dict(trial.parameters) for trial in self._trials[number : number + count]]
        del self._trials[number + count :]  # those not taken are made anew
        super().ask(self._ahead)
        self._ready = self._ahead
        return found


class Away:
    """A peer in an environment of its own, asked over pipes; one process plays all its games."""

    def __init__(self, library: Library, problem: Problem, seed: int, budget: int) -> None:
        self._worker = worker_of(library)
        self._from_s = self._worker.cpu_s
        space = problem.space.model_dump(mode="json", exclude_none=True)
        game = {"space": space, "objectives": problem.objectives, "seed": seed, "budget": budget}
        self._worker.request({"new": game})

    def ask(self, count: int) -> list[Parameters]:
        found: list[Parameters] = self._worker.request({"ask": count})["parameters"]
        return found

    def tell(self, parameters: Parameters, values: Values | None) -> None:
        self._worker.request({"tell": {"parameters": parameters, "values": values}})

    def cpu_s(self) -> float:
        return self._worker.cpu_s - self._from_s


def player(name: str, problem: Problem, seed: int, budget: int) -> Player:
    """The player of a name: an engine of ours (also `ENGINE+ahead`), or a peer."""
    if name in ENTRIES:
        return Ours(name, problem, seed, budget)
    if name.removesuffix("+ahead") in ENTRIES:
        return Ahead(name.removesuffix("+ahead"), problem, seed, budget)
    return Away(_library(name), problem, seed, budget)


def plays(name: str, problem: Problem) -> bool:
    """Whether a player can take part: peers know no space constraints, some one objective only."""
    if name.removesuffix("+ahead") in ENTRIES:
        return True
    return not problem.space.constraints and (_library(name).several_objectives or problem.objectives == 1)


def _library(name: str) -> Library:
    if name not in LIBRARIES:
        raise SystemExit(f"unknown player {name!r}; known: {', '.join([*ENTRIES, *LIBRARIES])}")
    return LIBRARIES[name]
