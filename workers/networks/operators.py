"""One torch module for each operator of `studyhall.architecture.operators`.

Tensors carry the batch first: `(n, channels, height, width)`, `(n, channels, length)` or `(n, features)`. A module's
trainable numbers are exactly those that the operator's formula counts; tests hold them together.
"""

import math
from collections.abc import Callable, Mapping
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from studyhall.architecture.operators import Attributes, Shape, number

_CONV: Final[Mapping[int, type[nn.Module]]] = {2: nn.Conv1d, 3: nn.Conv2d}
_BATCH_NORM: Final[Mapping[int, type[nn.Module]]] = {1: nn.BatchNorm1d, 2: nn.BatchNorm1d, 3: nn.BatchNorm2d}
_MAX_POOL: Final[Mapping[int, type[nn.Module]]] = {2: nn.MaxPool1d, 3: nn.MaxPool2d}
_AVERAGE_POOL: Final[Mapping[int, type[nn.Module]]] = {2: nn.AvgPool1d, 3: nn.AvgPool2d}
_ACTIVATIONS: Final[Mapping[str, type[nn.Module]]] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
}


def module_for(op: str, before: Shape, after: Shape, attributes: Attributes) -> nn.Module:
    """The module of a node, with fresh weights from torch's generator.

    Args:
        before, after: shapes of its first input and of its output, without the batch.
    """
    if op in _ACTIVATIONS:
        return _ACTIVATIONS[op]()
    return _MODULES[op](before, after, attributes)


class Attention(nn.Module):
    """Multi-head self-attention over all places of an image or a sequence.

    Written out, because `nn.MultiheadAttention` takes a path in evaluation that no operation counter sees.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.into = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Mixes places; the shape stays."""
        n, channels = x.shape[:2]
        width = channels // self.heads
        tokens = x.flatten(2).transpose(1, 2)  # (n, places, channels)
        q, k, v = (
            self.into(tokens).view(n, -1, 3, self.heads, width).permute(2, 0, 3, 1, 4)
        )  # (n, heads, places, width)
        weights = torch.softmax(q @ k.transpose(-2, -1) / math.sqrt(width), dim=-1)
        mixed = (weights @ v).transpose(1, 2).reshape(n, -1, channels)
        found: Tensor = self.out(mixed).transpose(1, 2).reshape(x.shape)
        return found


class Recurrent(nn.Module):
    """A GRU or LSTM along a sequence `(n, channels, length)`; its states are the new channels."""

    def __init__(self, kind: type[nn.GRU | nn.LSTM], channels: int, hidden: int, bidirectional: bool) -> None:
        super().__init__()
        self.states = kind(channels, hidden, batch_first=True, bidirectional=bidirectional)

    def forward(self, x: Tensor) -> Tensor:
        """States at every place."""
        states, _ = self.states(x.transpose(1, 2))
        found: Tensor = states.transpose(1, 2)
        return found


class SqueezeExcite(nn.Module):
    """Scales channels by what all of them look like on average (Hu et al. 2018, section 3)."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(channels, squeezed)
        self.excite = nn.Linear(squeezed, channels)

    def forward(self, x: Tensor) -> Tensor:
        """The same shape, channels scaled by 0 to 1."""
        gates = torch.sigmoid(self.excite(functional.relu(self.squeeze(x.flatten(2).mean(2)))))
        return x * gates.view(*gates.shape, *[1] * (x.ndim - 2))


class InvertedBottleneck(nn.Module):
    """Widen, filter each channel, narrow (Sandler et al. 2018, section 3.2); added to its input where shapes allow."""

    def __init__(self, before: Shape, after: Shape, attributes: Attributes) -> None:
        super().__init__()
        inner, rank, act = before[0] * number(attributes, "expand"), len(before), str(attributes["act"])
        conv, norm = _CONV[rank], _BATCH_NORM[rank]
        kernel = number(attributes, "kernel")
        widen = [conv(before[0], inner, 1, bias=False), norm(inner), *_activation(act)] if inner > before[0] else []
        stride = number(attributes, "stride")
        self.path = nn.Sequential(
            *widen,
            conv(inner, inner, kernel, stride=stride, padding=kernel // 2, groups=inner, bias=False),
            norm(inner),
            *_activation(act),
            conv(inner, after[0], 1, bias=False),
            norm(after[0]),
        )
        self.skips = bool(attributes["skip"])

    def forward(self, x: Tensor) -> Tensor:
        """The filtered input."""
        found: Tensor = self.path(x)
        return x + found if self.skips else found


class LayerNorm(nn.Module):
    """Each row to mean 0 and deviation 1 over all its numbers, then a scale and a shift for each channel.

    `nn.GroupNorm(1, channels)`, which refuses a single row of a single number.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        a_channel = (-1, *[1] * (x.ndim - 2))
        return functional.layer_norm(x, x.shape[1:]) * self.weight.view(a_channel) + self.bias.view(a_channel)


