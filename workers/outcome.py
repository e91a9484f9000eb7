"""How an attempt ended, judged from what its process said, how it died and what was asked of it. Pure functions."""

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from studyhall.trial import FailureKind, Measurement
from studyhall.wire import claims
from workers.messages import Done, Ended, NotFeasible, Verdict, WentWrong, last_part, signal_name

LOG_IN_MESSAGE: Final = 4096


@dataclass(frozen=True)
class Completed:
    """The trial has a result; `pruned` if it was stopped before its end."""

    metrics: dict[str, float]
    pruned: bool = False


@dataclass(frozen=True)
class Infeasible:
    """This configuration cannot work."""

    reason: str


@dataclass(frozen=True)
class Failed:
    """Something went wrong."""

    kind: FailureKind
    message: str


@dataclass(frozen=True)
class Released:
    """The trial is given back for another attempt."""

    reason: str


@dataclass(frozen=True)
class Dropped:
    """The lease is lost: there is nothing to tell the server."""

    reason: str


Outcome = Completed | Infeasible | Failed | Released | Dropped


def in_a_word(outcome: Outcome) -> tuple[str, str | None]:
    """The state that an outcome leads to, or the kind of a failure, and why."""
    match outcome:
        case Completed(pruned=pruned):
            return "pruned" if pruned else "completed", None
        case Failed(kind=kind, message=message):
            return kind, message
    return type(outcome).__name__.lower(), outcome.reason


@dataclass(frozen=True)
class StopAsked:
    """Why a trial was asked to stop; `release`: because its worker goes away, so it shall be run again."""

    reason: str
    release: bool = False


@dataclass(frozen=True)
class Evidence:
    """All that is known about an attempt at its end.

    Args:
        verdict: what its process said last.
        ended: how its process ended, if it has.
        latest: the last value of each metric that it reported.
        stop: what was asked of it.
        timeout_s: how long it was allowed to run, if it was ended for that.
        lost: why its lease is gone.
        log: the last lines of its output.
    """

    objectives: Sequence[str]
    verdict: Verdict | None = None
    ended: Ended | None = None
    latest: Mapping[str, float] | None = None
    stop: StopAsked | None = None
    timeout_s: float | None = None
    lost: str | None = None
    log: str = ""


def judge(evidence: Evidence) -> Outcome:
    """The one outcome that follows from the evidence."""
    if evidence.lost is not None:
        return Dropped(evidence.lost)
    match evidence.verdict:
        case Done():
            return _result(evidence, evidence.verdict)
        case NotFeasible(reason=reason):
            return Infeasible(reason)
        case WentWrong() if evidence.stop is None and evidence.timeout_s is None:
            return Failed(evidence.verdict.kind, _with_log(evidence.verdict, evidence.log))
    if evidence.timeout_s is not None:
        return Failed("timeout", f"ran longer than the {evidence.timeout_s:g} s it was allowed (timeout_s)")
    if evidence.stop is not None:
        return _stopped(evidence, evidence.stop)
    return _died(evidence.ended or Ended(signal=signal.SIGKILL), evidence.log)


def _result(evidence: Evidence, done: Done) -> Outcome:
    if done.stopped and evidence.stop is not None:
        return _stopped(evidence, evidence.stop, done.metrics)
    metrics = {**(evidence.latest or {}), **done.metrics}
    missing = [name for name in evidence.objectives if name not in metrics]
    if not missing:
        return Completed(metrics)
    told = f"it told {', '.join(sorted(metrics))}" if metrics else "it returned nothing and reported nothing"
    return Failed("bad_result", f"the result lacks the objective '{missing[0]}'; {told}")


def _stopped(evidence: Evidence, stop: StopAsked, returned: Mapping[str, float] | None = None) -> Outcome:
    metrics = {**(evidence.latest or {}), **(returned or {})}
    if stop.release:
        return Released(stop.reason)
    if metrics:
        return Completed(metrics, pruned=True)
    return Released(f"stopped before its first measurement: {stop.reason}")


def _died(ended: Ended, log: str) -> Outcome:
    if ended.limit is not None:
        if ended.limit.startswith("out of memory"):
            return Infeasible(ended.limit)
        return Failed("user_error", _and_log(ended.limit, log))
    if ended.signal is None:
        return Failed(
            "no_result", _and_log(f"the process exited with code {ended.exit_code} before it had a result", log)
        )
    name = signal_name(ended.signal)
    if ended.signal in _FROM_OUTSIDE:
        hint = ", perhaps because the machine ran out of memory" if ended.signal == signal.SIGKILL else ""
        return Failed("killed", _and_log(f"the process was killed from outside by {name}{hint}", log))
    return Failed("user_error", _and_log(f"the process crashed with {name}", log))


_FROM_OUTSIDE: Final = {signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}


def _with_log(verdict: WentWrong, log: str) -> str:
    return _and_log(verdict.message, log) if verdict.see_log else verdict.message


def _and_log(message: str, log: str) -> str:
    return f"{message}; its last lines:\n{last_part(log, LOG_IN_MESSAGE)}" if log.strip() else message


def to_wire(
    outcome: Outcome,
    *,
    attempt: int,
    token: str,
    measurements: Sequence[Measurement] = (),
    checkpoint: int | None = None,
    next_claim: claims.NextClaim | None = None,
) -> claims.Complete | claims.Infeasible | claims.Fail | claims.Release | None:
    """The request that tells an outcome; None when there is nothing to tell."""
    match outcome:
        case Completed(metrics=metrics, pruned=pruned):
            return claims.Complete(
                attempt=attempt,
                token=token,
                metrics=metrics,
                pruned=pruned,
                measurements=tuple(measurements),
                checkpoint=checkpoint,
                claim=next_claim,
            )
        case Infeasible(reason=reason):
            return claims.Infeasible(attempt=attempt, token=token, reason=last_part(reason, 4096))
        case Failed(kind=kind, message=message):
            return claims.Fail(attempt=attempt, token=token, kind=kind, message=last_part(message, 16_384))
        case Released(reason=reason):
            return claims.Release(attempt=attempt, token=token, reason=last_part(reason, 4096))
        case Dropped():
            return None
