"""A worker and the real server, together: what each takes the other to mean."""

import asyncio
import dataclasses
import hashlib
from pathlib import Path

import httpx2
import pytest

from app.services.services import Services
from studyhall.study import Study
from studyhall.trial import Attempt, RecordedMeasurement, Trial
from studyhall.wire.fleet import TrainableInfo
from studyhall.wire.outputs import Artifact
from studyhall.wire.pages import Page
from tests.api.people import Keyring, make_api, make_services
from tests.workers.conftest import QUICK, task
from workers.worker import Worker

SPACE = {"parameters": [{"name": "lr", "type": "float", "low": 0.001, "high": 0.02, "scale": "log"}]}


class House:
    """The real API in memory, and somebody who may do everything."""

    def __init__(self, transport: httpx2.AsyncBaseTransport, keyring: Keyring) -> None:
        self.worker: Hired
        self.worker_key = keyring.make("worker")
        self._http = httpx2.AsyncClient(
            base_url="http://testserver",
            transport=transport,
            headers={"Authorization": f"Bearer {keyring.make('admin')}"},
        )

    async def study(self, given, trials, **rest):
        """Makes a study of one objective."""
        body = {
            "name": "study",
            "space": SPACE,
            "objectives": [{"metric": rest.pop("metric", "loss"), "goal": rest.pop("goal", "minimize")}],
            "algorithm": {"name": "random", "seed": 1},
            "budget": {"max_trials": trials},
            "task": given,
            **rest,
        }
        answer = await self._http.post("/v1/studies", json=body)
        assert answer.status_code == 201, answer.text

    async def get(self, path, kind):
        """Reads one thing."""
        answer = await self._http.get(f"/v1/{path}")
        assert answer.status_code == 200, answer.text
        return kind.model_validate_json(answer.content, extra="ignore")

    async def post(self, path):
        """Asks for something."""
        answer = await self._http.post(f"/v1/{path}", json={})
        assert answer.is_success, answer.text

    async def ended(self):
        """Waits until the study has ended and answers its trials."""
        await self.happened("study.completed")
        return (await self.get("studies/study/trials?sort=number", Page[Trial])).items

    async def happened(self, kind, *, study="study"):
        """Waits for an event of a study."""
        after, kinds = 0, set()
        async with asyncio.timeout(90):  # a busy machine takes its time to import torch
            while kind not in kinds:
                answer = await self._http.get(f"/v1/studies/{study}/events?after={after}&wait_s=20")
                after = answer.json()["sequence"]
                kinds = {event["kind"] for event in answer.json()["items"]}


class Hired:
    """A worker at work."""

    def __init__(self, configuration, transport):
        self._worker = Worker(configuration, transport=transport)
        self._running = asyncio.create_task(self._worker.run())

    async def ended(self):
        """Waits until it has ended by itself."""
        async with asyncio.timeout(20):
            await asyncio.shield(self._running)

    async def fire(self):
        """Tells it to end, and waits until it has."""
        if not self._running.done():
            self._worker.end()
        async with asyncio.timeout(20):
            await self._running


@pytest.fixture
def in_house(sqlite_url, configuration):
    """Plays a scene with the real server and a worker; what is to be there before the worker comes is `first`."""

    def play(scene, *, first=None, **changes):
        async def run():
            keyring = Keyring()
            services: Services = make_services(sqlite_url)
            api = make_api(services, keyring)
            async with api.router.lifespan_context(api):
                transport = httpx2.ASGITransport(app=api)
                house = House(transport, keyring)
                if first is not None:
                    await first(house)
                settings = {"url": "http://testserver", "key": house.worker_key, **changes}
                house.worker = Hired(dataclasses.replace(configuration, **settings), transport)
                try:
                    return await scene(house)
                finally:
                    await house.worker.fire()

        return asyncio.run(run())

    return play


