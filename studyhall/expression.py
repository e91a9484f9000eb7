"""The one small expression language: of `when`, of a space's constraints and of a study's outcome constraints.

Expressions are parsed into a tree and the tree is walked; nothing is ever evaluated as code. Grammar:

    expression  = and ("or" and)*                     literal  = number | 'text' | "text" | true | false | null
    and         = not ("and" not)*                    list     = "[" literal ("," literal)* "]"
    not         = "not" not | comparison              name     = letters, digits, _ and . ; others in `backticks`
    comparison  = sum (("=="|"!="|"<"|"<="|">"|">=") sum | ["not"] "in" (list | name))*   (chains as in 0 < x <= 1)
    sum         = product (("+"|"-") product)*        function = abs | ceil | exp | floor | len | log | max | min
    product     = unary (("*"|"/"|"%") unary)*                   | round | sqrt
    unary       = "-" unary | atom ["**" unary]       atom     = literal | name | name "[" integer "]"
                                                               | function "(" sums ")" | "(" expression ")"

A value may be a list (a permutation, a subset, a simplex): `'flip' in steps`, `len(steps) <= 3`, `steps[0] == 'crop'`
and `mix[1] < 0.5` read it. Positions count from 0; one that a list does not have makes a comparison unknown.

Values a name may be absent from (inactive parameters, metrics not reported) make a comparison *unknown*; `and`, `or`
and `not` follow Kleene's three-valued logic. Arithmetic that is undefined or too large (1/0, log of 0, exp of 1000)
gives NaN, and every comparison with NaN is false, != too. `True`, `False` and `None` are read as `true`, `false` and
`null`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

from studyhall.expression_tree import (
    Call,
    Compare,
    Holds,
    Item,
    Literal,
    Logic,
    Member,
    Name,
    Node,
    Scalar,
    literals_compared,
    names_of,
    read_as_lists,
)
from studyhall.expression_values import FUNCTIONS, Absent, Values, evaluate, slack_of, truthy

Truth: TypeAlias = bool | None
"""True, False, or None for unknown."""

MAX_LENGTH: Final = 1000
MAX_DEPTH: Final = 40


class ExpressionError(ValueError):
    """An expression that cannot be read; the message says where and what was expected."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression: what it reads, and what it says about given values."""

    text: str
    root: Node
    names: frozenset[str]

    def truth(self, values: Values) -> Truth:
        """True, False, or None when it depends on a value that is absent."""
        result = evaluate(self.root, values)
        return None if isinstance(result, Absent) else truthy(result)

    def slack(self, values: Values) -> float | None:
        """By how much the expression holds (negative: by how much it fails), None when unknown or not numeric.

        For `a <= b` the slack is `b - a`; `and` takes the smallest slack, `or` the largest.
        """
        return slack_of(self.root, values)

    def read_as_lists(self) -> set[str]:
        """The names that must be lists: those after `in`, inside `len()`, and before a position."""
        return set(read_as_lists(self.root))

    def literals_compared(self) -> list[tuple[str, Scalar]]:
        """Each (name, literal) that is compared by `==`, `!=` or `in`; used to find misspelt choices."""
        return literals_compared(self.root)


@lru_cache(maxsize=4096)
def parse(text: str) -> Expression:
    """Reads an expression.

    Raises:
        ExpressionError: when the text is not of the grammar above, too long or nested too deeply.
    """
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"an expression may have at most {MAX_LENGTH} characters")
    parser = _Parser(text)
    root = parser.expression()
    parser.expect_end()
    return Expression(text, root, frozenset(names_of(root)))


_TOKEN: Final = re.compile(
    r"\s*(?:(?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)"
    r"|(?P<text>'[^'\\]*'|\"[^\"\\]*\")"
    r"|`(?P<quoted>[^`]+)`"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_.]*)"
    r"|(?P<symbol>\*\*|==|!=|<=|>=|[-+*/%<>()\[\],]))"
)
_WORDS: Final[dict[str, Scalar]] = {
    "true": True,
    "True": True,
    "false": False,
    "False": False,
    "null": None,
    "None": None,
}
_KEYWORDS: Final = {"and", "or", "not", "in"}
_COMPARISONS: Final = {"==", "!=", "<", "<=", ">", ">="}


def _tokens(text: str) -> list[tuple[str, str, int]]:
    found, position, end = [], 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            raise ExpressionError(f"cannot read {text[position:end].strip()[:20]!r} at position {position + 1}")
        kind = str(match.lastgroup)
        found.append((kind, match[kind], match.start(kind)))
        position = match.end()
    return found


