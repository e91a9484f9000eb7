"""Studies: make, list, change, pause, resume, stop, delete; their best and their course."""

import asyncio
from collections.abc import Callable
from functools import partial

from pydantic import TypeAdapter
from starlette.responses import Response

from app.api.answering import answer_once, answer_shared, page_of, write_once
from app.api.context import Caller
from app.api.queries import (
    AnalysisQuery,
    CourseQuery,
    DeleteStudyQuery,
    PageQuery,
    StudiesQuery,
    StudyRef,
    SummaryQuery,
)
from app.api.routing import EVERY_KEY, READERS, USERS, VIEWERS, Routes
from app.services import archiving, confirming, lists, reading, studies
from app.services.analysing import Asked
from app.services.principal import Principal
from app.services.shared_reading import Answer
from app.services.transferring import Taught, teachers
from app.storage.reader import Connection
from app.storage.transaction import Transaction
from studyhall import tracing
from studyhall.errors import (
    BudgetExhausted,
    Conflict,
    NameTaken,
    RequestInProgress,
    SpaceInfeasible,
    StudyBusy,
    StudyImmutable,
    VersionConflict,
)
from studyhall.explanation import Predictions, PredictPoints
from studyhall.parameters import Parameter
from studyhall.study import Study
from studyhall.wire.pages import Page
from studyhall.wire.results import Analysis, AnalysisKind, Best, History, Summary
from studyhall.wire.studies import ConfirmStudy, CreateStudy, PatchStudy, PauseStudy, StopStudy

routes = Routes("studies")

_GRACEFUL = StopStudy()
_GO_ON = PauseStudy()
_USUAL = ConfirmStudy()
_SUMMARY = TypeAdapter(Summary)


@routes.post("/v1/studies", scopes=USERS, status=201, problems=[NameTaken, SpaceInfeasible, RequestInProgress])
async def create_study(context: Caller, body: CreateStudy) -> Study | Response:
    """Makes a study.

    With `transfer`, what the earlier studies have found by now is kept with it, and the answer names those that were
    found. With `if_exists: "get"` and a name that is taken, answers 200 and the study that has it.
    """
    await asyncio.to_thread(studies.check_definition, body)  # draws samples of the space
    taught = []
    if body.transfer.studies or body.transfer.find:
        taught = await context.services.read(partial(teachers, principal=context.principal, request=body))
    make = partial(_create, principal=context.principal, request=body, taught=taught, traceparent=tracing.current())
    made = await answer_once(context, make)
    if isinstance(made, Response):
        return made
    study, context.status = made
    context.add_header("location", f"/v1/studies/{study.id}")
    return study


@routes.get("/v1/studies", scopes=VIEWERS)
async def list_studies(context: Caller, query: StudiesQuery) -> Page[Study]:
    """Lists studies, newest first."""
    return await context.services.read(partial(lists.studies, principal=context.principal, **dict(query)))


@routes.get("/v1/studies/{study}", scopes=EVERY_KEY)
async def get_study(context: Caller, study: StudyRef) -> Study:
    """Tells a study; its ETag is its sequence number."""
    found = await context.services.read(partial(reading.get_study, principal=context.principal, name=study))
    context.tag(found.sequence)
    return found


@routes.patch("/v1/studies/{study}", scopes=USERS, problems=[StudyImmutable, VersionConflict, SpaceInfeasible])
async def patch_study(context: Caller, study: StudyRef, body: PatchStudy) -> Study:
    """Changes what may change in a study; absent fields stay as they are.

    With `If-Match` only if the study is still at that version.
    """
    version = context.if_match
    changed = await context.services.write(
        lambda tx: studies.patch_study(tx, context.principal, study, body, version=version)
    )
    context.tag(changed.sequence)
    return changed


@routes.delete("/v1/studies/{study}", scopes=USERS, problems=[StudyBusy])
async def delete_study(context: Caller, study: StudyRef, query: DeleteStudyQuery) -> None:
    """Deletes a study with all its trials."""
    await context.services.write(lambda tx: studies.delete_study(tx, context.principal, study, force=query.force))


@routes.get("/v1/studies/{study}/parameters", scopes=VIEWERS)
async def list_parameters(context: Caller, study: StudyRef, query: PageQuery) -> Page[Parameter]:
    """Lists all parameters that a trial may have: those declared, then those that the architecture stands for."""
    found = await context.services.read(partial(reading.parameters, principal=context.principal, name=study))
    return page_of(found, query)


@routes.post("/v1/studies/{study}/pause", scopes=USERS, problems=[StudyImmutable])
async def pause_study(context: Caller, study: StudyRef, body: PauseStudy = _GO_ON) -> Study | Response:
    """Hands out no trials until the study is resumed; running ones go on, or save a checkpoint and wait (`save`)."""
    return await write_once(context, lambda tx: studies.pause_study(tx, context.principal, study, body))


