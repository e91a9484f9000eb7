"""The tree of an expression (`studyhall.expression`): its nodes, and what can be read from them without any values."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

Scalar: TypeAlias = bool | int | float | str | None
Listed: TypeAlias = Sequence[Scalar]


@dataclass(frozen=True, slots=True)
class Literal:
    """A value written out."""

    value: Scalar


@dataclass(frozen=True, slots=True)
class Name:
    """A name whose value is looked up."""

    name: str


@dataclass(frozen=True, slots=True)
class Item:
    """The value at a position of a list, from 0."""

    name: str
    position: int


@dataclass(frozen=True, slots=True)
class Call:
    """A function or an arithmetic operator with its arguments."""

    function: str
    arguments: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Compare:
    """Two values compared."""

    operator: str
    left: "Node"
    right: "Node"


@dataclass(frozen=True, slots=True)
class Member:
    """Whether a value is, or is not, one of a list."""

    item: "Node"
    choices: tuple[Scalar, ...]
    negated: bool


@dataclass(frozen=True, slots=True)
class Holds:
    """Whether a list holds, or does not hold, a value."""

    item: "Node"
    name: str
    negated: bool


@dataclass(frozen=True, slots=True)
class Logic:
    """`and`, `or` or `not` of truths."""

    operator: str  # "and", "or", "not"
    operands: "tuple[Node, ...]"


Node: TypeAlias = Literal | Name | Item | Call | Compare | Member | Holds | Logic


def same(left: Scalar | Listed, right: Scalar | Listed) -> bool:
    """Whether two JSON scalars are the same value: 1 is 1.0, but true is not 1. A list is no scalar's equal."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return left == right
    return type(left) is type(right) and left == right


def names_of(node: Node) -> set[str]:
    """The names that a tree reads."""
    match node:
        case Name(name) | Item(name, _):
            return {name}
        case Holds(item, name, _):
            return names_of(item) | {name}
        case Call(_, operands) | Logic(_, operands):
            return set().union(*map(names_of, operands))
        case Compare(_, left, right):
            return names_of(left) | names_of(right)
        case Member(item, _, _):
            return names_of(item)
    return set()


def read_as_lists(node: Node) -> list[str]:
    """The names that must be lists: those after `in`, inside `len()`, and before a position."""
    match node:
        case Item(name, _) | Call("len", (Name(name),)):
            return [name]
        case Holds(item, name, _):
            return [name, *read_as_lists(item)]
        case Call(_, operands) | Logic(_, operands):
            return [name for operand in operands for name in read_as_lists(operand)]
        case Compare(_, left, right):
            return read_as_lists(left) + read_as_lists(right)
        case Member(item, _, _):
            return read_as_lists(item)
    return []


def literals_compared(node: Node) -> list[tuple[str, Scalar]]:
    """Each (name, literal) that is compared by `==`, `!=` or `in`."""
    match node:
        case Compare("==" | "!=", Name(name), Literal(value)) | Compare("==" | "!=", Literal(value), Name(name)):
            return [(name, value)]
        case Member(Name(name), choices, _):
            return [(name, choice) for choice in choices]
        case Holds(Literal(value), name, _):
            return [(name, value)]
        case Compare("==" | "!=", Item(name, _), Literal(value)) | Compare("==" | "!=", Literal(value), Item(name, _)):
            return [(name, value)]
        case Logic(_, operands):
            return [pair for operand in operands for pair in literals_compared(operand)]
    return []
