"""What every engine promises: inherit `EngineContract`, name the algorithm, and the promises are tested.

class TestBayes(EngineContract):
algorithm = Algorithm(name="bayes")
"""

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from app.search.engine import Engine, History, Observation, Suggestion
from app.search.random import draw
from app.search.registry import engine
from studyhall.parameters import FloatParameter
from studyhall.space import Space
from studyhall.study import Algorithm, Objective
from studyhall.trial import TrialState
from studyhall.words import Parameters

MESSY = Space.model_validate_json("""{"parameters": [
    {"name": "lr", "type": "float", "low": 1e-5, "high": 0.1, "scale": "log", "default": 0.001},
    {"name": "optimizer", "type": "categorical", "choices": ["sgd", "adam", null, 1, true, "1"]},
    {"name": "momentum", "type": "float", "low": 0.0, "high": 0.99, "when": "optimizer == 'sgd'"},
    {"name": "nesterov", "type": "bool", "when": "optimizer == 'sgd' and momentum > 0.5"},
    {"name": "layers", "type": "int", "low": 1, "high": 4},
    {"name": "width", "type": "int", "low": 8, "high": 4096, "scale": "log"},
    {"name": "dropout", "type": "float", "low": 0.0, "high": 0.5, "step": 0.1},
    {"name": "keep", "type": "float", "low": 0.9, "high": 0.9999, "scale": "reverse_log"},
    {"name": "share", "type": "float", "low": 0.01, "high": 0.99, "scale": "logit"},
    {"name": "batch", "type": "ordinal", "choices": [16, 32, 64, 128]},
    {"name": "bias", "type": "bool"},
    {"name": "epochs", "type": "constant", "value": 3},
    {"name": "seed", "type": "int", "low": 7, "high": 7}],
 "constraints": ["layers * width <= 4096 or lr < 0.01", "not (bias and batch == 128)"]}""")
FLAT = Space.model_validate_json("""{"parameters": [
    {"name": "x", "type": "float", "low": -5, "high": 5},
    {"name": "y", "type": "float", "low": 1e-9, "high": 1e-5, "scale": "log"}]}""")
SMALL = Space.model_validate_json("""{"parameters": [
    {"name": "a", "type": "bool"}, {"name": "b", "type": "int", "low": 1, "high": 3, "when": "a"},
    {"name": "c", "type": "categorical", "choices": ["x", "y", "z"]}], "constraints": ["b < 3 or c != 'z'"]}""")
SMALL_SIZE = 3 + 8
LISTS = Space.model_validate_json("""{"parameters": [
    {"name": "order", "type": "permutation", "items": ["crop", "flip", "jitter", null, 1]},
    {"name": "features", "type": "subset", "items": ["a", "b", "c", "d", 5, true], "min_size": 1, "max_size": 4},
    {"name": "mix", "type": "simplex", "parts": ["web", "books", "code"], "when": "'a' in features"},
    {"name": "lr", "type": "float", "low": 1e-5, "high": 0.1, "scale": "log", "when": "order[0] == 'crop'"}],
 "constraints": ["len(features) < 4 or 5 in features", "mix[0] <= 0.9", "order[0] != null"]}""")
FEW_LISTS = Space.model_validate_json("""{"parameters": [
    {"name": "order", "type": "permutation", "items": ["x", "y", "z"]},
    {"name": "some", "type": "subset", "items": [1, 2], "min_size": 1, "when": "order[0] == 'x'"}]}""")
FEW_LISTS_SIZE = 2 * 3 + 4
POINT = Space.model_validate_json("""{"parameters": [
    {"name": "x", "type": "float", "low": 0.5, "high": 0.5}, {"name": "c", "type": "constant", "value": null}]}""")

WIDE = Space(parameters=tuple(FloatParameter(name=f"p{i}", low=-1, high=1) for i in range(200)))

LOSS = (Objective(metric="loss"),)
BOTH_DOWN = (Objective(metric="loss"), Objective(metric="latency"))
TWO = (Objective(metric="loss"), Objective(metric="accuracy", goal="maximize"))


