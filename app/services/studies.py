"""What people do with studies: make, change, pause, resume, stop, delete."""

import json
import secrets
from collections.abc import Sequence
from typing import Any

from app.search import registry
from app.search.random import check_feasible
from app.search.stopping import rule
from app.services.convergence import check_convergence
from app.services.lookup import study_of
from app.services.moves import SAVING, cancel_all, cancel_one_waiting, cancel_waiting, end, new_id, settle, stop
from app.services.principal import Principal
from app.services.spaces import check_conditions
from app.services.transferring import Taught
from app.storage.domain import definition_from, study_from
from app.storage.graves import bury
from app.storage.rows import LessonRow, StudyRow
from app.storage.transaction import Transaction
from studyhall.errors import (
    BudgetExhausted,
    FieldError,
    InvalidInput,
    NameTaken,
    StudyBusy,
    StudyImmutable,
    VersionConflict,
)
from studyhall.parameters import has_default
from studyhall.space import Space
from studyhall.study import PLACEHOLDER, Study, StudyDefinition, Transfer
from studyhall.wire.studies import CreateStudy, PatchStudy, PauseStudy, StopStudy

_GO_ON = PauseStudy()


def check_definition(definition: CreateStudy) -> None:
    """Refuses what is well-formed but cannot work; call it outside of the transaction, it draws samples.

    Raises:
        InvalidInput: unknown algorithm or stopping rule, or options that do not fit them; a command that asks for what
            is no parameter of every trial; a `when` that is never true.
        SpaceInfeasible: hardly any assignment satisfies the constraints.
    """
    registry.check(definition.algorithm)
    rule(definition.stopping)
    check_convergence(definition)
    _check_command(definition)
    check_conditions(definition.space)
    check_feasible(definition.space, definition.algorithm.seed or 0)


def create_study(
    tx: Transaction,
    principal: Principal,
    request: CreateStudy,
    taught: Sequence[Taught] = (),
    *,
    traceparent: str | None = None,
) -> tuple[Study, bool]:
    """A new study, and True; or with `if_exists="get"` the one that has the name, and False.

    Args:
        taught: what earlier studies teach it, see `transferring.teachers`.
        traceparent: the request, where it is traced.

    Raises:
        NameTaken: the name is taken and `if_exists` is "error".
    """
    existing = tx.study_named(principal.project, request.name)
    if existing is not None:
        if request.if_exists == "get":
            return study_from(existing), False
        raise NameTaken(f"study '{request.name}' already exists; choose another name or pass if_exists='get'")
    study = _first_row(tx, principal, request, taught)
    study.traceparent = traceparent
    tx.add_study(study)
    for lesson in taught:
        tx.add_lesson(LessonRow(study.id, lesson.study, lesson.trials))
    tx.record(study, "study.created")
    tx.openings.add(study.id)
    return study_from(study), True


def patch_study(
    tx: Transaction, principal: Principal, name: str, patch: PatchStudy, *, version: int | None = None
) -> Study:
    """Changes what may change in a study.

    Args:
        version: the sequence number the change is based on (If-Match).

    Raises:
        VersionConflict: the study has changed since.
        StudyImmutable: the objectives of a study with trials.
        InvalidInput: a budget below what has been made already, an unknown algorithm, a new parameter without a
            default in the space of a study with trials.
    """
    study = study_of(tx, principal, name)
    if version is not None and version != study.sequence:
        raise VersionConflict(f"the study is at version {study.sequence} now; read it again and repeat the change")
    definition = _patched(study, patch)
    if definition.budget.max_trials is not None and definition.budget.max_trials < study.created:
        fault = FieldError("/budget/max_trials", f"{study.created} trials exist already; stop the study instead")
        raise InvalidInput(errors=[fault])
    columns: dict[str, Any] = {
        "definition": _stored(definition),
        "max_trials": definition.budget.max_trials,
        "parallelism": definition.parallelism,
        "priority": definition.priority,
    }
    if patch.budget is not None or patch.space is not None:
        columns["converging"] = 0
    if patch.algorithm is not None and patch.algorithm.seed is not None:
        columns["seed"] = patch.algorithm.seed
    if patch.space is not None:
        columns |= {"space_version": study.space_version + 1, "exhausted": False}
    tx.change(study, **columns)
    tx.record(study, "study.changed", fields=sorted(patch.model_fields_set))
    if patch.space is not None:
        _drop_misfits(tx, study, patch.space)
    tx.openings.add(study.id)
    settle(tx, study)
    return study_from(study)


def pause_study(tx: Transaction, principal: Principal, name: str, request: PauseStudy = _GO_ON) -> Study:
    """No trials are handed out until it is resumed; running ones go on, or save and wait."""
    study = study_of(tx, principal, name)
    if study.state not in ("active", "paused"):
        raise StudyImmutable(f"a {study.state} study cannot be paused; resume it first")
    if study.state == "active":
        tx.change(study, state="paused", reason="user")
        tx.record(study, "study.paused")
    if request.running == "save":
        tx.change(study, reason=SAVING)
        tx.recalled.update(trial.id for trial in tx.running(study))
    return study_from(study)


def resume_study(tx: Transaction, principal: Principal, name: str) -> Study:
    """Hands out trials again, also of a study that had ended.

    Raises:
        BudgetExhausted: it ended because its budget was spent, and that has not been raised.
    """
    study = study_of(tx, principal, name)
    if study.state == "active":
        return study_from(study)
    if study.max_trials is not None and study.created >= study.max_trials and study.waiting + study.running == 0:
        raise BudgetExhausted(f"all {study.max_trials} trials of the budget are made; raise budget.max_trials first")
    tx.change(study, state="active", reason=None, ended_at=None, converging=0)
    tx.record(study, "study.resumed")
    tx.openings.add(study.id)
    return study_from(study)


