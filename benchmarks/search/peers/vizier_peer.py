"""OSS Vizier's default algorithm, its designer called without a service; the space is flat."""

import logging
import os
from typing import Any

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
from vizier import algorithms, pyvizier
from vizier._src.algorithms.designers import gp_ucb_pe

from benchmarks.search.peers.peer import Assignment, Peer, Values, choices_of, is_log, value_of

logging.disable(logging.WARNING)
jax.config.update("jax_enable_x64", True)


class Vizier(Peer):
    """GP-UCB-PE."""

    knows_failures = knows_several_objectives = True

    def setup(self) -> None:
        problem = pyvizier.ProblemStatement()
        for p in self.space.parameters:
            _declare(problem.search_space.root, p)
        for i in range(self.objectives):
            goal = pyvizier.ObjectiveMetricGoal.MINIMIZE
            problem.metric_information.append(pyvizier.MetricInformation(f"m{i}", goal=goal))
        self._designer = gp_ucb_pe.VizierGPUCBPEBandit(problem, rng=jax.random.PRNGKey(self.seed))
        self._asked, self._done = 0, list[Any]()

    def propose(self, count: int) -> list[tuple[Assignment, Any]]:
        self._designer.update(algorithms.CompletedTrials(self._done), algorithms.ActiveTrials(self.pending()))
        self._done = []
        found = []
        for suggestion in self._designer.suggest(count):
            self._asked += 1
            trial = suggestion.to_trial(self._asked)
            told = {p.name: trial.parameters.get_value(p.name) for p in self.space.parameters}
            found.append(({p.name: value_of(p, told[p.name]) for p in self.space.parameters}, trial))
        return found

    def learn(self, trial: Any, values: Values | None) -> None:
        if values is None:
            trial.complete(pyvizier.Measurement(), infeasibility_reason="failed")
        else:
            trial.complete(pyvizier.Measurement({f"m{i}": v for i, v in enumerate(values)}))
        self._done.append(trial)


def _declare(root: Any, p: Any) -> None:
    choices = choices_of(p)
    if choices is None:
        add = root.add_float_param if p.type == "float" else root.add_int_param
        add(p.name, p.low, p.high, scale_type=pyvizier.ScaleType.LOG if is_log(p) else pyvizier.ScaleType.LINEAR)
    elif p.type == "ordinal":
        root.add_discrete_param(p.name, list(range(len(choices))))
    else:
        root.add_categorical_param(p.name, [str(i) for i in range(len(choices))])
