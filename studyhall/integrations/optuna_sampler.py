"""An Optuna sampler that asks Studyhall's engines, whatever storage the Optuna study has.

Each Optuna study has one of ours on the server, in the space that its trials have shown so far
(`studyhall.integrations.optuna_mirror`). A trial asks for parameters under a lease and tells how it ended; what the
script did otherwise than it was told to (queued parameters, another range) is imported as what it was. So the first
trial, before anything is known of the space, is drawn by chance, and so is a parameter when it is seen for the first
time.
"""

import contextlib
import logging
import math
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final

from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from studyhall.asked_trial import AskedTrial
from studyhall.client import Client
from studyhall.errors import NotFound, StudyhallError, TrialFinished
from studyhall.integrations.optuna_mirror import TRIAL_ATTR, Mirror
from studyhall.trial_context import Infeasible

_ENDED: Final = tuple(state for state in TrialState if state.is_finished())
_log = logging.getLogger(__name__)


class StudyhallSampler(BaseSampler):
    """Proposes what a Studyhall server suggests. Threads and processes may share one.

    Args:
        client: None: the server that `studyhall.client.Client()` finds, also after a pickle has been read.
        name: of the study on the server; None: the Optuna study's. When there is one of this name already, from
            another process of this search or an earlier run, its trials are known to the search.
        algorithm: an engine's name, or `{"name": ..., "options": ..., "seed": ...}`; None: `auto`.
        seed: of what is drawn by chance, and of the engine.
        wait_s: how long a trial waits for parameters, in seconds, while the study is paused on the server.

    Raises:
        StudyEnded: from `study.optimize`, when somebody has stopped the study on the server.
        Unavailable, Unreachable: from there too, when the server does not answer.
    """

    def __init__(
        self,
        client: Client | None = None,
        *,
        name: str | None = None,
        algorithm: str | Mapping[str, Any] | None = None,
        seed: int | None = None,
        wait_s: float = 600.0,
    ) -> None:
        self._client = client or Client()
        self._name, self._wait_s = name, wait_s
        chosen = {"name": algorithm} if isinstance(algorithm, str) else dict(algorithm or {})
        self._algorithm = chosen if seed is None else {"seed": seed} | chosen
        self._chance = RandomSampler(seed=seed)
        self._searches: dict[str, _Search] = {}
        self._opening = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        # Neither sockets nor the key, and no lease: a pickle may lie around.
        kept = {name: self.__dict__[name] for name in ("_name", "_wait_s", "_algorithm", "_chance")}
        return kept | {"url": self._client.connection.url}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._client = Client(state.pop("url"))
        self.__dict__ |= state
        self._searches, self._opening = {}, threading.Lock()

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """What the server can suggest: the parameters that ended trials have had."""
        return self._search(study).distributions(study)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Parameters that the server suggests for this trial, leased to it until it ends."""
        if not search_space:
            return {}
        asked = self._search(study).ask(trial, self._wait_s)
        _mark(study, trial, asked.id)
        return {
            name: _typed(value, search_space[name]) for name, value in asked.parameters.items() if name in search_space
        }

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """A value by chance, for what is seen for the first time."""
        return self._chance.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        """Tells the server how the trial ended; when it cannot be told, Optuna keeps its trial all the same."""
        try:
            self._search(study).tell(study, _ended(trial, state, values))
        except StudyhallError as error:
            _log.warning("the server does not know how trial %d ended: %s", trial.number, error)

    def reseed_rng(self) -> None:
        """As Optuna's."""
        self._chance.reseed_rng()

    def _search(self, study: Study) -> "_Search":
        with self._opening:
            if study.study_name not in self._searches:
                name = self._name or study.study_name
                mirror = Mirror(self._client, name, study.directions, study.metric_names, self._algorithm)
                self._searches[study.study_name] = _Search(mirror)
            return self._searches[study.study_name]


