"""`python -m workers`: one worker, until SIGTERM, Ctrl-C or the end of its work."""

import asyncio
import dataclasses
import logging
import signal
import sys

from studyhall import tracing
from studyhall.errors import Incompatible, StudyhallError
from workers.child.cgroup import take_subtree
from workers.child.sandbox import hide_memory
from workers.children import NurseryFailed
from workers.command_line import read_command_line
from workers.configuration import Configuration
from workers.executor import Executor
from workers.slots import Slots
from workers.worker import Worker


def main() -> int:
    """0: ended as asked; 1: could not go on; 2: the configuration does not fit; 3: nor does the server's version."""
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
        return 3 if isinstance(error, Incompatible) else 1
    return 0


async def _run(configuration: Configuration) -> None:
    loop = asyncio.get_running_loop()

    def listen() -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, worker.end)

    def say_ready(slots: int) -> None:
        listen()  # again: Ray takes SIGTERM for itself when it connects, and would end without giving the trials back
        print(f"ready {configuration.name} ({slots} at once) for {configuration.url}", flush=True)

    worker = Worker(configuration, executor=_executor(configuration), on_ready=say_ready)
    listen()
    await worker.run()


def _executor(configuration: Configuration) -> Executor:
    if configuration.executor != "ray":
        return Slots(configuration)
    from workers.ray.dispatcher import Dispatcher

    return Dispatcher(configuration)


if __name__ == "__main__":
    sys.exit(main())
