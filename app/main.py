"""The composition root: puts a server together from its settings, and runs it."""

import asyncio
import contextlib
import fcntl
import gc
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import IO, Final

import structlog
import uvicorn
from fastapi import FastAPI
from prometheus_client import start_http_server

from app.api.application import Api
from app.api.auth import Authenticator
from app.api.connection import guarded
from app.config import Settings
from app.logs import configure_logs
from app.services.analysis_pool import AnalysisPool
from app.services.engine_pool import EnginePool
from app.services.keys import create_admin_key
from app.services.retention import Retention
from app.services.services import Services
from app.storage import migrate
from app.storage.committed import Committed
from app.storage.connect import sqlite_file
from app.storage.contents import Contents
from app.storage.database import Database
from app.storage.object_contents import ObjectContents
from app.webhook_post import WebhookPost
from studyhall import tracing
from studyhall.errors import Conflict, Unavailable
from studyhall.home import write_private

KEEP_ALIVE_S: Final = 75
"""Longer than any long-poll and than the idle time of usual load balancers."""

ALIVE_EVERY_S: Final = 5.0
LONGEST_LOCK_S: Final = 2.0

log = structlog.get_logger("server")


def create_app(settings: Settings) -> Api:
    """The application on a migrated database; its lifespan starts and stops everything behind it."""
    pool = _pool(settings) if settings.engine.processes else None
    post = WebhookPost() if settings.webhooks.origins else None
    services = Services(
        settings.database_url.get_secret_value(),
        pool,
        sweep_s=settings.sweep_s,
        contents=_contents(settings),
        retention=Retention(**settings.retention.model_dump()),
        analyst=AnalysisPool(memory_mb=settings.engine.memory_mb),
        post=post,
        origins=settings.webhooks.origins,
    )

    @asynccontextmanager
    async def running(_app: FastAPI) -> AsyncIterator[None]:
        async with _started(services, pool):
            await _hand_out_first_key(services, settings)
            yield
        if post is not None:
            await post.close()

    return Api(
        services=services,
        authenticator=Authenticator(services.find_key, required=settings.auth.required, on_use=services.key_used),
        limits=settings.limits,
        rates=settings.rates,
        hosts=settings.known_hosts,
        origins=settings.origins,
        logs_requests=settings.log.requests,
        lifespan=running,
    )


def serve(settings: Settings) -> int:
    """Serves until it is told to stop.

    Returns: 0; 130 after Ctrl-C.

    Raises:
        StudyhallError: it cannot start: the database, or the port, is not to be had.
    """
    configure_logs(settings.log.level, settings.log.format)
    if settings.tracing:
        tracing.start("studyhall-server")
    url = settings.database_url.get_secret_value()
    with _alone(sqlite_file(url)), _listening(settings.host, settings.port) as listener:
        migrate.upgrade(url)
        api = create_app(settings)
        server = _Server(uvicorn_config(api, settings), api, _address(settings.host, listener))
        server.run(sockets=[listener])
        return server.exit_code


def run_engines(settings: Settings) -> int:
    """Runs engines for the servers of a PostgreSQL database that have none, until it is told to stop.

    Raises:
        Unavailable: the database is SQLite, which one process alone may use.
    """
    configure_logs(settings.log.level, settings.log.format)
    if settings.tracing:
        tracing.start("studyhall-engine")
    url = settings.database_url.get_secret_value()
    if sqlite_file(url) is not None:
        raise Unavailable("engines of their own need PostgreSQL; on SQLite the server runs them (engine.processes)")
    migrate.upgrade(url)
    asyncio.run(_suggest_until_told(settings, url))
    return 0


def admin_key(settings: Settings) -> str:
    """A new admin key, made in the database itself; on SQLite no server may run meanwhile.

    Raises:
        StudyhallError: the database is not to be had.
    """
    url = settings.database_url.get_secret_value()
    with _alone(sqlite_file(url)):
        migrate.upgrade(url)
        database = Database(url, _nobody_waits)
        try:
            key = database.writer.write_now(create_admin_key)
        finally:
            database.close()
    assert key.secret is not None  # noqa: S101  # a key that was just made tells it
    return key.secret


def _nobody_waits(_: Committed) -> None:
    """What a process that only writes does when something has changed."""


