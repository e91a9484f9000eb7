"""Which worker is given what, and how a study says that none has what it asks for."""

from typing import Any
from uuid import uuid4

import pytest

from tests.api.people import Caller, definition

BOX = {
    "trainables": ["image_classifier"],
    "entry_points": ["mine.*"],
    "commands": ["python"],
    "cpu": 4,
    "gpu": 1,
    "gpu_memory_mb": 16_000,
    "memory_mb": 32_000,
    "labels": {"room": "1"},
    "versions": {"studyhall": "0.1.0", "python": "3.11.9", "torch": "2.13.0+cu130"},
}
"""What a worker of these tests has."""


def study_with(user: Caller, **task: Any) -> str:
    """The name of a study whose workers must have something."""
    name: str = user.make_study(task={"command": ["python", "train.py"]} | task)["name"]
    return name


def claim(worker: Caller, study: str | None = None, **capabilities: Any) -> Any:
    wanted = {"token": uuid4().hex, "worker": "box", "wait_s": 0, "capabilities": BOX | capabilities}
    return worker.post("/v1/claims", wanted | ({} if study is None else {"study": study}))


def register(worker: Caller, name: str = "box", **capabilities: Any) -> None:
    introduction = {"name": name, "version": "0.1.0", "capabilities": BOX | capabilities}
    assert worker.post("/v1/workers", introduction).status_code == 200


FITS = [
    {"resources": {"cpu": 4, "gpu": 1, "gpu_memory_mb": 16_000, "memory_mb": 32_000, "labels": {"room": "1"}}},
    {"resources": {"versions": {"torch": "2.13", "python": "3.11", "studyhall": "0.1.0"}}},
    {"resources": {"gpu": 0.25, "versions": {"torch": "2.9.1"}}},
    {"command": None, "trainable": "image_classifier"},
    {"command": None, "entry_point": "mine.training:train"},
]
MISSING = [
    ({"resources": {"cpu": 8}}, "8 cores (has 4)"),
    ({"resources": {"gpu": 2}}, "2 GPU (has 1)"),
    ({"resources": {"gpu": 1, "gpu_memory_mb": 24_000}}, "24000 MiB on each GPU (has 16000)"),
    ({"resources": {"memory_mb": 64_000}}, "64000 MiB of memory (has 32000)"),
    ({"resources": {"labels": {"room": "2"}}}, "the label room=2"),
    ({"resources": {"versions": {"torch": "2.14"}}}, "torch 2.14 or newer (has 2.13.0+cu130)"),
    ({"resources": {"versions": {"jax": "0.4"}}}, "jax 0.4 or newer (has none)"),
    ({"command": None, "trainable": "tabular"}, "the trainable 'tabular'"),
    ({"command": None, "entry_point": "other.training:train"}, "--allow other.training:train"),
    ({"command": ["perl"]}, "--allow perl"),
]


@pytest.mark.parametrize("task", FITS)
def test_a_worker_is_given_what_it_can_run(user, worker, task):
    study_with(user, **task)

    assert len(claim(worker).json()["trials"]) == 1


@pytest.mark.parametrize(("task", "named"), MISSING)
def test_a_worker_is_not_given_what_it_cannot_run_and_the_study_names_what_is_missing(user, worker, task, named):
    study = study_with(user, **task)
    register(worker)

    assert claim(worker).status_code == 204
    assert user.get(f"/v1/studies/{study}/summary").json()["no_worker"] == (
        f"no worker has what it asks for: {named}; the nearest is 'box'"
    )


def test_a_worker_that_names_a_study_it_cannot_run_is_told_why(user, worker):
    study = study_with(user, resources={"gpu": 4, "labels": {"room": "2"}})

    refused = claim(worker, study)

    assert (refused.status_code, refused.json()["code"]) == (409, "worker-lacks")
    assert refused.json()["detail"].endswith("asks for: 4 GPU (has 1) and the label room=2")


def test_a_worker_that_names_a_study_without_a_task_is_told_why(user, worker):
    user.make_study(name="by hand")

    assert "has no task" in claim(worker, "by hand").json()["detail"]


def test_the_nearest_worker_is_the_one_that_lacks_least(user, worker):
    study = study_with(user, resources={"gpu": 2, "cpu": 8})
    register(worker, "small", cpu=1)
    register(worker, "large", cpu=64)

    told = user.get(f"/v1/studies/{study}/summary").json()["no_worker"]

    assert told == "no worker has what it asks for: 2 GPU (has 1); the nearest is 'large'"


def test_a_study_says_when_nobody_is_there_to_run_it(user, worker):
    study = study_with(user)
    summary = f"/v1/studies/{study}/summary"

    assert user.get(summary).json()["no_worker"] == "no worker has introduced itself"
    register(worker)
    assert user.get(summary).json().get("no_worker") is None
    user.patch("/v1/workers/box", {"state": "draining"})
    assert user.get(summary).json()["no_worker"] == "no worker is online (1 draining)"


def test_a_study_that_runs_or_is_evaluated_by_scripts_needs_no_worker(user, worker):
    study = study_with(user, resources={"cpu": 4})
    claim(worker, study)
    user.make_study(name="by hand")

    for name in (study, "by hand"):
        assert user.get(f"/v1/studies/{name}/summary").json().get("no_worker") is None


def test_gpu_memory_without_a_gpu_is_refused_by_name(user):
    task = {"command": ["python"], "resources": {"gpu_memory_mb": 1000}}

    refused = user.post("/v1/studies", definition(task=task))

    assert refused.status_code == 422
    assert refused.json()["errors"] == [
        {"pointer": "/task/resources/gpu_memory_mb", "message": "needs a GPU to be on: give gpu too"}
    ]
