"""A study's trials as one file, in pieces: JSON lines, CSV or Parquet. Memory stays that of one portion."""

import csv
import io
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from app.storage import reader
from studyhall.errors import FieldError, InvalidInput
from studyhall.study import StudyDefinition
from studyhall.trial import Trial
from studyhall.trial_table import Kind, TrialTable, cell_text, table_of
from studyhall.wire.studies import ExportFormat

PORTION: Final = 1000
"""Trials that are read, and written, at once; of Parquet a row group."""


class TrialWriter(Protocol):
    """Writes trials as one file."""

    media_type: str

    def write(self, trials: Sequence[Trial]) -> bytes:
        """The next piece of the file."""

    def close(self) -> bytes:
        """Its end."""


def writer_for(format: ExportFormat, definition: StudyDefinition) -> TrialWriter:
    """A writer of this format.

    Raises:
        InvalidInput: Parquet, which this server has no library for.
    """
    makers: dict[ExportFormat, Callable[[TrialTable], TrialWriter]] = {
        "jsonl": JsonLines, "csv": Csv, "parquet": Parquet,
    }  # fmt: skip
    return makers[format](table_of(definition))


def portion(connection: reader.Connection, *, study_id: str, after: int, before: int) -> list[Trial]:
    """The next trials by number, `PORTION` at most: from `after` on, below `before`."""
    return reader.trials_from(connection, study_id, after, min(after + PORTION, before))


class JsonLines:
    """One trial a line, as the API tells it."""

    media_type = "application/x-ndjson"

    def __init__(self, table: TrialTable) -> None:
        pass

    def write(self, trials: Sequence[Trial]) -> bytes:
        """See `TrialWriter`."""
        return "".join(trial.to_json() + "\n" for trial in trials).encode()

    def close(self) -> bytes:
        """See `TrialWriter`."""
        return b""


class Csv:
    """A line of headings, then one trial a line."""

    media_type = "text/csv; charset=utf-8; header=present"

    def __init__(self, table: TrialTable) -> None:
        self._table = table
        self._headings: list[str] = list(table.columns)

    def write(self, trials: Sequence[Trial]) -> bytes:
        """See `TrialWriter`."""
        text = io.StringIO()
        lines = csv.writer(text, lineterminator="\n")
        if self._headings:
            lines.writerow(self._headings)
            self._headings = []
        lines.writerows([cell_text(cell) for cell in self._table.cells(trial)] for trial in trials)
        return text.getvalue().encode()

    def close(self) -> bytes:
        """See `TrialWriter`."""
        return self.write(()) if self._headings else b""


class Parquet:
    """A row group for each portion; every column may hold nulls."""

    media_type = "application/vnd.apache.parquet"

    def __init__(self, table: TrialTable) -> None:
        try:
            import pyarrow
            from pyarrow import parquet
        except ImportError as error:
            raise InvalidInput(
                errors=[FieldError("/query/format", "this server has no pyarrow: ask for csv or jsonl, or install it")]
            ) from error
        kinds: dict[Kind, Any] = {
            "int": pyarrow.int64(),
            "float": pyarrow.float64(),
            "bool": pyarrow.bool_(),
            "text": pyarrow.string(),
            "json": pyarrow.string(),
            "time": pyarrow.timestamp("us", tz="UTC"),
        }
        self._table = table
        self._arrow = pyarrow
        self._schema = pyarrow.schema([(name, kinds[kind]) for name, kind in table.columns.items()])
        self._pieces = _Pieces()
        self._file = parquet.ParquetWriter(pyarrow.PythonFile(self._pieces, mode="w"), self._schema, compression="zstd")

    def write(self, trials: Sequence[Trial]) -> bytes:
        """See `TrialWriter`."""
        rows = [self._table.cells(trial) for trial in trials]
        columns = zip(*rows, strict=True) if rows else [()] * len(self._schema)
        arrays = [self._arrow.array(column, each.type) for column, each in zip(columns, self._schema, strict=True)]
        self._file.write_batch(self._arrow.record_batch(arrays, schema=self._schema))
        return self._pieces.take()

    def close(self) -> bytes:
        """See `TrialWriter`."""
        self._file.close()
        return self._pieces.take()


class _Pieces(io.RawIOBase):
    """A file that gives what was written to it away."""

    def __init__(self) -> None:
        self._written = bytearray()
        self._length = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._length

    def write(self, piece: Any, /) -> int:
        self._written += piece
        self._length += len(piece)
        return len(piece)

    def take(self) -> bytes:
        """What came since the last time."""
        taken = bytes(self._written)
        self._written.clear()
        return taken
