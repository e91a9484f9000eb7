"""Handing out trials: what the token already holds, then waiting trials, then new suggestions.

Budget, parallelism and number are decided in the transaction that makes the trial. Engines that are instant run here;
for the others the caller is told which studies want suggestions (`Handed.wanting`) and asks again when they have come.

Studies share workers by weighted turns (stride scheduling, Waldspurger and Weihl, 1995): each trial that a worker gets
without naming a study costs the study 1/priority of a turn, and the one with the fewest turns is next.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice

from app.search import registry
from app.search.engine import Engine, History, Suggestion
from app.services.fitting import WorkerLacks, lacks
from app.services.fleet import may_claim
from app.services.lookup import study_of
from app.services.moves import HEARTBEATS_PER_LEASE, new_id, start
from app.services.principal import Principal
from app.services.repeats import complete_repeat, identity_of, may_repeat
from app.services.rules import rule_of
from app.storage.domain import definition_from, trial_from
from app.storage.graves import GRAVE
from app.storage.json_text import to_text
from app.storage.prefetch import Touches
from app.storage.rows import StudyRow, TrialRow
from app.storage.transaction import Transaction
from studyhall.errors import NotFound
from studyhall.study import Algorithm, StudyDefinition
from studyhall.trial import TrialState
from studyhall.trusted import trusted
from studyhall.wire.claims import Capabilities, Claim, Claimed, ClaimedTrial, Lease, Origin, StudyBrief

MOST_REPEATS = 16
"""How many times one claim asks an instant engine again that has suggested networks with known results."""
MOST_SAVED = 1.0
"""How many turns a study that has been away, or is new, may be behind the others; a backlogged one never is by more."""
MOST_STUDIES = 64
"""How many studies one claim looks into."""


@dataclass(slots=True)
class Handed:
    """What a claim got, which studies could give more once their engine has answered, the named study's state."""

    trials: list[TrialRow] = field(default_factory=list)
    wanting: dict[str, int] = field(default_factory=dict)
    paused: int = 0
    """How many trials wait out a pause after a failure."""
    study_state: str | None = None

    @property
    def pending(self) -> int:
        """How many trials somebody who asks again may get without anybody else's doing."""
        return self.paused + sum(self.wanting.values())


@lru_cache(maxsize=4096)
def token_hash(token: str) -> str:
    """Tokens are secrets: only their hash is stored."""
    return hashlib.sha256(token.encode()).hexdigest()


def touches(principal: Principal, claim: Claim) -> Touches:
    """What a claim is going to read."""
    named = (claim.study,) if claim.study is not None and claim.study.startswith("st_") else ()
    workers = ((principal.project, claim.worker),)
    return Touches(studies=named, tokens=(token_hash(claim.token),), workers=workers)


def claim_trials(tx: Transaction, principal: Principal, claim: Claim) -> Handed:
    """One try to serve a claim; the same token again gets the same trials.

    Raises:
        NotFound: the study it names does not exist.
        WorkerAside: the worker is quarantined.
        WorkerLacks: the study it names asks for what the worker does not have.
    """
    token = token_hash(claim.token)
    held = [trial for trial in tx.trials_of_token(token) if _is_held(tx, trial)]
    if held:
        if tx.study_of(held[0]).project != principal.project:
            raise NotFound
        return Handed(held)
    handed = Handed()
    if not may_claim(tx, principal.project, claim.worker):
        return handed
    for study, due in _candidates(tx, principal, claim, handed):
        before = len(handed.trials)
        missing = claim.count - before - sum(handed.wanting.values())
        if missing <= 0:
            break
        _claim_from(tx, study, claim, token, missing, handed)
        given = len(handed.trials) - before
        if given and due is not None:
            tx.change(study, turn=max(study.turn, due - MOST_SAVED) + given / study.priority)
    return handed


def _is_held(tx: Transaction, trial: TrialRow) -> bool:
    """Whether a trial is still whoever's has its token: not given back, and not of a deleted study."""
    return (trial.result is None or TrialState(trial.state).is_final) and tx.study_of(trial).project != GRAVE


def answer(tx: Transaction, handed: Handed) -> Claimed:
    """The trials of a claim in the words of the wire."""
    return trusted(Claimed, trials=tuple(_handed_out(tx, trial) for trial in handed.trials))


