"""The reinforce engine: its promises beyond the contract."""

import numpy as np
import pytest

from app.search.controller import Controller
from studyhall.study import Algorithm
from tests.search.engine_contract import EngineContract


class TestReinforce(EngineContract):
    algorithm = Algorithm(name="reinforce")


def test_the_policy_gradient_is_that_of_the_loss() -> None:
    random = np.random.default_rng(1)
    cells = (3, 2, 4)
    controller = Controller.new(cells, random)
    controller.weights = {
        name: value + 0.3 * random.standard_normal(value.shape) for name, value in controller.weights.items()
    }
    k = np.column_stack([random.integers(0, n, 6) for n in cells])
    a = random.random((6, 3)) < 0.7
    advantage = random.standard_normal(6)

    gradient = controller.gradient(k, a, advantage)

    for name, value in controller.weights.items():
        at = tuple(random.integers(0, n) for n in value.shape)
        losses = []
        for step in (1e-5, -1e-5):
            value[at] += step
            losses.append(controller.loss(k, a, advantage))
            value[at] -= step
        assert gradient[name][at] == pytest.approx((losses[0] - losses[1]) / 2e-5, rel=1e-4, abs=1e-8), name


def test_the_controller_learns_what_is_rewarded() -> None:
    random = np.random.default_rng(2)
    controller = Controller.new((3, 3), random)
    for _ in range(60):
        k = random.integers(0, 3, (20, 2))
        reward = np.where((k[:, 0] == 2) & (k[:, 1] == k[:, 0]), 1.0, -0.2)
        controller.learn(k, np.ones_like(k, dtype=bool), reward)

    first = controller.step(0, *controller.begin(1))
    token, h, c = controller.after(0, first, np.array([2]), np.array([True]))

    assert first.p[0, 2] > 0.8
    assert controller.step(1, token, h, c).p[0, 2] > 0.8
