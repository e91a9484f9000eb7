"""What a worker tells about a trial it holds: measurements, heartbeats, and how it ended.

Every verb is judged by (trial, attempt, token, state) under the study's lock, never by a clock: a lease that has run
out but was not taken away yet is renewed, and a worker that comes back before anybody else has claimed its trial gets
it back. The same words again change nothing and get the same answer; other words after the end are refused.

Why a returning worker is taken back (and not only its result): an outage longer than the lease would otherwise kill
work that nobody else has begun. The fence is the attempt number: once the trial is claimed again, the old token is
refused for ever.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from app.services.claiming import answer as claim_answer
from app.services.claiming import claim_trials, lease_of, room, token_hash
from app.services.fleet import WorkerAside
from app.services.lookup import trial_of
from app.services.moves import SAVING, fail, finish, move, reopen_attempt, requeue, score
from app.services.principal import Principal
from app.services.stopping import judge
from app.storage.domain import definition_from, trial_from
from app.storage.json_text import from_text, to_text
from app.storage.prefetch import Touches
from app.storage.rows import MeasurementRow, StudyRow, TrialRow
from app.storage.transaction import Transaction
from studyhall.errors import (
    FieldError,
    InvalidInput,
    MeasurementConflict,
    StaleLease,
    StudyhallError,
    TooMuch,
    TrialFinished,
)
from studyhall.trial import Measurement, Trial, TrialState
from studyhall.trusted import trusted
from studyhall.wire.claims import (
    Claim,
    Claimed,
    Complete,
    Completed,
    Fail,
    Heartbeat,
    Infeasible,
    Release,
    Report,
    Told,
)

MOST_POINTS = 100_000
KEPT_MESSAGE = 16_384
KEPT_REFUSALS = 10

Ended = Complete | Infeasible | Fail | Release


def touches(trial_id: str, tell: Report | Heartbeat | Ended) -> Touches:
    """What a worker's word is going to read."""
    claim = tell.claim if isinstance(tell, Complete) else None
    return Touches(
        trials=(trial_id,),
        tokens=() if claim is None else (token_hash(claim.token),),
        ending=() if isinstance(tell, Report | Heartbeat) else (trial_id,),
    )


def report(tx: Transaction, principal: Principal, trial_id: str, told: Report) -> Told:
    """Keeps measurements, renews the lease, and says whether to go on.

    Raises:
        StaleLease, TrialFinished: the attempt does not hold the trial any more.
        MeasurementConflict: a step was reported before with another value.
        TooMuch: the attempt has reported all the steps it may.
    """
    study, trial = _held(tx, principal, trial_id, told.attempt, told.token)
    news = _news(tx, trial, told.measurements)
    _revive(tx, study, trial)
    _renew(tx, trial)
    _keep(tx, study, trial, news)
    _keep_checkpoint(tx, study, trial, told.checkpoint)
    judge(tx, study, trial, [*news.added.values(), *news.merged.values()])
    return _directive(tx, study, trial)


def heartbeat(tx: Transaction, principal: Principal, trial_id: str, told: Heartbeat) -> Told:
    """Renews the lease, and says whether to go on.

    Raises:
        StaleLease, TrialFinished: the attempt does not hold the trial any more.
    """
    study, trial = _held(tx, principal, trial_id, told.attempt, told.token)
    _revive(tx, study, trial)
    _renew(tx, trial)
    return _directive(tx, study, trial)


def complete(tx: Transaction, principal: Principal, trial_id: str, told: Complete) -> Completed | StudyhallError:
    """Edges c and d: accepts the final metrics, and hands out the next trial if asked to.

    Returns: the stored trial; or the refusal of a late result, as a value, because it leaves a trace to commit.
    """
    study, trial = trial_of(tx, principal, trial_id)
    told_before = _repeated(trial, told)
    if not told_before:
        refusal = _refusal(trial, told.attempt, told.token)
        if refusal is not None:
            return _refuse(tx, study, trial, told, refusal)
        _check_objectives(study, told)
        news = _news(tx, trial, told.measurements)
        _keep(tx, study, trial, news)
        judge(tx, study, trial, [*news.added.values(), *news.merged.values()], is_over=True)
        _keep_checkpoint(tx, study, trial, told.checkpoint)
        to = TrialState.PRUNED if told.pruned else TrialState.COMPLETED
        decided = {} if told.pruned else score(tx, study, trial, told.metrics)
        finish(
            tx, study, trial, to, outcome=to.value, metrics=to_text(told.metrics), result=_fingerprint(told),
            reason=trial.stop_requested if told.pruned else None, **decided,
        )  # fmt: skip
    return trusted(Completed, trial=trial_from(trial), claimed=_next(tx, principal, study, trial, told))


