"""Batch normalisation, which asks for two values or more of each channel in every batch."""

from collections.abc import Iterator
from contextlib import contextmanager

from studyhall.trial_context import TrialContext


@contextmanager
def normalising(trial: TrialContext) -> Iterator[None]:
    """Where a network trains.

    Raises:
        Infeasible: a batch gives a normalisation one value only.
    """
    try:
        yield
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):  # torch says it so, and has no class for it
            raise
        raise trial.infeasible(
            "batch normalisation cannot learn from a single row: batch_size must be 2 or more, and so must the rows to "
            "train on"
        ) from error
