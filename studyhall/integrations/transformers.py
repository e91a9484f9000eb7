"""Hugging Face Transformers: each evaluation is a step, by the number of optimizer steps.

trainer = Trainer(model, arguments, train_dataset=..., eval_dataset=..., callbacks=[report_to(trial)])
trainer.train()
"""

from typing import Any

from studyhall.trial_context import TrialContext


def report_to(trial: TrialContext) -> Any:
    """A callback that reports the metrics of evaluations (`eval_loss`, ...) and stops with the trial."""
    from transformers import TrainerCallback

    class Reporting(TrainerCallback):  # type: ignore[misc] # transformers is not installed where types are checked
        def on_evaluate(
            self, args: Any, state: Any, control: Any, metrics: dict[str, Any] | None = None, **_: Any
        ) -> Any:
            numbers = {name: value for name, value in (metrics or {}).items() if isinstance(value, int | float)}
            if numbers and not trial.report(state.global_step, **numbers):
                control.should_training_stop = True
            return control

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
            control.should_training_stop = control.should_training_stop or not trial.check()
            return control

    return Reporting()
