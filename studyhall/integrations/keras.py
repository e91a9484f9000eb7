"""Keras: each epoch is a step.

model, done = resumed(trial, build)
model.fit(x, y, validation_split=0.2, initial_epoch=done, epochs=50, callbacks=[report_to(trial)])
"""

from collections.abc import Callable
from typing import Any

from studyhall.trial_context import TrialContext, metric_name

CHECKPOINT = "model.keras"
DONE = "epochs"


def report_to(trial: TrialContext) -> Any:
    """A callback that reports an epoch's logs, saves when a checkpoint is wanted, and stops with the trial."""
    from keras.callbacks import Callback

    class Reporting(Callback):  # type: ignore[misc] # keras ships no types
        def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
            told = {metric_name(name): value for name, value in (logs or {}).items()}
            if told and not trial.report(epoch + 1, **told):
                self.model.stop_training = True
            if trial.wants_checkpoint:
                with trial.checkpoint(epoch + 1) as directory:
                    self.model.save(directory / CHECKPOINT)
                    (directory / DONE).write_text(str(epoch + 1))

        def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
            if not trial.check():
                self.model.stop_training = True

    return Reporting()


def resumed(trial: TrialContext, build: Callable[[], Any]) -> tuple[Any, int]:
    """The compiled model of an earlier attempt at this trial and the epochs it had done; else a new one and 0."""
    if trial.resume_from is None:
        return build(), 0
    from keras.models import load_model

    return load_model(trial.resume_from / CHECKPOINT), int((trial.resume_from / DONE).read_text())
