"""The stages by name, and their knobs: a study fixes them in its task or searches them, as `prune.target`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, field_validator

from studyhall.errors import FieldError, InvalidInput, field_errors
from studyhall.words import Word

Runtime: TypeAlias = Literal["onnxruntime", "torch"]
Criterion: TypeAlias = Literal["l1", "l2", "taylor", "lamp", "fpgm", "random"]
Measure: TypeAlias = Literal["params", "flops", "bytes"]
Mode: TypeAlias = Literal["none", "int8_static", "int8_dynamic", "weight_minmax", "fp16", "bf16"]
Epochs: TypeAlias = Annotated[int, Field(ge=0, le=100_000)]
Rate: TypeAlias = Annotated[float, Field(gt=0, le=1000)]


class Knobs(Word):
    """The knobs of a stage, all with defaults."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    on: bool = True
    """Off: the stage changes nothing, and is measured all the same."""


class Train(Knobs):
    """The training that the task's other parameters describe; for a model of yours, the model as it is."""


class Distill(Knobs):
    """A smaller network learns what a larger one says."""

    share: Annotated[float, Field(gt=0, le=1)] = 0.5
    """The student's width, as a share of the width that the parameters describe. After prune: the pruned network is
    the student, whatever this says."""
    temperature: Annotated[float, Field(ge=0.1, le=100)] = 2.0
    """Softens what the teacher says about each class; for classification."""
    alpha: Annotated[float, Field(ge=0, le=1)] = 0.5
    """How much the teacher counts beside the labels; 0 is training without a teacher, the control."""
    epochs: Annotated[int, Field(ge=1, le=100_000)] = 20
    lr: Rate = 0.003
    batch_size: Annotated[int, Field(ge=1, le=1_000_000)] = 64
    control: bool = False
    """Also trains the student without the teacher and reports its figure as `distill.control_accuracy`."""


class Prune(Knobs):
    """Removes whole channels and neurons, a few at a time, and trains what is left."""

    target: Annotated[float, Field(gt=0, le=1e15)] = 0.25
    """Up to 1: the share that shall be left; above: how many."""
    measure: Measure = "params"
    """What the target counts; bytes are those of the weights."""
    method: Literal["lowest", "threshold"] = "lowest"
    """lowest: the least important channels of every layer, the same share of each. threshold: whatever is less
    important than `threshold` times its layer's mean."""
    criterion: Criterion = "l2"
    steps: Annotated[int, Field(ge=1, le=100)] = 7
    """Rounds of pruning and finetuning; with a threshold, the most there may be."""
    threshold: Annotated[float, Field(gt=0, le=100)] = 0.5
    """Rises by half in a round that would remove nothing."""
    min_channels: Annotated[int, Field(ge=1, le=100_000)] = 2
    """No layer gets narrower than this."""
    min_score: float | None = None
    """The accuracy (or R²) below which a round is undone and the pruning ends."""
    finetune_epochs: Epochs = 2
    """After each round."""
    last_epochs: Epochs = 8
    """After the last round, on top."""
    lr: Rate = 0.002
    batch_size: Annotated[int, Field(ge=1, le=1_000_000)] = 64
    alpha: Annotated[float, Field(ge=0, le=1)] = 0.0
    """How much the unpruned network counts beside the labels while finetuning."""
    temperature: Annotated[float, Field(ge=0.1, le=100)] = 2.0
    scratch: bool = False
    """Trains the final shape from fresh weights for as many epochs as pruning and training took, and goes on with
    that: the control of pruning. The pruned figure is still reported, as `prune.inherited_accuracy`."""


class Quantize(Knobs):
    """Stores, and where the runtime can, computes with fewer bits."""

    mode: Mode = "int8_static"
    """int8_static, int8_dynamic: ONNX Runtime's. weight_minmax: weights as packed integers of `bits`, computed in
    float32. fp16, bf16: half precision."""
    bits: Annotated[int, Field(ge=2, le=8)] = 8
    """For weight_minmax."""
    per_channel: bool = True
    """One scale for each output channel of a weight, instead of one for the whole."""
    calibration_rows: Annotated[int, Field(ge=1, le=100_000)] = 512
    """Training rows that int8_static sees to choose the scales of activations."""


class Examine(Knobs):
    """Attacks and explains the model: what it looks at, and how easily it is fooled."""

    eps: Annotated[float, Field(gt=0, le=1e6)] = 0.1
    """The largest change of an input, as a share of the inputs' range."""
    steps: Annotated[int, Field(ge=1, le=1000)] = 10
    """Of projected gradient descent."""
    rows: Annotated[int, Field(ge=1, le=100_000)] = 256
    """Validation rows to look at."""


class Export(Knobs):
    """ONNX, safetensors, a model card and examples, each with its SHA-256."""


STAGES: dict[str, type[Knobs]] = {
    "train": Train,
    "distill": Distill,
    "prune": Prune,
    "examine": Examine,
    "quantize": Quantize,
    "export": Export,
}

StageGiven: TypeAlias = str | dict[str, JsonValue]


@dataclass(frozen=True)
class Stage:
    """One stage of a pipeline with its knobs."""

    name: str
    knobs: Knobs


