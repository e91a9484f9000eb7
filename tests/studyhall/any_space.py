"""Hypothesis strategies: any valid parameter, any valid space, any expression text."""

import math
from typing import Any

from hypothesis import strategies as st

from studyhall.expression_tree import Scalar
from studyhall.parameters import (
    BoolParameter,
    CategoricalParameter,
    ConstantParameter,
    FloatParameter,
    IntParameter,
    OrdinalParameter,
    Parameter,
    PermutationParameter,
    Scale,
    SimplexParameter,
    SubsetParameter,
)
from studyhall.space import Space
from studyhall.words import MAX_INT

SCALES: tuple[Scale, ...] = ("linear", "log", "reverse_log", "logit")
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1000, 1000),
    st.floats(-1e6, 1e6, allow_nan=False),
    st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="'\\"), max_size=5),
)
choices = st.lists(scalars, min_size=1, max_size=6, unique_by=lambda value: (_kind(value), value)).map(tuple)


def _kind(value: Scalar) -> str:
    return "bool" if isinstance(value, bool) else "number" if isinstance(value, (int, float)) else type(value).__name__


@st.composite
def _float_bounds(draw: st.DrawFn, scale: str) -> tuple[float, float]:
    if scale == "logit":
        ends = st.floats(1e-6, 1 - 1e-6)
    elif scale == "linear":
        ends = st.floats(-1e100, 1e100, allow_nan=False) | st.floats(-10, 10)
    else:
        ends = st.floats(1e-12, 1e12)
    a, b = draw(ends), draw(ends)
    low, high = min(a, b), max(a, b)
    if high - low < 64 * math.ulp(max(abs(low), abs(high))):
        return low, low
    return low, high


@st.composite
def float_parameters(draw: st.DrawFn, name: str = "x") -> FloatParameter:
    scale = draw(st.sampled_from(SCALES))
    low, high = draw(_float_bounds(scale))
    step = None
    if scale == "linear" and high > low and draw(st.booleans()):
        step = (high - low) / draw(st.floats(1, 50))
    return FloatParameter(
        name=name, low=low, high=high, scale=scale, step=step if step and step <= high - low else None
    )


@st.composite
def int_parameters(draw: st.DrawFn, name: str = "x") -> IntParameter:
    scale = draw(st.sampled_from(SCALES[:3]))
    ends = st.integers(-MAX_INT, MAX_INT) | st.integers(-20, 20) if scale == "linear" else st.integers(1, 10**6)
    a, b = draw(ends), draw(ends)
    low, high = min(a, b), max(a, b)
    step = draw(st.integers(1, max(1, (high - low) // 2))) if scale == "linear" else 1
    return IntParameter(name=name, low=low, high=high, scale=scale, step=step)


def items(smallest: int) -> st.SearchStrategy[tuple[Scalar, ...]]:
    return st.lists(scalars, min_size=smallest, max_size=6, unique_by=lambda value: (_kind(value), value)).map(tuple)


@st.composite
def subset_parameters(draw: st.DrawFn, name: str = "x") -> SubsetParameter:
    listed = draw(items(1))
    sizes = sorted([draw(st.integers(0, len(listed))), draw(st.integers(0, len(listed)))])
    return SubsetParameter(name=name, items=listed, min_size=sizes[0], max_size=draw(st.sampled_from([sizes[1], None])))


def parameters(name: str = "x") -> st.SearchStrategy[Parameter]:
    return st.one_of(
        items(2).map(lambda listed: PermutationParameter(name=name, items=listed)),
        subset_parameters(name),
        st.integers(2, 6).map(lambda n: SimplexParameter(name=name, parts=tuple("abcdef"[:n]))),
        float_parameters(name),
        int_parameters(name),
        choices.map(lambda listed: CategoricalParameter(name=name, choices=listed)),
        choices.map(lambda listed: OrdinalParameter(name=name, choices=listed)),
        st.just(BoolParameter(name=name)),
        scalars.map(lambda value: ConstantParameter(name=name, value=value)),
    )


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    """Up to six parameters, some of them active only where an earlier one has certain values."""
    found: list[Parameter] = []
    for index in range(draw(st.integers(1, 6))):
        parameter: Parameter = draw(parameters(f"p{index}"))
        is_conditional: bool = draw(st.booleans())
        if found and is_conditional:
            parameter = parameter.model_copy(
                update={"when": draw(conditions_on(found[draw(st.integers(0, index - 1))]))}
            )
        found.append(parameter)
    return Space(parameters=tuple(found))


@st.composite
def conditions_on(draw: st.DrawFn, parent: Parameter) -> str:
    """An expression that reads one parameter and is about as often true as false."""
    value = parent.from_units(draw(st.lists(st.floats(0, 1), min_size=parent.width, max_size=parent.width)))
    if isinstance(value, list) and isinstance(parent, SimplexParameter):
        return f"{parent.name}[{draw(st.integers(0, parent.width))}] <= {value[0]!r}"
    if isinstance(parent, (PermutationParameter, SubsetParameter)):
        item = literal(draw(st.sampled_from(parent.items)))
        position = draw(st.integers(0, parent.width))
        return draw(
            st.sampled_from(
                [
                    f"{item} in {parent.name}",
                    f"{item} not in {parent.name}",
                    f"len({parent.name}) > {position}",
                    f"{parent.name}[{position}] == {item}",
                ]
            )
        )
    if isinstance(parent, (FloatParameter, IntParameter)):
        return f"{parent.name} {draw(st.sampled_from(('<', '<=', '>', '>=', '==', '!=')))} {value!r}"
    return f"{parent.name} {draw(st.sampled_from(('==', '!=')))} {literal(value)}"


def literal(value: Any) -> str:
    """A scalar as the expression language writes it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"'{value}'" if isinstance(value, str) else repr(value)
