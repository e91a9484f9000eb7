"""Expressions: whatever the text, an answer or an ExpressionError."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studyhall.expression import ExpressionError, parse
from tests.studyhall.any_space import scalars

WORDS = """and or not in ( ) [ ] , == != < <= > >= + - * / % ** a b.c `x y` 'text' "t" 1 0 2.5 1e300 9007199254740993 .5
true false null min max abs floor round log exp sqrt ' " ` $ \\ \u0661 \x00 \U0001f600 \u00e9"""
pieces = st.sampled_from(WORDS.split())
texts = st.text(max_size=60) | st.lists(pieces, max_size=40).map(" ".join)
values = st.dictionaries(
    st.sampled_from(["a", "b.c", "x y"]), scalars | st.sampled_from([math.nan, math.inf, 2**53, 1e300])
)


@given(texts)
def test_any_text_is_read_or_refused_with_an_expression_error(text):
    try:
        expression = parse(text)
    except ExpressionError:
        return

    assert expression.text == text


@given(texts, values)
def test_whatever_can_be_read_has_a_truth_whatever_the_values(text, values):
    try:
        expression = parse(text)
    except ExpressionError:
        return

    assert expression.truth(values) in (True, False, None)
    slack = expression.slack(values)
    assert slack is None or not math.isinf(slack)


@pytest.mark.parametrize(
    "text",
    [
        "-" * 900 + "1",
        "(" * 500,
        "not " * 240 + "a",
        "2**" * 300 + "2",
        "+".join(["1"] * 500),
        "max(" * 200 + "1",
        "1" * 1001,
    ],
)
def test_a_text_that_would_exhaust_the_stack_is_refused(text):
    with pytest.raises(ExpressionError):
        parse(text)


@pytest.mark.parametrize("text", ["a and " * 160 + "a", "a < " * 240 + "a", "a in [" + "1, " * 300 + "1]"])
def test_a_long_flat_text_is_read(text):
    assert parse(text).truth({"a": 1}) in (True, False)


@pytest.mark.parametrize(
    "text", ["1 / a != 2", "log(a) < 1", "1 / a == 1 / a", "1 / a not in [3]", "exp(1000 + a) > 1", "max(1 / a, 2) > 1"]
)
def test_a_comparison_with_undefined_arithmetic_is_false(text):
    assert parse(text).truth({"a": 0}) is False


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("max(a) == 3", True),
        ("a > 1 or z > 1", True),
        ("a > 9 or z > 1", None),
        ("a > 9 and z > 1", False),
        ("not z", None),
    ],
)
def test_unknown_values_follow_kleene(text, truth):
    assert parse(text).truth({"a": 3}) is truth


@given(scalars, scalars)
def test_equality_keeps_true_apart_from_one(a, b):
    same_kind = isinstance(a, bool) == isinstance(b, bool)

    assert parse("a == b").truth({"a": a, "b": b}) is (same_kind and a == b)
