"""What of the past is forgotten: logs and artifacts of trials that ended long ago, but not those of the best.

Trials, their measurements and their attempts stay for good: they are small, and the search learns from them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

from app.storage import output, reader
from app.storage.database import Database
from app.storage.domain import definition_from

DAY_S: Final = 86400.0
PAGE: Final = 500
"""Trials whose outputs are forgotten in one transaction."""


@dataclass(frozen=True)
class Retention:
    """How long outputs are kept after a trial's end, in days; None: for good.

    Args:
        archive_days: from a study's end until it is put away.
        studies_days: from there until it is deleted.
        best: how many of the best trials of each study keep theirs however old they are; with several objectives, all
            on the front do.
    """

    artifacts_days: float | None = None
    logs_days: float | None = None
    archive_days: float | None = None
    studies_days: float | None = None
    best: int = 1


async def forget_outputs(database: Database, retention: Retention, now: float) -> dict[str, int]:
    """Forgets what has outlived its time; of how many trials, by kind."""
    ages: tuple[tuple[Literal["artifacts", "logs"], float | None], ...] = (
        ("artifacts", retention.artifacts_days),
        ("logs", retention.logs_days),
    )
    return {
        kind: await _forget(database, kind, before=now - days * DAY_S, best=retention.best)
        for kind, days in ages
        if days is not None
    }


async def _forget(database: Database, kind: Literal["artifacts", "logs"], *, before: float, best: int) -> int:
    spared: dict[str, set[str]] = {}
    after, forgotten = "", 0
    while page := await database.read(partial(output.outlived, kind=kind, before=before, after=after, limit=PAGE)):
        unknown = {study for _, study in page} - spared.keys()
        spared |= await database.read(partial(_best_of, studies=unknown, best=best))
        trials = [trial for trial, study in page if trial not in spared[study]]
        if trials:
            await database.write(partial(output.forget, kind=kind, trials=trials))
        after, forgotten = page[-1][0], forgotten + len(trials)
    return forgotten


def _best_of(connection: reader.Connection, *, studies: Iterable[str], best: int) -> dict[str, set[str]]:
    """The trials of each study whose outputs are spared."""
    found = {}
    for study in studies:
        row = reader.study_by_id(connection, study)
        goal = "minimize" if row is None else definition_from(row.definition).objectives[0].goal
        found[study] = output.best_of(connection, study, goal=goal, limit=best)
    return found
