"""A trained network together with what it needs to be used: how inputs are scaled and what outputs mean.

On disk it is a directory: `model.safetensors` holds the numbers, `model.json` how to build the network and where it
comes from. Neither can carry code.
"""

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor, nn

from studyhall.errors import InvalidInput
from workers.compression.packed_weights import read_packed
from workers.compression.shapes import fit_shapes
from workers.compression.tensor_files import write_tensors
from workers.trainables.datasets import DataSet, DataSettings, Kind, Part, load_dataset, split_dataset
from workers.trainables.networks import Network

WEIGHTS: Final = "model.safetensors"
DESCRIPTION: Final = "model.json"
TEST_SCORE: Final = "test_score.json"


class Description(BaseModel):
    """What `model.json` says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    trainable: str
    network: Annotated[Network, Field(discriminator="kind")]
    input_shape: tuple[int, ...]
    kind: Kind
    classes: tuple[str | int, ...]
    features: tuple[str, ...]
    data: DataSettings
    data_content: str
    parameters: dict[str, Any]
    seed: int
    metrics: dict[str, float] = {}
    weights_sha256: str = ""
    versions: dict[str, str] = {}


class Standardize(nn.Module):
    """Shifts and scales by constants that are saved with the weights."""

    mean: Tensor
    scale: Tensor

    def __init__(self, mean: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)

    def forward(self, x: Tensor) -> Tensor:
        """From the data's units to units of standard deviation."""
        return (x - self.mean) / self.scale

    def inverse(self, z: Tensor) -> Tensor:
        """Back to the data's units."""
        return z * self.scale + self.mean


class TrainedModel(nn.Module):
    """A network that takes inputs in the data's own units.

    `forward` gives class scores `(n, classes)`, or values in the target's units `(n,)`.
    """

    def __init__(self, description: Description, inputs: Standardize, targets: Standardize) -> None:
        super().__init__()
        self.description = description
        self.inputs = inputs
        self.targets = targets
        self.network = description.network.build()

    @classmethod
    def for_data(cls, description: Description, train: Part) -> Self:
        """An untrained model whose scales are those of the training rows."""
        x, y = torch.from_numpy(train.x), torch.from_numpy(train.y)
        per_feature = (0,) if x.ndim == 2 else (0, *range(2, x.ndim))
        inputs = _standardize(x, per_feature)
        targets = _standardize(y, (0,)) if description.kind == "regression" else _identity()
        return cls(description, inputs, targets)

    def forward(self, x: Tensor) -> Tensor:
        """Class scores, or values."""
        found: Tensor = self.network(self.inputs(x))
        return found if self.description.kind == "classification" else self.targets.inverse(found[:, 0])

    @torch.no_grad()
    def predict(self, x: ArrayLike) -> NDArray[Any]:
        """Classes, or values, for rows in the data's units; each row may be flat.

        Raises:
            InvalidInput: when the rows have another size.
        """
        rows = np.asarray(x, np.float32)
        shape = self.description.input_shape
        if rows.size == 0 or rows.size % int(np.prod(shape)) or rows.shape[1:] not in {shape, (int(np.prod(shape)),)}:
            raise InvalidInput(f"the model takes rows of shape {shape}; these have the shape {rows.shape[1:]}")
        self.eval()
        device = next(self.parameters()).device
        found = self(torch.from_numpy(rows.reshape(-1, *shape)).to(device)).cpu()
        if self.description.kind == "regression":
            return np.asarray(found.numpy())
        return np.asarray(np.array(self.description.classes)[found.argmax(1).numpy()])


def _standardize(x: Tensor, over: tuple[int, ...]) -> Standardize:
    mean, deviation = x.mean(over, keepdim=True), x.std(over, keepdim=True, correction=0)
    return Standardize(mean[0], torch.where(deviation > 0, deviation, 1.0)[0])


def _identity() -> Standardize:
    return Standardize(torch.zeros(()), torch.ones(()))


