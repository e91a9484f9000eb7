"""Optuna on Studyhall: a storage for scripts that stay as they are, and a sampler that asks Studyhall's engines.

    study = optuna.create_study(storage=StudyhallStorage(), study_name="digits", load_if_exists=True)
    study = optuna.create_study(sampler=StudyhallSampler(), study_name="digits")

The storage keeps Optuna's records on the server (`studyhall.integrations.optuna_journal`) and shows each study beside
them as one of ours: its ended trials, for the dashboard, the analyses and whoever reads the API. The sampler works with
any storage; together they show each trial once.
"""

import logging
from collections.abc import Sequence
from typing import Any

from optuna.storages import JournalStorage
from optuna.trial import FrozenTrial, TrialState

from studyhall.client import Client
from studyhall.errors import StudyhallError
from studyhall.integrations.optuna_journal import StudyJournal
from studyhall.integrations.optuna_mirror import TRIAL_ATTR, Mirror, delete_shown
from studyhall.integrations.optuna_sampler import StudyhallSampler

__all__ = ["StudyhallSampler", "StudyhallStorage"]
_ENDED = tuple(state for state in TrialState if state.is_finished())
_log = logging.getLogger(__name__)


class StudyhallStorage(JournalStorage):
    """An Optuna storage on a Studyhall server: durable, shared by any number of processes and machines.

    Args:
        client: None: the server that `studyhall.client.Client()` finds.
        journal: the study that holds Optuna's records; one serves many Optuna studies.
        mirror: shows each Optuna study as one of ours, under its name. A trial is added by the process that ended it.
    """

    def __init__(self, client: Client | None = None, *, journal: str = "optuna-journal", mirror: bool = True) -> None:
        self._journal = StudyJournal(client, name=journal)
        self._mirrors: dict[int, Mirror | None] | None = {} if mirror else None
        super().__init__(self._journal)

    def __getstate__(self) -> dict[Any, Any]:
        state: dict[Any, Any] = super().__getstate__()
        return state | {"_mirrors": None if self._mirrors is None else {}}

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """As Optuna's; a trial that has ended already is shown at once."""
        trial_id = super().create_new_trial(study_id, template_trial)
        if template_trial is not None and template_trial.state.is_finished():
            self._show(trial_id)
        return trial_id

    def set_trial_state_values(self, trial_id: int, state: TrialState, values: Sequence[float] | None = None) -> bool:
        """As Optuna's; a trial that ends is shown."""
        was_set = super().set_trial_state_values(trial_id, state, values)
        if was_set and state.is_finished():
            self._show(trial_id)
        return was_set

    def delete_study(self, study_id: int) -> None:
        """As Optuna's; what was shown of it is deleted too."""
        name = self.get_study_name_from_id(study_id)
        super().delete_study(study_id)
        if self._mirrors is not None:
            self._mirrors.pop(study_id, None)
            delete_shown(self._journal.client, name)

    def _show(self, trial_id: int) -> None:
        ended = self.get_trial(trial_id)
        if self._mirrors is None or not ended.params or TRIAL_ATTR in ended.system_attrs:
            return  # a sampler of ours has told it
        study_id = self._replay_result._trial_id_to_study_id[trial_id]  # noqa: SLF001 - Optuna tells it nowhere else
        study = self._replay_result.get_study(study_id)
        mirror = self._mirrors.setdefault(study_id, self._mirror_of(study))
        if mirror is None:
            return
        try:
            if not mirror.knows(ended):
                mirror.learn(self.get_all_trials(study_id, deepcopy=False, states=_ENDED))
            mirror.add(ended)
        except StudyhallError as error:  # what is shown is never worth a trial
            self._mirrors[study_id] = None
            _log.warning("Optuna's study '%s' is kept, but not shown any more: %s", study.study_name, error)

    def _mirror_of(self, study: Any) -> Mirror:
        names = study.system_attrs.get("study:metric_names")
        return Mirror(self._journal.client, study.study_name, study.directions, names)