class _Search:
    """One Optuna study that is searched by the server, and its trials that hold a lease here."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        self._distributions: dict[str, BaseDistribution] = {}
        self._asked: dict[int, AskedTrial] = {}
        self._learning = threading.Lock()

    def distributions(self, study: Study) -> dict[str, BaseDistribution]:
        with self._learning:
            if self._mirror.study is None:
                self._begin(study)
            return dict(self._distributions)

    def ask(self, trial: FrozenTrial, wait_s: float) -> AskedTrial:
        asked = self._mirror.shown.ask(wait_s=wait_s)
        self._asked[trial._trial_id] = asked  # noqa: SLF001 - Optuna's storages know it by that
        return asked

    def tell(self, study: Study, ended: FrozenTrial) -> None:
        asked = self._asked.pop(ended._trial_id, None)  # noqa: SLF001
        with self._learning:
            if not self._mirror.knows(ended):
                finished = study.get_trials(deepcopy=False, states=_ENDED)
                self._mirror.learn([*finished, ended], bring=finished)
            self._distributions |= ended.distributions
        if asked is not None and asked.parameters == ended.params and _end(asked, ended, self._mirror.metric):
            return
        self._forget(ended)
        added = self._mirror.add(ended)
        if added is not None:
            _mark(study, ended, added)

    def _begin(self, study: Study) -> None:
        finished = [trial for trial in study.get_trials(deepcopy=False, states=_ENDED) if trial.params]
        if finished:
            self._mirror.learn(finished, bring=finished)
            for trial in finished:
                self._distributions |= trial.distributions

    def _forget(self, ended: FrozenTrial) -> None:
        """Ends what was suggested to a trial that became another one, also where another process had asked."""
        asked_id = ended.system_attrs.get(TRIAL_ATTR)
        if asked_id is None:
            return
        with contextlib.suppress(TrialFinished, NotFound):
            self._mirror.client.cancel_trial(asked_id, reason="the script chose other parameters")


def _end(asked: AskedTrial, ended: FrozenTrial, metric: str) -> bool:
    """Tells how a trial ended that went as suggested; False where there is nothing that could be told."""
    if asked.is_lost:
        return False
    curve = {
        step: {metric: value}
        for step, value in sorted(ended.intermediate_values.items())
        if step >= 0 and math.isfinite(value)
    }
    try:
        if curve and ended.state != TrialState.FAIL:
            asked.report_many(curve)
        if ended.state == TrialState.COMPLETE:
            metrics = [objective.metric for objective in asked.study.objectives]
            asked.complete(dict(zip(metrics, ended.values, strict=True)))
        elif ended.state == TrialState.FAIL:
            asked.fail("the trial failed in Optuna")
        elif curve:
            asked.prune()
        else:
            return False
    except Infeasible:
        pass  # a value that is no finite number: the server has been told so
    return True


def _ended(trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> FrozenTrial:
    """The trial as Optuna is about to store it."""
    # Not Optuna's own copy: that one checks what a trial whose values are not finite cannot fulfil.
    return FrozenTrial(
        number=trial.number,
        state=state,
        value=None,
        values=None if values is None else list(values),
        datetime_start=trial.datetime_start,
        datetime_complete=trial.datetime_complete,
        params=trial.params,
        distributions=trial.distributions,
        user_attrs=trial.user_attrs,
        system_attrs=trial.system_attrs,
        intermediate_values=trial.intermediate_values,
        trial_id=trial._trial_id,  # noqa: SLF001
    )


def _mark(study: Study, trial: FrozenTrial, id: str) -> None:
    study._storage.set_trial_system_attr(trial._trial_id, TRIAL_ATTR, id)  # noqa: SLF001 - as Optuna's own samplers do


def _typed(value: Any, distribution: BaseDistribution) -> Any:
    if isinstance(distribution, CategoricalDistribution):
        return value
    return int(value) if isinstance(distribution, IntDistribution) else float(value)