def describe(data: DataSet, settings: DataSettings, network: Network, **rest: Any) -> Description:
    """The description of a model for this data; `rest`: trainable, parameters, seed."""
    only_data = DataSettings(**{name: getattr(settings, name) for name in DataSettings.model_fields})
    return Description(
        network=network,
        input_shape=data.x.shape[1:],
        kind=data.kind,
        classes=data.classes,
        features=data.features,
        data=only_data,
        data_content=data.content,
        versions={"python": platform.python_version(), "torch": torch.__version__},
        **rest,
    )


def save_model(model: TrainedModel, directory: Path, metrics: dict[str, float]) -> Path:
    """Writes the two files and answers their directory."""
    directory.mkdir(parents=True, exist_ok=True)
    write_tensors(model.state_dict(), directory / WEIGHTS, {})
    write_description(model.description, directory, metrics)
    return directory


def write_description(description: Description, directory: Path, metrics: Mapping[str, float]) -> None:
    """Describes the model whose weights are in the directory; they may be pruned or packed."""
    sha256 = hashlib.sha256((directory / WEIGHTS).read_bytes()).hexdigest()
    described = description.model_copy(update={"metrics": dict(metrics), "weights_sha256": sha256})
    (directory / DESCRIPTION).write_text(described.model_dump_json(indent=2) + "\n", "utf-8")


def load_model(directory: str | Path) -> TrainedModel:
    """Reads a saved model, ready to predict on the CPU.

    Raises:
        InvalidInput: the directory holds no model, or its weights are not those it describes.
    """
    directory = Path(directory)
    try:
        description = Description.model_validate_json((directory / DESCRIPTION).read_bytes())
        content = (directory / WEIGHTS).read_bytes()
    except FileNotFoundError as error:
        raise InvalidInput(f"{directory} holds no saved model: {DESCRIPTION} or {WEIGHTS} is missing") from error
    except ValidationError as error:
        raise InvalidInput(f"{directory / DESCRIPTION} does not describe a model of this version") from error
    if hashlib.sha256(content).hexdigest() != description.weights_sha256:
        raise InvalidInput(f"{directory / WEIGHTS} is not the file that {DESCRIPTION} describes; it was changed or cut")
    weights = {name: value.float() for name, value in read_packed(directory / WEIGHTS).items()}
    scales = [Standardize(weights[f"{part}.mean"], weights[f"{part}.scale"]) for part in ("inputs", "targets")]
    model = TrainedModel(description, *scales)
    fit_shapes(model, weights).load_state_dict(weights)
    return model.eval()


@dataclass(frozen=True)
class TestScore:
    """How a model does on rows that no search has seen.

    Args:
        standard_error: of an accuracy, from the number of rows; None for a regression.
    """

    __test__ = False  # a test runner would take it for a test by its name

    metric: Literal["accuracy", "r2"]
    value: float
    rows: int
    standard_error: float | None


def test_score(directory: str | Path) -> TestScore:
    """The model's accuracy, or R², on the test rows of its data; computed once and kept beside the model.

    Once, because choosing by it would turn test rows into validation rows.

    Raises:
        InvalidInput: no model is there, or its data has changed since it was trained.
    """
    directory = Path(directory)
    kept = directory / TEST_SCORE
    if kept.exists():
        return TestScore(**json.loads(kept.read_text("utf-8")))
    model = load_model(directory)
    data = load_dataset(model.description.data)
    if data.content != model.description.data_content:
        raise InvalidInput(f"the data set '{data.name}' is not the one that this model was trained on")
    score = _score(model, split_dataset(data, model.description.data.split_seed).test)
    kept.write_text(json.dumps(asdict(score)) + "\n", "utf-8")
    return score


test_score.__test__ = False  # type: ignore[attr-defined] # the same for the function


def _score(model: TrainedModel, test: Part) -> TestScore:
    rows = len(test.y)
    predicted = model.predict(test.x.reshape(rows, -1))
    if model.description.kind == "regression":
        unexplained = float(np.mean((predicted - test.y) ** 2) / np.var(test.y))
        return TestScore("r2", 1 - unexplained, rows, None)
    accuracy = float(np.mean(predicted == np.array(model.description.classes)[test.y]))
    return TestScore("accuracy", accuracy, rows, (accuracy * (1 - accuracy) / rows) ** 0.5)
