"""The one place that chooses a device, seeds torch and decides how many threads compute."""

import random
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

import numpy as np
import torch

from studyhall.trial_context import TrialContext
from workers.trainables.trainable import Declared

Precision = Literal["fp32", "bf16"]


class DeviceSettings(Declared):
    """Where and how exactly to compute."""

    device: Literal["trial", "auto", "cpu", "cuda"] = "trial"
    """trial: what the worker gave this trial; auto: a GPU when there is one."""
    precision: Precision = "fp32"
    """bf16: matrix products in bfloat16 (autocast), weights in float32."""
    deterministic: bool = True
    """The same seed gives the same weights, bit for bit, on the same device and number of threads."""


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
    if settings.deterministic:
        torch.backends.cudnn.benchmark = False
        torch.use_deterministic_algorithms(mode=True, warn_only=True)
    return torch.device(wanted)


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[Any]:
    """Lower precision for what is computed inside, when asked for."""
    return torch.autocast(device.type, torch.bfloat16) if precision == "bf16" else nullcontext()
