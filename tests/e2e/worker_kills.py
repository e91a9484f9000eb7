"""Workers killed at random moments: what must hold of every trial, every process and every acknowledged word.

`python -m benchmarks.fleet kills --kills 200` runs many; `test_killed_workers.py` a few.
"""

import json
import os
import random
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from studyhall.commands.children import Child
from studyhall.errors import VersionConflict
from studyhall.study_handle import StudyHandle
from studyhall.trial import Trial
from tests.e2e.house import GRACE_S, House, house_in
from tests.e2e.processes import processes_of

FINAL_EVENTS: Final = {f"trial.{state}" for state in ("completed", "pruned", "infeasible", "failed", "cancelled")}
ROOT: Final = Path(__file__).parents[2]


@dataclass
class Tally:
    """What was done, and what was wrong afterwards."""

    kills: int = 0
    trials: int = 0
    lost_attempts: int = 0
    resumed: int = 0
    acknowledged: int = 0
    processes: int = 0
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)


class Process(NamedTuple):
    """A process that cannot be taken for another one with its number."""

    pid: int
    started: str


def kill_workers(directory: Path, *, kills: int, workers: int = 4, seed: int = 0) -> Tally:
    """Runs a study on workers that are killed one after the other, and looks at what is left."""
    began, rng, tally = time.monotonic(), random.Random(seed), Tally(kills=kills)
    acknowledged = directory / "acknowledged"
    acknowledged.touch()
    with house_in(directory) as house:
        study = _study(house)
        at_work = [_start(house, number, acknowledged) for number in range(workers)]
        for worker in at_work:
            worker.wait_until_ready(60)
        for number in range(kills):
            time.sleep(rng.uniform(0.05, 0.6))
            place = rng.randrange(workers)
            below = list(_below(at_work[place].pid))
            house.kill(at_work[place])
            tally.processes += len(below)
            tally.wrong += [f"process {left.pid} has outlived its worker" for left in _outlive(below)]
            at_work[place] = _start(house, workers + number, acknowledged)
        _end(study)
        _look(house, study, acknowledged, tally)
    tally.wrong += [f"process {pid} is left" for pid in _left(directory)]
    tally.seconds = time.monotonic() - began
    return tally


def _study(house: House) -> StudyHandle:
    return house.client.create_study(
        "killed",
        [{"name": "x", "type": "float", "low": 0, "high": 1}],
        {"metric": "loss"},
        algorithm={"name": "random", "seed": 1},
        retry={"infrastructure": 20},
        task={"entry_point": "fleet_training:with_helpers"},
    )


def _start(house: House, number: int, acknowledged: Path) -> Child:
    return house.start_worker(
        f"w{number}",
        options=["--slots", "2", "--allow", "fleet_training:with_helpers", "--checkpoint-s", "0.01"],
        arguments=["-m", "tests.e2e.recording_worker"],
        environment={"ACKNOWLEDGED": str(acknowledged), "PYTHONPATH": str(ROOT)},
        waits=False,
    )


def _end(study: StudyHandle) -> None:
    """No more trials than there are; those that were lost are run again and end."""
    is_bounded = False
    while not is_bounded:
        with suppress(VersionConflict):  # its trials go on meanwhile
            study.change(budget={"max_trials": study.refresh().trials.total + 20})
            is_bounded = True
    for _ in study.events():
        pass


def _below(pid: int) -> Iterator[Process]:
    """All processes below one, from /proc."""
    parents: dict[int, list[Process]] = {}
    for place in Path("/proc").glob("[0-9]*"):
        if (found := _stat(place)) is not None:
            parents.setdefault(found[0], []).append(found[1])
    waiting = [pid]
    while waiting:
        for process in parents.get(waiting.pop(), ()):
            waiting.append(process.pid)
            yield process


def _stat(place: Path) -> tuple[int, Process] | None:
    """A process and its parent; None if it is gone, or dead and not yet buried."""
    try:
        facts = (place / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if facts[0] in "ZX" else (int(facts[1]), Process(int(place.name), facts[19]))


def _outlive(processes: Iterable[Process]) -> list[Process]:
    """Those of some processes that have not ended in time."""
    deadline, left = time.monotonic() + GRACE_S, list(processes)
    while left and time.monotonic() < deadline:
        time.sleep(0.02)
        left = [each for each in left if (found := _stat(Path(f"/proc/{each.pid}"))) and found[1] == each]
    return left


def _left(directory: Path) -> list[int]:
    deadline = time.monotonic() + GRACE_S
    while (left := [pid for pid in processes_of(directory) if pid != os.getpid()]) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def _look(house: House, study: StudyHandle, acknowledged: Path, tally: Tally) -> None:
    trials = {trial.id: trial for trial in study.trials(page_size=500)}
    tally.trials = len(trials)
    tally.resumed = sum(trial.metrics.get("resumed", 0) > 0 for trial in trials.values())
    tally.wrong += [f"trial {trial.number} is {trial.state}" for trial in trials.values() if trial.state != "completed"]
    ends = Counter(event.trial for event in study.events(follow=False) if event.kind in FINAL_EVENTS)
    tally.wrong += [f"trial {trials[id].number} ended {ends[id]} times" for id in trials if ends[id] != 1]
    for id in trials:
        tally.lost_attempts += sum(attempt.outcome == "lost" for attempt in house.client.attempts(id))
    tally.wrong += _lost_words(house, trials, acknowledged, tally)


def _lost_words(house: House, trials: dict[str, Trial], acknowledged: Path, tally: Tally) -> Iterator[str]:
    """What was acknowledged and is not stored as it was told."""
    stored: dict[str, dict[tuple[int, int], dict[str, float]]] = {}
    for line in acknowledged.read_text().splitlines():
        told: dict[str, Any] = json.loads(line)
        id, verb = told["path"].split("/")[3:5]
        body = told["body"]
        if id not in stored:
            stored[id] = {(each.attempt, each.step): each.metrics for each in house.client.measurements(id)}
        for measurement in body.get("measurements", ()):
            tally.acknowledged += 1
            if stored[id].get((body["attempt"], measurement["step"])) != measurement["metrics"]:
                yield f"trial {trials[id].number}: step {measurement['step']} of attempt {body['attempt']} is lost"
        if verb == "complete":
            tally.acknowledged += 1
            if trials[id].metrics != body["metrics"] or trials[id].attempt != body["attempt"]:
                yield f"trial {trials[id].number}: its acknowledged result is lost"


def describe(tally: Tally) -> str:
    """For people."""
    facts = {name: value for name, value in vars(tally).items() if name != "wrong"}
    return ", ".join(f"{name} {value:.0f}" for name, value in facts.items()) + f", wrong {len(tally.wrong)}"