def stop_study(tx: Transaction, principal: Principal, name: str, request: StopStudy) -> Study:
    """Ends a study: `drain` lets running trials end, `graceful` asks them to stop, `kill` cancels them at once."""
    study = study_of(tx, principal, name)
    reason = request.reason or "user"
    if study.state in ("completed", "failed"):
        return study_from(study)
    if request.mode == "kill":
        cancel_waiting(tx, study, reason)
        tx.change(study, state="stopping", reason=reason)
        cancel_all(tx, study, reason)
        if study.state == "stopping":
            end(tx, study, "completed", reason)
    else:
        stop(tx, study, reason, ask_running=request.mode == "graceful")
    return study_from(study)


def delete_study(tx: Transaction, principal: Principal, name: str, *, force: bool = False) -> None:
    """Deletes a study: it is gone from here on, and all that belongs to it within a while (`archiving.empty_graves`).

    Raises:
        StudyBusy: trials are running and `force` is not given.
    """
    study = study_of(tx, principal, name, archived=True)
    if study.running and not force:
        raise StudyBusy(f"{study.running} trials are running; stop the study first, or pass force=true")
    tx.audit(project=study.project, key_id=principal.key_id, action="study.deleted", subject=study.id, name=study.name)
    cancel_all(tx, study, "deleted")
    bury(tx, study)


def _first_row(tx: Transaction, principal: Principal, request: CreateStudy, taught: Sequence[Taught]) -> StudyRow:
    fields = {name: getattr(request, name) for name in StudyDefinition.model_fields}
    if taught:  # with the names of those that were found
        names = tuple(lesson.study for lesson in taught)
        fields["transfer"] = Transfer(studies=names, find=request.transfer.find)
    definition = StudyDefinition.model_construct(_fields_set=request.model_fields_set - {"if_exists"}, **fields)
    seed = request.algorithm.seed if request.algorithm.seed is not None else secrets.randbelow(2**31)
    return StudyRow(
        id=new_id("st", tx.now),
        project=principal.project,
        name=request.name,
        definition=_stored(definition),
        space_version=1,
        seed=seed,
        state="active",
        reason=None,
        sequence=0,
        next_number=0,
        created=0,
        max_trials=request.budget.max_trials,
        parallelism=request.parallelism,
        priority=request.priority,
        turn=0.0,
        claimable=request.task is not None,
        exhausted=False,
        waiting=0,
        running=0,
        completed=0,
        pruned=0,
        infeasible=0,
        failed=0,
        cancelled=0,
        best_trial=None,
        best_number=None,
        best_value=None,
        expected_improvement=None,
        converging=0,
        device_seconds=0.0,
        steps=0.0,
        last_result=0,
        created_at=tx.now,
        updated_at=tx.now,
        ended_at=None,
        archived_at=None,
        traceparent=None,
    )


def _stored(definition: StudyDefinition) -> str:
    # exclude_unset keeps "default": null of a categorical apart from no default at all.
    return definition.model_dump_json(exclude_unset=True)


def _patched(study: StudyRow, patch: PatchStudy) -> StudyDefinition:
    definition = definition_from(study.definition)
    if study.next_number > 0:
        _refuse_immutable(patch)
        _refuse_gaps(definition.space, patch.space)
    changed = json.loads(_stored(definition)) | json.loads(patch.model_dump_json(exclude_unset=True))
    kept = {name: value for name, value in changed.items() if value is not None}
    new = CreateStudy.model_validate_json(json.dumps(kept))
    registry.check(new.algorithm)
    rule(new.stopping)
    check_convergence(new)
    if patch.space is not None:
        _check_command(new)
        check_conditions(new.space)
        check_feasible(new.space, study.seed)
    return StudyDefinition.model_validate_json(json.dumps(kept))


def _check_command(definition: StudyDefinition) -> None:
    """Every trial without a value for one of the command's placeholders would fail at its worker."""
    command = definition.task.command if definition.task else None
    faults = [
        FieldError(f"/task/command/{index}", fault)
        for index, argument in enumerate(command or ())
        if argument != "{args}"
        for found in PLACEHOLDER.finditer(argument)
        if found[1] and (fault := _placeholder_fault(found[1], definition.space))
    ]
    if faults:
        raise InvalidInput(errors=faults)


def _placeholder_fault(name: str, space: Space) -> str | None:
    if name == "params_json" or name.startswith("trial."):
        return None
    if name not in space.by_name:
        return f"{{{name}}} is no parameter of the space; double braces that are meant as such: {{{{ and }}}}"
    if space.by_name[name].when is not None:
        return f"'{name}' is not active in every trial; an argument '{{args}}' passes those that are"
    return None


def _refuse_immutable(patch: PatchStudy) -> None:
    if patch.objectives is not None:
        raise StudyImmutable(errors=[FieldError("/objectives", "cannot change once the study has trials")])


def _refuse_gaps(old: Space, new: Space | None) -> None:
    """A parameter that earlier trials do not have needs a default: that is what they ran with."""
    if new is None:
        return
    gaps = [
        FieldError(
            f"/space/parameters/{index}/default", "a new parameter needs a default: what earlier trials ran with"
        )
        for index, parameter in enumerate(new.parameters)
        if parameter.name not in old.by_name and not has_default(parameter)
    ]
    if gaps:
        raise InvalidInput(errors=gaps)


def _drop_misfits(tx: Transaction, study: StudyRow, space: Space) -> None:
    """Cancels waiting trials that are not of the new space."""
    for trial in tx.all_waiting(study):
        if not space.contains(json.loads(trial.parameters)):
            cancel_one_waiting(tx, study, trial, "the space has changed")
