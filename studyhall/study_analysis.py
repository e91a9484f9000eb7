"""An analysis as the SDK gives it: columns, rows, and a data frame where pandas is installed."""

import csv
import importlib
import io
from collections.abc import Iterator
from typing import Any

from pydantic import JsonValue

from studyhall.wire.results import Analysis, History


class StudyAnalysis:
    """What a study's history says. `answer` is what the server told."""

    def __init__(self, answer: Analysis) -> None:
        self.answer = answer

    def __repr__(self) -> str:
        return f"<analysis {self.answer.kind}: {len(self)} rows from {self.answer.used} trials>"

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    @property
    def columns(self) -> dict[str, list[JsonValue]]:
        """Columns of equal length, by name; none while there are too few trials."""
        return self.answer.columns

    @property
    def facts(self) -> dict[str, JsonValue]:
        """What is true of all rows."""
        return self.answer.facts

    @property
    def note(self) -> str | None:
        """What to know before believing it."""
        return self.answer.note

    def rows(self) -> Iterator[dict[str, JsonValue]]:
        """One row after the other."""
        for cells in zip(*self.columns.values(), strict=True):
            yield dict(zip(self.columns, cells, strict=True))

    def frame(self) -> Any:
        """A pandas data frame of the columns.

        Raises:
            ImportError: without pandas, which the SDK does not bring.
        """
        return importlib.import_module("pandas").DataFrame(self.columns)

    def to_csv(self) -> str:
        """The columns as CSV text; an absent value is an empty field."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows(zip(*self.columns.values(), strict=True))
        return text.getvalue()


def of_history(study: str, told: History) -> StudyAnalysis:
    """The course of a search as an analysis like the others, though its answer has a shape of its own."""
    names = ("number", "state", "value", "best", "finished_at", "feasible")
    columns: dict[str, list[JsonValue]] = {name: list(getattr(told, name)) for name in names}
    answer = Analysis(
        study=study,
        sequence=told.sequence,
        kind="history",
        total=told.total,
        used=told.total,
        needed=1,
        is_enough=told.total > 0,
        is_sampled=len(told.number) < told.total,
        columns=columns,
        facts={"objective": told.metric, "goal": told.goal},
    )
    return StudyAnalysis(answer)
