"""What a network inherits from the one that it descends from."""

import asyncio
import random

import pytest
import torch
from torch import nn

from studyhall.trial_context import LocalTrial
from tests.architecture.spaces import CELL, any_architecture, architecture, assignment
from tests.workers.conftest import at_work, task
from tests.workers.fake_server import FakeServer
from workers.networks.build import build
from workers.networks.inheriting import inherit, paired
from workers.trainables.registry import TRAINABLES

CHAIN = {
    "input": [1, 8, 8],
    "output": 3,
    "body": [
        {"name": "a", "op": "conv", "out": {"choice": [4, 8]}, "kernel": {"choice": [3, 5]}},
        {"name": "b", "op": "mbconv", "out": {"choice": [4, 8]}, "expand": 2, "skip": False},
        {"name": "c", "op": "se", "optional": True},
        {"op": "gap"},
    ],
}


def graph(**values):
    """A network of the chain; what is not given is the smallest there is."""
    chosen = {"a.out": 4, "a.kernel": 3, "b.out": 4, "c.on": False} | values
    return architecture(CHAIN).graph({f"arch.{name}": value for name, value in chosen.items()})


def trained(network: nn.Module) -> nn.Module:
    """Like one that was trained: no number, and no running statistic, is what it begins with."""
    for tensor in network.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand(tensor.shape) + 0.5)
    return network.eval()


def test_the_same_network_inherits_everything():
    parent = trained(build(graph()))
    child = build(graph()).eval()

    assert inherit(child, parent) == 1.0
    x = torch.randn(2, 1, 8, 8)
    assert torch.equal(child(x), parent(x))


@pytest.mark.parametrize(
    "change", [{"a.out": 8}, {"a.kernel": 5}, {"b.out": 8}, {"a.out": 8, "a.kernel": 5, "b.out": 8}]
)
def test_a_child_that_only_grew_computes_what_its_parent_computes(change):
    torch.manual_seed(1)
    parent = trained(build(graph()))
    child = build(graph(**change)).eval()

    share = inherit(child, parent)

    x = torch.randn(4, 1, 8, 8)
    assert 0 < share < 1
    assert torch.allclose(child(x), parent(x), rtol=1e-4, atol=1e-5)


def test_a_layer_in_between_leaves_the_others_their_weights():
    parent, child = graph(), graph(**{"c.on": True})

    found = {child.nodes[i].op: parent.nodes[j].op for i, j in paired(child, parent)}

    assert found == {op: op for op in ("input", "conv", "mbconv", "gap", "head")}


def test_a_narrower_child_takes_the_first_channels():
    parent, child = trained(build(graph(**{"a.out": 8}))), build(graph())

    inherit(child, parent)

    first = "operators.1.0.weight"
    assert torch.equal(child.state_dict()[first], parent.state_dict()[first][:4])


def test_any_network_of_a_space_may_inherit_from_any_other():
    dice = random.Random(21)
    for _ in range(60):
        space = any_architecture(dice)
        child, parent = (build(space.graph(assignment(space, dice))) for _ in range(2))
        trained(parent)

        assert 0.0 <= inherit(child, parent) <= 1.0
        assert child.eval()(torch.randn(3, *space.input)).isfinite().all()


def test_isomorphic_networks_inherit_everything_from_each_other():
    found = architecture(CELL)
    edges = dict.fromkeys((f"arch.cell.e{ij}" for ij in ("01", "02", "12", "03", "13", "23")), "none")
    one = found.graph(edges | {"arch.cell.e01": "conv3", "arch.cell.e13": "skip"})
    other = found.graph(edges | {"arch.cell.e02": "conv3", "arch.cell.e23": "skip"})

    assert inherit(build(other), trained(build(one))) == 1.0


def test_a_trial_starts_from_what_its_parent_has_kept():
    first = LocalTrial(settings={"dataset": "digits"})
    TRAINABLES["image_classifier"]({"network": "mlp", "epochs": 6, "width": 16, "lr": 0.01}, first)

    second = LocalTrial(settings={"dataset": "digits"}, inherit_from=first.artifacts["model"].parent)
    metrics = TRAINABLES["image_classifier"]({"network": "mlp", "epochs": 1, "width": 24, "lr": 0.003}, second)

    assert 0 < metrics["inherited"] < 1
    assert second.reports[0][1]["val_accuracy"] > first.reports[0][1]["val_accuracy"] + 0.1


def test_a_parent_without_a_model_is_said_and_does_not_end_the_trial(tmp_path, capsys):
    trial = LocalTrial(settings={"dataset": "digits"}, inherit_from=tmp_path)

    metrics = TRAINABLES["image_classifier"]({"epochs": 1, "width": 4}, trial)

    assert "inherited" not in metrics
    assert "the weights of the parent are not used" in capsys.readouterr().out


def test_a_worker_brings_what_the_parent_of_a_trial_has_kept(configuration):
    async def scene():
        server = FakeServer()
        server.add(task("keeps_a_file"))
        child = server.add(task("reads_what_it_inherits"), parent=0)
        async with at_work(configuration, server):
            return await server.ended(child)

    assert asyncio.run(scene()).metrics == {"loss": 4.0}  # the length of "kept"


def test_a_trial_whose_parent_has_kept_nothing_starts_afresh(configuration):
    async def scene():
        server = FakeServer()
        child = server.add(task("reads_what_it_inherits"), parent=7)
        async with at_work(configuration, server):
            return await server.ended(child)

    assert asyncio.run(scene()).metrics == {"loss": 0.0}
