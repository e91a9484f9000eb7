"""Architectures in studies: checked at the door, counted at suggest time, handed to workers, not trained twice."""

from app.services.spaces import check_space
from studyhall.wire import CheckSpace
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

    assert claimed.study.architecture == space(CELL).architecture
    assert set(claimed.trial.parameters) <= claimed.study.architecture.names