class GlobalPool(nn.Module):
    """The average or the largest of each channel, `(n, channels)`."""

    def __init__(self, largest: bool) -> None:
        super().__init__()
        self.largest = largest

    def forward(self, x: Tensor) -> Tensor:
        """One number a channel."""
        places = x.flatten(2)
        return places.amax(2) if self.largest else places.mean(2)


class Project(nn.Module):
    """Brings one term of a sum to the shape of the others: averages places, then mixes channels."""

    def __init__(self, before: Shape, after: Shape) -> None:
        super().__init__()
        self.sides = after[1:]
        self.averages = before[1:] != after[1:]
        self.mix = nn.Linear(before[0], after[0], bias=False) if before[0] != after[0] else None

    def forward(self, x: Tensor) -> Tensor:
        """The projected term."""
        if self.averages:
            x = _average_to(x, self.sides)
        if self.mix is None:
            return x
        return functional.linear(x.movedim(1, -1), self.mix.weight).movedim(-1, 1)


class Constant(nn.Module):
    """What is left when nothing reaches the end: a learned answer that does not look at the input."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.values = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """The same for every row."""
        return self.values.expand(len(x), -1)


def _average_to(x: Tensor, sides: tuple[int, ...]) -> Tensor:
    if not sides:
        return x.flatten(2).mean(2)
    if len(sides) == 1:
        return functional.adaptive_avg_pool1d(x, sides[0])
    return functional.adaptive_avg_pool2d(x, (sides[0], sides[1]))


def _activation(name: str) -> list[nn.Module]:
    return [] if name == "none" else [_ACTIVATIONS[name]()]


def _norm(name: str, shape: Shape) -> list[nn.Module]:
    match name:
        case "batch":
            return [_BATCH_NORM[len(shape)](shape[0])]
        case "layer":
            return [LayerNorm(shape[0])]
    return []


def _conv(before: Shape, after: Shape, a: Attributes, groups: int = 1) -> nn.Module:
    kernel, norm = number(a, "kernel"), str(a["norm"])
    conv = _CONV[len(before)](
        before[0],
        after[0],
        kernel,
        stride=number(a, "stride"),
        padding=kernel // 2,
        groups=groups,
        bias=norm == "none",
    )
    return nn.Sequential(conv, *_norm(norm, after), *_activation(str(a["act"])))


def _pool(kinds: Mapping[int, type[nn.Module]], before: Shape, a: Attributes) -> nn.Module:
    kernel = number(a, "kernel")
    return kinds[len(before)](kernel, stride=number(a, "stride"), padding=(kernel - 1) // 2)


def _linear(before: Shape, after: Shape, a: Attributes) -> nn.Module:
    norm = str(a["norm"])
    flat = [nn.Flatten()] if len(before) > 1 else []
    linear = nn.Linear(math.prod(before), after[0], bias=norm == "none")
    return nn.Sequential(*flat, linear, *_norm(norm, after), *_activation(str(a["act"])))


def _recurrent(kind: type[nn.GRU | nn.LSTM], before: Shape, a: Attributes) -> nn.Module:
    return Recurrent(kind, before[0], number(a, "out"), bool(a["bidirectional"]))


_MODULES: Final[Mapping[str, Callable[[Shape, Shape, Attributes], nn.Module]]] = {
    "conv": _conv,
    "depthwise": lambda before, after, a: _conv(before, after, a, before[0]),
    "mbconv": InvertedBottleneck,
    "maxpool": lambda before, _, a: _pool(_MAX_POOL, before, a),
    "avgpool": lambda before, _, a: _pool(_AVERAGE_POOL, before, a),
    "gap": lambda *_: GlobalPool(largest=False),
    "gmp": lambda *_: GlobalPool(largest=True),
    "flatten": lambda *_: nn.Flatten(),
    "batchnorm": lambda before, *_: _norm("batch", before)[0],
    "layernorm": lambda before, *_: _norm("layer", before)[0],
    "dropout": lambda _, __, a: nn.Dropout(float(a["rate"] or 0.0)),
    "se": lambda before, _, a: SqueezeExcite(before[0], max(1, before[0] // number(a, "ratio"))),
    "attention": lambda before, _, a: Attention(before[0], number(a, "heads")),
    "gru": lambda before, _, a: _recurrent(nn.GRU, before, a),
    "lstm": lambda before, _, a: _recurrent(nn.LSTM, before, a),
    "linear": _linear,
    "project": lambda before, after, _: Project(before, after),
    "head": lambda before, after, _: nn.Sequential(nn.Flatten(), nn.Linear(math.prod(before), after[0])),
    "constant": lambda _, after, __: Constant(after[0]),
}
