import pytest
import torch
from torch import nn
from torch.nn import functional

from tests.workers.small_models import digits, trained
from workers.explanation.attacks import Range, fgsm, noise, pgd
from workers.explanation.integrated_gradients import integrated_gradients
from workers.explanation.permutation import permutation_importance

EPS = 0.1


@pytest.fixture(scope="module")
def attacked():
    rows, allowed, model = digits().validation.first(100), Range.of(digits().train.x), trained().eval()
    loss = functional.cross_entropy
    return rows, {
        "noise": noise(rows.x, EPS, allowed, seed=0),
        "fgsm": fgsm(model, rows.x, rows.y, EPS, allowed, loss=loss),
        "pgd": pgd(model, rows.x, rows.y, EPS, allowed, loss=loss),
    }


@torch.no_grad()
def accuracy(x, y):
    return float((trained()(x).argmax(1) == y).double().mean())


def test_no_attack_goes_further_than_it_may(attacked):
    rows, changed = attacked

    for x in changed.values():
        assert (x - rows.x).abs().max() <= EPS + 1e-6
        assert x.min() >= 0
        assert x.max() <= 1


def test_noise_goes_as_far_as_fgsm_does(attacked):
    rows, changed = attacked

    how_far = {name: float((x - rows.x).abs().mean()) for name, x in changed.items()}
    assert how_far["noise"] == pytest.approx(how_far["fgsm"], rel=0.25)


def test_the_stronger_the_attack_the_worse_the_model(attacked):
    rows, changed = attacked

    found = {name: accuracy(x, rows.y) for name, x in changed.items()}
    assert found["pgd"] <= found["fgsm"] < found["noise"] <= accuracy(rows.x, rows.y) + 0.02


def test_a_tables_columns_are_attacked_each_in_its_own_range():
    x = torch.tensor([[0.0, 0.0], [1.0, 1000.0]])

    changed = noise(x.mean(0, keepdim=True), 0.1, Range.of(x), seed=0)

    assert (changed - x.mean(0)).abs().tolist() == [[pytest.approx(0.1), pytest.approx(100.0)]]


def test_the_contributions_of_a_linear_model_are_its_weights_times_its_inputs():
    model = nn.Linear(3, 1)
    x = torch.tensor([[1.0, 2.0, 3.0]])

    found = integrated_gradients(lambda_module(lambda rows: model(rows)[:, 0]), x, torch.zeros(3), steps=4)

    assert torch.allclose(found.values, x * model.weight.detach(), atol=1e-6)
    assert found.completeness_error < 1e-5


def test_contributions_add_up_to_what_the_model_says():
    x = digits().validation.x[:20]

    coarse, fine = (integrated_gradients(trained(), x, torch.zeros(1, 8, 8), steps=steps) for steps in (4, 128))

    assert fine.completeness_error < 0.02 < coarse.completeness_error


def test_only_the_column_that_is_looked_at_is_important():
    x = torch.randn(300, 3, generator=torch.Generator().manual_seed(0))
    y = x[:, 1].clone()

    found = permutation_importance(lambda rows: -float((rows[:, 1] - y).square().mean()), x)

    assert found[0] == found[2] == 0
    assert found[1] > 1


def lambda_module(function):
    module = nn.Module()
    module.forward = function
    return module
