"""Parameters of a better trial, changed a little."""

import json
import random
from typing import Any

import pytest

from app.search.perturbing import perturbable, perturbed
from studyhall.space import Space
from studyhall.words import Parameters


def space(*parameters: dict[str, Any], constraints: tuple[str, ...] = ()) -> Space:
    return Space.model_validate_json(json.dumps({"parameters": parameters, "constraints": constraints}))


LR = {"name": "lr", "type": "float", "low": 1e-5, "high": 1.0, "scale": "log"}
LAYERS = {"name": "layers", "type": "int", "low": 1, "high": 8}
KIND = {"name": "kind", "type": "ordinal", "choices": ["s", "m", "l"]}


def many(of: Space, parent: Parameters, *names: str, factor: float = 0.2) -> list[Parameters]:
    return [perturbed(of, parent, names, factor=factor, source=random.Random(n)) for n in range(40)]


def test_only_floats_change_unless_others_are_named() -> None:
    of = space(LR, LAYERS, KIND)

    assert perturbable(of, None) == ("lr",)
    assert perturbable(of, ("kind", "layers")) == ("layers", "kind")


def test_a_float_is_multiplied_or_divided_or_now_and_then_drawn_anew() -> None:
    found = [p["lr"] for p in many(space(LR, LAYERS), {"lr": 0.01, "layers": 3}, "lr")]

    near = [lr for lr in found if lr in (pytest.approx(0.012), pytest.approx(0.01 / 1.2))]
    assert 20 <= len(near) < 40


def test_what_is_not_named_stays() -> None:
    assert {p["layers"] for p in many(space(LR, LAYERS), {"lr": 0.01, "layers": 3}, "lr")} == {3}


def test_an_integer_and_an_order_move_by_one_at_least() -> None:
    found = many(space(LAYERS, KIND), {"layers": 2, "kind": "m"}, "layers", "kind", factor=0.01)

    assert {p["layers"] for p in found} >= {1, 3}
    assert {p["kind"] for p in found} >= {"s", "l"}


def test_what_comes_out_satisfies_the_space() -> None:
    of = space(LR, LAYERS, constraints=("lr * layers < 0.025",))

    assert all(of.contains(p) for p in many(of, {"lr": 0.01, "layers": 2}, "lr", "layers"))


def test_where_nothing_else_is_feasible_the_parameters_stay() -> None:
    of = space(KIND, constraints=("kind == 'm'",))

    assert many(of, {"kind": "m"}, "kind") == [{"kind": "m"}] * 40


def test_a_condition_that_comes_true_brings_its_parameter() -> None:
    momentum = {"name": "momentum", "type": "float", "low": 0, "high": 1, "when": "kind == 'l'"}
    of = space(KIND, momentum)

    found = many(of, {"kind": "m"}, "kind")

    assert all(("momentum" in p) == (p["kind"] == "l") for p in found)
