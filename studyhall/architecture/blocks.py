"""What a user writes: blocks of five forms, with a domain in the place of any attribute's value.

{"op": "conv", "out": {"choice": [16, 32]}}            a leaf
{"choice": [block, block, ...]}                        one of several blocks
{"body": [block, ...], "residual": true}               a sequence; residual: its input is added to its output
{"cell": {"nodes": 4, "ops": [...]}}                   a graph with an operator on every edge
"repeat", "optional", "tie"                            modifiers of any of them
"""

from typing import Annotated, Any, Final

from pydantic import AfterValidator, Discriminator, Field, StringConstraints, Tag, WithJsonSchema, model_validator

from studyhall.errors import invalid
from studyhall.expression_tree import Scalar
from studyhall.words import MAX_INT, Word

MOST_REPEATS: Final = 32
MOST_NODES: Final = 8
BlockName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", min_length=1, max_length=32)]
Whole = Annotated[int, Field(ge=-MAX_INT, le=MAX_INT)]
Real = Annotated[float, Field(allow_inf_nan=False)]


def _scalar(value: Any) -> Any:
    if not isinstance(value, (bool, int, float, str)):
        raise ValueError("must be a value, or a domain such as {'choice': [16, 32]} or {'int': [1, 3]}")
    return value


AnyScalar = Annotated[
    Any, AfterValidator(_scalar), WithJsonSchema({"anyOf": [{"type": t} for t in ("boolean", "number", "string")]})
]
"""Checked by the operator's table; a union of types would tell its tags instead of what is wrong."""


class Domain(Word):
    """Values that stand for an attribute: one of `choice`, `int` (low, high, perhaps a step), `float` (low, high)."""

    choice: Annotated[tuple[AnyScalar, ...], Field(min_length=1, max_length=100)] | None = None
    int: Annotated[tuple[Whole, ...], Field(min_length=2, max_length=3)] | None = None
    float: Annotated[tuple[Real, ...], Field(min_length=2, max_length=2)] | None = None
    scale: Annotated[str, Field(pattern="^(linear|log)$")] = "linear"
    """For int and float."""
    share: BlockName | None = None
    """All domains with this name are one decision."""

    @model_validator(mode="after")
    def _one_kind(self) -> "Domain":
        if sum(kind is not None for kind in (self.choice, self.int, self.float)) != 1:
            raise invalid([("", "give exactly one of choice, int and float")])
        if self.choice is not None and self.scale != "linear":
            raise invalid([("/scale", "choices have no scale")])
        return self


def _kind(value: object) -> str:
    return "(domain)" if isinstance(value, (dict, Domain)) else "(value)"


Knob = Annotated[
    Annotated[AnyScalar, Tag("(value)")] | Annotated[Domain, Tag("(domain)")],
    Discriminator(_kind),
]
"""A value, or a domain in its place."""


def _named_or_block(value: object) -> str:
    return "(block)" if isinstance(value, (dict, Block)) else "(name)"


class Cell(Word):
    """A graph: node 0 is the input, each later node sums an operator on every earlier one, the last is the output."""

    nodes: Annotated[int, Field(ge=2, le=MOST_NODES)]
    ops: Annotated[
        tuple[
            Annotated[
                Annotated[str, Field(max_length=32), Tag("(name)")] | Annotated["Block", Tag("(block)")],
                Discriminator(_named_or_block),
            ],
            ...,
        ],
        Field(min_length=1, max_length=32),
    ]
    """Leaves, or names of operators; a number behind the name is the kernel: `conv3`, `avgpool3`."""


class Block(Word):
    """One block; which attributes go with which operator, `studyhall.architecture.operators` says."""

    op: Annotated[str, Field(max_length=32)] | None = None
    choice: Annotated[tuple["Block", ...], Field(min_length=1, max_length=32)] | None = None
    body: Annotated[tuple["Block", ...], Field(min_length=1, max_length=64)] | None = None
    cell: Cell | None = None

    name: BlockName | None = None
    """How its parameters are called; by default after its operator or form."""
    repeat: Knob = 1
    """How many times, one after the other, each with decisions of its own."""
    optional: bool = False
    """It may be left out."""
    tie: bool = False
    """The same decisions in every repetition; the weights are not shared."""
    residual: bool = False
    """For body: its input, projected if need be, is added to its output."""

    out: Knob | None = None
    kernel: Knob | None = None
    stride: Knob | None = None
    act: Knob | None = None
    norm: Knob | None = None
    expand: Knob | None = None
    skip: Knob | None = None
    heads: Knob | None = None
    bidirectional: Knob | None = None
    ratio: Knob | None = None
    rate: Knob | None = None

    @property
    def form(self) -> str:
        """`op`, `choice`, `body` or `cell`; empty when it is none or several of them."""
        given = [form for form in FORMS if getattr(self, form) is not None]
        return given[0] if len(given) == 1 else ""

    @property
    def attributes(self) -> dict[str, Scalar | Domain]:
        """What was given for the operator."""
        return {name: getattr(self, name) for name in ATTRIBUTES if getattr(self, name) is not None}


FORMS: Final = ("op", "choice", "body", "cell")
ATTRIBUTES: Final = (
    "out", "kernel", "stride", "act", "norm", "expand", "skip", "heads", "bidirectional", "ratio", "rate",
)  # fmt: skip
Cell.model_rebuild()
Block.model_rebuild()
