"""`studyhall demo`: a real study from its first trial to a model that predicts, on this machine."""

import argparse
import json
import shlex
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from studyhall.client import Client
from studyhall.commands.children import Stopped, raise_on_signals
from studyhall.commands.local_stack import LocalStack, occupied, unexpected_end
from studyhall.commands.printing import print_facts
from studyhall.errors import InvalidInput, StudyhallError
from studyhall.progress import ProgressLine, duration_text
from studyhall.study_handle import StudyHandle
from studyhall.trial import Trial

WORKERS: Final = 2
MAX_SECONDS: Final = 170.0
"""Of search; the study ends by itself then, on however slow a machine."""
PATIENCE_S: Final = 60.0
"""How long its last trials may take after that."""
SCORING_S: Final = 120.0

SPACE: Final[list[dict[str, Any]]] = [
    {"name": "lr", "type": "float", "low": 3e-4, "high": 0.1, "scale": "log"},
    {"name": "optimizer", "type": "categorical", "choices": ["sgd", "adam", "adamw"]},
    {"name": "momentum", "type": "float", "low": 0.0, "high": 0.99, "when": "optimizer == 'sgd'"},
    {"name": "beta1", "type": "float", "low": 0.8, "high": 0.99, "when": "optimizer in ['adam', 'adamw']"},
    {"name": "beta2", "type": "float", "low": 0.9, "high": 0.9999, "when": "optimizer in ['adam', 'adamw']"},
    {"name": "weight_decay", "type": "float", "low": 1e-6, "high": 0.1, "scale": "log"},
    {"name": "depth", "type": "int", "low": 1, "high": 3},
    {"name": "width", "type": "int", "low": 6, "high": 24, "scale": "log"},
    {"name": "dropout", "type": "float", "low": 0.0, "high": 0.5},
    {"name": "batch_size", "type": "ordinal", "choices": [32, 64, 128]},
    {"name": "epochs", "type": "constant", "value": 10},
]
GOAL: Final = {"metric": "val_accuracy", "goal": "maximize"}


def run(arguments: argparse.Namespace) -> int:
    """Searches, scores the winner on rows that nobody has seen, and says how to use it; 130 after Ctrl-C."""
    if arguments.trials < 1:
        raise InvalidInput("--trials is a number from 1")
    home = Path(arguments.home).expanduser().absolute()
    with occupied(home, "demo"):
        stack = LocalStack(home, workers=WORKERS, port=0)
        raise_on_signals()
        try:
            _say("Starting a server, its engine and two workers ...")
            stack.start()
            stack.wait_for_workers()
            _report(home, _search(stack, arguments.trials))
        except Stopped as stopped:
            _say("\nStopping ...")
            return stopped.exit_code
        finally:
            stack.stop()
    return 0


def _search(stack: LocalStack, trials: int) -> Trial:
    with stack.client() as client:
        _end_leftovers(client)
        study = client.create_study(
            f"digits {datetime.now():%Y-%m-%d %H:%M:%S}",  # noqa: DTZ005  # a name for people, in their own time
            SPACE,
            GOAL,
            budget={"max_trials": trials, "max_seconds": MAX_SECONDS},
            task={"trainable": "image_classifier", "settings": {"dataset": "digits"}},
            description="Which small convolutional network reads handwritten digits best?",
        )
        _say(f"Dashboard: {stack.url}/#key={stack.key}&page=/studies/{study.id}")
        _say(f"Searching {len(SPACE)} parameters of a digit classifier, {trials} trials:")
        try:
            return _watch(stack, study, trials)
        except Stopped:
            study.stop(mode="kill", reason="the demo was interrupted")
            raise


def _watch(stack: LocalStack, study: StudyHandle, trials: int) -> Trial:
    goal = study.definition.objectives[0]
    with ProgressLine(stream=sys.stdout, shown=True) as line:
        for summary in study.summaries(every_s=1.0):
            line.show(summary, goal=goal, total=trials)
            if child := stack.children.next_end(timeout_s=0):
                raise unexpected_end(child)
            if summary.elapsed_s > MAX_SECONDS + PATIENCE_S:
                raise StudyhallError(f"the study should have ended by now; what went wrong is in {stack.home / 'logs'}")
    ended, best = study.refresh(), study.best()
    if best is None:
        raise StudyhallError(f"no trial has completed; see what they said: studyhall trial list '{study.name}'")
    _say(f"The study is {ended.state}: {ended.trials.finished} trials in {duration_text(summary.elapsed_s)}.\n")
    return best


def _report(home: Path, best: Trial) -> None:
    _say(f"Best parameters, of trial {best.number}:")
    print_facts({f"  {name}": value for name, value in best.parameters.items()})
    _say(f"\nvalidation accuracy  {best.metrics['val_accuracy']:.4f}  (the search chose by this)")
    model = home / "artifacts" / best.study / str(best.number) / str(best.attempt) / "model"
    score = _test_score(model)
    error, rows = score["standard_error"], score["rows"]
    _say(f"test accuracy        {score['value']:.4f}  (± {error:.4f}; {rows} rows that no trial saw, asked once)")
    _say(f"model                {model}\n")
    _say("Use it:\n")
    _say("  " + snippet(model))
    _say("\nLook at the search in the dashboard, or go on with it:\n")
    _say("  " + shlex.join([*_program(), "up", "--home", str(home)]))


def _program() -> list[str]:
    """This program, for somebody whose shell may not find it by its name."""
    installed = Path(sys.executable).with_name("studyhall")
    return [str(installed)] if installed.exists() else [sys.executable, "-m", "studyhall"]


def snippet(model: Path) -> str:
    """A line for a shell that loads a saved model and reads five digits."""
    code = (
        "from sklearn.datasets import load_digits; from workers.models import load; "
        f"print(load({json.dumps(str(model))}).predict(load_digits().images[:5, None]))"
    )
    return shlex.join([sys.executable, "-c", code])


def _test_score(model: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "workers.models", str(model)],
        capture_output=True,
        text=True,
        timeout=SCORING_S,
        check=False,
    )
    if done.returncode:
        raise StudyhallError(f"the model in {model} could not be scored: {done.stderr.strip().splitlines()[-1:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _end_leftovers(client: Client) -> None:
    """Stops studies of a demo that was killed, so that the workers work for this one."""
    for study in list(client.studies()):
        if not study.definition.state.has_ended:
            study.stop(mode="kill", reason="another demo has begun")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
