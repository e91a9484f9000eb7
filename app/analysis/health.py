"""The health of a study: checks, each with plain advice, the evidence for it, and where to see it.

A check has a status: `good`, `look` (worth a look), `act` (something is wrong), or `unknown` (too few trials to say).
"""

from collections.abc import Callable
from dataclasses import fields
from typing import Final

from app.analysis.health_check import Check
from app.analysis.health_of_space import budget, losing_choices, space_edges, wide_ranges
from app.analysis.health_of_trials import calibrated, failures, noise_against_differences, stalled, stopping
from app.analysis.question import Column, Finding, Question

LOOKS: Final[tuple[Callable[[Question], list[Check]], ...]] = (
    failures,
    noise_against_differences,
    space_edges,
    wide_ranges,
    losing_choices,
    budget,
    calibrated,
    stalled,
    stopping,
)


def health(question: Question) -> Finding:
    """What is wrong with a study, and what to do about it; the most urgent first."""
    checks = [found for look in LOOKS for found in look(question)]
    order = {"act": 0, "look": 1, "unknown": 2, "good": 3}
    checks.sort(key=lambda check: order[check.status])
    columns: dict[str, Column] = {each.name: [getattr(check, each.name) for check in checks] for each in fields(Check)}
    worst = checks[0].status if checks else "unknown"
    return Finding(columns, len(question.completed), facts={"worst": worst})
