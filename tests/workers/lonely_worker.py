"""A worker process with a server in its own memory and a trial that leaves processes everywhere, to be killed."""

import asyncio
import sys
from pathlib import Path

from tests.workers.conftest import HERE, task
from tests.workers.fake_server import FakeServer
from workers.configuration import AllowList, Configuration
from workers.worker import Worker


async def main(directory: Path) -> None:
    """Runs until it is killed."""
    server = FakeServer()
    server.add(task("leaves_processes_behind"), pids=str(directory / "pids"), forever=True)
    configuration = Configuration(
        url="http://server.test",
        name="lonely",
        trainables=(),
        allow=AllowList.of(["tests.workers.*"]),
        import_from=(HERE,),
        directory=directory,
        artifacts=str(directory),
    )
    await Worker(configuration, transport=server.transport).run()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
