"""The training that the built-in trainables share: epoch after epoch, from a checkpoint if there is one.

Reported at each epoch (a step): `train_loss`, `val_loss`, `grad_norm`, and what the kind of data calls for:
`val_accuracy`, or `val_mse` and `val_r2`. The weights of the best epoch are the ones that are kept; its accuracy, or
R², is told with the ends of its 95 % interval.
"""

import copy
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn, optim
from torch.nn import functional

from studyhall.trial_context import BadCheckpoint, TrialContext
from workers.compression.figures import LEAST_SPREAD, accuracy_interval, r2_interval
from workers.explanation.attacks import Range, fgsm
from workers.networks.inheriting import inherit
from workers.networks.normalising import normalising
from workers.trainables.augmentation import AugmentationParameters, augment
from workers.trainables.datasets import Part, Split
from workers.trainables.device import DeviceSettings, Precision, SpeedUp, as_it_is, autocast
from workers.trainables.networks import Init, count_weights, initialize, weights_of
from workers.trainables.optimizers import OptimizerParameters, make_optimizers
from workers.trainables.saved_model import TrainedModel
from workers.trainables.schedules import ScheduleParameters, schedule_factor
from workers.trainables.training_state import load_state, save_state


class TrainingParameters(OptimizerParameters, ScheduleParameters, AugmentationParameters):
    """Everything about the training that is not the network."""

    epochs: Annotated[int, Field(ge=1, le=100_000)] = 20
    """Passes over the training rows; each one is a step."""
    batch_size: Annotated[int, Field(ge=1, le=1_000_000)] = 64
    init: Init = "torch"
    """How hidden weights begin; torch: as its layers do by default."""
    clip_norm: Annotated[float, Field(ge=0)] = 1.0
    """Gradients longer than this are scaled down to it; 0: never."""
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """For classification."""
    patience: Annotated[int, Field(ge=0)] = 0
    """Ends the training when this many epochs in a row brought no better one; 0: never."""
    adversarial_eps: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Trains on inputs that FGSM has moved by this share of their range, against the model as it is then; 0: as they
    are. It costs a second backward pass."""
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
    speed_up: SpeedUp = as_it_is,
    parent: nn.Module | None = None,
) -> dict[str, float]:
    """Trains until the epochs are over, patience ends or the trial is stopped; leaves the best weights in the model.

    Goes on from the trial's last checkpoint as if it had never been interrupted.

    Args:
        parent: a trained network whose weights this one starts from, as far as they fit.

    Returns: the metrics of the best epoch, its number as `best_epoch`, the number of weights as `params`, and, with a
        parent, the share of weights that were the parent's as `inherited`.

    Raises:
        Infeasible: the loss or the gradients stopped being finite, or there is one row where two are needed.
        BadCheckpoint: the checkpoint is of another training.
    """
    training = Training(
        model, split, chosen, seed=trial.seed, device=device, precision=precision, speed_up=speed_up, parent=parent
    )
    if trial.resume_from is not None:
        training.restore(load_state(trial.resume_from))
    while not training.is_over:
        with normalising(trial):
            metrics = training.run_epoch()
        _check_finite(metrics, training.epoch, trial)
        goes_on = trial.report(training.epoch, **metrics)
        if trial.wants_checkpoint:
            with trial.checkpoint(training.epoch) as directory:
                save_state(training.state(), directory)
        if not goes_on:
            break
    return training.finish()


class Training:
    """One training, epoch by epoch; all that it needs to go on elsewhere is its `state`."""

    def __init__(
        self,
        model: TrainedModel,
        split: Split,
        chosen: TrainingParameters,
        *,
        seed: int,
        device: torch.device,
        precision: Precision,
        speed_up: SpeedUp = as_it_is,
        parent: nn.Module | None = None,
    ) -> None:
        initialize(model.network, chosen.init)
        self._inherited = None if parent is None else inherit(model.network, parent)
        self._model, self._chosen, self._device, self._precision = model.to(device), chosen, device, precision
        self._forward = speed_up(self._model)
        self._train, self._validation = OnDevice.of(split.train, device), OnDevice.of(split.validation, device)
        self._range = Range.of(self._train.x)
        self._optimizers, self._weights = make_optimizers(model, chosen), list(model.parameters())
        self._batches_per_epoch = math.ceil(len(self._train.y) / chosen.batch_size)
        self._rates = _Rates(self._optimizers, chosen, chosen.epochs * self._batches_per_epoch)
        self._average = _Average(model, chosen.ema_decay) if chosen.ema_decay else None
        self._best = _Best(chosen.patience)
        self._shuffle = torch.Generator().manual_seed(seed)
        self.epoch = 0
        """How many epochs have been run."""

    @property
    def is_over(self) -> bool:
        """Whether all epochs have been run, or no better one has come for too long."""
        return self.epoch >= self._chosen.epochs or self._best.is_out_of_patience(self.epoch)

    def run_epoch(self) -> dict[str, float]:
        """Trains on every row once, and evaluates."""
        loss_sum, norm_sum = torch.zeros((), device=self._device), torch.zeros((), device=self._device)
        self._model.train()
        for rows in _batches(len(self._train.y), self._chosen.batch_size, self._shuffle):
            self._rates.advance()
            with autocast(self._device, self._precision):
                loss = self._loss_of(self._train.x[rows], self._train.y[rows])
            for weight in self._weights:
                weight.grad = None  # what zero_grad does, at a tenth of its time
            loss.backward()
            norm_sum += nn.utils.clip_grad_norm_(self._weights, self._chosen.clip_norm or math.inf)
            for optimizer in self._optimizers:
                optimizer.step()
            if self._average is not None:
                self._average.update(self._model)
            loss_sum += loss.detach() * len(rows)
        self.epoch += 1
        evaluated = self._model if self._average is None else self._average.model
        metrics = {
            **_evaluate(evaluated, self._validation, self._device, self._precision),
            "train_loss": float(loss_sum) / len(self._train.y),
            "grad_norm": float(norm_sum) / self._batches_per_epoch,
        }
        self._best.see(self.epoch, metrics, evaluated)
        return metrics

    def _loss_of(self, x: Tensor, y: Tensor) -> Tensor:
        x, targets = augment(x, y, self._model.inputs.scale, self._chosen)
        if self._chosen.adversarial_eps:
            loss = partial(_loss, model=self._model)
            x = fgsm(self._forward, x, y, self._chosen.adversarial_eps, self._range, loss=loss)
        scores = self._forward(x)
        losses = [share * _loss(scores, y, self._model, self._chosen.label_smoothing) for share, y in targets]
        return torch.stack(losses).sum()

    def finish(self) -> dict[str, float]:
        """Puts the weights of the best epoch into the model and answers its metrics."""
        self._model.load_state_dict(self._best.weights)
        params = float(count_weights(self._model.network))
        inherited = {} if self._inherited is None else {"inherited": self._inherited}
        interval = _interval(self._model, self._validation, self._best.metrics)
        return {**self._best.metrics, **interval, "best_epoch": float(self._best.epoch), "params": params, **inherited}

    def state(self) -> dict[str, Any]:
        """Everything that the next epoch depends on."""
        return {
            "epoch": self.epoch,
            "optimizer_step": self._rates.step,
            "model": self._model.state_dict(),
            "average": self._average.model.state_dict() if self._average else None,
            "optimizers": [optimizer.state_dict() for optimizer in self._optimizers],
            "best": self._best.state(),
            "shuffle": self._shuffle.get_state(),
            "random": torch.get_rng_state(),
            "cuda_random": torch.cuda.get_rng_state_all() if self._device.type == "cuda" else [],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continues from the state of another training of the same network; what else was set may differ.

        Raises:
            BadCheckpoint: it was of another network, or of something else.
        """
        try:
            self.epoch, self._rates.step = state["epoch"], state["optimizer_step"]
            self._model.load_state_dict(state["model"])
            if self._average is not None:
                self._average.model.load_state_dict(state["average"])
            for optimizer, saved in zip(self._optimizers, state["optimizers"], strict=True):
                _take_over(optimizer, saved)
            self._best.restore(state["best"])
            self._shuffle.set_state(state["shuffle"])
            torch.set_rng_state(state["random"])
            if self._device.type == "cuda" and state["cuda_random"]:
                torch.cuda.set_rng_state_all(state["cuda_random"])
        except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
            raise BadCheckpoint(f"the checkpoint is of another training: {error}") from error


