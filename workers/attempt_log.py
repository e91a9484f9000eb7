"""What one attempt prints: the beginning in a bounded file, the end in memory for the reason of a failure."""

from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Final, Self

MAX_LOG_BYTES: Final = 16 * 1024 * 1024
TAIL_BYTES: Final = 16 * 1024


class AttemptLog:
    """Takes everything, keeps what fits: a full disk costs the rest of the log, and not the trial.

    Args:
        path: the file; its directory is made.
    """

    def __init__(self, path: Path, *, limit: int = MAX_LOG_BYTES) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = FileIO(path, "wb")
        self._left = limit
        self._tail = b""
        self.dropped = 0
        """How many bytes were not kept."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.dropped:
            self._write(f"\n… {self.dropped} more bytes were not kept …\n".encode() + self._tail)
        self._file.close()

    def write(self, text: bytes) -> None:
        """Takes a piece of output."""
        fits = text[: self._left]
        kept = self._write(fits)
        self._left = self._left - kept if kept == len(fits) else 0
        self.dropped += len(text) - kept
        self._tail = (self._tail + text)[-TAIL_BYTES:]

    def _write(self, text: bytes) -> int:
        try:
            return self._file.write(text)
        except OSError:
            return 0

    @property
    def tail(self) -> str:
        """The end of it."""
        return self._tail.decode("utf-8", "replace")
