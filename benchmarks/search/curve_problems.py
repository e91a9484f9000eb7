"""Problems with curves: real models that are trained step by step, and what they score on held-out rows after each.

Five made-up ones cost nothing: their ends are alike, and how early values foretell them is not.
"""

import csv
import gzip
import math
import random
import warnings
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from sklearn import datasets
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from benchmarks.search.problem import Problem, Values, choice, real, space, whole

STEPS = 16
"""How many steps a full training has, in each problem but tables."""


@lru_cache
def _rows(name: str, most: int) -> tuple[Any, Any, Any, Any]:
    """(X, y) to train with and (X, y) held out."""
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    chosen = np.random.default_rng(0).permutation(len(y))[:most]
    X, y = StandardScaler().fit_transform(X[chosen]), y[chosen]
    y = (y - y.mean()) / y.std() if name == "diabetes" else y
    half = 2 * len(y) // 3
    return X[:half], y[:half], X[half:], y[half:]


def _by_epoch(model: Any, name: str, most: int) -> Values | None:
    """Held-out log loss after each epoch; None for a training that ran away."""
    X, y, X_out, y_out = _rows(name, most)
    labels, found = np.unique(y), []
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for _ in range(STEPS):
            try:
                model.partial_fit(X, y, classes=labels)
                found.append(float(log_loss(y_out, model.predict_proba(X_out), labels=labels)))
            except ValueError:
                return None
    return tuple(found) if all(map(math.isfinite, found)) else None


def mlp_digits(**p: Any) -> Values | None:
    more = {"momentum": p["momentum"]} if p["solver"] == "sgd" else {}
    return _by_epoch(
        MLPClassifier(
            (p["width"],) * p["layers"],
            solver=p["solver"],
            alpha=p["alpha"],
            learning_rate_init=p["lr"],
            batch_size=p["batch"],
            activation=p["activation"],
            random_state=0,
            **more,
        ),
        "digits",
        400,
    )


def linear_digits(**p: Any) -> Values | None:
    model = SGDClassifier(
        loss="log_loss",
        penalty=p["penalty"],
        alpha=p["alpha"],
        learning_rate=p["schedule"],
        eta0=p["lr"],
        power_t=p.get("power", 0.5),
        random_state=0,
    )
    return _by_epoch(model, "digits", 400)


def boosting_curve(**p: Any) -> Values | None:
    """A step is ten trees."""
    model = GradientBoostingRegressor(
        learning_rate=p["rate"],
        n_estimators=10 * STEPS,
        max_depth=p["depth"],
        subsample=p["rows"],
        max_features=p["columns"],
        min_samples_leaf=p["leaf"],
        random_state=0,
    )
    X, y, X_out, y_out = _rows("diabetes", 442)
    staged = list(model.fit(X, y).staged_predict(X_out))
    return tuple(float(((staged[10 * step + 9] - y_out) ** 2).mean()) for step in range(STEPS))


def _made(shape: str) -> Callable[..., Values]:
    """A course from a made-up end: how early values foretell it is the shape's."""

    def course(a: float, b: float, lr: float, kind: str) -> Values:
        place = (math.log10(lr) + 4) / 4
        end = 0.1 + (a - 0.3) ** 2 + 0.5 * (b - 0.7) ** 2 + 0.6 * (place - 0.6) ** 2 + 0.1 * "xyz".index(kind)
        source = random.Random(f"{a:.6f} {b:.6f} {lr:.8f} {kind}")
        return tuple(SHAPES[shape](end, step, b, place, source) for step in range(1, STEPS + 1))

    return course


SHAPES: dict[str, Callable[[float, int, float, float, random.Random], float]] = {
    # What is ahead stays ahead.
    "even": lambda end, step, _b, _place, _source: end + step**-0.7,
    # How fast a training falls depends on a parameter that also decides where it ends.
    "speeds": lambda end, step, b, _place, _source: end + 1.5 * step ** -(0.4 + 0.8 * b),
    # What falls fast ends worse.
    "crossing": lambda end, step, _b, place, _source: (
        end + (1.2 - place) * step**-0.6 + 0.5 * place * (step / STEPS) ** 2
    ),
    # Early values are noisy.
    "rough": lambda end, step, _b, _place, source: (
        end + step**-0.7 + (0.25 * (1 - step / STEPS) + 0.01) * source.gauss(0, 1)
    ),
    # Until three quarters the good ones are behind.
    "late": lambda end, step, _b, _place, source: (
        end if step >= 0.75 * STEPS else 1.0 + 0.3 * (1 - end) + 0.02 * source.gauss(0, 1)
    ),
}

PROBLEMS = (
    *(
        Problem(
            f"{shape}_curve",
            "curves",
            space(real("a", 0, 1), real("b", 0, 1), real("lr", 1e-4, 1, scale="log"), choice("kind", "x", "y", "z")),
            _made(shape),
        )
        for shape in SHAPES
    ),
    Problem(
        "mlp_digits",
        "curves",
        space(
            whole("width", 4, 64, scale="log"),
            whole("layers", 1, 3),
            choice("solver", "sgd", "adam"),
            real("momentum", 0.0, 0.99, when="solver == 'sgd'"),
            real("alpha", 1e-6, 10.0, scale="log"),
            real("lr", 1e-5, 1.0, scale="log"),
            whole("batch", 8, 128, scale="log"),
            choice("activation", "relu", "tanh", "logistic"),
        ),
        mlp_digits,
        is_costly=True,
    ),
    Problem(
        "linear_digits",
        "curves",
        space(
            choice("penalty", "l2", "l1", "elasticnet"),
            real("alpha", 1e-6, 1.0, scale="log"),
            choice("schedule", "constant", "invscaling", "optimal"),
            real("lr", 1e-5, 1.0, scale="log"),
            real("power", 0.0, 1.0, when="schedule == 'invscaling'"),
        ),
        linear_digits,
        is_costly=True,
    ),
    Problem(
        "boosting_curve",
        "curves",
        space(
            real("rate", 1e-3, 1.0, scale="log"),
            whole("depth", 1, 8),
            real("rows", 0.2, 1.0),
            real("columns", 0.1, 1.0),
            whole("leaf", 1, 50, scale="log"),
        ),
        boosting_curve,
        is_costly=True,
    ),
)


def of_table(path: Path) -> Problem:
    """A table of trained networks as a problem; a network that is not in it cannot be built.

    Choices are in the first columns, then comes `seed`, and the error after epoch 1, 2, ... in `val1`, `val2`, ...; a
    training gives what the first seed gave.
    """
    opened: Callable[..., Any] = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", newline="") as file:
        rows = list(csv.DictReader(file))
    names = list(rows[0])[: list(rows[0]).index("seed")]
    steps = sorted((name for name in rows[0] if name.startswith("val")), key=lambda name: int(name[3:]))
    curves = {tuple(row[name] for name in names): tuple(float(row[step]) for step in steps) for row in reversed(rows)}

    def look_up(**p: Any) -> Values | None:
        return curves.get(tuple(str(p[name]) for name in names))

    parameters = [_column(name, {row[name] for row in rows}) for name in names]
    return Problem(path.name.split(".")[0], "curves", space(*parameters), look_up)


def _column(name: str, values: Iterable[str]) -> dict[str, Any]:
    if all(value.isdigit() for value in values):
        return {"name": name, "type": "ordinal", "choices": sorted(map(int, values))}
    return choice(name, *sorted(values))
