"""What a built-in trainable declares: its name, the settings and parameters it knows, its metrics and its function."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, JsonValue, TypeAdapter, ValidationError

from studyhall.architecture.graph import Graph
from studyhall.architecture.plan import ROOT
from studyhall.errors import FieldError, InvalidInput, field_errors
from studyhall.trial_context import LocalTrial, TrialContext
from studyhall.wire.fleet import TrainableInfo
from workers.compression.knobs import knob_schemas, stage_parameters_in


class Declared(BaseModel):
    """Settings or parameters: strict, with defaults for all, and unknown names refused."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


P = TypeVar("P", bound=Declared)
S = TypeVar("S", bound=Declared)


@dataclass(frozen=True)
class Trainable(Generic[P, S]):
    """A function of (parameters, trial context) with a declared vocabulary.

    Args:
        metrics: the names it reports; the first one is what most studies are about.
        train: gets the checked parameters and settings.
    """

    name: str
    summary: str
    parameters: type[P]
    settings: type[S]
    metrics: tuple[str, ...]
    train: Callable[[P, S, TrialContext], dict[str, float]]

    def __call__(self, parameters: Mapping[str, Any], trial: TrialContext) -> dict[str, float]:
        """Trains once.

        Raises:
            InvalidInput: a parameter or setting is unknown or does not fit; the error names it.
        """
        settings = _checked(self.settings, trial.settings, f"the settings do not fit the trainable '{self.name}'")
        settings, parameters = stage_parameters_in(settings, parameters)
        own = {name: value for name, value in parameters.items() if trial.network is None or not _is_of_network(name)}
        chosen = _checked(self.parameters, own, f"the parameters do not fit the trainable '{self.name}'")
        metrics = self.train(chosen, settings, trial)
        return metrics if trial.network is None else {**_counts(trial.network), **metrics}

    def info(self) -> TrainableInfo:
        """How a worker tells the server what it can run."""
        parameters = self.parameters.model_json_schema()
        parameters["properties"] |= knob_schemas(self.settings)
        return TrainableInfo(
            name=self.name,
            summary=self.summary,
            settings=self.settings.model_json_schema(),
            parameters=parameters,
            metrics=self.metrics,
        )


D = TypeVar("D", bound=Declared)


def _is_of_network(parameter: str) -> bool:
    return parameter.startswith(f"{ROOT}.")


def _counts(network: Graph) -> dict[str, float]:
    return {name: float(value) for name, value in network.counts.model_dump().items()}


def _checked(kind: type[D], given: Mapping[str, Any], complaint: str) -> D:
    try:
        return kind.model_validate(dict(given))
    except ValidationError as error:
        faults = [_with_known_names(fault, kind) for fault in field_errors(error)]
        raise InvalidInput(complaint, errors=faults) from None


def _with_known_names(fault: FieldError, kind: type[Declared]) -> FieldError:
    if not fault.message.startswith("unknown field"):
        return fault
    return FieldError(fault.pointer, f"unknown; known are {', '.join(kind.model_fields)}")


def run_by_hand(trainable: Trainable[Any, Any], arguments: list[str]) -> dict[str, float]:
    """Runs `NAME=VALUE` arguments as parameters, `settings.NAME=VALUE` as settings, `seed=N` as the seed.

    python -m workers.trainables.image_classifier lr=0.01 optimizer=sgd settings.network=mlp
    """
    if any("=" not in argument for argument in arguments):
        sys.exit(
            f"usage: python -m workers.trainables.{trainable.name} [NAME=VALUE …] [settings.NAME=VALUE …] [seed=N]"
        )
    given: dict[str, Any] = {name: _value(text) for name, text in (argument.split("=", 1) for argument in arguments)}
    settings = {name.removeprefix("settings."): given.pop(name) for name in list(given) if name.startswith("settings.")}
    trial = LocalTrial(seed=given.pop("seed", 0), settings=settings)
    try:
        metrics = trainable(given, trial)
    except InvalidInput as error:
        sys.exit(str(error))
    trial.log("  ".join(f"{name} {value:.6g}" for name, value in metrics.items()))
    for name, path in trial.artifacts.items():
        trial.log(f"{name}: {path}")
    return metrics


def _value(text: str) -> JsonValue:
    try:
        return TypeAdapter[JsonValue](JsonValue).validate_json(text)
    except ValidationError:
        return text
