"""The unit cube of a space."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.search.axes import axis_of
from app.search.blocks import block_of
from app.search.encoding import CANONICAL, Encoding
from studyhall.parameters import BoolParameter, ListParameter, PermutationParameter
from studyhall.space import Space
from tests.studyhall.any_space import parameters, spaces

TREE = Space.model_validate_json("""{"parameters": [
    {"name": "optimizer", "type": "categorical", "choices": ["sgd", "adam", null]},
    {"name": "momentum", "type": "float", "low": 0, "high": 0.9, "when": "optimizer == 'sgd'"},
    {"name": "nesterov", "type": "bool", "when": "momentum > 0.5"},
    {"name": "layers", "type": "int", "low": 1, "high": 3}]}""")


@given(parameters(), st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_an_axis_agrees_with_its_parameter(parameter, places):
    if parameter.cardinality == 1 or isinstance(parameter, ListParameter):
        return
    axis, u = axis_of(parameter), np.array(places)

    snapped = axis.snap(u)

    for place, on_axis in zip(places, snapped, strict=True):
        value = parameter.from_unit(place)
        if axis.cells is None:
            assert on_axis == pytest.approx(place, abs=1e-12)
        else:
            assert parameter.from_unit(float(on_axis)) == value
            assert parameter.to_unit(value) == pytest.approx(on_axis, abs=1e-9)
    if axis.cells is not None and axis.cells < 2**31:
        assert np.array_equal(axis.snap(axis.at_index(axis.index(u))), snapped)


@given(parameters(), st.integers(0, 2**32))
def test_the_columns_of_a_list_agree_with_its_parameter(parameter, seed):
    if parameter.cardinality == 1 or not isinstance(parameter, ListParameter):
        return
    block, U = block_of(parameter), np.random.default_rng(seed).random((20, parameter.width))

    snapped = block.snap(U)

    for places, on_block in zip(U, snapped, strict=True):
        value = parameter.from_units(places.tolist())
        assert parameter.from_units(on_block.tolist()) == value
        assert parameter.to_units(value) == pytest.approx(on_block.tolist(), abs=1e-12)
    assert np.abs(block.snap(snapped) - snapped).max() < 1e-12


@given(parameters())
def test_every_value_of_a_finite_list_has_one_number(parameter):
    if parameter.cardinality in (1, None) or not isinstance(parameter, ListParameter):
        return

    places = block_of(parameter).at_index(np.arange(parameter.cardinality))

    assert len({str(parameter.from_units(row.tolist())) for row in places}) == parameter.cardinality


def test_orders_are_as_far_apart_as_pairs_have_changed_places():
    encoding = Encoding(Space(parameters=(PermutationParameter(name="x", items=tuple("abcd")),)))
    U = encoding.rows([{"x": list(order)} for order in ("abcd", "bacd", "dcba")])

    X, _ = encoding.features(U, encoding.active(U))

    assert [float(((X[0] - X[i]) ** 2).sum()) for i in (1, 2)] == pytest.approx([1 / 6, 1.0])


@given(spaces(), st.integers(0, 2**32))
def test_a_canonical_row_and_its_parameters_are_one_to_one(space, seed):
    encoding = Encoding(space)
    U = encoding.canonical(np.random.default_rng(seed).random((20, encoding.dimension)))

    again = encoding.rows(encoding.parameters(row) for row in U)

    finite = [block.cells is not None for block in encoding.blocks for _ in block.axes]
    assert encoding.keys(again[:, finite]) == encoding.keys(U[:, finite])
    for row, other in zip(U, again, strict=True):
        # Where a range is only a few doubles wide, many places have one value.
        for name, value in encoding.parameters(other).items():
            if isinstance(value, float):
                assert value == pytest.approx(encoding.parameters(row).get(name, value), rel=1e-6)


@given(spaces(), st.integers(0, 2**32))
def test_random_rows_are_assignments_of_the_space(space, seed):
    encoding = Encoding(space)

    U = encoding.sample(np.random.default_rng(seed), 20)

    assert len(U) == 20
    assert all(space.contains(encoding.parameters(row)) for row in U)


def test_inactive_places_have_one_canonical_value():
    encoding = Encoding(TREE)

    row = encoding.row({"optimizer": "adam", "layers": 2})

    assert row.tolist() == [0.5, CANONICAL, CANONICAL, 0.5]


def test_two_choices_of_a_categorical_are_one_apart_and_inactive_is_away_from_both():
    encoding = Encoding(TREE)
    U = encoding.rows(
        [
            {"optimizer": "sgd", "momentum": 0.45, "layers": 1},
            {"optimizer": "adam", "layers": 1},
            {"optimizer": None, "layers": 1},
        ]
    )

    X, columns = encoding.features(U, encoding.active(U))

    apart = [[float(((X[i, s] - X[j, s]) ** 2).sum()) for s in columns] for i, j in [(0, 1), (1, 2)]]
    assert apart[0] == pytest.approx([1.0, 0.25, 0.0, 0.0])
    assert apart[1] == pytest.approx([1.0, 0.0, 0.0, 0.0])


def test_every_row_of_a_finite_space_comes_once_without_inactive_variants():
    space = Space.model_validate_json("""{"parameters": [
        {"name": "a", "type": "bool"}, {"name": "b", "type": "int", "low": 1, "high": 3, "when": "a"},
        {"name": "c", "type": "categorical", "choices": ["x", "y"]}], "constraints": ["b < 3 or c == 'x'"]}""")

    rows = Encoding(space).every_row(100)

    assert rows is not None
    assert len(rows) == 2 + 3 + 2


def test_rows_are_listed_by_what_is_active_not_by_the_product_of_all_branches():
    names = ", ".join(
        f'{{"name": "b{i}", "type": "permutation", "items": [1, 2, 3, 4, 5], "when": "a == {i}"}}' for i in range(5)
    )
    space = Space.model_validate_json(
        f'{{"parameters": [{{"name": "a", "type": "int", "low": 0, "high": 5}}, {names}]}}'
    )

    rows = Encoding(space).every_row(1000)

    assert rows is not None
    assert len(rows) == len(np.unique(rows, axis=0)) == 5 * 120 + 1


def test_an_old_assignment_takes_the_default_of_a_parameter_added_since():
    encoding = Encoding(Space(parameters=(*TREE.parameters, BoolParameter(name="bias", default=True))))

    assert encoding.completed({"optimizer": "adam", "layers": 1, "gone": 3}) == {
        "optimizer": "adam",
        "layers": 1,
        "bias": True,
    }


def test_an_old_assignment_outside_the_narrowed_space_has_no_place():
    assert Encoding(TREE).completed({"optimizer": "adam", "layers": 9}) is None
