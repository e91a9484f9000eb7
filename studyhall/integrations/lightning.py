"""Lightning: each validation is a step, by the number of the epoch; within epochs, by that of the optimizer's steps.

trainer = Trainer(max_epochs=50, callbacks=[report_to(trial)])
trainer.fit(model, data, ckpt_path=resume_path(trial))
"""

from typing import Any

from studyhall.trial_context import TrialContext, metric_name

CHECKPOINT = "lightning.ckpt"


def report_to(trial: TrialContext) -> Any:
    """A callback that reports what the model logged, saves when a checkpoint is wanted, and stops with the trial."""
    from lightning.pytorch.callbacks import Callback

    class Reporting(Callback):  # type: ignore[misc] # lightning is not installed where types are checked
        def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
            if trainer.sanity_checking:
                return
            step = trainer.global_step if _validates_within_epochs(trainer) else trainer.current_epoch + 1
            metrics = {metric_name(name): value for name, value in trainer.callback_metrics.items()}
            goes_on = trial.report(step, **metrics) if metrics else trial.check()
            if trial.wants_checkpoint:
                with trial.checkpoint(step) as directory:
                    trainer.save_checkpoint(directory / CHECKPOINT)
            trainer.should_stop = trainer.should_stop or not goes_on

    return Reporting()


def _validates_within_epochs(trainer: Any) -> bool:
    """By `val_check_interval`: an epoch has several validations then, or a validation several epochs."""
    return trainer.check_val_every_n_epoch is None or trainer.val_check_batch < trainer.num_training_batches


def resume_path(trial: TrialContext) -> str | None:
    """What to pass as `ckpt_path`: where an earlier attempt at this trial had come, or None."""
    return None if trial.resume_from is None else str(trial.resume_from / CHECKPOINT)
