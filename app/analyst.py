"""The analyst process: `python -m app.analyst`, started and watched by `app.services.analysis_pool`.

Reads questions from its standard input, answers on its standard output, and keeps nothing between them. Frames are four
bytes of length, big end first, then one byte (0: an answer, 1: why there is none) in answers, and JSON.
"""

import argparse
import os
import select
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, BinaryIO

from app.child_process import LENGTH_BYTES, die_with, limit, take_over_pipes

if TYPE_CHECKING:
    from app.analysis.model import Model
    from app.analysis.question import Question

_LONGEST_ERROR = 500


def main(words: Sequence[str] | None = None) -> int:
    """Serves until the server closes the pipe or ends."""
    parser = argparse.ArgumentParser(prog="python -m app.analyst", description="Computes analyses for a server.")
    parser.add_argument("--parent", type=int, default=os.getppid(), help="process id of the server")
    parser.add_argument("--memory-mb", type=int, default=0, help="address space limit; 0: none")
    arguments = parser.parse_args(words)
    die_with(arguments.parent)
    limit(arguments.memory_mb, niceness=10)
    questions, answers = take_over_pipes()
    from app.analysis.answering import answer  # numpy comes with it: the limits hold by now

    if not select.select([questions], [], [], 0.0)[0]:
        _load_model()
    while (question := _read(questions)) is not None:
        try:
            told = b"\0" + answer(question, engine_model=_engine_model)
        except Exception as error:  # noqa: BLE001  # the edge of the process: the server tells it, and logs it
            told = b"\1" + f"{type(error).__name__}: {error}"[:_LONGEST_ERROR].encode()
        answers.write(len(told).to_bytes(LENGTH_BYTES, "big") + told)
        answers.flush()
    return 0


def _load_model() -> None:
    """While the first question is still being put together: scipy takes longer to load than most analyses to make."""
    import app.engine_model  # noqa: F401


def _engine_model(question: "Question") -> "Model":
    from app.engine_model import EngineModel  # else when somebody asks for what needs it

    return EngineModel(question)


def _read(questions: BinaryIO) -> bytes | None:
    head = questions.read(LENGTH_BYTES)
    return None if len(head) < LENGTH_BYTES else questions.read(int.from_bytes(head, "big"))


if __name__ == "__main__":
    sys.exit(main())
