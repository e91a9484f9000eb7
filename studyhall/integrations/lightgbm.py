"""LightGBM: each boosting round is a step.

    booster = lightgbm.train(params, train, num_boost_round=rounds_left(trial, 500), valid_sets=[held_out],
                             valid_names=["val"], init_model=resume_path(trial), callbacks=[report_to(trial)])

A metric is reported as `DATA_METRIC`: the example above reports `val_l2`; `ndcg@5` is `val_ndcg_5`.
"""

from collections.abc import Callable
from typing import Any

from studyhall.trial_context import TrialContext, metric_name

CHECKPOINT = "booster.txt"


def report_to(trial: TrialContext, *, every: int = 1) -> Callable[[Any], None]:
    """A callback that reports each evaluation, every so many rounds, saves when asked, and stops with the trial."""

    def reporting(env: Any) -> None:
        from lightgbm.callback import EarlyStopException

        found = {metric_name(f"{data}_{metric}"): value for data, metric, value, *_ in env.evaluation_result_list}
        step = env.iteration + 1
        goes_on = trial.report(step, **found) if found and step % every == 0 else trial.check()
        if trial.wants_checkpoint:
            with trial.checkpoint(step) as directory:
                env.model.save_model(directory / CHECKPOINT)
        if not goes_on:
            raise EarlyStopException(env.iteration, env.evaluation_result_list)

    reporting.order = 20  # type: ignore[attr-defined] # LightGBM's: after the evaluation, before early stopping
    return reporting


def resume_path(trial: TrialContext) -> str | None:
    """What to pass as `init_model`: where an earlier attempt at this trial had come, or None."""
    return None if trial.resume_from is None else str(trial.resume_from / CHECKPOINT)


def rounds_left(trial: TrialContext, most: int) -> int:
    """What to pass as `num_boost_round`, so that all attempts together have so many."""
    if trial.resume_from is None:
        return most
    from lightgbm import Booster

    return max(0, most - int(Booster(model_file=resume_path(trial)).current_iteration()))
