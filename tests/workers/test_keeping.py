"""What a worker keeps on its own machine, and for how long."""

import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from studyhall.wire.claims import ClaimedTrial, Complete
from tests.workers.conftest import task
from workers.attempt import LAST_OUTPUT_S
from workers.keeping import DAY_S, Places
from workers.store import DirectoryStore


def left_behind(path, *, days):
    """A file that nobody has touched for so many days, and its directory neither."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("printed")
    for old in (path, path.parent):
        os.utime(old, (time.time() - days * DAY_S,) * 2)
    return path


def an_attempt(number):
    """As much of a claimed trial as names its directory."""
    return cast(ClaimedTrial, SimpleNamespace(attempt=1, trial=SimpleNamespace(id=f"tr_{number}")))


def test_what_is_kept_is_what_was_there_then(run_trial, configuration):
    run_trial(task("keeps_one_file_again_and_again"))

    home = Path(configuration.artifacts) / "st_1" / "0" / "1"
    assert [(home / f"epoch{epoch}").read_bytes() for epoch in range(4)] == [bytes([n]) * 1_000_000 for n in range(4)]
    assert sorted(path.name for path in (home / "all").iterdir()) == ["tmp"]


def test_the_result_of_a_trial_waits_for_what_it_keeps_however_long_that_takes(run_trial, monkeypatch):
    put = DirectoryStore.put

    def put_slowly(*given):
        time.sleep(LAST_OUTPUT_S + 0.5)  # as a large model does, and a store that is far away
        put(*given)

    monkeypatch.setattr(DirectoryStore, "put", put_slowly)

    assert isinstance(run_trial(task("keeps_a_file")).ending, Complete)


def test_a_worker_that_starts_clears_what_the_dead_left_and_nothing_of_the_living(tmp_path):
    places = Places(tmp_path, DirectoryStore(tmp_path / "artifacts"))
    living, dead, elsewhere = (places.scratch(an_attempt(number)) for number in range(3))
    (dead.path / "weights").write_text("large")
    (tmp_path / "work" / "tr_2-1.lock").write_text("another machine")
    for gone in (dead, elsewhere):
        gone.lock.close()  # as the system does when its process ends

    Places(tmp_path, places.store).clear()

    assert {path.name for path in (tmp_path / "work").iterdir()} == {"tr_0-1", "tr_0-1.lock", "tr_2-1", "tr_2-1.lock"}
    living.remove()


def test_what_a_living_trial_uses_stays_when_the_clock_is_set_forward_by_years(tmp_path):
    places = Places(tmp_path, DirectoryStore(tmp_path / "artifacts"))
    scratch = places.scratch(an_attempt(0))
    for path in (scratch.path, Path(scratch.lock.name)):
        os.utime(path, (0, 0))  # a machine without a battery begins in 1970

    places.forget_old(7)

    assert scratch.path.is_dir()
    assert Path(scratch.lock.name).exists()
    scratch.remove()


def test_logs_and_what_killed_workers_left_are_removed_after_some_days(tmp_path):
    logs = [left_behind(tmp_path / "logs" / "st_1" / f"{days}-1.log", days=days) for days in (6, 8)]
    work = [left_behind(tmp_path / "work" / f"tr_{days}-1" / "weights", days=days) for days in (8, 32)]

    Places(tmp_path, DirectoryStore(tmp_path / "artifacts")).forget_old(7)

    assert [path.exists() for path in (*logs, *work)] == [True, False, True, False]
