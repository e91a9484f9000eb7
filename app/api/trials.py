"""Trials: list, queue, import, read, correct; stop, cancel, retry."""

from functools import partial
from typing import Any

from pydantic import TypeAdapter
from starlette.responses import Response

from app.api.answering import answer_shared, page_of, write_once
from app.api.context import Caller
from app.api.queries import ColumnsQuery, MeasurementsQuery, PageQuery, StudyRef, TrialId, TrialsQuery
from app.api.routing import EVERY_KEY, USERS, VIEWERS, Routes
from app.services import lists, reading, trials
from app.services.columns import trial_columns
from app.services.principal import Principal
from app.services.shared_reading import Answer
from app.storage.prefetch import Touches
from app.storage.reader import Connection, TrialFilter
from studyhall.architecture.network import Network
from studyhall.errors import (
    BudgetExhausted,
    Conflict,
    FieldError,
    InvalidInput,
    RequestInProgress,
    SpaceInfeasible,
    StudyEnded,
    TrialFinished,
    VersionConflict,
)
from studyhall.explanation import Explanation
from studyhall.trial import Attempt, RecordedMeasurement, Trial
from studyhall.wire.pages import Page
from studyhall.wire.results import TrialColumns
from studyhall.wire.studies import Ask, PatchTrial, QueueTrials

routes = Routes("trials")

_NO_REASON = Ask()
_PAGE = TypeAdapter(Page[Trial])


@routes.get("/v1/studies/{study}/trials", scopes=VIEWERS)
async def list_trials(context: Caller, study: StudyRef, query: TrialsQuery) -> Page[Trial] | Response:
    """Lists the trials of a study; the ETag is the sequence number of the study that the list holds for."""
    reading = partial(_trials, principal=context.principal, name=study, query=query, fields=_fields(query.fields))
    asked = query.model_dump_json(exclude={"at_least"})
    return await answer_shared(context, reading, study, asked, at_least=query.at_least)


@routes.get("/v1/studies/{study}/trials/columns", scopes=VIEWERS)
async def get_trial_columns(context: Caller, study: StudyRef, query: ColumnsQuery) -> TrialColumns | Response:
    """Tells many trials at once, newest first, in columns: for charts and tables of very large studies."""
    body = await context.services.read(partial(trial_columns, principal=context.principal, name=study, **dict(query)))
    return context.json(body)


@routes.post(
    "/v1/studies/{study}/trials",
    scopes=USERS,
    status=201,
    problems=[BudgetExhausted, StudyEnded, SpaceInfeasible, RequestInProgress],
)
async def queue_trials(context: Caller, study: StudyRef, body: QueueTrials) -> Page[Trial] | Response:
    """Queues trials to run, or imports finished ones; all or none."""
    return await write_once(
        context,
        lambda tx: Page[Trial].model_construct(items=tuple(trials.queue_trials(tx, context.principal, study, body))),
        status=201,
    )


@routes.get("/v1/trials/{trial}", scopes=EVERY_KEY)
async def get_trial(context: Caller, trial: TrialId) -> Trial:
    """Tells a trial; its ETag is its sequence number."""
    found = await context.services.read(partial(reading.get_trial, principal=context.principal, trial_id=trial))
    context.tag(found.sequence)
    return found


@routes.get("/v1/trials/{trial}/explain", scopes=VIEWERS)
async def explain_trial(context: Caller, trial: TrialId) -> Explanation:
    """Tells why a trial was suggested: by which engine, what it promised and traded, and what came of it."""
    return await context.services.explaining.explain(context.principal, trial)


@routes.get("/v1/trials/{trial}/network", scopes=VIEWERS, problems=[reading.NoNetwork])
async def get_network(context: Caller, trial: TrialId) -> Network:
    """Tells the network that a trial's parameters describe: layers with shapes, parameters and operations."""
    return await context.services.read(partial(reading.get_network, principal=context.principal, trial_id=trial))


@routes.patch("/v1/trials/{trial}", scopes=USERS, problems=[Conflict, VersionConflict])
async def patch_trial(context: Caller, trial: TrialId, body: PatchTrial) -> Trial:
    """Changes notes, labels, whether it counts, or (audited) the metrics of a finished trial.

    With `If-Match` only if the trial is still at that version.
    """
    version = context.if_match
    changed = await context.services.write(
        lambda tx: trials.patch_trial(tx, context.principal, trial, body, version=version), Touches(trials=(trial,))
    )
    context.tag(changed.sequence)
    return changed


@routes.post("/v1/trials/{trial}/stop", scopes=USERS, problems=[TrialFinished, trials.NotRunning])
async def stop_trial(context: Caller, trial: TrialId, body: Ask = _NO_REASON) -> Trial | Response:
    """Asks a running trial to stop; its worker ends it."""
    return await write_once(
        context,
        lambda tx: trials.stop_trial(tx, context.principal, trial, body.reason),
        touches=Touches(trials=(trial,)),
    )


@routes.post("/v1/trials/{trial}/cancel", scopes=USERS, problems=[TrialFinished])
async def cancel_trial(context: Caller, trial: TrialId, body: Ask = _NO_REASON) -> Trial | Response:
    """Ends a trial at once; a worker that runs it finds out on its next call."""
    return await write_once(
        context,
        lambda tx: trials.cancel_trial(tx, context.principal, trial, body.reason),
        touches=Touches(trials=(trial,)),
    )


@routes.post("/v1/trials/{trial}/retry", scopes=USERS, status=201, problems=[Conflict, BudgetExhausted, StudyEnded])
async def retry_trial(context: Caller, trial: TrialId) -> Trial | Response:
    """Queues a new trial with the parameters of one that has ended."""
    return await write_once(
        context,
        lambda tx: trials.retry_trial(tx, context.principal, trial),
        status=201,
        touches=Touches(trials=(trial,)),
    )


@routes.get("/v1/trials/{trial}/measurements", scopes=VIEWERS)
async def list_measurements(context: Caller, trial: TrialId, query: MeasurementsQuery) -> Page[RecordedMeasurement]:
    """Lists the measurements of a trial, by attempt and step."""
    return await context.services.read(
        partial(lists.measurements, principal=context.principal, trial_id=trial, **dict(query))
    )


@routes.get("/v1/trials/{trial}/attempts", scopes=VIEWERS)
async def list_attempts(context: Caller, trial: TrialId, query: PageQuery) -> Page[Attempt]:
    """Lists the attempts of a trial, first to last."""
    found = await context.services.read(partial(lists.attempts, principal=context.principal, trial_id=trial))
    return page_of(found, query)


def _fields(text: str | None) -> set[str] | None:
    if text is None:
        return None
    names = set(text.split(","))
    unknown = sorted(names - Trial.model_fields.keys())
    if unknown:
        known = ", ".join(Trial.model_fields)
        raise InvalidInput(errors=[FieldError("/query/fields", f"unknown field '{unknown[0][:100]}'; known: {known}")])
    return names | {"id", "number"}


def _trials(
    connection: Connection, *, principal: Principal, name: str, query: TrialsQuery, fields: set[str] | None
) -> Answer:
    filter = TrialFilter(tuple(query.state), query.label, query.worker, query.since, query.sort, query.number)
    page, sequence = lists.trials(
        connection, principal=principal, name=name, filter=filter, limit=query.limit, cursor=query.cursor
    )
    shown: Any = None if fields is None else {"items": {"__all__": fields}, "next_cursor": True}
    return Answer(_PAGE.dump_json(page, include=shown, exclude_none=True), sequence)
