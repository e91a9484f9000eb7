"""A peer as the benchmark drives it: asked for points, told what came of each, in any order."""

import json
from typing import Any, TypeAlias

from studyhall.parameters import FloatParameter, IntParameter, Parameter
from studyhall.space import Space

Values: TypeAlias = tuple[float, ...]
Assignment: TypeAlias = dict[str, Any]
FIRST_FAILURE = 1e3
"""What libraries that know no failures are told of one before there is any result."""


class Peer:
    """Keeps what a library calls its trials; a subclass talks to the library."""

    knows_conditions = False
    knows_failures = False
    knows_several_objectives = False

    def __init__(self, space: Space, objectives: int, seed: int, budget: int) -> None:
        self.space, self.objectives, self.seed, self.budget = space, objectives, seed, budget
        self._trials: dict[str, list[Any]] = {}
        self._worst: Values = ()
        self.setup()

    def setup(self) -> None:
        """Declares the space."""
        raise NotImplementedError

    def propose(self, count: int) -> list[tuple[Assignment, Any]]:
        """Values of (at least) the active parameters, each with the library's own trial."""
        raise NotImplementedError

    def learn(self, trial: Any, values: Values | None) -> None:
        """The result of a trial; None only for libraries that know failures."""
        raise NotImplementedError

    def ask(self, count: int) -> list[Assignment]:
        """Points to try, inactive parameters dropped."""
        found = []
        for values, trial in self.propose(count):
            found.append(dict(self.space.resolve(values)))
            self._trials.setdefault(json.dumps(found[-1]), []).append(trial)
        return found

    def tell(self, parameters: Assignment, values: Values | None) -> None:
        """The result of a point that was asked; a failure is the worst value so far where the library knows none."""
        trial = self._trials[json.dumps(parameters)].pop(0)
        if values is None and not self.knows_failures:
            values = self._worst or (FIRST_FAILURE,) * self.objectives
        elif values is not None:
            self._worst = tuple(map(max, self._worst or values, values))
        self.learn(trial, values)

    def pending(self) -> list[Any]:
        """The library's trials whose results are still to come."""
        return [trial for trials in self._trials.values() for trial in trials]


def choices_of(parameter: Parameter) -> tuple[Any, ...] | None:
    """The values of a parameter that has choices, which libraries are told by their positions; None: a number."""
    if isinstance(parameter, (FloatParameter, IntParameter)):
        return None
    return tuple(getattr(parameter, "choices", (False, True)))


def value_of(parameter: Parameter, told: Any) -> Any:
    """The value of what a library said: a number, or the position of a choice."""
    choices = choices_of(parameter)
    if choices is not None:
        return choices[int(told)]
    low, high = parameter.low, parameter.high
    number = min(max(float(told), low), high)
    return round(number) if isinstance(parameter, IntParameter) else number


def is_log(parameter: Parameter) -> bool:
    """Whether a number is searched on a log scale."""
    return getattr(parameter, "scale", "linear") == "log"


def is_ordered(parameter: Parameter) -> bool:
    """Whether the order of a parameter's values means something."""
    return parameter.type in ("float", "int", "ordinal")


def parent_of(space: Space, parameter: Parameter) -> tuple[Parameter, list[int]] | None:
    """The one parameter with choices that decides whether another is active, and the positions that wake it."""
    condition = space.conditions.get(parameter.name)
    if condition is None or len(condition.names) != 1:
        return None
    (name,) = condition.names
    parent = space.by_name[name]
    choices = choices_of(parent)
    if choices is None:
        return None
    return parent, [i for i, choice in enumerate(choices) if condition.truth({name: choice}) is True]