def lease_of(tx: Transaction, trial: TrialRow) -> Lease:
    """What is left of a trial's lease, and how often to renew it."""
    lease_s = trial.lease_s or 0.0
    left = max(0.0, trial.expires_at - tx.now) if trial.expires_at is not None else lease_s
    return trusted(Lease, expires_in_s=round(left, 3), heartbeat_s=round(lease_s / HEARTBEATS_PER_LEASE, 3))


def room(study: StudyRow) -> int:
    """How many more trials of a study may run now."""
    return 1_000_000 if study.parallelism is None else max(0, study.parallelism - study.running)


def budget_left(study: StudyRow) -> int:
    """How many more trials may be made."""
    if study.exhausted:
        return 0
    return 1_000_000 if study.max_trials is None else max(0, study.max_trials - study.created)


def add_trial(
    tx: Transaction,
    study: StudyRow,
    suggestion: Suggestion,
    state: TrialState,
    *,
    source: str | None = None,
    at: int | None = None,
) -> TrialRow:
    """Makes a trial of a suggestion and counts it; the caller has checked that the budget has room."""
    predicted = suggestion.predicted
    trial = new_trial(tx, study, to_text(suggestion.parameters), state, source=source or suggestion.source)
    trial.why = suggestion.why
    trial.predicted = None if predicted is None else predicted.model_dump_json()
    trial.suggested_at = study.sequence if at is None else at
    trial.parent = suggestion.parent
    tx.add_trial(trial)
    tx.change(
        study,
        created=study.created + 1,
        next_number=study.next_number + 1,
        **{state.value: getattr(study, state.value) + 1},
    )
    return trial


def new_trial(
    tx: Transaction, study: StudyRow, parameters: str, state: TrialState, *, source: str, counted: bool = True
) -> TrialRow:
    """A trial's first row, with the study's next number; the caller adds and counts it."""
    return TrialRow(
        id=new_id("tr", tx.now),
        study_id=study.id,
        number=study.next_number,
        state=state.value,
        reason=None,
        failure=None,
        parameters=parameters,
        metrics=None,
        value=None,
        on_front=False,
        attempt=0,
        token=None,
        result=None,
        worker=None,
        source=source,
        predicted=None,
        why=None,
        suggested_at=None,
        parent=None,
        identity=identity_of(study, parameters),
        step=None,
        points=0,
        level=None,
        checkpoint=None,
        continues=None,
        continued_by=None,
        refused=0,
        stop_requested=None,
        retry_of=None,
        labels="{}",
        note="",
        excluded=False,
        counted=counted,
        lost=0,
        errors=0,
        not_before=None,
        expires_at=None,
        lease_s=None,
        sequence=study.sequence,
        created_at=tx.now,
        started_at=None,
        finished_at=None,
    )


def device_seconds(definition: StudyDefinition) -> float | None:
    """How long all trials of a study together may run, as far as its budget says."""
    budget = definition.budget
    in_turn = None if budget.max_seconds is None else budget.max_seconds * (definition.parallelism or 1)
    return min((limit for limit in (budget.max_device_seconds, in_turn) if limit is not None), default=None)


def seeded(study: StudyRow, definition: StudyDefinition) -> Algorithm:
    """The study's algorithm with the seed the study was given."""
    algorithm = definition.algorithm
    return trusted(Algorithm, name=algorithm.name, options=algorithm.options, seed=study.seed, ahead=None)


def _candidates(
    tx: Transaction, principal: Principal, claim: Claim, handed: Handed
) -> Iterator[tuple[StudyRow, float | None]]:
    """Studies to try one after the other, with the most turns that any study has had; None where nobody takes turns."""
    if claim.study is not None:
        study = study_of(tx, principal, claim.study, archived=True)
        handed.study_state = study.state
        if study.state == "active" and claim.capabilities is not None:
            _check_fits(claim.worker, claim.capabilities, study)
        yield study, None
        return
    capabilities, due = claim.capabilities or Capabilities(), None
    claimable = tx.claimable(principal.project)
    fitting = (id for id, definition, _ in claimable if _fits(capabilities, definition))
    # One after the other: each is locked, and the first ones may have nothing but trials in their pause.
    for id in islice(fitting, MOST_STUDIES):
        due = _most_turns(claimable, capabilities) if due is None else due
        found = tx.study(id)
        if found is not None:
            yield found, due