def loss_of(parameters: Parameters) -> float:
    """A smooth loss over any assignment of any of the spaces above."""
    values = [one for value in parameters.values() for one in (value if isinstance(value, list) else [value])]
    numbers = [value for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)]
    return sum((math.log1p(abs(number)) - 0.5) ** 2 for number in numbers) + 0.3 * sum(
        v is True for v in parameters.values()
    )


def number_of(parameters: Parameters, name: str) -> float:
    """The value of a numeric parameter."""
    value = parameters[name]
    assert isinstance(value, (int, float))
    return float(value)


def observation(number: int, parameters: Parameters, values: Sequence[float] | None, state: TrialState) -> Observation:
    metrics = {} if values is None else {f"m{i}": value for i, value in enumerate(values)}
    return Observation(number, state, parameters, None if values is None else tuple(values), metrics)


def history_of(
    space: Space,
    size: int,
    *,
    objectives: tuple[Objective, ...] = LOSS,
    value: Callable[[Parameters, int], float] = lambda parameters, _: loss_of(parameters),
    state: Callable[[int], TrialState] = lambda _: TrialState.COMPLETED,
) -> History:
    """A history of random trials; those that are not completed or pruned have no values."""
    found = []
    for number in range(size):
        parameters, here = draw(space, 99, number), state(number)
        has_values = here in (TrialState.COMPLETED, TrialState.PRUNED)
        values = [value(parameters, number) * (1 - 1.5 * k) for k in range(len(objectives))] if has_values else None
        found.append(observation(number, parameters, values, here))
    return History(objectives, tuple(found))


