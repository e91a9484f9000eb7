"""A server that tells made-up studies through the public API's shapes, for what a real one cannot do on demand.

A study of 100,000 trials in a second, a dropped connection, hostile texts in every field, the same picture every time.
Every answer goes through the models of `studyhall`, so that it cannot drift from the contract unseen.
`python -m tests.dashboard.fake_server` serves one to look at while working on the dashboard.
"""

import argparse
import asyncio
import contextlib
import json
import math
import random
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from itertools import groupby
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
from studyhall.errors import field_errors
from studyhall.space import Space
from studyhall.study import Incumbent, Study, StudyDefinition, StudyState, TrialCounts
from studyhall.trial import Attempt, Trial, TrialState
from studyhall.wire import Best, Capabilities, Event, Problem, Summary, Worker

KEY = "shk_a-key-for-tests"
START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
LONGEST_PAGE = 500

DIGITS: dict[str, Any] = {
    "name": "digits",
    "description": "A small network on scikit-learn's digits.",
    "space": {
        "parameters": [
            {"name": "lr", "type": "float", "low": 1e-4, "high": 0.1, "scale": "log"},
            {"name": "optimizer", "type": "categorical", "choices": ["sgd", "adam", "adamw"]},
            {"name": "momentum", "type": "float", "low": 0.0, "high": 0.99, "when": "optimizer == 'sgd'"},
            {"name": "layers", "type": "int", "low": 1, "high": 4},
            {"name": "width", "type": "int", "low": 16, "high": 256, "scale": "log"},
            {"name": "dropout", "type": "float", "low": 0.0, "high": 0.5},
            {"name": "batch_size", "type": "ordinal", "choices": [16, 32, 64, 128]},
            {"name": "augment", "type": "bool"},
        ]
    },
    "objectives": [{"metric": "accuracy", "goal": "maximize"}],
    "algorithm": {"name": "auto", "seed": 7},
    "stopping": {"rule": "median"},
    "budget": {"max_trials": 400},
    "labels": {"team": "vision", "data": "digits"},
    "task": {"trainable": "image_classifier", "settings": {"dataset": "digits"}},
}


