"""scikit-learn: cross-validation in which each fold is a step, so that weak parameters are found out early.

def train(params, trial):
    return cross_validated(SVC(C=params["C"]), X, y, trial, metric="accuracy")
"""

from collections.abc import Iterable
from statistics import fmean
from typing import Any

from studyhall.trial_context import TrialContext


def cross_validated(
    estimator: Any, X: Any, y: Any, trial: TrialContext, *, metric: str, cv: Any = 5, scoring: Any = None
) -> dict[str, float]:
    """Fits and scores a clone of the estimator on each fold; ends when the trial is stopped.

    Args:
        metric: the name under which the mean score so far is reported after each fold, from step 1.
        cv, scoring: as in scikit-learn; by default five folds, and the estimator's own score.
    """
    from sklearn.base import clone, is_classifier
    from sklearn.metrics import check_scoring
    from sklearn.model_selection import check_cv
    from sklearn.utils import _safe_indexing as rows_of

    score_of, scores = check_scoring(estimator, scoring), list[float]()
    folds: Iterable[Any] = check_cv(cv, y, classifier=is_classifier(estimator)).split(X, y)
    for fold, (seen, unseen) in enumerate(folds, start=1):
        fitted = clone(estimator).fit(rows_of(X, seen), rows_of(y, seen))
        scores.append(float(score_of(fitted, rows_of(X, unseen), rows_of(y, unseen))))
        if not trial.report(fold, **{metric: fmean(scores)}):
            break
    return {metric: fmean(scores)}
