"""Who plays: our engines, and peers where they are installed. All are driven by ask and tell, one process a game."""

import json
import warnings
from collections.abc import Callable
from typing import Any, Protocol

from app.search.engine import History, Observation
from app.search.registry import ENTRIES, engine
from benchmarks.search.problem import Problem, Values
from studyhall.parameters import FloatParameter, IntParameter, OrdinalParameter
from studyhall.space import Space
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


class Ours:
    """One of our engines, called as the engine process calls it."""

    def __init__(self, name: str, problem: Problem, seed: int, budget: int) -> None:
        self._engine = engine(Algorithm(name=name))
        self._space, self._seed, self._budget = problem.space, seed, budget
        self._objectives = tuple(Objective(metric=f"m{i}") for i in range(problem.objectives))
        self._trials: list[Observation] = []

    def ask(self, count: int) -> list[Parameters]:
        history = History(self._objectives, tuple(self._trials), max_trials=self._budget)
        found = self._engine(self._space, history, count, seed=self._seed, number=len(self._trials))
        for suggestion in found:
            self._trials.append(Observation(len(self._trials), TrialState.RUNNING, suggestion.parameters))
        return [dict(suggestion.parameters) for suggestion in found]

    def tell(self, parameters: Parameters, values: Values | None) -> None:
        state = TrialState.INFEASIBLE if values is None else TrialState.COMPLETED
        number = next(o.number for o in self._trials if o.is_pending and o.parameters == parameters)
        self._trials[number] = Observation(number, state, parameters, values)


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


class Optuna:
    """Optuna, its spaces declared while running, as its users do."""

    def __init__(self, sampler: str, problem: Problem, seed: int) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        warnings.simplefilter("ignore")
        kinds: dict[str, Callable[[], Any]] = {
            "tpe": lambda: optuna.samplers.TPESampler(seed=seed, multivariate=True, group=True, constant_liar=True),
            "gp": lambda: optuna.samplers.GPSampler(seed=seed),
            "nsga2": lambda: optuna.samplers.NSGAIISampler(seed=seed),
        }
        self._study = optuna.create_study(directions=["minimize"] * problem.objectives, sampler=kinds[sampler]())
        self._space = problem.space
        self._asked: dict[str, Any] = {}

    def ask(self, count: int) -> list[Parameters]:
        return [self._ask() for _ in range(count)]

    def tell(self, parameters: Parameters, values: Values | None) -> None:
        import optuna

        trial = self._asked.pop(json.dumps(parameters))
        if values is None:
            self._study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            self._study.tell(trial, list(values))

    def _ask(self) -> Parameters:
        trial = self._study.ask()
        found: Parameters = {}
        for parameter in self._space.order:
            if self._space.is_active(parameter.name, found):
                found[parameter.name] = _declare(trial, parameter)
        self._asked[json.dumps(found)] = trial
        return found


class Skopt:
    """scikit-optimize as its documentation uses it: flat space, failures as the worst value."""

    def __init__(self, problem: Problem, seed: int) -> None:
        from skopt import Optimizer
        from skopt.space import Categorical, Integer, Real

        warnings.simplefilter("ignore")
        self._space = problem.space
        dimensions: list[Any] = []
        for p in problem.space.parameters:
            if isinstance(p, (FloatParameter, IntParameter)):
                kind = Real if isinstance(p, FloatParameter) else Integer
                dimensions.append(kind(p.low, p.high, prior="log-uniform" if p.scale == "log" else "uniform"))
            else:
                dimensions.append(Categorical([str(i) for i in range(p.cardinality or 1)]))
        self._optimizer = Optimizer(dimensions, "GP", n_initial_points=10, random_state=seed)
        self._asked: dict[str, list[Any]] = {}
        self._worst = 1.0

    def ask(self, count: int) -> list[Parameters]:
        points = self._optimizer.ask(n_points=count) if count > 1 else [self._optimizer.ask()]
        return [self._read(point) for point in points]

    def tell(self, parameters: Parameters, values: Values | None) -> None:
        if values is not None:
            self._worst = max(self._worst, values[0])
        self._optimizer.tell(self._asked.pop(json.dumps(parameters)), values[0] if values else self._worst)

    def _read(self, point: list[Any]) -> Parameters:
        values = {}
        for p, value in zip(self._space.parameters, point, strict=True):
            if isinstance(p, (FloatParameter, IntParameter)):
                values[p.name] = p.from_unit(p.to_unit(value.item() if hasattr(value, "item") else value))
            else:
                values[p.name] = p.from_unit((int(value) + 0.5) / (p.cardinality or 1))
        found = dict(self._space.resolve(values))
        self._asked[json.dumps(found)] = point
        return found


def player(name: str, problem: Problem, seed: int, budget: int) -> Player:
    """The player of a name: an engine of ours (also `ENGINE+ahead`), `optuna-KIND` or `scikit-optimize`."""
    if name in ENTRIES:
        return Ours(name, problem, seed, budget)
    if name.removesuffix("+ahead") in ENTRIES:
        return Ahead(name.removesuffix("+ahead"), problem, seed, budget)
    if name.startswith("optuna-"):
        return Optuna(name.removeprefix("optuna-"), problem, seed)
    if name == "scikit-optimize":
        return Skopt(problem, seed)
    raise SystemExit(
        f"unknown player {name!r}; known: {', '.join([*ENTRIES, 'optuna-tpe', 'optuna-gp', 'scikit-optimize'])}"
    )


def plays(name: str, problem: Problem) -> bool:
    """Whether a player can take part: peers know no space constraints, scikit-optimize one objective only."""
    if name.removesuffix("+ahead") in ENTRIES:
        return True
    return not problem.space.constraints and (name != "scikit-optimize" or problem.objectives == 1)


def _declare(trial: Any, p: Any) -> Any:
    if isinstance(p, FloatParameter):
        return trial.suggest_float(p.name, p.low, p.high, log=p.scale == "log", step=p.step)
    if isinstance(p, IntParameter):
        return trial.suggest_int(p.name, p.low, p.high, log=p.scale == "log", step=p.step)
    if isinstance(p, OrdinalParameter):
        return p.choices[trial.suggest_int(p.name, 0, len(p.choices) - 1)]
    return trial.suggest_categorical(p.name, getattr(p, "choices", (False, True)))


__all__ = ["Ours", "Player", "Space", "player", "plays"]
