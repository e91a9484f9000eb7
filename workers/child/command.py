"""The third door: a program of any language, started from an argv template, whose metrics are JSON lines on stdout.

    ["python", "train.py", "--lr", "{lr}", "--seed", "{trial.seed}"]     one placeholder for each value
    ["./train", "{args}"]                                               --lr 0.1 --layers 2, active parameters only
    ["./train", "--config", "{params_json}"]                            all of them as one JSON text

Each printed line that is a JSON object of numbers is read: with a "step" it is a measurement, without one it is (part
of) the result. Every other line is log. No shell is involved: an argument stays one argument whatever it holds.

A program that shall not print JSON has two other ways, in the task's settings: `metrics_file`, a path below the
attempt's own directory (`{trial.workdir}`, where the program starts) to which it writes the same lines, and `patterns`
(`workers.child.metric_lines`).
"""

import contextlib
import json
import math
import os
import re
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from studyhall.errors import InvalidInput
from studyhall.study import PLACEHOLDER
from studyhall.trial import FailureKind
from studyhall.trial_context import TrialContext
from workers.child.metric_lines import LONGEST_LINE, STEP, MetricLines, MetricsFile, metrics_in
from workers.messages import signal_name

CHECK_EVERY_S: Final = 0.5
LAST_OUTPUT_S: Final = 1.0
"""For what a program that has ended has written to come through, where others pass it on (`exec > >(tee log)`)."""
PIECE: Final = 65_536


class CommandFailed(Exception):
    """The program could not be started, or it ended with an error."""

    def __init__(self, kind: FailureKind, message: str) -> None:
        self.kind = kind
        super().__init__(message)


def run_command(template: Sequence[str], parameters: Mapping[str, Any], trial: TrialContext) -> dict[str, float]:
    """Runs the program to its end, or asks it to terminate when the trial is stopped.

    Raises:
        InvalidInput: a placeholder has no value.
        CommandFailed: the program is not there, or ends with an error that nobody asked for.
    """
    arguments = fill_template(template, parameters, trial)
    try:
        program = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    except OSError as error:
        raise CommandFailed("user_error", f"'{arguments[0]}' cannot be started: {error.strerror}") from error
    result: dict[str, float] = {}
    told, file, look_at = MetricLines(trial.settings), _metrics_file(trial), 0.0
    for line in _lines(program, trial):
        sys.stdout.write(line)
        for part in line.split("\r"):  # a progress bar may have been there
            _take(told.read(part), trial, result)
        if file is not None and time.monotonic() >= look_at:
            look_at = time.monotonic() + CHECK_EVERY_S
            _take_all(file.new_lines(), trial, result)
    code = program.wait()
    if file is not None:
        _take_all(file.new_lines(is_last=True), trial, result)
    _check_end(code, trial)
    return result


def fill_template(template: Sequence[str], parameters: Mapping[str, Any], trial: TrialContext) -> list[str]:
    """The argv of this trial.

    Raises:
        InvalidInput: a placeholder names no active parameter.
    """
    known = {name: _text(value) for name, value in parameters.items()}
    known |= {"params_json": json.dumps(dict(parameters)), **_about(trial)}
    filled: list[str] = []
    for argument in template:
        if argument == "{args}":
            filled += [part for name, value in parameters.items() for part in (f"--{name}", _text(value))]
        else:
            filled.append(PLACEHOLDER.sub(lambda found: _value(found, known), argument))
    return filled


def _metrics_file(trial: TrialContext) -> MetricsFile | None:
    name = trial.settings.get("metrics_file")
    return None if name is None else MetricsFile(trial.workdir / str(name))


def _take(metrics: dict[str, float] | None, trial: TrialContext, result: dict[str, float]) -> None:
    """A measurement, where it has a step; otherwise a part of the result."""
    if metrics is None:
        return
    step = metrics.pop(STEP, None)
    if step is None:
        result |= metrics
    else:
        _report(trial, step, metrics)


def _take_all(lines: Iterable[str], trial: TrialContext, result: dict[str, float]) -> None:
    for line in lines:
        _take(metrics_in(line), trial, result)


def _report(trial: TrialContext, step: float, metrics: dict[str, float]) -> None:
    if step % 1 != 0:  # so are those that are not finite
        raise CommandFailed("bad_result", f"the program printed the step {step}; steps are whole numbers")
    if not metrics:
        return
    try:
        trial.report(int(step), **metrics)
    except ValueError as error:
        raise CommandFailed("bad_result", str(error)) from error


def _lines(program: "subprocess.Popen[bytes]", trial: TrialContext) -> Iterator[str]:
    """The program's output line by line, and "" now and then in its silences; looks whether the trial is stopped."""
    asked, rest = False, b""
    for piece in _pieces(program):
        if not asked and not trial.check():
            asked = True
            program.send_signal(signal.SIGTERM)
        *lines, rest = (rest + piece).split(b"\n")
        if len(rest) > LONGEST_LINE:
            lines, rest = [*lines, rest], b""
        yield from (line.decode("utf-8", "replace") + "\n" for line in lines)
        yield ""
    if rest:
        yield rest.decode("utf-8", "replace")


def _pieces(program: "subprocess.Popen[bytes]") -> Iterator[bytes]:
    """What the program prints until it has ended, and b"" now and then in its silences.

    Not until its output is closed: what it leaves running in the background may hold that for ever, and a program may
    close its own and work on.
    """
    assert program.stdout is not None  # noqa: S101 - Popen was asked for a pipe
    output = program.stdout.fileno()
    with selectors.DefaultSelector() as ready:
        ready.register(output, selectors.EVENT_READ)
        while program.poll() is None:
            if not ready.get_map():
                with contextlib.suppress(subprocess.TimeoutExpired):
                    program.wait(CHECK_EVERY_S)
                yield b""
            elif not ready.select(CHECK_EVERY_S):
                yield b""
            elif piece := os.read(output, PIECE):
                yield piece
            else:
                ready.unregister(output)
        give_up = time.monotonic() + LAST_OUTPUT_S
        while ready.get_map() and ready.select(max(0.0, give_up - time.monotonic())):
            piece = os.read(output, PIECE)
            if not piece or time.monotonic() > give_up:
                return
            yield piece


def _check_end(code: int, trial: TrialContext) -> None:
    if code == 0 or not trial.check():
        return
    how = f"was ended by {signal_name(-code)}" if code < 0 else f"exited with code {code}"
    kind: FailureKind = "killed" if code == -signal.SIGKILL else "user_error"
    raise CommandFailed(kind, f"the program {how}")


def _about(trial: TrialContext) -> dict[str, str]:
    facts = {
        "seed": trial.seed,
        "number": trial.number,
        "device": trial.device,
        "workdir": trial.workdir,
        "resume_from": trial.resume_from or "",
        "inherit_from": trial.inherit_from or "",
    }
    return {f"trial.{name}": str(value) for name, value in facts.items()}


def _value(found: "re.Match[str]", known: Mapping[str, str]) -> str:
    if found[0] in ("{{", "}}"):
        return found[0][0]
    if found[1] not in known:
        raise InvalidInput(
            f"the command asks for {found[0]}, which is no active parameter of this trial; "
            "'{args}' passes those that are active"
        )
    return known[found[1]]


def _text(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    return repr(value) if isinstance(value, float) and math.isfinite(value) else str(value)
