"""The engine process: `python -m app.engine`, started and watched by `app.services.engine_pool`.

Reads questions from its standard input, answers on its standard output. It holds nothing that could be lost: what it
keeps of each study is a copy, and the server sends it again after a restart.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, Final

from app.child_process import die_with, limit, take_over_pipes
from app.search.engine import Engine, History, Lesson, Observation
from app.services.engine_messages import LENGTH_BYTES, Answer, Ask, Load, Message, frame
from studyhall.space import Space
from studyhall.study import Algorithm
from studyhall.trial import Prediction
from studyhall.words import Parameters

_LONGEST_ERROR: Final = 500


@dataclass(slots=True)
class Known:
    """What the process keeps of a study."""

    space: Space
    lessons: tuple[Lesson, ...] = ()
    observations: dict[int, Observation] = field(default_factory=dict)


def main(words: Sequence[str] | None = None) -> int:
    """Serves until the server closes the pipe or ends."""
    arguments = _arguments(words)
    die_with(arguments.parent)
    limit(arguments.memory_mb, arguments.niceness)
    questions, answers = take_over_pipes()
    studies: dict[str, Known] = {}
    while (message := _read(questions)) is not None:
        try:
            answer = _perform(message, studies)
        except MemoryError:
            _write(answers, Answer(error="out of memory", is_last=True))
            return 1  # what is left of the heap is not worth trusting
        except Exception as error:  # noqa: BLE001  # the edge of the process: whatever an engine raises is its answer
            answer = Answer(error=f"{type(error).__name__}: {error}"[:_LONGEST_ERROR])
        _write(answers, answer)
    return 0


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m app.engine", description="Runs engines for a server.")
    parser.add_argument("--parent", type=int, default=os.getppid(), help="process id of the server")
    parser.add_argument("--memory-mb", type=int, default=0, help="address space limit; 0: none")
    parser.add_argument("--niceness", type=int, default=5, help="how far behind the server it stands for the processor")
    return parser.parse_args(words)


def _perform(message: Message, studies: dict[str, Known]) -> Answer:
    if message.load is not None:
        return _load(message.load)
    if message.ask is None:
        raise ValueError("an empty message")
    return _answer(message.ask, studies)


def _load(load: Load) -> Answer:
    _engine(load.algorithm)
    return Answer()


def _answer(ask: Ask, studies: dict[str, Known]) -> Answer:
    for study in ask.forget:
        studies.pop(study, None)
    known = _update(ask, studies)
    history = History(
        objectives=ask.objectives,
        observations=tuple(known.observations[n] for n in sorted(known.observations.keys() - set(ask.hidden))),
        constraints=ask.constraints,
        max_trials=ask.max_trials,
        parallelism=ask.parallelism,
        max_device_seconds=ask.max_device_seconds,
        lessons=known.lessons,
    )
    if ask.points:
        return Answer(predictions=tuple(_predict(known.space, history, ask.points)))
    suggest, seed = _engine(ask.algorithm), ask.algorithm.seed or 0
    return Answer(suggestions=tuple(suggest(known.space, history, ask.count, seed=seed, number=ask.number)))


def _predict(space: Space, history: History, points: Sequence[Parameters]) -> list[Prediction]:
    from app.search.bayes.predicting import predict

    return predict(space, history, points)


def _update(ask: Ask, studies: dict[str, Known]) -> Known:
    if ask.space is not None:
        studies[ask.study] = Known(ask.space, ask.lessons)
    known = studies[ask.study]
    for number in ask.removed:
        known.observations.pop(number, None)
    for observation in ask.changed:
        known.observations[observation.number] = observation
    return known


def _engine(algorithm: Algorithm) -> Engine:
    # Imported here: the limits and OMP_NUM_THREADS must hold before numpy is loaded.
    from app.search import registry

    return registry.engine(algorithm)


def _read(questions: BinaryIO) -> Message | None:
    head = questions.read(LENGTH_BYTES)
    if len(head) < LENGTH_BYTES:
        return None
    return Message.model_validate_json(questions.read(int.from_bytes(head, "big")))


def _write(answers: BinaryIO, answer: Answer) -> None:
    answers.write(frame(answer))
    answers.flush()


if __name__ == "__main__":
    sys.exit(main())
