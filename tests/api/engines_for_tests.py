"""An engine process whose engines sleep, crash or eat memory on demand: `python -m tests.api.engines_for_tests`.

The option `options` of a question's algorithm cannot say so (engines check theirs), so its seed does.
"""

import os
import signal
import sys
import time

import app.engine
from app.search.engine import Engine, History, Suggestion
from studyhall.space import Space
from studyhall.study import Algorithm

RANDOM, SLEEP, CRASH, RAISE, EAT, PRINT, OUTSIDE, FEWER, COUNT, PARENT = range(1, 11)


def misbehave(space: Space, history: History, count: int, *, seed: int, number: int) -> list[Suggestion]:
    """Does what the seed says, and otherwise suggests the middle of the space."""
    match seed:
        case 2:
            time.sleep(60)
        case 3:
            os.kill(os.getpid(), signal.SIGKILL)
        case 4:
            raise ArithmeticError("the matrix is singular")
        case 5:
            bytearray(8 << 30)
        case 6:
            os.write(1, b"a library prints to stdout\n")
        case 7:
            return [Suggestion({"x": 7.0}, "model", "outside")] * count
        case 8:
            return []
        case 9:
            seen = ",".join(f"{o.number}:{o.state}" for o in history.observations)
            return [Suggestion({"x": 0.5}, "model", f"saw {seen}")] * count
        case 10:
            return [Suggestion({"x": 0.5}, "model", f"pid {os.getpid()}")] * count
    return [Suggestion({"x": 0.5}, "model", f"{name_of_threads()} {number}")] * count


def name_of_threads() -> str:
    return os.environ.get("OMP_NUM_THREADS", "") + os.environ.get("STUDYHALL_DATABASE_URL", "")


def engine(algorithm: Algorithm) -> Engine:
    return misbehave


if __name__ == "__main__":
    app.engine._engine = engine
    sys.exit(app.engine.main())
