"""Problems with known optima: smooth, rugged, mixed, conditional, noisy, failing, with several objectives."""

import math
from typing import Any

import numpy as np

from benchmarks.search.problem import Problem, choice, real, space, whole


def styblinski_tang(**x: float) -> float:
    return sum(v**4 - 16 * v**2 + 5 * v for v in x.values()) / (2 * len(x)) + 39.16617


def goldstein_price(x: float, y: float) -> float:
    a = 1 + (x + y + 1) ** 2 * (19 - 14 * x + 3 * x**2 - 14 * y + 6 * x * y + 3 * y**2)
    b = 30 + (2 * x - 3 * y) ** 2 * (18 - 32 * x + 12 * x**2 + 48 * y - 36 * x * y + 27 * y**2)
    return a * b - 3.0


def few_that_matter(**x: float) -> float:
    """Twenty parameters, three of which do something."""
    a, b, c = x["x3"] - 0.7, x["x8"] - 0.2, x["x15"] - 0.55
    return a**2 + 2 * b**2 + c**2 + 0.8 * a * c + 0.05 * math.sin(12 * b) ** 2


def michalewicz(**x: float) -> float:
    return 4.687658 - sum(math.sin(v) * math.sin((i + 1) * v**2 / math.pi) ** 20 for i, v in enumerate(x.values()))


def rastrigin_like(**x: float) -> float:
    """A bowl with small bumps."""
    return sum((v - 0.37) ** 2 * 4 + 0.06 * (1 - math.cos(9 * math.pi * (v - 0.37))) for v in x.values())


KINDS = {"a": (0.2, 0.8, 1.0), "b": (0.6, 0.3, 0.8), "c": (0.9, 0.9, 0.5), "d": (0.4, 0.1, 1.2), "e": (0.5, 0.5, 0.6)}
SHIFTS = {"u": 0.0, "v": 0.15, "w": 0.3}


def kinds(kind: str, extra: str, flag: bool, n: int, x: float, y: float) -> float:
    """Categories that move the valley: what is learnt under one choice helps with another only in part."""
    cx, cy, depth = KINDS[kind]
    valley = (x - cx - 0.3 * SHIFTS[extra]) ** 2 + (y - cy) ** 2
    return (
        depth * (1 - math.exp(-4 * valley)) + SHIFTS[extra] + 0.1 * flag * (n > 6) + 0.02 * abs(n - 5) + (depth - 0.5)
    )


def mock_training(**p: Any) -> float:
    """Like a network: learning rate against batch size, a conditional optimizer, plateaus."""
    rate, batch = math.log10(p["lr"]), math.log2(p["batch"])
    ideal = {"sgd": -1.2, "adam": -3.0, "rmsprop": -3.2}[p["optimizer"]] + 0.15 * (batch - 6)
    if p["optimizer"] == "sgd":
        ideal -= 0.9 * p["momentum"]
    error = 0.06 + 0.05 * min((rate - ideal) ** 2, 6.0)
    error += 0.02 * (p["layers"] - 3) ** 2 / 3 + 0.015 * (math.log2(p["width"]) - 8) ** 2 / 4
    error += (
        0.1 * (p["dropout"] - 0.15 - 0.05 * p["layers"] / 3) ** 2
        + 0.01 * (p["act"] == "tanh")
        + 0.02 * (p["act"] == "none")
    )
    if p["optimizer"] == "sgd":
        error += 0.03 * (p["momentum"] - 0.9) ** 2 - 0.004 * p["nesterov"]
    return min(error, 0.9)


def tree(**p: Any) -> float:
    """A conditional tree of which one deep branch is the best."""
    if p["model"] == "linear":
        return 0.3 + 0.1 * (math.log10(p["penalty"]) + 2) ** 2 / 4
    if p["model"] == "forest":
        return 0.2 + 0.002 * (p["depth"] - 9) ** 2 + 0.1 * (p["features"] - 0.4) ** 2
    error = 0.25 + 0.05 * (math.log10(p["gamma"]) + 3) ** 2 / 4 + 0.02 * (math.log10(p["cost"]) - 1) ** 2
    if p["kernel"] == "poly":
        error += 0.03 * abs(p["degree"] - 3) - 0.05
    elif p["kernel"] == "mixed":
        error += -0.15 + 0.3 * (p["mix"] - 0.65) ** 2
    return error


def crashing(x: float, y: float, z: float, k: int) -> float | None:
    """Two fifths of the space fail, and the best lies near the edge."""
    if x + 0.5 * math.sin(3 * y) + 0.1 * k > 1.1:
        return None
    return (x - 0.42) ** 2 + (y - 0.75) ** 2 + 0.5 * (z - 0.3) ** 2 + 0.05 * abs(k - 2)


