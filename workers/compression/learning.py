"""The training loop of the stages: AdamW on a cosine, with or without a teacher, for any model.

Source of distillation: Hinton et al. 2015, with the factor T² that keeps gradients as large at every temperature.
"""

import copy
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from studyhall.trial_context import TrialContext
from workers.compression.examples import Examples
from workers.compression.figures import score_of
from workers.networks.normalising import normalising


@dataclass(frozen=True, eq=False)
class Teacher:
    """A model whose outputs a student learns from."""

    model: nn.Module
    alpha: float
    temperature: float


@dataclass(frozen=True)
class Course:
    """How long and how fast to learn."""

    epochs: int
    lr: float
    batch_size: int
    seed: int


def learn(
    model: nn.Module, examples: Examples, course: Course, *, trial: TrialContext, teacher: Teacher | None = None
) -> None:
    """Trains the model in place and leaves the weights of its best epoch in it; ends early when the trial is stopped.

    Raises:
        Infeasible: the loss stopped being finite, or there is one row where two are needed.
    """
    lesson = _Lesson(examples, teacher)
    optimizer = torch.optim.AdamW(model.parameters(), course.lr, weight_decay=0.0)
    shuffle = torch.Generator().manual_seed(course.seed)
    best, weights = -math.inf, copy.deepcopy(model.state_dict())
    steps = course.epochs * math.ceil(len(lesson.x) / course.batch_size)
    rates = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(1, steps))
    for _ in range(course.epochs):
        model.train()
        for rows in _batches(len(lesson.x), course.batch_size, shuffle):
            with normalising(trial):
                loss = lesson.loss(model, rows)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            rates.step()
        score = score_of(model, examples)
        if not math.isfinite(score) or not math.isfinite(float(loss.detach())):
            raise trial.infeasible("the loss was not finite while a stage of the pipeline trained; lower its lr")
        if score >= best:
            best, weights = score, copy.deepcopy(model.state_dict())
        if not trial.check():
            break
    model.load_state_dict(weights)
    model.eval()


class _Lesson:
    """The rows of a training, what their labels say, and what a teacher says."""

    def __init__(self, examples: Examples, teacher: Teacher | None) -> None:
        self.x, self._y, self._kind = examples.train.x, examples.train.y, examples.kind
        self._labelled, self._teacher = len(self._y), teacher if teacher is not None and teacher.alpha > 0 else None
        if self._teacher is None:
            return
        if examples.unlabelled is not None:
            self.x = torch.cat([self.x, examples.unlabelled])
        self._told = _outputs(self._teacher.model, self.x)

    def loss(self, model: nn.Module, rows: Tensor) -> Tensor:
        """Of the model on some rows, by number."""
        found: Tensor = model(self.x[rows])
        by_label = rows < self._labelled
        if self._teacher is None:
            return self._from_labels(found, self._y[rows])
        alpha = self._teacher.alpha
        loss = alpha * self._from_teacher(found, self._told[rows], self._teacher.temperature)
        if bool(by_label.any()):
            loss = loss + (1 - alpha) * self._from_labels(found[by_label], self._y[rows[by_label]])
        return loss

    def _from_labels(self, found: Tensor, y: Tensor) -> Tensor:
        if self._kind == "classification":
            return functional.cross_entropy(found, y)
        return functional.mse_loss(found, y) / self._spread

    def _from_teacher(self, found: Tensor, told: Tensor, temperature: float) -> Tensor:
        if self._kind == "regression":
            return functional.mse_loss(found, told) / self._spread
        soft, wanted = functional.log_softmax(found / temperature, 1), functional.log_softmax(told / temperature, 1)
        return functional.kl_div(soft, wanted, reduction="batchmean", log_target=True) * temperature**2

    @property
    def _spread(self) -> Tensor:
        return self._y.var(correction=0).clamp_min(1e-12)  # so that a learning rate means the same in every unit


@torch.no_grad()
def _outputs(model: nn.Module, x: Tensor) -> Tensor:
    model.eval()
    return torch.cat([model(part) for part in x.split(1024)])


def _batches(rows: int, size: int, shuffle: torch.Generator) -> list[Tensor]:
    batches = list(torch.randperm(rows, generator=shuffle).split(size))
    if len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2:] = [torch.cat(batches[-2:])]  # batch normalisation cannot learn from a single row
    return batches
