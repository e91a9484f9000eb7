"""What a batch of verbs is going to read, loaded and locked in one go: one round trip to PostgreSQL for a whole batch.

Studies are locked before anything of theirs is read. On SQLite everything is ours already.
"""

from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final

from app.storage import sql
from app.storage.statement import Ask, Row, Session


@dataclass(frozen=True, slots=True)
class Touches:
    """What a verb is going to read; whatever it reads beside this costs a round trip of its own."""

    studies: tuple[str, ...] = ()
    trials: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()
    ending: tuple[str, ...] = ()
    """Trials whose attempt it may end."""
    workers: tuple[tuple[str, str], ...] = ()
    """Workers, by (project, name)."""


NOTHING: Final = Touches()


@dataclass(slots=True)
class Prefetched:
    """Database time, and the rows as they came."""

    now: float
    studies: list[Row] = field(default_factory=list)
    trials: list[Row] = field(default_factory=list)
    """Those asked for, and those of the tokens."""
    attempts: list[Row] = field(default_factory=list)
    workers: list[Row] = field(default_factory=list)


def together(batch: Sequence[Touches]) -> Touches:
    """What several verbs are going to read, each thing once."""
    return Touches(*(tuple(dict.fromkeys(chain(*(getattr(each, name) for each in batch)))) for name in _NAMES))


def prefetch(
    session: Session, wanted: Touches, *, lone_tokens: Sequence[str], now: float | None, known: Container[str]
) -> Prefetched:
    """Loads what is wanted.

    Args:
        lone_tokens: tokens that no study's lock stands for: two servers asked with one at once would both hand out
            trials, so that PostgreSQL holds the second one up.
        known: the studies that are here already.
        now: None for the database's own time, read once everything is locked.
    """
    asks = _locks(wanted, lone_tokens, now) if session.dialect == "postgresql" else {}
    asks |= _rows(wanted)
    found = dict(zip(asks, session.gather(list(asks.values())), strict=True))
    trials = found.get("trials", []) + found.get("trials of tokens", [])
    if session.dialect == "sqlite":
        ids = list(dict.fromkeys([*wanted.studies, *(row[1] for row in trials if row[1] not in known)]))
        found["studies"] = session.rows(sql.STUDIES, {"ids": ids}) if ids else []
    return Prefetched(
        now=float(found["now"][0][0]) if now is None else now,
        studies=found.get("studies", []),
        trials=trials,
        attempts=found.get("attempts", []),
        workers=found.get("workers", []) + found.get("workers of trials", []),
    )


def _locks(wanted: Touches, lone_tokens: Sequence[str], now: float | None) -> dict[str, Ask]:
    asks: dict[str, Ask] = {}
    if lone_tokens:
        asks["tokens"] = sql.LOCK_TOKENS, {"tokens": sorted(lone_tokens)}
    if wanted.studies or wanted.trials or wanted.tokens:
        names: dict[str, Any] = {"trials": list(wanted.trials), "tokens": list(wanted.tokens)}
        asks["studies"] = sql.TOUCHED_STUDIES, names | {"ids": list(wanted.studies)}
    if now is None:
        asks["now"] = sql.NOW, {}
    return asks


def _rows(wanted: Touches) -> dict[str, Ask]:
    asks: dict[str, Ask] = {}
    if wanted.trials:
        asks["trials"] = sql.TRIALS, {"ids": list(wanted.trials)}
    if wanted.tokens:
        asks["trials of tokens"] = sql.TRIALS_OF_TOKENS, {"tokens": list(wanted.tokens)}
    if wanted.ending:
        asks["attempts"] = sql.ATTEMPTS_OF_TRIALS, {"ids": list(wanted.ending)}
        asks["workers of trials"] = sql.WORKERS_OF_TRIALS, {"ids": list(wanted.ending)}
    if wanted.workers:
        projects, names = (list(dict.fromkeys(each)) for each in zip(*wanted.workers, strict=True))
        asks["workers"] = sql.WORKERS, {"projects": projects, "names": names}
    return asks


_NAMES: Final = ("studies", "trials", "tokens", "ending", "workers")
