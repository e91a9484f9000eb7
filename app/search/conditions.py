"""Expressions over whole arrays of points: which conditions and constraints hold, for thousands of points at once.

The scalar evaluator of `studyhall.expression` decides in the end; this one must agree with it, and tests compare
them. Three ways, in order: an expression that reads few discrete values becomes a table made by the scalar evaluator;
arithmetic and logic run on arrays; what is left (text compared with text of another parameter) is walked row by row.

    truths follow Kleene's logic as floats: 1 true, 0 false, NaN unknown     (m,)
"""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from app.search.axes import Floats, Indices, Truths
from app.search.blocks import Block, Members, Shares, Single, item_index
from studyhall.expression import Expression
from studyhall.expression_tree import Call, Compare, Holds, Item, Literal, Logic, Name, Node, names_of
from studyhall.parameters import PermutationParameter, SubsetParameter
from studyhall.words import ParameterValue

LARGEST_TABLE: Final = 4096


@dataclass(frozen=True, slots=True)
class Column:
    """The values of one parameter at m points: a constant, or places of a block; `active` says where they count."""

    active: Truths  # (m,)
    block: Block | None = None
    U: Floats | None = None  # (m, w)
    constant: ParameterValue = None

    @property
    def cells(self) -> int | None:
        """How many values a table has to tell apart; None where there are too many, or where they are lists."""
        if self.block is None:
            return 1
        return self.block.cells if isinstance(self.block, Single) else None

    @property
    def is_numeric(self) -> bool:
        """Whether every value is a number; truth values are none, for 1 is not true."""
        if self.block is None:
            return isinstance(self.constant, (int, float)) and not isinstance(self.constant, bool)
        return isinstance(self.block, Single) and self.block.axis.is_numeric

    def index(self) -> Indices:
        """Positions among the values; the position after the last one stands for absent."""
        if not isinstance(self.block, Single) or self.U is None:
            return np.where(self.active, 0, 1)
        return np.where(self.active, self.block.axis.index(self.U[:, 0]), self.block.cells or 0)

    def numbers(self) -> Floats:
        """Values as numbers, NaN for others; what is absent has any value."""
        if not isinstance(self.block, Single) or self.U is None:
            number = float(self.constant) if isinstance(self.constant, (bool, int, float)) else math.nan
            return np.full(len(self.active), number)
        return self.block.axis.numbers(self.U[:, 0])

    def item(self, position: int) -> Floats | None:
        """The shares of one part; None where this is no simplex, or has no such part."""
        if not isinstance(self.block, Shares) or self.U is None or position >= len(self.block.axes):
            return None
        return self.block.shares(self.U)[:, position]

    def sizes(self) -> Floats | None:
        """How many items are in; None where this is no subset."""
        if not isinstance(self.block, Members) or self.U is None:
            return None
        return np.asarray(self.block.chosen(self.U).sum(axis=1), dtype=np.float64)

    def holds(self, item: object) -> Truths | None:
        """Where a list holds an item; None where this is no list of items."""
        if self.block is None or self.U is None:
            return None
        parameter = self.block.parameter
        if not isinstance(parameter, (PermutationParameter, SubsetParameter)):
            return None
        index = item_index(parameter, item)
        if index is None or not isinstance(self.block, Members):
            return np.full(len(self.U), index is not None)
        return np.asarray(self.block.chosen(self.U)[:, index])

    def value(self, index: int) -> ParameterValue:
        """The value at a position."""
        if self.block is None:
            return self.constant
        return self.block.parameter.from_units(self.block.at_index(np.array([index]))[0].tolist())

    def at(self, row: int) -> ParameterValue:
        """The value at a point where the parameter is active."""
        if self.block is None or self.U is None:
            return self.constant
        return self.block.parameter.from_units(self.U[row].tolist())


Columns = Mapping[str, Column]


class Condition:
    """One expression, ready for arrays of points."""

    def __init__(self, expression: Expression) -> None:
        self.expression = expression
        self._tables: dict[Node, Floats] = {}

    def truth(self, columns: Columns, rows: int) -> Floats:
        """1 where the expression is true, 0 where false, NaN where it depends on something absent; shape `(rows,)`."""
        return self._truth(self.expression.root, columns, rows)

    def _truth(self, node: Node, columns: Columns, rows: int) -> Floats:
        names = sorted(names_of(node))
        if _table_size(names, columns) <= LARGEST_TABLE:
            return self._by_table(node, names, columns, rows)
        match node:
            case Logic("not", (operand,)):
                return 1.0 - self._truth(operand, columns, rows)
            case Logic(operator, operands):
                return _KLEENE[operator]([self._truth(operand, columns, rows) for operand in operands])
            case Holds(Literal(item), name, negated) if (held := columns[name].holds(item)) is not None:
                return np.where(columns[name].active, (held != negated).astype(np.float64), math.nan)
            case Compare(operator, left, right) if _is_numeric(left, columns) and _is_numeric(right, columns):
                return _compare(operator, left, right, columns, rows)
        return _row_by_row(node, names, columns, rows)

    def _by_table(self, node: Node, names: Sequence[str], columns: Columns, rows: int) -> Floats:
        if node not in self._tables:
            self._tables[node] = _table(node, [columns[name] for name in names], names)
        at: Indices = np.zeros(rows, dtype=np.int64)
        for name in names:
            column = columns[name]
            at = at * ((column.cells or 0) + 1) + column.index()
        return self._tables[node][at]


