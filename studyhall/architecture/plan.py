"""Blocks walked once: the conditional parameters they stand for, and the tree that assignments are read by.

A parameter's name is its path: `arch.stage.1.layer.0.conv.kernel`. Its condition names only the nearest decision above
it, because a parameter whose condition reads an inactive one is inactive itself. Everything that can be wrong with an
architecture before values are known is found here, with its JSON pointer.
"""

import itertools
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from operator import mul
from typing import Final, Literal, TypeAlias

from pydantic import ValidationError

from studyhall.architecture.blocks import FORMS, MOST_REPEATS, Block, Cell, Domain
from studyhall.architecture.operators import OPERATORS, SKIP, Operator
from studyhall.expression import MAX_LENGTH
from studyhall.expression_tree import Scalar
from studyhall.parameters import (
    BoolParameter,
    CategoricalParameter,
    FloatParameter,
    IntParameter,
    OrdinalParameter,
    Parameter,
)

ROOT: Final = "arch"
MOST_PARAMETERS: Final = 500
MOST_LEAVES: Final = 5000
DEEPEST: Final = 12
_SHORTHAND: Final = re.compile(r"([a-z]+?)(\d+)")
_RANKS: Final = {1: "a vector", 2: "a sequence", 3: "an image"}

Ranks: TypeAlias = frozenset[int]


@dataclass(frozen=True, slots=True)
class Leaf:
    """An operator; attributes fixed, or decided by the parameter of a name."""

    operator: Operator
    fixed: dict[str, Scalar]
    decided: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Pick:
    """One of several, by the value of a parameter."""

    parameter: str
    options: "dict[str, Step]"


@dataclass(frozen=True, slots=True)
class Chain:
    """One after the other; `residual`: the input is added in the end."""

    steps: "tuple[Step, ...]"
    residual: bool = False


@dataclass(frozen=True, slots=True)
class Repeat:
    """The first so many of the steps, by the value of a parameter."""

    parameter: str
    steps: "tuple[Step, ...]"
    least: int
    tied: bool = False


@dataclass(frozen=True, slots=True)
class Maybe:
    """There or not, by the value of a parameter."""

    parameter: str
    step: "Step"


@dataclass(frozen=True, slots=True)
class Edges:
    """A cell: the operator on the edge from node i to node j."""

    nodes: int
    edges: "dict[tuple[int, int], Pick]"


Step: TypeAlias = Leaf | Pick | Chain | Repeat | Maybe | Edges


@dataclass(frozen=True, slots=True)
class Plan:
    """What an architecture's blocks come to."""

    parameters: tuple[Parameter, ...]
    root: Step
    faults: tuple[tuple[str, str], ...]


def plan_of(body: Sequence[Block], rank: int) -> Plan:
    """Walks the blocks of an architecture whose input has `rank` dimensions."""
    walk = _Walk()
    try:
        root, _ = walk.body(body, ROOT, "/body", frozenset({rank}))
    except _TooLargeError as error:
        return Plan((), Chain(()), ((error.pointer, str(error)),))
    faults = list(dict.fromkeys(walk.faults))
    return Plan(() if faults else tuple(walk.parameters()), root, tuple(faults))


def size_of(plan: Plan) -> int | None:
    """How many assignments there are; None for a continuum."""
    shared = {p.name for p in plan.parameters if p.name.count(".") == 1}
    by_name = {p.name: p for p in plan.parameters}
    if any(p.cardinality is None for p in plan.parameters):
        return None
    return _size(plan.root, by_name, shared) * math.prod(by_name[name].cardinality or 1 for name in shared)


def _size(step: Step, by_name: Mapping[str, Parameter], shared: set[str]) -> int:
    match step:
        case Leaf(_, _, decided):
            return math.prod(by_name[name].cardinality or 1 for _, name in decided if name not in shared)
        case Pick(_, options):
            return sum(_size(option, by_name, shared) for option in options.values())
        case Chain(steps):
            return math.prod(_size(inner, by_name, shared) for inner in steps)
        case Maybe(_, inner):
            return 1 + _size(inner, by_name, shared)
        case Edges(_, edges):
            return math.prod(_size(edge, by_name, shared) for edge in edges.values())
        case Repeat(_, steps, least, tied):
            sizes: list[int] = list(itertools.accumulate((_size(inner, by_name, shared) for inner in steps), mul))
            if tied:
                sizes = sizes[:1] * len(steps)
            return (1 if least == 0 else 0) + sum(sizes[max(least, 1) - 1 :])


class _TooLargeError(Exception):
    """The walk was given up: it would not end in reasonable time."""

    def __init__(self, pointer: str, message: str) -> None:
        self.pointer = pointer
        super().__init__(message)


