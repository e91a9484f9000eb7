"""Endings that could not be delivered, on disk until they can: a result outlives an outage and the worker's own crash.

Whoever finds an entry may deliver it, and twice does no harm: its token names its effect.
"""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self

from pydantic import model_validator

from studyhall.errors import StudyhallError, TooMuch
from studyhall.home import write_private
from studyhall.trial import Measurement
from studyhall.wire.claims import Claimed, Complete, Fail, Infeasible, Release, Report
from studyhall.words import Word
from workers.server import TEMPORARY, Patience, Server

logger = logging.getLogger(__name__)

AT_ONCE: Final = 1000
"""As many measurements as one request may carry."""
SPOOLED_MEASUREMENTS: Final = 100_000


class Ending(Word):
    """How a trial ended, with the measurements that the server may not have; exactly one of the four is there."""

    trial: str
    measurements: tuple[Measurement, ...] = ()
    complete: Complete | None = None
    infeasible: Infeasible | None = None
    fail: Fail | None = None
    release: Release | None = None

    @classmethod
    def of(
        cls, trial: str, told: Complete | Infeasible | Fail | Release, measurements: tuple[Measurement, ...]
    ) -> Self:
        """The ending that this request tells."""
        return cls.model_validate({"trial": trial, "measurements": measurements, _FIELDS[type(told)]: told})

    @property
    def told(self) -> Complete | Infeasible | Fail | Release:
        """The one that is there."""
        (found,) = self._there()
        return found

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if len(self._there()) != 1:
            raise ValueError("an ending says how the trial ended, once")
        return self

    def _there(self) -> list[Complete | Infeasible | Fail | Release]:
        return [told for told in (self.complete, self.infeasible, self.fail, self.release) if told is not None]


_FIELDS: Final[dict[type[Word], str]] = {
    Complete: "complete",
    Infeasible: "infeasible",
    Fail: "fail",
    Release: "release",
}


async def deliver(server: Server, ending: Ending) -> Claimed | None:
    """Tells the server once; answers the next trial if the ending claims one and there is one.

    Raises:
        StudyhallError: the server is away, or it does not want to know.
    """
    told, rest = ending.told, ending.measurements
    room = AT_ONCE if isinstance(told, Complete) else 0
    while len(rest) > room:
        report = Report(attempt=told.attempt, token=told.token, measurements=rest[:AT_ONCE])
        try:
            await server.report(ending.trial, report)
        except TooMuch:
            rest = ()
            break
        rest = rest[AT_ONCE:]
    if isinstance(told, Complete):
        told = told.model_copy(update={"measurements": rest})
    return await server.end(ending.trial, told)


class Spool:
    """A directory of endings, and the one that delivers them.

    Args:
        directory: may be shared by several workers.
    """

    def __init__(self, directory: Path, server: Server, *, patience: Callable[[], Patience] = Patience) -> None:
        self._directory, self._server, self._patience = directory, server, patience
        self._news = asyncio.Event()
        self._news.set()  # a worker before this one may have left something

    def put(self, ending: Ending) -> None:
        """Writes an ending so that it survives a crash of the machine; on a full disk the trial will be run again."""
        # The next trial is claimed in a request of its own: an answer to this one comes when nobody waits for it.
        complete = ending.complete and ending.complete.model_copy(update={"claim": None})
        kept = ending.measurements[:SPOOLED_MEASUREMENTS]
        text = ending.model_copy(update={"complete": complete, "measurements": kept}).to_json()
        try:
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_private(self._directory / f"{ending.trial}-{ending.told.attempt}.json", text)
        except OSError as error:
            logger.error("the ending of trial %s is lost, as its server is away: %s", ending.trial, error)
        self._news.set()

    def waiting(self) -> list[Path]:
        """What is still to be delivered, oldest first."""
        return sorted(self._directory.glob("[!.]*.json"), key=lambda path: path.stat().st_mtime)

    async def empty(self) -> None:
        """Delivers what is there and what will come; runs until it is cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            for path in self.waiting():
                await self._deliver(path)

    async def _deliver(self, path: Path) -> None:
        ending, patience = _read(path), self._patience()
        while ending is not None:
            try:
                await deliver(self._server, ending)
                break
            except TEMPORARY as error:
                await patience.pause(error)
            except StudyhallError as error:
                logger.warning("trial %s: the server refuses its ending: %s", ending.trial, error)
                break
        _remove(path)


def _read(path: Path) -> Ending | None:
    try:
        return Ending.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None  # another worker was faster
    except ValueError:
        logger.warning("%s is no ending and is put aside", path)
        path.rename(path.with_suffix(".damaged"))
        return None


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