class PipelineSettings(Word):
    """The pipeline of a task: `["train", {"stage": "prune", "criterion": "l1"}, "quantize", "export"]`."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    pipeline: list[StageGiven] = Field(default_factory=list, max_length=len(STAGES))
    """Stages in order: train, distill, prune, examine, quantize, export. Empty: the training alone."""
    runtime: Runtime = "onnxruntime"
    """What a pipeline's figures are measured in; int8 always in onnxruntime, bf16 always in torch."""

    @field_validator("pipeline")
    @classmethod
    def _readable(cls, given: list[StageGiven]) -> list[StageGiven]:
        try:
            read_pipeline(given)
        except InvalidInput as error:
            raise ValueError(str(error)) from None
        return given

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The pipeline, read."""
        return read_pipeline(self.pipeline)

    def with_parameters(self, parameters: Mapping[str, Any]) -> Self:
        """The same with what a trial's parameters say of its stages.

        Raises:
            InvalidInput: a parameter does not fit, or names a stage that the pipeline does not have.
        """
        return self.model_copy(update={"pipeline": fill_in(self.pipeline, parameters)}) if parameters else self


def read_pipeline(given: Sequence[StageGiven]) -> tuple[Stage, ...]:
    """Reads and checks the stages of a pipeline.

    Raises:
        InvalidInput: a stage is unknown, comes twice or in an impossible place, or a knob does not fit.
    """
    found = tuple(_stage(index, each) for index, each in enumerate(given))
    names = [stage.name for stage in found]
    faults = [
        FieldError(f"/pipeline/{index}", message)
        for index, name in enumerate(names)
        if (message := _misplaced(name, before=names[:index]))
    ]
    if faults:
        raise InvalidInput("the pipeline cannot be run", errors=faults)
    return found


def fill_in(pipeline: Sequence[StageGiven], parameters: Mapping[str, Any]) -> list[StageGiven]:
    """The pipeline with parameters such as `prune.target` put into their stages.

    Raises:
        InvalidInput: there is no such stage or knob.
    """
    filled: list[dict[str, JsonValue]] = [{"stage": each} if isinstance(each, str) else dict(each) for each in pipeline]
    stages = {str(each.get("stage")): each for each in filled}
    faults = []
    for name, value in parameters.items():
        stage, _, knob = name.partition(".")
        if stage not in stages:
            faults.append(FieldError(f"/{name}", f"the task's pipeline has no stage '{stage}'"))
        elif knob not in STAGES[stage].model_fields:
            known = ", ".join(f"{stage}.{each}" for each in STAGES[stage].model_fields)
            faults.append(FieldError(f"/{name}", f"unknown; known are {known}"))
        else:
            stages[stage][knob] = value
    if faults:
        raise InvalidInput("the parameters do not fit the pipeline", errors=faults)
    found: list[StageGiven] = [*filled]
    read_pipeline(found)
    return found


AnySettings = TypeVar("AnySettings", bound=BaseModel)


def stage_parameters_in(settings: AnySettings, parameters: Mapping[str, Any]) -> tuple[AnySettings, Mapping[str, Any]]:
    """The settings with the knobs of their pipeline, and the other parameters; nothing changes without a pipeline.

    Raises:
        InvalidInput: a parameter does not fit its stage.
    """
    if not isinstance(settings, PipelineSettings):
        return settings, parameters
    others, of_stages = split_parameters(parameters)
    return settings.with_parameters(of_stages), others


def split_parameters(parameters: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A trial's other parameters, and those of stages: `prune.target`."""
    of_stages = {name: value for name, value in parameters.items() if name.partition(".")[0] in STAGES and "." in name}
    return {name: value for name, value in parameters.items() if name not in of_stages}, of_stages


def knob_schemas(settings: type[BaseModel]) -> dict[str, JsonValue]:
    """The JSON schema of every knob by its parameter's name; none for settings without a pipeline."""
    if not issubclass(settings, PipelineSettings):
        return {}
    return {
        f"{stage}.{name}": schema
        for stage, knobs in STAGES.items()
        for name, schema in knobs.model_json_schema()["properties"].items()
    }


def _stage(index: int, given: StageGiven) -> Stage:
    name, rest = (given, {}) if isinstance(given, str) else (given.get("stage"), given)
    if not isinstance(name, str) or name not in STAGES:
        raise InvalidInput(
            "the pipeline cannot be run",
            errors=[FieldError(f"/pipeline/{index}", f"there is no stage '{name}'; there are {', '.join(STAGES)}")],
        )
    try:
        return Stage(name, STAGES[name].model_validate({key: value for key, value in rest.items() if key != "stage"}))
    except ValidationError as error:
        faults = [FieldError(f"/pipeline/{index}{fault.pointer}", fault.message) for fault in field_errors(error)]
        raise InvalidInput(f"the knobs of the stage '{name}' do not fit", errors=faults) from None


def _misplaced(name: str, *, before: list[str]) -> str | None:
    if name in before:
        return f"'{name}' comes a second time"
    if name == "train" and before:
        return "'train' comes first"
    if before and before[-1] == "export":
        return "'export' comes last"
    if name in ("distill", "prune", "examine") and "quantize" in before:
        return f"'{name}' needs float weights and comes before 'quantize'"
    return None
