"""SMAC3's facade for hyperparameter optimisation; it has the conditions that ConfigSpace has."""

import logging
import tempfile
import warnings
from typing import Any

import ConfigSpace
from smac import HyperparameterOptimizationFacade, Scenario
from smac.runhistory import StatusType, TrialValue

from benchmarks.search.peers.peer import Assignment, Peer, Values, choices_of, is_log, parent_of, value_of

warnings.simplefilter("ignore")


class Smac(Peer):
    """One training a configuration: its intensifier would repeat them."""

    knows_conditions = knows_failures = True

    def setup(self) -> None:
        declared = ConfigSpace.ConfigurationSpace(seed=self.seed)
        for p in self.space.parameters:
            declared.add(_hyperparameter(p))
        for p in self.space.parameters:
            if parent := parent_of(self.space, p):
                declared.add(ConfigSpace.InCondition(declared[p.name], declared[parent[0].name], parent[1]))
        self._folder = tempfile.TemporaryDirectory()
        scenario = Scenario(declared, deterministic=True, n_trials=self.budget, seed=self.seed,
                            output_directory=self._folder.name)  # fmt: skip
        facade = HyperparameterOptimizationFacade
        self._facade = facade(scenario, lambda _, seed=0: float(seed), logging_level=logging.CRITICAL, overwrite=True,
                              intensifier=facade.get_intensifier(scenario, max_config_calls=1))  # fmt: skip

    def propose(self, count: int) -> list[tuple[Assignment, Any]]:
        trials = [self._facade.ask() for _ in range(count)]
        return [({name: value_of(self.space.by_name[name], v) for name, v in t.config.items()}, t) for t in trials]

    def learn(self, trial: Any, values: Values | None) -> None:
        status = StatusType.CRASHED if values is None else StatusType.SUCCESS
        cost = values[0] if values else (self._worst[0] if self._worst else 1e3)
        self._facade.tell(trial, TrialValue(cost=cost, status=status))


def _hyperparameter(p: Any) -> Any:
    choices = choices_of(p)
    if choices is None:
        kind = ConfigSpace.UniformFloatHyperparameter if p.type == "float" else ConfigSpace.UniformIntegerHyperparameter
        return kind(p.name, p.low, p.high, log=is_log(p))
    kind = ConfigSpace.OrdinalHyperparameter if p.type == "ordinal" else ConfigSpace.CategoricalHyperparameter
    return kind(p.name, list(range(len(choices))))