def _take_over(optimizer: optim.Optimizer, saved: dict[str, Any]) -> None:
    """Goes on with what an optimizer had gathered, by the settings of this one: they may have changed since."""
    settings = [{key: value for key, value in group.items() if key != "params"} for group in optimizer.param_groups]
    optimizer.load_state_dict(saved)
    for group, own in zip(optimizer.param_groups, settings, strict=True):
        group.update(own)


class _Rates:
    """Moves the learning rates of all optimizers along the schedule, one call for each optimizer step."""

    def __init__(self, optimizers: Sequence[optim.Optimizer], chosen: TrainingParameters, steps: int) -> None:
        self._optimizers = optimizers
        self._lr, self._factor, self.step = chosen.lr, schedule_factor(chosen, steps), 0

    def advance(self) -> None:
        lr = self._lr * self._factor(self.step)
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:  # looked up anew: a restored optimizer has new ones
                group["lr"] = lr
        self.step += 1


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

    def state(self) -> dict[str, Any]:
        return {"epoch": self.epoch, "metrics": self.metrics, "weights": self.weights, "rank": list(self._rank)}

    def restore(self, state: dict[str, Any]) -> None:
        self.epoch, self.metrics, self.weights = state["epoch"], state["metrics"], state["weights"]
        self._rank = (state["rank"][0], state["rank"][1])


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
def _outputs(model: TrainedModel, x: Tensor) -> Tensor:
    model.eval()
    return torch.cat([model(part) for part in x.split(4096)]).float()


