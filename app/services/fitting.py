"""Whether a worker has what a task asks for: one answer for claims, and for people who wonder why nothing runs."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from app.services.fleet import OFFLINE_AFTER_S
from app.storage import reader
from app.storage.domain import definition_from
from app.storage.rows import StudyRow
from studyhall.errors import Conflict
from studyhall.study import Resources, Task
from studyhall.wire.claims import Capabilities

_NUMBER: Final = re.compile(r"\d+(?:\.\d+)*")


class WorkerLacks(Conflict):
    """This worker does not have what the study's task asks for; start one that has, or change the task."""

    code = "worker-lacks"


def lacks(capabilities: Capabilities, task: Task) -> tuple[str, ...]:
    """What a task asks for and a worker with these capabilities does not have; nothing: it may be given the task."""
    return (*_resources_missing(capabilities, task.resources), *_code_missing(capabilities, task))


def no_worker(connection: reader.Connection, study: StudyRow, now: float) -> str | None:
    """Why no worker will run the trials of a study that is to go on, or None where one can."""
    task = definition_from(study.definition).task
    if task is None or study.state != "active" or study.running:
        return None
    workers = reader.abilities(connection, study.project)
    states = [_state(worker, now) for worker in workers]
    there = [worker for worker, state in zip(workers, states, strict=True) if state == "online"]
    if not there:
        aside = ", ".join(f"{count} {state}" for state, count in sorted(Counter(states).items()))
        return f"no worker is online ({aside})" if aside else "no worker has introduced itself"
    missing = {worker.name: _lacks(worker.capabilities, study.definition) for worker in there}
    nearest = min(missing, key=lambda name: len(missing[name]))
    if not missing[nearest]:
        return None
    return f"no worker has what it asks for: {' and '.join(missing[nearest])}; the nearest is '{nearest}'"


def _state(worker: reader.Abilities, now: float) -> str:
    return "offline" if worker.state == "online" and now - worker.last_seen_at > OFFLINE_AFTER_S else worker.state


@lru_cache(maxsize=4096)
def _lacks(capabilities: str, definition: str) -> tuple[str, ...]:
    """The same of what is stored: a fleet has few kinds of workers, and is asked about often."""
    task = definition_from(definition).task
    return () if task is None else lacks(Capabilities.model_validate_json(capabilities), task)


def _resources_missing(has: Capabilities, asked: Resources) -> Iterator[str]:
    if asked.cpu > has.cpu:
        yield f"{asked.cpu:g} cores (has {has.cpu:g})"
    if asked.gpu > has.gpu:
        yield f"{asked.gpu:g} GPU (has {has.gpu:g})"
    if asked.gpu_memory_mb > has.gpu_memory_mb:
        yield f"{asked.gpu_memory_mb} MiB on each GPU (has {has.gpu_memory_mb})"
    if asked.memory_mb > has.memory_mb:
        yield f"{asked.memory_mb} MiB of memory (has {has.memory_mb})"
    for name, value in asked.labels.items():
        if has.labels.get(name) != value:
            yield f"the label {name}={value}"
    for name, lowest in asked.versions.items():
        if name not in has.versions:
            yield f"{name} {lowest} or newer (has none)"
        elif _numbers(has.versions[name]) < _numbers(lowest):
            yield f"{name} {lowest} or newer (has {has.versions[name]})"


def _code_missing(has: Capabilities, task: Task) -> Sequence[str]:
    if task.trainable is not None:
        return () if task.trainable in has.trainables else (f"the trainable '{task.trainable}'",)
    if task.entry_point is not None:
        allowed = any(_allows(pattern, task.entry_point) for pattern in has.entry_points)
        return () if allowed else (f"--allow {task.entry_point}",)
    program = task.command[0] if task.command else ""
    return () if program in has.commands else (f"--allow {program}",)


def _allows(pattern: str, entry_point: str) -> bool:
    return entry_point.startswith(pattern[:-1]) if pattern.endswith("*") else pattern == entry_point


def _numbers(version: str) -> tuple[int, ...]:
    """The leading numbers without zeros at their end: 2.13.0+cu130 is 2.13, and so is 2.13.0.dev1."""
    found = _NUMBER.match(version)
    numbers = [int(number) for number in found[0].split(".")] if found else []
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)
