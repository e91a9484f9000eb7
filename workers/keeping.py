"""Where a worker keeps things: scratch directories of attempts and their logs here, what outlives them in a store.

Below DIRECTORY:

    work/<trial>-<attempt>/             scratch, gone when the attempt ends
    work/<trial>-<attempt>.lock         held by the worker whose attempt it is: by this others know that it lives
    logs/<study>/<number>-<attempt>.log what it printed
    spool/                              endings that could not be delivered yet
"""

import fcntl
import os
import platform
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from studyhall.trial import Measurement
from studyhall.wire.claims import ClaimedTrial
from workers.checkpoints import Checkpoints, Resumed
from workers.messages import Kept, Saved
from workers.store import Store

DAY_S: Final = 86400.0
LONGEST_TRIAL_DAYS: Final = 31.0
"""A task may take 30 days at most: what nothing has touched for longer was left by a killed worker of any machine."""


@dataclass(frozen=True)
class Scratch:
    """The directory of one attempt, for as long as its worker lives and the attempt runs."""

    path: Path
    lock: IO[str]

    def remove(self) -> None:
        """Removes it, and lets the lock go."""
        shutil.rmtree(self.path, ignore_errors=True)
        Path(self.lock.name).unlink(missing_ok=True)
        self.lock.close()


@dataclass(frozen=True)
class Places:
    """The directory of one worker, which several may share, and the store of all."""

    directory: Path
    store: Store

    def scratch(self, claimed: ClaimedTrial) -> Scratch:
        """An empty private directory for one attempt."""
        path = self.directory / "work" / f"{claimed.trial.id}-{claimed.attempt}"
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = _held(path.with_name(f"{path.name}.lock"))
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(mode=0o700)
        (path / "tmp").mkdir()
        return Scratch(path, lock)

    def log(self, claimed: ClaimedTrial) -> Path:
        """The file for what one attempt prints."""
        return self.directory / "logs" / claimed.study.id / f"{claimed.trial.number}-{claimed.attempt}.log"

    def clear(self) -> None:
        """Removes what workers that were killed on this machine have left behind; what a living one holds stays."""
        for lock in (self.directory / "work").glob("*.lock"):
            if (abandoned := _abandoned(lock)) is not None:
                Scratch(lock.with_suffix(""), abandoned).remove()

    def forget_old(self, days: float) -> None:
        """Removes logs of so many days, and scratch directories that no trial can be using any more.

        What a living worker of this machine holds stays, however old it looks: a clock may have been set.
        """
        now = time.time()
        for log in _older(self.directory / "logs", "*/*.log", now - days * DAY_S):
            log.unlink(missing_ok=True)
        for scratch in _older(self.directory / "work", "*", now - max(days, LONGEST_TRIAL_DAYS) * DAY_S):
            if _is_in_use(scratch if scratch.suffix == ".lock" else scratch.with_name(f"{scratch.name}.lock")):
                continue
            shutil.rmtree(scratch, ignore_errors=True)
            if scratch.suffix == ".lock":
                scratch.unlink(missing_ok=True)

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


def _held(path: Path) -> IO[str]:
    while True:
        lock = path.open("a", encoding="utf-8")
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _is_at(lock, path):
            lock.truncate(0)
            lock.write(platform.node())
            lock.flush()
            return lock
        lock.close()  # somebody was just clearing it away


def _abandoned(path: Path) -> IO[str] | None:
    """The lock of a worker of this machine that is dead, now ours; None: it lives, or is of another machine.

    Locks of another machine are not asked for: on a shared directory they may be invisible here.
    """
    try:
        lock = path.open("r+", encoding="utf-8")
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if lock.read() == platform.node() and _is_at(lock, path):
            return lock
    except OSError:
        pass
    lock.close()
    return None


def _is_in_use(path: Path) -> bool:
    try:
        with path.open("r+", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def _is_at(lock: IO[str], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(lock.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _older(directory: Path, pattern: str, before: float) -> Iterator[Path]:
    for path in directory.glob(pattern):
        try:
            if path.stat().st_mtime < before:
                yield path
        except FileNotFoundError:  # several workers share a directory
            continue
