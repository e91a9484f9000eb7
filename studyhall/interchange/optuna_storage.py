"""Reads Optuna's storages of versions 3 to 5 without Optuna: its tables (SQLite, PostgreSQL), and its journal files.

Source: `optuna.storages._rdb.models` (schema 12) and `optuna.storages.journal` (operations 0 to 9) of Optuna 5.0.0.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from studyhall.errors import InvalidInput, NotFound
from studyhall.interchange.optuna_study import OptunaStudy, OptunaTrial, value_of

Rows = Callable[[str, tuple[Any, ...]], list[tuple[Any, ...]]]

JOURNAL_STATES: Final = ("RUNNING", "COMPLETE", "PRUNED", "FAIL", "WAITING")
JOURNAL_DIRECTIONS: Final = {1: "minimize", 2: "maximize"}
_SPECIAL: Final = {"INF_POS": float("inf"), "INF_NEG": float("-inf"), "NAN": float("nan")}


def read_studies(url: str) -> list[OptunaStudy]:
    """All studies of a storage.

    Args:
        url: `sqlite:///FILE`, `postgresql://...`, or the path of a journal file.

    Raises:
        InvalidInput: it is no storage of Optuna's that can be read.
    """
    if url.startswith(("sqlite:///", "postgresql")):
        with _rows_of(url) as rows:
            return _from_tables(rows)
    if "://" in url:
        raise InvalidInput(
            f"'{url.partition(':')[0]}' cannot be read; copy the study into a file with optuna.copy_study"
        )
    path = Path(url)
    if not path.is_file():
        raise InvalidInput(f"there is no file {url}; give a journal file or sqlite:///FILE")
    with path.open("rb") as file:
        is_database = file.read(16) == b"SQLite format 3\0"
    return read_studies(f"sqlite:///{url}") if is_database else _from_journal(path)


def read_study(url: str, name: str | None = None) -> OptunaStudy:
    """One study of a storage; without a name the only one.

    Raises:
        NotFound: there is none of this name.
        InvalidInput: there are several and none was named.
    """
    studies = read_studies(url)
    names = [study.name for study in studies]
    if name is None and len(studies) == 1:
        return studies[0]
    if name is None:
        raise InvalidInput(f"the storage has {len(studies)} studies; name one of: {', '.join(names[:20])}")
    if name not in names:
        raise NotFound(f"the storage has no study '{name}'; it has: {', '.join(names[:20])}")
    return studies[names.index(name)]


@contextmanager
def _rows_of(url: str) -> Iterator[Rows]:
    try:
        with closing(_connection(url)) as connection:
            mark = "?" if url.startswith("sqlite") else "%s"

            def rows(query: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
                cursor = connection.cursor()
                cursor.execute(query.replace("?", mark), values)
                found: list[tuple[Any, ...]] = cursor.fetchall()
                return found

            yield rows
    except sqlite3.DatabaseError as error:
        raise InvalidInput(f"this is no storage of Optuna's: {error}") from error


def _connection(url: str) -> Any:
    if url.startswith("sqlite"):
        path = Path(url.removeprefix("sqlite:///"))
        if not path.is_file():
            raise InvalidInput(f"there is no file {path}")
        return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    try:
        import psycopg
    except ImportError as error:
        raise InvalidInput("reading PostgreSQL needs psycopg: pip install 'studyhall[postgres]'") from error
    scheme, _, rest = url.partition("://")
    return psycopg.connect(f"{scheme.partition('+')[0]}://{rest}")


def _from_tables(rows: Rows) -> list[OptunaStudy]:
    studies = []
    for study_id, name in rows("SELECT study_id, study_name FROM studies ORDER BY study_id", ()):
        directions = rows("SELECT direction FROM study_directions WHERE study_id = ? ORDER BY objective", (study_id,))
        study = OptunaStudy(name, [direction.lower() for (direction,) in directions])
        study.user_attrs = _attributes(rows, "study_user_attributes", "study_id", study_id)
        study.system_attrs = _attributes(rows, "study_system_attributes", "study_id", study_id)
        study.trials = _trials_of(rows, study_id)
        studies.append(study)
    return studies


def _trials_of(rows: Rows, study_id: int) -> list[OptunaTrial]:
    found = rows("SELECT trial_id, number, state FROM trials WHERE study_id = ? ORDER BY number", (study_id,))
    trials = {row[0]: OptunaTrial(row[1], row[2]) for row in found}

    def of_trials(columns: str, table: str, order: str) -> list[tuple[Any, ...]]:
        # The names are ours, a few lines below.
        return rows(
            f"SELECT t.trial_id, {columns} FROM {table} x JOIN trials t ON t.trial_id = x.trial_id"  # noqa: S608
            f" WHERE t.study_id = ? ORDER BY {order}",
            (study_id,),
        )

    for trial_id, name, internal, text in of_trials(
        "x.param_name, x.param_value, x.distribution_json", "trial_params", "x.param_id"
    ):
        _give_parameter(trials[trial_id], name, internal, text)
    for trial_id, value, kind in of_trials("x.value, x.value_type", "trial_values", "x.objective"):
        trials[trial_id].values = [*(trials[trial_id].values or []), _SPECIAL.get(kind, value)]
    for trial_id, step, value, kind in of_trials(
        "x.step, x.intermediate_value, x.intermediate_value_type", "trial_intermediate_values", "x.step"
    ):
        trials[trial_id].intermediate[step] = _SPECIAL.get(kind, value)
    for trial_id, key, text in of_trials("x.key, x.value_json", "trial_user_attributes", "x.trial_user_attribute_id"):
        trials[trial_id].user_attrs[key] = json.loads(text)
    for trial_id, key, text in of_trials(
        "x.key, x.value_json", "trial_system_attributes", "x.trial_system_attribute_id"
    ):
        trials[trial_id].system_attrs[key] = json.loads(text)
    return list(trials.values())


def _attributes(rows: Rows, table: str, owner: str, id: int) -> dict[str, Any]:
    found = rows(f"SELECT key, value_json FROM {table} WHERE {owner} = ?", (id,))  # noqa: S608  # the names are ours
    return {key: json.loads(text) for key, text in found}


def _give_parameter(trial: OptunaTrial, name: str, internal: float, text: str) -> None:
    distribution = json.loads(text)
    trial.distributions[name] = distribution
    trial.parameters[name] = value_of(distribution, internal)


def _from_journal(path: Path) -> list[OptunaStudy]:
    journal = _Journal()
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.endswith("\n"):
                break  # the last line was being written
            try:
                journal.take(json.loads(line))
            except (ValueError, KeyError, TypeError, IndexError) as error:
                raise InvalidInput(f"{path}: line {number} is no line of Optuna's journal") from error
    return journal.studies


class _Journal:
    """Plays the operations of a journal again; Optuna refuses those that came too late, and so does this."""

    def __init__(self) -> None:
        self._studies: dict[int, OptunaStudy] = {}
        self._trials: list[OptunaTrial] = []
        self._next_id = 0

    @property
    def studies(self) -> list[OptunaStudy]:
        return list(self._studies.values())

    def take(self, line: dict[str, Any]) -> None:
        match line["op_code"]:
            case 0:
                if all(study.name != line["study_name"] for study in self.studies):
                    directions = [JOURNAL_DIRECTIONS[each] for each in line["directions"]]
                    self._studies[self._next_id] = OptunaStudy(line["study_name"], directions)
                    self._next_id += 1
            case 1:
                self._studies.pop(line["study_id"], None)
            case 2:
                self._studies[line["study_id"]].user_attrs.update(line["user_attr"])
            case 3:
                self._studies[line["study_id"]].system_attrs.update(line["system_attr"])
            case 4:
                self._add_trial(line)
            case operation:
                self._change(operation, self._trials[line["trial_id"]], line)

    def _add_trial(self, line: dict[str, Any]) -> None:
        study = self._studies.get(line["study_id"])
        if study is None:
            return
        trial = OptunaTrial(len(study.trials), JOURNAL_STATES[line.get("state", 0)])
        for name, text in line.get("distributions", {}).items():
            _give_parameter(trial, name, line["params"][name], text)
        value, values = line.get("value"), line.get("values")
        trial.values = values if values is not None else None if value is None else [value]
        trial.user_attrs = dict(line.get("user_attrs", {}))
        trial.system_attrs = dict(line.get("system_attrs", {}))
        trial.intermediate = {int(step): value for step, value in line.get("intermediate_values", {}).items()}
        study.trials.append(trial)
        self._trials.append(trial)

    def _change(self, operation: int, trial: OptunaTrial, line: dict[str, Any]) -> None:
        if trial.state in ("COMPLETE", "PRUNED", "FAIL"):
            return
        match operation:
            case 5:
                _give_parameter(trial, line["param_name"], line["param_value_internal"], line["distribution"])
            case 6:
                trial.state = JOURNAL_STATES[line["state"]]
                trial.values = line["values"] if line.get("values") is not None else trial.values
            case 7:
                trial.intermediate[line["step"]] = line["intermediate_value"]
            case 8:
                trial.user_attrs.update(line["user_attr"])
            case 9:
                trial.system_attrs.update(line["system_attr"])
