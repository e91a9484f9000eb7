"""A worker under test, in this process, with a server in memory and real child processes below it."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.workers.fake_server import FakeServer
from workers.attempt import Patiences
from workers.configuration import AllowList, Configuration
from workers.worker import Worker

HERE = str(Path(__file__).parents[2])
QUICK = Patiences(grace_s=0.3, shutdown_s=0.3, kill_after_s=0.3, exit_s=0.5, timeout_s=30, outage_s=30)
Scene = Callable[[FakeServer, Worker], Awaitable[Any]]


def task(function: str, **rest: Any) -> dict[str, Any]:
    """The task that runs one of `tests/workers/trials.py`."""
    return {"entry_point": f"tests.workers.trials:{function}", **rest}


@pytest.fixture
def configuration(tmp_path):
    """A worker that may run the tests' trials, and needs no torch."""
    return Configuration(
        url="http://server.test",
        key="the-worker-key",
        name="worker-under-test",
        trainables=(),
        allow=AllowList.of(["tests.workers.*", sys.executable, "missing-program"]),
        import_from=(HERE,),
        directory=tmp_path / "workers",
        artifacts=str(tmp_path / "artifacts"),
        data=tmp_path,
        wait_s=5.0,
        patiences=QUICK,
    )


@asynccontextmanager
async def at_work(configuration: Configuration, server: FakeServer):
    """A running worker; at the end it is told to end, and must."""
    worker = Worker(configuration, transport=server.transport)
    running = asyncio.create_task(worker.run())
    try:
        yield worker
        worker.end()
        async with asyncio.timeout(20):
            await running
    finally:
        running.cancel()


@pytest.fixture
def run_trial(configuration):
    """Runs one trial to its end and answers it as the server knows it."""

    def run(given, *, server_options=None, **parameters):
        async def scene():
            server = FakeServer(**(server_options or {}))
            trial = server.add(given, **parameters)
            async with at_work(configuration, server):
                await server.ended(trial)
            return trial

        return asyncio.run(scene())

    return run