class _Parser:
    """Recursive descent; `depth` bounds the recursion so that no input can exhaust the stack."""

    def __init__(self, text: str) -> None:
        self.tokens = _tokens(text)
        self.at = 0
        self.depth = 0

    def peek(self) -> str:
        if self.at >= len(self.tokens):
            return ""
        kind, value, _ = self.tokens[self.at]
        return value if kind in ("symbol", "name") else ""

    def take(self, *accepted: str) -> str | None:
        if self.peek() in accepted and self.peek():
            self.at += 1
            return self.tokens[self.at - 1][1]
        return None

    def expect(self, symbol: str) -> None:
        if self.take(symbol) is None:
            raise self.unexpected(f"'{symbol}'")

    def expect_end(self) -> None:
        if self.at < len(self.tokens):
            raise self.unexpected("the end")

    def unexpected(self, wanted: str) -> ExpressionError:
        if self.at >= len(self.tokens):
            return ExpressionError(f"ends too early; expected {wanted}")
        _, value, position = self.tokens[self.at]
        return ExpressionError(f"expected {wanted} instead of {value!r} at position {position + 1}")

    def deeper(self, rule: Callable[[], Node]) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ExpressionError(f"nested more than {MAX_DEPTH} deep")
        node = rule()
        self.depth -= 1
        return node

    def expression(self) -> Node:
        return self.logic("or", lambda: self.logic("and", self.negation))

    def logic(self, operator: str, operand: Callable[[], Node]) -> Node:
        operands = [operand()]
        while self.take(operator):
            operands.append(operand())
        return operands[0] if len(operands) == 1 else Logic(operator, tuple(operands))

    def negation(self) -> Node:
        if self.take("not"):
            return Logic("not", (self.deeper(self.negation),))
        return self.comparison()

    def comparison(self) -> Node:
        left, links = self.sum(), list[Node]()
        while True:
            operator = self.take(*_COMPARISONS, "in", "not")
            if operator is None:
                break
            if operator in _COMPARISONS:
                right = self.sum()
                links.append(Compare(operator, left, right))
                left = right
            else:
                if operator == "not":
                    self.expect("in")
                links.append(self.membership(left, negated=operator == "not"))
        if not links:
            return left
        return links[0] if len(links) == 1 else Logic("and", tuple(links))

    def membership(self, item: Node, *, negated: bool) -> Node:
        if self.peek() == "[":
            return Member(item, self.choices(), negated)
        node = self.atom() if self.at < len(self.tokens) else None
        if not isinstance(node, Name):
            raise self.unexpected("a list or a name")
        return Holds(item, node.name, negated)

    def choices(self) -> tuple[Scalar, ...]:
        self.expect("[")
        found = [self.literal()]
        while self.take(","):
            found.append(self.literal())
        self.expect("]")
        return tuple(found)

    def literal(self) -> Scalar:
        sign = -1 if self.take("-") else 1
        node = self.atom()
        if isinstance(node, Literal):
            if sign == 1:
                return node.value
            if isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
                return -node.value
        self.at -= 1
        raise self.unexpected("a value")

    def sum(self) -> Node:
        return self.chain(("+", "-"), lambda: self.chain(("*", "/", "%"), self.unary))

    def chain(self, operators: tuple[str, ...], operand: Callable[[], Node]) -> Node:
        left, length = operand(), 1
        while operator := self.take(*operators):
            left, length = Call(operator, (left, operand())), length + 1
            if length > MAX_DEPTH:  # the tree of a chain is as deep as the chain is long
                raise ExpressionError(f"more than {MAX_DEPTH} values in a row; use parentheses")
        return left

    def unary(self) -> Node:
        if self.take("-"):
            operand = self.deeper(self.unary)
            if (
                isinstance(operand, Literal)
                and isinstance(operand.value, (int, float))
                and not isinstance(operand.value, bool)
            ):
                return Literal(-operand.value)
            return Call("neg", (operand,))
        base = self.atom()
        return Call("**", (base, self.deeper(self.unary))) if self.take("**") else base

    def atom(self) -> Node:
        if self.take("("):
            node = self.deeper(self.expression)
            self.expect(")")
            return node
        if self.at >= len(self.tokens):
            raise self.unexpected("a value")
        kind, value, _ = self.tokens[self.at]
        if kind == "symbol" or value in _KEYWORDS:
            raise self.unexpected("a value")
        self.at += 1
        match kind:
            case "number":
                return Literal(_number(value))
            case "text":
                return Literal(value[1:-1])
            case "quoted":
                return self.named(value)
        if value in _WORDS:
            return Literal(_WORDS[value])
        return self.call(value) if self.peek() == "(" else self.named(value)

    def named(self, name: str) -> Node:
        if not self.take("["):
            return Name(name)
        position = self.literal()
        if isinstance(position, bool) or not isinstance(position, int) or not 0 <= position < MAX_LENGTH:
            raise ExpressionError(f"a position is an integer from 0, not {position!r}")
        self.expect("]")
        return Item(name, position)

    def call(self, function: str) -> Node:
        if function not in FUNCTIONS:
            raise ExpressionError(f"unknown function {function!r}; known: {', '.join(sorted(FUNCTIONS))}")
        self.expect("(")
        arguments = [self.deeper(self.sum)]
        while self.take(","):
            arguments.append(self.deeper(self.sum))
        self.expect(")")
        if function == "len" and not isinstance(arguments[0], Name):
            raise ExpressionError("len() takes the name of a list")
        if len(arguments) != 1 and function not in ("min", "max"):
            raise ExpressionError(f"{function}() takes one value")
        return Call(function, tuple(arguments))


def _number(text: str) -> int | float:
    value = float(text) if any(mark in text for mark in ".eE") else int(text[:400])
    if abs(value) > 1e300:
        raise ExpressionError(f"the number {text[:20]!r} is too large")
    return value
