"""Architectures for tests: one of each kind of data that uses every operator and every form, and random ones."""

import json
import random
from typing import Any

from studyhall.architecture.definition import Architecture
from studyhall.space import Space

ACT = {"choice": ["relu", "gelu"], "share": "act"}
IMAGES: dict[str, Any] = {
    "input": [1, 8, 8],
    "output": 10,
    "body": [
        {"op": "conv", "name": "stem", "out": {"choice": [8, 16, 32]}, "kernel": 3},
        {
            "name": "stage",
            "repeat": {"int": [1, 3]},
            "residual": True,
            "body": [
                {
                    "name": "layer",
                    "repeat": {"int": [1, 3]},
                    "choice": [
                        {"op": "conv", "out": {"choice": [16, 32, 64]}, "kernel": {"choice": [1, 3, 5]}, "act": ACT},
                        {"op": "mbconv", "out": {"choice": [16, 32, 64]}, "expand": {"choice": [1, 2, 4]}},
                        {"op": "identity"},
                    ],
                }
            ],
        },
        {"op": "gap"},
    ],
}
CELL: dict[str, Any] = {
    "input": [3, 8, 8],
    "output": 10,
    "body": [{"cell": {"nodes": 4, "ops": ["none", "skip", "conv1", "conv3", "avgpool3"]}}, {"op": "gap"}],
}
SPATIAL = (
    "conv", "depthwise", "mbconv", "maxpool", "avgpool", "batchnorm", "layernorm", "relu", "gelu", "silu", "tanh",
    "dropout", "se", "attention", "identity", "none",
)  # fmt: skip
RECURRENT = ("gru", "lstm")
FLAT = ("linear", "batchnorm", "layernorm", "relu", "gelu", "silu", "tanh", "dropout", "identity", "flatten")
TO_VECTOR = ("gap", "gmp", "flatten")


def architecture(spec: dict[str, Any]) -> Architecture:
    """As the server reads it."""
    return Architecture.model_validate_json(json.dumps(spec))


def space(spec: dict[str, Any], *constraints: str, **more: Any) -> Space:
    """A space of one architecture."""
    return Space.model_validate_json(json.dumps({"architecture": spec, "constraints": constraints} | more))


def assignment(found: Architecture, dice: random.Random) -> dict[str, Any]:
    """A uniform choice for every parameter, active or not."""
    return {p.name: p.from_units([dice.random()]) for p in found.parameters}


def any_architecture(dice: random.Random) -> Architecture:
    """A random space of images, sequences or tables, with every form and modifier somewhere."""
    rank = dice.choice((1, 2, 3))
    shape = [dice.randint(1, 4), *(dice.randint(3, 9) for _ in range(rank - 1))]
    ops = FLAT if rank == 1 else SPATIAL + (RECURRENT if rank == 2 else ())
    body = [_block(dice, ops, 2) for _ in range(dice.randint(1, 3))]
    ending = [] if rank == 1 else [{"op": dice.choice(TO_VECTOR)}]
    last = {"op": "linear", "optional": True, "out": {"int": [2, 9]}, "norm": {"choice": ["none", "batch"]}}
    return architecture({"input": shape, "output": dice.randint(1, 5), "body": [*body, *ending, last]})


def _block(dice: random.Random, ops: tuple[str, ...], depth: int) -> dict[str, Any]:
    form = dice.choice(("op", "op", "choice", "body", "cell")) if depth else "op"
    block: dict[str, Any] = {}
    if form == "op":
        block = _leaf(dice, dice.choice(ops))
    elif form == "choice":
        block = {"choice": [_block(dice, ops, depth - 1) | {"name": f"way{i}"} for i in range(dice.randint(1, 3))]}
    elif form == "body":
        inner = [_block(dice, ops, depth - 1) for _ in range(dice.randint(1, 3))]
        block = {"body": inner, "residual": dice.random() < 0.6}
    else:
        kept = tuple(op for op in ops if op not in ("linear", "flatten"))
        leaves = [_leaf(dice, op) | {"name": f"{op}{i}"} for i, op in enumerate(dice.sample(kept, 4))]
        block = {"cell": {"nodes": dice.randint(2, 4), "ops": [*leaves, "skip"]}}
    if dice.random() < 0.3:
        block |= {"repeat": dice.choice([2, {"int": [0, 2]}, {"int": [1, 3]}])}
        block |= {"tie": True} if dice.random() < 0.5 else {}
    return block | ({"optional": True} if dice.random() < 0.3 else {})


def _leaf(dice: random.Random, op: str) -> dict[str, Any]:
    attributes: dict[str, dict[str, Any]] = {
        "conv": {"out": {"int": [1, 6]}, "kernel": {"choice": [1, 3, 5]}, "stride": {"choice": [1, 2]}},
        "depthwise": {"kernel": {"choice": [3, 5]}, "norm": {"choice": ["batch", "layer", "none"]}},
        "mbconv": {"out": {"int": [1, 6]}, "expand": {"int": [1, 3]}, "stride": {"choice": [1, 2]}},
        "maxpool": {"kernel": {"choice": [2, 3]}, "stride": {"choice": [1, 2]}},
        "avgpool": {"kernel": {"choice": [2, 3]}},
        "attention": {"heads": {"choice": [1, 2, 4]}},
        "gru": {"out": {"int": [1, 5]}, "bidirectional": {"choice": [False, True]}},
        "lstm": {"out": {"int": [1, 5]}, "bidirectional": {"choice": [False, True]}},
        "linear": {"out": {"int": [1, 9]}, "act": {"choice": ["relu", "none"]}, "norm": {"choice": ["none", "layer"]}},
        "dropout": {"rate": {"float": [0.0, 0.5]}},
        "se": {"ratio": {"choice": [1, 2, 4]}},
    }
    return {"op": op} | {name: domain for name, domain in attributes.get(op, {}).items() if dice.random() < 0.8}
