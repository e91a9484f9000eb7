"""What a loop computes reaches the trial step by step, and a stopped trial ends it; see `test_frameworks.py` too."""

import pytest
import torch
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from studyhall.integrations import sklearn
from studyhall.integrations.torch import epochs
from studyhall.trial_context import BadCheckpoint, LocalTrial


def trial_that_stops_at(step=None, **given):
    return LocalTrial(tell=lambda now, _: step is None or now < step, **given)


def test_each_fold_of_scikit_learn_is_a_step():
    X, y = load_wine(return_X_y=True)
    trial = trial_that_stops_at()

    found = sklearn.cross_validated(make_pipeline(StandardScaler(), LogisticRegression()), X, y, trial, metric="score")

    assert [step for step, _ in trial.reports] == [1, 2, 3, 4, 5]
    assert trial.reports[-1][1] == found
    assert found["score"] > 0.95


def test_no_fold_is_fitted_after_the_stop():
    X, y = load_wine(return_X_y=True)
    trial = trial_that_stops_at(2)

    sklearn.cross_validated(LogisticRegression(max_iter=5000), X, y, trial, metric="score", scoring="accuracy")

    assert len(trial.reports) == 2


class Line:
    """A training of one weight, as plain PyTorch code has it."""

    def __init__(self):
        torch.manual_seed(0)
        self.model = torch.nn.Linear(1, 1)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=0.1)

    def train(self, trial, most):
        for epoch in epochs(trial, most, model=self.model, optimizer=self.optimizer):
            loss = ((self.model(torch.ones(1, 1)) - 3) ** 2).sum()
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            epoch.report(loss=loss)


def test_a_plain_loop_resumes_as_if_it_had_never_stopped():
    whole, first = trial_that_stops_at(), trial_that_stops_at(4)
    Line().train(whole, 8)

    Line().train(first, 8)
    second = trial_that_stops_at(resume_from=first.checkpoint_dir / "step-4")
    Line().train(second, 8)

    assert first.reports + second.reports == whole.reports


def test_a_checkpoint_of_something_else_is_a_bad_one(tmp_path):
    (tmp_path / "state.pt").write_bytes(b"no tensors")

    with pytest.raises(BadCheckpoint):
        Line().train(trial_that_stops_at(resume_from=tmp_path), 2)
