"""The three doors a task may come through, each as a function of (parameters, trial context)."""

import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from studyhall.errors import InvalidInput
from studyhall.study import Task
from studyhall.trial_context import TrialContext
from workers.child.command import CommandFailed, run_command

TrainableFunction = Callable[[dict[str, Any], TrialContext], object]

__all__ = ["CommandFailed", "TrainableFunction", "function_for"]


def function_for(task: Task) -> TrainableFunction:
    """What runs a trial of this task. Whether it may run is the worker's decision, taken before.

    Raises:
        InvalidInput: there is no such trainable or function.
        Exception: whatever the import of the user's module raises.
    """
    if task.command is not None:
        template = task.command
        return lambda parameters, trial: run_command(template, parameters, trial)
    if task.entry_point is not None:
        return _entry_point(task.entry_point)
    return _trainable(task.trainable or "")


def _entry_point(name: str) -> TrainableFunction:
    module_name, _, function_name = name.partition(":")
    function = getattr(_module(module_name), function_name, None)
    if not callable(function):
        raise InvalidInput(f"'{module_name}' has no function '{function_name}'")
    found: TrainableFunction = function
    return found


def _module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise  # it is there, and imports something that is not
        looked = ", ".join(dict.fromkeys(sys.path[:5]))
        raise InvalidInput(
            f"No module named '{error.name}' on this worker: start it with --path and the directory that it is in, "
            f"or install it there (looked first in {looked})"
        ) from error


def _trainable(name: str) -> TrainableFunction:
    from workers.trainables.registry import TRAINABLES

    if name not in TRAINABLES:
        raise InvalidInput(f"there is no trainable '{name}'; there are {', '.join(TRAINABLES)}")
    return TRAINABLES[name]
