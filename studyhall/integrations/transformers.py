"""Hugging Face Transformers: each evaluation is a step, by the number of optimizer steps.

trainer = Trainer(model, arguments, train_dataset=..., eval_dataset=..., callbacks=[report_to(trial)])
trainer.train(resume_from_checkpoint=resume_path(trial))
"""

import shutil
from pathlib import Path
from typing import Any

from studyhall.trial_context import TrialContext, metric_name


def report_to(trial: TrialContext) -> Any:
    """A callback that reports the metrics of evaluations, saves when asked, and stops with the trial."""
    from transformers import TrainerCallback

    class Reporting(TrainerCallback):  # type: ignore[misc] # transformers is not installed where types are checked
        def on_evaluate(
            self, args: Any, state: Any, control: Any, metrics: dict[str, Any] | None = None, **_: Any
        ) -> Any:
            numbers = {
                metric_name(name): value for name, value in (metrics or {}).items() if isinstance(value, int | float)
            }
            if numbers and not trial.report(state.global_step, **numbers):
                control.should_training_stop = control.should_save = True
            return control

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
            control.should_save = control.should_save or trial.wants_checkpoint
            control.should_training_stop = control.should_training_stop or not trial.check()
            return control

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            saved = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            if trial.wants_checkpoint and saved.is_dir():
                with trial.checkpoint(state.global_step) as directory:
                    shutil.copytree(saved, directory, dirs_exist_ok=True)

    return Reporting()


def resume_path(trial: TrialContext) -> str | None:
    """What to pass as `resume_from_checkpoint`: where an earlier attempt at this trial had come, or None."""
    return None if trial.resume_from is None else str(trial.resume_from)
