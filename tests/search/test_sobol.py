"""The Sobol sequence."""

import numpy as np

from app.search.encoding import Encoding
from app.search.engine import History
from app.search.registry import engine
from app.search.sobol import points
from studyhall.study import Algorithm
from tests.search.engine_contract import FLAT, LOSS, MESSY, EngineContract, history_of


class TestSobol(EngineContract):
    algorithm = Algorithm(name="sobol")
    may_repeat = True


def test_trial_n_depends_on_the_seed_and_n_alone():
    suggest = engine(Algorithm(name="sobol"))

    batch = suggest(MESSY, History(LOSS), 6, seed=3, number=10)
    later = suggest(MESSY, history_of(MESSY, 30), 1, seed=3, number=14)

    assert later[0].parameters == batch[4].parameters


def test_the_points_cover_the_cube_more_evenly_than_chance():
    U = points(Encoding(FLAT), 1, 0, 64)

    counts, *_ = np.histogram2d(U[:, 0], U[:, 1], bins=8, range=[[0, 1], [0, 1]])
    assert (counts > 0).mean() > 0.9  # chance fills 63 %
