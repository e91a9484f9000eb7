"""What assignments resolve to: one hash for one network, counts, constraints, a drawing."""

import itertools
import random

from studyhall.architecture.drawing import drawing
from studyhall.architecture.network import layers_of
from tests.architecture.spaces import CELL, IMAGES, any_architecture, architecture, assignment, space

EDGES = ("e01", "e02", "e12", "e03", "e13", "e23")


def cell(*operators: str) -> dict[str, str]:
    return {f"arch.cell.{edge}": operator for edge, operator in zip(EDGES, operators, strict=True)}


def test_the_15625_cells_of_nas_bench_201_are_5425_networks():
    found = architecture(CELL)

    every = itertools.product(("none", "skip", "conv1", "conv3", "avgpool3"), repeat=6)

    assert len({found.graph(cell(*operators)).hash for operators in every}) == 5425


def test_a_convolution_used_twice_is_not_two_convolutions():
    found = architecture(CELL)

    once = found.graph(cell("conv3", "none", "conv1", "none", "skip", "conv1"))
    twice = found.graph(cell("conv3", "conv3", "none", "none", "skip", "conv1"))

    assert once.hash != twice.hash


def test_what_is_skipped_or_cut_off_makes_no_difference():
    found = architecture(CELL)

    straight = found.graph(cell("none", "none", "none", "conv3", "none", "none"))
    detour = found.graph(cell("skip", "conv1", "none", "none", "conv3", "none"))

    assert straight.hash == detour.hash


def test_the_canonical_order_does_not_depend_on_how_a_network_was_written():
    found = architecture(CELL)

    one = found.graph(cell("conv1", "conv3", "none", "none", "avgpool3", "skip"))
    other = found.graph(cell("conv3", "conv1", "none", "none", "skip", "avgpool3"))

    assert one.nodes != other.nodes
    assert one.canonical == other.canonical


def test_a_hash_is_the_same_in_every_process():
    graph = architecture(CELL).graph(cell("conv1", "conv3", "none", "none", "avgpool3", "skip"))

    assert graph.hash == "b4662501731ec8f7c2cf403f54605a2e"


def test_a_hash_survives_any_renumbering():
    dice = random.Random(5)
    for _ in range(300):
        found = any_architecture(dice)
        graph = found.graph(assignment(found, dice))
        assert graph.canonical.hash == graph.hash
        assert graph.canonical.canonical == graph.canonical
        assert graph.canonical.counts == graph.counts


def test_a_sum_of_different_shapes_gets_a_projection_that_is_counted():
    body = [{"residual": True, "body": [{"op": "conv", "out": {"choice": [4]}, "stride": 2}]}]
    found = architecture({"input": [2, 8, 8], "output": 3, "body": body})

    graph = found.graph({"arch.body.conv.out": 4})

    assert [node.op for node in graph.nodes] == ["input", "conv", "project", "sum", "head"]
    assert graph.counts.params == (2 * 4 * 9 + 8) + 2 * 4 + (4 * 16 + 1) * 3


def test_a_residual_over_nothing_adds_nothing():
    body = [{"residual": True, "body": [{"op": "conv", "optional": True}]}]

    graph = architecture({"input": [2, 8, 8], "output": 3, "body": body}).graph({"arch.body.conv.on": False})

    assert [node.op for node in graph.nodes] == ["input", "head"]


def test_where_nothing_reaches_the_end_a_constant_is_left():
    graph = architecture(CELL).graph(cell(*["none"] * 6))

    assert [node.op for node in graph.nodes] == ["input", "constant"]
    assert graph.counts.params == 10


def test_constraints_over_counts_decide_what_belongs_to_a_space():
    found = space(IMAGES, "params <= 20000", "flops <= 2e6", "depth <= 9", "weight_bytes <= 80000")
    dice = random.Random(3)
    inside = 0
    for _ in range(300):
        parameters = found.from_units([dice.random() for _ in range(found.width)])
        assert found.architecture is not None
        counts = found.architecture.counts(parameters)
        fits = counts.params <= 20000 and counts.flops <= 2e6 and counts.depth <= 9 and counts.weight_bytes <= 80000
        assert found.satisfies(parameters) is fits
        inside += fits

    assert 30 < inside < 270


def test_a_broken_count_is_named_as_a_fault():
    found = space(IMAGES, "params <= 1")

    faults = found.faults(found.from_units([0.5] * found.width))

    assert faults[0].message == "breaks the constraint: params <= 1"


def test_an_identity_holds_the_network_and_everything_else():
    found = space(CELL, parameters=[{"name": "lr", "type": "float", "low": 0.0, "high": 1.0}])
    straight = cell("none", "none", "none", "conv3", "none", "none")
    detour = cell("skip", "conv1", "none", "none", "conv3", "none")

    assert found.identity(straight | {"lr": 0.1}) == found.identity(detour | {"lr": 0.1})
    assert found.identity(straight | {"lr": 0.1}) != found.identity(straight | {"lr": 0.2})


def test_a_study_may_ask_for_every_repeat_to_be_trained():
    assert space(CELL | {"duplicates": "retrain"}).identity(cell(*["conv3"] * 6)) is None


def test_a_drawing_shows_operators_shapes_and_weights():
    drawn = drawing(architecture(CELL).graph(cell("conv3", "skip", "none", "none", "conv1", "skip"))).splitlines()

    assert drawn[0].split() == ["0", "input", "3×8×8"]
    assert "conv relu kernel 3" in drawn[1]
    assert drawn[-1].startswith("params ")


def test_layers_weigh_and_cost_together_what_the_network_does():
    dice = random.Random(8)
    for _ in range(100):
        found = any_architecture(dice)
        graph = found.graph(assignment(found, dice))
        layers = layers_of(graph)
        assert sum(layer.params for layer in layers) == graph.counts.params
        assert sum(layer.flops for layer in layers) == graph.counts.flops
        assert all(layer.level > layers[i].level for layer in layers for i in layer.inputs)
        assert (layers[0].level, layers[-1].level) == (0, max(layer.level for layer in layers))
