"""Plain PyTorch: a loop over epochs that reports, stops, saves and resumes.

for epoch in epochs(trial, 50, model=model, optimizer=optimizer):
    ...
    epoch.report(val_loss=loss, val_accuracy=accuracy)
"""

from collections.abc import Iterator
from typing import Any

from studyhall.trial_context import BadCheckpoint, Number, TrialContext

CHECKPOINT = "state.pt"


class Epoch:
    """One epoch, counted from 1."""

    def __init__(self, trial: TrialContext, number: int) -> None:
        self._trial, self.number, self.goes_on = trial, number, True

    def report(self, **metrics: Number) -> bool:
        """Tells metrics of this epoch; when it answers no, this epoch is the last."""
        self.goes_on = self._trial.report(self.number, **metrics)
        return self.goes_on


def epochs(trial: TrialContext, most: int, **stateful: Any) -> Iterator[Epoch]:
    """Epochs until all are done or the trial is stopped; goes on after the last checkpoint of an earlier attempt.

    Args:
        stateful: what has a `state_dict`: the model, optimizers, schedulers. It is saved when a checkpoint is wanted.

    Raises:
        BadCheckpoint: an earlier attempt saved something else.
    """
    for number in range(_restored(trial, stateful) + 1, most + 1):
        epoch = Epoch(trial, number)
        yield epoch
        if trial.wants_checkpoint:
            _save(trial, number, stateful)
        if not (epoch.goes_on and trial.check()):
            return


def _save(trial: TrialContext, epoch: int, stateful: dict[str, Any]) -> None:
    import torch

    with trial.checkpoint(epoch) as directory:
        states = {name: each.state_dict() for name, each in stateful.items()}
        torch.save({"epoch": epoch, "random": torch.get_rng_state(), "states": states}, directory / CHECKPOINT)


def _restored(trial: TrialContext, stateful: dict[str, Any]) -> int:
    if trial.resume_from is None:
        return 0
    import torch

    try:
        # Tensors and plain values only: whatever else such a file may hold is refused, and never run.
        saved = torch.load(trial.resume_from / CHECKPOINT, map_location="cpu", weights_only=True)  # noqa: TID251
        for name, each in stateful.items():
            each.load_state_dict(saved["states"][name])
        torch.set_rng_state(saved["random"])
        return int(saved["epoch"])
    except Exception as error:  # torch raises many kinds for a file that is not its own
        raise BadCheckpoint(f"the checkpoint does not fit: {error}") from error
