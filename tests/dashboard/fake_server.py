"""A server that tells made-up studies through the public API's shapes, for what a real one cannot do on demand.

A study of 100,000 trials in a second, a dropped connection, hostile texts in every field, the same picture every time.
Every answer goes through the models of `studyhall`, so that it cannot drift from the contract unseen.
`python -m tests.dashboard.fake_server` serves one to look at while working on the dashboard.
"""

import argparse
import asyncio
import contextlib
import json
import random
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import uvicorn
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from app.analysis.answering import ANALYSES, write_answer
from app.analysis.question import Options, Question, Trials
from app.dashboard.assets import load_assets
from studyhall.architecture.network import network_of
from studyhall.errors import field_errors
from studyhall.space import Space
from studyhall.study import StudyState
from studyhall.trial import Trial, TrialState
from studyhall.wire.claims import Capabilities
from studyhall.wire.fleet import GpuUse, MachineUse, Worker
from studyhall.wire.pages import Problem
from studyhall.wire.results import Best, TrialColumns
from studyhall.wire.server import Key
from tests.dashboard.fake_study import DIGITS, START, FakeStudy, attempts_of

KEY = "shk_a-key-for-tests"
LONGEST_PAGE = 500
KEYS = (
    Key(id="key00001", name="laptop", scope="admin", project="default", created_at=START),
    Key(id="key00002", name="fleet", scope="worker", project="default", created_at=START, expires_at=START),
)


