"""What workers ask and tell: claims, measurements, heartbeats, and how a trial ended.

These come first in the list of routes, and take no detour: a busy fleet sends little else. Their repetition is
harmless by itself, so that an Idempotency-Key is accepted and not needed: a claim is named by its token, what is told
of a trial by attempt, token and step.
"""

import time

from app.api.answering import while_connected
from app.api.context import Caller
from app.api.queries import TrialId
from app.api.routing import WORKERS, Routes
from app.services import telling
from app.services.fitting import WorkerLacks
from app.services.fleet import WorkerAside
from studyhall.errors import MeasurementConflict, NotFound, StaleLease, TooMuch, TrialFinished
from studyhall.study import StudyState
from studyhall.trial import Trial
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

routes = Routes("work")

_LOST = (StaleLease, TrialFinished)
_ENDED = (StudyState.COMPLETED, StudyState.FAILED)
_NOTHING_NOW = {
    204: {
        "description": "Nothing to do now.",
        "headers": {
            "Retry-After": {"description": "Seconds until asking again is worth it.", "schema": {"type": "integer"}},
            "X-Study-State": {
                "description": "The state of the study that was named; `completed` and `failed` mean: no more to come.",
                "schema": {"type": "string"},
            },
            "X-Pending-Trials": {
                "description": "How many trials this claim would have got if they were ready: their suggestions are "
                "being computed, or they wait out a pause after a failure. Whoever asks again gets them; a worker that "
                "ends when idle is not idle while there are any.",
                "schema": {"type": "integer"},
            },
        },
    }
}


@routes.post("/v1/trials/{trial}/measurements", scopes=WORKERS, problems=[*_LOST, MeasurementConflict, TooMuch])
async def report(context: Caller, trial: TrialId, body: Report) -> Told:
    """Keeps measurements of a running trial, renews its lease, and says whether to go on."""
    return await context.services.write(
        lambda tx: telling.report(tx, context.principal, trial, body), telling.touches(trial, body)
    )


@routes.post(
    "/v1/trials/{trial}/complete", scopes=WORKERS, urgent=True, problems=[*_LOST, MeasurementConflict, TooMuch]
)
async def complete(context: Caller, trial: TrialId, body: Complete) -> Completed:
    """Ends a trial with its final metrics; with `claim` also asks for the next one."""
    services = context.services
    done = await services.write(
        lambda tx: telling.complete(tx, context.principal, trial, body), telling.touches(trial, body), urgent=True
    )
    if done.claimed is not None:
        services.meters.trials_handed_out.inc(len(done.claimed.trials))
    return done


@routes.post("/v1/claims", scopes=WORKERS, problems=[NotFound, WorkerAside, WorkerLacks], responses=_NOTHING_NOW)
async def claim(context: Caller, body: Claim) -> Claimed | None:
    """Asks for trials to run, waiting up to `wait_s` for some; the same token again gets the same trials."""
    services, began = context.services, time.perf_counter()
    # Most claims find a trial at once; only the others are worth watching whether their worker is still there.
    claimed, handed = await services.claim(context.principal, body.model_copy(update={"wait_s": 0.0}))
    if claimed is None and body.wait_s and handed.study_state not in _ENDED:
        with services.meters.claims_waiting.track_inprogress():
            claimed, handed = await while_connected(context, services.claim(context.principal, body))
    services.meters.claimed(len(claimed.trials) if claimed else 0, handed.study_state, time.perf_counter() - began)
    if handed.study_state is not None:
        context.add_header("x-study-state", handed.study_state)
    if claimed is None:
        context.add_header("retry-after", "1")
        context.add_header("x-pending-trials", str(handed.pending))
    return claimed


@routes.post("/v1/trials/{trial}/heartbeat", scopes=WORKERS, urgent=True, problems=_LOST)
async def heartbeat(context: Caller, trial: TrialId, body: Heartbeat) -> Told:
    """Renews a lease, and says whether to go on; with `wait_s` waits for the word to stop."""
    waiting = context.services.heartbeat(context.principal, trial, body)
    return await (while_connected(context, waiting) if body.wait_s else waiting)


@routes.post("/v1/trials/{trial}/infeasible", scopes=WORKERS, urgent=True, problems=_LOST)
async def infeasible(context: Caller, trial: TrialId, body: Infeasible) -> Trial:
    """Ends a trial whose configuration cannot work: the engine learns from it."""
    return await context.services.write(
        lambda tx: telling.infeasible(tx, context.principal, trial, body), telling.touches(trial, body), urgent=True
    )


@routes.post("/v1/trials/{trial}/fail", scopes=WORKERS, urgent=True, problems=_LOST)
async def fail(context: Caller, trial: TrialId, body: Fail) -> Trial:
    """Ends an attempt that went wrong; its kind decides whether the trial is tried again."""
    return await context.services.write(
        lambda tx: telling.fail_trial(tx, context.principal, trial, body), telling.touches(trial, body), urgent=True
    )


@routes.post("/v1/trials/{trial}/release", scopes=WORKERS, urgent=True, problems=_LOST)
async def release(context: Caller, trial: TrialId, body: Release) -> Trial:
    """Gives a trial back; it costs neither budget nor a retry."""
    return await context.services.write(
        lambda tx: telling.release(tx, context.principal, trial, body), telling.touches(trial, body), urgent=True
    )
