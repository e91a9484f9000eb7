import copy
from typing import Any

import pytest
import torch
from torch import nn

from studyhall.trial_context import LocalTrial
from tests.workers.small_models import Own, digits, trained
from workers.compression.examples import Examples, Rows
from workers.compression.figures import count_flops, count_params, count_weight_bytes, score_of
from workers.compression.knobs import Prune
from workers.compression.pruning import prune
from workers.compression.shapes import fit_shapes

QUICK: dict[str, Any] = {"steps": 2, "finetune_epochs": 0, "last_epochs": 0, "target": 0.3}


def pruned(**knobs):
    return prune(trained(), Prune(**{**QUICK, **knobs}), digits(), trial=LocalTrial(), seed=1)


@pytest.mark.parametrize("criterion", ["l1", "l2", "taylor", "lamp", "fpgm", "random"])
def test_every_criterion_lands_within_ten_percent_below_the_target(criterion):
    found = pruned(criterion=criterion)

    assert found.reached
    assert 0.27 <= count_params(found.model) / count_params(trained()) <= 0.3


def test_the_target_may_be_in_flops_or_bytes():
    flops = count_flops(pruned(measure="flops").model, digits().train.x)
    weight_bytes = count_weight_bytes(pruned(measure="bytes", target=6000.0).model)

    assert 0.25 <= flops / count_flops(trained(), digits().train.x) <= 0.3
    assert 5000 <= weight_bytes <= 6000


def test_channels_under_a_threshold_go_until_the_target():
    found = pruned(method="threshold", threshold=0.3, steps=20)

    assert found.reached
    assert 0.2 <= count_params(found.model) / count_params(trained()) <= 0.3


def test_finetuning_brings_the_accuracy_back():
    without, tuned = pruned(), pruned(finetune_epochs=1, last_epochs=2)

    assert score_of(tuned.model, digits()) > max(0.85, score_of(without.model, digits()))
    assert tuned.epochs == 4


def test_a_round_that_falls_below_the_floor_is_undone():
    found = pruned(min_score=0.999)

    assert found.rolled_back
    assert not found.reached
    assert count_params(found.model) == count_params(trained())


def test_the_model_that_is_pruned_stays_as_it_was():
    before = copy.deepcopy(trained().state_dict())

    pruned()

    assert all(torch.equal(value, before[name]) for name, value in trained().state_dict().items())


def test_the_importance_of_every_channel_is_reported_and_how_many_are_left():
    found = {each.layer: each for each in pruned().importance}

    assert len(found["body.4"].importance) == 24
    assert found["body.4"].left == pruned().model.get_submodule("body.4").out_channels < 24


def test_no_layer_gets_narrower_than_the_floor():
    found = pruned(target=0.001, min_channels=5)

    assert not found.reached
    assert {each.left for each in found.importance} == {5}


def test_a_layer_that_cannot_be_cut_is_left_alone():
    class Stubborn(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = nn.Linear(64, 32), nn.Linear(32, 10)
            self.free = nn.Linear(64, 16)
            self.join = nn.Linear(16, 32)

        def forward(self, x):
            x = x.flatten(1)
            return self.last(self.first(x).reshape(-1, 32) + self.join(torch.relu(self.free(x))))

    model = Stubborn()
    found = prune(model, Prune(**QUICK), digits(), trial=LocalTrial(), seed=0)

    assert found.model(digits().train.x[:3]).shape == (3, 10)
    assert count_params(found.model) < count_params(model)


def test_pruned_weights_are_loaded_into_a_fresh_model():
    smaller, fresh = pruned().model, Own()

    fit_shapes(fresh, smaller.state_dict()).load_state_dict(smaller.state_dict())

    rows = digits().validation.x[:5]
    assert torch.equal(fresh.eval()(rows), smaller(rows))


def test_what_a_recurrent_layer_reads_is_left_alone():
    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.look, self.read, self.say = nn.Conv1d(8, 12, 3), nn.GRU(12, 6, batch_first=True), nn.Linear(6, 10)

        def forward(self, x):
            return self.say(self.read(self.look(x.flatten(1, 2)).transpose(1, 2))[0][:, -1])

    model = Recurrent()
    found = prune(model, Prune(**QUICK), digits(), trial=LocalTrial(), seed=0)

    assert found.model(digits().train.x[:3]).shape == (3, 10)
    assert not found.reached


def test_a_regression_is_pruned_too():
    class Values(nn.Sequential):
        def forward(self, x):
            return super().forward(x)[:, 0]

    x = torch.randn(200, 5, generator=torch.Generator().manual_seed(0))
    rows = Rows(x, x[:, 0] * 10)
    model = Values(nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, 1))

    found = prune(
        model,
        Prune(**{**QUICK, "last_epochs": 30, "lr": 0.05, "criterion": "taylor"}),
        Examples(rows, rows, "regression"),
        trial=LocalTrial(),
        seed=0,
    )

    assert found.reached
    assert score_of(found.model, Examples(rows, rows, "regression")) > 0.9