class FakeServer:
    """The API over some fake studies."""

    def __init__(self, *studies: FakeStudy) -> None:
        self.studies = {study.id: study for study in studies}
        self.workers = [_worker(f"gpu-{index}", index) for index in range(4)]
        self.streams = True
        self.closes = False
        self._generation = 0
        self.requests: list[str] = []
        self.assets = load_assets()
        self.app = Starlette(routes=[Route("/{path:path}", self._answer, methods=["GET", "POST", "PATCH"])])

    def drop_streams(self) -> None:
        """Ends every open event stream."""
        self._generation += 1

    async def _answer(self, request: Request) -> Response:
        path = request.url.path
        self.requests.append(f"{request.method} {path}?{request.url.query}")
        asset = self.assets.get(path)
        if asset is not None:
            return Response(asset.body, media_type=asset.media_type, headers=dict(asset.headers))
        if path == "/readyz":
            return JSONResponse({"status": "ok"})
        if path == "/openapi.json":
            return JSONResponse({"info": {"version": "0.1.0"}})
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return _problem(401, "unauthenticated", "A valid key is needed: send 'Authorization: Bearer KEY'.")
        return await self._route(request, path.split("/")[2:])

    async def _route(self, request: Request, parts: list[str]) -> Response:
        match parts:
            case ["studies"]:
                return self._studies(request)
            case ["events"]:
                return self._feed()
            case ["keys"]:
                return _page([key.to_dict() for key in KEYS], request)
            case ["workers"]:
                return _page([worker.to_dict() for worker in self.workers], request)
            case ["algorithms"]:
                return _page([{"name": "auto", "summary": "chooses by itself", "options": {}}], request)
            case ["trainables"]:
                return _page([], request)
            case ["spaces", "validate"]:
                return await _checked(request)
            case ["studies", name, *rest]:
                study = next((s for s in self.studies.values() if name in (s.id, s.definition.name)), None)
                return _no_study() if study is None else await self._study(request, study, rest)
            case ["trials", trial_id, *rest]:
                return await self._trial(request, trial_id, rest)
        return _problem(404, "not-found", "There is no such thing here.")

    def _studies(self, request: Request) -> Response:
        query = request.query_params
        found = [study.study() for study in self.studies.values()]
        found = [study for study in found if query.get("name", "") in study.name]
        found = [study for study in found if query.get("state", study.state) == study.state]
        if label := query.get("label"):
            key, _, value = label.partition("=")
            found = [study for study in found if study.labels.get(key) == value]
        return _page([study.to_dict() for study in found], request)

    async def _study(self, request: Request, study: FakeStudy, rest: list[str]) -> Response:
        match rest:
            case []:
                return JSONResponse(study.study().to_dict())
            case ["summary"]:
                return JSONResponse(study.summary().to_dict())
            case ["analyses", "history"]:
                return JSONResponse(study.history(int(request.query_params["max_points"])))
            case ["analyses", kind]:
                return _analysis(request, study, kind)
            case ["pareto" | "best"]:
                return JSONResponse(Best(trials=tuple(study.front())).to_dict())
            case ["trials"]:
                return _trials(request, study)
            case ["trials", "columns"]:
                return _columns(request, study)
            case ["parameters"]:
                return _page([parameter.to_dict() for parameter in study.definition.space.scalars], request)
            case ["events"]:
                return await self._events(request, study)
            case ["pause" | "resume" | "stop" as verb]:
                body = json.loads(await request.body() or b"{}")
                study.state = _STATE_AFTER[verb]
                study.reason = None if verb == "resume" else body.get("reason") or "user"
                study.touch(f"study.{study.state}", mode=body.get("mode"))
                return JSONResponse(study.study().to_dict())
        return _problem(404, "not-found", "There is no such thing here.")

    async def _trial(self, request: Request, trial_id: str, rest: list[str]) -> Response:
        found = next(((s, t) for s in self.studies.values() for t in s.trials if t.id == trial_id), None)
        if found is None:
            return _problem(404, "not-found", "There is no such thing here.")
        study, trial = found
        match rest:
            case ["measurements"]:
                return _page(study.measurements(trial), request)
            case ["attempts"]:
                return _page([attempt.to_dict() for attempt in attempts_of(trial)], request)
            case [] if request.method == "PATCH":
                return JSONResponse(study.put(number=trial.number, **json.loads(await request.body())).to_dict())
            case []:
                return JSONResponse(trial.to_dict())
            case ["network"]:
                return _network(study, trial)
            case ["explain"]:
                return JSONResponse(study.explanation(trial).to_dict())
            case ["artifacts"]:
                return _page([artifact.to_dict() for artifact in study.artifacts(trial)], request)
            case ["artifacts", *name]:
                return Response(study.files[trial.id]["/".join(name)], media_type="application/octet-stream")
            case ["stop"]:
                return JSONResponse(study.put(number=trial.number, stop_requested="user").to_dict())
            case ["cancel"]:
                return JSONResponse(study.put(number=trial.number, state=TrialState.CANCELLED, reason="user").to_dict())
        return _problem(404, "not-found", "There is no such thing here.")

    async def _events(self, request: Request, study: FakeStudy) -> Response:
        after = int(request.query_params.get("after", "0"))
        if "text/event-stream" in request.headers.get("accept", "") and self.streams:
            return StreamingResponse(self._stream(study, after), media_type="text/event-stream")
        waited = time.monotonic() + float(request.query_params.get("wait_s", "0"))
        # Asked again and again, because tests change a study from a thread of their own.
        while study.sequence <= after and time.monotonic() < waited and not self.closes:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        items = [event.to_dict() for event in study.events[max(0, after) : after + LONGEST_PAGE]]
        return JSONResponse({"items": items, "sequence": items[-1]["sequence"] if items else after})

    def _feed(self) -> Response:
        return StreamingResponse(self._changes(), media_type="text/event-stream")

    async def _changes(self) -> AsyncIterator[str]:
        told: dict[str, int] = {}
        generation = self._generation
        while not self.closes and generation == self._generation:
            now = {study.id: study.sequence for study in self.studies.values()}
            if news := {id: sequence for id, sequence in now.items() if told.get(id) != sequence}:
                told = now
                yield f"id: {sum(now.values())}\ndata: {json.dumps({'sequences': news})}\n\n"
            await asyncio.sleep(0.02)

    async def _stream(self, study: FakeStudy, after: int) -> AsyncIterator[str]:
        yield ": welcome\n\n"
        generation = self._generation
        while not self.closes and generation == self._generation:
            if study.sequence > after:
                after = study.sequence
                yield f"id: {after}\ndata: {json.dumps({'sequence': after})}\n\n"
            await asyncio.sleep(0.02)


