"""What a point is worth, held against sampling and against high precision."""

import math

import numpy as np
import pytest
from scipy.stats import norm

from app.search.bayes.acquisition import (
    log_expected_improvement,
    log_h,
    log_hypervolume_improvement,
    reference_point,
)
from app.search.pareto import dominated_area


def test_expected_improvement_is_the_mean_of_sampled_improvements():
    mean, deviation, best = np.array([0.5, -0.2]), np.array([0.8, 0.1]), 0.1
    samples = mean + deviation * np.random.default_rng(1).normal(size=(400_000, 2))

    expected = np.maximum(best - samples, 0).mean(axis=0)

    assert np.exp(log_expected_improvement(mean, deviation, best)) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize(
    ("z", "exact"),
    [
        (0.0, math.log(1 / math.sqrt(2 * math.pi))),
        (-1.0, -2.48512102571264),
        (-5.0, -16.744301162661),
        (-20.0, -206.917838509425),
        (-1000.0, -500014.734452091),
        (-1e6, -500000000028.55),
    ],
)
def test_the_logarithm_keeps_its_digits_far_from_the_best(z, exact):
    # The digits are mpmath's, with 60 decimal places.
    assert log_h(np.array([z]))[0] == pytest.approx(exact, rel=1e-7)


def test_the_logarithm_is_smooth_where_its_forms_meet():
    for seam in (-1.0, -1e5):
        around = log_h(np.array([seam * (1 + 1e-9), seam * (1 - 1e-9)]))
        assert around[0] == pytest.approx(around[1], rel=1e-7)


def test_expected_hypervolume_gain_is_the_mean_of_sampled_gains():
    front = np.array([[0.1, 0.9], [0.4, 0.5], [0.8, 0.2]])
    reference = np.array([1.1, 1.2])
    mean, deviation = np.array([[0.35, 0.4], [0.9, 1.0], [0.0, 0.0]]), np.array([[0.2, 0.1], [0.3, 0.3], [0.05, 0.4]])
    random = np.random.default_rng(2)
    before = dominated_area(front, reference)

    gains = []
    for m, d in zip(mean, deviation, strict=True):
        sampled = m + d * random.normal(size=(20_000, 2))
        gains.append(np.mean([dominated_area(np.vstack([front, row]), reference) - before for row in sampled]))

    assert np.exp(log_hypervolume_improvement(mean, deviation, front, reference)) == pytest.approx(gains, rel=0.05)


def test_a_hopeless_point_still_has_a_finite_worth_that_tells_it_from_a_worse_one():
    front, reference = np.array([[0.0, 0.0]]), np.array([0.1, 0.1])

    worth = log_hypervolume_improvement(np.array([[50.0, 50.0], [60.0, 60.0]]), np.full((2, 2), 0.01), front, reference)

    assert np.isfinite(worth).all()
    assert worth[0] > worth[1]


def test_the_reference_lies_a_tenth_beyond_the_worst_of_the_front():
    front = np.array([[0.0, 1.0], [1.0, 0.0]])

    assert reference_point(front, front).tolist() == pytest.approx([1.1, 1.1])


def test_the_corner_takes_in_what_is_usual_and_no_penalties():
    front = np.array([[0.4, 0.6], [0.6, 0.4]])
    usual = np.array([[0.9, 0.9], [1.0, 0.8], [0.8, 1.0]])

    corner = reference_point(front, np.vstack([front, usual]))
    with_penalty = reference_point(front, np.vstack([front, usual, [[1e3, 1e3]]]))

    assert corner.tolist() == [1.0, 1.0]
    assert (with_penalty < 3.0).all()


def test_the_normal_density_is_where_it_is_expected():
    assert math.exp(log_h(np.array([0.0]))[0]) == pytest.approx(norm.pdf(0.0))
