"""Starts servers quickly: a process that has imported the server and forks one for each line it is told.

A line is JSON: the settings, the file that takes the child's output, and a seeded defect or null. The answer is the
child's pid. The children are ordinary servers: `app.main.serve` in a process of its own; only the engine processes are
started at the first question instead of at once, and the pause before another attempt is cut short.
"""

import ctypes
import json
import os
import signal
import sys
import traceback
from typing import Any

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Forks servers until standard input ends, then takes them along."""
    import app.main  # noqa: F401  # what makes starting quick

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the children are not waited for
    print("ready", flush=True)  # noqa: T201
    for line in sys.stdin:
        told = json.loads(line)
        child = os.fork()
        if child == 0:
            run(**told)
        print(child, flush=True)  # noqa: T201


def run(settings: dict[str, Any], output: str, defect: str | None) -> None:
    """The child: never returns."""
    status = 1
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(file, 1)
        os.dup2(file, 2)
        os.close(0)
        prepare(defect)
        from app.config import load_settings
        from app.main import serve

        status = serve(load_settings(settings))
    except BaseException:  # noqa: BLE001  # the edge of a process that was told to break
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(status)


def prepare(defect: str | None) -> None:
    """Shortens pauses, and plants a defect."""
    from app.services import engine_pool, moves

    moves.LONGEST_PAUSE_S = 0.5
    pool: Any = engine_pool.EnginePool
    start, suggest = pool.start, pool.suggest

    async def later(self: Any) -> None:
        self.is_started = False

    async def suggest_at_last(self: Any, request: Any) -> Any:
        if not self.is_started:
            self.is_started = True
            await start(self)
        return await suggest(self, request)

    pool.start, pool.suggest = later, suggest_at_last
    if defect is not None:
        from tests.faults.defects import SERVER

        SERVER[defect]()


if __name__ == "__main__":
    main()
