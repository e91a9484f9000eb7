"""Checkpoints of trials: what an attempt saves, and what a later attempt, perhaps on another machine, resumes from.

A checkpoint is a directory of the trainable's with a manifest beside its files: whose it is, what it consists of, and
the curve up to it, so that the next attempt's curve is whole.
"""

import hashlib
import logging
import shutil
from pathlib import Path
from typing import Final, NamedTuple

from pydantic import ValidationError

from studyhall.trial import Measurement
from studyhall.wire.claims import ClaimedTrial
from studyhall.words import Word
from workers.store import MANIFEST, Store

logger = logging.getLogger(__name__)

KEPT: Final = 2
"""The last one, and the one before in case the last one is damaged."""
MOST_MEASUREMENTS: Final = 100_000


class Manifest(Word):
    """What a checkpoint says of itself."""

    trial: str
    attempt: int
    step: int
    elapsed_s: float
    """How long the trial had trained, over all its attempts."""
    files: dict[str, str]
    """The SHA-256 of each file."""
    measurements: tuple[Measurement, ...] = ()


class Resumed(NamedTuple):
    """A checkpoint on this machine, and what is known of it."""

    directory: Path
    manifest: Manifest


class Checkpoints:
    """The checkpoints of one trial in a store, and those of the trial that it continues."""

    def __init__(self, store: Store, claimed: ClaimedTrial) -> None:
        self._store, self._claimed = store, claimed
        self._home = _home(claimed, claimed.trial.number)

    def save(self, directory: Path, step: int, curve: tuple[Measurement, ...], elapsed_s: float) -> None:
        """Keeps a directory as the checkpoint after a step, and forgets all but the last ones of this attempt.

        Raises:
            OSError: the store cannot take it.
        """
        manifest = Manifest(
            trial=self._claimed.trial.id,
            attempt=self._claimed.attempt,
            step=step,
            elapsed_s=elapsed_s,
            files=_hashes(directory),
            measurements=curve[-MOST_MEASUREMENTS:],
        )
        (directory / MANIFEST).write_text(manifest.to_json(), "utf-8")
        self._store.put(f"{self._home}/{step}-{self._claimed.attempt}", directory)
        own = [name for name in self._newest_first(self._home) if _attempt_of(name) == self._claimed.attempt]
        for name in own[KEPT:]:
            self._store.remove(f"{self._home}/{name}")

    def fetch(self, target: Path) -> Resumed | None:
        """Brings the newest whole checkpoint here, of this trial or else of its origin; None if there is none.

        What another trial's parameters have measured is not part of this one's curve.
        """
        claimed = self._claimed
        own = self._fetch(target, self._home, claimed.trial.id) if claimed.attempt > 1 else None
        if own is not None or claimed.origin is None:
            return own
        found = self._fetch(target, _home(claimed, claimed.origin.number), claimed.origin.trial)
        if found is None:
            logger.warning("trial %s begins anew: its origin's checkpoint is gone", claimed.trial.id)
        elif claimed.trial.source == "exploit":
            return found._replace(manifest=found.manifest.model_copy(update={"measurements": ()}))
        return found

    def forget(self) -> None:
        """Removes them all: the trial has a result. Also those of the stopped trial that went on as this one."""
        self._store.remove(self._home)
        if self._claimed.origin is not None and self._claimed.trial.source == "revived":
            self._store.remove(_home(self._claimed, self._claimed.origin.number))

    def _fetch(self, target: Path, home: str, trial: str) -> Resumed | None:
        for name in self._newest_first(home):
            shutil.rmtree(target, ignore_errors=True)
            try:
                self._store.get(f"{home}/{name}", target)
                return Resumed(target, _checked(target, trial))
            except (OSError, ValueError) as error:
                logger.warning("checkpoint %s of trial %s is not used: %s", name, trial, error)
        shutil.rmtree(target, ignore_errors=True)
        return None

    def _newest_first(self, home: str) -> list[str]:
        found = [name for name in self._store.names(home) if _is_name(name)]
        return sorted(found, key=lambda name: tuple(map(int, name.split("-"))), reverse=True)


def _home(claimed: ClaimedTrial, number: int) -> str:
    return f"{claimed.study.id}/{number}/checkpoints"


def _checked(directory: Path, trial: str) -> Manifest:
    try:
        manifest = Manifest.model_validate_json((directory / MANIFEST).read_bytes(), extra="ignore")
    except ValidationError as error:
        raise ValueError("its manifest cannot be read") from error
    if manifest.trial != trial:
        raise ValueError(f"it belongs to trial {manifest.trial}")
    (directory / MANIFEST).unlink()
    if _hashes(directory) != manifest.files:
        raise ValueError("its files are not those it was made of")
    return manifest


def _hashes(directory: Path) -> dict[str, str]:
    found = {}
    for path in sorted(directory.rglob("*")):
        if path.is_symlink():
            raise ValueError(f"'{path.name}' is a link; a checkpoint holds files only")
        if path.is_file() and path != directory / MANIFEST:
            with path.open("rb") as file:
                found[path.relative_to(directory).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def _is_name(name: str) -> bool:
    step, _, attempt = name.partition("-")
    return step.isdecimal() and attempt.isdecimal()


def _attempt_of(name: str) -> int:
    return int(name.partition("-")[2])
