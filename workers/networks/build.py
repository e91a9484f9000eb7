"""A resolved architecture as one `nn.Module`.

Built from the graph's canonical order: isomorphic architectures have the same modules in the same order, so that with
the same seed they start from the same weights and compute the same function.
"""

from torch import Tensor, nn

from studyhall.architecture.graph import Graph
from workers.networks.operators import module_for


class GraphNetwork(nn.Module):
    """The network of a graph: rows `(n, *input)` to outputs `(n, output)`."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.graph = graph.canonical
        self.operators = nn.ModuleDict()
        for index, node in enumerate(self.graph.nodes):
            if node.op not in ("input", "sum"):
                before = self.graph.nodes[node.inputs[0]].shape
                self.operators[str(index)] = module_for(node.op, before, node.shape, dict(node.attributes))

    def forward(self, x: Tensor) -> Tensor:
        """Outputs, one row each."""
        found: list[Tensor] = [x]
        for index, node in enumerate(self.graph.nodes[1:], start=1):
            terms = [found[i] for i in node.inputs]
            found.append(_sum(terms) if node.op == "sum" else self.operators[str(index)](terms[0]))
        return found[-1]


def build(graph: Graph) -> GraphNetwork:
    """The network of a graph, with fresh weights from torch's generator."""
    return GraphNetwork(graph)


def _sum(terms: list[Tensor]) -> Tensor:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total
