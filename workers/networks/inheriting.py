"""A network that starts from the weights of another one, as far as they fit.

Layers are paired by what they are and where they stand; a pair's weights are copied as far as their shapes agree.
Where the child is wider, or its kernel larger, what is new beside the copied weights is 0: a child that only grew
computes what its parent computed (the function-preserving transfer of Chen et al. 2016, Net2Net, by zeros in place of
copies, so that no two channels are twins). Everything else stays as it was made: fresh.
"""

from typing import Final

import numpy as np
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn, no_grad

from studyhall.architecture.graph import Graph
from workers.networks.build import GraphNetwork
from workers.networks.operators import Attention

SIDE: Final = 4.0
"""What it says for a pair that everything before them, or everything after them, is the same; of the same attributes
it is half of that, and of standing at the same distance from an end a quarter."""
FLATTENING: Final = ("head", "linear")
GROWING: Final = (nn.Conv1d, nn.Conv2d, nn.Linear, nn.BatchNorm1d, nn.BatchNorm2d)
"""Layers with one number, or one row, for each channel that comes out; others are copied whole or not at all."""


@no_grad()
def inherit(child: nn.Module, parent: nn.Module) -> float:
    """Copies into the child what fits of its parent; answers which share of the child's weights that is."""
    copied = 0
    if isinstance(child, GraphNetwork) and isinstance(parent, GraphNetwork):
        for mine, theirs in paired(child.graph, parent.graph):
            if str(mine) in child.operators and _sees_alike(child.graph, mine, parent.graph, theirs):
                copied += _copy_layer(child.operators[str(mine)], parent.operators[str(theirs)])
    else:
        copied = _copy_layer(child, parent)
    return copied / max(1, sum(weight.numel() for weight in child.parameters()))


def paired(child: Graph, parent: Graph) -> list[tuple[int, int]]:
    """Nodes of two graphs that stand for one layer, each at most once: the best assignment in sum."""
    score = np.zeros((len(child.nodes), len(parent.nodes)))
    depths = [_distances(graph) for graph in (child, parent)]
    for i, mine in enumerate(child.nodes):
        for j, theirs in enumerate(parent.nodes):
            if mine.op == theirs.op:
                before, after = (a == b for a, b in zip(child.sides[i], parent.sides[j], strict=True))
                apart = min(abs(a - b) for a, b in zip(depths[0][i], depths[1][j], strict=True))
                same = mine.attributes == theirs.attributes
                score[i, j] = 1.0 + SIDE * (before + after + same / 2 + 1 / (4 * (1 + apart)))
    rows, columns = linear_sum_assignment(score, maximize=True)
    return [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if score[i, j] > 0]


def _sees_alike(child: Graph, mine: int, parent: Graph, theirs: int) -> bool:
    """Whether a weight at one position means the same: a layer that flattens has a weight for each place."""
    if child.nodes[mine].op not in FLATTENING:
        return True
    before = (graph.nodes[graph.nodes[i].inputs[0]].shape for graph, i in ((child, mine), (parent, theirs)))
    return next(before)[1:] == next(before)[1:]


def _distances(graph: Graph) -> list[tuple[int, int]]:
    """How far each node is from the input and from the end, on the longest way."""
    begin, end = [0] * len(graph.nodes), [0] * len(graph.nodes)
    for i, node in enumerate(graph.nodes):
        begin[i] = 1 + max((begin[j] for j in node.inputs), default=-1)
    for i in range(len(graph.nodes) - 1, -1, -1):
        for j in graph.nodes[i].inputs:
            end[j] = max(end[j], end[i] + 1)
    return list(zip(begin, end, strict=True))


def _copy_layer(child: nn.Module, parent: nn.Module) -> int:
    """Copies between modules of the same names and kinds; answers how many trainable numbers were the parent's."""
    theirs, copied = dict(parent.named_modules()), 0
    for name, mine in child.named_modules():
        other = theirs.get(name)
        if other is None or type(other) is not type(mine) or _is_depthwise(mine) != _is_depthwise(other):
            continue
        may_grow = isinstance(mine, GROWING) and not isinstance(_owner(child, name), Attention)  # q, k and v share rows
        tensors = dict(other.named_parameters(recurse=False)) | dict(other.named_buffers(recurse=False))
        own = dict(mine.named_parameters(recurse=False))
        for kind, tensor in (own | dict(mine.named_buffers(recurse=False))).items():
            found = tensors.get(kind)
            if found is not None and (found.shape == tensor.shape or may_grow):
                numbers = _copy_corner(tensor, found)
                copied += numbers if kind in own else 0
    return copied


def _owner(module: nn.Module, name: str) -> nn.Module:
    return module.get_submodule(name.rpartition(".")[0])


def _is_depthwise(module: nn.Module) -> bool:
    return isinstance(module, nn.Conv1d | nn.Conv2d) and module.groups > 1


def _copy_corner(target: Tensor, source: Tensor) -> int:
    """The first channels, and of kernels the middle; the rest of a channel that was copied becomes 0."""
    if target.ndim != source.ndim:
        return 0
    here, there = [], []
    for axis, (wanted, has) in enumerate(zip(target.shape, source.shape, strict=True)):
        size = min(wanted, has)
        is_kernel = axis >= 2
        begins = ((wanted - size) // 2, (has - size) // 2) if is_kernel else (0, 0)
        here.append(slice(begins[0], begins[0] + size))
        there.append(slice(begins[1], begins[1] + size))
    if target.ndim > 1:
        target[here[0]] = 0
    target[tuple(here)] = source[tuple(there)].to(target)
    return int(target[tuple(here)].numel())
