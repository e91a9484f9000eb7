"""Problems that are noisy, many-peaked, flat or stepped: what a smooth model gets wrong."""

import math
from typing import Any

import numpy as np

from benchmarks.search.problem import Problem, choice, real, space, whole


def camel(x: float, y: float) -> float:
    """Six humps."""
    return (4 - 2.1 * x**2 + x**4 / 3) * x**2 + x * y + (4 * y**2 - 4) * y**2 + 1.0316284535


def peaks3(x: float, y: float, z: float) -> float:
    """Five wells of different widths; the deepest is narrow."""
    wells = ((0.2, 0.3, 0.6, 0.25, 0.6), (0.7, 0.8, 0.2, 0.3, 0.7), (0.75, 0.2, 0.7, 0.12, 1.0),
             (0.4, 0.7, 0.9, 0.2, 0.5), (0.1, 0.9, 0.1, 0.15, 0.8))  # fmt: skip
    return 1.0 - max(
        d * math.exp(-((x - a) ** 2 + (y - b) ** 2 + (z - c) ** 2) / (2 * w * w)) for a, b, c, w, d in wells
    )


def schwefel3(**x: float) -> float:
    """The best lies in a corner of many equal wells."""
    return float(sum(418.9828872724338 - v * math.sin(math.sqrt(abs(v))) for v in x.values()) / len(x))


def griewank6(**x: float) -> float:
    values = np.array(list(x.values())) - 1.7
    return float(1 + (values**2).sum() / 400 - np.prod(np.cos(values / np.sqrt(np.arange(1, 7)))))


def stairs(**p: Any) -> float:
    """Plateaus, as accuracies on few rows have, with a cliff beyond a large rate."""
    rate = math.log10(p["rate"])
    error = 0.08 + 0.03 * (rate + 2 - 0.4 * (p["depth"] - 3)) ** 2 + 0.05 * (p["keep"] - 0.7) ** 2
    error += 0.015 * abs(p["depth"] - 4) + {"a": 0.0, "b": 0.01, "c": 0.04}[p["kind"]]
    return 0.9 if rate > -0.5 else min(round(error / 0.012) * 0.012, 0.9)


def _cube(count: int, low: float, high: float) -> list[dict[str, Any]]:
    return [real(f"x{i}", low, high) for i in range(count)]


STAIRS = space(
    real("rate", 1e-6, 1.0, scale="log"),
    whole("depth", 1, 8),
    real("keep", 0.0, 1.0),
    choice("kind", "a", "b", "c"),
)
CAMEL = space(real("x", -3.0, 3.0), real("y", -2.0, 2.0))
PEAKS = space(real("x", 0.0, 1.0), real("y", 0.0, 1.0), real("z", 0.0, 1.0))

PROBLEMS = (
    Problem("camel", "rough", CAMEL, camel, best=0.0),
    Problem("peaks3", "rough", PEAKS, peaks3, best=0.0),
    Problem("schwefel3", "rough", space(*_cube(3, -500.0, 500.0)), schwefel3, best=0.0),
    Problem("griewank6", "rough", space(*_cube(6, -10.0, 10.0)), griewank6, best=0.0),
    Problem("stairs", "rough", STAIRS, stairs),
    Problem("noisy_stairs", "noisy", STAIRS, stairs, noise=0.03),
    Problem("noisy_camel", "noisy", CAMEL, camel, best=0.0, noise=2.0),
    Problem("noisy_peaks3", "noisy", PEAKS, peaks3, best=0.0, noise=0.15),
    Problem("noisy_griewank6", "noisy", space(*_cube(6, -10.0, 10.0)), griewank6, best=0.0, noise=0.1),
)
