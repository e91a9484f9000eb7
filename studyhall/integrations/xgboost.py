"""XGBoost: each boosting round is a step.

    booster = xgboost.train(params, train, num_boost_round=rounds_left(trial, 500), evals=[(held_out, "val")],
                            xgb_model=resume_path(trial), callbacks=[report_to(trial)])

A metric is reported as `DATA_METRIC`: the example above reports `val_rmse`; `ndcg@5` is `val_ndcg_5`.
"""

from typing import Any

from studyhall.trial_context import TrialContext, metric_name

CHECKPOINT = "booster.ubj"


def report_to(trial: TrialContext, *, every: int = 1) -> Any:
    """A callback that reports each evaluation, every so many rounds, saves when asked, and stops with the trial."""
    from xgboost.callback import TrainingCallback

    class Reporting(TrainingCallback):  # type: ignore[misc] # xgboost ships no types that mypy could see here
        def after_iteration(self, model: Any, epoch: int, evals_log: dict[str, dict[str, list[Any]]]) -> bool:
            latest = {
                metric_name(f"{data}_{name}"): _value(values[-1])
                for data, of in evals_log.items()
                for name, values in of.items()
            }
            done = model.num_boosted_rounds()  # `epoch` counts from 0 again after a resume
            told = latest and done % every == 0
            goes_on = trial.report(done, **latest) if told else trial.check()
            if not hasattr(
                model, "save_model"
            ):  # the boosters of a cross-validation, which asks where to cut its curves
                model.set_attr(best_iteration=str(epoch))
            elif trial.wants_checkpoint:
                with trial.checkpoint(done) as directory:
                    model.save_model(directory / CHECKPOINT)
            return not goes_on

    return Reporting()


def resume_path(trial: TrialContext) -> str | None:
    """What to pass as `xgb_model`: where an earlier attempt at this trial had come, or None."""
    return None if trial.resume_from is None else str(trial.resume_from / CHECKPOINT)


def rounds_left(trial: TrialContext, most: int) -> int:
    """What to pass as `num_boost_round`, so that all attempts together have so many."""
    if trial.resume_from is None:
        return most
    from xgboost import Booster

    return max(0, most - int(Booster(model_file=resume_path(trial)).num_boosted_rounds()))


def _value(found: Any) -> float:
    return float(found[0] if isinstance(found, tuple) else found)  # cross-validation tells (mean, deviation)