def _check_fits(worker: str, capabilities: Capabilities, study: StudyRow) -> None:
    """A worker that names a study is told why it gets nothing; a script that evaluates itself has no capabilities."""
    task = definition_from(study.definition).task
    if task is None:
        raise WorkerLacks(f"study '{study.name}' has no task: its trials are evaluated by scripts that ask and tell")
    if missing := lacks(capabilities, task):
        raise WorkerLacks(f"worker '{worker}' lacks what study '{study.name}' asks for: {' and '.join(missing)}")


def _fits(capabilities: Capabilities, definition: str) -> bool:
    task = definition_from(definition).task
    return task is not None and not lacks(capabilities, task)


def _most_turns(claimable: list[tuple[str, str, float]], capabilities: Capabilities) -> float:
    by_turns = sorted(claimable, key=lambda candidate: candidate[2], reverse=True)
    return next(turn for _, definition, turn in by_turns if _fits(capabilities, definition))


def _claim_from(tx: Transaction, study: StudyRow, claim: Claim, token: str, missing: int, handed: Handed) -> None:
    if study.state != "active":
        return
    missing = min(missing, room(study))
    for trial in tx.waiting(study, missing):
        if complete_repeat(tx, study, trial):
            continue
        start(tx, study, trial, worker=claim.worker, token=token, lease_s=claim.lease_s)
        handed.trials.append(trial)
        missing -= 1
    handed.paused += min(max(0, missing), study.waiting)  # who could be given has been
    missing = min(missing, budget_left(study))
    if missing <= 0 or study.state != "active":
        return
    engine = _instant_engine(study.definition)
    if engine is None:
        handed.wanting[study.id] = missing
        return
    for _ in range(MOST_REPEATS if may_repeat(study) else 1):
        missing -= _suggest_at_once(tx, study, engine, claim, token, min(missing, budget_left(study)), handed)
        if missing <= 0 or study.state != "active":
            return


def _suggest_at_once(
    tx: Transaction, study: StudyRow, engine: Engine, claim: Claim, token: str, count: int, handed: Handed
) -> int:
    """Hands out what an instant engine suggests; answers how many trials that were."""
    definition, given = definition_from(study.definition), 0
    state = TrialState.WAITING if may_repeat(study) else TrialState.RUNNING
    history = History(definition.objectives)
    for suggestion in engine(definition.space, history, count, seed=study.seed, number=study.next_number):
        trial = add_trial(tx, study, suggestion, state)
        if complete_repeat(tx, study, trial):
            continue
        start(tx, study, trial, worker=claim.worker, token=token, lease_s=claim.lease_s)
        handed.trials.append(trial)
        given += 1
    return given


@lru_cache(maxsize=256)
def _instant_engine(definition: str) -> Engine | None:
    """The engine of a study's definition where it can run here and now."""
    algorithm = definition_from(definition).algorithm
    return registry.engine(algorithm) if registry.entry(algorithm.name).instant else None


def _handed_out(tx: Transaction, trial: TrialRow) -> ClaimedTrial:
    study = tx.study_of(trial)
    definition, stopping = definition_from(study.definition), rule_of(study.definition)
    every = None if stopping is None or stopping.exploit is None else stopping.exploit.interval
    brief = trusted(
        StudyBrief,
        id=study.id,
        name=study.name,
        objectives=definition.objectives,
        seed=study.seed,
        task=definition.task,
        architecture=definition.space.architecture,
        traceparent=study.traceparent,
        keeps_checkpoints=stopping is not None,
        checkpoint_every=every,
    )
    return trusted(
        ClaimedTrial,
        trial=trial_from(trial),
        attempt=trial.attempt,
        lease=lease_of(tx, trial),
        study=brief,
        origin=_origin(tx, trial),
    )


def _origin(tx: Transaction, trial: TrialRow) -> Origin | None:
    parent = None if trial.continues is None else tx.trial(trial.continues)
    if parent is None or trial.checkpoint is None:
        return None
    return trusted(Origin, trial=parent.id, number=parent.number, step=trial.checkpoint)
