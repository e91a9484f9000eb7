"""Spaces: whatever is valid gives parameters inside it, and survives JSON bit for bit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studyhall.parameters import (
    CategoricalParameter,
    ConstantParameter,
    FloatParameter,
    OrdinalParameter,
    Prior,
    has_default,
)
from studyhall.space import Space
from studyhall.words import Word
from tests.studyhall.any_space import parameters, spaces

units = st.floats(0, 1)
cubes = st.lists(units, min_size=6, max_size=6)


@given(spaces(), cubes)
def test_any_point_of_the_unit_cube_is_an_assignment_of_the_space(space, cube):
    found = space.from_units(cube[: len(space.parameters)])

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
    parameters: dict[str, bool | int | float | str | None]


@given(spaces(), cubes)
def test_an_assignment_survives_json_bit_for_bit(space, cube):
    found = space.from_units(cube[: len(space.parameters)])

    again = Assignment.model_validate_json(Assignment(parameters=found).model_dump_json()).parameters

    assert [(name, type(value), value) for name, value in again.items()] == [(n, type(v), v) for n, v in found.items()]


@given(parameters(), units)
def test_a_value_comes_back_from_its_place_on_the_unit_interval(parameter, u):
    value = parameter.from_unit(u)
    again = parameter.from_unit(parameter.to_unit(value))

    assert parameter.contains(value)
    if isinstance(parameter, FloatParameter) and parameter.cardinality is None:
        # A place has 53 bits; on a wide log axis one of its steps is a wider step of the value.
        assert abs(parameter.to_unit(again) - parameter.to_unit(value)) <= 1e-9
    else:
        assert type(again) is type(value)
        assert again == value


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
