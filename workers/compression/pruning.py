"""Structural pruning: whole channels and neurons go, so that what is left is a smaller dense network.

torch-pruning knows which weights belong to a channel; which channels go is decided here, layer by layer. A layer whose
channels are the model's output, or that cannot be cut without breaking the model, is left alone: that is tried, not
guessed, so that any `nn.Module` will do.
"""

import contextlib
import copy
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import torch
import torch_pruning
from torch import Tensor, nn
from torch.nn import functional

from studyhall.trial_context import TrialContext
from workers.compression.examples import Examples
from workers.compression.figures import count_flops, count_params, count_weight_bytes, score_of
from workers.compression.knobs import Criterion, Measure, Prune
from workers.compression.learning import Course, Teacher, learn

MOST: Final = 0.95
"""No round removes a larger share of a layer."""
Choose = Callable[[Tensor], list[int]]
"""Which channels go, of their importances."""


@dataclass(frozen=True)
class LayerImportance:
    """How important each channel of a layer was before any was removed, and how many are left."""

    layer: str
    importance: tuple[float, ...]
    left: int


@dataclass(frozen=True, eq=False)
class Pruned:
    """How a pruning ended.

    Args:
        rounds: those that count.
        epochs: trained in all.
        reached: whether the target was.
        rolled_back: whether a last round was undone, because the score fell below the floor.
    """

    model: nn.Module
    rounds: int
    epochs: int
    reached: bool
    rolled_back: bool
    importance: tuple[LayerImportance, ...]


@dataclass
class Size:
    """A model's size in the unit of the target."""

    measure: Measure
    example: Tensor = field(repr=False)

    def of(self, model: nn.Module) -> int:
        """Params, flops of one row, or bytes of the weights."""
        match self.measure:
            case "params":
                return count_params(model)
            case "flops":
                return count_flops(model, self.example)
            case _:
                return count_weight_bytes(model)


def prune(model: nn.Module, knobs: Prune, examples: Examples, *, trial: TrialContext, seed: int) -> Pruned:
    """Prunes a copy of the model, round after round, and finetunes it after each."""
    size = Size(knobs.measure, examples.train.x[:2])
    before = size.of(model)
    goal = knobs.target * before if knobs.target <= 1 else knobs.target
    if goal >= before:
        return Pruned(model, 0, 0, reached=True, rolled_back=False, importance=())
    teacher = Teacher(model, knobs.alpha, knobs.temperature) if knobs.alpha else None
    current = copy.deepcopy(model)
    cutter = Cutter(current, examples, knobs.criterion, seed)
    report = cutter.importances(current)
    plan = _Plan(knobs, size, cutter, before, goal)
    rounds = epochs = 0
    rolled_back = False
    while rounds < knobs.steps and size.of(current) > goal and trial.check():
        smaller = copy.deepcopy(current)
        if not plan.cut(smaller, rounds + 1):
            break
        is_last = size.of(smaller) <= goal or rounds + 1 == knobs.steps
        course = knobs.finetune_epochs + (knobs.last_epochs if is_last else 0)
        learn(
            smaller, examples, Course(course, knobs.lr, knobs.batch_size, seed + rounds), trial=trial, teacher=teacher
        )
        rounds, epochs = rounds + 1, epochs + course
        score = score_of(smaller, examples)
        trial.log(f"prune: round {rounds}, {size.of(smaller)} {knobs.measure} left, {examples.score} {score:.4f}")
        if knobs.min_score is not None and score < knobs.min_score:
            rounds, rolled_back = rounds - 1, True
            break
        current = smaller
    importance = tuple(
        LayerImportance(name, tuple(round(float(each), 6) for each in scores), _channels_left(current, name))
        for name, scores in report.items()
    )
    return Pruned(current.eval(), rounds, epochs, size.of(current) <= goal, rolled_back, importance)


class _Plan:
    """Decides how much each round cuts."""

    def __init__(self, knobs: Prune, size: Size, cutter: "Cutter", before: int, goal: float) -> None:
        self._knobs, self._size, self._cutter, self._before, self._goal = knobs, size, cutter, before, goal
        self._threshold = knobs.threshold

    def cut(self, model: nn.Module, round_number: int) -> bool:
        """Cuts the model; False when nothing can be removed any more."""
        before = self._size.of(model)
        if self._knobs.method == "threshold":
            self._cut_below_threshold(model)
        else:
            # In equal ratios: each round removes the same share of what is left.
            wanted = self._before * (self._goal / self._before) ** (round_number / self._knobs.steps)
            share = self._bisect(model, lambda share: self._lowest(share), max(wanted, self._goal), MOST)
            self._cutter.cut(model, self._lowest(share))
        return self._size.of(model) < before

    def _cut_below_threshold(self, model: nn.Module) -> None:
        before = self._size.of(model)
        for _ in range(20):
            trying = copy.deepcopy(model)
            self._cutter.cut(trying, self._below(self._threshold))
            if self._size.of(trying) < before:
                break
            self._threshold *= 1.5
        threshold = self._threshold
        if self._size.of(trying) < self._goal:  # no further than to the target
            threshold = self._bisect(model, self._below, self._goal, self._threshold)
        self._cutter.cut(model, self._below(threshold))

    def _bisect(self, model: nn.Module, rule: Callable[[float], Choose], wanted: float, most: float) -> float:
        """The least that brings the model down to the wanted size, or the most there may be."""
        low, high = 0.0, most
        for _ in range(9):
            middle = (low + high) / 2
            trying = copy.deepcopy(model)
            self._cutter.cut(trying, rule(middle))
            if self._size.of(trying) <= wanted:
                high = middle
            else:
                low = middle
        return high

    def _lowest(self, share: float) -> Choose:
        def choose(scores: Tensor) -> list[int]:
            most = max(0, len(scores) - self._knobs.min_channels)
            return scores.argsort()[: min(most, int(share * len(scores)))].tolist()

        return choose

    def _below(self, threshold: float) -> Choose:
        def choose(scores: Tensor) -> list[int]:
            most = max(0, len(scores) - self._knobs.min_channels)
            weak = int((scores < threshold * scores.mean()).sum())
            return scores.argsort()[: min(most, weak)].tolist()

        return choose


