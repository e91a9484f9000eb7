"""One look at a study's health: what was found, what to do about it, and the trials that show it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from app.analysis.question import Question

NEEDED: Final = 30
MOST_SHOWN: Final = 50
"""Trials that are named as evidence."""


@dataclass(frozen=True, slots=True)
class Check:
    """What one look at a study found."""

    name: str
    status: str
    title: str
    advice: str
    evidence: str
    see: str
    """The analysis, or the dashboard's tab, that shows it."""
    parameter: str | None = None
    trials: tuple[int, ...] = ()
    """The numbers of some trials that are the evidence."""


def unknown(name: str, title: str, used: int, see: str, *, needed: int = NEEDED, what: str = "trials") -> Check:
    """The honest answer while there are too few trials."""
    return Check(name, "unknown", title, f"Wait for {needed} {what}.", f"{used} so far", see)


def percent(share: float) -> str:
    """A share for people."""
    return f"{100 * share:.0f} %"


def numbers(question: Question, rows: Iterable[int]) -> tuple[int, ...]:
    """The numbers of the first of some rows."""
    return tuple(question.trials.number[row] for row, _ in zip(rows, range(MOST_SHOWN), strict=False))