@dataclass(slots=True)
class _Shared:
    domain: Domain
    parameter: Parameter
    conditions: list[str | None]


@dataclass(slots=True)
class _Walk:
    """Collects parameters and faults on the way through the blocks; `when` is the nearest decision above."""

    faults: list[tuple[str, str]] = field(default_factory=list)
    when: str | None = None
    _found: dict[str, Parameter] = field(default_factory=dict)
    _shared: dict[str, _Shared] = field(default_factory=dict)
    _leaves: int = 0
    _depth: int = 0

    def parameters(self) -> Iterator[Parameter]:
        """All of them, shared ones first: nothing they depend on comes later than where they are used."""
        for shared in self._shared.values():
            when = _any_of(shared.conditions)
            yield shared.parameter if when is None else shared.parameter.model_copy(update={"when": when})
        yield from self._found.values()

    def body(self, blocks: Sequence[Block], path: str, at: str, ranks: Ranks) -> tuple[Step, Ranks]:
        """One block after the other."""
        steps = []
        for index, (block, name) in enumerate(zip(blocks, self._names(blocks, at), strict=True)):
            step, ranks = self.block(block, f"{path}.{name}", f"{at}/{index}", ranks)
            steps.append(step)
        return (steps[0] if len(steps) == 1 else Chain(tuple(steps))), ranks

    def block(self, block: Block, path: str, at: str, ranks: Ranks) -> tuple[Step, Ranks]:
        """A block with its modifiers."""
        self._check_form(block, at)
        with self._deeper(at):
            times = block.repeat
            if not isinstance(times, Domain):
                return self._repeated(block, path, at, ranks, times)
            return self._repeated_by_choice(block, times, path, at, ranks)

    def _repeated(self, block: Block, path: str, at: str, ranks: Ranks, times: Scalar) -> tuple[Step, Ranks]:
        if isinstance(times, bool) or not isinstance(times, int) or not 1 <= times <= MOST_REPEATS:
            self.faults.append((f"{at}/repeat", f"must be a whole number from 1 to {MOST_REPEATS}, or a domain"))
            return Chain(()), ranks
        steps = []
        for index in range(times):
            inner = path if times == 1 or block.tie else f"{path}.{index}"
            step, ranks = self._maybe(block, inner, at, ranks)
            steps.append(step)
        return (steps[0] if times == 1 else Chain(tuple(steps))), ranks

    def _repeated_by_choice(self, block: Block, times: Domain, path: str, at: str, ranks: Ranks) -> tuple[Step, Ranks]:
        bounds = times.int
        if bounds is None or len(bounds) != 2 or not 0 <= bounds[0] <= bounds[1] <= MOST_REPEATS or times.share:
            message = f"must be {{'int': [low, high]}} with 0 <= low <= high <= {MOST_REPEATS}"
            self.faults.append((f"{at}/repeat", message))
            return Chain(()), ranks
        least, most = bounds
        counter, outer = f"{path}.n", self.when
        self._add(IntParameter(name=counter, low=least, high=most, when=outer), at)
        steps: list[Step] = []
        after = ranks if least == 0 else frozenset[int]()
        for index in range(most):
            with self._under(outer if index < least else f"{counter} >= {index + 1}"):
                step, ranks = self._maybe(block, path if block.tie else f"{path}.{index}", at, ranks)
            steps.append(step)
            after |= ranks if index + 1 >= least else frozenset()
        return Repeat(counter, tuple(steps), least, block.tie), after or ranks

    def _maybe(self, block: Block, path: str, at: str, ranks: Ranks) -> tuple[Step, Ranks]:
        if not block.optional:
            return self._one(block, path, at, ranks)
        switch = f"{path}.on"
        self._add(BoolParameter(name=switch, when=self.when), at)
        with self._under(f"{switch} == true"):
            step, after = self._one(block, path, at, ranks)
        return Maybe(switch, step), ranks | after

    def _one(self, block: Block, path: str, at: str, ranks: Ranks) -> tuple[Step, Ranks]:
        if block.op is not None:
            return self._leaf(block.op, block.attributes, path, at, ranks)
        if block.choice is not None:
            return self._choice(block.choice, path, f"{at}/choice", ranks)
        if block.cell is not None:
            return self._cell(block.cell, path, f"{at}/cell", ranks)
        step, after = self.body(block.body or (), path, f"{at}/body", ranks)
        return (Chain((step,), residual=True) if block.residual else step), after

    def _choice(self, options: Sequence[Block], path: str, at: str, ranks: Ranks) -> tuple[Step, Ranks]:
        names = self._names(options, at)
        pick = f"{path}.pick"
        self._add(CategoricalParameter(name=pick, choices=tuple(dict.fromkeys(names)), when=self.when), at)
        steps: dict[str, Step] = {}
        after: Ranks = frozenset()
        for index, (option, name) in enumerate(zip(options, names, strict=True)):
            with self._under(f"{pick} == '{name}'"):
                steps[name], now = self.block(option, f"{path}.{name}", f"{at}/{index}", ranks)
            after |= now
        return Pick(pick, steps), after

    def _cell(self, cell: Cell, path: str, at: str, ranks: Ranks) -> tuple[Step, Ranks]:
        options = [self._edge_option(op, f"{at}/ops/{index}") for index, op in enumerate(cell.ops)]
        names = [op if isinstance(op, str) else _name_of(op) for op in cell.ops]
        self.faults += [(f"{at}/ops/{i}", f"'{n}' is there twice") for i, n in enumerate(names) if n in names[:i]]
        edges = {}
        for end in range(1, cell.nodes):
            for begin in range(end):
                edges[begin, end] = self._edge(options, names, f"{path}.e{begin}{end}", at, ranks)
        return Edges(cell.nodes, edges), ranks

    def _edge(self, options: Sequence[Block], names: Sequence[str], path: str, at: str, ranks: Ranks) -> Pick:
        self._add(CategoricalParameter(name=path, choices=tuple(dict.fromkeys(names)), when=self.when), at)
        steps: dict[str, Step] = {}
        for index, (option, name) in enumerate(zip(options, names, strict=True)):
            with self._under(f"{path} == '{name}'"):
                here = f"{at}/ops/{index}"
                steps[name], _ = self._leaf(option.op or "", option.attributes, f"{path}.{name}", here, ranks)
                operator = OPERATORS.get(option.op or "")
                if operator is not None and operator.flattens:
                    self.faults.append((here, f"'{option.op}' makes a vector; inside a cell shapes must last"))
        return Pick(path, steps)

    def _edge_option(self, op: str | Block, at: str) -> Block:
        if isinstance(op, Block):
            self._check_form(op, at)
            if op.form != "op" or op.repeat != 1 or op.optional:
                self.faults.append((at, "an edge of a cell holds a leaf: an `op` and its attributes"))
            return op
        match = _SHORTHAND.fullmatch(op)
        if op in OPERATORS or op == SKIP or match is None:
            return Block(op=op)
        return Block(op=match[1], kernel=int(match[2]), stride=1)

    def _leaf(
        self, op: str, attributes: Mapping[str, Scalar | Domain], path: str, at: str, ranks: Ranks
    ) -> tuple[Step, Ranks]:
        operator = OPERATORS.get("identity" if op == SKIP else op)
        if operator is None:
            self.faults.append((f"{at}/op", f"unknown operator '{op}'; known: {', '.join(OPERATORS)}"))
            return Chain(()), ranks
        self._check_ranks(operator, at, ranks)
        self._leaves += 1
        if self._leaves > MOST_LEAVES:
            raise _TooLargeError(at, f"more than {MOST_LEAVES} operators; repeat less")
        fixed = {name: attribute.default for name, attribute in operator.attributes.items()}
        decided = []
        for name, value in attributes.items():
            if name not in operator.attributes:
                known = ", ".join(operator.attributes) or "none"
                self.faults.append((f"{at}/{name}", f"is no attribute of '{op}'; it has: {known}"))
            elif isinstance(value, Domain):
                decided.append((name, self._decide(operator, name, value, path, f"{at}/{name}")))
            else:
                fault = operator.attributes[name].fault(value)
                self.faults += [(f"{at}/{name}", fault)] if fault else []
                fixed[name] = value
        return Leaf(operator, fixed, tuple(decided)), frozenset({1}) if operator.flattens else ranks

    def _decide(self, operator: Operator, attribute: str, domain: Domain, path: str, at: str) -> str:
        for pointer, value in _values_to_check(domain):
            fault = operator.attributes[attribute].fault(value)
            self.faults += [(at + pointer, fault)] if fault else []
        name = f"{ROOT}.{domain.share}" if domain.share else f"{path}.{attribute}"
        if domain.share is None:
            self._add(self._parameter(name, domain, at, self.when), at)
        elif domain.share not in self._shared:
            self._shared[domain.share] = _Shared(domain, self._parameter(name, domain, at, None), [self.when])
        else:
            shared = self._shared[domain.share]
            shared.conditions.append(self.when)
            if shared.domain != domain:
                self.faults.append((at, f"shares '{domain.share}' with another domain; all must be the same"))
        return name

    def _parameter(self, name: str, domain: Domain, at: str, when: str | None) -> Parameter:
        try:
            return _parameter(name, domain, when)
        except ValidationError:
            self.faults.append((at, "low must not be above high, a step must fit, log needs low > 0, choices differ"))
            return BoolParameter(name=name)

    def _add(self, parameter: Parameter, at: str) -> None:
        if len(self._found) + len(self._shared) >= MOST_PARAMETERS and parameter.name not in self._found:
            raise _TooLargeError(
                at, f"the architecture has more than {MOST_PARAMETERS} parameters; repeat less, or tie"
            )
        self._found.setdefault(parameter.name, parameter)

    def _check_form(self, block: Block, at: str) -> None:
        if not block.form:
            self.faults.append((at, f"give exactly one of {', '.join(FORMS)}"))
        if block.form != "op":
            self.faults += [(f"{at}/{name}", "only an `op` has attributes") for name in block.attributes]
        if block.residual and block.form != "body":
            self.faults.append((f"{at}/residual", "only a `body` can be residual"))
        if block.tie and block.repeat == 1:
            self.faults.append((f"{at}/tie", "ties repetitions: give `repeat` too"))

    def _check_ranks(self, operator: Operator, at: str, ranks: Ranks) -> None:
        wrong = ranks - operator.takes
        if wrong:
            wanted = " or ".join(_RANKS[rank] for rank in sorted(operator.takes))
            comes = " or ".join(_RANKS[rank] for rank in sorted(wrong))
            self.faults.append((f"{at}/op", f"'{operator.name}' takes {wanted}; here {comes} may come in"))

    def _names(self, blocks: Sequence[Block], at: str) -> list[str]:
        """Each block's own name, or that of its operator or form, told apart by its position."""
        names = [_name_of(block) for block in blocks]
        times = Counter(names)
        for index, block in enumerate(blocks):
            if times[names[index]] == 1:
                continue
            if block.name is not None and any(names[index] == other.name for other in blocks[:index]):
                self.faults.append((f"{at}/{index}/name", f"'{block.name}' is the name of another block beside it"))
            elif block.name is None:
                names[index] += str(index)
        return names

    @contextmanager
    def _under(self, condition: str | None) -> Iterator[None]:
        before, self.when = self.when, condition
        yield
        self.when = before

    @contextmanager
    def _deeper(self, at: str) -> Iterator[None]:
        self._depth += 1
        if self._depth > DEEPEST:
            raise _TooLargeError(at, f"blocks are nested more than {DEEPEST} deep")
        yield
        self._depth -= 1


