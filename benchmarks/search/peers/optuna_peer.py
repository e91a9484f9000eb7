"""Optuna, its spaces declared while running, as its users do; `group` makes its estimator conditional."""

import warnings
from collections.abc import Callable
from typing import Any

import optuna

from benchmarks.search.peers.peer import Assignment, Peer, Values, choices_of, is_log

optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.simplefilter("ignore")


class Optuna(Peer):
    """Any of its samplers."""

    knows_conditions = knows_failures = knows_several_objectives = True
    sampler: Callable[[int], Any]

    def setup(self) -> None:
        sampler = type(self).sampler(self.seed)
        self._study = optuna.create_study(directions=["minimize"] * self.objectives, sampler=sampler)

    def propose(self, count: int) -> list[tuple[Assignment, Any]]:
        return [self._ask() for _ in range(count)]

    def learn(self, trial: Any, values: Values | None) -> None:
        if values is None:
            self._study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            self._study.tell(trial, list(values))

    def _ask(self) -> tuple[Assignment, Any]:
        trial, found = self._study.ask(), Assignment()
        for parameter in self.space.order:
            if self.space.is_active(parameter.name, found):
                found[parameter.name] = self._declare(trial, parameter)
        return found, trial

    def _declare(self, trial: Any, p: Any) -> Any:
        choices = choices_of(p)
        if choices is None:
            suggest = trial.suggest_float if p.type == "float" else trial.suggest_int
            return suggest(p.name, p.low, p.high, log=is_log(p))
        if p.type == "ordinal":
            return choices[trial.suggest_int(p.name, 0, len(choices) - 1)]
        return trial.suggest_categorical(p.name, choices)


class Tpe(Optuna):
    sampler = lambda seed: optuna.samplers.TPESampler(seed=seed, multivariate=True, group=True, constant_liar=True)  # noqa: E731


class Gp(Optuna):
    sampler = lambda seed: optuna.samplers.GPSampler(seed=seed)  # noqa: E731


class Nsga2(Optuna):
    sampler = lambda seed: optuna.samplers.NSGAIISampler(seed=seed)  # noqa: E731
