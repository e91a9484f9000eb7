"""Orders of merit: who is better than whom, with several objectives and outcome constraints.

losses   to be minimised     (n, k)
"""

import numpy as np

from app.search.axes import Floats, Indices, Truths
from app.search.evidence import Evidence, standardized


def order_of_merit(evidence: Evidence) -> Indices:
    """All results, best first, shape `(n,)`.

    Results that break an outcome constraint come after all others, the least broken first. Several objectives are
    ordered by fronts, and within a front by how much room a result has for itself.
    """
    losses = evidence.final_losses
    if losses.shape[1] == 1:
        rank, crowd = losses[:, 0], np.zeros(len(losses))
    else:
        scaled = np.column_stack([standardized(column) for column in losses.T])
        front = fronts(scaled)
        rank, crowd = front.astype(np.float64), -room(scaled, front)
    broken = np.where(evidence.is_allowed, 0.0, _violation(evidence))
    return np.lexsort((np.arange(len(losses)), crowd, rank, broken))


def non_dominated(losses: Floats) -> Truths:
    """Which rows no other row beats in all objectives, shape `(n,)`; of equal rows the first one stays."""
    kept = np.zeros(len(losses), dtype=bool)
    # The first of those that are left, in the order of their columns, is beaten by none of them.
    left = np.lexsort(losses.T[::-1])
    while len(left):
        kept[left[0]] = True
        left = left[(losses[left] < losses[left[0]]).any(axis=1)]
    return kept


def dominated_area(losses: Floats, reference: Floats) -> float:
    """The area that two losses `(n, 2)` dominate below a reference point `(2,)`."""
    inside = losses[(losses < reference).all(axis=1)]
    inside = inside[np.lexsort((inside[:, 1], inside[:, 0]))]
    ceilings = np.minimum.accumulate(np.append(reference[1], inside[:, 1]))
    return float(((reference[0] - inside[:, 0]) * (ceilings[:-1] - ceilings[1:])).sum())


def fronts(losses: Floats) -> Indices:
    """The front of each row, from 0, shape `(n,)`: a row's front is dominated by all fronts before it.

    Source: Deb et al. 2002 (NSGA-II), section III.A.
    """
    front: Indices = np.full(len(losses), -1, dtype=np.int64)
    left, level = np.arange(len(losses)), 0
    while len(left):
        kept = non_dominated(losses[left])
        front[left[kept]] = level
        left, level = left[~kept], level + 1
    return front


def room(losses: Floats, front: Indices) -> Floats:
    """The crowding distance of each row within its front, shape `(n,)`; infinite at a front's ends.

    Source: Deb et al. 2002 (NSGA-II), section III.B.
    """
    distance = np.zeros(len(losses))
    for level in range(int(front.max(initial=-1)) + 1):
        members = np.flatnonzero(front == level)
        for column in losses[members].T:
            order = members[np.argsort(column, kind="stable")]
            values = np.sort(column)
            span = values[-1] - values[0]
            distance[order[[0, -1]]] = np.inf
            if span > 0 and len(order) > 2:
                distance[order[1:-1]] += (values[2:] - values[:-2]) / span
    return distance


def _violation(evidence: Evidence) -> Floats:
    """How badly each result breaks the outcome constraints, each in units of its own spread; shape `(n,)`."""
    slack = np.nan_to_num(evidence.slack, nan=0.0, posinf=1e300, neginf=-1e300)
    if slack.shape[1] == 0:
        return np.zeros(len(slack))
    largest = np.maximum(np.abs(slack).max(axis=0), 1e-300)
    return np.asarray(np.maximum(-slack / largest, 0.0).sum(axis=1))
