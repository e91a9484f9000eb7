"""One network told layer by layer, for pictures of it: what each layer is, reads, makes, weighs and costs."""

from studyhall.architecture.drawing import drawing
from studyhall.architecture.graph import Counts, Graph, node_counts
from studyhall.words import JsonScalar, Word


class Layer(Word):
    """One node of a network."""

    index: int
    """Its place in `layers`; whatever it reads comes before it."""
    op: str
    """An operator of the architecture, or one of `input`, `sum`, `project`, `head`, `constant`."""
    inputs: tuple[int, ...]
    """The indices of the layers it reads; of the input none."""
    level: int
    """The longest way from the input, in layers: 0 for the input. Layers of one level never read each other."""
    shape: tuple[int, ...]
    """Of its output for one row: channels and places, or features."""
    attributes: dict[str, JsonScalar]
    params: int
    flops: int
    """Floating-point operations for one row; a multiply-add is two."""


class Network(Word):
    """The network that a trial's parameters describe."""

    trial: str
    number: int
    hash: str
    """The same for isomorphic networks."""
    counts: Counts
    layers: tuple[Layer, ...]
    """In an order in which data can pass: the input first, the head last."""
    drawing: str
    """One line a layer, for people."""


def layers_of(graph: Graph) -> tuple[Layer, ...]:
    """Every node of a graph, with what it alone weighs and costs: the sums are the graph's counts."""
    levels: list[int] = []
    found = []
    for index, node in enumerate(graph.nodes):
        levels.append(1 + max((levels[i] for i in node.inputs), default=-1))
        params, flops = node_counts(graph, index)
        found.append(
            Layer(
                index=index, op=node.op, inputs=node.inputs, level=levels[index], shape=node.shape,
                attributes=dict(node.attributes), params=params, flops=flops,
            )
        )  # fmt: skip
    return tuple(found)


def network_of(graph: Graph, *, trial: str, number: int) -> Network:
    """A trial's graph, told layer by layer."""
    return Network(
        trial=trial,
        number=number,
        hash=graph.hash,
        counts=graph.counts,
        layers=layers_of(graph),
        drawing=drawing(graph),
    )
