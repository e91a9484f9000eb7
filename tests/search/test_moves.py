"""Steps in a mixed space."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.search.encoding import Encoding
from app.search.moves import MOST_CHANGED, neighbours
from tests.studyhall.any_space import spaces


@given(spaces(), st.integers(0, 2**32))
def test_a_neighbour_is_another_assignment_that_differs_in_a_few_places(space, seed):
    encoding, random = Encoding(space), np.random.default_rng(seed)
    if encoding.dimension == 0:
        return
    U = encoding.canonical(random.random((30, encoding.dimension)))

    V = neighbours(encoding, U, np.full((30, 1), 0.1), random)

    active = encoding.active(U)
    changed = (np.abs(V - U) > 1e-12) & active
    parameters = np.column_stack([changed[:, columns].any(axis=1) for columns in encoding.columns])
    assert (parameters.sum(axis=1) <= MOST_CHANGED).all()
    if active.any():
        assert changed[active.any(axis=1)].any(axis=1).mean() > 0.9  # a continuum may be only a few doubles wide
    assert ((V >= 0) & (V <= 1)).all()


def test_a_step_too_small_for_its_cell_goes_one_cell_on():
    from studyhall.space import Space

    space = Space.model_validate_json('{"parameters": [{"name": "n", "type": "int", "low": 0, "high": 3}]}')
    encoding = Encoding(space)
    U = encoding.rows([{"n": n} for n in range(4)] * 5)

    V = neighbours(encoding, U, np.full((20, 1), 1e-6), np.random.default_rng(1))

    before, after = (encoding.axes[0].index(rows[:, 0]) for rows in (U, V))
    assert (np.abs(after - before) == 1).all()
