"""Trials as columns: one row a trial, for tables, files and data frames."""

from collections.abc import Iterable
from typing import Any, Final

from studyhall.errors import StudyhallError
from studyhall.study import Study
from studyhall.trial import Trial

FACTS: Final = (
    "number",
    "id",
    "state",
    "source",
    "worker",
    "attempt",
    "created_at",
    "started_at",
    "finished_at",
    "note",
)


def columns_of(study: Study, trials: Iterable[Trial]) -> dict[str, list[Any]]:
    """Columns of equal length: facts, then `parameters.NAME` and `metrics.NAME`, of the study and of all trials.

    What a trial lacks is None: an inactive parameter, the metrics of one that failed.
    """
    rows = list(trials)
    parameters = [parameter.name for parameter in study.space.scalars]
    parameters += sorted({name for trial in rows for name in trial.parameters} - {*parameters})
    metrics = [objective.metric for objective in study.objectives]
    metrics += sorted({name for trial in rows for name in trial.metrics} - {*metrics})
    columns: dict[str, list[Any]] = {fact: [getattr(trial, fact) for trial in rows] for fact in FACTS}
    columns["state"] = [trial.state.value for trial in rows]
    for name in parameters:
        columns[f"parameters.{name}"] = [trial.parameters.get(name) for trial in rows]
    for metric in metrics:
        columns[f"metrics.{metric}"] = [trial.metrics.get(metric) for trial in rows]
    return columns


def data_frame(study: Study, trials: Iterable[Trial]) -> Any:
    """The same as a `pandas.DataFrame`, by number.

    Raises:
        StudyhallError: pandas is not installed.
    """
    try:
        import pandas
    except ImportError as error:
        raise StudyhallError("a data frame needs pandas: pip install pandas") from error
    return pandas.DataFrame(columns_of(study, trials)).set_index("number")
