"""What people do with trials: queue, import, stop, cancel, retry, note, correct, exclude."""

from app.search.random import draw
from app.services.claiming import budget_left, new_trial
from app.services.lookup import study_of, trial_of
from app.services.moves import cancel_one_waiting, finish, rescore, score, settle
from app.services.principal import Principal
from app.storage.domain import definition_from, trial_from
from app.storage.json_text import from_text, to_text
from app.storage.rows import AttemptRow, MeasurementRow, StudyRow, TrialRow
from app.storage.transaction import Transaction
from studyhall.errors import (
    BudgetExhausted,
    Conflict,
    FieldError,
    InvalidInput,
    SpaceInfeasible,
    StudyEnded,
    TrialFinished,
    VersionConflict,
)
from studyhall.space import Space
from studyhall.study import StudyDefinition
from studyhall.trial import Trial, TrialState
from studyhall.wire.studies import PatchTrial, QueueTrial, QueueTrials
from studyhall.words import Parameters

_COMPLETIONS = 2000


class NotRunning(Conflict):
    """The trial is not running; only a running trial can be asked to stop."""

    code = "not-running"


def queue_trials(tx: Transaction, principal: Principal, name: str, request: QueueTrials) -> list[Trial]:
    """Queues trials to run, or imports finished ones; all or none.

    Raises:
        InvalidInput: parameters outside the space, an imported trial without its objectives.
        BudgetExhausted: more to run than the budget has left.
        StudyEnded: trials to run for a study that has ended.
    """
    study = study_of(tx, principal, name)
    definition = definition_from(study.definition)
    checked = [_checked(study, definition, item, index) for index, item in enumerate(request.trials)]
    to_run = sum(item.state == "waiting" for item in request.trials)
    if to_run and study.state not in ("active", "paused"):
        raise StudyEnded(f"the study is {study.state}; resume it before queueing trials")
    if to_run > budget_left(study):
        raise BudgetExhausted(f"the budget has room for {budget_left(study)} more trials, not for {to_run}")
    added = [_add(tx, study, item, parameters) for item, parameters in zip(request.trials, checked, strict=True)]
    tx.openings.add(study.id)
    settle(tx, study)
    return [trial_from(trial) for trial in added]


def stop_trial(tx: Transaction, principal: Principal, trial_id: str, reason: str | None) -> Trial:
    """Asks a running trial to stop; its worker ends it.

    Raises:
        TrialFinished, NotRunning: there is nothing to stop.
    """
    study, trial = trial_of(tx, principal, trial_id)
    _refuse_final(trial)
    if trial.state != TrialState.RUNNING:
        raise NotRunning
    if trial.stop_requested is None:
        tx.recall(trial, reason or "user")
        tx.record(study, "trial.stop_requested", trial, reason=trial.stop_requested)
    return trial_from(trial)


def cancel_trial(tx: Transaction, principal: Principal, trial_id: str, reason: str | None) -> Trial:
    """Edge g: ends a trial at once; a worker that runs it finds out on its next call.

    Raises:
        TrialFinished: it has ended already.
    """
    study, trial = trial_of(tx, principal, trial_id)
    _refuse_final(trial)
    if trial.state == TrialState.WAITING:
        cancel_one_waiting(tx, study, trial, reason or "user")
        settle(tx, study)
    else:
        finish(tx, study, trial, TrialState.CANCELLED, outcome="cancelled", reason=reason or "user", token=None)
    return trial_from(trial)


def retry_trial(tx: Transaction, principal: Principal, trial_id: str) -> Trial:
    """A new waiting trial with the parameters of one that has ended.

    Raises:
        Conflict: it has not ended.
        BudgetExhausted, StudyEnded: no room for another trial.
    """
    study, trial = trial_of(tx, principal, trial_id)
    if not TrialState(trial.state).is_final:
        raise Conflict("the trial has not ended yet; cancel it first")
    if study.state not in ("active", "paused"):
        raise StudyEnded(f"the study is {study.state}; resume it before retrying trials")
    if budget_left(study) < 1:
        raise BudgetExhausted
    again = new_trial(tx, study, trial.parameters, TrialState.WAITING, source="queue")
    again.retry_of, again.parent = trial.id, trial.parent
    _insert(tx, study, again)
    tx.openings.add(study.id)
    return trial_from(again)


def patch_trial(
    tx: Transaction, principal: Principal, trial_id: str, patch: PatchTrial, *, version: int | None = None
) -> Trial:
    """Notes, labels, and (audited) exclusion and corrected metrics of a finished trial.

    Args:
        version: the trial's sequence number that the change is based on (If-Match).

    Raises:
        VersionConflict: the trial has changed since.
        Conflict: metrics of a trial that has not completed.
        InvalidInput: corrected metrics without an objective.
    """
    study, trial = trial_of(tx, principal, trial_id)
    if version is not None and version != trial.sequence:
        raise VersionConflict(f"the trial is at version {trial.sequence} now; read it again and repeat the change")
    if patch.metrics is not None:
        _correct(tx, principal, study, trial, patch.metrics)
    if patch.labels is not None:
        tx.change(trial, labels=to_text(patch.labels))
    if patch.note is not None:
        tx.change(trial, note=patch.note)
    if patch.excluded is not None and patch.excluded != bool(trial.excluded):
        tx.change(trial, excluded=patch.excluded)
        action = "trial.excluded" if patch.excluded else "trial.included"
        tx.audit(project=study.project, key_id=principal.key_id, action=action, subject=trial.id)
        if trial.state == TrialState.COMPLETED:
            rescore(tx, study, trial)
    tx.record(study, "trial.changed", trial, fields=sorted(patch.model_fields_set))
    return trial_from(trial)


