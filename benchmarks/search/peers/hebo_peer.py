"""HEBO; the space is flat, and it knows of a batch only what it gave at once."""

import warnings
from typing import Any

import numpy as np
import torch
from hebo.design_space.design_space import DesignSpace
from hebo.optimizers.hebo import HEBO

from benchmarks.search.peers.peer import Assignment, Peer, Values, choices_of, is_log, value_of

warnings.simplefilter("ignore")
torch.set_num_threads(1)


class Hebo(Peer):
    """Its defaults."""

    def setup(self) -> None:
        np.random.seed(self.seed)
        torch.manual_seed(self.seed)
        declared = DesignSpace().parse([_parameter(p) for p in self.space.parameters])
        self._optimizer = HEBO(declared, scramble_seed=self.seed)

    def propose(self, count: int) -> list[tuple[Assignment, Any]]:
        told = self._optimizer.suggest(n_suggestions=count)
        rows = [told.iloc[[i]] for i in range(count)]
        return [({p.name: value_of(p, row[p.name].iloc[0]) for p in self.space.parameters}, row) for row in rows]

    def learn(self, trial: Any, values: Values | None) -> None:
        assert values is not None
        self._optimizer.observe(trial, np.array([[values[0]]]))


def _parameter(p: Any) -> dict[str, Any]:
    choices = choices_of(p)
    if choices is None:
        kind = {"float": "num", "int": "int"}[p.type] if not is_log(p) else {"float": "pow", "int": "pow_int"}[p.type]
        return {"name": p.name, "type": kind, "lb": p.low, "ub": p.high}
    if p.type == "ordinal":
        return {"name": p.name, "type": "int", "lb": 0, "ub": len(choices) - 1}
    return {"name": p.name, "type": "cat", "categories": [str(i) for i in range(len(choices))]}
