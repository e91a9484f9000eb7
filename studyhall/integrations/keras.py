"""Keras: each epoch is a step.

model.fit(x, y, validation_split=0.2, epochs=50, callbacks=[report_to(trial)])
"""

from typing import Any

from studyhall.trial_context import TrialContext


def report_to(trial: TrialContext) -> Any:
    """A callback that reports an epoch's logs (`loss`, `val_loss`, ...) and stops with the trial."""
    from keras.callbacks import Callback

    class Reporting(Callback):  # type: ignore[misc] # keras ships no types
        def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
            if logs and not trial.report(epoch + 1, **logs):
                self.model.stop_training = True

        def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
            if not trial.check():
                self.model.stop_training = True

    return Reporting()
