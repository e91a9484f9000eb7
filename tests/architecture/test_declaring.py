"""What may be declared, what it flattens to, and what is said about what may not."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from studyhall.architecture.definition import Architecture
from studyhall.errors import field_errors
from studyhall.space import Space
from tests.architecture.spaces import CELL, IMAGES, architecture, space


def faults(body: list[dict[str, Any]], **more: Any) -> dict[str, str]:
    with pytest.raises(ValidationError) as refusal:
        architecture({"input": [1, 8, 8], "output": 10, "body": body} | more)
    return {fault.pointer: fault.message for fault in field_errors(refusal.value)}


def test_parameters_are_named_by_their_path_and_depend_on_the_nearest_decision():
    found = {p.name: p for p in architecture(IMAGES).parameters}

    assert found["arch.stage.1.layer.0.conv.kernel"].when == "arch.stage.1.layer.0.pick == 'conv'"
    assert found["arch.stage.1.layer.0.pick"].when == "arch.stage.n >= 2"
    assert found["arch.stage.0.layer.0.pick"].when is None


def test_one_shared_decision_serves_every_block_that_names_it():
    shared = [p for p in architecture(IMAGES).parameters if p.name == "arch.act"]

    assert len(shared) == 1
    assert "arch.stage.2.layer.2.pick == 'conv'" in str(shared[0].when)


def test_tied_repetitions_decide_once():
    body = {"op": "conv", "repeat": {"int": [1, 4]}, "tie": True, "kernel": {"choice": [1, 3]}}

    assert [p.name for p in architecture(IMAGES | {"body": [body]}).parameters] == ["arch.conv.n", "arch.conv.kernel"]


def test_a_cell_has_one_decision_for_each_pair_of_nodes():
    assert [p.name for p in architecture(CELL).parameters] == [
        "arch.cell.e01", "arch.cell.e02", "arch.cell.e12", "arch.cell.e03", "arch.cell.e13", "arch.cell.e23",
    ]  # fmt: skip


def test_an_assignment_holds_the_active_decisions_only():
    found = space(IMAGES)

    parameters = found.from_units([0.0] * found.width)

    assert "arch.stage.1.layer.0.pick" not in parameters
    assert found.contains(parameters)


def test_a_declared_parameter_may_depend_on_the_architecture():
    dropout = {"name": "dropout", "type": "float", "low": 0.0, "high": 0.5, "when": "arch.stage.n >= 2"}

    found = space(IMAGES, parameters=[dropout])

    assert "dropout" not in found.from_units([0.0] * found.width)
    assert "dropout" in found.from_units([0.99] * found.width)


@pytest.mark.parametrize(
    ("body", "pointer", "says"),
    [
        ([{"op": "convolve"}], "/body/0/op", "unknown operator"),
        ([{"op": "conv", "expand": 2}], "/body/0/expand", "no attribute of 'conv'"),
        ([{"op": "conv", "kernel": 4}], "/body/0/kernel", "odd"),
        ([{"op": "conv", "kernel": {"choice": [3, 4]}}], "/body/0/kernel/choice/1", "odd"),
        ([{"op": "conv", "out": {"int": [8, 4]}}], "/body/0/out", "low must not be above high"),
        ([{"op": "conv", "out": {"int": [0, 4]}}], "/body/0/out/int/0", "from 1"),
        ([{"op": "conv", "out": "wide"}], "/body/0/out", "whole number"),
        ([{"op": "conv", "out": [8, 16]}], "/body/0/out", "a domain"),
        ([{"op": "conv", "out": {}}], "/body/0/out", "exactly one of choice"),
        ([{"op": "conv", "color": "red"}], "/body/0/color", "unknown field"),
        ([{"op": "conv", "body": [{"op": "gap"}]}], "/body/0", "exactly one of op"),
        ([{"residual": True, "op": "conv"}], "/body/0/residual", "only a `body`"),
        ([{"op": "conv", "tie": True}], "/body/0/tie", "repeat"),
        ([{"op": "conv", "repeat": {"int": [2, 99]}}], "/body/0/repeat", "0 <= low"),
        ([{"op": "gap"}, {"op": "conv"}], "/body/1/op", "here a vector may come in"),
        ([{"op": "gap", "optional": True}, {"op": "conv"}], "/body/1/op", "here a vector may come in"),
        ([{"op": "gru"}], "/body/0/op", "takes a sequence; here an image"),
        ([{"choice": [{"op": "conv", "name": "a"}, {"op": "gap", "name": "a"}]}], "/body/0/choice/1/name", "another"),
        ([{"cell": {"nodes": 3, "ops": ["skip", "linear"]}}], "/body/0/cell/ops/1", "inside a cell"),
        ([{"cell": {"nodes": 3, "ops": ["skip", "skip"]}}], "/body/0/cell/ops/1", "twice"),
        ([{"op": "conv", "out": {"choice": [8, 16], "share": "w"}},
          {"op": "conv", "out": {"choice": [8, 32], "share": "w"}}], "/body/1/out", "another domain"),
        ([{"repeat": {"int": [1, 32]}, "body": [{"op": "conv", "repeat": {"int": [1, 32]}, "out": {"int": [1, 9]}}]}],
         "/body/0/body/0/out", "more than 500 parameters"),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_its_place(body, pointer, says):
    found = faults(body)

    assert says in found.get(pointer, f"nothing at {pointer}: {found}")


def test_blocks_that_are_nested_too_deeply_are_refused():
    body: dict[str, Any] = {"op": "conv"}
    for _ in range(20):
        body = {"body": [body]}

    assert "nested" in next(iter(faults([body]).values()))


def test_a_parameter_may_not_take_the_name_of_a_count_or_of_a_decision():
    for name in ("params", "arch.stem.out"):
        given = {"name": name, "type": "bool"}
        with pytest.raises(ValidationError) as refusal:
            space(IMAGES, parameters=[given])
        assert field_errors(refusal.value)[0].pointer == "/parameters/0/name"


def test_counts_have_no_meaning_without_an_architecture():
    written = {"parameters": [{"name": "x", "type": "bool"}], "constraints": ["params <= 5"]}

    with pytest.raises(ValidationError, match="does not fit"):
        Space.model_validate_json(json.dumps(written))


def test_a_space_without_a_decision_is_refused():
    with pytest.raises(ValidationError):
        space({"input": [4], "output": 1, "body": [{"op": "linear", "out": 3}]})


def test_an_architecture_is_written_as_it_was_given():
    found = architecture(IMAGES)

    assert json.loads(found.model_dump_json(exclude_unset=True)) == IMAGES
    assert Architecture.model_validate_json(found.to_json()).parameters == found.parameters


def test_the_size_counts_the_assignments_of_active_decisions():
    body = [
        {"op": "conv", "repeat": {"int": [0, 2]}, "kernel": {"choice": [1, 3, 5]}},
        {"op": "relu", "optional": True},
    ]

    assert architecture(IMAGES | {"body": body}).size == (1 + 3 + 9) * 2
    assert architecture(CELL).size == 15_625
