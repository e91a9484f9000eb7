"""Problems in many dimensions, of which few matter or many work together; their best lies off the centre."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.search.problem import Problem, choice, real, space, whole


def _turned(dimension: int) -> Any:
    """A rotation, always the same one, and a point inside the cube."""
    random = np.random.default_rng(dimension)
    rotation, _ = np.linalg.qr(random.normal(size=(dimension, dimension)))
    return rotation, random.uniform(0.2, 0.8, dimension)


def _around(dimension: int) -> Callable[..., Any]:
    rotation, center = _turned(dimension)
    return lambda x: rotation @ (np.array(list(x.values())) - center)


TURNED8, TURNED12, TURNED30 = _around(8), _around(12), _around(30)


def ellipsoid8(**x: float) -> float:
    """A valley that no axis follows, a thousand times longer than wide."""
    return float(np.log1p((10.0 ** np.linspace(0, 3, 8) * TURNED8(x) ** 2).sum()))


def ackley12(**x: float) -> float:
    """Rugged everywhere, a funnel in the whole."""
    z = 8.0 * TURNED12(x)
    return float(20 + math.e - 20 * np.exp(-0.2 * np.sqrt((z**2).mean())) - np.exp(np.cos(2 * np.pi * z).mean()))


def fading30(**x: float) -> float:
    """Thirty parameters, each worth three quarters of the one before."""
    values = np.array(list(x.values()))
    center = 0.5 + 0.35 * np.sin(1.7 * np.arange(30))
    return float((0.75 ** np.arange(30) * (1 - np.cos(2.2 * (values - center)))).sum())


def plane_in30(**x: float) -> float:
    """A smooth, two-humped function of two directions across thirty parameters."""
    u, v = 2.0 * TURNED30(x)[:2]
    return float(
        1.3
        - math.exp(-2 * ((u - 0.6) ** 2 + (v + 0.3) ** 2))
        - 0.8 * math.exp(-3 * ((u + 0.8) ** 2 + v**2))
        + 0.05 * u * u
    )


def switches20(**b: Any) -> float:
    """Twenty truth values and two rates: some switches pay alone, some only together."""
    on = np.array([float(b[f"b{i}"]) for i in range(20)])
    weights = np.cos(np.arange(20) * 1.3)
    together = sum(0.6 * on[i] * on[(i + 7) % 20] * (-1.0) ** i for i in range(0, 20, 2))
    rate = (math.log10(b["rate"]) + 2.5 - 0.5 * on[3]) ** 2
    return float(20.0 + weights @ on + together + 0.4 * rate + 1.5 * (b["mix"] - 0.3 - 0.3 * on[5]) ** 2)


def recipe14(**p: Any) -> float:
    """Fourteen parameters of all kinds; the kind of step decides which rates matter."""
    step = {"a": (0.3, 0.7), "b": (0.8, 0.2), "c": (0.5, 0.5), "d": (0.1, 0.1)}[p["step"]]
    loss = (
        (p["r0"] - step[0]) ** 2 + (p["r1"] - step[1]) ** 2 + 0.3 * {"a": 0.2, "b": 0.0, "c": 0.5, "d": 0.3}[p["step"]]
    )
    loss += 0.1 * (math.log10(p["s0"]) + 3) ** 2 / 4 + 0.05 * (math.log10(p["s1"] / p["s0"]) - 1) ** 2
    loss += 0.01 * (p["n0"] - 6) ** 2 + 0.004 * abs(p["n1"] - 20) + 0.15 * (p["norm"] == "none") * (p["n0"] > 4)
    loss += 0.08 * (p["order"] != "last") + 0.05 * p["flag0"] - 0.04 * p["flag1"] * (p["order"] == "last")
    return float(loss + 0.2 * (p["r2"] - 0.9) ** 2 + 0.02 * math.sin(9 * p["r3"]) + 0.02)


def _cube(count: int) -> list[dict[str, Any]]:
    return [real(f"x{i}", 0.0, 1.0) for i in range(count)]


PROBLEMS = (
    Problem("ellipsoid8", "wide", space(*_cube(8)), ellipsoid8, best=0.0),
    Problem("ackley12", "wide", space(*_cube(12)), ackley12, best=0.0),
    Problem("fading30", "wide", space(*_cube(30)), fading30, best=0.0),
    Problem("plane_in30", "wide", space(*_cube(30)), plane_in30),
    Problem(
        "switches20",
        "wide",
        space(
            *({"name": f"b{i}", "type": "bool"} for i in range(20)),
            real("rate", 1e-5, 1.0, scale="log"),
            real("mix", 0.0, 1.0),
        ),
        switches20,
    ),
    Problem(
        "recipe14",
        "wide",
        space(
            choice("step", "a", "b", "c", "d"),
            choice("norm", "batch", "layer", "none"),
            choice("order", "first", "middle", "last"),
            {"name": "flag0", "type": "bool"},
            {"name": "flag1", "type": "bool"},
            *(real(f"r{i}", 0.0, 1.0) for i in range(4)),
            real("s0", 1e-6, 1.0, scale="log"),
            real("s1", 1e-6, 10.0, scale="log"),
            whole("n0", 1, 12),
            whole("n1", 4, 64, scale="log"),
            real("idle", 0.0, 1.0),
        ),
        recipe14,
    ),
)
