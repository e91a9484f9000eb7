"""Real problems: models of scikit-learn on its bundled data, cross-validated; a trial costs 10 to 300 ms."""

import math
import warnings
from functools import lru_cache
from typing import Any

import numpy as np
from sklearn import datasets
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.ensemble import ExtraTreesClassifier, GradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import ElasticNet, LogisticRegression
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.svm import SVC, SVR

from benchmarks.search.problem import Problem, choice, real, space, whole


@lru_cache
def _data(name: str, rows: int) -> tuple[Any, Any]:
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    chosen = np.random.default_rng(0).permutation(len(y))[:rows]
    X, y = StandardScaler().fit_transform(X[chosen]), y[chosen]
    return X, (y - y.mean()) / y.std() if name == "diabetes" else y


def _loss(model: BaseEstimator, name: str, rows: int, scoring: str) -> float | None:
    """Cross-validated loss; None where the model cannot be fitted."""
    X, y = _data(name, rows)
    split = KFold if scoring == "neg_mean_squared_error" else StratifiedKFold
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scores = cross_val_score(
            model, X, y, scoring=scoring, cv=split(3, shuffle=True, random_state=1), error_score=math.nan
        )
    loss = -float(scores.mean())
    return loss if math.isfinite(loss) and loss < 1e6 else None


def svr_diabetes(**p: Any) -> float | None:
    return _loss(
        SVR(C=p["cost"], gamma=p["gamma"], epsilon=p["epsilon"], kernel=p["kernel"]),
        "diabetes",
        442,
        "neg_mean_squared_error",
    )


def boosting_diabetes(**p: Any) -> float | None:
    model = GradientBoostingRegressor(
        learning_rate=p["rate"],
        n_estimators=p["trees"],
        max_depth=p["depth"],
        subsample=p["rows"],
        max_features=p["columns"],
        min_samples_leaf=p["leaf"],
        loss=p["loss"],
        random_state=0,
    )
    return _loss(model, "diabetes", 442, "neg_mean_squared_error")


def polynomial_diabetes(**p: Any) -> float | None:
    model = make_pipeline(
        PolynomialFeatures(p["degree"], interaction_only=p["interactions"]),
        StandardScaler(),
        ElasticNet(alpha=p["alpha"], l1_ratio=p["l1"], max_iter=300),
    )
    return _loss(model, "diabetes", 442, "neg_mean_squared_error")


def mlp_cancer(**p: Any) -> float | None:
    more = {"momentum": p["momentum"]} if p["solver"] == "sgd" else {}
    model = MLPClassifier(
        (p["width"],) * p["layers"],
        solver=p["solver"],
        alpha=p["alpha"],
        learning_rate_init=p["lr"],
        batch_size=p["batch"],
        activation=p["activation"],
        max_iter=12,
        random_state=0,
        **more,
    )
    return _loss(model, "breast_cancer", 400, "neg_log_loss")


def forest_digits(**p: Any) -> float | None:
    kind = ExtraTreesClassifier if p["kind"] == "extra" else RandomForestClassifier
    model = kind(
        25,
        max_depth=p["depth"],
        max_features=p["columns"],
        min_samples_leaf=p["leaf"],
        criterion=p["criterion"],
        random_state=0,
    )
    return _loss(model, "digits", 400, "neg_log_loss")


def any_model_digits(**p: Any) -> float | None:
    match p["model"]:
        case "svm":
            last: BaseEstimator = SVC(C=p["cost"], gamma=p["gamma"])
        case "knn":
            last = KNeighborsClassifier(p["k"], weights=p["weights"])
        case _:
            last = LogisticRegression(C=p["inverse_penalty"], max_iter=60)
    steps = [PCA(p["components"], whiten=p["whiten"])] if p["reduce"] else []
    return _loss(make_pipeline(*steps, last), "digits", 500, "neg_mean_absolute_error")


PROBLEMS = (
    Problem(
        "svr_diabetes",
        "learning",
        space(
            real("cost", 1e-3, 1e3, scale="log"),
            real("gamma", 1e-5, 10.0, scale="log"),
            real("epsilon", 1e-3, 1.0, scale="log"),
            choice("kernel", "rbf", "sigmoid", "linear"),
        ),
        svr_diabetes,
        is_costly=True,
    ),
    Problem(
        "boosting_diabetes",
        "learning",
        space(
            real("rate", 1e-3, 1.0, scale="log"),
            whole("trees", 5, 150, scale="log"),
            whole("depth", 1, 8),
            real("rows", 0.2, 1.0),
            real("columns", 0.1, 1.0),
            whole("leaf", 1, 50, scale="log"),
            choice("loss", "squared_error", "absolute_error", "huber"),
        ),
        boosting_diabetes,
        is_costly=True,
    ),
    Problem(
        "polynomial_diabetes",
        "learning",
        space(
            whole("degree", 1, 2),
            {"name": "interactions", "type": "bool"},
            real("alpha", 1e-4, 10.0, scale="log"),
            real("l1", 0.0, 1.0),
        ),
        polynomial_diabetes,
        is_costly=True,
    ),
    Problem(
        "mlp_cancer",
        "learning",
        space(
            whole("width", 4, 128, scale="log"),
            whole("layers", 1, 3),
            choice("solver", "sgd", "adam"),
            real("momentum", 0.0, 0.99, when="solver == 'sgd'"),
            real("alpha", 1e-6, 10.0, scale="log"),
            real("lr", 1e-5, 1.0, scale="log"),
            whole("batch", 8, 128, scale="log"),
            choice("activation", "relu", "tanh", "logistic"),
        ),
        mlp_cancer,
        is_costly=True,
    ),
    Problem(
        "forest_digits",
        "learning",
        space(
            choice("kind", "extra", "forest"),
            whole("depth", 1, 20),
            real("columns", 0.02, 1.0),
            whole("leaf", 1, 20, scale="log"),
            choice("criterion", "gini", "entropy"),
        ),
        forest_digits,
        is_costly=True,
    ),
    Problem(
        "any_model_digits",
        "learning",
        space(
            {"name": "reduce", "type": "bool"},
            whole("components", 2, 60, when="reduce"),
            {"name": "whiten", "type": "bool", "when": "reduce"},
            choice("model", "svm", "knn", "logistic"),
            real("cost", 1e-2, 1e3, scale="log", when="model == 'svm'"),
            real("gamma", 1e-5, 1.0, scale="log", when="model == 'svm'"),
            whole("k", 1, 30, scale="log", when="model == 'knn'"),
            choice("weights", "uniform", "distance", when="model == 'knn'"),
            real("inverse_penalty", 1e-4, 1e2, scale="log", when="model == 'logistic'"),
        ),
        any_model_digits,
        is_costly=True,
    ),
)
