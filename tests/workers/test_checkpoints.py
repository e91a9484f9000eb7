"""What an attempt saves, another one goes on from."""

import asyncio
import dataclasses
import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

from studyhall.errors import InvalidInput
from studyhall.trial import Measurement
from studyhall.trial_context import BadCheckpoint, LocalTrial
from studyhall.wire.claims import ClaimedTrial, Complete, Fail, Release
from tests.s3_server import s3_server
from tests.workers.conftest import at_work, task
from tests.workers.fake_server import FakeServer
from workers.checkpoints import Checkpoints
from workers.children import Children
from workers.store import MANIFEST, DirectoryStore, ObjectStore, open_store
from workers.trainables.registry import TRAINABLES
from workers.trainables.training_state import load_state, save_state


def attempts_until_complete(configuration, given, **parameters):
    """Runs a trial again and again, each time with a new worker, as a server with retries would."""

    async def play():
        server = FakeServer()
        endings: list[Any] = []
        trial = server.add(given, **parameters)
        while not endings or not isinstance(endings[-1], Complete):
            trial.ending, trial.state, trial.token = None, "waiting", None
            async with at_work(configuration, server):
                if "waits_at" in parameters and not endings:
                    await server.until(lambda: parameters["waits_at"] in trial.measurements)
                else:
                    await server.ended(trial)
            endings.append(trial.ending)
        return trial, endings

    return asyncio.run(play())


def test_a_trial_whose_process_dies_goes_on_from_its_last_checkpoint(configuration):
    trial, endings = attempts_until_complete(configuration, task("counts"), to=6, dies_at=5)

    assert [type(ending) for ending in endings] == [Fail, Complete]
    assert endings[1].metrics["resumed"] == 1.0
    assert trial.steps == [1, 2, 3, 4, 5, 6]


def test_a_step_may_be_saved_again_while_the_worker_is_still_at_it(run_trial):
    assert isinstance(run_trial(task("saves_one_step_often")).ending, Complete)


def test_a_trial_of_a_paused_study_saves_and_goes_on_when_the_study_is_resumed(configuration):
    async def play():
        server = FakeServer()
        trial = server.add(task("counts"), to=6, waits_at=3)
        async with at_work(configuration, server):
            await server.until(lambda: 3 in trial.measurements)
            server.pause(trial)
            released = await server.ended(trial)
            server.resume(trial)
            return released, await server.ended(trial)

    released, completed = asyncio.run(play())

    assert (type(released), released.reason) == (Release, "the study is paused")
    assert completed.metrics["resumed"] == 1.0


def test_the_second_attempts_curve_is_whole(configuration):
    async def play():
        server = FakeServer()
        trial = server.add(task("counts"), to=6, dies_at=5)
        async with at_work(configuration, server):
            await server.ended(trial)
            trial.ending, trial.state, trial.token = None, "waiting", None
            trial.measurements.clear()  # the server keeps each attempt's curve apart
            server.add(task("good"))
            await server.until(lambda: isinstance(trial.ending, Complete))
        return trial

    trial = asyncio.run(play())

    assert trial.steps == [1, 2, 3, 4, 5, 6]
    times = [trial.measurements[step].elapsed_s for step in trial.steps]
    assert times == sorted(times)


def test_a_worker_that_ends_lets_its_trial_save_before_it_gives_it_back(configuration):
    _, endings = attempts_until_complete(configuration, task("counts"), to=6, waits_at=3)

    assert [type(ending) for ending in endings] == [Release, Complete]
    assert endings[1].metrics["resumed"] == 1.0


def test_the_checkpoints_of_a_trial_with_a_result_are_gone(configuration):
    attempts_until_complete(configuration, task("counts"), to=6, dies_at=5)

    assert list(Path(configuration.artifacts).rglob("count")) == []


@pytest.fixture
def s3_url(monkeypatch):
    """A place in a bucket, which workers below this process find too."""
    import fsspec

    with s3_server() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield "s3://bucket/prefix"
    fsspec.get_filesystem_class("s3").clear_instance_cache()  # the next server has another address


@pytest.fixture(params=["directory", "object store", "S3"])
def store(request, tmp_path):
    if request.param == "directory":
        return DirectoryStore(tmp_path / "store")
    return ObjectStore(request.getfixturevalue("s3_url") if request.param == "S3" else f"memory://{tmp_path.name}")


def claimed(attempt=1):
    """As much of a claimed trial as names it."""
    trial, study = SimpleNamespace(id="tr_1", number=3), SimpleNamespace(id="st_1")
    return cast(ClaimedTrial, SimpleNamespace(attempt=attempt, trial=trial, study=study, origin=None))


def fetched(store, target):
    """The checkpoint that a second attempt gets."""
    resumed = Checkpoints(store, claimed(2)).fetch(target)
    assert resumed is not None
    return resumed


