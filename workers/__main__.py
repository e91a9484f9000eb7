"""`python -m workers`: one worker, until SIGTERM, Ctrl-C or the end of its work."""

import asyncio
import dataclasses
import logging
import signal
import sys

from studyhall import tracing
from studyhall.errors import StudyhallError
from workers.child.cgroup import take_subtree
from workers.child.sandbox import hide_memory
from workers.children import NurseryFailed
from workers.command_line import read_command_line
from workers.configuration import Configuration
from workers.worker import Worker


def main() -> int:
    """0: ended as asked; 1: could not go on; 2: the configuration does not fit."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # its line for each request would hide ours
    try:
        configuration = read_command_line(sys.argv[1:])
        if tracing.is_wanted():
            tracing.start("studyhall-worker")
    except StudyhallError as error:
        print(f"studyhall worker: {error}", file=sys.stderr)
        return 2
    hide_memory()
    if (groups := take_subtree()) is not None:
        configuration = dataclasses.replace(configuration, groups=str(groups))
    try:
        asyncio.run(_run(configuration))
    except (StudyhallError, NurseryFailed) as error:
        print(f"studyhall worker: {error}", file=sys.stderr)
        return 1
    return 0


async def _run(configuration: Configuration) -> None:
    def say_ready(slots: int) -> None:
        print(f"ready {configuration.name} ({slots} at once) for {configuration.url}", flush=True)

    worker = Worker(configuration, on_ready=say_ready)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, worker.end)
    await worker.run()


if __name__ == "__main__":
    sys.exit(main())
