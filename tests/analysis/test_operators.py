"""Operators at positions, against functions of an architecture whose answer is known."""

import json
from typing import Any

import pytest

from app.analysis.answering import ANALYSES
from app.analysis.importance import importance
from app.analysis.operators import ANYWHERE, operators
from studyhall.space import Space
from tests.analysis.studies import SQUARE, question, trials

CONV = {"op": "conv", "out": {"choice": [16, 32]}, "kernel": {"choice": [3, 5]}}
NETWORKS = Space.model_validate_json(
    json.dumps(
        {
            "architecture": {
                "input": [3, 8, 8],
                "output": 10,
                "body": [
                    {"name": "first", "choice": [CONV, {"op": "avgpool"}]},
                    {"name": "last", "choice": [CONV, {"op": "avgpool"}]},
                    {"name": "more", "op": "relu", "optional": True},
                ],
            }
        }
    )
)


def wants_a_conv_first(parameters: dict[str, Any]) -> float:
    return float(parameters["arch.first.pick"] != "conv") + 0.1 * float(parameters["arch.last.pick"] == "conv")


MADE = trials(NETWORKS, wants_a_conv_first, 400)


def rows(**options: Any) -> dict[tuple[str, str], dict[str, Any]]:
    columns = operators(question(NETWORKS, MADE, **options)).columns
    told = [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
    return {(row["position"], row["operator"]): row for row in told}


@pytest.mark.parametrize("method", ["ped_anova", "fanova"])
def test_an_operator_matters_where_it_matters(method: str) -> None:
    found = rows(method=method)

    ordered = sorted(found, key=lambda key: -found[key]["importance"])
    assert {position for position, _ in ordered if position != ANYWHERE} >= {"arch.first.pick", "arch.last.pick"}
    assert next(place for place, _ in ordered if place != ANYWHERE) == "arch.first.pick"
    assert found["arch.more.on", "True"]["importance"] < 0.05


def test_an_effect_is_the_difference_that_the_operator_makes_and_lies_in_its_interval() -> None:
    first = rows()["arch.first.pick", "conv"]

    assert first["effect"] == pytest.approx(-1, abs=0.05)
    assert first["effect_low"] <= -1 <= first["effect_high"]
    assert first["count"] == sum(p["arch.first.pick"] == "conv" for p in MADE.parameters)


@pytest.mark.parametrize("method", ["ped_anova", "fanova"])
def test_the_operators_of_a_position_sum_to_the_importance_of_its_parameter(method: str) -> None:
    found = rows(method=method)
    columns = importance(question(NETWORKS, MADE, method=method)).columns

    whole = columns["importance"][columns["parameter"].index("arch.first.pick")]
    assert sum(row["importance"] for (place, _), row in found.items() if place == "arch.first.pick") == pytest.approx(
        whole, abs=1e-6
    )


def test_a_study_without_architecture_has_no_operators() -> None:
    found = operators(question(SQUARE, trials(SQUARE, lambda p: p["x"], 50)))

    assert found.columns == {}
    assert "no choice between operators" in str(found.note)


@pytest.mark.parametrize("kind", ["ablation", "contour", "health", "importance", "partial_dependence", "slice"])
def test_the_parameters_of_an_architecture_are_analysed_like_others(kind: str) -> None:
    found = ANALYSES[kind](question(NETWORKS, MADE, kind=kind))

    assert "arch.first.pick" in str(found.columns) + str(found.facts)