def saved(store, path, step, *, attempt=1, text="weights"):
    directory = path / f"step-{step}-{attempt}"
    (directory / "deep").mkdir(parents=True)
    (directory / "deep" / "weights").write_text(f"{text} {step}")
    curve = tuple(Measurement(step=each, metrics={"loss": 1.0}) for each in range(step + 1))
    Checkpoints(store, claimed(attempt)).save(directory, step, curve, elapsed_s=step * 2.0)


def test_the_newest_checkpoint_comes_back_with_its_curve(store, tmp_path):
    for step in (9, 10):
        saved(store, tmp_path, step)

    resumed = fetched(store, tmp_path / "here")

    assert (resumed.directory / "deep" / "weights").read_text() == "weights 10"
    assert (resumed.manifest.step, resumed.manifest.elapsed_s) == (10, 20.0)
    assert len(resumed.manifest.measurements) == 11


def test_a_file_may_be_called_what_others_call_their_manifest(store, tmp_path):
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "manifest.json").write_text("mine")

    Checkpoints(store, claimed()).save(tmp_path / "saved", 1, (), 0.0)

    assert (fetched(store, tmp_path / "here").directory / "manifest.json").read_text() == "mine"


def test_without_a_checkpoint_there_is_nothing_to_resume(store, tmp_path):
    assert Checkpoints(store, claimed()).fetch(tmp_path / "here") is None


def test_the_last_two_of_an_attempt_are_kept_and_all_of_another(store, tmp_path):
    saved(store, tmp_path, 1, attempt=1)
    for step in (2, 3, 4):
        saved(store, tmp_path, step, attempt=2)

    assert store.names("st_1/3/checkpoints") == ["1-1", "3-2", "4-2"]


def spoil(store, tmp_path, change):
    """Changes the newest checkpoint in the store."""
    store.get("st_1/3/checkpoints/2-1", tmp_path / "spoilt")
    change(tmp_path / "spoilt")
    store.remove("st_1/3/checkpoints/2-1")
    store.put("st_1/3/checkpoints/2-1", tmp_path / "spoilt")


def _of_another_trial(directory):
    manifest = json.loads((directory / MANIFEST).read_text())
    (directory / MANIFEST).write_text(json.dumps(manifest | {"trial": "tr_2"}))


@pytest.mark.catalogue("WK-026")
@pytest.mark.parametrize(
    "change",
    [
        lambda directory: (directory / "deep" / "weights").write_text("other"),
        lambda directory: (directory / "deep" / "weights").unlink(),
        lambda directory: (directory / MANIFEST).write_text("{"),
        lambda directory: (directory / MANIFEST).unlink(),
        _of_another_trial,
    ],
    ids=["changed", "cut", "unreadable", "incomplete", "another trial's"],
)
def test_a_checkpoint_that_is_not_what_it_was_gives_way_to_the_one_before(store, tmp_path, change):
    saved(store, tmp_path, 1)
    saved(store, tmp_path, 2)

    spoil(store, tmp_path, change)

    assert fetched(store, tmp_path / "here").manifest.step == 1


def test_a_link_in_a_checkpoint_is_refused(tmp_path):
    (tmp_path / "checkpoint").mkdir()
    (tmp_path / "checkpoint" / "passwd").symlink_to("/etc/passwd")

    with pytest.raises(ValueError, match="is a link"):
        Checkpoints(DirectoryStore(tmp_path / "store"), claimed()).save(tmp_path / "checkpoint", 1, (), 0.0)


def test_a_store_keeps_files_and_directories_and_forgets_them(store, tmp_path):
    (tmp_path / "file").write_text("one")
    store.put("a/file", tmp_path / "file")
    (tmp_path / "file").write_text("two")

    store.put("a/file", tmp_path / "file")
    store.get("a/file", tmp_path / "back")

    assert (tmp_path / "back").read_text() == "two"
    assert store.names("a") == ["file"]
    store.remove("a")
    assert store.names("a") == []


def test_a_store_that_cannot_be_opened_says_why():
    with pytest.raises(InvalidInput, match="the store nowhere://x cannot be opened"):
        open_store("nowhere://x")


def test_workers_that_share_a_bucket_go_on_with_each_others_trials(configuration, s3_url):
    elsewhere = dataclasses.replace(configuration, artifacts=s3_url)

    _, endings = attempts_until_complete(elsewhere, task("counts"), to=6, dies_at=5)

    assert [type(ending) for ending in endings] == [Fail, Complete]
    assert endings[1].metrics["resumed"] == 1.0


def test_an_object_store_that_is_away_raises_what_a_disk_would(tmp_path):
    store = ObjectStore(f"memory://{tmp_path.name}")
    store._files = _Away()

    for use in (store.names, store.remove, lambda key: store.get(key, tmp_path / "here")):
        with pytest.raises(OSError, match="NoRoute: no route to the bucket"):
            use("a/b")