class FakeStudy:
    """One study in memory. Its trials are plain objects and may be changed at will; `touch` tells who listens."""

    def __init__(self, definition: dict[str, Any], *, seed: int = 0) -> None:
        self.definition = StudyDefinition.model_validate_json(json.dumps(definition))
        self.id = f"st_{self.definition.name.replace(' ', '_')}"
        self.state = StudyState.ACTIVE
        self.reason: str | None = None
        self.sequence = 0
        self.trials: list[Trial] = []
        self.events: list[Event] = []
        self.hidden_steps: dict[str, list[dict[str, Any]]] = {}
        self.random = random.Random(seed)

    def touch(self, kind: str, trial: Trial | None = None, **data: Any) -> None:
        """Raises the sequence number and records an event."""
        self.sequence += 1
        at = START + timedelta(seconds=self.sequence)
        of = {} if trial is None else {"trial": trial.id, "number": trial.number}
        event = {"sequence": self.sequence, "kind": kind, "study": self.id, "at": at, "data": data}
        self.events.append(Event.model_validate(event | of))

    def put(self, **fields: Any) -> Trial:
        """Adds a trial, or replaces the one of that number."""
        number = fields.get("number", len(self.trials))
        before = self.trials[number].model_dump() if number < len(self.trials) else _new_trial(self.id, number)
        trial = Trial.model_validate(before | fields | {"number": number, "sequence": self.sequence + 1}, strict=False)
        self.trials[number : number + 1] = [trial]
        self.touch(f"trial.{trial.state}", trial, **trial.metrics)
        return trial

    def measure(self, trial: Trial, steps: Iterable[tuple[int, dict[str, float]]]) -> None:
        """Gives a trial measurements."""
        told = [
            {"step": step, "metrics": metrics, "attempt": max(1, trial.attempt), "elapsed_s": step * 1.5}
            for step, metrics in steps
        ]
        self.hidden_steps[trial.id] = told

    def grow(self, count: int) -> None:
        """Adds that many made-up trials of a network on digits, most completed, some not."""
        for number in range(len(self.trials), len(self.trials) + count):
            self._made_up(number, count)

    def _made_up(self, number: int, count: int) -> None:
        dice = self.random
        focus = min(1.0, number / max(1, min(count, 400)))
        parameters = _near_the_best(dice, focus)
        accuracy = _accuracy(parameters, dice)
        state = dice.choices(["completed", "pruned", "infeasible", "failed"], [80, 15, 2, 3])[0]
        worker = f"gpu-{number % 4}"
        begun = START + timedelta(seconds=10 * (number // 4) + (number % 4) * 1.7)
        took = 4 + 6 * dice.random()
        valued = state in ("completed", "pruned")
        final = accuracy if state == "completed" else accuracy * 0.9
        trial = self.put(
            state=TrialState(state),
            parameters=parameters,
            metrics={"accuracy": round(final, 4), "loss": round(1.2 * (1 - final) + 0.02, 4)} if valued else {},
            reason=_REASONS.get(state),
            failure="user_error" if state == "failed" else None,
            attempt=1 if dice.random() < 0.97 else 2,
            worker=worker,
            source="initial" if number < 16 else "model",
            why="Sobol point" if number < 16 else "highest expected improvement of 512 candidates",
            step=(12 if state == "completed" else 4) if valued else None,
            started_at=begun,
            finished_at=begun + timedelta(seconds=took),
        )
        if valued:
            self.hidden_steps[trial.id] = []

    def study(self) -> Study:
        """The study as the API tells it."""
        counts = TrialCounts(**{state: len(list(found)) for state, found in _by_state(self.trials)})
        best = self.best()
        objective = self.definition.objectives[0]
        return Study(
            **{name: getattr(self.definition, name) for name in StudyDefinition.model_fields},
            id=self.id,
            state=self.state,
            reason=self.reason,
            sequence=self.sequence,
            trials=counts,
            best=_incumbent(best, objective.metric),
            created_at=START,
            updated_at=START + timedelta(seconds=self.sequence),
        )

    def summary(self) -> Summary:
        """The same at a glance."""
        study = self.study()
        return Summary(
            id=self.id,
            name=study.name,
            state=self.state,
            reason=self.reason,
            sequence=self.sequence,
            trials=study.trials.model_dump(),
            max_trials=study.budget.max_trials,
            best=self.best(),
            trials_per_minute=23.4 if self.trials else None,
            elapsed_s=float(len(self.trials)) * 2.5,
            device_seconds=float(len(self.trials)) * 7,
        )

    def best(self) -> Trial | None:
        """The best completed trial of one objective."""
        objective = self.definition.objectives[0]
        if len(self.definition.objectives) > 1:
            return None
        counted = [t for t in self.trials if t.state == "completed" and not t.excluded]
        sign = 1 if objective.goal == "maximize" else -1
        return max(counted, key=lambda trial: sign * trial.metrics[objective.metric], default=None)

    def front(self) -> list[Trial]:
        """The trials that nothing beats in all objectives."""
        done = [trial for trial in self.trials if trial.state == "completed"]
        objectives = self.definition.objectives
        points = [[_ascending(each.goal, trial.metrics[each.metric]) for each in objectives] for trial in done]
        return [done[index] for index, point in enumerate(points) if not any(_dominates(p, point) for p in points)]

    def history(self, max_points: int) -> dict[str, list[Any]]:
        """Columns of what has ended; every improvement is kept when they are thinned out."""
        metric, goal = self.definition.objectives[0].metric, self.definition.objectives[0].goal
        ended = [trial for trial in self.trials if trial.state.is_final and not trial.excluded]
        every = math.ceil(len(ended) / max_points)
        columns: dict[str, list[Any]] = {"number": [], "value": [], "best": [], "state": []}
        best: float | None = None
        for index, trial in enumerate(ended):
            value = trial.metrics.get(metric)
            better = (
                trial.state == "completed"
                and value is not None
                and (best is None or _ascending(goal, value) > _ascending(goal, best))
            )
            best = value if better else best
            if better or index % every == 0:
                row = (trial.number, value, best, trial.state)
                for column, cell in zip(columns.values(), row, strict=True):
                    column.append(cell)
        return columns

    def measurements(self, trial: Trial) -> list[dict[str, Any]]:
        """What a trial has measured; made-up trials get a made-up curve."""
        told = self.hidden_steps.get(trial.id, [])
        return told or _made_up_curve(trial)


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
                return _page([attempt.to_dict() for attempt in _attempts(trial)], request)
            case [] if request.method == "PATCH":
                return JSONResponse(study.put(number=trial.number, **json.loads(await request.body())).to_dict())
            case []:
                return JSONResponse(trial.to_dict())
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
_REASONS = {
    "pruned": "below the median at step 4",
    "infeasible": "loss is not finite at step 2",
    "failed": "RuntimeError: mat1 and mat2 shapes cannot be multiplied",
}


def _incumbent(best: Trial | None, metric: str) -> Incumbent | None:
    return None if best is None else Incumbent(trial=best.id, number=best.number, value=best.metrics[metric])


def _new_trial(study_id: str, number: int) -> dict[str, Any]:
    return {"id": f"tr_{study_id[3:]}_{number}", "study": study_id, "created_at": START, "source": "model"}


def _near_the_best(dice: random.Random, focus: float) -> dict[str, Any]:
    """Parameters that gather around a good place as the search goes on."""
    pull = 0.75 * focus
    mix = lambda u, centre: (1 - pull) * u + pull * min(1.0, max(0.0, dice.gauss(centre, 0.12)))  # noqa: E731  # twice below
    optimizer = dice.choices(["sgd", "adam", "adamw"], [1, 1 + 2 * focus, 1 + 4 * focus])[0]
    parameters: dict[str, Any] = {
        "lr": 10 ** (-4 + 3 * mix(dice.random(), 0.55)),
        "optimizer": optimizer,
        "momentum": 0.99 * mix(dice.random(), 0.85),
        "layers": 1 + min(3, int(4 * mix(dice.random(), 0.4))),
        "width": round(16 * 16 ** mix(dice.random(), 0.75)),
        "dropout": 0.5 * mix(dice.random(), 0.25),
        "batch_size": dice.choice([16, 32, 64, 128]),
        "augment": dice.random() < 0.5 + 0.4 * focus,
    }
    if optimizer != "sgd":
        del parameters["momentum"]
    return parameters


def _accuracy(parameters: dict[str, Any], dice: random.Random) -> float:
    lr = (math.log10(parameters["lr"]) + 2.35) / 1.2
    width = (math.log2(parameters["width"]) - 7) / 4
    loss = 0.012 + 0.05 * lr**2 + 0.02 * width**2 + 0.03 * (parameters["dropout"] - 0.13) ** 2 * 10
    loss += 0.012 * (parameters["layers"] - 2) ** 2 - 0.004 * parameters["augment"]
    loss += {"sgd": 0.02, "adam": 0.006, "adamw": 0.0}[parameters["optimizer"]] + abs(dice.gauss(0, 0.008))
    return float(max(0.08, 1 - loss * (1 if dice.random() < 0.985 else 8)))


def _made_up_curve(trial: Trial) -> list[dict[str, Any]]:
    if "accuracy" not in trial.metrics or trial.step is None:
        return []
    dice = random.Random(trial.number)
    final, steps = trial.metrics["accuracy"], trial.step
    curve = []
    for step in range(1, steps + 1):
        accuracy = final - (final - 0.1) * math.exp(-4 * step / steps) * (0.8 + 0.4 * dice.random()) * (step < steps)
        metrics = {"accuracy": round(accuracy, 4), "loss": round(1.2 * (1 - accuracy) + 0.02, 4)}
        curve.append({"attempt": trial.attempt, "step": step, "metrics": metrics, "elapsed_s": 0.5 * step})
    return curve


def _attempts(trial: Trial) -> list[Attempt]:
    began = trial.started_at or START
    lost = [
        Attempt(trial=trial.id, attempt=n, worker="gpu-9", started_at=began, ended_at=began, outcome="lost")
        for n in range(1, trial.attempt)
    ]
    if not trial.attempt:
        return []
    outcome = None if trial.state == "running" else trial.state
    last = {"trial": trial.id, "attempt": trial.attempt, "worker": trial.worker or "gpu-0", "started_at": began}
    return [*lost, Attempt.model_validate(last | {"ended_at": trial.finished_at, "outcome": outcome}, strict=False)]


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
        study={"state": str(study.state), "max_trials": study.definition.budget.max_trials, "stopping": "none"},
    )
    body = write_answer(question, ANALYSES[kind](question), {"study": study.id, "sequence": study.sequence})
    return Response(body, media_type="application/json")


def _attempt_columns(trials: list[Trial]) -> dict[str, list[Any]]:
    told = [(trial, attempt) for trial in trials for attempt in _attempts(trial)]
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


def _ascending(goal: str, value: float) -> float:
    return value if goal == "maximize" else -value


def _dominates(a: list[float], b: list[float]) -> bool:
    return all(x >= y for x, y in zip(a, b, strict=True)) and a != b


def _by_state(trials: list[Trial]) -> Iterator[tuple[str, Iterator[Trial]]]:
    return groupby(sorted(trials, key=lambda trial: trial.state), key=lambda trial: str(trial.state))


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
