"""What is measured of a model: how good, how large, how fast; and how sure that is."""

import copy
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from workers.compression.examples import Examples

Run = Callable[[NDArray[Any]], NDArray[Any]]
"""Inputs to outputs, as a deployed model computes them."""

WARM_UPS: Final = 20
CALLS: Final = 200
LEAST_SPREAD: Final = 1e-12
"""Of targets, by which errors are divided for R²: all rows may have the same target."""
_Z: Final = 1.959964  # of a 95 % interval


@dataclass(frozen=True)
class Interval:
    """A figure and where its true value is, at 95 %."""

    value: float
    low: float
    high: float


def accuracy_interval(right: int, rows: int) -> Interval:
    """The share of right answers and its Wilson interval, which stays between 0 and 1. Source: Wilson 1927."""
    share, z2 = right / rows, _Z**2
    middle = (share + z2 / (2 * rows)) / (1 + z2 / rows)
    reach = _Z * math.sqrt(share * (1 - share) / rows + z2 / (4 * rows**2)) / (1 + z2 / rows)
    # Where all or none are right, rounding would put the end beside the share itself.
    return Interval(share, max(0.0, min(share, middle - reach)), min(1.0, max(share, middle + reach)))


def r2_interval(found: NDArray[Any], y: NDArray[Any], *, draws: int = 200) -> Interval:
    """R² and the middle 95 % of what it is over resampled rows (the percentile bootstrap, seeded)."""
    rows = np.random.default_rng(0).integers(len(y), size=(draws, len(y)))
    errors, y = squared_errors(found, y), y.astype(np.float64)
    spreads = np.maximum(np.var(y[rows], axis=1), LEAST_SPREAD)
    low, high = np.quantile(1 - errors[rows].mean(1) / spreads, [0.025, 0.975])
    return Interval(float(1 - errors.mean() / max(float(np.var(y)), LEAST_SPREAD)), float(low), float(high))


def squared_errors(found: NDArray[Any], y: NDArray[Any]) -> NDArray[np.float64]:
    """Of each row, in float64: a mean of float32 is wrong where targets are far from zero."""
    return np.asarray((found.astype(np.float64) - y) ** 2)


def quality(run: Run, examples: Examples) -> dict[str, float]:
    """How good the model is on the validation rows, with the ends of its 95 % interval."""
    x, y = examples.validation.x.cpu().numpy(), examples.validation.y.cpu().numpy()
    found = np.concatenate([run(x[start : start + 1024]) for start in range(0, len(x), 1024)])
    if examples.kind == "classification":
        interval, rest = accuracy_interval(int((found.argmax(1) == y).sum()), len(y)), dict[str, float]()
    else:
        interval, rest = r2_interval(found, y), {"mse": float(squared_errors(found, y).mean())}
    name = examples.score
    return {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high, **rest}


@torch.no_grad()
def score_of(model: nn.Module, examples: Examples) -> float:
    """The accuracy, or R², of a torch model on the validation rows."""
    model.eval()
    rows = examples.validation
    found = torch.cat([model(x) for x in rows.x.split(1024)])
    if examples.kind == "classification":
        return float((found.argmax(1) == rows.y).double().mean())
    errors = (found.double() - rows.y.double()).square().mean()
    return 1 - float(errors / rows.y.double().var(correction=0).clamp_min(LEAST_SPREAD))


def count_params(model: nn.Module) -> int:
    """How many numbers a training may change."""
    return sum(weight.numel() for weight in model.parameters())


def count_weight_bytes(model: nn.Module) -> int:
    """Weights and buffers, as they are stored."""
    return sum(value.numel() * value.element_size() for value in model.state_dict().values())


def count_flops(model: nn.Module, example: Tensor) -> int:
    """Of one row, two for each multiply-add; norms and activations count nothing.

    On the meta device, where nothing is computed and an LSTM counts too, and without the fast path of attention,
    which counts nothing.
    """
    shadow = copy.deepcopy(model).to("meta").eval()
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            shadow(example[:1].to("meta"))
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    return int(counter.get_total_flops())


@dataclass(frozen=True)
class Latency:
    """How long one call takes, in milliseconds."""

    p50_ms: float
    p95_ms: float


def latency(call: Callable[[], object]) -> Latency:
    """Times 200 calls after 20 that are not timed."""
    for _ in range(WARM_UPS):
        call()
    times = []
    for _ in range(CALLS):
        began = time.perf_counter()
        call()
        times.append((time.perf_counter() - began) * 1000)
    return Latency(statistics.median(times), statistics.quantiles(times, n=20)[-1])


def latencies(run: Run, examples: Examples) -> dict[str, float]:
    """At batches of 1 and 64, and beside them a fixed matrix product: when that is slow, the machine was busy."""
    x = examples.validation.x.cpu().numpy()
    one, many = x[:1], np.ascontiguousarray(np.resize(x, (64, *x.shape[1:])))
    fixed = torch.ones(128, 128)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        single, batch = latency(lambda: run(one)), latency(lambda: run(many))
        reference = latency(lambda: fixed @ fixed)
    finally:
        torch.set_num_threads(threads)
    return {
        "latency_p50_ms": single.p50_ms,
        "latency_p95_ms": single.p95_ms,
        "latency_64_p50_ms": batch.p50_ms,
        "reference_ms": reference.p50_ms,
    }


def torch_run(model: nn.Module) -> Run:
    """How a torch model runs on the CPU, eagerly."""
    ready = copy.deepcopy(model).cpu().eval()
    kind = next((weight.dtype for weight in ready.parameters()), torch.float32)

    @torch.inference_mode()
    def run(x: NDArray[Any]) -> NDArray[Any]:
        found: Tensor = ready(torch.from_numpy(x).to(kind))
        return np.asarray(found.float().numpy())

    return run
