"""What the service promises of studies and trials, said once more in plain dictionaries.

No database, no leases table, no sequence numbers: only the rules of a trial's life. The state machine compares the
services with it after every step. A refusal is an error class, given back instead of an answer.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from studyhall.errors import (
    BudgetExhausted,
    Conflict,
    InvalidInput,
    MeasurementConflict,
    NameTaken,
    NotFound,
    StaleLease,
    StudyBusy,
    StudyEnded,
    StudyImmutable,
    TrialFinished,
)

FINAL = frozenset({"completed", "pruned", "infeasible", "failed", "cancelled"})
INFRASTRUCTURE = frozenset({"oom", "killed", "worker_lost", "infrastructure"})
JUMP_S = 5.0


@dataclass
class Trial:
    """One trial; `said` are the last words of its current attempt that were accepted."""

    number: int
    counted: bool = True
    state: str = "waiting"
    attempt: int = 0
    token: str | None = None
    said: Any = None
    stop: bool = False
    lost: int = 0
    errors: int = 0
    not_before: float = 0.0
    expires_at: float = 0.0
    lease_s: float = 0.0
    started_at: float = 0.0
    booked: float = 0.0
    metrics: dict[str, float] = field(default_factory=dict)
    excluded: bool = False
    curves: dict[int, dict[int, dict[str, float]]] = field(default_factory=dict)
    id: str | None = None


@dataclass
class Study:
    """One study and its trials by number."""

    project: str
    name: str
    task: bool
    objectives: int
    max_trials: int | None
    max_failed: int | None
    aim: float | None
    parallelism: int | None
    infrastructure: int
    user_error: int
    created_at: float
    state: str = "active"
    trials: list[Trial] = field(default_factory=list)
    device_seconds: float = 0.0
    id: str = ""
    turn: float = 0.0

    def count(self, *states: str) -> int:
        return sum(trial.state in states for trial in self.trials)

    @property
    def created(self) -> int:
        return sum(trial.counted for trial in self.trials)

    @property
    def room(self) -> int:
        return 10**6 if self.parallelism is None else self.parallelism - self.count("running")

    @property
    def budget_left(self) -> int:
        return 10**6 if self.max_trials is None else max(0, self.max_trials - self.created)

    @property
    def is_open(self) -> bool:
        return self.state in ("active", "paused")

    def points(self) -> dict[int, tuple[float, ...]]:
        """What counts for the best and the front, by number."""
        names = ("loss", "cost")[: self.objectives]
        return {
            trial.number: tuple(trial.metrics[name] for name in names)
            for trial in self.trials
            if trial.state == "completed" and not trial.excluded
        }

    @property
    def best_value(self) -> float | None:
        return min((point[0] for point in self.points().values()), default=None) if self.objectives == 1 else None

    @property
    def is_at_target(self) -> bool:
        return self.aim is not None and any(point[0] <= self.aim for point in self.points().values())

    @property
    def front(self) -> set[int]:
        points = self.points() if self.objectives > 1 else {}
        return {
            number
            for number, point in points.items()
            if not any(other != point and all(map(float.__le__, other, point)) for other in points.values())
        }


@dataclass(frozen=True)
class Lease:
    """What a worker remembers of a claim."""

    study: str
    number: int
    attempt: int
    token: str


class Model:
    """The whole service."""

    def __init__(self, now: float) -> None:
        self.now = now
        self.monotonic = 0.0
        self.since = self.monotonic
        self.last: tuple[float, float] | None = None
        self.studies: dict[str, Study] = {}

    # --- studies ---------------------------------------------------------------------------

    def create(self, key: str, study: Study) -> Any:
        if any((known.project, known.name) == (study.project, study.name) for known in self.studies.values()):
            return NameTaken
        self.studies[key] = study
        return key

    def delete(self, project: str, key: str, *, force: bool) -> Any:
        study = self._study(project, key)
        if study is None:
            return NotFound
        if study.count("running") and not force:
            return StudyBusy
        del self.studies[key]
        return None

    def pause(self, project: str, key: str) -> Any:
        study = self._study(project, key)
        if study is None:
            return NotFound
        if not study.is_open:
            return StudyImmutable
        study.state = "paused"
        return study.state

    def resume(self, project: str, key: str) -> Any:
        study = self._study(project, key)
        if study is None:
            return NotFound
        if study.state != "active":
            if study.budget_left == 0 and study.count("waiting", "running") == 0:
                return BudgetExhausted
            study.state = "active"
        return study.state

    def stop_study(self, project: str, key: str, mode: str) -> Any:
        study = self._study(project, key)
        if study is None:
            return NotFound
        if study.state not in ("completed", "failed"):
            self._stop(study, ask_running=mode == "graceful")
            if mode == "kill":
                for trial in study.trials:
                    if trial.state == "running":
                        self._finish(study, trial, "cancelled", token=None)
        return study.state

    def raise_budget(self, project: str, key: str, max_trials: int) -> Any:
        study = self._study(project, key)
        if study is None:
            return NotFound
        if max_trials < study.created:
            return InvalidInput
        study.max_trials = max_trials
        self._settle(study)
        return study.state

    # --- trials, as people move them ---------------------------------------------------------

    def queue(self, project: str, key: str, count: int) -> Any:
        """The numbers of the new trials."""
        study = self._study(project, key)
        if study is None:
            return NotFound
        if not study.is_open:
            return StudyEnded
        if count > study.budget_left:
            return BudgetExhausted
        added = [self._add(study, state="waiting") for _ in range(count)]
        self._settle(study)
        return [trial.number for trial in added]

    def record(self, project: str, key: str, metrics: dict[str, float]) -> Any:
        """Imports a completed trial; its number."""
        study = self._study(project, key)
        if study is None:
            return NotFound
        trial = self._add(study, state="completed", counted=False, attempt=1, metrics=metrics)
        self._settle(study)
        return [trial.number]

    def stop_trial(self, project: str, key: str, number: int) -> Any:
        found = self._trial(project, key, number)
        if found is None:
            return NotFound
        _, trial = found
        if trial.state in FINAL:
            return TrialFinished
        if trial.state == "waiting":
            return Conflict
        trial.stop = True
        return trial.state

    def cancel_trial(self, project: str, key: str, number: int) -> Any:
        found = self._trial(project, key, number)
        if found is None:
            return NotFound
        study, trial = found
        if trial.state in FINAL:
            return TrialFinished
        if trial.state == "waiting":
            self._cancel_waiting(study, trial)
            self._settle(study)
        else:
            self._finish(study, trial, "cancelled", token=None)
        return trial.state

    def retry_trial(self, project: str, key: str, number: int) -> Any:
        """The new trial's number."""
        found = self._trial(project, key, number)
        if found is None:
            return NotFound
        study, trial = found
        if trial.state not in FINAL:
            return Conflict
        if not study.is_open:
            return StudyEnded
        if study.budget_left < 1:
            return BudgetExhausted
        return [self._add(study, state="waiting").number]

    def exclude(self, project: str, key: str, number: int, excluded: bool) -> Any:
        found = self._trial(project, key, number)
        if found is None:
            return NotFound
        found[1].excluded = excluded
        return found[1].state

    # --- workers -----------------------------------------------------------------------------

    def claim(self, project: str, key: str | None, token: str, count: int, lease_s: float) -> Any:
        """(study, number, attempt) of each trial handed out."""
        held = [(key, trial) for key, trial in self._holders(token) if trial.said is None or trial.state in FINAL]
        if held:
            if self.studies[held[0][0]].project != project:
                return NotFound
            return sorted((key, trial.number, trial.attempt) for key, trial in held)
        if key is not None and self._study(project, key) is None:
            return NotFound
        handed: list[tuple[str, int, int]] = []
        if key is not None:
            return sorted(self._claim_from(key, token, count, lease_s))
        fitting = self._any_study(project)
        most = max((self.studies[each].turn for each in fitting), default=0.0)
        for each in fitting:
            given = self._claim_from(each, token, count - len(handed), lease_s)
            if given:
                self.studies[each].turn = max(self.studies[each].turn, most - 1.0) + len(given)
            handed += given
        return sorted(handed)

    def _any_study(self, project: str) -> list[str]:
        fitting = [
            (study.count("running"), study.turn, study.created_at, key)
            for key, study in self.studies.items()
            if study.project == project and study.task and study.state == "active" and study.room > 0
            if study.count("waiting") or study.budget_left > 0
        ]
        return [key for *_, key in sorted(fitting)]

    def _claim_from(self, key: str, token: str, count: int, lease_s: float) -> list[tuple[str, int, int]]:
        study = self.studies[key]
        if study.state != "active":
            return []
        count = min(count, study.room)
        ready = [trial for trial in study.trials if trial.state == "waiting" and trial.not_before <= self.now]
        starting = ready[: max(0, count)]
        new = min(count - len(starting), study.budget_left)
        starting += [self._add(study, state="running") for _ in range(new)]
        for trial in starting:
            trial.state, trial.token, trial.said, trial.attempt = "running", token, None, trial.attempt + 1
            trial.lease_s, trial.expires_at, trial.started_at = lease_s, self.now + lease_s, self.now
            trial.not_before = trial.booked = 0.0
        return [(key, trial.number, trial.attempt) for trial in starting]

    def heartbeat(self, project: str, lease: Lease) -> Any:
        found = self._held(project, lease)
        if not isinstance(found, tuple):
            return found
        study, trial = found
        return self._revived(study, trial) or ("stop" if trial.stop else "continue")

    def report(self, project: str, lease: Lease, step: int, metrics: dict[str, float]) -> Any:
        found = self._held(project, lease)
        if not isinstance(found, tuple):
            return found
        study, trial = found
        kept = trial.curves.setdefault(trial.attempt, {})
        if any(kept.get(step, {}).get(name, value) != value for name, value in metrics.items()):
            return MeasurementConflict
        refusal = self._revived(study, trial)
        if refusal is not None:
            return refusal
        kept[step] = kept.get(step, {}) | metrics
        return "stop" if trial.stop else "continue"

    def complete(self, project: str, lease: Lease, metrics: dict[str, float], *, pruned: bool, next: str | None) -> Any:
        """The trial's state, and what the next claim has got."""
        to = "pruned" if pruned else "completed"
        found = self._ending(project, lease, (to, metrics))
        if not isinstance(found, tuple):
            return found
        study, trial, is_news = found
        if is_news:
            trial.metrics = metrics
            self._finish(study, trial, to, said=(to, metrics))
        return trial.state, (next and self.claim(project, lease.study, next, 1, 60.0)) or None

    def infeasible(self, project: str, lease: Lease, reason: str) -> Any:
        found = self._ending(project, lease, ("infeasible", reason))
        if not isinstance(found, tuple):
            return found
        study, trial, is_news = found
        if is_news:
            self._finish(study, trial, "infeasible", said=("infeasible", reason))
        return trial.state

    def fail(self, project: str, lease: Lease, kind: str) -> Any:
        found = self._ending(project, lease, ("fail", kind))
        if not isinstance(found, tuple):
            return found
        study, trial, is_news = found
        if is_news:
            self._fail(study, trial, kind, said=("fail", kind))
        return trial.state

    def release(self, project: str, lease: Lease) -> Any:
        found = self._ending(project, lease, ("release",))
        if not isinstance(found, tuple):
            return found
        study, trial, is_news = found
        if is_news and (trial.stop or not study.is_open):
            self._finish(study, trial, "cancelled", said=("release",))
        elif is_news and trial.state == "running":
            self._end_attempt(study, trial)
            trial.state, trial.said = "waiting", ("release",)
        return trial.state

    # --- time --------------------------------------------------------------------------------

    def restart(self) -> None:
        """A new server on the same database: nobody is judged for one lease."""
        self.since, self.last = self.monotonic, None

    def sweep(self) -> None:
        last, self.last = self.last, (self.now, self.monotonic)
        if last is not None and abs((self.now - last[0]) - (self.monotonic - last[1])) > JUMP_S:
            self.since = self.monotonic
            for _, trial in self._all_trials():
                trial.not_before = 0.0
                if trial.state == "running":
                    trial.expires_at = self.now + trial.lease_s
            return
        for study, trial in sorted(self._all_trials(), key=lambda pair: (pair[1].expires_at, pair[1].number)):
            if trial.state == "running" and trial.expires_at < self.now:
                self._end_lease(study, trial)
        for study in self.studies.values():
            if study.is_open:
                self._settle(study)

    def _end_lease(self, study: Study, trial: Trial) -> None:
        if self.monotonic - self.since < trial.lease_s:
            return
        if trial.stop:
            self._finish(study, trial, "cancelled")
        else:
            self._fail(study, trial, "worker_lost")

    # --- inside ------------------------------------------------------------------------------

    def _all_trials(self) -> Iterator[tuple[Study, Trial]]:
        for study in self.studies.values():
            for trial in study.trials:
                yield study, trial

    def _holders(self, token: str) -> list[tuple[str, Trial]]:
        return [(key, trial) for key, study in self.studies.items() for trial in study.trials if trial.token == token]

    def _study(self, project: str, key: str) -> Study | None:
        study = self.studies.get(key)
        return study if study is not None and study.project == project else None

    def _trial(self, project: str, key: str, number: int) -> tuple[Study, Trial] | None:
        study = self._study(project, key)
        return None if study is None else (study, study.trials[number])

    def _held(self, project: str, lease: Lease) -> Any:
        found = self._trial(project, lease.study, lease.number)
        if found is None:
            return NotFound
        study, trial = found
        if trial.state in FINAL:
            return TrialFinished
        if (trial.attempt, trial.token) != (lease.attempt, lease.token) or trial.said is not None:
            return StaleLease
        return study, trial

    def _ending(self, project: str, lease: Lease, said: Any) -> Any:
        """(study, trial, whether these words are new), or the refusal."""
        found = self._trial(project, lease.study, lease.number)
        if found is None:
            return NotFound
        study, trial = found
        if (trial.attempt, trial.token, trial.said) == (lease.attempt, lease.token, said):
            return study, trial, False
        held = self._held(project, lease)
        return (*held, True) if isinstance(held, tuple) else held

    def _revived(self, study: Study, trial: Trial) -> Any:
        if trial.state == "waiting":
            if study.room < 1:
                return StaleLease
            study.device_seconds -= trial.booked
            trial.state, trial.not_before, trial.booked = "running", 0.0, 0.0
        trial.expires_at = self.now + trial.lease_s
        return None

    def _add(self, study: Study, **fields: Any) -> Trial:
        trial = Trial(number=len(study.trials), **fields)
        study.trials.append(trial)
        return trial

    def _end_attempt(self, study: Study, trial: Trial) -> None:
        if trial.state == "running":
            trial.booked = max(0.0, self.now - trial.started_at)
            study.device_seconds += trial.booked

    def _finish(self, study: Study, trial: Trial, to: str, **fields: Any) -> None:
        self._end_attempt(study, trial)
        trial.state, trial.stop = to, False
        for name, value in fields.items():
            setattr(trial, name, value)
        self._settle(study)

    def _fail(self, study: Study, trial: Trial, kind: str, said: Any = None) -> None:
        infrastructure = kind in INFRASTRUCTURE
        waits_already = trial.state == "waiting"  # the sweeper was faster, and has counted it
        used, allowed = (trial.lost, study.infrastructure) if infrastructure else (trial.errors, study.user_error)
        if kind == "oom":
            allowed = min(allowed, 1)
        again = used < allowed and study.is_open and not trial.stop
        if infrastructure and waits_already:
            again = True
        elif infrastructure:
            trial.lost += 1
        else:
            trial.errors += 1
        if not again:
            self._finish(study, trial, "failed", said=said)
            return
        self._end_attempt(study, trial)
        trial.state, trial.said = "waiting", said
        if not waits_already:
            trial.not_before = self.now + min(300.0, 5.0 * 2.0**used)

    def _cancel_waiting(self, study: Study, trial: Trial) -> None:
        if trial.attempt == 0:
            trial.counted = False
        trial.state, trial.token = "cancelled", None

    def _stop(self, study: Study, *, ask_running: bool) -> None:
        if study.count("running") == 0:
            self._end(study, "completed")
            return
        self._cancel_all_waiting(study)
        study.state = "stopping"
        for trial in study.trials:
            if trial.state == "running" and ask_running:
                trial.stop = True

    def _end(self, study: Study, state: str) -> None:
        self._cancel_all_waiting(study)
        study.state = state

    def _cancel_all_waiting(self, study: Study) -> None:
        for trial in study.trials:
            if trial.state == "waiting":
                self._cancel_waiting(study, trial)

    def _settle(self, study: Study) -> None:
        if study.state == "stopping" and study.count("running") == 0:
            self._end(study, "completed")
        if not study.is_open:
            return
        if study.max_failed is not None and study.count("failed") >= study.max_failed:
            for trial in study.trials:
                trial.stop = trial.stop or trial.state == "running"
            self._end(study, "failed")
        elif study.is_at_target:
            self._stop(study, ask_running=True)
        elif study.count("running", "waiting") == 0 and study.budget_left == 0:
            self._end(study, "completed")
