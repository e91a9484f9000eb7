"""What is said of a field that does not fit: where it is in what was sent, and what would fit."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from studyhall.errors import field_errors
from studyhall.space import Space
from studyhall.study import Task
from studyhall.wire.claims import Complete
from studyhall.wire.studies import CreateStudy, QueueTrials
from studyhall.words import Word

X = {"name": "x", "type": "float", "low": 0, "high": 1}
NAME = "should be 1 to 128 of A-Z a-z 0-9 _ . / -, the first a letter or _"
SCALAR = "should be text, a number, true, false or null"


def faults(model: type[Word], sent: Any) -> list[tuple[str, str]]:
    with pytest.raises(ValidationError) as raised:
        model.model_validate_json(json.dumps(sent))
    return [(fault.pointer, fault.message) for fault in field_errors(raised.value, model)]


@pytest.mark.parametrize(
    ("parameter", "pointer", "message"),
    [
        ({"name": "x", "low": 0, "high": 1}, "/type", "missing"),
        ({**X, "name": "learning rate"}, "/name", NAME),
        ({**X, "low": -1e300}, "/low", "Input should be greater than or equal to -1e+100"),
        ({"name": "c", "type": "categorical", "choices": []}, "/choices", "needs 1 or more"),
        ({"name": "c", "type": "categorical", "choices": ["a", ["b"]]}, "/choices/1", SCALAR),
        ({"name": "c", "type": "categorical", "choices": list(range(1001))}, "/choices", "takes at most 1000"),
    ],
)
def test_a_parameter_says_at_its_field_what_would_fit(parameter: Any, pointer: str, message: str) -> None:
    assert faults(Space, {"parameters": [parameter]}) == [(f"/parameters/0{pointer}", message)]


def test_an_unknown_type_is_a_fault_of_the_type() -> None:
    [(pointer, message)] = faults(Space, {"parameters": [{**X, "type": "flaot"}]})

    assert pointer == "/parameters/0/type"
    assert message.startswith("'flaot' is none of 'float', 'int'")


def test_a_value_that_is_of_no_type_is_one_fault() -> None:
    sent: Any = {"trials": [{"parameters": {"x": {}}}]}

    assert faults(QueueTrials, sent) == [
        ("/trials/0/parameters/x", "should be text, a number, true, false, null, or a list of these")
    ]


def test_a_name_that_does_not_fit_is_a_fault_of_its_field() -> None:
    sent = {"attempt": 1, "token": "0123456789abcdef", "metrics": {"val loss": 0.5}}

    assert faults(Complete, sent) == [("/metrics/val loss", NAME)]


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"budgets": {}}, ("/budgets", "unknown field; did you mean 'budget'?")),
        ({"budget": {"max_trial": 3}}, ("/budget/max_trial", "unknown field; did you mean 'max_trials'?")),
        (
            {"space": {"parameters": [{**X, "sclae": "log"}]}},
            ("/space/parameters/0/sclae", "unknown field; did you mean 'scale'?"),
        ),
        ({"objectives": [{"metric": "y", "colour": 1}]}, ("/objectives/0/colour", "unknown field; check its spelling")),
    ],
)
def test_a_field_that_is_misspelt_is_told_which_one_was_meant(sent: dict[str, Any], said: tuple[str, str]) -> None:
    study = {"name": "digits", "space": {"parameters": [X]}, "objectives": [{"metric": "y"}]}

    assert faults(CreateStudy, study | sent) == [said]


def test_an_entry_point_is_shown_by_an_example() -> None:
    assert faults(Task, {"entry_point": "train.py"}) == [
        ("/entry_point", "should be a function in a module: package.module:function")
    ]


@pytest.mark.parametrize(
    ("parameter", "value", "message"),
    [
        (X, 2, "should be float, from 0 to 1"),
        ({**X, "step": 0.25}, 0.3, "should be float, from 0 to 1 in steps of 0.25"),
        ({"name": "x", "type": "int", "low": 1, "high": 1234567}, 2.0, "should be int, from 1 to 1234567"),
        ({"name": "x", "type": "categorical", "choices": ["sgd", 1, None]}, "sdg", 'should be one of "sgd", 1, null'),
        ({"name": "x", "type": "bool"}, 1, "is not a value of this bool parameter"),
    ],
)
def test_a_value_outside_of_its_parameter_is_told_what_would_fit(parameter: Any, value: Any, message: str) -> None:
    space = Space.model_validate_json(json.dumps({"parameters": [parameter]}))

    assert [fault.message for fault in space.faults({"x": value})] == [message]
