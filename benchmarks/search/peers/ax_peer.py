"""Ax by its client and its default strategy; the space is flat."""

import logging
import warnings
from typing import Any

import torch
from ax.api.client import Client
from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig

from benchmarks.search.peers.peer import Assignment, Peer, Values, choices_of, is_log, is_ordered, value_of

warnings.simplefilter("ignore")
torch.set_num_threads(1)


class Ax(Peer):
    """Method `fast`: a few even points, then BoTorch."""

    knows_failures = knows_several_objectives = True

    def setup(self) -> None:
        torch.manual_seed(self.seed)
        self._client = Client(random_seed=self.seed)
        self._client.configure_experiment(parameters=[_parameter(p) for p in self.space.parameters])
        self._client.configure_optimization(objective=", ".join(f"-m{i}" for i in range(self.objectives)))
        self._client.configure_generation_strategy(method="fast", initialization_random_seed=self.seed)
        logging.getLogger("ax").setLevel(logging.CRITICAL)

    def propose(self, count: int) -> list[tuple[Assignment, Any]]:
        found: list[tuple[Assignment, Any]] = []
        while len(found) < count:  # it may give fewer than were asked for
            for number, told in self._client.get_next_trials(max_trials=count - len(found)).items():
                found.append(({p.name: value_of(p, told[p.name]) for p in self.space.parameters}, number))
        return found

    def learn(self, trial: Any, values: Values | None) -> None:
        if values is None:
            self._client.mark_trial_failed(trial_index=trial)
        else:
            self._client.complete_trial(trial_index=trial, raw_data={f"m{i}": v for i, v in enumerate(values)})


def _parameter(p: Any) -> Any:
    choices = choices_of(p)
    if choices is None:
        scaling: Any = "log" if is_log(p) else "linear"
        return RangeParameterConfig(name=p.name, parameter_type=p.type, bounds=(p.low, p.high), scaling=scaling)
    return ChoiceParameterConfig(name=p.name, parameter_type="int", values=list(range(len(choices))),
                                 is_ordered=is_ordered(p))  # fmt: skip
