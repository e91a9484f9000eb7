"""A proxy that gives each request to the next of some servers: `python -m tests.e2e.round_robin URL URL`.

A server that is not there is passed over, as a load balancer does; one that dies while it answers is a 502.
"""

import socket
import sys
from itertools import cycle

import httpx2
import uvicorn
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from studyhall.commands.children import READY

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "host", "content-length"}
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


class RoundRobin:
    """The proxy.

    Args:
        urls: of the servers.
    """

    def __init__(self, urls: list[str]) -> None:
        self._next, self._count = cycle(urls), len(urls)
        self._client = httpx2.AsyncClient(timeout=None, limits=httpx2.Limits(max_keepalive_connections=0))

    async def forward(self, request: Request) -> Response:
        """The answer of whichever server is next and there."""
        body = await request.body()
        headers = [(name, value) for name, value in request.headers.raw if name.decode() not in HOP_BY_HOP]
        for _ in range(self._count):
            url = f"{next(self._next)}{request.url.path}?{request.url.query}"
            try:
                sent = self._client.build_request(request.method, url, headers=headers, content=body)
                answer = await self._client.send(sent, stream=True)
            except httpx2.ConnectError:
                continue
            except httpx2.TransportError as error:
                return PlainTextResponse(f"the server ended while it answered: {error}", 502)
            kept = {name: value for name, value in answer.headers.items() if name not in HOP_BY_HOP}
            return StreamingResponse(
                answer.aiter_raw(), answer.status_code, kept, background=BackgroundTask(answer.aclose)
            )
        return PlainTextResponse("no server is there", 503)


def main(urls: list[str]) -> None:
    """Serves at a port of its own choice, and says at which."""
    application = Starlette(routes=[Route("/{path:path}", RoundRobin(urls).forward, methods=METHODS)])
    listening = socket.create_server(("127.0.0.1", 0))
    sys.stdout.write(f"{READY}http://127.0.0.1:{listening.getsockname()[1]}\n")
    sys.stdout.flush()
    config = uvicorn.Config(application, log_level="warning", timeout_graceful_shutdown=1)
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main(sys.argv[1:])
