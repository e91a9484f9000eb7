"""The three doors a task may come through, each as a function of (parameters, trial context)."""

import importlib
from collections.abc import Callable
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
    function = getattr(importlib.import_module(module_name), function_name, None)
    if not callable(function):
        raise InvalidInput(f"'{module_name}' has no function '{function_name}'")
    found: TrainableFunction = function
    return found


def _trainable(name: str) -> TrainableFunction:
    from workers.trainables.registry import TRAINABLES

    if name not in TRAINABLES:
        raise InvalidInput(f"there is no trainable '{name}'; there are {', '.join(TRAINABLES)}")
    return TRAINABLES[name]
