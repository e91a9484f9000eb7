"""XGBoost: each boosting round is a step.

    booster = xgboost.train(params, train, num_boost_round=500, evals=[(held_out, "val")],
                            callbacks=[report_to(trial)])

A metric is reported as `DATA_METRIC`: the example above reports `val_rmse`.
"""

from typing import Any

from studyhall.trial_context import TrialContext


def report_to(trial: TrialContext, *, every: int = 1) -> Any:
    """A callback that reports each evaluation, every so many rounds, and stops with the trial."""
    from xgboost.callback import TrainingCallback

    class Reporting(TrainingCallback):  # type: ignore[misc] # xgboost ships no types that mypy could see here
        def after_iteration(self, model: Any, epoch: int, evals_log: dict[str, dict[str, list[Any]]]) -> bool:
            latest = {
                f"{data}_{name}": _value(values[-1]) for data, of in evals_log.items() for name, values in of.items()
            }
            if not latest or (epoch + 1) % every:
                return not trial.check()
            return not trial.report(epoch + 1, **latest)

    return Reporting()


def _value(found: Any) -> float:
    return float(found[0] if isinstance(found, tuple) else found)  # cross-validation tells (mean, deviation)
