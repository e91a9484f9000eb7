"""A space that changes while its study runs."""

import json
from typing import Any

import pytest

from app.services.histories import observation_of
from app.services.studies import patch_study
from app.services.telling import complete
from app.services.trials import queue_trials
from app.storage import reader
from app.storage.domain import definition_from
from studyhall.errors import InvalidInput
from studyhall.space import Space
from studyhall.wire.claims import Complete
from studyhall.wire.studies import PatchStudy, QueueTrial, QueueTrials
from tests.databases import House

X: dict[str, Any] = {"name": "x", "type": "float", "low": 0.0, "high": 1.0}
OPTIMIZER: dict[str, Any] = {"name": "optimizer", "type": "categorical", "choices": ["sgd", "adam"], "default": "sgd"}


def space(*parameters: dict[str, Any]) -> Space:
    return Space.model_validate_json(json.dumps({"parameters": parameters}))


def change(house: House, study: str, *parameters: dict[str, Any]) -> None:
    house.do(patch_study, study, PatchStudy(space=space(*parameters)))


def test_a_new_parameter_without_a_default_is_refused_once_there_are_trials(house: House) -> None:
    study = house.study(space={"parameters": [X]})
    house.claim(study.id)
    without = {name: value for name, value in OPTIMIZER.items() if name != "default"}

    with pytest.raises(InvalidInput) as refusal:
        change(house, study.id, X, without)

    assert refusal.value.errors[0].pointer == "/space/parameters/1/default"


def test_an_earlier_trial_counts_as_run_with_the_default_of_a_later_parameter(house: House) -> None:
    study = house.study(space={"parameters": [X]})
    held = house.hold(study.id)
    house.do(complete, held.id, Complete(**held.lease, metrics={"loss": 1.0}))

    change(house, study.id, X, OPTIMIZER)

    row = house.study_row(study.id)
    (line,) = house.ask(reader.lines_after, study_id=study.id, after=0, limit=10)
    observation = observation_of(line, definition_from(row.definition))
    assert row.space_version == 2
    assert observation is not None
    assert observation.parameters == {"x": held.claimed.trial.parameters["x"], "optimizer": "sgd"}


def test_a_trial_outside_of_the_narrowed_space_is_kept_for_people_only() -> None:
    narrow = space({"name": "x", "type": "float", "low": 0.0, "high": 0.5})

    assert narrow.backfilled({"x": 0.25}) == {"x": 0.25}
    assert narrow.backfilled({"x": 0.75}) is None


def test_a_parameter_that_was_taken_away_is_left_out() -> None:
    assert space(X).backfilled({"x": 0.25, "optimizer": "sgd"}) == {"x": 0.25}


def test_new_trials_come_from_the_new_space(house: House) -> None:
    study = house.study(space={"parameters": [X]})
    house.claim(study.id)

    change(house, study.id, X, OPTIMIZER)

    (claimed,) = house.claim(study.id)
    assert set(claimed.trial.parameters) == {"x", "optimizer"}


def test_waiting_trials_that_do_not_fit_the_new_space_are_cancelled(house: House) -> None:
    study = house.study(space={"parameters": [X]}, budget={"max_trials": 5})
    items = (QueueTrial(parameters={"x": 0.25}), QueueTrial(parameters={"x": 0.75}))
    house.do(queue_trials, study.id, QueueTrials(trials=items))

    change(house, study.id, {"name": "x", "type": "float", "low": 0.0, "high": 0.5})

    row = house.study_row(study.id)
    assert (row.waiting, row.cancelled, row.created) == (1, 1, 1)