def _table_size(names: Sequence[str], columns: Columns) -> int:
    """Cells of the table of an expression, each name having one more value: absent; too many for a continuum."""
    size = 1
    for name in names:
        cells = columns[name].cells
        size *= LARGEST_TABLE + 1 if cells is None else cells + 1
    return size


def _table(node: Node, columns: Sequence[Column], names: Sequence[str]) -> Floats:
    expression = Expression("", node, frozenset(names))
    every = [[(column.value(i),) for i in range(column.cells or 0)] + [()] for column in columns]
    found = []
    for cell in itertools.product(*every):
        truth = expression.truth({name: value[0] for name, value in zip(names, cell, strict=True) if value})
        found.append(math.nan if truth is None else float(truth))
    return np.array(found)


def _row_by_row(node: Node, names: Sequence[str], columns: Columns, rows: int) -> Floats:
    expression = Expression("", node, frozenset(names))
    found = np.empty(rows)
    for row in range(rows):
        truth = expression.truth({name: columns[name].at(row) for name in names if columns[name].active[row]})
        found[row] = math.nan if truth is None else float(truth)
    return found


def _is_numeric(node: Node, columns: Columns) -> bool:
    """Whether arrays of numbers say the same as the scalar evaluator: no text, no truth values, few functions."""
    match node:
        case Literal(value):
            return isinstance(value, (int, float)) and not isinstance(value, bool)
        case Name(name):
            return columns[name].is_numeric
        case Item(name, position):
            return columns[name].item(position) is not None
        case Call("len", (Name(name),)):
            return columns[name].sizes() is not None
        case Call(function, arguments):
            return function in _ARITHMETIC and all(_is_numeric(argument, columns) for argument in arguments)
    return False


def _compare(operator: str, left: Node, right: Node, columns: Columns, rows: int) -> Floats:
    absent = ~np.logical_and.reduce([columns[name].active for name in names_of(left) | names_of(right)])
    with np.errstate(all="ignore"):  # undefined arithmetic is NaN here, and comparisons with NaN are false
        a, b = _numbers(left, columns, rows), _numbers(right, columns, rows)
        held = _COMPARISONS[operator](a, b) & ~np.isnan(a) & ~np.isnan(b)
    return np.where(absent, math.nan, held.astype(np.float64))


def _numbers(node: Node, columns: Columns, rows: int) -> Floats:
    match node:
        case Literal(value):
            return np.full(rows, float(value))  # type: ignore[arg-type]  # _is_numeric has seen to it
        case Name(name):
            return columns[name].numbers()
        case Item(name, position) if (shares := columns[name].item(position)) is not None:
            return shares
        case Call("len", (Name(name),)) if (sizes := columns[name].sizes()) is not None:
            return sizes
        case Call(function, arguments):
            found = _ARITHMETIC[function](*[_numbers(argument, columns, rows) for argument in arguments])
            # Python raises where numpy gives inf (1/0, overflow); the scalar evaluator makes NaN of both.
            return np.where(np.isfinite(found), found, math.nan)
    raise TypeError(f"{node} is not arithmetic")


def _and(truths: Sequence[Floats]) -> Floats:
    lowest = np.fmin.reduce(truths)  # ignores unknowns
    return np.where(lowest == 0.0, 0.0, np.minimum.reduce(truths))


def _or(truths: Sequence[Floats]) -> Floats:
    highest = np.fmax.reduce(truths)
    return np.where(highest == 1.0, 1.0, np.maximum.reduce(truths))


_KLEENE: Final[dict[str, Callable[[Sequence[Floats]], Floats]]] = {"and": _and, "or": _or}
_COMPARISONS: Final[dict[str, Callable[[Floats, Floats], Truths]]] = {
    "==": np.equal,
    "!=": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}
_ARITHMETIC: Final[dict[str, Callable[..., Floats]]] = {
    "neg": np.negative,
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.mod,
    "**": np.power,
    "abs": np.abs,
    "ceil": np.ceil,
    "floor": np.floor,
    "round": np.rint,
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "max": lambda *a: np.maximum.reduce(a),
    "min": lambda *a: np.minimum.reduce(a),
}