async def _suggest_until_told(settings: Settings, url: str) -> None:
    told = asyncio.Event()
    for sig in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sig, told.set)
    pool = _pool(settings)
    services = Services(url, pool, sweep_s=settings.sweep_s)
    if settings.engine.metrics_port:
        _serve_metrics(settings.engine.metrics_port, services)
    async with _started(services, pool):
        sys.stdout.write("ready engine\n")
        sys.stdout.flush()
        while not told.is_set():
            if settings.engine.alive_file is not None:
                settings.engine.alive_file.touch()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(told.wait(), ALIVE_EVERY_S)


def _serve_metrics(port: int, services: Services) -> None:
    try:
        start_http_server(port, registry=services.meters.registry)
    except OSError as error:
        raise Conflict(
            f"cannot serve metrics at port {port}: {error.strerror}; choose another engine.metrics_port"
        ) from None


def _contents(settings: Settings) -> Contents | ObjectContents | None:
    if settings.artifacts.url is not None:
        return ObjectContents(settings.artifacts.url)
    directory = settings.artifacts.directory
    return None if directory is None else Contents(directory)


def _pool(settings: Settings) -> EnginePool:
    engine = settings.engine
    return EnginePool(processes=max(1, engine.processes), limit_s=engine.limit_s, memory_mb=engine.memory_mb)


@asynccontextmanager
async def _started(services: Services, pool: EnginePool | None) -> AsyncIterator[None]:
    if pool is not None:
        await pool.start()
    await services.start()
    try:
        yield
    finally:
        await services.stop()
        if pool is not None:
            await pool.stop()


class _Server(uvicorn.Server):
    """uvicorn's server, that says when it is ready and ends in order."""

    def __init__(self, config: uvicorn.Config, api: Api, address: str) -> None:
        super().__init__(config)
        self._api = api
        self._address = address
        self.exit_code = 0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            # What is here now stays: no collection need look at it again, the longest of which held up every request.
            gc.collect()
            gc.freeze()
            sys.stdout.write(f"ready {self._address}\n")
            sys.stdout.flush()
            log.info("ready", address=self._address, pid=os.getpid())

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        log.info("going_down")
        self._api.services.signals.close()  # not ready any more; whoever waits is answered
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: object) -> None:
        """The first signal drains, the second one stops now."""
        self.exit_code = 130 if sig == signal.SIGINT else 0
        if self.should_exit:
            self.force_exit = True
        self.should_exit = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn's, without raising the signal again at the end: a server that was told to stop has not failed."""
        before = {sig: signal.signal(sig, self.handle_exit) for sig in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for sig, handler in before.items():
                signal.signal(sig, handler)


def uvicorn_config(api: Api, settings: Settings) -> uvicorn.Config:
    """How uvicorn serves an API: with our protocol, quietly, and believing the named proxies only."""
    return uvicorn.Config(
        api,
        http=guarded(settings.limits),
        ws="none",
        loop="auto",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=round(settings.drain_s),
    )


async def _hand_out_first_key(services: Services, settings: Settings) -> None:
    key = await services.create_first_key()
    if key is None or key.secret is None:
        return
    if settings.first_key_file is None:
        sys.stdout.write(f"key {key.secret}\n")
        sys.stdout.flush()
    else:
        await asyncio.to_thread(write_private, settings.first_key_file, f"{key.secret}\n")


@contextmanager
def _alone(database: Path | None) -> Iterator[None]:
    """Holds a SQLite file: two servers on one would each believe to be its only writer."""
    if database is None:
        yield
        return
    lock = database.with_name(database.name + ".lock")
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = lock.open("a")
    except OSError as error:
        raise Unavailable(f"cannot write beside the database {database}: {error.strerror}") from None
    with file:
        if not _locked(file):
            raise Conflict(f"another server uses {database}; stop it first, or use PostgreSQL for several")
        yield


def _locked(file: IO[str]) -> bool:
    """Takes a file's lock; waits a moment, because the last thread of a killed server may still be on its way out."""
    until = time.monotonic() + LONGEST_LOCK_S
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
        else:
            return True


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """A bound socket, so that a port in use is known before anything else is started."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    with contextlib.closing(listener):
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host.strip("[]"), port))
        except OSError as error:
            raise Conflict(f"cannot listen at {host}:{port}: {error.strerror}; choose another --port") from None
        yield listener


def _address(host: str, listener: socket.socket) -> str:
    shown = host.strip("[]")
    if shown in ("0.0.0.0", "::"):  # noqa: S104  # where to reach it, not where it listens
        shown = "127.0.0.1"
    name = f"[{shown}]" if ":" in shown else shown
    return f"http://{name}:{listener.getsockname()[1]}"
