"""Cells that are alike though their edges differ."""

import numpy as np
import pytest

from app.search.encoding import encoding_of
from app.search.likeness import feature_columns, features
from tests.architecture.spaces import CELL, space

EDGES = ("01", "02", "12", "03", "13", "23")


def ways(spec=CELL, **edges):
    """What is seen of a cell beside its edges; edges that are not given carry nothing."""
    encoding = encoding_of(space(spec))
    values = {f"arch.cell.e{name}": edges.get(f"e{name}", "none") for name in EDGES}
    row = encoding.row(values)[None, :]
    return features(encoding, row)[0, feature_columns(encoding)[-1]]


def test_cells_whose_nodes_are_numbered_otherwise_are_the_same():
    one = ways(e01="conv3", e13="conv1")
    other = ways(e02="conv3", e23="conv1")

    assert np.array_equal(one, other)
    assert one.any()


def test_an_edge_that_is_skipped_says_nothing():
    assert np.array_equal(ways(e03="conv3"), ways(e01="conv3", e13="skip"))


def test_the_order_of_operators_on_a_way_counts():
    assert not np.array_equal(ways(e01="conv3", e13="conv1"), ways(e01="conv1", e13="conv3"))


def test_a_way_that_is_interrupted_is_none():
    assert not ways(e01="conv3", e12="conv1").any()


def test_cells_without_a_common_way_are_at_most_at_distance_1():
    first = ways(**dict.fromkeys((f"e{name}" for name in EDGES), "conv3"))
    second = ways(**dict.fromkeys((f"e{name}" for name in EDGES), "avgpool3"))

    assert ((first - second) ** 2).sum() == pytest.approx(1.0, abs=0.3)


def test_a_space_without_cells_is_seen_as_it_was():
    chain = {"input": [1, 8, 8], "output": 2, "body": [{"op": "conv", "out": {"choice": [4, 8]}}, {"op": "gap"}]}
    encoding = encoding_of(space(chain))

    assert len(feature_columns(encoding)) == len(encoding.blocks)