class _Away:
    """A library whose errors are its own, as that of S3 has them."""

    def __getattr__(self, name):
        def fail(*_):
            raise type("NoRoute", (Exception,), {})("no route to the bucket")

        return fail


def test_a_worker_whose_store_is_away_gives_the_trial_back_and_lives(configuration, monkeypatch):
    def away(*_):
        raise OSError("no route to the bucket")

    async def play():
        server = FakeServer()
        trial = server.add(task("counts"), to=6)
        trial.attempt = 1
        monkeypatch.setattr(DirectoryStore, "names", away)
        async with at_work(configuration, server):
            lost = await server.ended(trial)
            monkeypatch.undo()
            return lost, await server.ended(server.add(task("good")))

    lost, good = asyncio.run(play())

    assert (lost.kind, "no route to the bucket" in lost.message) == ("infrastructure", True)
    assert isinstance(good, Complete)


def test_a_lease_is_kept_while_a_checkpoint_is_on_its_way(configuration, monkeypatch):
    async def play():
        server = FakeServer(lease_s=0.3)
        trial = server.add(task("good"))
        trial.attempt = 1
        monkeypatch.setattr(DirectoryStore, "names", lambda *_: _patiently(lambda: trial.heartbeats >= 2))
        async with at_work(configuration, server):
            return await server.ended(trial)

    assert isinstance(asyncio.run(play()), Complete)


def test_a_lease_is_kept_while_a_process_for_the_trial_is_on_its_way(configuration, monkeypatch):
    async def play():
        server = FakeServer(lease_s=0.3)
        trial = server.add(task("good"))
        make = Children.new_child

        async def slowly(children):
            await server.until(lambda: trial.heartbeats >= 2)
            return await make(children)

        monkeypatch.setattr(Children, "new_child", slowly)
        async with at_work(configuration, server):
            return await server.ended(trial)

    assert isinstance(asyncio.run(play()), Complete)


def _patiently(fact):
    """What a slow store has under a key, once something has happened meanwhile."""
    deadline = time.monotonic() + 20
    while not fact() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert fact()
    return []


@pytest.mark.parametrize(
    "parameters",
    [
        {"optimizer": "adamw", "dropout": 0.2},
        {"optimizer": "sgd", "momentum": 0.9, "nesterov": True, "schedule": "onecycle"},
        {"optimizer": "muon", "network": "mlp", "ema_decay": 0.9},
        {"optimizer": "adadelta", "patience": 5},
    ],
    ids=lambda parameters: parameters["optimizer"],
)
def test_an_interrupted_training_ends_as_if_it_had_not_been_interrupted(parameters):
    def run(stop_at=None, resume_from=None):
        trial = LocalTrial(seed=3, resume_from=resume_from, tell=lambda step, _: step != stop_at)
        metrics = TRAINABLES["image_classifier"]({"epochs": 4, "lr": 0.01, **parameters}, trial)
        return metrics, trial

    whole, _ = run()
    _, interrupted = run(stop_at=2)
    resumed, second = run(resume_from=interrupted.checkpoint_dir / "step-2")

    assert resumed == whole
    assert [step for step, _ in second.reports] == [3, 4]


@pytest.mark.catalogue("WK-026")
def test_a_checkpoint_of_other_parameters_is_refused():
    first = LocalTrial(tell=lambda *_: False)
    TRAINABLES["tabular"]({"width": 8}, first)

    with pytest.raises(BadCheckpoint, match="of another training"):
        TRAINABLES["tabular"]({"width": 9}, LocalTrial(resume_from=first.checkpoint_dir / "step-1"))


def test_the_state_of_a_training_survives_the_disk(tmp_path):
    shared = torch.arange(3.0)
    state = {"a": shared, "b": shared[1:], 0: [None, True, 1.5, {"deep": torch.tensor(2)}], "text": "x"}

    save_state(state, tmp_path)
    found = load_state(tmp_path)

    assert found["a"].tolist() == [0.0, 1.0, 2.0]
    assert found["b"].tolist() == [1.0, 2.0]
    assert found[0][:3] == [None, True, 1.5]
    assert found[0][3]["deep"].item() == 2
    assert found["text"] == "x"


@pytest.mark.catalogue("WK-024")
@pytest.mark.parametrize("content", [b"", b"garbage", b"\x80\x04\x95 pickle"])
def test_what_is_no_state_of_a_training_is_refused(tmp_path, content):
    (tmp_path / "state.safetensors").write_bytes(content)
    (tmp_path / "state.json").write_bytes(content)

    with pytest.raises(BadCheckpoint):
        load_state(tmp_path)