def infeasible(tx: Transaction, principal: Principal, trial_id: str, told: Infeasible) -> Trial:
    """Edge e: this configuration cannot work.

    Raises:
        StaleLease, TrialFinished: the attempt does not hold the trial any more.
    """
    study, trial = trial_of(tx, principal, trial_id)
    if not _repeated(trial, told):
        _check_held(trial, told.attempt, told.token)
        finish(
            tx, study, trial, TrialState.INFEASIBLE, outcome="infeasible", reason=told.reason, result=_fingerprint(told)
        )
    return trial_from(trial)


def fail_trial(tx: Transaction, principal: Principal, trial_id: str, told: Fail) -> Trial:
    """Edge f, or h while retries are left.

    Raises:
        StaleLease, TrialFinished: the attempt does not hold the trial any more.
    """
    study, trial = trial_of(tx, principal, trial_id)
    if not _repeated(trial, told):
        _check_held(trial, told.attempt, told.token)
        message = told.message if len(told.message) <= KEPT_MESSAGE else "[…] " + told.message[-KEPT_MESSAGE:]
        fail(tx, study, trial, kind=told.kind, message=message, result=_fingerprint(told))
    return trial_from(trial)


def release(tx: Transaction, principal: Principal, trial_id: str, told: Release) -> Trial:
    """Edge h: the worker gives the trial back; it costs neither budget nor a retry.

    Raises:
        StaleLease, TrialFinished: the attempt does not hold the trial any more.
    """
    study, trial = trial_of(tx, principal, trial_id)
    if not _repeated(trial, told):
        _check_held(trial, told.attempt, told.token)
        reason = told.reason or "released by its worker"
        if trial.stop_requested is not None or study.state not in ("active", "paused"):
            ended_by = trial.stop_requested or study.reason
            end = partial(finish, outcome="released", reason=ended_by, result=_fingerprint(told))
            end(tx, study, trial, TrialState.CANCELLED)
        elif trial.state == TrialState.RUNNING:
            requeue(tx, study, trial, outcome="released", reason=reason, result=_fingerprint(told))
    return trial_from(trial)


def _held(tx: Transaction, principal: Principal, trial_id: str, attempt: int, token: str) -> tuple[StudyRow, TrialRow]:
    study, trial = trial_of(tx, principal, trial_id)
    _check_held(trial, attempt, token)
    return study, trial


def _check_held(trial: TrialRow, attempt: int, token: str) -> None:
    refusal = _refusal(trial, attempt, token)
    if refusal is not None:
        raise refusal


def _refusal(trial: TrialRow, attempt: int, token: str) -> StudyhallError | None:
    if TrialState(trial.state).is_final:
        return TrialFinished(
            f"the trial is {trial.state}" + (f" ({trial.reason})" if trial.reason else "") + " and its result stands"
        )
    if trial.attempt != attempt or trial.token != token_hash(token) or trial.result is not None:
        return StaleLease()
    return None


def _revive(tx: Transaction, study: StudyRow, trial: TrialRow) -> None:
    """Takes back a worker whose lease had run out, when neither its trial nor its place has been given away since.

    Raises:
        StaleLease: as many trials run as may.
    """
    if trial.state != TrialState.WAITING:
        return
    if room(study) < 1:
        raise StaleLease
    reopen_attempt(tx, study, trial)
    move(tx, study, trial, TrialState.RUNNING, event="trial.resumed", reason=None, failure=None, not_before=None)


def _renew(tx: Transaction, trial: TrialRow) -> None:
    tx.change(trial, expires_at=tx.now + (trial.lease_s or 0.0))


def _directive(tx: Transaction, study: StudyRow, trial: TrialRow) -> Told:
    stop = trial.stop_requested
    give_back = "the study is paused" if study.state == "paused" and study.reason == SAVING else None
    return trusted(
        Told,
        directive="continue" if stop is None else "stop",
        reason=stop,
        give_back=give_back,
        lease=lease_of(tx, trial),
    )


