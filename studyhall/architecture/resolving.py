"""From an assignment to a graph: decisions made, shapes known, projections where sums need them.

`identity` and whatever changes nothing here (a pool on one place, dropout at rate 0) is left out; `none` is no
connection, and what only hangs on it is gone. If nothing reaches the end, the network is a learned constant.
"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from studyhall.architecture.graph import Graph, Node, reduced
from studyhall.architecture.operators import Attributes, Shape
from studyhall.architecture.plan import Chain, Edges, Leaf, Maybe, Pick, Repeat, Step
from studyhall.expression_tree import Scalar

Flow: TypeAlias = int | None
"""The node whose output goes on from here; None: nothing does."""


def resolve(root: Step, shape: Shape, outputs: int, values: Mapping[str, Scalar]) -> Graph:
    """The reduced graph of an assignment; values of inactive parameters are ignored.

    Raises:
        KeyError: the value of an active parameter is missing.
    """
    draft = _Draft(shape, values)
    end = draft.follow(root, 0)
    last = draft.add("constant", (0,), (outputs,)) if end is None else draft.add("head", (end,), (outputs,))
    return reduced(draft.nodes, last)


class _Draft:
    def __init__(self, shape: Shape, values: Mapping[str, Scalar]) -> None:
        self.nodes = [Node("input", (), shape)]
        self._values = values

    def add(self, op: str, inputs: Sequence[int], shape: Shape, attributes: Attributes | None = None) -> int:
        self.nodes.append(Node(op, tuple(inputs), shape, tuple(sorted((attributes or {}).items()))))
        return len(self.nodes) - 1

    def follow(self, step: Step, here: Flow) -> Flow:
        match step:
            case Leaf():
                return self._operate(step, here)
            case Pick(parameter, options):
                return self.follow(options[str(self._values[parameter])], here)
            case Chain(steps, residual):
                return self._sequence(steps, here, residual)
            case Repeat(parameter, steps):
                times = self._values[parameter]
                return self._sequence(steps[: times if isinstance(times, int) else 0], here, residual=False)
            case Maybe(parameter, inner):
                return self.follow(inner, here) if self._values[parameter] is True else here
            case Edges():
                return self._cell(step, here)

    def _sequence(self, steps: Sequence[Step], begin: Flow, residual: bool) -> Flow:
        here = begin
        for step in steps:
            here = self.follow(step, here)
        if not residual or begin is None or here == begin:  # a sequence of nothing adds nothing
            return here
        return begin if here is None else self._sum([here, begin], self.nodes[here].shape)

    def _cell(self, cell: Edges, begin: Flow) -> Flow:
        flows: list[Flow] = [begin]
        for end in range(1, cell.nodes):
            coming = [self.follow(cell.edges[i, end], flows[i]) for i in range(end)]
            arrived = [flow for flow in coming if flow is not None]
            flows.append(self._sum(arrived, self._smallest_common(arrived)) if arrived else None)
        return flows[-1]

    def _operate(self, leaf: Leaf, here: Flow) -> Flow:
        operator = leaf.operator
        if here is None or operator.name == "none":
            return None
        before = self.nodes[here].shape
        chosen = leaf.fixed | {name: self._values[parameter] for name, parameter in leaf.decided}
        settled = operator.settle(before, chosen)
        if settled is None:
            return here
        return self.add(operator.name, (here,), operator.shape(before, settled), settled)

    def _smallest_common(self, flows: Sequence[int]) -> Shape:
        """The most channels and the fewest places of all: nobody's channels are lost."""
        shapes = [self.nodes[flow].shape for flow in flows]
        return (
            max(shape[0] for shape in shapes),
            *(min(sides) for sides in zip(*(s[1:] for s in shapes), strict=True)),
        )

    def _sum(self, flows: Sequence[int], shape: Shape) -> int:
        fitting = [flow if self.nodes[flow].shape == shape else self.add("project", (flow,), shape) for flow in flows]
        return fitting[0] if len(fitting) == 1 else self.add("sum", fitting, shape)
