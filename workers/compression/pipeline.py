"""Runs the stages in order and measures the model after each.

    def train(params, trial):                      # your own entry point
        model = Net(params["width"])
        ...                                        # your own training
        return compress(model, examples, params, trial, pipeline=["prune", "quantize", "export"])

Every stage reports `stage.accuracy` (or `stage.r2` and `stage.mse`) with the ends of its interval, `stage.params`,
`flops`, `weight_bytes`, `file_bytes`, `latency_p50_ms` and `latency_p95_ms` at one row, `latency_64_p50_ms` at 64,
`reference_ms` and `seconds`, and keeps its files as the artifact `stage`.
"""

import copy
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from studyhall.errors import InvalidInput
from studyhall.trial_context import TrialContext
from workers.compression.examining import examine
from workers.compression.examples import Examples
from workers.compression.exporting import export
from workers.compression.figures import count_flops, count_params, latencies, quality, score_of
from workers.compression.forms import Form, files_of, plain_form, sha256_of
from workers.compression.knobs import (
    Distill,
    Examine,
    Export,
    Prune,
    Quantize,
    Runtime,
    Stage,
    StageGiven,
    fill_in,
    read_pipeline,
    split_parameters,
)
from workers.compression.learning import Course, Teacher, learn
from workers.compression.pruning import prune
from workers.compression.quantization import quantize

Describe = Callable[[Path, Mapping[str, float]], None]
"""Writes beside the weights in a directory what is needed to load them again."""


def _describe_nothing(_directory: Path, _metrics: Mapping[str, float]) -> None:
    pass


@dataclass(frozen=True, eq=False)
class Subject:
    """What a pipeline works on.

    Args:
        train: trains the network that the parameters describe and answers it; called once, if at all.
        student: a fresh network of this share of its width; None: there is no smaller one.
        teacher: whom a student learns from; None: the trained network.
        epochs: of the training; the scratch control trains for as many more.
        facts: for the model card: parameters, settings, where the teacher comes from.
    """

    examples: Examples
    train: Callable[[], nn.Module]
    student: Callable[[float], nn.Module] | None = None
    teacher: nn.Module | None = None
    epochs: int = 0
    describe: Describe = _describe_nothing
    facts: Mapping[str, Any] = field(default_factory=dict)


def compress(
    model: nn.Module,
    examples: Examples,
    parameters: Mapping[str, Any],
    trial: TrialContext,
    *,
    pipeline: Sequence[StageGiven],
    runtime: Runtime = "onnxruntime",
    epochs: int = 0,
) -> dict[str, float]:
    """Runs a pipeline on a trained model of yours and answers its metrics.

    Args:
        parameters: the trial's; those of stages (`prune.target`) become their knobs, others only stand in the card.
        pipeline: as in a task's settings; its stage `train` measures the model as it is.
        epochs: how long the model was trained, for the scratch control.

    Raises:
        InvalidInput: the pipeline, or a parameter of its stages, does not fit.
    """
    others, of_stages = split_parameters(parameters)
    subject = Subject(examples, lambda: model, epochs=epochs, facts={"parameters": others})
    return run_pipeline(read_pipeline(fill_in(pipeline, of_stages)), subject, trial, runtime=runtime)


def run_pipeline(
    stages: Sequence[Stage], subject: Subject, trial: TrialContext, *, runtime: Runtime = "onnxruntime"
) -> dict[str, float]:
    """Runs the stages and answers the metrics of all; ends early when the trial is stopped."""
    line = _Line(subject, trial, runtime)
    for stage in stages:
        began = time.monotonic()
        found = line.run(stage)
        line.finish(stage, found, time.monotonic() - began)
        if not trial.check():
            break
    return line.metrics


