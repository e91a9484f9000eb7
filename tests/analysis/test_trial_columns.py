"""Trials in columns: ranks and shares."""

import pytest

from app.analysis.series import curves_wanted
from app.analysis.trial_columns import edf, parallel, rank
from studyhall.study import Objective
from tests.analysis.studies import SQUARE, question, trials


def test_ranks_go_from_best_to_worst_and_equals_share_theirs() -> None:
    values = iter([3.0, 1.0, 1.0, 2.0])
    made = trials(SQUARE, lambda _: next(values), 4)

    assert rank(question(SQUARE, made)).columns["rank"] == pytest.approx([1.0, 1 / 6, 1 / 6, 2 / 3])


def test_the_share_of_trials_that_are_at_least_as_good_grows_to_one() -> None:
    values = iter([3.0, 1.0, 2.0, 2.0])
    made = trials(SQUARE, lambda _: next(values), 4)

    found = edf(question(SQUARE, made, objectives=[Objective(metric="loss", goal="maximize")]))

    assert found.columns["value"] == [3.0, 2.0, 2.0, 1.0]
    assert found.columns["share"] == [0.25, 0.75, 0.75, 1.0]


def test_columns_are_thinned_out_evenly_and_keep_absent_values() -> None:
    found = parallel(question(SQUARE, trials(SQUARE, lambda p: p["x"], 1000), max_points=100))

    assert len(found.columns["number"]) == 100
    assert found.columns["number"][-1] == 999
    assert found.columns.keys() >= {"parameters.x", "parameters.kind", "metrics.loss"}


def test_the_curves_shown_are_of_those_that_run_the_best_and_some_of_the_others() -> None:
    rows = [(n, "pruned" if n % 2 else "completed", None if n % 2 else float(n), None) for n in range(1000)]

    chosen = curves_wanted(rows, [1001, 1002], "minimize")

    assert {0, 2, 4, 1001, 1002} <= set(chosen)
    assert any(n % 2 for n in chosen if n < 1000)
    assert len(chosen) <= 120
