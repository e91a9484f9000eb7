"""A study in memory that grows made-up trials of a network on digits, told in the shapes of the public API."""

import json
import math
import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import groupby
from typing import Any

from studyhall.explanation import Explanation
from studyhall.study import Incumbent, Study, StudyDefinition, StudyState, TrialCounts
from studyhall.trial import Attempt, Trial, TrialState
from studyhall.wire.outputs import Artifact
from studyhall.wire.results import Event, Summary

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
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

GOALS: dict[str, Any] = DIGITS | {
    "name": "goals",
    "objectives": [
        {"metric": "accuracy", "goal": "maximize"},
        {"metric": "latency_ms", "goal": "minimize"},
        {"metric": "val_loss", "goal": "minimize"},
    ],
}


NETWORKS: dict[str, Any] = {
    "name": "networks",
    "space": {
        "parameters": [{"name": "lr", "type": "float", "low": 1e-3, "high": 0.03, "scale": "log"}],
        "architecture": {
            "input": [1, 16],
            "output": 4,
            "body": [
                {"name": "stem", "op": "conv", "out": {"choice": [8, 16]}, "kernel": 3},
                {
                    "name": "layer",
                    "residual": True,
                    "repeat": {"int": [1, 2]},
                    "body": [{"choice": [{"op": "conv", "out": 16, "kernel": 5}, {"op": "attention", "heads": 2}]}],
                },
                {"op": "gap"},
            ],
        },
    },
    "objectives": [{"metric": "accuracy", "goal": "maximize"}],
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
        self.files: dict[str, dict[str, bytes]] = {}
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

    def scatter(self, count: int) -> None:
        """Adds that many completed trials anywhere in the space, whatever it is, with objectives between 0 and 1."""
        space = self.definition.space
        for _ in range(count):
            units = [self.random.random() for _ in space.scalars]
            values = {each.metric: round(self.random.random(), 4) for each in self.definition.objectives}
            self.put(state=TrialState.COMPLETED, parameters=space.from_units(units), metrics=values, attempt=1)

    def keep(self, trial: Trial, **files: bytes) -> None:
        """Gives a trial files; two underscores in a name stand for a slash, the last one for a dot."""
        names = {name: ".".join(name.replace("__", "/").rsplit("_", 1)) for name in files}
        self.files.setdefault(trial.id, {}).update({names[name]: content for name, content in files.items()})

    def artifacts(self, trial: Trial) -> list[Artifact]:
        """What a trial keeps."""
        return [
            Artifact(name=name, attempt=1, sha256=sha256(content).hexdigest(), size=len(content), created_at=START)
            for name, content in self.files.get(trial.id, {}).items()
        ]

    def explanation(self, trial: Trial) -> Explanation:
        """Why a trial was suggested, as a study without a model tells it."""
        return Explanation(
            trial=trial.id,
            number=trial.number,
            algorithm=self.definition.algorithm.name,
            source=trial.source,
            why=trial.why,
            results=trial.number,
        )

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
            planned_trials=self.definition.budget.max_trials,
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
            planned_trials=study.planned_trials,
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


def attempts_of(trial: Trial) -> list[Attempt]:
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


def _ascending(goal: str, value: float) -> float:
    return value if goal == "maximize" else -value


def _dominates(a: list[float], b: list[float]) -> bool:
    return all(x >= y for x, y in zip(a, b, strict=True)) and a != b


def _by_state(trials: list[Trial]) -> Iterator[tuple[str, Iterator[Trial]]]:
    return groupby(sorted(trials, key=lambda trial: trial.state), key=lambda trial: str(trial.state))