@torch.no_grad()
def _evaluate(
    model: TrainedModel, validation: OnDevice, device: torch.device, precision: Precision
) -> dict[str, float]:
    with autocast(device, precision):
        scores = _outputs(model, validation.x)
    loss = float(_loss(scores, validation.y, model))
    if model.description.kind == "classification":
        return {"val_accuracy": float((scores.argmax(1) == validation.y).double().mean()), "val_loss": loss}
    mse = float(functional.mse_loss(scores.double(), validation.y.double()))
    spread = max(float(validation.y.double().var(correction=0)), LEAST_SPREAD)
    return {"val_mse": mse, "val_r2": 1 - mse / spread, "val_loss": loss}


def _interval(model: TrainedModel, validation: OnDevice, metrics: dict[str, float]) -> dict[str, float]:
    """The ends of what the rows leave open about the figure of the best epoch, whose weights the model has."""
    if model.description.kind == "classification":
        name, rows = "val_accuracy", len(validation.y)
        found = accuracy_interval(round(metrics[name] * rows), rows)
    else:
        name = "val_r2"
        found = r2_interval(_outputs(model, validation.x).cpu().numpy(), validation.y.cpu().numpy())
    return {f"{name}_low": found.low, f"{name}_high": found.high}


def _check_finite(metrics: dict[str, float], epoch: int, trial: TrialContext) -> None:
    for name, value in metrics.items():
        if not math.isfinite(value):
            raise trial.infeasible(f"'{name}' was {value} at epoch {epoch}: the training diverged")


class TrainableSettings(DeviceSettings):
    """What all built-in trainables may be told beside their parameters."""

    save_model: bool = True
    """Keeps the best weights as the artifact `model`."""
