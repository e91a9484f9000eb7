"""A resolved architecture: a directed graph of operators with shapes; its canonical order, its hash and its counts.

Two assignments mean the same network exactly when their reduced graphs are isomorphic. The hash is that of a stable
colouring (Weisfeiler and Leman 1968): of the graph, never of the expression tree, in which one convolution that is
used twice looks like two convolutions.
"""

import hashlib
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from studyhall.architecture.operators import Shape, operator_of
from studyhall.expression_tree import Scalar
from studyhall.words import Word

Colour: TypeAlias = bytes
BYTES_PER_WEIGHT = 4


class Counts(Word):
    """What a network weighs and costs, known before it is built."""

    params: int
    """Trainable numbers."""
    flops: int
    """Floating-point operations for one row; a multiply-add is two."""
    depth: int
    """Layers with weights along the longest way through."""
    weight_bytes: int
    """Trainable numbers as 32-bit floats."""


COUNTS = tuple(Counts.model_fields)


@dataclass(frozen=True, slots=True)
class Node:
    """An operator with settled attributes; inputs come before it, `shape` is its output without the batch."""

    op: str
    inputs: tuple[int, ...]
    shape: Shape
    attributes: tuple[tuple[str, Scalar], ...] = ()

    @property
    def label(self) -> str:
        """Everything about the node but its place in the graph."""
        return f"{self.op}{self.shape}{self.attributes}"


@dataclass(frozen=True)
class Graph:
    """Nodes in topological order: the input first, the head last."""

    nodes: tuple[Node, ...]

    @cached_property
    def counts(self) -> Counts:
        """Parameters, operations, depth and bytes."""
        depth = [0] * len(self.nodes)
        params = flops = 0
        for index, node in enumerate(self.nodes):
            if not node.inputs:
                continue
            weights, operations = node_counts(self, index)
            params, flops = params + weights, flops + operations
            mixes = node.op != "project" or weights > 0
            layers = operator_of(node.op).layers if mixes else 0
            depth[index] = layers + max(depth[i] for i in node.inputs)
        return Counts(params=params, flops=flops, depth=depth[-1], weight_bytes=BYTES_PER_WEIGHT * params)

    @cached_property
    def hash(self) -> str:
        """The same for isomorphic graphs, on any machine; 32 hexadecimal digits."""
        return _digest(b"".join(sorted(self._colours))).hex()

    @cached_property
    def canonical(self) -> "Graph":
        """The same graph with its nodes in an order that does not depend on how it was written down."""
        place: dict[int, int] = {}
        waiting = set(range(len(self.nodes)))
        while waiting:
            ready = [i for i in waiting if all(j in place for j in self.nodes[i].inputs)]
            first = min(ready, key=lambda i: (self._colours[i], sorted(place[j] for j in self.nodes[i].inputs)))
            place[first] = len(place)
            waiting.remove(first)
        # The head is the only node that nothing reads: last in every order.
        return Graph(
            tuple(
                Node(node.op, tuple(sorted(place[j] for j in node.inputs)), node.shape, node.attributes)
                for node in (self.nodes[i] for i in sorted(place, key=lambda i: place[i]))
            )
        )

    @cached_property
    def _colours(self) -> list[Colour]:
        labels = [node.label.encode() for node in self.nodes]
        colours = self._upwards(labels)
        kinds = len(set(colours))
        while kinds < len(self.nodes):
            colours = self._upwards(self._downwards(colours))
            if len(set(colours)) == kinds:
                break
            kinds = len(set(colours))
        return colours

    @cached_property
    def sides(self) -> tuple[tuple[Colour, Colour], ...]:
        """Of each node a colour of all that it is computed from, and one of all that is computed from it.

        Without shapes: a layer that got wider leaves what comes after it as it was.
        """
        kinds = [f"{node.op}{node.attributes}".encode() for node in self.nodes]
        return tuple(zip(self._upwards(kinds), self._downwards(kinds), strict=True))

    def _upwards(self, colours: list[bytes]) -> list[Colour]:
        found: list[Colour] = []
        for node, colour in zip(self.nodes, colours, strict=True):
            found.append(_digest(colour + b"<" + b"".join(sorted(found[i] for i in node.inputs))))
        return found

    def _downwards(self, colours: list[bytes]) -> list[Colour]:
        readers = defaultdict[int, list[Colour]](list)
        found = list(colours)
        for index in range(len(self.nodes) - 1, -1, -1):
            found[index] = _digest(colours[index] + b">" + b"".join(sorted(readers[index])))
            for i in self.nodes[index].inputs:
                readers[i].append(found[index])
        return found


def node_counts(graph: Graph, index: int) -> tuple[int, int]:
    """Weights and operations of one node."""
    node = graph.nodes[index]
    if not node.inputs:
        return 0, 0
    operator, before, attributes = operator_of(node.op), graph.nodes[node.inputs[0]].shape, dict(node.attributes)
    return operator.weights(before, node.shape, attributes), operator.flops(before, node.shape, attributes)


def reduced(nodes: list[Node], output: int) -> Graph:
    """The graph without what does not reach the output, and with sums that only feed one other sum merged into it."""
    while True:
        alive = _reaching(nodes, output)
        if not any(nodes[n].op == "sum" and any(nodes[i].op == "sum" for i in nodes[n].inputs) for n in alive):
            break
        readers = Counter(i for n in alive for i in nodes[n].inputs)
        found = next(
            ((n, i) for n in sorted(alive) if nodes[n].op == "sum" for i in nodes[n].inputs
             if nodes[i].op == "sum" and readers[i] == 1),
            None,
        )  # fmt: skip
        if found is None:
            break
        outer, inner = found
        inputs = [i for i in nodes[outer].inputs if i != inner] + list(nodes[inner].inputs)
        nodes[outer] = Node("sum", tuple(sorted(inputs)), nodes[outer].shape)
    place = {old: new for new, old in enumerate(sorted(alive))}
    return Graph(
        tuple(
            Node(node.op, tuple(place[i] for i in node.inputs), node.shape, node.attributes)
            for node in (nodes[n] for n in sorted(alive))
        )
    )


def _reaching(nodes: list[Node], output: int) -> set[int]:
    alive, waiting = {0}, [output]
    while waiting:
        node = waiting.pop()
        alive.add(node)
        waiting += [i for i in nodes[node].inputs if i not in alive]
    return alive


def _digest(text: bytes) -> bytes:
    return hashlib.blake2b(text, digest_size=16).digest()