def curved_front(**x: float) -> tuple[float, float]:
    """DTLZ2 with two objectives: a quarter circle."""
    values = list(x.values())
    g = sum((v - 0.5) ** 2 for v in values[1:])
    angle = values[0] * math.pi / 2
    return (1 + g) * math.cos(angle), (1 + g) * math.sin(angle)


def heavy_front(**x: float) -> tuple[float, float]:
    """A concave front (ZDT2) whose second objective grows by penalties of a thousand."""
    values = np.array(list(x.values()))
    g = 1 + 9 * values[1:].mean()
    f1 = float(values[0])
    penalty = 1000.0 * max(0.0, float(values[1:].max()) - 0.8) ** 2
    return f1, float(g * (1 - (f1 / g) ** 2) + penalty)


STEPS = np.linspace(0.0, 1.0, 2001)
CIRCLE = tuple((math.cos(t), math.sin(t)) for t in STEPS * math.pi / 2)
CONCAVE = tuple((float(t), float(1 - t**2)) for t in STEPS)


def _cube(count: int, low: float, high: float) -> list[dict[str, Any]]:
    return [real(f"x{i}", low, high) for i in range(count)]


MOCK = space(
    real("lr", 1e-6, 1.0, scale="log"),
    whole("batch", 8, 512, scale="log"),
    choice("optimizer", "sgd", "adam", "rmsprop"),
    real("momentum", 0.0, 0.99, when="optimizer == 'sgd'"),
    {"name": "nesterov", "type": "bool", "when": "optimizer == 'sgd'"},
    whole("layers", 1, 6),
    whole("width", 16, 2048, scale="log"),
    real("dropout", 0.0, 0.7),
    choice("act", "relu", "tanh", "gelu", "none"),
)
TREE = space(
    choice("model", "linear", "forest", "svm"),
    real("penalty", 1e-6, 10.0, scale="log", when="model == 'linear'"),
    whole("depth", 1, 20, when="model == 'forest'"),
    real("features", 0.0, 1.0, when="model == 'forest'"),
    real("cost", 1e-3, 1e3, scale="log", when="model == 'svm'"),
    real("gamma", 1e-6, 1.0, scale="log", when="model == 'svm'"),
    choice("kernel", "rbf", "poly", "mixed", when="model == 'svm'"),
    whole("degree", 1, 6, when="kernel == 'poly'"),
    real("mix", 0.0, 1.0, when="kernel == 'mixed'"),
)

PROBLEMS = (
    Problem("styblinski4", "smooth", space(*_cube(4, -5.0, 5.0)), styblinski_tang, best=0.0),
    Problem("goldstein_price", "smooth", space(real("x", -2.0, 2.0), real("y", -2.0, 2.0)), goldstein_price, best=0.0),
    Problem("few_that_matter20", "smooth", space(*_cube(20, 0.0, 1.0)), few_that_matter, best=0.0),
    Problem("michalewicz5", "rugged", space(*_cube(5, 0.0, math.pi)), michalewicz, best=0.0),
    Problem("bumps6", "rugged", space(*_cube(6, 0.0, 1.0)), rastrigin_like, best=0.0),
    Problem(
        "kinds",
        "mixed",
        space(
            choice("kind", *KINDS),
            choice("extra", *SHIFTS),
            {"name": "flag", "type": "bool"},
            whole("n", 1, 12),
            real("x", 0.0, 1.0),
            real("y", 0.0, 1.0),
        ),
        kinds,
        best=0.0,
    ),
    Problem("mock_training", "conditional", MOCK, mock_training),
    Problem("tree", "conditional", TREE, tree, best=0.1),
    Problem("noisy_training", "noisy", MOCK, mock_training, noise=0.03),
    Problem("noisy_bumps4", "noisy", space(*_cube(4, 0.0, 1.0)), rastrigin_like, best=0.0, noise=0.15),
    Problem(
        "crashing",
        "failing",
        space(real("x", 0.0, 1.0), real("y", 0.0, 1.0), real("z", 0.0, 1.0), whole("k", 0, 5)),
        crashing,
        best=0.0,
    ),
    Problem(
        "curved_front5",
        "several",
        space(*_cube(5, 0.0, 1.0)),
        curved_front,
        objectives=2,
        reference=(2.0, 2.0),
        front=CIRCLE,
    ),
    Problem(
        "heavy_front6",
        "several",
        space(*_cube(6, 0.0, 1.0)),
        heavy_front,
        objectives=2,
        reference=(1.1, 10.0),
        front=CONCAVE,
    ),
)
