"""LightGBM: each boosting round is a step.

    booster = lightgbm.train(params, train, num_boost_round=500, valid_sets=[held_out], valid_names=["val"],
                             callbacks=[report_to(trial)])

A metric is reported as `DATA_METRIC`: the example above reports `val_l2`.
"""

from collections.abc import Callable
from typing import Any

from studyhall.trial_context import TrialContext


def report_to(trial: TrialContext, *, every: int = 1) -> Callable[[Any], None]:
    """A callback that reports each evaluation, every so many rounds, and stops with the trial."""

    def reporting(env: Any) -> None:
        from lightgbm.callback import EarlyStopException

        found = {f"{data}_{metric}".replace(" ", "_"): value for data, metric, value, *_ in env.evaluation_result_list}
        step = env.iteration + 1
        goes_on = trial.report(step, **found) if found and step % every == 0 else trial.check()
        if not goes_on:
            raise EarlyStopException(env.iteration, env.evaluation_result_list)

    reporting.order = 20  # type: ignore[attr-defined] # LightGBM's: after the evaluation, before early stopping
    return reporting