@routes.post("/v1/studies/{study}/resume", scopes=USERS, problems=[BudgetExhausted])
async def resume_study(context: Caller, study: StudyRef) -> Study | Response:
    """Hands out trials again, also of a study that had ended."""
    return await write_once(context, lambda tx: studies.resume_study(tx, context.principal, study))


@routes.post("/v1/studies/{study}/archive", scopes=USERS, problems=[StudyBusy])
async def archive_study(context: Caller, study: StudyRef) -> Study | Response:
    """Puts a study away that has ended: it leaves the lists and cannot be changed."""
    return await write_once(context, lambda tx: archiving.archive_study(tx, context.principal, study))


@routes.post("/v1/studies/{study}/unarchive", scopes=USERS)
async def unarchive_study(context: Caller, study: StudyRef) -> Study | Response:
    """Takes a study back, as it was."""
    return await write_once(context, lambda tx: archiving.unarchive_study(tx, context.principal, study))


@routes.post("/v1/studies/{study}/stop", scopes=USERS, problems=[RequestInProgress])
async def stop_study(context: Caller, study: StudyRef, body: StopStudy = _GRACEFUL) -> Study | Response:
    """Ends a study: `drain` lets running trials end, `graceful` asks them to stop, `kill` cancels them at once."""
    return await write_once(context, lambda tx: studies.stop_study(tx, context.principal, study, body))


@routes.post("/v1/studies/{study}/confirm", scopes=USERS, status=201, problems=[NameTaken, RequestInProgress])
async def confirm_study(context: Caller, study: StudyRef, body: ConfirmStudy = _USUAL) -> Study | Response:
    """Makes a study that runs the best trials of this one again with other seeds.

    Its trials have the label `confirms`, the number of the trial that each one repeats: the best mean over a number is
    the winner.
    """
    principal = context.principal
    found, best = await context.services.read(
        partial(confirming.leading, principal=principal, name=study, top=body.top)
    )
    return await write_once(context, lambda tx: confirming.confirm_study(tx, principal, found, best, body), status=201)


@routes.get("/v1/studies/{study}/best", scopes=EVERY_KEY)
async def get_best(context: Caller, study: StudyRef) -> Best:
    """Tells the best trial; for several objectives the Pareto front."""
    best, sequence = await context.services.read(partial(reading.best, principal=context.principal, name=study))
    context.tag(sequence)
    return best


@routes.get("/v1/studies/{study}/pareto", scopes=VIEWERS)
async def get_pareto(context: Caller, study: StudyRef) -> Best:
    """Tells the Pareto front."""
    front, sequence = await context.services.read(partial(reading.pareto, principal=context.principal, name=study))
    context.tag(sequence)
    return front


@routes.get("/v1/studies/{study}/summary", scopes=VIEWERS)
async def get_summary(context: Caller, study: StudyRef, query: SummaryQuery) -> Summary | Response:
    """Tells a study at a glance."""
    read = partial(_summary, principal=context.principal, name=study, clock=context.services.clock)
    # No tag: its times go on, and workers come, without a change of the study.
    return await answer_shared(context, read, study, at_least=query.at_least, tag=False)


@routes.post("/v1/studies/{study}/predict", scopes=READERS, problems=[Conflict])
async def predict(context: Caller, study: StudyRef, body: PredictPoints) -> Predictions:
    """Tells what the model expects at points of the space: mean and deviation of each objective.

    The deviation is that of the function, without the noise of a single result. At least three results are needed.
    """
    return await context.services.explaining.predict(context.principal, study, body)


@routes.get("/v1/studies/{study}/analyses/history", scopes=VIEWERS)
async def get_history(context: Caller, study: StudyRef, query: CourseQuery) -> History:
    """Tells the course of a search in columns: number, state, value, best so far, time of finish, feasible or not."""
    history, sequence = await context.services.read(
        partial(reading.history, principal=context.principal, name=study, **query.model_dump())
    )
    context.tag(sequence)
    return history


@routes.get("/v1/studies/{study}/analyses/{kind}", scopes=VIEWERS)
async def get_analysis(
    context: Caller, study: StudyRef, kind: AnalysisKind, query: AnalysisQuery
) -> Analysis | Response:
    """Tells what a study's history says, in columns; docs/analyses.md describes each kind.

    Computed by a process of its own, kept until the study changes; of very many trials, every so many-th is read.
    """
    asked = Asked(kind, query.model_dump(mode="json"))
    body, sequence = await context.services.analysing.analyse(context.principal, study, asked)
    context.tag(sequence)
    return context.json(body)


def _summary(connection: Connection, *, principal: Principal, name: str, clock: Callable[[], float]) -> Answer:
    told = reading.summary(connection, principal=principal, name=name, now=clock())
    return Answer(_SUMMARY.dump_json(told, exclude_none=True), told.sequence)


def _create(
    tx: Transaction, *, principal: Principal, request: CreateStudy, taught: list[Taught], traceparent: str | None
) -> tuple[Study, int]:
    study, is_new = studies.create_study(tx, principal, request, taught, traceparent=traceparent)
    return study, 201 if is_new else 200
