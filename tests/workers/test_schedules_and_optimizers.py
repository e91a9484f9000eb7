import pytest
import torch
from torch import nn

from workers.trainables.networks import CNN, MLP
from workers.trainables.optimizers import _MAKERS, OptimizerParameters, make_optimizers
from workers.trainables.schedules import ScheduleParameters, schedule_factor

SCHEDULES = ["none", "cosine", "onecycle", "linear", "step"]


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("steps", [1, 2, 7, 100])
def test_a_factor_stays_between_nothing_and_all(schedule, steps):
    factor = schedule_factor(ScheduleParameters(schedule=schedule, warmup=0.1), steps)

    assert all(0 <= factor(step) <= 1 for step in range(steps))


def test_onecycle_is_what_torch_computes():
    weight = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=1.0, momentum=0.9)
    theirs = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=11)
    ours = schedule_factor(ScheduleParameters(schedule="onecycle"), 11)

    for step in range(10):
        assert ours(step) == pytest.approx(theirs.get_last_lr()[0], rel=1e-6, abs=1e-9)
        optimizer.step()
        theirs.step()


def test_warm_up_rises_to_the_full_rate():
    factor = schedule_factor(ScheduleParameters(schedule="none", warmup=0.5), 10)

    assert [factor(step) for step in range(6)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, 1.0])


def test_step_divides_by_ten_twice():
    factor = schedule_factor(ScheduleParameters(schedule="step"), 9)

    assert [factor(step) for step in (0, 3, 8)] == pytest.approx([1, 0.1, 0.01])


@pytest.mark.parametrize("name", [*_MAKERS, "muon"])
def test_every_optimizer_learns_to_fit_a_line(name):
    torch.manual_seed(0)
    model = MLP(inputs=2, outputs=1, depth=2, width=16).build()
    lr = {"adadelta": 1.0, "sgd": 0.05, "asgd": 0.05, "adagrad": 0.05}.get(name, 0.01)
    optimizers = make_optimizers(model, OptimizerParameters(optimizer=name, lr=lr))
    x = torch.randn(64, 2)
    y = x.sum(1, keepdim=True)

    losses = []
    for _ in range(150):
        loss = nn.functional.mse_loss(model(x), y)
        losses.append(loss.item())
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()

    assert losses[-1] < 0.2 * losses[0]


@pytest.mark.parametrize("name", [*_MAKERS, "muon"])
def test_every_weight_is_optimized_exactly_once(name):
    model = CNN(channels=1, side=8, outputs=10, depth=2, width=4).build()

    optimizers = make_optimizers(model, OptimizerParameters(optimizer=name))

    found = [weight for each in optimizers for group in each.param_groups for weight in group["params"]]
    assert sorted(map(id, found)) == sorted(map(id, model.parameters()))


def test_biases_and_normalisation_do_not_decay():
    model = CNN(channels=1, side=8, outputs=10, depth=2, width=4).build()

    (optimizer,) = make_optimizers(model, OptimizerParameters(optimizer="adamw", weight_decay=0.1))

    decays = {weight.ndim >= 2: group["weight_decay"] for group in optimizer.param_groups for weight in group["params"]}
    assert decays == {True: 0.1, False: 0.0}


def test_plain_sgd_with_nesterov_asked_for_is_plain_sgd():
    model = MLP(inputs=2, outputs=1, depth=1, width=4).build()

    (optimizer,) = make_optimizers(model, OptimizerParameters(optimizer="sgd", momentum=0.0, nesterov=True))

    assert optimizer.defaults["nesterov"] is False


def test_muon_takes_the_hidden_matrices_of_an_mlp():
    model = MLP(inputs=2, outputs=1, depth=3, width=4).build()

    adamw, muon = make_optimizers(model, OptimizerParameters(optimizer="muon"))

    assert [tuple(weight.shape) for weight in muon.param_groups[0]["params"]] == [(4, 4), (4, 4)]
    assert isinstance(adamw, torch.optim.AdamW)
