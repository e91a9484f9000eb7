"""A graph as text, for people: one line a node, its inputs where they are not the line above."""

from studyhall.architecture.graph import Graph, Node, node_counts
from studyhall.expression_tree import Scalar

_UNSAID = ("none", 1, False, None)


def drawing(graph: Graph) -> str:
    """A line for each node: number, operator, shape, weights."""
    lines = [_line(graph, index) for index in range(len(graph.nodes))]
    widths = [max(len(line[column]) for line in lines) for column in range(3)]
    drawn = [
        f"{number:>{widths[0]}}  {text:<{widths[1]}}  {shape:<{widths[2]}}  {weights}".rstrip()
        for number, text, shape, weights in lines
    ]
    counts = graph.counts
    total = f"params {counts.params:,}  flops {counts.flops:,}  depth {counts.depth}"
    return "\n".join([*drawn, total])


def _line(graph: Graph, index: int) -> tuple[str, str, str, str]:
    node = graph.nodes[index]
    weights, _ = node_counts(graph, index)
    return str(index), _text(node, index), "×".join(map(str, node.shape)), f"{weights:,}" if weights else ""


def _text(node: Node, index: int) -> str:
    words = [node.op, *(_attribute(name, value) for name, value in node.attributes if value not in _UNSAID)]
    if node.op == "sum":
        words.append(" + ".join(map(str, node.inputs)))
    elif node.inputs and node.inputs != (index - 1,):
        words.append(f"of {node.inputs[0]}")
    return " ".join(words)


def _attribute(name: str, value: Scalar) -> str:
    return str(value) if name == "act" else name if value is True else f"{name} {value}"
