"""Architectures over HTTP."""

from typing import Any

from tests.api.people import Caller
from tests.architecture.spaces import CELL, IMAGES


def study(spec: dict[str, Any], *constraints: str) -> dict[str, Any]:
    return {
        "name": "networks",
        "space": {"architecture": spec, "constraints": constraints},
        "objectives": [{"metric": "accuracy", "goal": "maximize"}],
    }


def test_a_study_of_architectures_is_made_told_and_claimed(user: Caller, worker: Caller) -> None:
    made = user.post("/v1/studies", study(IMAGES, "params <= 20000") | {"algorithm": {"name": "random", "seed": 1}})
    told = user.get("/v1/studies/networks").json()
    hold = worker.hold(made.json()["id"])

    trial = user.get(hold.path).json()

    assert made.status_code == 201
    assert told["space"]["parameters"] == []
    assert told["space"]["architecture"]["body"][0]["out"]["choice"] == [8, 16, 32]
    assert all(name.startswith("arch.") for name in trial["parameters"])


def test_the_parameters_of_an_architecture_are_listed_with_those_declared(user: Caller, worker: Caller) -> None:
    definition = study(CELL)
    definition["space"]["parameters"] = [{"name": "augment", "type": "bool"}]
    user.post("/v1/studies", definition)

    listed = user.get("/v1/studies/networks/parameters?limit=500").json()["items"]

    assert [each["name"] for each in listed[:2]] == ["augment", "arch.cell.e01"]


def test_a_fault_of_an_architecture_is_told_with_its_pointer(user: Caller) -> None:
    answer = user.post("/v1/studies", study(IMAGES | {"body": [{"op": "conv", "kernel": 4}]}))

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/space/architecture/body/0/kernel"


def test_constraints_that_hardly_any_network_keeps_are_refused(user: Caller) -> None:
    answer = user.post("/v1/studies", study(IMAGES, "params <= 10"))

    assert (answer.status_code, answer.json()["code"]) == (422, "space-infeasible")


def test_validating_tells_counts_and_a_drawing(user: Caller) -> None:
    answer = user.post("/v1/spaces/validate", {"space": {"architecture": CELL}, "samples": 2}).json()

    network = answer["architecture"]["networks"][0]
    assert answer["size"] == 15_625
    assert network["counts"]["weight_bytes"] == 4 * network["counts"]["params"]
    assert network["drawing"].splitlines()[0].split() == ["0", "input", "3×8×8"]
    assert answer["architecture"]["parameters"][0]["name"] == "arch.cell.e01"


def test_the_network_of_a_trial_is_told_layer_by_layer(user: Caller, worker: Caller) -> None:
    made = user.post("/v1/studies", study(CELL) | {"algorithm": {"name": "random", "seed": 1}}).json()
    hold = worker.hold(made["id"])

    network = user.get(f"{hold.path}/network").json()

    assert (network["trial"], network["number"]) == (hold.path.rsplit("/", 1)[-1], 0)
    assert network["layers"][0] == {
        "index": 0, "op": "input", "inputs": [], "level": 0, "shape": [3, 8, 8], "attributes": {}, "params": 0,
        "flops": 0,
    }  # fmt: skip
    assert network["layers"][-1]["shape"] == [10]
    assert sum(layer["params"] for layer in network["layers"]) == network["counts"]["params"]
    assert network["drawing"].splitlines()[-1].startswith("params ")


def test_a_trial_without_an_architecture_has_no_network_to_tell(user: Caller, worker: Caller) -> None:
    plain = {"parameters": [{"name": "x", "type": "bool"}]}
    made = user.post("/v1/studies", study(CELL) | {"name": "plain", "space": plain, "algorithm": {"name": "random"}})

    answer = user.get(f"{worker.hold(made.json()['id']).path}/network")

    assert (answer.status_code, answer.json()["code"]) == (409, "no-network")
