"""Where a worker keeps things: scratch directories of attempts and their logs here, what outlives them in a store.

Below DIRECTORY:

    work/<trial>-<attempt>/             scratch, gone when the attempt ends
    logs/<study>/<number>-<attempt>.log what it printed
    spool/                              endings that could not be delivered yet
"""

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from studyhall.trial import Measurement
from studyhall.wire import ClaimedTrial
from workers.checkpoints import Checkpoints, Resumed
from workers.messages import Kept, Saved
from workers.store import Store

DAY_S: Final = 86400.0
LONGEST_TRIAL_DAYS: Final = 31.0
"""A task may take 30 days at most: what nothing has touched for longer was left by a killed worker."""


@dataclass(frozen=True)
class Places:
    """The directory of one worker, which several may share, and the store of all."""

    directory: Path
    store: Store

    def scratch(self, claimed: ClaimedTrial) -> Path:
        """An empty private directory for one attempt."""
        path = self.directory / "work" / f"{claimed.trial.id}-{claimed.attempt}"
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True, mode=0o700)
        (path / "tmp").mkdir()
        return path

    def log(self, claimed: ClaimedTrial) -> Path:
        """The file for what one attempt prints."""
        return self.directory / "logs" / claimed.study.id / f"{claimed.trial.number}-{claimed.attempt}.log"

    def forget_old(self, days: float) -> None:
        """Removes logs of so many days, and scratch directories that no trial can be using any more."""
        now = time.time()
        for log in _older(self.directory / "logs", "*/*.log", now - days * DAY_S):
            log.unlink(missing_ok=True)
        for scratch in _older(self.directory / "work", "*", now - max(days, LONGEST_TRIAL_DAYS) * DAY_S):
            shutil.rmtree(scratch, ignore_errors=True)

    def checkpoints(self, claimed: ClaimedTrial) -> Checkpoints:
        """The checkpoints of one trial, from whichever attempt."""
        return Checkpoints(self.store, claimed)

    def resumed(self, claimed: ClaimedTrial, scratch: Path) -> Resumed | None:
        """The checkpoint to go on from, brought here; a first attempt has none unless it continues another trial."""
        return self.checkpoints(claimed).fetch(scratch / "resume")

    def inherited(self, claimed: ClaimedTrial, scratch: Path) -> Path | None:
        """What the last attempt at the trial's parent has kept, brought here; None: there is no parent, or nothing."""
        parent = claimed.trial.parent
        home = None if parent is None else self.last_attempt(claimed.study.id, parent)
        if home is None:
            return None
        self.store.get(home, scratch / "parent")
        return scratch / "parent"

    def last_attempt(self, study: str, number: int) -> str | None:
        """The key below which the last attempt at a trial that has kept something has it."""
        attempts = [int(name) for name in self.store.names(f"{study}/{number}") if name.isdecimal()]
        return f"{study}/{number}/{max(attempts)}" if attempts else None


class AttemptKeeping:
    """Takes artifacts and checkpoints of one attempt out of its scratch directory."""

    def __init__(self, places: Places, claimed: ClaimedTrial) -> None:
        self._store, self._checkpoints = places.store, places.checkpoints(claimed)
        self._home = f"{claimed.study.id}/{claimed.trial.number}/{claimed.attempt}"

    def keep(self, kept: Kept) -> None:
        """Keeps an artifact; the same name again replaces it."""
        self._store.put(f"{self._home}/{kept.name}", Path(kept.path))

    def save(self, saved: Saved, curve: tuple[Measurement, ...]) -> None:
        """Keeps a checkpoint with the curve up to it."""
        directory = Path(saved.path)
        up_to = tuple(measurement for measurement in curve if measurement.step <= saved.step)
        self._checkpoints.save(directory, saved.step, up_to, saved.elapsed_s)
        shutil.rmtree(directory, ignore_errors=True)


def _older(directory: Path, pattern: str, before: float) -> Iterator[Path]:
    for path in directory.glob(pattern):
        try:
            if path.stat().st_mtime < before:
                yield path
        except FileNotFoundError:  # several workers share a directory
            continue
