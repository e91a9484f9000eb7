"""Optuna on Studyhall: a storage for scripts that stay as they are.

    study = optuna.create_study(storage=StudyhallStorage(), study_name="digits", load_if_exists=True)

The storage keeps Optuna's records on the server (`studyhall.integrations.optuna_journal`) and shows each study beside
them as one of ours: its ended trials, for the dashboard, the analyses and whoever reads the API.
"""

import json
import logging
from collections.abc import Sequence
from typing import Any, Final

from optuna.distributions import distribution_to_json
from optuna.storages import JournalStorage
from optuna.trial import FrozenTrial, TrialState

from studyhall.client import Client
from studyhall.errors import Conflict, StudyhallError
from studyhall.integrations.optuna_journal import StudyJournal
from studyhall.interchange.optuna_study import OptunaStudy, OptunaTrial, translate
from studyhall.study_handle import StudyHandle

_LABEL: Final = "optuna.study"
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
        self._mirrors: dict[int, _Mirror] | None = {} if mirror else None
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
            _delete_shown(self._journal.client, name)

    def _show(self, trial_id: int) -> None:
        if self._mirrors is None:
            return
        study_id = self._replay_result._trial_id_to_study_id[trial_id]  # noqa: SLF001 - Optuna tells it nowhere else
        mirror = self._mirrors.setdefault(study_id, _Mirror(self._journal.client))
        if mirror.is_lost:
            return
        study = self._replay_result.get_study(study_id)
        trials = self.get_all_trials(study_id, deepcopy=False)
        try:
            mirror.add(study, trials, self.get_trial(trial_id))
        except StudyhallError as error:  # what is shown is never worth a trial
            mirror.is_lost = True
            _log.warning("Optuna's study '%s' is kept, but not shown any more: %s", study.study_name, error)


class _Mirror:
    """One Optuna study as one of ours, whose space grows with what the code asks for."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._shown: StudyHandle | None = None
        self.is_lost = False

    def add(self, study: Any, trials: Sequence[FrozenTrial], ended: FrozenTrial) -> None:
        """Adds a trial that has ended; one without parameters, or that fits no space, is left out."""
        if not ended.params:
            return
        if self._shown is None or not self._shown.definition.space.contains(ended.params):
            definition = translate(_plain(study, [trial for trial in trials if trial.state.is_finished()])).definition
            self._shown = self._shown or _shown(self._client, definition, study.study_name)
            _grow(self._shown, definition["space"]["parameters"])
        if self._shown.definition.space.contains(ended.params):
            self._shown.add(*translate(_plain(study, [ended])).trials)


def _shown(client: Client, definition: dict[str, Any], name: str) -> StudyHandle:
    shown = client.create_study_from(definition | {"labels": {_LABEL: "shown"}, "if_exists": "get"})
    if shown.definition.labels.get(_LABEL) != "shown":
        raise Conflict(f"there is another study '{name}'; give Optuna's one another name")
    return shown


def _grow(shown: StudyHandle, parameters: Sequence[dict[str, Any]]) -> None:
    """Widens the space to all that was asked for; what is new says what earlier trials would have had."""
    known = shown.refresh().space.by_name
    wanted = [
        each if each["name"] in known or each["type"] == "constant" else each | {"default": _first(each)}
        for each in parameters
    ]
    shown.change(space={"parameters": wanted})


def _first(domain: dict[str, Any]) -> Any:
    return domain["choices"][0] if domain["type"] == "categorical" else domain["low"]


def _delete_shown(client: Client, name: str) -> None:
    try:
        shown = client.study(name)
    except StudyhallError:
        return  # it never had a trial, or a name that is none of ours
    if shown.definition.labels.get(_LABEL) == "shown":
        shown.delete(force=True)


def _plain(study: Any, trials: Sequence[FrozenTrial]) -> OptunaStudy:
    return OptunaStudy(
        study.study_name,
        [direction.name.lower() for direction in study.directions],
        [_plain_trial(trial) for trial in trials],
        system_attrs=study.system_attrs,
    )


def _plain_trial(trial: FrozenTrial) -> OptunaTrial:
    distributions = {name: json.loads(distribution_to_json(one)) for name, one in trial.distributions.items()}
    return OptunaTrial(
        trial.number,
        trial.state.name,
        dict(trial.params),
        distributions,
        list(trial.values) if trial.values is not None else None,
        dict(trial.intermediate_values),
        dict(trial.user_attrs),
        dict(trial.system_attrs),
    )
