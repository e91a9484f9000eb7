"""A study as the SDK sees it: ask and tell, results, events, and the buttons a person may press."""

import itertools
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, Self, get_args, overload

from studyhall.asked_trial import AskedTrial
from studyhall.definition import read_word
from studyhall.errors import InvalidInput, StudyEnded, Unavailable
from studyhall.explanation import Predictions, PredictPoints
from studyhall.interchange.trial_files import read_trials
from studyhall.lease_keeper import LeaseKeeper
from studyhall.parameters import Parameter
from studyhall.progress import ProgressLine
from studyhall.shares import WEEK_S, CreateShare, Share
from studyhall.study import Study, StudyState
from studyhall.study_analysis import StudyAnalysis, of_history
from studyhall.transport import Connection, M, Query, path_of
from studyhall.trial import Prediction, Trial, TrialState
from studyhall.trial_columns import data_frame
from studyhall.trial_context import LocalTrial, Number, TrialContext, result_metrics, trial_seed
from studyhall.trial_table import table_of
from studyhall.wire.claims import Claim, Claimed
from studyhall.wire.pages import Page
from studyhall.wire.results import Analysis, AnalysisKind, Best, Event, Events, History, Summary, TrialColumns
from studyhall.wire.studies import ConfirmStudy, ExportFormat, PatchStudy, PauseStudy, QueueTrials, StopStudy
from studyhall.words import Word

ANALYSIS_S: Final = 30.0
"""How long an analysis of a very large study may take."""
POLL_S: Final = 20.0
"""How long the server holds one question back when there is nothing to say yet."""
PROGRESS_S: Final = 1.0
"""How often the progress of trials that run together is shown, in seconds."""
ENDING: Final = frozenset({StudyState.STOPPING, StudyState.COMPLETED, StudyState.FAILED})


Sort = Literal["number", "-number", "value", "-value"]
"""By number, or by the objective's value; with - the largest first."""
Trainable = Callable[[dict[str, Any], TrialContext], Number | Mapping[str, Number] | None]
"""A function of parameters and trial, as workers run it too; it answers the final value or metrics."""


