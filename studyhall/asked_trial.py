"""A trial that this process has asked for and holds under a lease: its parameters, and how to tell what came out."""

import traceback
from collections.abc import Mapping
from contextlib import ExitStack
from operator import index
from types import TracebackType
from typing import Any, Final, Self

from studyhall.definition import W, read_word
from studyhall.errors import Conflict, InvalidInput, NotFound, StaleLease, StudyhallError, TrialFinished
from studyhall.tracing import AttemptTrace
from studyhall.transport import Connection, M, path_of
from studyhall.trial import FailureKind, Measurement, Trial
from studyhall.trial_context import Infeasible, MetricsGate, Number, result_metrics
from studyhall.wire import claims
from studyhall.wire.claims import (
    ClaimedTrial,
    Complete,
    Completed,
    Fail,
    Heartbeat,
    Origin,
    Release,
    Report,
    StudyBrief,
    Told,
)
from studyhall.words import Word

RESULT_PATIENCE_S: Final = 1800.0
"""For how long a result is sent again: a training is worth waiting for a server that comes back."""
MOST_AT_ONCE: Final = 1000
"""Measurements of one request."""
LONGEST_MESSAGE: Final = 16_384
LONGEST_REASON: Final = 4096


class AskedTrial:
    """One attempt at a trial. Its lease is renewed in the background for as long as this object lives.

    Used as a context manager it ends with its block: an exception fails the trial and goes on, an interrupt gives the
    trial back for somebody else, and Infeasible, which a report raises when an objective is not a finite number, only
    leaves the block. A block that ends without a result fails the trial too.

        with study.ask() as trial:
            for epoch in range(10):
                if not trial.report(epoch, loss=train(trial.parameters)):
                    break
            trial.complete(loss=evaluate())
    """

    def __init__(self, connection: Connection, claimed: ClaimedTrial, token: str) -> None:
        self._connection = connection
        self._claimed = claimed
        self._token = token
        self._gate = MetricsGate([objective.metric for objective in claimed.study.objectives])
        self._trace = AttemptTrace(claimed)
        self._active = ExitStack()
        self._last: dict[str, float] = {}
        self._ended: Trial | None = None
        self._checkpoint: int | None = None
        self._was_told_to_stop = False
        self.stop_reason: str | None = None
        """Why this trial should end soon, once the server has said so."""
        self.is_lost = False
        """Whether the lease has gone to somebody else; nothing more can be told."""

    def __repr__(self) -> str:
        return f"<trial {self.number} of {self.study.name}: {self.parameters}>"

    @property
    def id(self) -> str:
        """The trial's id, `tr_...`."""
        return self._claimed.trial.id

    @property
    def number(self) -> int:
        """Its place in the study, from 0."""
        return self._claimed.trial.number

    @property
    def parameters(self) -> dict[str, Any]:
        """The values to try, of the active parameters; the space says of which type each one is."""
        return self._claimed.trial.parameters

    @property
    def trial(self) -> Trial:
        """The trial as the server told it last."""
        return self._ended or self._claimed.trial

    @property
    def study(self) -> StudyBrief:
        """The study's name, objectives, seed and task."""
        return self._claimed.study

    @property
    def origin(self) -> Origin | None:
        """Which trial's checkpoint this one begins from, and after which step; None: it begins at the beginning."""
        return self._claimed.origin

    def saved(self, step: int) -> None:
        """Says that you keep a checkpoint after this step: once stopped, the trial may go on later (see `origin`).

        It is told with the next report, or with the end.
        """
        self._checkpoint = step

    @property
    def has_ended(self) -> bool:
        """Whether this attempt has told how it ended."""
        return self._ended is not None

    @property
    def heartbeat_s(self) -> float:
        """How often the lease is renewed, in seconds."""
        return self._claimed.lease.heartbeat_s

    def report(self, step: int, /, **metrics: Number) -> bool:
        """Tells the metrics at a step, and answers whether to go on.

        False means that this trial is not worth continuing: leave the loop and `complete()` with what there is.

        Raises:
            Infeasible: an objective is not a finite number; the server has been told that these parameters cannot work.
            StaleLease: somebody else has the trial now.
        """
        return self.report_many({step: metrics})

    def report_many(self, curve: Mapping[int, Mapping[str, Number]]) -> bool:
        """Tells the metrics at several steps in as few requests as can be; otherwise as `report`."""
        try:
            steps = [(index(step), metrics) for step, metrics in curve.items()]
            gated = [(step, self._gate.at_step(step, metrics)) for step, metrics in steps]
        except Infeasible as error:
            raise self.infeasible(error.reason) from None
        news = [Measurement(step=step, metrics=metrics) for step, metrics in gated if metrics]
        for start in range(0, len(news), MOST_AT_ONCE):
            part = news[start : start + MOST_AT_ONCE]
            body = self._held(Report, measurements=part, checkpoint=self._checkpoint)
            self._hear(self._tell("measurements", body, Told))
        for each in news:
            self._last |= each.metrics
            self._trace.step(each.step, each.metrics)
        return self.check()

    def check(self) -> bool:
        """Whether to go on, as far as the last report or heartbeat knows; asks nobody."""
        self._was_told_to_stop = self._was_told_to_stop or self.stop_reason is not None or self.is_lost
        return not self._was_told_to_stop

    def heartbeat(self) -> bool:
        """Renews the lease now and answers whether to go on; it happens by itself in the background."""
        self._hear(self._tell("heartbeat", self._held(Heartbeat), Told, patience_s=0))
        return self.stop_reason is None

    def complete(self, value: Number | Mapping[str, Number] | None = None, /, **metrics: Number) -> Trial:
        """Tells the final metrics: a number for the one objective, a mapping or keywords.

        Metrics that are not given keep the value that was reported last, as for a worker's trials. After `report()` or
        `check()` has said to stop, the trial counts as pruned.

        Raises:
            Infeasible: an objective is not a finite number; the server has been told that these parameters cannot work.
            InvalidInput: an objective is missing.
            StaleLease, TrialFinished: this result came too late and does not count.
        """
        given = result_metrics(value, self._gate.objectives) | metrics
        try:
            found = self._last | self._gate.finite(given, "at the end")
        except Infeasible as error:
            raise self.infeasible(error.reason) from None
        if not found:
            raise InvalidInput("there is no result: a value or metrics must be returned, told or reported")
        body = self._held(Complete, metrics=found, pruned=self._was_told_to_stop, checkpoint=self._checkpoint)
        return self._end(self._tell("complete", body, Completed).trial)

    def prune(self) -> Trial:
        """Ends the trial early, by the caller's own judgement: what it reported last stands.

        Raises:
            InvalidInput: an objective was never reported.
        """
        self._was_told_to_stop = True
        return self.complete()

    def infeasible(self, reason: object) -> Infeasible:
        """Tells that these parameters cannot work, so that the search learns from it; raise what this answers."""
        self._end(self._tell("infeasible", self._held(claims.Infeasible, reason=str(reason)[:LONGEST_REASON]), Trial))
        return Infeasible(reason)

    def fail(self, message: str = "", *, kind: FailureKind = "user_error") -> Trial:
        """Tells that this attempt went wrong; `kind` decides whether the trial is tried again."""
        return self._end(self._tell("fail", self._held(Fail, kind=kind, message=message[-LONGEST_MESSAGE:]), Trial))

    def release(self, reason: str | None = None) -> Trial:
        """Gives the trial back, for somebody else to run; it costs neither budget nor a retry."""
        return self._end(self._tell("release", self._held(Release, reason=reason), Trial))

    def __enter__(self) -> Self:
        self._active.enter_context(self._trace.active())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        with self._active:
            if not (self.has_ended or self.is_lost or isinstance(error, Conflict)):
                try:
                    self._end_as(error)
                except StudyhallError:
                    if error is None:
                        raise  # else the user's own exception is the news, and the lease runs out by itself
        return isinstance(error, Infeasible)

    def _end_as(self, error: BaseException | None) -> None:
        match error:
            case None if self._was_told_to_stop and self._last:
                self.complete()
            case None:
                self.fail("the block ended without complete()", kind="no_result")
            case Infeasible():
                self.infeasible(error.reason)
            case Exception():
                self.fail("".join(traceback.format_exception(error)))
            case _:
                self.release(f"interrupted: {type(error).__name__}")

    def _held(self, kind: type[W], /, **fields: object) -> W:
        return read_word(kind, {"attempt": self._claimed.attempt, "token": self._token, **fields})

    def _tell(self, verb: str, body: Word, kind: type[M], *, patience_s: float = RESULT_PATIENCE_S) -> M:
        try:
            path = path_of("trials", self.id, verb)
            with self._trace.active():
                return self._connection.post(path, body, kind, natural_key=True, patience_s=patience_s)
        except (StaleLease, TrialFinished, NotFound) as error:
            self.is_lost = True
            self._trace.note("lost", error.message, failed=True)
            self._trace.end()
            raise

    def _hear(self, told: Told) -> None:
        if told.directive == "stop":
            self.stop_reason = told.reason or "asked to stop"

    def _end(self, trial: Trial) -> Trial:
        self._ended = trial
        self._trace.note(trial.state, trial.reason, failed=trial.failure is not None)
        self._trace.end()
        return trial