@contextlib.contextmanager
def serving(server: FakeServer, *, port: int = 0) -> Iterator[str]:
    """Serves in a thread of its own; gives the address, without a slash at its end."""
    config = uvicorn.Config(server.app, port=port, log_level="error", lifespan="off", timeout_graceful_shutdown=1)
    uvicorn_server = uvicorn.Server(config)
    thread = threading.Thread(target=uvicorn_server.run, daemon=True)
    thread.start()
    while not uvicorn_server.started:
        time.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{uvicorn_server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.closes = True
        uvicorn_server.should_exit = True
        thread.join(timeout=5)


_STATE_AFTER = {"pause": StudyState.PAUSED, "resume": StudyState.ACTIVE, "stop": StudyState.COMPLETED}


def _worker(name: str, index: int) -> Worker:
    return Worker(
        name=name,
        version="0.1.0",
        host=f"node-{index}",
        state="online" if index < 3 else "offline",
        capabilities=Capabilities(
            trainables=("image_classifier",), cpu=8, gpu=1, memory_mb=65536, labels={"gpu": "h200"}
        ),
        running=int(index < 3),
        completed=100 - index,
        failed=index,
        failure_rate=index / 100,
        slots=4,
        machine=MachineUse(
            cpus=8,
            load=3.5,
            memory_mb=65536,
            memory_used_mb=16384,
            gpus=(GpuUse(id="GPU-0", name="H200", memory_mb=1000, memory_used_mb=250, utilization=0.8),),
        ),
        first_seen_at=START,
        last_seen_at=START + timedelta(seconds=index),
    )


def _trials(request: Request, study: FakeStudy) -> Response:
    query = request.query_params
    since, states = int(query.get("since", "-1")), query.get("state", "")
    found = [t for t in study.trials if t.sequence > since and (not states or t.state in states.split(","))]
    if numbers := query.get("number"):
        found = [trial for trial in found if str(trial.number) in numbers.split(",")]
    return _page([t.to_dict() for t in _window(found, request)], request, total=len(found))


def _columns(request: Request, study: FakeStudy) -> Response:
    limit, start = int(request.query_params["limit"]), int(request.query_params.get("cursor", "0"))
    shown = study.trials[::-1][start : start + limit]
    columns = {
        name: [_cell(trial, name) for trial in shown] for name in TrialColumns.model_fields if name != "next_cursor"
    }
    cursor = {"next_cursor": str(start + limit)} if start + limit < len(study.trials) else {}
    return JSONResponse(columns | cursor)


def _cell(trial: Trial, name: str) -> Any:
    value = getattr(trial, name)
    return value.timestamp() if isinstance(value, datetime) else value


def _network(study: FakeStudy, trial: Trial) -> Response:
    architecture = study.definition.space.architecture
    if architecture is None:
        return _problem(409, "no-network", "The trial's study searches no architecture.")
    network = network_of(architecture.graph(trial.parameters), trial=trial.id, number=trial.number)
    return JSONResponse(network.to_dict())


def _curves(told: dict[str, str], study: FakeStudy, trials: list[Trial]) -> dict[str, list[Any]]:
    asked = {int(number) for number in told.get("trials", "").split(",") if number}
    metric = told.get("objective") or study.definition.objectives[0].metric
    of = [trial for trial in trials if trial.number in asked or (not asked and trial.number % 5 == 0)]
    points = [
        (trial.number, step["step"], step["metrics"].get(metric)) for trial in of for step in study.measurements(trial)
    ]
    columns = zip(*(point for point in points if point[2] is not None), strict=True)
    return dict(zip(("number", "step", "value"), map(list, columns), strict=False))


def _analysis(request: Request, study: FakeStudy, kind: str) -> Response:
    """The real analysis of made-up trials."""
    told = dict(request.query_params)
    trials = [trial for trial in study.trials if not trial.excluded and trial.state != "waiting"]
    question = Question(
        kind=kind,
        options=Options(
            objective=told.get("objective"),
            method=told.get("method"),
            parameters=tuple(told["parameters"].split(",")) if "parameters" in told else (),
            max_points=int(told.get("max_points", "2000")),
        ),
        space=study.definition.space,
        objectives=study.definition.objectives,
        constraints=study.definition.constraints,
        trials=Trials(
            {
                "number": [trial.number for trial in trials],
                "state": [str(trial.state) for trial in trials],
                "parameters": [trial.parameters for trial in trials],
                "metrics": [trial.metrics for trial in trials],
                "predicted": [trial.predicted and trial.predicted.to_dict() for trial in trials],
                "reason": [trial.reason for trial in trials],
            }
        ),
        total=len(trials),
        attempts=_attempt_columns(trials),
        curves=_curves(told, study, trials) if kind == "curves" else {},
        study={"state": str(study.state), "max_trials": study.definition.budget.max_trials, "stopping": "none"},
    )
    body = write_answer(question, ANALYSES[kind](question), {"study": study.id, "sequence": study.sequence})
    return Response(body, media_type="application/json")


def _attempt_columns(trials: list[Trial]) -> dict[str, list[Any]]:
    told = [(trial, attempt) for trial in trials for attempt in attempts_of(trial)]
    return {
        "number": [trial.number for trial, _ in told],
        "trial": [trial.id for trial, _ in told],
        "state": [str(trial.state) for trial, _ in told],
        "attempt": [attempt.attempt for _, attempt in told],
        "worker": [attempt.worker for _, attempt in told],
        "started_at": [attempt.started_at.timestamp() for _, attempt in told],
        "ended_at": [attempt.ended_at and attempt.ended_at.timestamp() for _, attempt in told],
        "outcome": [attempt.outcome for _, attempt in told],
        "reason": [attempt.reason for _, attempt in told],
    }


def _window(trials: list[Trial], request: Request) -> list[Trial]:
    """The page that was asked for; only it is made into JSON."""
    limit, start = _limit(request), int(request.query_params.get("cursor", "0"))
    ordered = trials[::-1] if request.query_params.get("sort") == "-number" else trials
    return ordered[start : start + limit]


def _page(items: list[Any], request: Request, *, total: int | None = None) -> Response:
    limit, start = _limit(request), int(request.query_params.get("cursor", "0"))
    shown = items if total is not None else items[start : start + limit]
    is_last = start + limit >= (len(items) if total is None else total)
    return JSONResponse({"items": shown} if is_last else {"items": shown, "next_cursor": str(start + limit)})


def _limit(request: Request) -> int:
    limit = int(request.query_params.get("limit", "50"))
    assert limit <= LONGEST_PAGE, "the real server refuses this limit"
    return limit


async def _checked(request: Request) -> Response:
    body = json.loads(await request.body())
    try:
        space = Space.model_validate_json(json.dumps(body["space"]))
    except ValidationError as error:
        faults = [asdict(fault) for fault in field_errors(error, prefix=["space"])]
        return _problem(422, "validation", "the space does not fit", faults)
    dice = random.Random(0)
    samples = [space.from_units([dice.random() for _ in space.parameters]) for _ in range(body["samples"])]
    return JSONResponse({"size": space.size, "feasible_share": 1.0, "samples": samples})


def _no_study() -> Response:
    return _problem(404, "not-found", "There is no such study; list them with GET /v1/studies.")


def _problem(status: int, code: str, detail: str, errors: Iterable[dict[str, str]] = ()) -> Response:
    told = {"type": "about:blank", "title": code, "status": status, "detail": detail, "code": code}
    problem = Problem.model_validate(told | {"errors": list(errors)}, strict=False)
    return JSONResponse(problem.to_dict(), status_code=status, media_type="application/problem+json")


def main() -> None:
    """Serves made-up studies until it is interrupted."""
    options = argparse.ArgumentParser(description=main.__doc__)
    options.add_argument("--port", type=int, default=8765)
    options.add_argument("--trials", type=int, default=260)
    options.add_argument("--live", action="store_true", help="a new trial every half second")
    given = options.parse_args()
    study = FakeStudy(DIGITS)
    study.grow(given.trials)
    with serving(FakeServer(study), port=given.port) as address:
        sys.stdout.write(f"{address}/#key={KEY}\n")
        while True:
            time.sleep(0.5)
            if given.live:
                study.grow(1)


if __name__ == "__main__":
    main()