class StudyHandle:
    """One study on a server. `definition` is what the server told last; `refresh()` asks again."""

    def __init__(self, connection: Connection, study: Study, keeper: LeaseKeeper, *, worker: str) -> None:
        self.definition = study
        self._connection = connection
        self._keeper = keeper
        self._worker = worker

    def __repr__(self) -> str:
        return f"<study {self.name} ({self.definition.state}): {self.definition.trials.finished} trials finished>"

    @property
    def id(self) -> str:
        """The study's id, `st_...`."""
        return self.definition.id

    @property
    def name(self) -> str:
        """The study's name."""
        return self.definition.name

    def refresh(self) -> Study:
        """Reads the study anew."""
        self.definition = self._get("", Study)
        return self.definition

    @overload
    def ask(self, count: None = None, *, wait_s: float = 60.0) -> AskedTrial: ...
    @overload
    def ask(self, count: int, *, wait_s: float = 60.0) -> list[AskedTrial]: ...
    def ask(self, count: int | None = None, *, wait_s: float = 60.0) -> AskedTrial | list[AskedTrial]:
        """Asks for a trial to evaluate, or with `count` for a list of up to that many, at least one.

        Args:
            wait_s: how long to wait, in seconds, while none is free (the study is paused, or at its parallelism).

        Raises:
            StudyEnded: when the study hands out no more trials.
            Unavailable: when none came free in time.
        """
        if count is not None and count < 1:
            raise InvalidInput("count is a number from 1")
        trials = self._claim(count or 1, wait_s)
        for trial in trials:
            self._keeper.keep(trial)
        return trials[0] if count is None else trials

    def tell(
        self, trial: AskedTrial, value: Number | Mapping[str, Number] | None = None, /, **metrics: Number
    ) -> Trial:
        """Tells a trial's final metrics; the same as `trial.complete(...)`."""
        return trial.complete(value, **metrics)

    def queue(self, *parameters: Mapping[str, Any], labels: Mapping[str, str] | None = None) -> list[Trial]:
        """Queues assignments to try next, all or none; what is missing of one is suggested when it is claimed."""
        trials = [{"parameters": one, "labels": dict(labels or {})} for one in parameters]
        return list(self._post("trials", read_word(QueueTrials, {"trials": trials}), Page[Trial]).items)

    def add(self, *trials: Mapping[str, Any]) -> list[Trial]:
        """Imports trials run elsewhere, all or none: `{"parameters": ..., "state": "completed", "metrics": ...}`."""
        return list(self._post("trials", read_word(QueueTrials, {"trials": list(trials)}), Page[Trial]).items)

    def add_file(self, path: str | Path) -> int:
        """Adds the trials of a file and answers how many: JSON lines, CSV or Parquet, by its ending.

        In portions, each added whole or not at all; `studyhall.interchange.trial_files` says what may stand in it.
        """
        return sum(len(self.add(*portion)) for portion in read_trials(path, table_of(self.definition)))

    def export(self, path: str | Path, *, format: ExportFormat | None = None) -> Path:
        """Writes all trials to a file, whole or not at all.

        Args:
            format: None: what the path ends in, `.jsonl`, `.csv` or `.parquet`.

        Raises:
            Unreachable: the server was lost on the way.
        """
        path = Path(path)
        beside = path.with_name(f".{path.name}.part")
        try:
            with beside.open("wb") as file:
                file.writelines(self.export_pieces(format or _format_of(path)))
            return beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)

    def export_pieces(self, format: ExportFormat) -> Iterator[bytes]:
        """The same file in pieces, as the server sends them."""
        return self._connection.stream(self._path("export"), query={"format": format})

    def best(self) -> Trial | None:
        """The best completed trial of a study with one objective; None before the first."""
        return next(iter(self._get("best", Best).trials), None)

    def pareto(self) -> list[Trial]:
        """The trials that no other one beats in every objective."""
        return list(self._get("pareto", Best).trials)

    def parameters(self) -> list[Parameter]:
        """All parameters that a trial may have: those declared, then those that the architecture stands for."""
        return list(self._connection.pages(self._path("parameters"), Page[Parameter]))

    def trial_columns(self, *, limit: int = 10_000, cursor: str | None = None) -> TrialColumns:
        """Up to 20,000 trials at once, newest first, as columns; `next_cursor` asks for those before them."""
        return self._get("trials/columns", TrialColumns, query={"limit": limit, "cursor": cursor})

    def summary(self) -> Summary:
        """The study at a glance: counts, best, pace."""
        return self._get("summary", Summary)

    def history(self, *, objective: str | None = None, max_points: int = 2000) -> History:
        """The course of the search, by default of the first objective: numbers, states, values, the best so far.

        Of several objectives only one that is named has a best.
        """
        return self._get("analyses/history", History, query={"objective": objective, "max_points": max_points})

    def predict(self, *points: Mapping[str, Any]) -> list[Prediction]:
        """What the model expects at points of the space: mean and deviation of each objective, in its own units.

        Raises:
            InvalidInput: a point is not in the space, or not complete.
            Conflict: fewer than three trials have results.
        """
        asked = read_word(PredictPoints, {"points": points})
        return list(self._post("predict", asked, Predictions).predictions)

    def analysis(self, kind: AnalysisKind | Literal["history"], **options: Any) -> StudyAnalysis:
        """What the history says, as columns; `.frame()` makes a pandas data frame of them.

        Args:
            options: `objective`, `method` (of importance: `ped_anova`, `fanova`; of dependence: `model`, `forest`),
                `parameters`, `trials` (of curves: numbers), `max_points`; `history` knows the first and the last.

        Raises:
            InvalidInput: for an objective or a parameter that the study does not have.
            Unavailable: when the analysis took too long.
        """
        if kind == "history":
            told = self.history(objective=options.get("objective"), max_points=options.get("max_points") or 2000)
            return of_history(self.name, told)
        return StudyAnalysis(self._get(f"analyses/{kind}", Analysis, query=options, wait_s=ANALYSIS_S))

    def trials(
        self,
        *,
        state: TrialState | str | Sequence[TrialState | str] | None = None,
        label: str | None = None,
        worker: str | None = None,
        since: int | None = None,
        number: Sequence[int] | None = None,
        sort: Sort = "number",
        page_size: int = 100,
    ) -> Iterator[Trial]:
        """All trials that match, page by page as they are needed.

        Args:
            state: one, or any of several.
            label: `key` or `key=value`.
            since: only those changed after that sequence number.
            number: only those with these numbers, 100 at most.
        """
        query: Query = {
            "state": state,
            "label": label,
            "worker": worker,
            "since": since,
            "number": number,
            "sort": sort,
        }
        return self._connection.pages(self._path("trials"), Page[Trial], query=query, page_size=page_size)

    def trials_dataframe(self, **filters: Any) -> Any:
        """All trials that match (see `trials`) as a pandas frame by number: facts, `parameters.NAME`, `metrics.NAME`.

        Raises:
            StudyhallError: pandas is not installed.
        """
        return data_frame(self.definition, self.trials(page_size=500, **filters))

    def confirm(self, *, top: int = 3, seeds: int = 3, name: str | None = None) -> Self:
        """Makes a study that runs the best trials again with other seeds; `studyhall.confirmation.ranking` judges them.

        Args:
            top: how many; of several objectives, of the Pareto front in the order of the first one.
            seeds: how often each.
            name: by default that of the study and `-confirmed`.

        Raises:
            InvalidInput: no trial is completed.
            NameTaken: the study has been confirmed under this name before.
        """
        made = self._post("confirm", read_word(ConfirmStudy, {"top": top, "seeds": seeds, "name": name}), Study)
        return type(self)(self._connection, made, self._keeper, worker=self._worker)

    def share(self, name: str = "", *, expires_in_s: float = WEEK_S) -> Share:
        """Makes a link with which anyone may look at this study until it expires; `link` is told only here."""
        made = self._post("shares", CreateShare(name=name, expires_in_s=expires_in_s), Share)
        return made.model_copy(update={"link": f"{self._connection.url}{made.link}"})

    def shares(self) -> Iterator[Share]:
        """The links to this study, without their keys."""
        return self._connection.pages(self._path("shares"), Page[Share])

    def unshare(self, id: str) -> None:
        """Ends a link at once."""
        self._connection.send("DELETE", self._path("shares", id))

    def events(self, after: int = 0, *, follow: bool = True) -> Iterator[Event]:
        """What happened after a sequence number, in order; with `follow` also what comes, until the study ends."""
        wait_s, has_ended = 0.0, not follow
        while True:
            told = self._get("events", Events, query={"after": after, "wait_s": wait_s}, wait_s=wait_s)
            yield from told.items
            if not told.items:
                if has_ended:
                    return
                # Asked once more after the end is known: the last events may have come in between.
                has_ended = self.refresh().state.has_ended
            after = max(after, told.sequence)
            wait_s = 0.0 if told.items or has_ended else POLL_S

    def summaries(self, *, every_s: float = POLL_S) -> Iterator[Summary]:
        """How the study stands now, and again when something happens or `every_s` seconds have passed, to its end."""
        while True:
            summary = self.summary()
            yield summary
            if summary.state.has_ended:
                return
            query: Query = {"after": summary.sequence, "wait_s": every_s}
            self._get("events", Events, query=query, wait_s=every_s)

    def pause(self, *, running: Literal["go_on", "save"] = "go_on") -> Study:
        """Hands out no more trials until `resume()`; running ones go on, or save a checkpoint and wait."""
        return self._keep(self._post("pause", PauseStudy(running=running), Study))

    def resume(self) -> Study:
        """Hands out trials again."""
        return self._keep(self._post("resume", None, Study))

    def stop(self, *, mode: Literal["drain", "graceful", "kill"] = "graceful", reason: str | None = None) -> Study:
        """Ends the study: `drain` lets running trials end, `graceful` asks them to, `kill` cancels them at once."""
        return self._keep(self._post("stop", StopStudy(mode=mode, reason=reason), Study))

    def archive(self) -> Study:
        """Puts the study away, once it has ended: out of the lists, and read-only."""
        return self._keep(self._post("archive", None, Study))

    def unarchive(self) -> Study:
        """Takes it back, as it was."""
        return self._keep(self._post("unarchive", None, Study))

    def change(self, **fields: Any) -> Study:
        """Changes what may change.

        Args:
            fields: `budget`, `algorithm`, `stopping`, `parallelism`, `priority`, `labels`, `description`, `space`.

        Raises:
            VersionConflict: when somebody else has changed the study since it was read; `refresh()` and repeat.
        """
        patch = read_word(PatchStudy, fields)
        headers = {"If-Match": f'"{self.definition.sequence}"'}
        return self._keep(self._connection.send("PATCH", self._path(), patch, headers=headers).read(Study))

    def delete(self, *, force: bool = False) -> None:
        """Deletes the study and everything in it; `force`: even while trials are running."""
        self._connection.send("DELETE", self._path(), query={"force": force or None})

    def optimize(
        self,
        function: Trainable,
        n_trials: int | None = None,
        *,
        n_jobs: int = 1,
        progress: bool | None = None,
    ) -> Trial | None:
        """Evaluates trials here and returns the best.

        Args:
            function: gets the parameters and the trial, as a worker's would (`studyhall.trial_context`).
            n_trials: how many; None: until the study ends, by its budget for instance.
            n_jobs: how many at once, in threads of this process; for work that Python's lock would serialize run
                workers instead.
            progress: a line on standard error; None: when that is a terminal.

        Raises:
            Exception: whatever `function` raises; its trial has failed with the traceback then. Others that run at the
                same time are finished before.
        """
        if n_jobs < 1:
            raise InvalidInput("n_jobs is a number from 1")
        if n_trials is not None and n_trials < 0:
            raise InvalidInput("n_trials is a number from 0, or None: until the study ends")
        with ProgressLine(self._connection.clock, shown=progress) as line:
            show = partial(self._show, line, n_trials)
            if n_jobs > 1:
                self._evaluate_together(function, n_trials, n_jobs, show)
            else:
                self._evaluate_in_turn(function, n_trials, show)
        self.refresh()
        return self.best() if len(self.definition.objectives) == 1 else None

    def _show(self, line: ProgressLine, n_trials: int | None, done: int) -> None:
        """Paints how far it is: of the trials wanted here, or else of the study's budget."""
        if line.is_shown:
            summary = self.summary()
            total, here = (summary.planned_trials, None) if n_trials is None else (n_trials, done)
            line.show(summary, goal=self.definition.objectives[0], total=total, done=here)

    def _evaluate_in_turn(self, function: Trainable, n_trials: int | None, show: Callable[[int], None]) -> None:
        done = 0
        while done != n_trials:
            show(done)
            if not self._evaluate_one(function):
                break
            done += 1
        show(done)

    def _evaluate_together(
        self, function: Trainable, n_trials: int | None, n_jobs: int, show: Callable[[int], None]
    ) -> None:
        turns = itertools.count() if n_trials is None else iter(range(n_trials))
        turn, enough = threading.Lock(), threading.Event()
        done = itertools.count(1)
        so_far = 0

        def work() -> None:
            nonlocal so_far
            while not enough.is_set():
                with turn:
                    if next(turns, None) is None:
                        return
                try:
                    if not self._evaluate_one(function):
                        enough.set()
                        return
                except BaseException:
                    enough.set()
                    raise
                so_far = next(done)

        with ThreadPoolExecutor(n_jobs, thread_name_prefix="studyhall-trial") as threads:
            running = [threads.submit(work) for _ in range(n_jobs)]
            try:
                while wait(running, timeout=PROGRESS_S).not_done:
                    show(so_far)
            finally:
                enough.set()  # after an interrupt the trials that run are finished, and no others begun
        for one in running:
            one.result()
        show(so_far)

    def _evaluate_one(self, function: Trainable) -> bool:
        try:
            asked = self.ask()
        except StudyEnded:
            return False
        with asked, tempfile.TemporaryDirectory(prefix="studyhall-trial-") as directory:
            here = _context(asked, Path(directory))
            asked.complete(result_metrics(function(dict(asked.parameters), here), here.objectives))
        return True

    def _claim(self, count: int, wait_s: float) -> list[AskedTrial]:
        token = uuid.uuid4().hex
        clock = self._connection.clock
        deadline = clock() + wait_s
        while True:
            left_s = max(deadline - clock(), 0.0)
            claim = Claim(token=token, worker=self._worker, study=self.id, count=count, wait_s=min(left_s, POLL_S))
            answer = self._connection.post("/v1/claims", claim, natural_key=True, wait_s=claim.wait_s)
            if answer.status == 200:
                return [AskedTrial(self._connection, one, token) for one in answer.read(Claimed).trials]
            state = answer.headers.get("x-study-state", "active")
            if state in ENDING:
                raise StudyEnded(f"study '{self.name}' is {state} and hands out no more trials")
            left_s = deadline - clock()
            if left_s <= 0:
                raise Unavailable(f"no trial of study '{self.name}' ({state}) came free in {wait_s:g} s")
            self._connection.sleep(min(answer.retry_after_s or 0.0, left_s))

    def _path(self, *parts: str) -> str:
        return path_of("studies", self.id, *parts)

    def _get(self, what: str, kind: type[M], *, query: Query | None = None, wait_s: float = 0.0) -> M:
        return self._connection.get(self._path(*filter(None, what.split("/"))), kind, query=query, wait_s=wait_s)

    def _post(self, what: str, body: Word | None, kind: type[M]) -> M:
        return self._connection.post(self._path(what), body, kind)

    def _keep(self, study: Study) -> Study:
        self.definition = study
        return study


def _format_of(path: Path) -> ExportFormat:
    formats: dict[str, ExportFormat] = {f".{name}": name for name in get_args(ExportFormat)}
    found = formats.get(path.suffix.lower())
    if found is None:
        raise InvalidInput(f"'{path.name}' ends in none of {', '.join(formats)}; say which format")
    return found


def _context(asked: AskedTrial, directory: Path) -> LocalTrial:
    def tell(step: int, metrics: dict[str, float]) -> bool:
        return asked.report(step, **metrics)

    task, architecture = asked.study.task, asked.study.architecture
    local = LocalTrial(
        number=asked.number,
        seed=trial_seed(asked.study.seed, asked.number),
        settings=task.settings if task else {},
        objectives=[objective.metric for objective in asked.study.objectives],
        network=None if architecture is None else architecture.graph(asked.parameters),
        tell=tell,
    )
    local.workdir = directory
    return local
