"""Architectures in studies: checked at the door, counted at suggest time, handed to workers, not trained twice."""

from app.services.spaces import check_space
from app.services.telling import complete
from app.services.trials import queue_trials
from app.storage import reader
from studyhall.wire.claims import Complete
from studyhall.wire.studies import CheckSpace, QueueTrial, QueueTrials
from tests.architecture.spaces import CELL, IMAGES, space
from tests.databases import House


def test_checking_a_space_tells_parameters_counts_and_drawings():
    found = check_space(CheckSpace(space=space(IMAGES, "params <= 20000"), samples=3))

    assert found.architecture is not None
    assert found.size is not None
    assert found.size > 10**12
    assert 0.1 < found.feasible_share < 0.9
    assert found.architecture.parameters[0].name == "arch.act"
    assert len(found.architecture.networks) == 3
    assert all(network.counts.params <= 20000 for network in found.architecture.networks)
    assert all("head" in network.drawing for network in found.architecture.networks)


def test_a_claim_carries_the_architecture_that_its_parameters_describe(house: House):
    written = space(CELL).to_dict()
    study = house.study(space=written, algorithm={"name": "random"})

    [claimed] = house.claim(study.id)

    assert claimed.study.architecture is not None
    assert claimed.study.architecture == space(CELL).architecture
    assert set(claimed.trial.parameters) <= claimed.study.architecture.names


def test_a_network_with_a_known_result_is_completed_with_it(house: House) -> None:
    two_ways = {
        "input": [4],
        "output": 1,
        "body": [{"op": "dropout", "rate": 0.0}, {"choice": [{"op": "identity"}, {"op": "dropout", "rate": 0.0}]}],
    }
    written = space(two_ways).to_dict()
    study = house.study(space=written, algorithm={"name": "random", "seed": 1}, budget={"max_trials": 5})
    held = house.hold(study.id)
    house.do(complete, held.id, Complete(**held.lease, metrics={"loss": 0.25}))

    assert house.claim(study.id) == []

    page = house.ask(reader.trials_from, study_id=study.id, after=0, before=10)
    assert [trial.state for trial in page] == ["completed"] * 5
    assert {trial.metrics["loss"] for trial in page} == {0.25}
    assert page[1].reason == "the same network as trial 0: its result is reused"
    assert house.study_row(study.id).state == "completed"


def test_a_study_may_train_every_repeat(house: House) -> None:
    written = space(CELL | {"body": [{"op": "relu", "optional": True}], "duplicates": "retrain"}).to_dict()
    study = house.study(space=written, algorithm={"name": "random", "seed": 1})

    for _ in range(5):
        held = house.hold(study.id)
        house.do(complete, held.id, Complete(**held.lease, metrics={"loss": 0.25}))

    assert house.study_row(study.id).completed == 5


def test_a_person_may_run_a_known_network_again(house: House) -> None:
    written = space(CELL | {"body": [{"op": "relu", "optional": True}]}).to_dict()
    study = house.study(space=written, algorithm={"name": "random", "seed": 1})
    held = house.hold(study.id)
    house.do(complete, held.id, Complete(**held.lease, metrics={"loss": 0.25}))
    house.do(queue_trials, study.id, QueueTrials(trials=(QueueTrial(parameters=held.claimed.trial.parameters),)))

    [claimed] = house.claim(study.id)

    assert claimed.trial.parameters == held.claimed.trial.parameters


def test_a_repeat_is_found_by_what_it_comes_to_and_not_by_its_parameters(house: House) -> None:
    two_ways = CELL | {"body": [{"choice": [{"op": "identity"}, {"op": "dropout", "rate": 0.0}, {"op": "relu"}]}]}
    study = house.study(space=space(two_ways).to_dict(), algorithm={"name": "random", "seed": 1})
    for name, loss in (("relu", 1.0), ("identity", 2.0)):
        known = QueueTrial(parameters={"arch.choice.pick": name}, state="completed", metrics={"loss": loss})
        house.do(queue_trials, study.id, QueueTrials(trials=(known,)))

    assert house.claim(study.id) == []

    found = house.ask(reader.trials_from, study_id=study.id, after=0, before=10)
    told = {trial.parameters["arch.choice.pick"]: trial.metrics["loss"] for trial in found}
    assert told == {"relu": 1.0, "identity": 2.0, "dropout": 2.0}