def test_a_study_of_digits_is_searched_to_its_end(in_house, configuration):
    async def scene(house):
        digits = {"trainable": "image_classifier", "settings": {"dataset": "digits"}}
        few_epochs = {"parameters": [*SPACE["parameters"], {"name": "epochs", "type": "constant", "value": 4}]}
        await house.study(digits, 3, space=few_epochs, metric="val_accuracy", goal="maximize")
        trials = await house.ended()
        offered = await house.get("trainables", Page[TrainableInfo])
        sent = await house.get(f"trials/{trials[0].id}/artifacts", Page[Artifact])
        return trials, offered.items, await house.get("studies/study", Study), sent

    trials, offered, study, sent = in_house(
        scene, trainables=("*",), patiences=dataclasses.replace(QUICK, timeout_s=120)
    )

    assert [trial.state for trial in trials] == ["completed"] * 3
    assert max(trial.metrics["val_accuracy"] for trial in trials) >= 0.975
    assert {"hello", "image_classifier", "sequence_classifier", "tabular"} <= {info.name for info in offered}
    kept = Path(configuration.artifacts) / study.id / "0" / "1" / "model"
    assert sorted(path.name for path in kept.iterdir()) == ["model.json", "model.safetensors"]
    assert [artifact.name for artifact in sent.items] == ["model/model.json", "model/model.safetensors"]
    assert sent.items[1].sha256 == hashlib.sha256((kept / "model.safetensors").read_bytes()).hexdigest()


def test_every_kind_of_ending_is_understood(in_house):
    async def scene(house):
        functions = ("good", "raises", "returns_nan", "exits_hard", "returns_nothing")
        for function in functions:
            await house.study(task(function), 1, name=function)
        ended = {}
        for function in functions:
            await house.happened("study.completed", study=function)
            (ended[function],) = (await house.get(f"studies/{function}/trials", Page[Trial])).items
        return ended

    ended = in_house(scene)

    assert {name: trial.state.value for name, trial in ended.items()} == {
        "good": "completed",
        "raises": "failed",
        "returns_nan": "infeasible",
        "exits_hard": "failed",
        "returns_nothing": "failed",
    }
    assert ended["raises"].failure == "user_error"
    assert "the data is not there" in ended["raises"].reason


def test_reports_become_the_trials_curve(in_house):
    async def scene(house):
        await house.study(task("good"), 1)
        (trial,) = await house.ended()
        return (await house.get(f"trials/{trial.id}/measurements", Page[RecordedMeasurement])).items

    curve = in_house(scene)

    assert [(point.step, point.metrics["loss"]) for point in curve] == [(1, 1.0), (2, 0.5), (3, 1 / 3)]


def test_a_person_stops_a_trial_that_never_ends(in_house):
    async def scene(house):
        await house.study(task("patient"), 1)
        await house.happened("trial.started")
        (running,) = (await house.get("studies/study/trials", Page[Trial])).items
        while (await house.get(f"trials/{running.id}", Trial)).step is None:  # noqa: ASYNC110 - no event tells steps
            await asyncio.sleep(0.02)
        await house.post(f"trials/{running.id}/stop")
        return await house.ended()

    (trial,) = in_house(scene)

    assert trial.state == "pruned"
    assert trial.metrics["loss"] == 1 / trial.step


def test_a_worker_that_ends_gives_its_trial_back_for_another_attempt(in_house):
    async def scene(house):
        await house.study(task("patient"), 1)
        await house.happened("trial.started")
        await house.worker.fire()
        (trial,) = (await house.get("studies/study/trials", Page[Trial])).items
        return trial, (await house.get(f"trials/{trial.id}/attempts", Page[Attempt])).items

    trial, (attempt,) = in_house(scene)

    assert trial.state == "waiting"
    assert (attempt.outcome, attempt.reason) == ("released", "the worker is shutting down")


def test_a_worker_ends_by_itself_when_it_was_idle_for_long_enough(in_house):
    async def scene(house):
        await house.worker.ended()
        return (await house.get("studies/study/trials", Page[Trial])).items

    (trial,) = in_house(scene, first=one_trial_of("good"), exit_when_idle_s=0.2, wait_s=0.1)

    assert trial.state == "completed"


def test_a_worker_that_cannot_run_the_study_it_names_says_what_it_lacks_and_ends_when_idle(in_house, caplog):
    async def scene(house):
        await house.worker.ended()

    wanted = one_trial_of("good", resources={"gpu": 8})
    in_house(scene, first=wanted, study="study", exit_when_idle_s=0.2, wait_s=0.1)

    assert "lacks what study 'study' asks for: 8 GPU (has 0)" in caplog.text


def one_trial_of(function, **rest):
    """Makes a study before there is a worker."""
    return lambda house: house.study(task(function, **rest), trials=1)
