"""The one place that chooses a device, seeds torch and decides how many threads compute."""

import os
import random
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from studyhall.trial_context import TrialContext
from workers.trainables.trainable import Declared

Precision = Literal["fp32", "bf16"]
SpeedUp = Callable[[nn.Module], nn.Module]
"""Makes of a model one that computes the same, faster, with the same weights."""


class DeviceSettings(Declared):
    """Where and how exactly to compute."""

    device: Literal["trial", "auto", "cpu", "cuda"] = "trial"
    """trial: what the worker gave this trial; auto: a GPU when there is one."""
    precision: Precision = "fp32"
    """bf16: matrix products in bfloat16 (autocast), weights in float32."""
    deterministic: bool = True
    """The same seed gives the same weights, bit for bit, on the same device and number of threads."""
    compile: bool = False
    """torch.compile: the first epoch takes half a minute longer, so only long trainings gain."""
    data_parallel: bool = False
    """Shares each batch among all GPUs that this trial may use."""


def prepare_device(settings: DeviceSettings, trial: TrialContext) -> torch.device:
    """Chooses the device, seeds every generator from the trial's seed and fixes what would make runs differ.

    Raises:
        Infeasible: a GPU is asked for and there is none.
    """
    wanted = trial.device if settings.device == "trial" else settings.device
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    if wanted.startswith("cuda") and not torch.cuda.is_available():
        raise trial.infeasible(f"the device '{wanted}' is asked for and this machine shows no GPU to the trial")
    random.seed(trial.seed)
    np.random.seed(trial.seed % 2**32)
    torch.manual_seed(trial.seed)
    if wanted.startswith("cuda") and (share := os.environ.get("STUDYHALL_GPU_SHARE")):
        torch.cuda.set_per_process_memory_fraction(float(share))  # the rest of this GPU is for other trials
    if settings.deterministic:
        torch.backends.cudnn.benchmark = False
        torch.use_deterministic_algorithms(mode=True, warn_only=True)
    return torch.device(wanted)


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[Any]:
    """Lower precision for what is computed inside, when asked for."""
    return torch.autocast(device.type, torch.bfloat16) if precision == "bf16" else nullcontext()


def as_it_is(model: nn.Module) -> nn.Module:
    """No speed-up."""
    return model


def speed_up(settings: DeviceSettings) -> SpeedUp:
    """What the settings ask for: compiling, all GPUs at once, or neither."""

    def faster(model: nn.Module) -> nn.Module:
        if settings.compile:
            model.compile()
        several = settings.data_parallel and torch.cuda.device_count() > 1
        return nn.DataParallel(model) if several else model

    return faster