@dataclass(slots=True)
class _News:
    """What measurements add: new steps, and steps that got another metric. Mere repetition adds nothing."""

    added: dict[int, MeasurementRow] = field(default_factory=dict)
    merged: dict[int, MeasurementRow] = field(default_factory=dict)


def _news(tx: Transaction, trial: TrialRow, told: Sequence[Measurement]) -> _News:
    news = _News()
    if not told:
        return news
    steps = [measurement.step for measurement in told]
    known = {} if trial.step is None or min(steps) > trial.step else tx.measured(trial, steps)
    stored = {step: from_text(row.metrics) for step, row in known.items()}
    for index, measurement in enumerate(told):
        before = stored.get(measurement.step, {})
        _check_same(before, measurement, index)
        after = before | measurement.metrics
        if after != before:
            rows = news.merged if measurement.step in known else news.added
            text = to_text(after)
            rows[measurement.step] = MeasurementRow(
                trial.id, trial.attempt, measurement.step, text, measurement.elapsed_s
            )
            stored[measurement.step] = after
    if trial.points + len(news.added) > MOST_POINTS:
        raise TooMuch(f"a trial keeps at most {MOST_POINTS} steps; report fewer")
    return news


def _check_same(before: dict[str, float], measurement: Measurement, index: int) -> None:
    for name, value in measurement.metrics.items():
        if name in before and before[name] != value:
            at = FieldError(
                f"/measurements/{index}/metrics/{name}", f"step {measurement.step} was reported as {before[name]!r}"
            )
            raise MeasurementConflict(errors=[at])


def _keep(tx: Transaction, study: StudyRow, trial: TrialRow, news: _News) -> None:
    for row in news.added.values():
        tx.add_measurement(row)
    for row in news.merged.values():
        tx.change(row, metrics=row.metrics)
    if news.added or news.merged:
        last = -1 if trial.step is None else trial.step
        step = max(last, *news.added, *news.merged)
        begun = trial.checkpoint or 0 if trial.step is None else trial.step
        tx.change(study, steps=study.steps + max(0, step - begun))
        tx.change(trial, step=step, points=trial.points + len(news.added))
        tx.touch(study, trial)


def _keep_checkpoint(tx: Transaction, study: StudyRow, trial: TrialRow, step: int | None) -> None:
    if step is not None and (trial.checkpoint is None or step > trial.checkpoint):
        tx.change(trial, checkpoint=step)
        tx.touch(study, trial)


def _check_objectives(study: StudyRow, told: Complete) -> None:
    if told.pruned:
        return
    missing = [o.metric for o in definition_from(study.definition).objectives if o.metric not in told.metrics]
    if missing:
        errors = [FieldError(f"/metrics/{name}", "missing: the study's objective") for name in missing]
        raise InvalidInput("the final metrics must hold every objective", errors=errors)


def _fingerprint(told: Ended) -> str:
    said = told.model_dump_json(exclude={"attempt", "token", "claim", "measurements", "checkpoint"})
    return hashlib.sha256(f"{type(told).__name__}:{said}".encode()).hexdigest()


def _repeated(trial: TrialRow, told: Ended) -> bool:
    """Whether exactly this was said before and accepted."""
    return (
        trial.result is not None
        and trial.attempt == told.attempt
        and trial.token == token_hash(told.token)
        and trial.result == _fingerprint(told)
    )


def _refuse(
    tx: Transaction, study: StudyRow, trial: TrialRow, told: Complete, refusal: StudyhallError
) -> StudyhallError:
    # Kept for people to see, never used by the engine.
    if trial.refused < KEPT_REFUSALS:
        tx.change(trial, refused=trial.refused + 1)
        tx.record(study, "trial.refused", trial, attempt=told.attempt, metrics=told.metrics, code=refusal.code)
    return refusal


def _next(tx: Transaction, principal: Principal, study: StudyRow, trial: TrialRow, told: Complete) -> Claimed | None:
    if told.claim is None:
        return None
    worker = told.claim.worker or trial.worker or "unnamed"
    claim = trusted(
        Claim,
        token=told.claim.token,
        worker=worker,
        study=study.id,
        count=1,
        wait_s=0.0,
        lease_s=told.claim.lease_s,
        capabilities=None,
    )
    try:
        handed = claim_trials(tx, principal, claim)
    except WorkerAside:  # it gets no other trial, but what it has finished counts
        return None
    return claim_answer(tx, handed) if handed.trials else None