def _name_of(block: Block) -> str:
    return block.name or block.op or block.form or "block"


def _values_to_check(domain: Domain) -> list[tuple[str, Scalar]]:
    if domain.choice is not None:
        return [(f"/choice/{index}", value) for index, value in enumerate(domain.choice)]
    if domain.int is not None:
        low, high, *steps = domain.int
        step = steps[0] if steps else 1
        last = low + (high - low) // step * step if step > 0 else high
        # With the second value too: an odd kernel needs an even step.
        return [("/int/0", low), ("/int/1", last), ("/int", min(low + step, last))]
    return [(f"/float/{index}", value) for index, value in enumerate(domain.float or ())]


def _parameter(name: str, domain: Domain, when: str | None) -> Parameter:
    if domain.choice is not None:
        if _is_ascending(domain.choice):
            return OrdinalParameter(name=name, when=when, choices=domain.choice)
        return CategoricalParameter(name=name, when=when, choices=domain.choice)
    scale: Literal["linear", "log"] = "log" if domain.scale == "log" else "linear"
    if domain.int is not None:
        low, high, *step = domain.int
        return IntParameter(name=name, when=when, low=low, high=high, step=step[0] if step else 1, scale=scale)
    first, last = domain.float or (0.0, 0.0)
    return FloatParameter(name=name, when=when, low=first, high=last, scale=scale)


def _is_ascending(choices: Sequence[Scalar]) -> bool:
    numbers = [c for c in choices if isinstance(c, (int, float)) and not isinstance(c, bool)]
    return len(numbers) == len(choices) > 1 and all(a < b for a, b in itertools.pairwise(numbers))


def _any_of(conditions: Sequence[str | None]) -> str | None:
    """The condition under which any of them holds; None (always) when one of them is, or when it would be too long."""
    different = list(dict.fromkeys(conditions))
    known = [condition for condition in different if condition is not None]
    text = " or ".join(known)
    return text if len(known) == len(different) and len(text) <= MAX_LENGTH else None
