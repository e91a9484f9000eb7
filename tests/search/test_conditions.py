"""Whole arrays of points must say what the scalar words say."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.search.conditions import Condition
from app.search.encoding import Encoding
from studyhall.expression import parse
from studyhall.space import Space
from tests.studyhall.any_space import spaces

SPACE = Space.model_validate_json("""{"parameters": [
    {"name": "lr", "type": "float", "low": 1e-5, "high": 0.1, "scale": "log"},
    {"name": "x", "type": "float", "low": -2, "high": 2},
    {"name": "layers", "type": "int", "low": 0, "high": 4},
    {"name": "width", "type": "int", "low": 1, "high": 100000, "scale": "log"},
    {"name": "size", "type": "ordinal", "choices": [8, 16, 32.5]},
    {"name": "kind", "type": "categorical", "choices": ["a", "b", null, true, 1.5]},
    {"name": "deep", "type": "bool"},
    {"name": "k", "type": "constant", "value": 3},
    {"name": "order", "type": "permutation", "items": ["a", "b", 1, null], "when": "layers > 0"},
    {"name": "some", "type": "subset", "items": ["a", 2, true], "max_size": 2},
    {"name": "both", "type": "subset", "items": ["a", 2], "min_size": 2},
    {"name": "mix", "type": "simplex", "parts": ["a", "b", "c"], "when": "'a' in some"},
    {"name": "extra", "type": "float", "low": 0, "high": 1, "when": "deep and layers > 1"},
    {"name": "inner", "type": "int", "low": 1, "high": 9, "when": "extra > 0.5 or kind == 'a'"}]}""")

COMPARISONS = """
lr < 0.01 | x * x + layers <= k | layers == 2 | size > 10 | kind == 'a' | kind != null | deep | not deep | extra > 0.5
1 / x > 1 | log(x) < 0 - lr | x ** 0.5 < 1 | width % 7 == 3 | kind == true | kind in ['b', 1.5] | extra * inner < 2
inner not in [1, 2, 3] | max(x, lr, extra) > 0.5 | x | kind > 1 | width * size < 4000 | 1 / layers != 7 | exp(width) > 3
order[0] == 'a' | order[9] == 'a' | 'a' in order | 'c' not in order | len(order) > 3 | len(some) == layers | x in some
mix[0] > mix[1] | mix[0] + mix[2] <= 0.5 | mix[7] > 0 | true in some | 2 not in some | some[0] == 2 | kind in order
mix | 'a' in both | len(both) > 1 | order == some | len(mix) > 2 | some[1] != true | 'a' in mix
-x <= abs(x) - 0.1 | round(x) == 1 | floor(x) == ceil(x) | kind < 'b' | extra <= x < inner | min(layers, k) ** 2 >= 4
"""
comparisons = st.sampled_from([text.strip() for line in COMPARISONS.strip().splitlines() for text in line.split("|")])
expressions = st.recursive(
    comparisons,
    lambda inner: (
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})")
        | inner.map(lambda text: f"not ({text})")
    ),
    max_leaves=4,
)


@given(expressions, st.integers(0, 2**32))
def test_an_expression_over_an_array_agrees_with_the_expression_over_each_point(text, seed):
    encoding = Encoding(SPACE)
    U = encoding.snap(np.random.default_rng(seed).random((30, encoding.dimension)))

    found = Condition(parse(text)).truth(encoding._columns(U)[0], len(U))

    for row, truth in zip(U, found, strict=True):
        expected = parse(text).truth(encoding.parameters(row))
        assert (None if np.isnan(truth) else bool(truth)) is expected


@given(spaces(), st.integers(0, 2**32))
def test_activity_over_an_array_agrees_with_the_space(space, seed):
    encoding = Encoding(space)
    U = encoding.snap(np.random.default_rng(seed).random((20, encoding.dimension)))

    active = encoding.active(U)

    for row, here in zip(U, active, strict=True):
        parameters = encoding.parameters(row)
        assert [axis.parameter.name in parameters for axis in encoding.axes] == here.tolist()
