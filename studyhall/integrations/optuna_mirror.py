"""An Optuna study as one of ours, whose space grows with what the code asks for.

Optuna's spaces are what a script asked for while it ran; ours are declared. So the study here is made when the first
trial is known, and its space is widened when a trial brings what no earlier one had.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from optuna.distributions import distribution_to_json
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from studyhall.client import Client
from studyhall.errors import Conflict, InvalidInput, NameTaken, VersionConflict
from studyhall.interchange.optuna_study import OptunaStudy, OptunaTrial, translate, with_our_names
from studyhall.study_handle import StudyHandle

LABEL: Final = "optuna.study"
TRIAL_ATTR: Final = "studyhall:trial"
"""The attribute of an Optuna trial that names ours: who set it has told, or will tell, how it ended."""
PORTION: Final = 200
_TRIES: Final = 5


class Mirror:
    """What the server shows of one Optuna study.

    Args:
        name: the study's, here and there.
        directions, metric_names: of the Optuna study; without names the metrics are `value`, `value_0`, ...
        algorithm: for a study that is made; None: the server's own choice.
    """

    def __init__(
        self,
        client: Client,
        name: str,
        directions: Sequence[StudyDirection],
        metric_names: Sequence[str] | None = None,
        algorithm: Mapping[str, Any] | None = None,
    ) -> None:
        self.client, self.name = client, name
        self.study: StudyHandle | None = None
        """None before a trial with parameters is known."""
        self._directions = [direction.name.lower() for direction in directions]
        self._names = {"study:metric_names": list(metric_names)} if metric_names else {}
        self._algorithm = algorithm
        self._seen: set[tuple[str, str]] = set()

    @property
    def metric(self) -> str:
        """What reports on the way are about: the first objective."""
        return self.shown.definition.objectives[0].metric

    @property
    def shown(self) -> StudyHandle:
        """The study, once `learn` has been told of a trial."""
        if self.study is None:
            raise Conflict(f"nothing is known of the space of Optuna's study '{self.name}' yet")
        return self.study

    def knows(self, trial: FrozenTrial) -> bool:
        """Whether a trial has nothing that no earlier one had."""
        return not trial.params or (self.study is not None and set(_kinds([trial])) <= self._seen and self.fits(trial))

    def learn(self, trials: Sequence[FrozenTrial], *, bring: Sequence[FrozenTrial] = ()) -> None:
        """Makes the study, or widens its space, to what all known trials have had.

        Args:
            trials: those known.
            bring: ended trials to add to a study that is made now. Two processes may begin at once: only one of them
                makes the study, and only that one brings what was there before.

        Raises:
            InvalidInput: a parameter has a name that is none here.
        """
        plain = self.plain(trials)
        if with_our_names(plain)[1]:
            names = sorted({name for trial in trials for name in trial.params})
            raise InvalidInput(f"names of parameters hold letters, digits and _ . / - only here: rename one of {names}")
        found = translate(plain)
        if self.study is None:
            self.study, is_new = self._open(found.definition)
            if is_new:
                self._bring(bring)
        _grow(self.study, found.definition["space"]["parameters"])
        self._seen |= set(_kinds(trials))

    def fits(self, trial: FrozenTrial) -> bool:
        """Whether a trial's parameters are a point of the space."""
        return self.shown.definition.space.contains(trial.params)

    def add(self, ended: FrozenTrial) -> str | None:
        """Adds a trial that has ended and answers its id; None when it is not of the space."""
        if self.study is None or not self.fits(ended):
            return None
        told = translate(self.plain([ended])).trials
        return self.study.add(*told)[0].id if told else None

    def plain(self, trials: Iterable[FrozenTrial]) -> OptunaStudy:
        """The study as values that need no Optuna."""
        return OptunaStudy(self.name, self._directions, [_plain_trial(one) for one in trials], system_attrs=self._names)

    def _open(self, definition: dict[str, Any]) -> tuple[StudyHandle, bool]:
        chosen = {"algorithm": dict(self._algorithm)} if self._algorithm else {}
        try:
            return self.client.create_study_from(definition | chosen | {"labels": {LABEL: "shown"}}), True
        except NameTaken:
            study = self.client.study(self.name)
        if study.definition.labels.get(LABEL) != "shown":
            raise Conflict(f"there is another study '{self.name}'; give Optuna's one another name")
        return study, False

    def _bring(self, trials: Sequence[FrozenTrial]) -> None:
        told = translate(self.plain(trials)).trials if any(trial.params for trial in trials) else []
        for start in range(0, len(told), PORTION):
            self.shown.add(*told[start : start + PORTION])


def delete_shown(client: Client, name: str) -> None:
    """Deletes what is shown of an Optuna study; a study of the same name that is none is left alone."""
    for study in client.studies(name=name):
        if study.name == name and study.definition.labels.get(LABEL) == "shown":
            study.delete(force=True)


def _grow(study: StudyHandle, parameters: Sequence[dict[str, Any]]) -> None:
    """Widens the space to all that was asked for; what is new says what earlier trials would have had."""
    asked_for = {each["name"] for each in parameters}
    for tries_left in reversed(range(_TRIES)):
        known = study.refresh().space.by_name
        wanted = [
            each if each["name"] in known or each["type"] == "constant" else each | {"default": _first(each)}
            for each in parameters
        ]
        others = [known[name].to_dict() for name in known if name not in asked_for]
        try:
            study.change(space={"parameters": wanted + others})
        except VersionConflict:  # another process has just widened it too
            if not tries_left:
                raise
        else:
            return


def _first(domain: dict[str, Any]) -> Any:
    return domain["choices"][0] if domain["type"] == "categorical" else domain["low"]


def _kinds(trials: Iterable[FrozenTrial]) -> Iterable[tuple[str, str]]:
    for trial in trials:
        for name, distribution in trial.distributions.items():
            yield name, distribution_to_json(distribution)


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
