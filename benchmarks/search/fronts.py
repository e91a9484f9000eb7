"""Problems with two objectives: fronts that are convex, concave, broken, mixed, or stretched by penalties."""

import math
from typing import Any

import numpy as np

from benchmarks.search.problem import Problem, choice, real, space, whole


def convex(**x: float) -> tuple[float, float]:
    """ZDT1."""
    first, *others = x.values()
    g = 1 + 9 * sum(others) / len(others)
    return first, g * (1 - math.sqrt(first / g))


def broken(**x: float) -> tuple[float, float]:
    """Five pieces (ZDT3)."""
    first, *others = x.values()
    g = 1 + 9 * sum(others) / len(others)
    return first, g * (1 - math.sqrt(first / g) - first / g * math.sin(10 * math.pi * first))


def fonseca(**x: float) -> tuple[float, float]:
    """Two bells whose centres lie apart; flat far from both."""
    values = np.array(list(x.values()))
    return float(1 - np.exp(-((values - 0.5) ** 2).sum())), float(1 - np.exp(-((values + 0.5) ** 2).sum()))


def kursawe(**x: float) -> tuple[float, float]:
    """Rugged in the second objective."""
    a = np.array(list(x.values()))
    first = float((-10 * np.exp(-0.2 * np.sqrt(a[:-1] ** 2 + a[1:] ** 2))).sum())
    return first, float((np.abs(a) ** 0.8 + 5 * np.sin(a**3)).sum())


def size_and_error(**p: Any) -> tuple[float, float]:
    """Like a network: log of its size against its error, with a conditional choice."""
    width, depth, rate = math.log2(p["width"]), p["depth"], math.log10(p["rate"])
    size = width * 2 + math.log2(depth) + (1.0 if p["kind"] == "dense" else -1.0)
    error = 0.04 + 0.5 * math.exp(-0.35 * (width - 2)) + 0.25 / (1 + depth) + 0.03 * (rate + 3 - 0.1 * depth) ** 2
    error += 0.0 if p["kind"] == "dense" else 0.05 * (p["groups"] / 8 - 0.4) ** 2 + 0.02
    return size, min(error, 0.9)


def penalised(**x: float) -> tuple[float, float]:
    """A convex front; both objectives are multiplied by up to a million where a budget is overdrawn."""
    a, b, c, d = x.values()
    over = max(0.0, a + b + c + d - 2.4)
    stretch = 10.0 ** (6 * min(over, 1.0))
    cost = 0.1 + a + 0.5 * (c - 0.4) ** 2
    return cost * stretch, ((1 - a) ** 2 + (b - 0.3) ** 2 + 0.5 * (d - 0.6) ** 2 + 0.1) * stretch


STEPS = np.linspace(0.0, 1.0, 2001)
CONVEX = tuple((float(t), 1 - math.sqrt(t)) for t in STEPS)
BROKEN = tuple((float(t), 1 - math.sqrt(t) - t * math.sin(10 * math.pi * t)) for t in STEPS)
FONSECA = tuple(fonseca(x0=t, x1=t, x2=t) for t in STEPS - 0.5)
SMALL_AND_RIGHT = tuple(
    size_and_error(width=w, depth=d, rate=10 ** (0.1 * d - 3), kind=kind, groups=3)
    for w in range(4, 1025) for d in range(1, 13) for kind in ("dense", "grouped")
)  # fmt: skip
AFFORDABLE = tuple((0.1 + float(t), float((1 - t) ** 2) + 0.1) for t in STEPS)


def _cube(count: int, low: float, high: float) -> list[dict[str, Any]]:
    return [real(f"x{i}", low, high) for i in range(count)]


PROBLEMS = (
    Problem("convex8", "several", space(*_cube(8, 0.0, 1.0)), convex, objectives=2, reference=(1.1, 6.0), front=CONVEX),
    Problem("broken6", "several", space(*_cube(6, 0.0, 1.0)), broken, objectives=2, reference=(1.1, 6.0), front=BROKEN),
    Problem(
        "fonseca3", "several", space(*_cube(3, -2.0, 2.0)), fonseca, objectives=2, reference=(1.1, 1.1), front=FONSECA
    ),
    Problem("kursawe3", "several", space(*_cube(3, -5.0, 5.0)), kursawe, objectives=2, reference=(-10.0, 5.0)),
    Problem(
        "size_and_error",
        "several",
        space(
            whole("width", 4, 1024, scale="log"),
            whole("depth", 1, 12),
            real("rate", 1e-6, 1.0, scale="log"),
            choice("kind", "dense", "grouped"),
            whole("groups", 1, 8, when="kind == 'grouped'"),
        ),
        size_and_error,
        objectives=2,
        reference=(24.0, 0.6),
        front=SMALL_AND_RIGHT,
    ),
    Problem(
        "penalised4",
        "several",
        space(*_cube(4, 0.0, 1.0)),
        penalised,
        objectives=2,
        reference=(2.0, 2.0),
        front=AFFORDABLE,
    ),
)
