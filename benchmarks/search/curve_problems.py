"""Problems with curves: real models that are trained step by step, and what they score on held-out rows after each."""

import csv
import gzip
import math
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


PROBLEMS = (
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