class Cutter:
    """Removes channels from models of one architecture.

    Args:
        examples: Taylor's criterion looks at its gradients on the first 512 training rows.
    """

    def __init__(self, model: nn.Module, examples: Examples, criterion: Criterion, seed: int) -> None:
        self._examples, self._criterion = examples, criterion
        self._importance: Callable[[Any], Tensor | None] = _importance(criterion, seed)
        self._example = examples.train.x[:2]
        self._kept_whole = frozenset(_uncuttable(model, self._example))

    def cut(self, model: nn.Module, choose: Choose) -> None:
        """Removes what is chosen in each layer, in place."""
        self._prepare(model)
        for _, group, scores in self._layers(model):
            if chosen := choose(scores):
                group.prune(chosen)
        for weight in model.parameters():
            weight.grad = None

    def importances(self, model: nn.Module) -> dict[str, Tensor]:
        """How important each channel is, by layer."""
        self._prepare(model)
        return {name: scores for name, _, scores in self._layers(model)}

    def _layers(self, model: nn.Module) -> list[tuple[str, Any, Tensor]]:
        found = []
        for name, group in _groups(model, self._example):
            if name not in self._kept_whole and (scores := self._importance(group)) is not None:
                found.append((name, group, scores.detach().float()))
        return found

    def _prepare(self, model: nn.Module) -> None:
        model.eval()
        if self._criterion != "taylor":
            return
        rows = self._examples.train.first(512)
        model.zero_grad()
        of = functional.cross_entropy if self._examples.kind == "classification" else functional.mse_loss
        of(model(rows.x), rows.y).backward()


def _groups(model: nn.Module, example: Tensor) -> Iterator[tuple[str, Any]]:
    """Each set of weights that must be cut together, with the name of the layer whose channels they are."""
    names = {module: name for name, module in model.named_modules()}
    for weight in model.parameters():
        weight.requires_grad = True  # the graph is found through gradients
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Unwrapped parameters", UserWarning)  # a GRU's, which is never cut
        graph = torch_pruning.DependencyGraph().build_dependency(model, example_inputs=example)
    roots = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
    found = []
    # What it cannot follow, such as a convolution before a GRU, ends its list; what came before is sound.
    with contextlib.suppress(IndexError, KeyError, TypeError, AttributeError):
        for group in graph.get_all_groups(root_module_types=roots):
            found.append(group)  # noqa: PERF402 - a list that is cut short by an error
    for group in found:
        yield names[group[0].dep.target.module], group


def _uncuttable(model: nn.Module, example: Tensor) -> Iterator[str]:
    with torch.no_grad():
        shape = model.eval()(example).shape
    for wanted, _ in list(_groups(copy.deepcopy(model), example)):
        trying = copy.deepcopy(model).eval()
        if not _can_lose_a_channel(trying, wanted, example, shape):
            yield wanted


def _can_lose_a_channel(model: nn.Module, layer: str, example: Tensor, shape: torch.Size) -> bool:
    try:
        (group,) = [group for name, group in _groups(model, example) if name == layer]
        group.prune([0])
        with torch.no_grad():
            return bool(model(example).shape == shape)
    except Exception:  # noqa: BLE001 - whatever a user's forward raises, this layer is not to be cut
        return False


def _importance(criterion: Criterion, seed: int) -> Callable[[Any], Tensor | None]:
    make = torch_pruning.importance
    match criterion:
        case "l1" | "l2":
            found = make.MagnitudeImportance(p=int(criterion[1]))
        case "taylor":
            found = make.TaylorImportance()
        case "lamp":
            found = make.LAMPImportance()
        case "fpgm":
            found = make.FPGMImportance()
        case _:
            return _RandomImportance(seed)
    return lambda group: found(group)


class _RandomImportance:
    """Says anything, but the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._generator = torch.Generator().manual_seed(seed)

    def __call__(self, group: Any) -> Tensor:
        return torch.rand(len(group[0].idxs), generator=self._generator)


def _channels_left(model: nn.Module, layer: str) -> int:
    weight = model.get_parameter(f"{layer}.weight" if layer else "weight")
    return int(weight.shape[0])
