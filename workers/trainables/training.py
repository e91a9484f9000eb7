"""The training loop that the built-in trainables share: one straight story from epoch to epoch.

Reported at each epoch (a step): `train_loss`, `val_loss`, `grad_norm`, and what the kind of data calls for:
`val_accuracy`, or `val_mse` and `val_r2`. The weights of the best epoch are the ones that are kept.
"""

import copy
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn, optim
from torch.nn import functional

from studyhall.trial_context import TrialContext
from workers.trainables.datasets import Kind, Part, Split
from workers.trainables.device import DeviceSettings, Precision, autocast
from workers.trainables.networks import count_weights, weights_of
from workers.trainables.optimizers import OptimizerParameters, make_optimizers
from workers.trainables.saved_model import TrainedModel
from workers.trainables.schedules import ScheduleParameters, schedule_factor


class TrainingParameters(OptimizerParameters, ScheduleParameters):
    """Everything about the training that is not the network."""

    epochs: Annotated[int, Field(ge=1, le=100_000)] = 20
    """Passes over the training rows; each one is a step."""
    batch_size: Annotated[int, Field(ge=1, le=1_000_000)] = 64
    clip_norm: Annotated[float, Field(ge=0)] = 1.0
    """Gradients longer than this are scaled down to it; 0: never."""
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """For classification."""
    patience: Annotated[int, Field(ge=0)] = 0
    """Ends the training when this many epochs in a row brought no better one; 0: never."""
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Evaluates and keeps an exponential moving average of the weights; 0: the weights themselves."""


@dataclass(frozen=True)
class OnDevice:
    """Rows as tensors, where the model is."""

    x: Tensor
    y: Tensor

    @classmethod
    def of(cls, part: Part, device: torch.device) -> "OnDevice":
        """Copies the rows to a device."""
        return cls(torch.from_numpy(part.x).to(device), torch.from_numpy(part.y).to(device))


def fit(
    model: TrainedModel,
    split: Split,
    chosen: TrainingParameters,
    *,
    trial: TrialContext,
    device: torch.device,
    precision: Precision = "fp32",
) -> dict[str, float]:
    """Trains until the epochs are over, patience ends or the trial is stopped; leaves the best weights in the model.

    Returns: the metrics of the best epoch, its number as `best_epoch`, and the number of weights as `params`.

    Raises:
        Infeasible: the loss or the gradients stopped being finite.
    """
    model.to(device)
    train, validation = OnDevice.of(split.train, device), OnDevice.of(split.validation, device)
    optimizers, weights = make_optimizers(model, chosen), list(model.parameters())
    batches_per_epoch = math.ceil(len(train.y) / chosen.batch_size)
    rates = _Rates(optimizers, chosen, chosen.epochs * batches_per_epoch)
    averaged = _Average(model, chosen.ema_decay) if chosen.ema_decay else None
    kind, best = model.description.kind, _Best(chosen.patience)
    shuffle = torch.Generator().manual_seed(trial.seed)
    for epoch in range(1, chosen.epochs + 1):
        loss_sum, norm_sum = torch.zeros((), device=device), torch.zeros((), device=device)
        model.train()
        for rows in _batches(len(train.y), chosen.batch_size, shuffle):
            rates.advance()
            with autocast(device, precision):
                scores = model(train.x[rows])
                loss = _loss(scores, train.y[rows], model, chosen.label_smoothing)
            for weight in weights:
                weight.grad = None  # what zero_grad does, at a tenth of its time
            loss.backward()
            norm_sum += nn.utils.clip_grad_norm_(weights, chosen.clip_norm or math.inf)
            for optimizer in optimizers:
                optimizer.step()
            if averaged is not None:
                averaged.update(model)
            loss_sum += loss.detach() * len(rows)
        evaluated = model if averaged is None else averaged.model
        metrics = {
            **_evaluate(evaluated, validation, kind, device, precision),
            "train_loss": float(loss_sum) / len(train.y),
            "grad_norm": float(norm_sum) / batches_per_epoch,
        }
        _check_finite(metrics, epoch, trial)
        best.see(epoch, metrics, evaluated)
        if not trial.report(epoch, **metrics) or best.is_out_of_patience(epoch):
            break
    model.load_state_dict(best.weights)
    return {**best.metrics, "best_epoch": float(best.epoch), "params": float(count_weights(model.network))}


class _Rates:
    """Moves the learning rates of all optimizers along the schedule, one call for each optimizer step."""

    def __init__(self, optimizers: Sequence[optim.Optimizer], chosen: TrainingParameters, steps: int) -> None:
        self._groups = [group for optimizer in optimizers for group in optimizer.param_groups]
        self._lr, self._factor, self._step = chosen.lr, schedule_factor(chosen, steps), 0

    def advance(self) -> None:
        for group in self._groups:
            group["lr"] = self._lr * self._factor(self._step)
        self._step += 1


class _Best:
    """Remembers the best epoch: by accuracy and then by loss, or by loss alone."""

    def __init__(self, patience: int) -> None:
        self.epoch, self.metrics, self.weights = 0, dict[str, float](), dict[str, Tensor]()
        self._patience, self._rank = patience, (-math.inf, -math.inf)

    def see(self, epoch: int, metrics: dict[str, float], model: nn.Module) -> None:
        rank = (metrics.get("val_accuracy", 0.0), -metrics["val_loss"])
        if rank > self._rank:
            self.epoch, self.metrics, self.weights, self._rank = epoch, metrics, weights_of(model), rank

    def is_out_of_patience(self, epoch: int) -> bool:
        return bool(self._patience) and epoch - self.epoch >= self._patience


class _Average:
    """An exponential moving average of a model's weights and buffers."""

    def __init__(self, model: TrainedModel, decay: float) -> None:
        self.model = copy.deepcopy(model)
        self._decay = decay

    @torch.no_grad()
    def update(self, model: TrainedModel) -> None:
        pairs = zip(self.model.state_dict().values(), model.state_dict().values(), strict=True)
        for mine, theirs in pairs:
            if mine.is_floating_point():
                mine.lerp_(theirs, 1 - self._decay)
            else:
                mine.copy_(theirs)


