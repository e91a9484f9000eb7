"""The same numbers as others: Optuna's evaluators, scikit-learn's partial dependence, scipy's statistics."""

from typing import Any

import numpy as np
import optuna
import pytest
from optuna._hypervolume import compute_hypervolume
from optuna.importance import FanovaImportanceEvaluator, PedAnovaImportanceEvaluator
from scipy import stats
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.inspection import partial_dependence as by_sklearn

from app.analysis.dependence import partial_dependence
from app.analysis.forest import fit
from app.analysis.fronts import dominated_volume, pareto
from app.analysis.importance import importance
from app.analysis.progress import rank_correlation, wilson
from app.analysis.question import Question
from app.analysis.trial_columns import edf, rank
from studyhall.study import Objective
from tests.analysis.studies import SQUARE, question, trials

UNIT = optuna.distributions.FloatDistribution(0.0, 1.0)
DISTRIBUTIONS = {"x": UNIT, "y": UNIT, "kind": optuna.distributions.CategoricalDistribution(["a", "b"])}
MADE = trials(SQUARE, lambda p: {"loss": p["x"] ** 2 + 0.3 * p["y"], "gain": p["y"] - p["x"]}, 600)
BOTH = (Objective(metric="loss"), Objective(metric="gain", goal="maximize"))


def in_optuna(*metrics: str) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    maximize, minimize = optuna.study.StudyDirection.MAXIMIZE, optuna.study.StudyDirection.MINIMIZE
    study = optuna.create_study(directions=[maximize if metric == "gain" else minimize for metric in metrics])
    for parameters, told in zip(MADE.parameters, MADE.metrics, strict=True):
        values = [told[metric] for metric in metrics]
        study.add_trial(optuna.create_trial(params=parameters, distributions=DISTRIBUTIONS, values=values))
    return study


def shares(asked: Question) -> dict[str, float]:
    columns = importance(asked).columns
    return dict(zip(columns["parameter"], columns["importance"], strict=True))


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.parametrize(
    ("method", "evaluator", "apart"),
    [("fanova", FanovaImportanceEvaluator(seed=1), 0.03), ("ped_anova", PedAnovaImportanceEvaluator(), 0.12)],
    ids=["fanova", "ped_anova"],
)
def test_importance_is_what_optuna_finds(method: str, evaluator: Any, apart: float) -> None:
    theirs = evaluator.evaluate(in_optuna("loss"))

    ours = shares(question(SQUARE, MADE, method=method))

    total = sum(theirs.values())
    assert sorted(ours, key=ours.__getitem__) == sorted(theirs, key=theirs.__getitem__)
    assert ours == pytest.approx({name: share / total for name, share in theirs.items()}, abs=apart)


def test_the_front_is_optunas_front() -> None:
    columns = pareto(question(SQUARE, MADE, objectives=BOTH)).columns

    ours = [number for number, is_there in zip(columns["number"], columns["on_front"], strict=True) if is_there]
    assert ours == sorted(trial.number for trial in in_optuna("loss", "gain").best_trials)


@pytest.mark.parametrize("objectives", [2, 3])
def test_a_volume_is_optunas_volume(objectives: int) -> None:
    losses = np.random.default_rng(objectives).random((60, objectives))
    reference = np.full(objectives, 1.1)

    assert dominated_volume(losses, reference) == pytest.approx(compute_hypervolume(losses, reference))


def test_a_partial_dependence_is_scikit_learns_over_the_same_forest() -> None:
    asked = question(SQUARE, MADE, method="forest", parameters=("x",))
    ours = partial_dependence(asked)
    forest = fit(asked.places(asked.completed), asked.losses(asked.completed))

    class Fitted(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
        def fit(self, X: Any, y: Any) -> Any:
            return self

        def __sklearn_is_fitted__(self) -> bool:
            return True

        def predict(self, X: Any) -> Any:
            return forest.each(X).mean(axis=0)

    grid = np.array(ours.columns["place"])
    theirs = by_sklearn(Fitted(), asked.places(asked.completed), [0], custom_values={0: grid}, method="brute")

    # Ours averages over 150 of the 600 trials.
    assert ours.columns["mean"] == pytest.approx(theirs["average"][0], abs=0.02)


def test_shares_and_ranks_are_scipys() -> None:
    losses = [told["loss"] for told in MADE.metrics]

    found = edf(question(SQUARE, MADE))

    assert found.columns["share"] == pytest.approx(stats.ecdf(losses).cdf.evaluate(found.columns["value"]))
    assert rank(question(SQUARE, MADE)).columns["rank"] == pytest.approx((stats.rankdata(losses) - 1) / 599)


def test_a_rank_correlation_with_equals_is_scipys() -> None:
    a, b = np.random.default_rng(1).integers(0, 5, size=(2, 40)).astype(float)

    assert rank_correlation(a, b) == pytest.approx(stats.spearmanr(a, b).statistic)


def test_an_interval_of_a_share_is_scipys() -> None:
    theirs = stats.binomtest(17, 20).proportion_ci(0.9, method="wilson")

    assert wilson(0.85, 20) == pytest.approx((theirs.low, theirs.high), abs=1e-4)
