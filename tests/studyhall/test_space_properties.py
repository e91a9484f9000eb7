"""Spaces: whatever is valid gives parameters inside it, and survives JSON bit for bit."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from studyhall.errors import field_errors
from studyhall.parameters import (
    CategoricalParameter,
    ConstantParameter,
    FloatParameter,
    ListParameter,
    OrdinalParameter,
    PermutationParameter,
    Prior,
    SimplexParameter,
    SubsetParameter,
    has_default,
)
from studyhall.space import Space
from studyhall.words import Parameters, Word
from tests.studyhall.any_space import parameters, spaces

units = st.floats(0, 1)
cubes = st.lists(units, min_size=36, max_size=36)


@given(spaces(), cubes)
def test_any_point_of_the_unit_cube_is_an_assignment_of_the_space(space, cube):
    found = space.from_units(cube[: space.width])

    assert space.contains(found)


@given(spaces())
def test_a_space_survives_json_bit_for_bit(space):
    again = Space.model_validate_json(space.to_json())

    assert again == space
    assert again.to_json() == space.to_json()
    assert hash(again) == hash(space)


@pytest.mark.parametrize(
    "parameter",
    [
        ConstantParameter(name="x", value=None),
        CategoricalParameter(name="x", choices=(1, None), default=None),
        OrdinalParameter(name="x", choices=(1, None), prior=Prior(center=None)),
    ],
)
def test_null_as_a_value_survives_json(parameter):
    space = Space(parameters=(parameter,))

    assert Space.model_validate_json(space.to_json()) == space
    assert has_default(Space.model_validate_json(space.to_json()).parameters[0]) == has_default(parameter)


def test_the_schema_of_a_parameter_names_its_fields():
    schema = CategoricalParameter.model_json_schema(mode="serialization")

    assert {"name", "type", "choices", "default", "when"} <= schema["properties"].keys()


class Assignment(Word):
    parameters: Parameters


@given(spaces(), cubes)
def test_an_assignment_survives_json_bit_for_bit(space, cube):
    found = space.from_units(cube[: space.width])

    again = Assignment.model_validate_json(Assignment(parameters=found).model_dump_json()).parameters

    assert [(name, type(value), value) for name, value in again.items()] == [(n, type(v), v) for n, v in found.items()]


@given(parameters(), st.lists(units, min_size=6, max_size=6))
def test_a_list_comes_back_from_its_places(parameter, places):
    if not isinstance(parameter, ListParameter):
        return
    value = parameter.from_units(places[: parameter.width])

    assert parameter.contains(value)
    assert parameter.from_units(parameter.to_units(value)) == value


@pytest.mark.parametrize(
    "wrong",
    [["a", "b"], ["a", "b", "b"], ["a", "b", "c", "d"], "abc", None, ["a", "b", 1], ["a", ["b"], "c"]],
)
def test_what_is_no_order_of_all_items_is_refused(wrong):
    assert not PermutationParameter(name="x", items=("a", "b", "c")).contains(wrong)


@pytest.mark.parametrize("wrong", [[], ["a", "b", "c"], ["a", "a"], ["z"], "a", None, [True]])
def test_what_is_no_subset_of_an_allowed_size_is_refused(wrong):
    assert not SubsetParameter(name="x", items=("a", "b", 1), min_size=1, max_size=2).contains(wrong)


@pytest.mark.parametrize("wrong", [[0.5, 0.4], [1.5, -0.5], [1], [0.2, 0.3, 0.5], [True, False], ["1", "0"], 1.0])
def test_shares_that_are_no_shares_of_one_whole_are_refused(wrong):
    assert not SimplexParameter(name="x", parts=("a", "b")).contains(wrong)


@pytest.mark.parametrize("shares", [[1, 0, 0], [0.33, 0.33, 0.34], [1 / 3, 1 / 3, 1 / 3]])
def test_shares_that_people_write_are_understood(shares):
    parameter = SimplexParameter(name="x", parts=("a", "b", "c"))

    assert parameter.contains(shares)
    assert parameter.from_units(parameter.to_units(shares)) == pytest.approx(shares, abs=2e-6)


def test_the_space_of_lists_is_as_large_as_counted_by_hand():
    assert PermutationParameter(name="x", items=(1, 2, 3, 4)).cardinality == 24
    assert SubsetParameter(name="x", items=(1, 2, 3, 4), min_size=1, max_size=2).cardinality == 4 + 6
    assert SimplexParameter(name="x", parts=("a", "b")).cardinality is None


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"type": "permutation", "items": [1, 1.0]}, "/parameters/0/items/1"),
        ({"type": "subset", "items": ["a", "b"], "min_size": 2, "max_size": 1}, "/parameters/0/min_size"),
        ({"type": "subset", "items": ["a", "b"], "max_size": 3}, "/parameters/0/max_size"),
        ({"type": "simplex", "parts": ["a", "b"], "default": [0.5, 0.6]}, "/parameters/0/default"),
        ({"type": "permutation", "items": ["a", "b"], "prior": {"center": ["a"]}}, "/parameters/0/prior/center"),
        ({"type": "subset", "items": ["a", "b"], "when": "'c' in y"}, "/parameters/0/when"),
        ({"type": "subset", "items": ["a", "b"], "when": "len(z) > 1"}, "/parameters/0/when"),
    ],
)
def test_a_fault_of_a_list_is_pointed_at(fields, pointer):
    others = [{"name": "y", "type": "permutation", "items": ["a", "b"]}, {"name": "z", "type": "bool"}]
    definition = json.dumps({"parameters": [{"name": "x", **fields}, *others]})

    with pytest.raises(ValidationError) as refused:
        Space.model_validate_json(definition)

    assert pointer in [error.pointer for error in field_errors(refused.value)]


@given(parameters(), units)
def test_a_value_comes_back_from_its_place_on_the_unit_interval(parameter, u):
    if isinstance(parameter, ListParameter):
        return
    value = parameter.from_unit(u)
    again = parameter.from_unit(parameter.to_unit(value))

    assert parameter.contains(value)
    if isinstance(parameter, FloatParameter) and parameter.cardinality is None:
        # A place has 53 bits; on a wide log axis one of its steps is a wider step of the value.
        assert abs(parameter.to_unit(again) - parameter.to_unit(value)) <= 1e-9
    else:
        assert type(again) is type(value)
        assert again == value


@given(st.integers(0, 1000))
def test_every_value_of_a_fine_grid_far_from_zero_is_one(k):
    parameter = FloatParameter(name="x", low=1e9, high=1e9 + 10, step=0.01)  # neighbouring doubles are 1e-7 apart

    assert parameter.contains(parameter.from_unit((k + 0.5) / 1001))


@given(parameters(), units, units)
def test_places_keep_the_order_of_numbers(parameter, u, v):
    if parameter.type not in ("float", "int"):
        return
    low, high = parameter.from_unit(min(u, v)), parameter.from_unit(max(u, v))

    assert low <= high
    assert parameter.to_unit(low) <= parameter.to_unit(high)


@given(parameters())
def test_the_ends_of_the_unit_interval_are_the_ends_of_the_range(parameter):
    if parameter.type not in ("float", "int"):
        return

    assert parameter.from_unit(0.0) == parameter.low
    top = parameter.from_unit(1.0)
    assert top == parameter.high or (parameter.step is not None and parameter.high - top < parameter.step)
