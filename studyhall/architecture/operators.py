"""What a leaf of an architecture may be: attributes, shapes, weights and floating-point operations of each operator.

Shapes leave out the batch: `(channels, height, width)` of an image, `(channels, length)` of a sequence, `(features,)`
of a vector. One multiply-add counts as two operations; normalisation, activation and pooling count as none, as in
`torch.utils.flop_counter`, which tests hold these formulas against.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from studyhall.expression_tree import Scalar

Shape: TypeAlias = tuple[int, ...]
Attributes: TypeAlias = Mapping[str, Scalar]

ACTIVATIONS: Final = ("relu", "gelu", "silu", "tanh", "none")
NORMS: Final = ("batch", "layer", "none")


@dataclass(frozen=True, slots=True)
class Attribute:
    """What an attribute may be: one of `choices`, or a number from low to high; `default` None follows the input."""

    default: Scalar
    low: float = 0
    high: float = 0
    choices: tuple[Scalar, ...] = ()
    is_odd: bool = False
    is_real: bool = False

    def fault(self, value: Scalar) -> str | None:
        """Why a value will not do; None when it does."""
        if self.choices:
            known = any(type(value) is type(choice) and value == choice for choice in self.choices)
            return None if known else f"must be one of {', '.join(map(_written, self.choices))}"
        if isinstance(value, bool) or not isinstance(value, (int, float) if self.is_real else int):
            return f"must be {'a number' if self.is_real else 'a whole number'}"
        if not self.low <= value <= self.high:
            return f"must be from {self.low:g} to {self.high:g}"
        return (
            "must be odd, so that a border of equal width fits on both sides"
            if self.is_odd and value % 2 == 0
            else None
        )


@dataclass(frozen=True, slots=True)
class Operator:
    """One kind of leaf.

    Args:
        takes: the numbers of dimensions that its input may have.
        shape: from the input's shape and settled attributes to the output's.
        weights: trainable numbers, from (input shape, output shape, attributes).
        flops: floating-point operations for one row, from the same.
        layers: how many weighted layers deep it is.
        settle: fills in what follows from the input; None: the operator changes nothing here.
        flattens: its output is a vector.
    """

    name: str
    takes: frozenset[int]
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    shape: Callable[[Shape, Attributes], Shape] = lambda shape, _: shape
    weights: Callable[[Shape, Shape, Attributes], int] = lambda *_: 0
    flops: Callable[[Shape, Shape, Attributes], int] = lambda *_: 0
    layers: int = 0
    settle: Callable[[Shape, dict[str, Scalar]], dict[str, Scalar] | None] = lambda _, attributes: attributes
    flattens: bool = False

    def __reduce__(self) -> tuple[Callable[[str], "Operator"], tuple[str]]:
        """Pickled by name: formulas are functions without one."""
        return operator_of, (self.name,)


def number(attributes: Attributes, name: str) -> int:
    """A settled whole-number attribute."""
    value = attributes[name]
    assert isinstance(value, int)  # noqa: S101 - checked where the architecture was declared
    return value


def places(shape: Shape) -> int:
    """How many places a channel has: 1 for a vector."""
    return math.prod(shape[1:])


def _written(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else f"'{value}'" if isinstance(value, str) else str(value)


def _own_out(shape: Shape, attributes: dict[str, Scalar]) -> dict[str, Scalar]:
    return attributes | {"out": shape[0]} if attributes["out"] is None else attributes


def _strided(shape: Shape, attributes: Attributes) -> Shape:
    stride = number(attributes, "stride")
    return tuple((side - 1) // stride + 1 for side in shape[1:])


def _norm_weights(channels: int, attributes: Attributes) -> int:
    """A scale and a shift for each channel, or without a norm one bias."""
    return channels if attributes["norm"] == "none" else 2 * channels


def _window(shape: Shape, attributes: Attributes) -> int:
    return math.prod([number(attributes, "kernel")] * (len(shape) - 1))


def _conv_weights(before: Shape, after: Shape, a: Attributes) -> int:
    return before[0] * after[0] * _window(before, a) + _norm_weights(after[0], a)


def _conv_flops(before: Shape, after: Shape, a: Attributes) -> int:
    return 2 * places(after) * before[0] * after[0] * _window(before, a)


def _depthwise_weights(before: Shape, after: Shape, a: Attributes) -> int:
    return before[0] * _window(before, a) + _norm_weights(after[0], a)


def _depthwise_flops(before: Shape, after: Shape, a: Attributes) -> int:
    return 2 * places(after) * before[0] * _window(before, a)


def _inner(before: Shape, a: Attributes) -> int:
    return before[0] * number(a, "expand")


def _mbconv_weights(before: Shape, after: Shape, a: Attributes) -> int:
    inner = _inner(before, a)
    widen = before[0] * inner + 2 * inner if inner > before[0] else 0
    return widen + inner * _window(before, a) + 2 * inner + inner * after[0] + 2 * after[0]


def _mbconv_flops(before: Shape, after: Shape, a: Attributes) -> int:
    inner = _inner(before, a)
    widen = 2 * places(before) * before[0] * inner if inner > before[0] else 0
    return widen + 2 * places(after) * inner * (_window(before, a) + after[0])


def _settled_mbconv(shape: Shape, attributes: dict[str, Scalar]) -> dict[str, Scalar]:
    settled = _own_out(shape, attributes)
    fits = settled["stride"] == 1 and settled["out"] == shape[0]
    return settled | {"skip": bool(settled["skip"] and fits)}


def _pooled(shape: Shape, a: Attributes) -> Shape:
    kernel, stride = number(a, "kernel"), number(a, "stride")
    border = (kernel - 1) // 2
    return (shape[0], *((side + 2 * border - kernel) // stride + 1 for side in shape[1:]))


def _settled_pool(shape: Shape, attributes: dict[str, Scalar]) -> dict[str, Scalar] | None:
    kernel = number(attributes, "kernel")
    settled = attributes | {"stride": kernel} if attributes["stride"] is None else attributes
    fits = all(side + 2 * ((kernel - 1) // 2) >= kernel for side in shape[1:])
    return settled if fits and (kernel > 1 or settled["stride"] != 1) else None


def _attention_weights(before: Shape, _: Shape, __: Attributes) -> int:
    return 4 * before[0] * before[0] + 4 * before[0]


def _attention_flops(before: Shape, _: Shape, __: Attributes) -> int:
    channels, length = before[0], places(before)
    return 8 * length * channels * channels + 4 * length * length * channels


def _settled_attention(shape: Shape, attributes: dict[str, Scalar]) -> dict[str, Scalar]:
    return attributes | {"heads": math.gcd(shape[0], number(attributes, "heads"))}


def _directions(a: Attributes) -> int:
    return 2 if a["bidirectional"] else 1


def _recurrent(name: str, gates: int) -> Operator:
    def weights(before: Shape, _: Shape, a: Attributes) -> int:
        hidden = number(a, "out")
        return _directions(a) * gates * hidden * (before[0] + hidden + 2)

    def flops(before: Shape, _: Shape, a: Attributes) -> int:
        hidden = number(a, "out")
        return 2 * before[1] * _directions(a) * gates * hidden * (before[0] + hidden)

    return Operator(
        name,
        frozenset({2}),
        {"out": _OUT, "bidirectional": Attribute(False, choices=(False, True))},
        shape=lambda shape, a: (number(a, "out") * _directions(a), shape[1]),
        weights=weights,
        flops=flops,
        layers=1,
        settle=_own_out,
    )


def _squeezed(before: Shape, a: Attributes) -> int:
    return max(1, before[0] // number(a, "ratio"))


def _se_weights(before: Shape, _: Shape, a: Attributes) -> int:
    return 2 * before[0] * _squeezed(before, a) + _squeezed(before, a) + before[0]


def _se_flops(before: Shape, _: Shape, a: Attributes) -> int:
    return 4 * before[0] * _squeezed(before, a)


def _linear_weights(before: Shape, after: Shape, a: Attributes) -> int:
    return math.prod(before) * after[0] + _norm_weights(after[0], a)


def _linear_flops(before: Shape, after: Shape, _: Attributes) -> int:
    return 2 * math.prod(before) * after[0]


def _mixes_channels(before: Shape, after: Shape) -> bool:
    return before[0] != after[0]


def _project_flops(before: Shape, after: Shape, _: Attributes) -> int:
    return 2 * before[0] * after[0] * places(after) if _mixes_channels(before, after) else 0


_ANY: Final = frozenset({1, 2, 3})
_SPATIAL: Final = frozenset({2, 3})
_OUT: Final = Attribute(None, 1, 65536)
_KERNEL: Final = Attribute(3, 1, 31, is_odd=True)
_STRIDE: Final = Attribute(1, 1, 16)
_ACT: Final = Attribute("relu", choices=ACTIVATIONS)
_NORM: Final = Attribute("batch", choices=NORMS)
_CONV: Final = {"kernel": _KERNEL, "stride": _STRIDE, "act": _ACT, "norm": _NORM}
_POOL: Final = {"kernel": Attribute(2, 1, 31), "stride": Attribute(None, 1, 31)}

OPERATORS: Final[dict[str, Operator]] = {
    operator.name: operator
    for operator in (
        Operator(
            "conv", _SPATIAL, {"out": _OUT, **_CONV},
            shape=lambda shape, a: (number(a, "out"), *_strided(shape, a)),
            weights=_conv_weights, flops=_conv_flops, layers=1, settle=_own_out,
        ),
        Operator(
            "depthwise", _SPATIAL, _CONV,
            shape=lambda shape, a: (shape[0], *_strided(shape, a)),
            weights=_depthwise_weights, flops=_depthwise_flops, layers=1,
        ),
        Operator(
            "mbconv", _SPATIAL,
            {
                "out": _OUT, "expand": Attribute(4, 1, 16), "kernel": _KERNEL, "stride": _STRIDE, "act": _ACT,
                "skip": Attribute(True, choices=(False, True)),
            },
            shape=lambda shape, a: (number(a, "out"), *_strided(shape, a)),
            weights=_mbconv_weights, flops=_mbconv_flops, layers=3, settle=_settled_mbconv,
        ),
        Operator("maxpool", _SPATIAL, _POOL, shape=_pooled, settle=_settled_pool),
        Operator("avgpool", _SPATIAL, _POOL, shape=_pooled, settle=_settled_pool),
        Operator("gap", _SPATIAL, shape=lambda shape, _: shape[:1], flattens=True),
        Operator("gmp", _SPATIAL, shape=lambda shape, _: shape[:1], flattens=True),
        Operator("flatten", _ANY, shape=lambda shape, _: (math.prod(shape),), flattens=True,
                 settle=lambda shape, a: a if len(shape) > 1 else None),
        Operator("batchnorm", _ANY, weights=lambda before, *_: 2 * before[0]),
        Operator("layernorm", _ANY, weights=lambda before, *_: 2 * before[0]),
        *(Operator(name, _ANY) for name in ACTIVATIONS if name != "none"),
        Operator(
            "dropout", _ANY, {"rate": Attribute(0.5, 0, 0.95, is_real=True)},
            settle=lambda _, a: a if a["rate"] else None,
        ),
        Operator("se", _SPATIAL, {"ratio": Attribute(4, 1, 64)}, weights=_se_weights, flops=_se_flops, layers=2),
        Operator(
            "attention", _SPATIAL, {"heads": Attribute(4, 1, 64)},
            weights=_attention_weights, flops=_attention_flops, layers=2, settle=_settled_attention,
        ),
        _recurrent("gru", 3),
        _recurrent("lstm", 4),
        Operator(
            "linear", _ANY, {"out": _OUT, "act": _ACT, "norm": Attribute("none", choices=NORMS)},
            shape=lambda _, a: (number(a, "out"),),
            weights=_linear_weights, flops=_linear_flops, layers=1, flattens=True,
            settle=lambda shape, a: a | {"out": math.prod(shape)} if a["out"] is None else a,
        ),
        Operator("identity", _ANY, settle=lambda *_: None),
        Operator("none", _ANY),
    )
}  # fmt: skip
"""Every operator a user may name. `none` is no connection: what hangs on it alone is gone."""

SKIP: Final = "skip"
"""Another name for `identity`, as tables of cells have it."""

INNER: Final[dict[str, Operator]] = {
    operator.name: operator
    for operator in (
        Operator("input", _ANY),
        Operator("sum", _ANY),
        Operator(
            "project", _ANY,
            weights=lambda before, after, _: before[0] * after[0] if _mixes_channels(before, after) else 0,
            flops=_project_flops, layers=1,
        ),
        Operator("head", _ANY, weights=lambda before, after, _: (math.prod(before) + 1) * after[0],
                 flops=lambda before, after, _: 2 * math.prod(before) * after[0], layers=1),
        Operator("constant", _ANY, weights=lambda _, after, __: after[0]),
    )
}  # fmt: skip
"""What resolving adds: sums with projections where shapes differ, and the last layer."""


def operator_of(name: str) -> Operator:
    """The operator of a node."""
    return OPERATORS.get(name) or INNER[name]
