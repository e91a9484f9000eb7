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


def test_the_volume_grows_with_each_trial_that_enlarges_the_front() -> None:
    found = hypervolume(question(SPACE, told((1, 1), (3, 0), (2, 3), (2, 2)), objectives=BOTH))

    assert found.columns["number"] == [0, 2]
    assert found.columns["hypervolume"][0] < found.columns["hypervolume"][1]
    assert found.facts["is_exact"]
