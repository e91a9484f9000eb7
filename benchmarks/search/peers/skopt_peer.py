"""scikit-optimize; the space is flat, and points under way are told to a copy as the best value so far."""

import warnings
from typing import Any

from skopt import Optimizer
from skopt.space import Categorical, Integer, Real

from benchmarks.search.peers.peer import Assignment, Peer, Values, choices_of, is_log, value_of

warnings.simplefilter("ignore")


class Skopt(Peer):
    """Its Gaussian process with its default acquisition."""

    def setup(self) -> None:
        self._optimizer = Optimizer([_dimension(p) for p in self.space.parameters], "GP", random_state=self.seed)
        self._losses: list[float] = []

    def propose(self, count: int) -> list[tuple[Assignment, Any]]:
        optimizer = self._optimizer
        if (pending := self.pending()) and self._losses:
            optimizer = self._optimizer.copy(random_state=self.seed + len(self._losses))
            optimizer.tell(pending, [min(self._losses)] * len(pending))
        points = optimizer.ask(n_points=count) if count > 1 else [optimizer.ask()]
        return [({p.name: value_of(p, v) for p, v in zip(self.space.parameters, x, strict=True)}, x) for x in points]

    def learn(self, trial: Any, values: Values | None) -> None:
        assert values is not None
        self._losses.append(values[0])
        self._optimizer.tell(trial, values[0])


def _dimension(p: Any) -> Any:
    choices = choices_of(p)
    if choices is None:
        kind = Real if p.type == "float" else Integer
        return kind(p.low, p.high, prior="log-uniform" if is_log(p) else "uniform")
    return Integer(0, len(choices) - 1) if p.type == "ordinal" else Categorical(list(range(len(choices))))