class _Line:
    """The model on its way through the stages."""

    def __init__(self, subject: Subject, trial: TrialContext, runtime: Runtime) -> None:
        self._subject, self._trial, self._runtime = subject, trial, runtime
        self._model: nn.Module | None = None
        self._form: Form | None = None
        self._dense: nn.Module | None = None
        self._lineage: list[dict[str, Any]] = []
        self._step = subject.epochs
        self.metrics: dict[str, float] = {}

    def run(self, stage: Stage) -> dict[str, float]:
        """Does the work of one stage and answers the metrics that only it has."""
        if not stage.knobs.on and stage.name != "quantize":
            self._trained()
            return {}
        match stage.knobs:
            case Distill():
                return self._distill(stage.knobs)
            case Prune():
                return self._prune(stage.knobs)
            case Examine():
                return examine(
                    self._trained(), stage.knobs, self._subject.examples, self._home(stage.name), self._trial.seed
                )
            case Quantize():
                form = quantize(
                    self._trained(), stage.knobs, self._subject.examples, self._home(stage.name), self._runtime
                )
                self._model, self._form = form.model, form
                return {}
            case Export():
                return self._export()
        self._trained()
        return {}

    def finish(self, stage: Stage, found: Mapping[str, float], seconds: float) -> None:
        """Measures the model, keeps its files and reports."""
        examples, home = self._subject.examples, self._home(stage.name)
        # A stage that changed nothing still has all figures, so that any of them may be an objective.
        form = self._form = self._form or plain_form(self._trained(), examples.train.x, home, self._runtime)
        metrics = {
            **quality(form.run, examples),
            "params": float(count_params(form.model)),
            "flops": float(count_flops(form.model, examples.train.x)),
            "weight_bytes": float(form.weight_bytes),
            "file_bytes": float(form.file.stat().st_size),
            **latencies(form.run, examples),
            "seconds": seconds,
            **found,
        }
        named = {f"{stage.name}.{name}": value for name, value in metrics.items()}
        self.metrics |= named
        if form.directory == home and stage.name != "export":  # whose files are summed up already
            self._subject.describe(home, self.metrics)
        self._lineage.append({"stage": stage.name, "knobs": stage.knobs.to_dict(), "sha256": sha256_of(form.file)})
        record = {**self._lineage[-1], "metrics": metrics, "files": files_of(home)}
        if stage.name != "export":
            (home / "stage.json").write_text(json.dumps(record, indent=2, sort_keys=True) + "\n", "utf-8")
        self._trial.artifact(stage.name, home)
        self._step += 1
        self._trial.report(self._step, **named)

    def _distill(self, knobs: Distill) -> dict[str, float]:
        teacher = self._subject.teacher or self._dense or self._trained()
        students = self._students(knobs)
        examples = self._subject.examples
        course = Course(knobs.epochs, knobs.lr, knobs.batch_size, self._trial.seed)
        found = {"teacher_" + examples.score: score_of(teacher, examples)}
        if knobs.control:
            control = students()
            learn(control, examples, course, trial=self._trial)
            found["control_" + examples.score] = score_of(control, examples)
        student = students()
        learn(student, examples, course, trial=self._trial, teacher=Teacher(teacher, knobs.alpha, knobs.temperature))
        self._become(student)
        return found

    def _students(self, knobs: Distill) -> Callable[[], nn.Module]:
        """Makes the same untaught student each time."""
        if self._dense is not None:
            pruned = self._trained()
            return lambda: copy.deepcopy(pruned)
        make = self._subject.student
        if make is None:
            raise InvalidInput(
                "the stage 'distill' has no smaller network to teach; put it after 'prune', to teach what is left"
            )

        def fresh() -> nn.Module:
            torch.manual_seed(self._trial.seed)
            return make(knobs.share)

        return fresh

    def _prune(self, knobs: Prune) -> dict[str, float]:
        examples = self._subject.examples
        self._dense = self._trained()
        pruned = prune(self._dense, knobs, examples, trial=self._trial, seed=self._trial.seed)
        self._become(pruned.model)
        report = [{"layer": each.layer, "left": each.left, "importance": each.importance} for each in pruned.importance]
        (self._home("prune") / "importance.json").write_text(json.dumps(report, indent=1) + "\n", "utf-8")
        found = {
            "rounds": float(pruned.rounds),
            "reached": float(pruned.reached),
            "rolled_back": float(pruned.rolled_back),
        }
        if knobs.scratch:
            found[f"inherited_{examples.score}"] = score_of(pruned.model, examples)
            self._become(self._from_scratch(pruned.model, knobs, max(1, self._subject.epochs + pruned.epochs)))
        return found

    def _from_scratch(self, shape: nn.Module, knobs: Prune, epochs: int) -> nn.Module:
        torch.manual_seed(self._trial.seed)
        fresh = copy.deepcopy(shape)
        for module in fresh.modules():
            if callable(reset := getattr(module, "reset_parameters", None)):
                reset()
        course = Course(epochs, knobs.lr, knobs.batch_size, self._trial.seed)
        learn(fresh, self._subject.examples, course, trial=self._trial)
        return fresh

    def _export(self) -> dict[str, float]:
        examples, home = self._subject.examples, self._home("export")
        form = self._form or plain_form(self._trained(), examples.train.x, home, self._runtime)
        self._subject.describe(form.directory, self.metrics)
        facts = {**self._subject.facts, "trial": self._trial.number, "seed": self._trial.seed}
        self._form, found = export(form, home, examples, self.metrics, {**facts, "lineage": self._lineage})
        return found

    def _become(self, model: nn.Module) -> None:
        self._model, self._form = model, None

    def _trained(self) -> nn.Module:
        if self._model is None:
            self._model = self._subject.train().eval()
        return self._model

    def _home(self, stage: str) -> Path:
        home = self._trial.workdir / "stages" / stage
        home.mkdir(parents=True, exist_ok=True)
        return home
