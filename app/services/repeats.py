"""Networks that are known already: a suggestion that is the same network as a completed trial gets its result.

Engines avoid repeats among what they know. What is left comes from engines that look at nothing (random), from
fallbacks, and from results that came while a suggestion waited; so it is looked for when a trial is about to start.
People's own trials, and retries, run: whoever asks for a second run shall have it.
"""

import json

from app.services.moves import move, score, settle
from app.storage.domain import definition_from
from app.storage.rows import StudyRow, TrialRow
from app.storage.transaction import Transaction
from studyhall.trial import TrialState

SUGGESTED = ("model", "initial", "fallback")


def may_repeat(study: StudyRow) -> bool:
    """Whether different assignments of a study's space may mean one network, and one run of it is enough."""
    architecture = definition_from(study.definition).space.architecture
    return architecture is not None and architecture.duplicates == "reuse"


def complete_repeat(tx: Transaction, study: StudyRow, trial: TrialRow) -> bool:
    """Completes a waiting trial whose network, with the same other parameters, has a result; False when it must run."""
    if trial.identity is None or trial.source not in SUGGESTED or trial.attempt > 0 or not may_repeat(study):
        return False
    known = tx.twin(study, trial.identity)
    if known is None or known.metrics is None:
        return False
    reason = f"the same network as trial {known.number}: its result is reused"
    decided = score(tx, study, trial, json.loads(known.metrics))
    move(
        tx, study, trial, TrialState.COMPLETED, event="trial.completed", reason=reason, metrics=known.metrics,
        finished_at=tx.now, **decided,
    )  # fmt: skip
    tx.change(study, last_result=study.sequence)
    settle(tx, study)
    return True


def identity_of(study: StudyRow, parameters: str) -> str | None:
    """What a trial's parameters, as JSON, come to in the space of its study; None where every trial is its own."""
    space = definition_from(study.definition).space
    if space.architecture is None:
        return None
    try:
        return space.identity(json.loads(parameters))
    except KeyError:  # the partial parameters of an imported trial
        return None
