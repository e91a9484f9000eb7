"""What workers build: every operator, trainable, as heavy and as costly as was counted.

`STUDYHALL_NETWORKS=3000 python -m pytest tests/architecture/test_building.py` trains one of each of thousands of them.
"""

import os
import random
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from studyhall.architecture.graph import Graph
from tests.architecture.spaces import (
    CELL,
    FLAT,
    RECURRENT,
    SPATIAL,
    TO_VECTOR,
    any_architecture,
    architecture,
    assignment,
)
from workers.networks.build import build

TRAINED = int(os.environ.get("STUDYHALL_NETWORKS", "300"))
INPUTS: dict[int, list[int]] = {1: [6], 2: [4, 9], 3: [4, 7, 8]}
EVERY = [
    (rank, op)
    for rank, ops in ((1, FLAT), (2, SPATIAL + RECURRENT + TO_VECTOR + ("linear",)), (3, SPATIAL + TO_VECTOR))
    for op in ops
]
VARIANTS: dict[str, list[dict[str, Any]]] = {
    "conv": [{"out": 5, "kernel": 5, "stride": 2, "norm": "none", "act": "tanh"}, {"norm": "layer"}],
    "depthwise": [{"kernel": 5, "stride": 2, "norm": "none"}],
    "mbconv": [{"expand": 1}, {"out": 6, "stride": 2, "act": "silu"}, {"skip": False}],
    "maxpool": [{"kernel": 3, "stride": 1}, {"kernel": 3, "stride": 2}],
    "avgpool": [{"kernel": 5, "stride": 1}, {"kernel": 1, "stride": 3}],
    "gru": [{"out": 3, "bidirectional": True}],
    "lstm": [{"out": 3, "bidirectional": True}],
    "linear": [{"out": 3, "norm": "batch", "act": "none"}, {"norm": "layer"}],
    "attention": [{"heads": 1}, {"heads": 3}],
    "se": [{"ratio": 64}],
}


def counted(graph: Graph) -> tuple[int, int]:
    """Parameters and operations of one row, as torch sees them, without computing anything."""
    with torch.device("meta"):
        network = build(graph).eval()
        with FlopCounterMode(display=False) as counter:
            network(torch.empty(1, *graph.nodes[0].shape))
    return sum(weight.numel() for weight in network.parameters()), counter.get_total_flops()


def only(rank: int, block: dict[str, Any]) -> Graph:
    spec = {"input": INPUTS[rank], "output": 3, "body": [block] if block["op"] in TO_VECTOR else [block, block]}
    return architecture(spec).graph({})


def trains(graph: Graph, rows: int = 3) -> None:
    torch.manual_seed(0)
    network = build(graph)
    outputs = network(torch.randn(rows, *graph.nodes[0].shape))
    assert outputs.shape == (rows, *graph.nodes[-1].shape)
    outputs.square().sum().backward()
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in network.parameters())


@pytest.mark.parametrize(("rank", "op"), EVERY)
def test_every_operator_trains_and_is_counted_as_torch_counts_it(rank, op):
    for attributes in ({}, *VARIANTS.get(op, [])):
        graph = only(rank, {"op": op, **attributes})

        trains(graph)

        assert counted(graph) == (graph.counts.params, graph.counts.flops), attributes


def test_random_networks_are_counted_as_torch_counts_them():
    dice = random.Random(11)
    for _ in range(120):
        found = any_architecture(dice)
        for _ in range(3):
            graph = found.graph(assignment(found, dice))
            assert counted(graph) == (graph.counts.params, graph.counts.flops)


def test_random_networks_train():
    dice = random.Random(12)
    for _ in range(TRAINED):
        found = any_architecture(dice)
        trains(found.graph(assignment(found, dice)))


def test_networks_of_a_thousand_random_spaces_resolve():
    dice = random.Random(13)
    for _ in range(1000):
        found = any_architecture(dice)
        for _ in range(3):
            graph = found.graph(assignment(found, dice))
            assert graph.nodes[-1].shape == (found.output,)
            assert graph.counts.params > 0


@pytest.mark.parametrize("rank", [2, 3])
def test_networks_of_one_hash_compute_one_function(rank):
    dice, pairs = random.Random(14), 0
    for _ in range(8):
        found = architecture(any_cell(dice, rank))
        known: dict[str, Graph] = {}
        for _ in range(60):
            graph = found.graph(assignment(found, dice))
            twin = known.setdefault(graph.hash, graph)
            if twin.nodes != graph.nodes:
                pairs += 1
                assert torch.equal(computed(twin), computed(graph))

    assert pairs >= 20


def any_cell(dice: random.Random, rank: int) -> dict[str, Any]:
    """A space of cells of two operators that last, drawn from all there are."""
    ops = dice.sample([op for op in SPATIAL + (RECURRENT if rank == 2 else ()) if op not in ("none", "identity")], 2)
    cell = {"nodes": 4, "ops": [*({"op": op} for op in ops), "skip", "none"]}
    return {"input": INPUTS[rank], "output": 3, "body": [{"cell": cell}, {"op": "gap"}]}


def computed(graph: Graph) -> torch.Tensor:
    torch.manual_seed(3)
    found: torch.Tensor = build(graph).eval()(torch.randn(2, *graph.nodes[0].shape))
    return found


def test_building_twice_from_one_seed_gives_the_same_weights():
    graph = architecture(CELL).graph(assignment(architecture(CELL), random.Random(1)))
    built = []
    for _ in range(2):
        torch.manual_seed(5)
        built.append(build(graph).state_dict())

    assert all(torch.equal(built[0][name], built[1][name]) for name in built[0])