def _batches(rows: int, size: int, shuffle: torch.Generator) -> Iterator[Tensor]:
    order = torch.randperm(rows, generator=shuffle)
    batches = list(order.split(size))
    if len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2:] = [torch.cat(batches[-2:])]  # batch normalisation cannot learn from a single row
    yield from batches


def _loss(scores: Tensor, y: Tensor, model: TrainedModel, label_smoothing: float = 0.0) -> Tensor:
    if model.description.kind == "classification":
        return functional.cross_entropy(scores.float(), y, label_smoothing=label_smoothing)
    return functional.mse_loss(model.targets(scores.float()), model.targets(y))


@torch.no_grad()
def _evaluate(
    model: TrainedModel, validation: OnDevice, kind: Kind, device: torch.device, precision: Precision
) -> dict[str, float]:
    model.eval()
    with autocast(device, precision):
        scores = torch.cat([model(x) for x in validation.x.split(4096)]).float()
    loss = float(_loss(scores, validation.y, model))
    if kind == "classification":
        return {"val_accuracy": float((scores.argmax(1) == validation.y).double().mean()), "val_loss": loss}
    mse = float(functional.mse_loss(scores.double(), validation.y.double()))
    return {"val_mse": mse, "val_r2": 1 - mse / float(np.var(validation.y.cpu().numpy())), "val_loss": loss}


def _check_finite(metrics: dict[str, float], epoch: int, trial: TrialContext) -> None:
    for name, value in metrics.items():
        if not math.isfinite(value):
            raise trial.infeasible(f"'{name}' was {value} at epoch {epoch}: the training diverged")


class TrainableSettings(DeviceSettings):
    """What all built-in trainables may be told beside their parameters."""

    save_model: bool = True
    """Keeps the best weights as the artifact `model`."""