class EngineContract:
    """Promises of every engine; `algorithm` is the one under test."""

    algorithm: Algorithm
    may_repeat = False
    """Only for engines whose trial n must depend on (seed, n) alone."""

    @pytest.fixture
    def suggest(self) -> Engine:
        return engine(self.algorithm)

    def check(self, found: list[Suggestion], space: Space, count: int) -> None:
        """What holds for every answer."""
        assert len(found) == count
        for suggestion in found:
            assert space.faults(suggestion.parameters) == []
            assert suggestion.source in ("model", "initial")
            assert suggestion.why
            assert "\n" not in suggestion.why
            assert json.loads(json.dumps(suggestion.parameters, allow_nan=False)) == suggestion.parameters
            assert all(type(v) in (bool, int, float, str, type(None), list) for v in suggestion.parameters.values())
            self.check_prediction(suggestion)
        if not self.may_repeat:
            assert len({json.dumps(s.parameters) for s in found}) == count

    def check_prediction(self, suggestion: Suggestion) -> None:
        if suggestion.predicted is None:
            return
        assert suggestion.predicted.mean.keys() == suggestion.predicted.deviation.keys()
        assert all(type(value) is float and math.isfinite(value) for value in suggestion.predicted.mean.values())
        assert all(type(value) is float and 0 <= value < math.inf for value in suggestion.predicted.deviation.values())

    @pytest.mark.parametrize("count", [1, 7])
    @pytest.mark.parametrize("space", [MESSY, FLAT, LISTS], ids=["messy", "flat", "lists"])
    def test_an_empty_history_gives_as_many_points_of_the_space_as_asked(self, suggest, space, count):
        found = suggest(space, History(LOSS), count, seed=1, number=0)

        self.check(found, space, count)

    @pytest.mark.parametrize("objectives", [LOSS, TWO], ids=["one objective", "two objectives"])
    @pytest.mark.parametrize("size", [1, 3, 30])
    def test_any_history_gives_points_of_the_space(self, suggest, size, objectives):
        history = history_of(MESSY, size, objectives=objectives)

        found = suggest(MESSY, history, 3, seed=1, number=size)

        self.check(found, MESSY, 3)

    @pytest.mark.parametrize("objectives", [LOSS, TWO], ids=["one objective", "two objectives"])
    def test_orders_subsets_and_shares_are_searched(self, suggest, objectives):
        states = list(TrialState)
        history = history_of(
            LISTS,
            30,
            objectives=objectives,
            state=lambda n: states[n % len(states)] if n % 3 == 0 else TrialState.COMPLETED,
        )

        self.check(suggest(LISTS, history, 3, seed=1, number=30), LISTS, 3)

    def test_no_list_is_suggested_twice_while_others_are_left(self, suggest):
        history = history_of(FEW_LISTS, 3)
        left = FEW_LISTS_SIZE - len({json.dumps(o.parameters) for o in history.observations})

        found = suggest(FEW_LISTS, history, 50, seed=1, number=3)

        self.check(found, FEW_LISTS, 50 if self.may_repeat else left)

    @pytest.mark.catalogue("ME-039")
    def test_the_same_history_and_seed_give_the_same_suggestions_in_any_order_of_observations(self, suggest):
        history = history_of(MESSY, 25)
        shuffled = replace(history, observations=history.observations[::-1])

        first = suggest(MESSY, history, 2, seed=5, number=25)
        suggest(FLAT, history_of(FLAT, 12), 1, seed=6, number=12)  # no state may be kept from one call to the next
        again = suggest(MESSY, shuffled, 2, seed=5, number=25)

        assert again == first

    def test_another_seed_gives_other_suggestions(self, suggest):
        starts = [suggest(MESSY, History(LOSS), 4, seed=seed, number=0) for seed in (1, 2)]

        assert starts[0] != starts[1]

    @pytest.mark.parametrize("space", [MESSY, FLAT], ids=["messy", "flat"])
    def test_every_state_of_a_trial_is_understood(self, suggest, space):
        states = list(TrialState)
        history = history_of(space, 40, state=lambda number: states[number % len(states)])

        self.check(suggest(space, history, 2, seed=1, number=40), space, 2)

    @pytest.mark.catalogue("ME-027", "ME-030")
    @pytest.mark.parametrize(
        "state", [TrialState.INFEASIBLE, TrialState.FAILED, TrialState.RUNNING, TrialState.CANCELLED]
    )
    def test_a_history_without_any_result_is_enough(self, suggest, state):
        history = history_of(MESSY, 20, state=lambda _: state)

        self.check(suggest(MESSY, history, 3, seed=1, number=20), MESSY, 3)

    @pytest.mark.catalogue("ME-028")
    def test_a_constant_objective_still_gives_distinct_points(self, suggest):
        history = history_of(FLAT, 60, value=lambda *_: 4.25)

        found = suggest(FLAT, history, 5, seed=1, number=60)

        self.check(found, FLAT, 5)  # which holds that no two are equal

    @pytest.mark.catalogue("ME-031")
    @pytest.mark.parametrize(
        "values",
        [
            [1e308, -1e308, 1.0],
            [1e-300, 2e-300, 3e-300],
            [1e308, 1e308, 1e308],
            [0.0, -0.0, 5e-324],
            [1e16, 1e16 + 2, 1.0],
        ],
        ids=["both ends", "tiny", "huge and equal", "zeros", "far apart"],
    )
    @pytest.mark.parametrize("objectives", [LOSS, BOTH_DOWN], ids=["one", "two"])
    def test_values_of_any_size_are_understood(self, suggest, values, objectives):
        history = History(
            objectives,
            tuple(
                observation(n, draw(FLAT, 3, n), [values[n % 3]] * len(objectives), TrialState.COMPLETED)
                for n in range(18)
            ),
        )

        self.check(suggest(FLAT, history, 2, seed=1, number=18), FLAT, 2)

    def test_a_space_of_one_point_gives_that_point(self, suggest):
        found = suggest(POINT, History(LOSS), 1, seed=1, number=0)

        assert [s.parameters for s in found] == [{"x": 0.5, "c": None}]

    def test_a_space_of_one_point_that_was_tried_is_exhausted(self, suggest):
        history = history_of(POINT, 5)

        found = suggest(POINT, history, 2, seed=1, number=5)

        assert len(found) == (2 if self.may_repeat else 0)

    def test_a_space_of_one_point_that_failed_once_is_exhausted(self, suggest):
        history = history_of(POINT, 8, state=lambda n: TrialState.FAILED if n == 2 else TrialState.COMPLETED)

        found = suggest(POINT, history, 1, seed=1, number=8)

        assert len(found) == (1 if self.may_repeat else 0)

    def test_no_point_is_suggested_twice_while_others_are_left(self, suggest):
        history = History(LOSS)
        for number in range(SMALL_SIZE):
            found = suggest(SMALL, history, 1, seed=1, number=number)
            self.check(found, SMALL, 1)
            tried = observation(number, found[0].parameters, [loss_of(found[0].parameters)], TrialState.COMPLETED)
            history = replace(history, observations=(*history.observations, tried))

        if not self.may_repeat:
            assert len({json.dumps(o.parameters) for o in history.observations}) == SMALL_SIZE
            assert suggest(SMALL, history, 1, seed=1, number=SMALL_SIZE) == []

    def test_a_batch_larger_than_what_is_left_gives_what_is_left(self, suggest):
        found = suggest(SMALL, history_of(SMALL, 4), 50, seed=1, number=4)

        left = SMALL_SIZE - len({json.dumps(draw(SMALL, 99, n)) for n in range(4)})
        self.check(found, SMALL, 50 if self.may_repeat else left)

    def test_points_that_are_running_are_not_suggested_again(self, suggest):
        history = history_of(SMALL, 6, state=lambda n: TrialState.RUNNING if n > 3 else TrialState.COMPLETED)

        found = suggest(SMALL, history, 2, seed=1, number=6)

        running = [o.parameters for o in history.observations if o.is_pending]
        assert self.may_repeat or all(s.parameters not in running for s in found)

    def test_trials_of_an_earlier_version_of_the_space_do_no_harm(self, suggest):
        old: list[Parameters] = [
            {"x": 99.0, "y": 1e-6},
            {"x": 1.0},
            {"x": 1.0, "y": 1e-7, "gone": "z"},
            {"x": "text", "y": None},
        ]
        history = History(LOSS, tuple(observation(n, old[n % 4], [float(n)], TrialState.COMPLETED) for n in range(16)))

        self.check(suggest(FLAT, history, 2, seed=1, number=16), FLAT, 2)

    def test_outcome_constraints_are_understood(self, suggest):
        history = replace(history_of(FLAT, 20), constraints=("m0 <= 2", "unknown > 3", "m0 != 7"))

        self.check(suggest(FLAT, history, 2, seed=1, number=20), FLAT, 2)

    def test_a_thousand_trials_are_answered_in_time(self, suggest):
        history = history_of(MESSY, 1000)
        started = time.process_time()

        found = suggest(MESSY, history, 1, seed=1, number=1000)

        self.check(found, MESSY, 1)
        assert time.process_time() - started < 5.0

    def test_a_space_of_two_hundred_parameters_is_searched_in_time(self, suggest):
        history = history_of(WIDE, 60)
        started = time.process_time()

        found = suggest(WIDE, history, 2, seed=1, number=60)

        self.check(found, WIDE, 2)
        assert time.process_time() - started < 5.0

    def test_a_large_batch_is_answered_in_time(self, suggest):
        history = history_of(MESSY, 500)
        started = time.process_time()

        found = suggest(MESSY, history, 100, seed=1, number=500)

        self.check(found, MESSY, 100)
        assert time.process_time() - started < 5.0

    def test_options_it_does_not_know_are_refused(self):
        from studyhall.errors import InvalidInput

        wrong: dict[str, Any] = {"no_such_option": 1}
        with pytest.raises(InvalidInput) as refused:
            engine(self.algorithm.model_copy(update={"options": wrong}))

        assert refused.value.errors[0].pointer == "/algorithm/options/no_such_option"
