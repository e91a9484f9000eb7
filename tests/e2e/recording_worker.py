"""A worker as the command line starts it, which writes down what the server has acknowledged.

    ACKNOWLEDGED=FILE python -m tests.e2e.recording_worker --url … (the options of `studyhall worker`)

Each line is one `write` to a file opened for appending: it is there although the worker is killed in the next instant.
"""

import asyncio
import json
import os
import sys

import httpx2

from workers.command_line import read_command_line
from workers.worker import Worker


class Recording(httpx2.AsyncBaseTransport):
    """Passes requests on, and keeps measurements and endings that were answered with 200."""

    def __init__(self, file: str) -> None:
        self._inner = httpx2.AsyncHTTPTransport()
        self._file = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answers as the server does."""
        response = await self._inner.handle_async_request(request)
        path = request.url.path
        if response.status_code == 200 and path.endswith(("/measurements", "/complete")):
            line = {"path": path, "body": json.loads(request.content)}
            os.write(self._file, json.dumps(line).encode() + b"\n")
        return response

    async def aclose(self) -> None:
        """Ends with the worker."""
        await self._inner.aclose()


async def main() -> None:
    """Until it is killed, or asked to end."""
    configuration = read_command_line(sys.argv[1:])
    worker = Worker(
        configuration,
        transport=Recording(os.environ["ACKNOWLEDGED"]),
        on_ready=lambda _: print(f"ready {configuration.name}", flush=True),  # noqa: T201 - what the house waits for
    )
    asyncio.get_running_loop().add_signal_handler(15, worker.end)
    await worker.run()


if __name__ == "__main__":
    asyncio.run(main())
