"""Where a worker keeps things: scratch directories of attempts, their logs, and artifacts that outlive them.

DIRECTORY/work/<trial>-<attempt>/             scratch, gone when the attempt ends
DIRECTORY/logs/<study>/<number>-<attempt>.log what it printed
DIRECTORY/spool/                              endings that could not be delivered yet
ARTIFACTS/<study>/<number>/<attempt>/<name>   what its trainable chose to keep; study and trial as the API names them
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from studyhall.wire import ClaimedTrial
from workers.messages import Kept


@dataclass(frozen=True)
class Places:
    """The directories of one worker; several workers may share them.

    Args:
        directory: scratch, logs and spool.
        artifacts: what stays.
    """

    directory: Path
    artifacts: Path

    @property
    def spool(self) -> Path:
        """Endings that wait for the server."""
        return self.directory / "spool"

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

    def keep_artifact(self, claimed: ClaimedTrial, kept: Kept) -> Path:
        """Copies a file or directory to where it stays; the same name again replaces it."""
        home = self.artifacts / claimed.study.id / str(claimed.trial.number) / str(claimed.attempt)
        target, source = home / kept.name, Path(kept.path)
        home.mkdir(parents=True, exist_ok=True)
        beside = home / f".{kept.name}"
        for old in (beside, target):
            _remove(old)
        if source.is_dir():
            shutil.copytree(source, beside)
        else:
            shutil.copyfile(source, beside)
        beside.rename(target)
        return target


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
