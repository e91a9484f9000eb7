"""Fronts and their volumes, against fronts that can be counted by hand."""

import numpy as np
import pytest

from app.analysis.fronts import dominated_volume, hypervolume, non_dominated, pareto
from studyhall.space import Space
from studyhall.study import Objective
from tests.analysis.studies import question, trials

SPACE = Space.model_validate({"parameters": ({"name": "x", "type": "float", "low": 0.0, "high": 1.0},)})
BOTH = (Objective(metric="loss"), Objective(metric="gain", goal="maximize"))


def told(*points: tuple[float, float]):
    places = iter(points)

    def next_point(parameters):
        loss, gain = next(places)
        return {"loss": loss, "gain": gain}

    return trials(SPACE, next_point, len(points))


def test_the_front_holds_whom_nobody_beats_in_every_objective() -> None:
    found = pareto(question(SPACE, told((1, 1), (2, 3), (3, 2), (1, 1)), objectives=BOTH))

    assert found.columns["on_front"] == [True, True, False, True]


def test_a_broken_constraint_keeps_a_trial_off_the_front() -> None:
    found = pareto(question(SPACE, told((1, 1), (2, 3)), objectives=BOTH, constraints=("loss >= 1.5",)))

    assert found.columns["on_front"] == [False, True]
    assert found.facts["broken"] == 1


def test_the_front_is_the_same_as_by_comparing_all_with_all() -> None:
    losses = np.random.default_rng(3).random((120, 3))

    by_hand = [not ((losses <= row).all(1) & (losses < row).any(1)).any() for row in losses]

    assert non_dominated(losses).tolist() == by_hand


@pytest.mark.parametrize(
    ("losses", "volume"),
    [
        ([[1.0, 1.0]], 1.0),
        ([[0.0, 1.0], [1.0, 0.0]], 3.0),
        ([[3.0, 3.0]], 0.0),
        ([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]], 8.0),
        ([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0]], 4.0),
    ],
)
def test_a_volume_is_what_boxes_add_up_to(losses: list[list[float]], volume: float) -> None:
    assert dominated_volume(np.array(losses), np.full(len(losses[0]), 2.0)) == pytest.approx(volume)


def test_four_objectives_are_estimated_within_a_percent() -> None:
    found = dominated_volume(np.array([[0.0, 0.0, 0.0, 1.0], [1.0, 1.0, 1.0, 0.0]]), np.full(4, 2.0))

    assert found == pytest.approx(9.0, rel=0.03)


def test_a_large_front_of_three_objectives_is_estimated_within_a_percent_of_its_box() -> None:
    corner = np.abs(np.random.default_rng(4).normal(size=(400, 3)))
    losses = 1 - corner / np.linalg.norm(corner, axis=1, keepdims=True)
    rows = iter([dict(zip("abc", map(float, row), strict=True)) for row in losses])
    made = trials(SPACE, lambda _: next(rows), 400)
    three = [Objective(metric=name) for name in "abc"]

    found = hypervolume(question(SPACE, made, objectives=three))

    exact = dominated_volume(losses, np.array(found.facts["reference"]))
    assert not found.facts["is_exact"]
    assert found.columns["hypervolume"][-1] == pytest.approx(exact, abs=0.01 * found.facts["box"])


def test_a_front_larger_than_the_chart_is_thinned_out_and_says_so() -> None:
    found = pareto(question(SPACE, told(*((n, n) for n in range(50))), objectives=BOTH, max_points=20))

    assert len(found.columns["number"]) == 20
    assert found.facts["front"] == 50
    assert found.note == "20 of the 50 trials on the front."


def test_the_volume_grows_with_each_trial_that_enlarges_the_front() -> None:
    found = hypervolume(question(SPACE, told((1, 1), (3, 0), (2, 3), (2, 2)), objectives=BOTH))

    assert found.columns["number"] == [0, 2]
    assert found.columns["hypervolume"][0] < found.columns["hypervolume"][1]
    assert found.facts["is_exact"]
