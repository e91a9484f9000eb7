"""The trial's own process: waits for its order, runs the user's code once, says how it went, and is gone."""

import atexit
import contextlib
import logging
import os
import random
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import NoReturn

from studyhall.errors import StudyhallError
from studyhall.trial_context import BadCheckpoint, Infeasible, result_metrics
from workers.child.channel import Channel
from workers.child.context import ChannelTrial
from workers.child.doors import CommandFailed, function_for
from workers.child.isolation import NotIsolated, isolate
from workers.child.sandbox import die_with_parent, restrict
from workers.child.threads import limit_threads
from workers.messages import Done, NotFeasible, Start, Verdict, WentWrong, last_part


def run_trial(channel_fd: int, log_fd: int, keeper: int) -> NoReturn:
    """Runs in a fresh fork of the keeper and never returns."""
    code = 1
    try:
        os.setsid()
        die_with_parent(keeper)
        restrict()
        _use_files(log_fd)
        _forget_signals()
        channel = Channel(socket.socket(fileno=channel_fd))
        start = channel.receive(None)
        if isinstance(start, Start):
            _serve(start, channel)
        code = 0
    except BaseException:  # noqa: BLE001 - the edge of the process: what is not said here is never known
        with contextlib.suppress(BaseException):
            traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            _flush()
        os._exit(code)  # no clean-up of a forked interpreter: torch's would take longer than many a trial


def _serve(start: Start, channel: Channel) -> None:
    me = os.getpid()
    _enter(start)
    trial = ChannelTrial(start, channel)
    verdict = _run(start, trial) if (refusal := _keep_apart(start)) is None else refusal
    if os.getpid() != me:
        return  # the user's code forked, and this is the child
    _flush()
    if not trial.verdict_sent:
        channel.send(verdict)
    atexit._run_exitfuncs()  # noqa: SLF001 - a logger's run is closed there; nothing public runs them before os._exit


def _keep_apart(start: Start) -> WentWrong | None:
    try:
        if start.is_strict:
            isolate(Path(start.workdir))
    except NotIsolated as error:
        return WentWrong(kind="infrastructure", message=f"the trial cannot be isolated here: {error}")
    return None


def _run(start: Start, trial: ChannelTrial) -> Verdict:
    try:
        return _judge(function_for(start.task)(dict(start.parameters), trial), trial)
    except Infeasible as error:
        return NotFeasible(reason=last_part(error.reason, 4000))
    except BadCheckpoint as error:
        return WentWrong(kind="bad_checkpoint", message=last_part(str(error)))
    except StudyhallError as error:
        return WentWrong(kind="user_error", message=last_part(str(error)))
    except CommandFailed as error:
        return WentWrong(kind=error.kind, message=last_part(str(error)), see_log=True)
    except SystemExit as error:
        if _is_good(error) and trial.has_reported:
            return _judge(None, trial)
        told = _told(error.code, repr)
        return WentWrong(
            kind="no_result", message=last_part(f"the code called sys.exit({told}) before it had a result")
        )
    except BaseException as error:  # noqa: BLE001 - the user's code may raise anything, and we say what
        if _is_out_of_memory(error):
            return NotFeasible(reason=last_part(f"out of memory: {_told(error, str)}", 4000))
        return WentWrong(kind="user_error", message=_traceback_of(error))


def _judge(result: object, trial: ChannelTrial) -> Verdict:
    try:
        metrics = trial.final(result_metrics(result, trial.objectives))
    except Infeasible as error:
        return NotFeasible(reason=error.reason)
    except (TypeError, ValueError) as error:
        return WentWrong(kind="bad_result", message=last_part(str(error)))
    return Done(metrics=metrics, stopped=trial.was_told_to_stop)


def _enter(start: Start) -> None:
    atexit._clear()  # noqa: SLF001 - what the nursery has imported ends with the nursery
    os.environ.clear()
    os.environ.update(start.environment)
    time.tzset()
    os.chdir(start.workdir)
    sys.path[:0] = start.import_from
    sys.argv = ["studyhall-trial"]
    random.seed(start.seed)
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed(start.seed % 2**32)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(start.seed)
    limit_threads(start.threads)


def _use_files(log_fd: int) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(log_fd, 1)
    os.dup2(log_fd, 2)
    os.close(nothing)
    os.close(log_fd)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - lives as long as the process
    sys.stdout = open(1, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115


def _forget_signals() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def _flush() -> None:
    with contextlib.suppress(Exception):
        logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # the user's code may have closed it, or put anything in its place
            stream.flush()


def _is_good(end: SystemExit) -> bool:
    return end.code is None or (isinstance(end.code, int) and end.code == 0)


def _told(value: object, way: Callable[[object], str]) -> str:
    try:
        return way(value)
    except Exception:  # noqa: BLE001 - the user's code may raise anything there, too
        return f"an {type(value).__name__} that cannot be told"


def _is_out_of_memory(error: BaseException) -> bool:
    # By name: torch need not be imported, and other frameworks call theirs the same.
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"


def _traceback_of(error: BaseException) -> str:
    return last_part("".join(traceback.format_exception(type(error), error, _their_part(error.__traceback__))))


def _their_part(trace: TracebackType | None) -> TracebackType | None:
    return trace.tb_next if trace is not None and trace.tb_next is not None else trace
