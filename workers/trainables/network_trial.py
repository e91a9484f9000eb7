"""One trial of a built-in trainable that trains a network: the training, and the pipeline when the task has one."""

import os
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from studyhall.errors import InvalidInput
from studyhall.trial_context import TrialContext
from workers.compression.examples import Examples, Rows
from workers.compression.knobs import PipelineSettings
from workers.store import open_store
from workers.teachers import BEST
from workers.trainables.data_files import file_below
from workers.trainables.data_set import DataSet, DataSettings, Part, Split, unusable
from workers.trainables.datasets import split_dataset
from workers.trainables.device import prepare_device, speed_up
from workers.trainables.networks import Network, SearchedNetwork, searched_network
from workers.trainables.saved_model import (
    Description,
    TrainedModel,
    describe,
    load_model,
    save_model,
    write_description,
)
from workers.trainables.training import TrainableSettings, TrainingParameters, fit

ARTIFACTS_VARIABLE: Final = "STUDYHALL_ARTIFACTS"
"""The store that teachers are fetched from: the worker's own."""

CLASSIFIER_METRICS: Final = (
    "val_accuracy", "val_accuracy_low", "val_accuracy_high", "val_loss", "train_loss", "grad_norm", "best_epoch",
    "params", "inherited",
)  # fmt: skip
"""What each training of a classifying network tells."""


class NetworkSettings(TrainableSettings, DataSettings, PipelineSettings):
    """The settings of every trainable that trains a network."""

    teacher: Annotated[str, Field(pattern=r"^(best|[A-Za-z0-9_-]+/\d+/\d+/[A-Za-z0-9_][A-Za-z0-9_.-]*)$")] | None = None
    """For the stage distill: `best`, the model of the study's best trial when this one starts; or another trial's
    artifact, `STUDY_ID/NUMBER/ATTEMPT/NAME`, such as `st_1/7/1/train`. Without one, or while no trial has a result,
    the network that the stage train has trained."""
    unlabelled: str | None = None
    """For distill: an npy file of inputs without labels, below the worker's data directory."""
    labelled_rows: Annotated[int, Field(ge=2)] | None = None
    """Trains on this many of the training rows; distill learns from the others, without their labels."""


def train_network(
    network: Network,
    data: DataSet,
    chosen: TrainingParameters,
    settings: NetworkSettings,
    trial: TrialContext,
    *,
    trainable: str,
) -> dict[str, float]:
    """Trains one network, keeps its best epoch, and sends it through the task's pipeline.

    A network that the study's architecture describes comes before `network`.
    """
    trial.log(data.in_a_line)
    network = searched_network(trial.network, data.x.shape[1:], max(1, len(data.classes))) or network
    device = prepare_device(settings, trial)
    split = split_dataset(data, settings.split_seed)
    train, others = _labelled(split.train, settings, trial.seed)
    description = describe(
        data, settings, network, trainable=trainable, parameters=chosen.model_dump(exclude_unset=True), seed=trial.seed
    )
    metrics: dict[str, float] = {}

    def trained() -> TrainedModel:
        model = TrainedModel.for_data(description, train)
        part = Split(train, split.validation, split.test)
        faster = speed_up(settings)
        metrics.update(
            fit(
                model, part, chosen, trial=trial, device=device, precision=settings.precision, speed_up=faster,
                parent=_parent(trial),
            )
        )  # fmt: skip
        if settings.save_model:
            trial.artifact("model", save_model(model, trial.workdir / "model", metrics))
        return model

    if not settings.pipeline:
        trained()
        return metrics
    try:  # here and not above: a worker without the extra still trains
        from workers.compression.pipeline import Subject, run_pipeline
    except ImportError as error:
        raise unusable(
            "pipeline", f"this worker cannot run one ({error}): pip install 'studyhall[compression]'"
        ) from error

    subject = Subject(
        examples=Examples(
            _rows(train, device),
            _rows(split.validation, device),
            data.kind,
            unlabelled=_unlabelled(others, settings, data, device),
            content=data.content,
            data=f"{data.name}, split 60/20/20 by seed {settings.split_seed}",
        ),
        train=trained,
        student=partial(_student, description, train, device),
        teacher=_teacher(settings.teacher, description, trial, device),
        epochs=chosen.epochs,
        describe=partial(write_description, description),
        facts={"parameters": chosen.model_dump(), "settings": settings.model_dump(), "trainable": trainable},
    )
    of_stages = run_pipeline(settings.stages, subject, trial, runtime=settings.runtime)
    return {**metrics, **of_stages}


def _student(description: Description, train: Part, device: torch.device, share: float) -> nn.Module:
    network = description.network
    if share < 1:
        if isinstance(network, SearchedNetwork):
            raise unusable("pipeline", "a searched architecture has no width to share; set distill.share to 1")
        narrower = network.model_copy(update={"width": max(1, round(network.width * share))})
        description = description.model_copy(update={"network": narrower})
    return TrainedModel.for_data(description, train).to(device)


def _parent(trial: TrialContext) -> nn.Module | None:
    """The network of the trial that this one descends from, where there is one and it has kept its model."""
    if trial.inherit_from is None:
        return None
    try:
        return load_model(trial.inherit_from / "model").network
    except InvalidInput as error:
        trial.log(f"the weights of the parent are not used: {error}")
        return None


def _teacher(key: str | None, wanted: Description, trial: TrialContext, device: torch.device) -> nn.Module | None:
    if key is None:
        return None
    if key == BEST:
        raise unusable("teacher", "'best' is known within a study only; by hand, name an artifact")
    store = open_store(os.environ.get(ARTIFACTS_VARIABLE, "artifacts"))
    place = trial.workdir / "teacher"
    try:
        store.get(key, place)
    except FileNotFoundError as error:
        raise unusable("teacher", f"the store of artifacts has no '{key}'") from error
    model = load_model(place)
    found = model.description
    if (found.input_shape, found.classes, found.kind) != (wanted.input_shape, wanted.classes, wanted.kind):
        raise unusable("teacher", f"'{key}' was trained for other inputs or classes")
    return model.to(device)


def _labelled(train: Part, settings: NetworkSettings, seed: int) -> tuple[Part, np.ndarray[Any, Any] | None]:
    count = settings.labelled_rows
    if count is None or count >= len(train.y):
        return train, None
    order = np.random.default_rng(seed).permutation(len(train.y))
    few, others = order[:count], order[count:]
    return Part(train.x[few], train.y[few]), train.x[others]


def _unlabelled(
    others: np.ndarray[Any, Any] | None, settings: NetworkSettings, data: DataSet, device: torch.device
) -> Tensor | None:
    parts = [] if others is None else [others]
    if settings.unlabelled is not None:
        parts.append(_inputs(file_below(settings.unlabelled, field="unlabelled"), data.x.shape[1:]))
    return torch.from_numpy(np.concatenate(parts)).to(device) if parts else None


def _inputs(path: Path, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    try:
        x = np.load(path, allow_pickle=False)
        return np.asarray(x, np.float32).reshape(-1, *shape)
    except (OSError, ValueError) as error:
        raise unusable("unlabelled", f"{path.name} holds no inputs of shape {shape}: {error}") from error


def _rows(part: Part, device: torch.device) -> Rows:
    return Rows(torch.from_numpy(part.x).to(device), torch.from_numpy(part.y).to(device))