def _correct(
    tx: Transaction, principal: Principal, study: StudyRow, trial: TrialRow, metrics: dict[str, float]
) -> None:
    if trial.state != TrialState.COMPLETED:
        raise Conflict(f"the trial is {trial.state}; only a completed trial's metrics can be corrected")
    before = from_text(trial.metrics or "{}")
    after = before | metrics
    _require_objectives(definition_from(study.definition), after, "/metrics")
    tx.audit(
        project=study.project,
        key_id=principal.key_id,
        action="trial.corrected",
        subject=trial.id,
        before=before,
        after=after,
    )
    tx.change(trial, metrics=to_text(after))
    rescore(tx, study, trial)


def _refuse_final(trial: TrialRow) -> None:
    if TrialState(trial.state).is_final:
        raise TrialFinished(f"the trial is {trial.state} and its result stands")


def _checked(study: StudyRow, definition: StudyDefinition, item: QueueTrial, index: int) -> Parameters:
    at = f"/trials/{index}"
    if item.state != "waiting":
        definition.space.check(item.parameters, at=f"{at}/parameters")
        if item.state == "completed":
            _require_objectives(definition, item.metrics or {}, f"{at}/metrics")
        return dict(item.parameters)
    if item.metrics or item.measurements:
        raise InvalidInput(errors=[FieldError(f"{at}/metrics", "a waiting trial has no results; give its final state")])
    definition.space.check(item.parameters, partial=True, at=f"{at}/parameters")
    return _filled(definition.space, item.parameters, seed=study.seed, number=study.next_number + index, at=at)


def _filled(space: Space, given: Parameters, *, seed: int, number: int, at: str) -> Parameters:
    """What was not given is drawn at random, such that the whole fits the space."""
    complete = space.resolve({**_everything(space), **given})
    if complete.keys() <= given.keys() and space.contains(complete):
        return complete
    for n in range(_COMPLETIONS):
        # A stream of its own, far from the numbers of ordinary trials.
        drawn = _everything(space) | draw(space, seed, -(number * _COMPLETIONS + n + 2)) | given
        candidate = space.resolve(drawn)
        if space.contains(candidate):
            return candidate
    raise SpaceInfeasible(
        errors=[FieldError(f"{at}/parameters", "no values for the rest satisfy the space's constraints")]
    )


def _everything(space: Space) -> Parameters:
    return {parameter.name: parameter.middle() for parameter in space.scalars}


def _require_objectives(definition: StudyDefinition, metrics: dict[str, float], at: str) -> None:
    missing = [o.metric for o in definition.objectives if o.metric not in metrics]
    if missing:
        raise InvalidInput(errors=[FieldError(f"{at}/{name}", "missing: the study's objective") for name in missing])


def _add(tx: Transaction, study: StudyRow, item: QueueTrial, parameters: Parameters) -> TrialRow:
    waiting = item.state == "waiting"
    trial = new_trial(
        tx,
        study,
        to_text(parameters),
        TrialState(item.state),
        source="queue" if waiting else "import",
        counted=waiting,
    )
    trial.labels, trial.note, trial.reason = to_text(item.labels), item.note, item.reason
    if not waiting:
        _import(tx, study, trial, item)
    _insert(tx, study, trial)
    if not waiting:
        _import_record(tx, trial, item)
    return trial


def _import(tx: Transaction, study: StudyRow, trial: TrialRow, item: QueueTrial) -> None:
    trial.attempt, trial.started_at, trial.finished_at = 1, tx.now, tx.now
    trial.metrics = to_text(item.metrics) if item.metrics else None
    trial.points = len(item.measurements)
    trial.step = max((m.step for m in item.measurements), default=None)
    if item.state == "completed" and item.metrics:
        for name, value in score(tx, study, trial, item.metrics).items():
            setattr(trial, name, value)


def _insert(tx: Transaction, study: StudyRow, trial: TrialRow) -> None:
    tx.add_trial(trial)
    counted = {"created": study.created + 1} if trial.counted else {}
    tx.change(study, next_number=study.next_number + 1, **{trial.state: getattr(study, trial.state) + 1}, **counted)
    if trial.state == TrialState.WAITING:
        tx.record(study, "trial.queued", trial)
    else:
        tx.record(study, "trial.imported", trial, state=trial.state)


def _import_record(tx: Transaction, trial: TrialRow, item: QueueTrial) -> None:
    tx.add_attempt(AttemptRow(trial.id, 1, "import", tx.now, tx.now, item.state, item.reason))
    for m in item.measurements:
        tx.add_measurement(MeasurementRow(trial.id, 1, m.step, to_text(m.metrics), m.elapsed_s))
