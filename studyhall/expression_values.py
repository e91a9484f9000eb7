"""What an expression (`studyhall.expression`) says about given values: its value, its truth, its slack."""

import math
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from studyhall.expression_tree import (
    Call,
    Compare,
    Holds,
    Item,
    Listed,
    Literal,
    Logic,
    Member,
    Name,
    Node,
    Scalar,
    same,
)


class Absent:
    """The value of a name that has none."""

    def __repr__(self) -> str:
        return "absent"


ABSENT: Final = Absent()
Value: TypeAlias = Scalar | Listed | Absent
Values: TypeAlias = Mapping[str, Scalar | Listed]


def evaluate(node: Node, values: Values) -> Value:
    """The value of a tree; absent when it depends on a value that is."""
    match node:
        case Literal(value):
            return value
        case Name(name):
            return values.get(name, ABSENT)
        case Compare(operator, left, right):
            return _compare(operator, evaluate(left, values), evaluate(right, values))
        case Member(item, choices, negated):
            found = evaluate(item, values)
            if isinstance(found, Absent):
                return ABSENT
            return not _is_nan(found) and any(same(found, choice) for choice in choices) != negated
        case Holds(item, name, negated):
            return _holds(evaluate(item, values), values.get(name, ABSENT), negated=negated)
        case Item(name, position):
            listed = values.get(name, ABSENT)
            return listed[position] if isinstance(listed, (list, tuple)) and position < len(listed) else ABSENT
        case Call("len", (Name(name),)):
            listed = values.get(name, ABSENT)
            return len(listed) if isinstance(listed, (list, tuple)) else ABSENT
        case Logic(operator, operands):
            return _LOGIC[operator]([evaluate(operand, values) for operand in operands])
        case Call(function, arguments):
            return _apply(function, [evaluate(argument, values) for argument in arguments])


def slack_of(node: Node, values: Values) -> float | None:
    """By how much a tree holds, None when unknown or not numeric."""
    match node:
        case Compare("<=" | "<", left, right):
            return _difference(right, left, values)
        case Compare(">=" | ">", left, right):
            return _difference(left, right, values)
        case Logic("and", operands):
            slacks = [slack_of(operand, values) for operand in operands]
            return None if None in slacks else min(slack for slack in slacks if slack is not None)
        case Logic("or", operands):
            known = [slack for operand in operands if (slack := slack_of(operand, values)) is not None]
            return max(known) if known else None
    return None


def truthy(value: Scalar | Listed) -> bool:
    """Whether a value counts as true; NaN does not."""
    return bool(value) and not _is_nan(value)


def _is_nan(value: Scalar | Listed) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _holds(item: Value, listed: Value, *, negated: bool) -> Value:
    if isinstance(item, Absent) or isinstance(listed, Absent):
        return ABSENT
    if not isinstance(listed, (list, tuple)) or _is_nan(item):
        return False
    return any(same(item, one) for one in listed) != negated


def _and(operands: list[Value]) -> Value:
    if any(not isinstance(operand, Absent) and not truthy(operand) for operand in operands):
        return False
    return ABSENT if any(isinstance(operand, Absent) for operand in operands) else True


def _or(operands: list[Value]) -> Value:
    if any(not isinstance(operand, Absent) and truthy(operand) for operand in operands):
        return True
    return ABSENT if any(isinstance(operand, Absent) for operand in operands) else False


def _not(operands: list[Value]) -> Value:
    operand = operands[0]
    return ABSENT if isinstance(operand, Absent) else not truthy(operand)


_LOGIC: Final[dict[str, Callable[[list[Value]], Value]]] = {"and": _and, "or": _or, "not": _not}


def _compare(operator: str, left: Value, right: Value) -> Value:
    if isinstance(left, Absent) or isinstance(right, Absent):
        return ABSENT
    if _is_nan(left) or _is_nan(right):
        return False
    if operator == "==":
        return same(left, right)
    if operator == "!=":
        return not same(left, right)
    if isinstance(left, str) and isinstance(right, str):
        return _ORDER[operator](left, right)
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return _ORDER[operator](left, right)
    return False


_ORDER: Final[dict[str, Callable[..., bool]]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def _apply(function: str, arguments: list[Value]) -> Value:
    if any(isinstance(argument, Absent) for argument in arguments):
        return ABSENT
    if not all(isinstance(argument, (int, float)) for argument in arguments):
        return math.nan
    numbers = [argument for argument in arguments if isinstance(argument, (int, float))]
    if any(_is_nan(number) for number in numbers):
        return math.nan
    try:
        result = _ARITHMETIC[function](*numbers)
        return result if math.isfinite(result) else math.nan
    except (ArithmeticError, ValueError):
        return math.nan


def _power(base: float, exponent: float) -> float:
    # Floats only: integer powers can be made arbitrarily large and slow.
    return math.pow(float(base), float(exponent))


FUNCTIONS: Final[dict[str, Callable[..., float]]] = {
    "abs": abs,
    "ceil": math.ceil,
    "exp": math.exp,
    "floor": math.floor,
    "len": len,  # of a list; read where the list is known
    "log": math.log,
    "max": lambda *a: max(a),
    "min": lambda *a: min(a),
    "round": round,
    "sqrt": math.sqrt,
}
_ARITHMETIC: Final[dict[str, Callable[..., float]]] = FUNCTIONS | {
    "neg": lambda a: -a,
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "%": lambda a, b: a % b,
    "**": _power,
}


def _difference(left: Node, right: Node, values: Values) -> float | None:
    a, b = evaluate(left, values), evaluate(right, values)
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return float(a) - float(b)
    return None
