"""Orders of merit with several objectives."""

import time

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.search.pareto import dominated_area, fronts, non_dominated, room

losses = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=25)


@given(losses)
def test_the_front_holds_exactly_what_nothing_beats_each_point_once(rows):
    L = np.array(rows, dtype=float)

    kept = non_dominated(L)

    for i, row in enumerate(L):
        beaten = any((other <= row).all() and (other < row).any() for other in L)
        repeated = any((other == row).all() for other in L[:i])
        assert kept[i] == (not beaten and not repeated)


@given(losses)
def test_every_front_is_dominated_by_the_one_before_it_only(rows):
    L = np.unique(np.array(rows, dtype=float), axis=0)

    level = fronts(L)

    for i, row in enumerate(L):
        above = {int(level[j]) for j, other in enumerate(L) if (other <= row).all() and (other < row).any()}
        assert level[i] == max(above, default=-1) + 1


def test_the_fronts_of_ten_thousand_results_are_told_in_time():
    losses = np.random.default_rng(0).normal(size=(10_000, 2))
    started = time.process_time()

    front = fronts(losses)

    assert front.max() > 100
    assert time.process_time() - started < 2.0


def test_the_ends_of_a_front_have_unlimited_room_and_crowds_have_little():
    L = np.array([[0.0, 1.0], [0.45, 0.5], [0.5, 0.45], [1.0, 0.0]])

    assert room(L, fronts(L)).tolist() == [np.inf, 1.05, 1.05, np.inf]


@given(losses)
def test_the_dominated_area_is_that_of_the_cells_counted(rows):
    L = np.array(rows, dtype=float)[:, :2]
    cells = np.arange(5) + 0.5  # each stands for one square of a grid whose corner is (5, 5)

    counted = sum(any((row <= [x, y]).all() for row in L) for x in cells for y in cells)

    assert dominated_area(L, np.array([5.0, 5.0])) == counted
