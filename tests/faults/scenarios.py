"""The scenarios of docs/reliability.md, one function each: `async (world, tally, times)`.

Each brings its own load, does its faults `times` times, lets everything settle, and leaves the judgement to the ledger.
"""

import asyncio
import itertools
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import create_engine

from app.storage import migrate
from tests.faults import checks, ledger
from tests.faults.connection import Connection
from tests.faults.database import Postgres, Sqlite
from tests.faults.processes import is_alive, wait_until_gone
from tests.faults.proxy import Proxy
from tests.faults.tracing import IS_THERE, Tracer, replies_before_their_sync, synced_replies
from tests.faults.world import ROOT, START_LIMIT_S, Tally, World, free_port

LEASE_S = 3.0
SETTLE_S = 30.0
LONG_S = 30


async def settle(world: World, tally: Tally, *, limit_s: float = SETTLE_S) -> None:
    """The end of a scenario: the workers finish, the ledger is compared."""
    tally.violations += await world.settle(limit_s)
    world.judge(tally)


async def restart(world: World, tally: Tally, port: int | None = None, **settings: Any) -> None:
    """Starts the server again; I9 before, I10 after."""
    tally.violations += world.sample()
    world.start_server(port, **settings)
    took = await world.wait_until_ready(port)
    if took > START_LIMIT_S[world.database.name]:
        tally.violations.append(f"I10 the server answered {took:.1f} s after its start")


async def f1_server_killed(world: World, tally: Tally, times: int) -> None:
    """Kill -9 at random times under 16 workers."""
    rng = random.Random(times)
    world.start_workers(1, workers=16, trial_s=[0.05, 0.3])
    await asyncio.sleep(0.6)  # the workers' interpreter starts
    for _ in range(times):
        await asyncio.sleep(rng.uniform(0.1, 1.0))
        world.kill_server()
        tally.kills += 1
        await restart(world, tally)
    await settle(world, tally)


async def f1_outage(world: World, tally: Tally, times: int) -> None:
    """The server is down for longer than a lease: nobody's trial is taken away for it."""
    world.start_workers(1, workers=16, trial_s=[0.5, 1.0], lease_s=LEASE_S)
    await asyncio.sleep(1.5)
    for _ in range(times):
        world.kill_server()
        tally.kills += 1
        await asyncio.sleep(LEASE_S + 0.5)
        await restart(world, tally, sweep_s=0.05)  # the sweeper looks before the workers are back
        await asyncio.sleep(1.0)
    await settle(world, tally)


async def f2_killed_at_a_call(world: World, tally: Tally, times: int) -> None:
    """SIGKILL at the n-th fdatasync, pwrite64 or send: between a commit and its reply, and everywhere around it."""
    if not IS_THERE or not isinstance(world.database, Sqlite):
        tally.notes.append("needs strace and SQLite; not run")
        return
    calls = {"fdatasync": "fdatasync", "pwrite64": "pwrite64", "write": "write,sendto,sendmsg"}
    world.start_workers(1, workers=8, trial_s=[0.02, 0.1])
    for n, call in itertools.islice(itertools.product(range(1, 51), calls), times):
        inject = f"{calls[call]}:signal=KILL:when={n * 3}"
        pid = world.servers[world.ports[0]]
        try:
            tracer = Tracer(pid, calls[call], world.folder / "trace", inject=inject)
        except RuntimeError as error:
            tally.notes.append(str(error))
            break
        deadline = time.monotonic() + 10
        while is_alive(pid) and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        tally.faults += not is_alive(pid)
        tracer.detach()
        world.kill_server()
        tally.kills += 1
        await restart(world, tally)
    await settle(world, tally)


async def f3_workers_killed(world: World, tally: Tally, times: int) -> None:
    """Kill -9 of worker processes; their trials wait again within a lease and a sweep."""
    rng = random.Random(times)
    workers = world.start_workers(6, workers=3, lease_s=1.0, trial_s=[0.05, 0.5])
    await asyncio.sleep(1.5)  # so that the first ones to go hold something
    for _ in range(times):
        await asyncio.sleep(rng.uniform(0.05, 0.3))
        victim = rng.randrange(len(workers))
        world.kill_worker(workers[victim])
        tally.kills += 1
        (workers[victim],) = world.start_workers(1, workers=3, lease_s=1.0, trial_s=[0.05, 0.5])
    await settle(world, tally, limit_s=40)


async def f4_database_killed(world: World, tally: Tally, times: int) -> None:
    """PostgreSQL: postmaster killed, stopped at once, backends ended; the server stays and finds it again."""
    if not isinstance(world.database, Postgres):
        tally.notes.append("needs PostgreSQL; not run")
        return
    rng = random.Random(times)
    world.start_workers(1, workers=16, trial_s=[0.05, 0.3])
    await asyncio.sleep(0.6)
    for n in range(times):
        await asyncio.sleep(rng.uniform(0.2, 1.0))
        match n % 3:
            case 0:
                await asyncio.to_thread(world.database.kill)
                await asyncio.to_thread(world.database.restart)
            case 1:
                await asyncio.to_thread(world.database.stop_immediately)
                await asyncio.to_thread(world.database.restart)
            case 2:
                await asyncio.to_thread(world.database.terminate_backends)
        tally.kills += 1
        await asyncio.to_thread(lambda: tally.violations.extend(world.sample()))
    await settle(world, tally)


async def f5_zombies(world: World, tally: Tally, times: int) -> None:
    """SIGSTOP for three leases, then SIGCONT: what comes late is refused, or accepted once."""
    workers = world.start_workers(4, workers=3, lease_s=1.0, trial_s=[0.1, 2.5], max_trials=60, parallelism=14)
    await asyncio.sleep(1.0)
    for n in range(0, times, 2):
        frozen = [workers[n % 4], workers[(n + 1) % 4]]
        for worker in frozen:
            world.kill_worker(worker, signal.SIGSTOP)
        await asyncio.sleep(3.2)
        for worker in frozen:
            worker.send_signal(signal.SIGCONT)
        tally.faults += len(frozen)
        await asyncio.sleep(0.5)
    await settle(world, tally, limit_s=40)


async def f6_network(world: World, tally: Tally, times: int) -> None:
    """A proxy that loses replies, cuts connections, answers late, and now and then a partition."""
    faults = ("drop_reply", "drop_reply", "drop_reply", "reset", "delay", "hole")
    proxy = Proxy(world.ports[0], faults, share=0.15, seed=times)
    port = await proxy.start()
    # Holes of four seconds and partitions are as long as a lease: a trial may rightly be taken away.
    world.start_workers(1, ports=[port], workers=16, lease_s=20.0, trial_s=[0.05, 0.2])
    while sum(proxy.done.values()) < times:
        await asyncio.sleep(2.0)
        proxy.is_cut = True
        await asyncio.sleep(0.5)
        proxy.is_cut = False
    tally.faults += sum(proxy.done.values())
    tally.notes.append(", ".join(f"{count} {fault}" for fault, count in sorted(proxy.done.items())))
    proxy.faults = ()
    await settle(world, tally, limit_s=60)
    await proxy.stop()


async def f7_disk(world: World, tally: Tally, times: int) -> None:
    """No space left, then space again: refused, nothing half written, no restart needed."""
    if not IS_THERE or not isinstance(world.database, Sqlite):
        tally.notes.append("needs strace and SQLite; not run")
        return
    world.start_workers(1, workers=8, trial_s=[0.05, 0.2])
    await asyncio.sleep(0.8)
    for _ in range(times):
        pid = world.servers[world.ports[0]]
        tracer = Tracer(pid, "pwrite64", world.folder / "trace", inject="pwrite64:error=ENOSPC:when=3+1")
        await asyncio.sleep(0.5)
        told = await world.ask("POST", "/v1/studies", {"name": f"full-{uuid4().hex[:6]}"} | small_study())
        read = await world.ask("GET", "/v1/studies?limit=5")
        tracer.detach()
        tally.faults += 1
        if told.status != 503 or told.json()["code"] != "storage-full":
            tally.violations.append(f"F7 a write on a full disk got {told.status} {told.body[:200]!r}")
        if read.status != 200:
            tally.violations.append(f"F7 a read on a full disk got {read.status} {read.body[:200]!r}")
        if not is_alive(pid):
            tally.violations.append("F7 the server ended because the disk was full")
        await asyncio.sleep(0.3)
    await settle(world, tally)


async def f7_failed_sync(world: World, tally: Tally, times: int) -> None:
    """EIO from fsync: what was written is not known; the server ends rather than try the same pages again."""
    if not IS_THERE or not isinstance(world.database, Sqlite):
        tally.notes.append("needs strace and SQLite; not run")
        return
    world.start_workers(1, workers=8, trial_s=[0.05, 0.2])
    await asyncio.sleep(0.8)
    for n in range(times):
        pid = world.servers[world.ports[0]]
        tracer = Tracer(pid, "fdatasync", world.folder / "trace", inject=f"fdatasync:error=EIO:when={2 + n}")
        deadline = time.monotonic() + 5
        while is_alive(pid) and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        tracer.detach()
        tally.faults += 1
        if is_alive(pid):
            tally.violations.append("F7 the server goes on after a failed fsync")
        world.kill_server()
        await restart(world, tally)
    await settle(world, tally)


async def f8_many_writers(world: World, tally: Tally, times: int) -> None:
    """64 clients that write as fast as they are answered for `times` seconds, beside a slow reader of the file."""
    study = (await world.ask("POST", "/v1/studies", {"name": "f8"} | small_study())).json()["id"]
    ends = time.monotonic() + times
    took: list[float] = []
    wrong: list[str] = []

    async def client(n: int) -> None:
        line, token = Connection("127.0.0.1", world.ports[0], world.key), uuid4().hex
        claim = {"token": token, "worker": f"w{n}", "study": study, "wait_s": 0.0}
        trial = (await line.ask("POST", "/v1/claims", claim)).json()["trials"][0]["trial"]["id"]
        for step in itertools.count():
            if time.monotonic() > ends:
                return
            began = time.monotonic()
            point = {"step": step, "metrics": {"loss": 1.0 / (step + 1)}}
            body = {"attempt": 1, "token": token, "measurements": [point]}
            answer = await line.ask("POST", f"/v1/trials/{trial}/measurements", body)
            took.append(time.monotonic() - began)
            if answer.status != 200:
                wrong.append(f"{answer.status} {answer.body[:200]!r}")

    reader = threading.Thread(target=read_slowly, args=(world, ends), daemon=True)
    reader.start()
    await asyncio.gather(*(client(n) for n in range(64)))
    reader.join()
    rate, p99 = len(took) / times, sorted(took)[int(len(took) * 0.99)]
    tally.acked += len(took) - len(wrong)
    tally.notes.append(f"{rate:.0f} writes/s, p99 {p99 * 1000:.0f} ms")
    tally.violations += [f"F8 {line}" for line in wrong[:5]]
    if times >= LONG_S and (rate < 200 or p99 > 0.25):  # a short run on a busy machine says nothing about speed
        tally.violations.append(f"F8 {rate:.0f} writes/s with p99 {p99 * 1000:.0f} ms; at least 200 and at most 250")
    if isinstance(world.database, Sqlite):
        log = world.database.file.with_name(world.database.file.name + "-wal").stat().st_size
        tally.notes.append(f"log {log >> 20} MiB")
        if log > 64 << 20:
            tally.violations.append(f"F8 the log has grown to {log >> 20} MiB")
    world.judge(tally, settled=False)


def read_slowly(world: World, ends: float) -> None:
    """A reader that holds its snapshot for two seconds at a time."""
    if not isinstance(world.database, Sqlite):
        return
    while time.monotonic() < ends:
        with closing(sqlite3.connect(f"file:{world.database.file}?mode=ro", uri=True, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM measurements").fetchall()
            time.sleep(min(2.0, max(0.0, ends - time.monotonic())))
            reader.execute("COMMIT")


async def f10_rolling_restart(world: World, tally: Tally, times: int) -> None:
    """Two servers on one PostgreSQL, SIGTERM in turn: nobody is refused, the drain ends."""
    if not isinstance(world.database, Postgres):
        tally.notes.append("needs PostgreSQL; not run")
        return
    world.ports.append(free_port())
    world.start_server(world.ports[1])
    await world.wait_until_ready(world.ports[1])
    world.start_workers(1, workers=16, trial_s=[0.05, 0.3])
    await asyncio.sleep(0.8)
    for n in range(times):
        port = world.ports[n % 2]
        pid = world.servers.pop(port)
        began = time.monotonic()
        with suppress(ProcessLookupError):
            import os

            os.kill(pid, signal.SIGTERM)
        await asyncio.to_thread(wait_until_gone, pid)
        took = time.monotonic() - began
        if took > 30:
            tally.violations.append(f"F10 the drain took {took:.0f} s")
        tally.kills += 1
        world.start_server(port)
        await world.wait_until_ready(port)
        await asyncio.sleep(0.3)
    await settle(world, tally)


async def f11_migration(world: World, tally: Tally, times: int) -> None:
    """Servers killed while they make the tables, then 16 at once on an empty database: one schema, all serve."""
    rng = random.Random(times)
    world.kill_server()
    empty = await asyncio.to_thread(empty_database, world)
    for _ in range(times):
        victim = subprocess.Popen(
            [sys.executable, "-c", f"from app.storage.migrate import upgrade; upgrade({empty!r})"],
            cwd=ROOT, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        await asyncio.sleep(rng.uniform(0.35, 0.9))
        victim.kill()
        victim.wait()
        tally.kills += 1
    starts = 16 if isinstance(world.database, Postgres) else 1
    ports = [free_port() for _ in range(starts)]
    for port in ports:
        world.start_server(port, database_url=empty)
    for port in ports:
        await world.wait_until_ready(port)
        world.kill_server(port)
    tally.faults += starts
    engine = create_engine(empty)
    with engine.connect() as connection:
        if migrate.current_revision(connection) != migrate.newest_revision():
            tally.violations.append("F11 the schema is not the newest after the kills")
    engine.dispose()


def empty_database(world: World) -> str:
    """The URL of a database without tables."""
    if isinstance(world.database, Sqlite):
        return f"sqlite:///{world.folder}/empty.db"
    from tests.postgres_cluster import administer

    administer(world.database.base, "CREATE DATABASE {}", "empty")
    return world.database.base.set(database="empty").render_as_string(hide_password=False)


async def f13_poison(world: World, tally: Tally, times: int) -> None:
    """A trial that kills each worker that takes it fails after four attempts; the others go on."""
    plan = {"workers": 1, "lease_s": 1.0, "trial_s": [0.05, 0.1], "max_trials": 12, "retries": 3, "poison": 5}
    for n in range(times):
        workers = world.start_workers(3, name=f"poison{n}", **plan)
        name, deadline = f"{world.run}-poison{n}-0", time.monotonic() + 60
        while time.monotonic() < deadline:
            await asyncio.sleep(0.1)
            for index, worker in enumerate(workers):
                if worker.poll() is not None:
                    world.killed.add(f"w{worker.pid}")
                    tally.kills += 1
                    (workers[index],) = world.start_workers(1, name=f"poison{n}", **plan)
            study = (await world.ask("GET", f"/v1/studies/{name}")).json()
            if study.get("state") == "completed":
                break
        for worker in workers:
            worker.send_signal(signal.SIGUSR1)
            world.killed.add(f"w{worker.pid}")
        trials = (await world.ask("GET", f"/v1/studies/{name}/trials?limit=100")).json()["items"]
        poison = next(trial for trial in trials if trial["number"] == 5)
        if (poison["state"], poison["attempt"]) != ("failed", 4):
            tally.violations.append(f"F13 the poison is {poison['state']} after {poison['attempt']} attempts")
        world.stop_workers()
    world.judge(tally, settled=False)


async def f14_twice(world: World, tally: Tally, times: int) -> None:
    """Every request is sent twice, at once or 10 ms apart: the effects are as if once."""
    proxy = Proxy(world.ports[0], ("twice",), share=1.0, seed=times)
    world.start_workers(1, ports=[await proxy.start()], workers=16, trial_s=[0.02, 0.1])
    while proxy.done.get("twice", 0) < times:
        await asyncio.sleep(0.2)
    tally.faults += proxy.done["twice"]
    await settle(world, tally)
    await proxy.stop()


async def f15_engine(world: World, tally: Tally, times: int) -> None:
    """Engine processes killed, or stopped so that they hang: a fallback comes in time, and is counted once."""
    world.kill_server()
    world.start_server(engine={"limit_s": 1.0})
    await world.wait_until_ready()
    world.start_workers(1, workers=4, algorithm="tpe", trial_s=[0.05, 0.2], max_trials=30, parallelism=4)
    rng = random.Random(times)
    await asyncio.sleep(3.0)
    for n in range(times):
        await asyncio.sleep(rng.uniform(0.2, 0.8))
        for pid in engines_of(world.servers[world.ports[0]]):
            with suppress(ProcessLookupError):
                import os

                os.kill(pid, signal.SIGKILL if n % 2 else signal.SIGSTOP)
        tally.kills += 1
    await settle(world, tally, limit_s=60)
    with world.database.copied() as url:
        sources = [trial.source for trial in checks.Stored(url).trials.values()]
    tally.notes.append(f"{sources.count('fallback')} of {len(sources)} suggestions were fallbacks")


def engines_of(server: int) -> list[int]:
    """The engine processes of a server."""
    found: list[int] = []
    for task in Path(f"/proc/{server}/task").iterdir():
        with suppress(OSError):
            found += map(int, (task / "children").read_text().split())
    return found


async def f16_backup(world: World, tally: Tally, times: int) -> None:
    """A backup while everything runs holds all that was acknowledged before it began."""
    world.start_workers(1, workers=16, trial_s=[0.05, 0.2])
    await asyncio.sleep(1.0)
    for n in range(times):
        await asyncio.sleep(0.5)
        lines = ledger.read(world.lines_file)
        url = await asyncio.to_thread(back_up, world, n)
        if url is None:
            tally.notes.append("no pg_dump beside this PostgreSQL; not run")
            break
        acked = [line for line in lines if "intent" in line or line.get("outcome") == "acked"]
        known = {line["op"] for line in acked if "outcome" in line}
        sure = [line for line in acked if line["op"] in known]
        found = checks.judge(sure, url, settled=False)
        # The world went on while the copy was made: a trial may have moved, what was acknowledged may not be gone.
        tally.violations += [f"F16 {line}" for line in found if line.startswith(("I1 ", "I8 step", "I7", "I5", "I6"))]
        tally.faults += 1
    await settle(world, tally)


def back_up(world: World, n: int) -> str | None:
    """Makes a copy as an operator would; its URL."""
    if isinstance(world.database, Sqlite):
        path = world.folder / f"backup-{n}.db"
        with closing(sqlite3.connect(world.database.file)) as source, closing(sqlite3.connect(path)) as copy:
            source.backup(copy)
        return f"sqlite:///{path}"
    from tests.postgres_cluster import administer

    database = world.database
    if not (database.programs / "pg_dump").exists():
        return None
    name = f"backup{n}"
    administer(database.base, "CREATE DATABASE {}", name)
    host = ["-h", str(database.folder), "-U", "test"]
    dump = subprocess.run([database.programs / "pg_dump", *host, "studyhall"], capture_output=True, check=True)
    psql = [str(database.programs / "psql"), "-q", *host, "-d", name]
    subprocess.run(psql, input=dump.stdout, stdout=subprocess.DEVNULL, check=True)
    return database.base.set(database=name).render_as_string(hide_password=False)


async def f17_power_cut(world: World, tally: Tally, times: int) -> None:
    """No reply leaves before an fsync of what it acknowledges: read from the order of system calls."""
    if not IS_THERE or not isinstance(world.database, Sqlite):
        tally.notes.append("needs strace and SQLite; not run")
        return
    study = (await world.ask("POST", "/v1/studies", {"name": "f17"} | small_study())).json()["id"]
    trace = world.folder / "order"
    calls = "recvfrom,read,pwrite64,fdatasync,fsync,write,sendto,sendmsg,writev"
    tracer = Tracer(world.servers[world.ports[0]], calls, trace)
    line = Connection("127.0.0.1", world.ports[0], world.key)
    for _ in range(times // 3 + 1):
        token = uuid4().hex
        claim = {"token": token, "worker": "one", "study": study, "wait_s": 0.0}
        trial = (await line.ask("POST", "/v1/claims", claim)).json()["trials"][0]["trial"]["id"]
        body = {"attempt": 1, "token": token, "measurements": [{"step": 1, "metrics": {"loss": 0.5}}]}
        await line.ask("POST", f"/v1/trials/{trial}/measurements", body)
        await line.ask("POST", f"/v1/trials/{trial}/complete", {"attempt": 1, "token": token, "metrics": {"loss": 0.5}})
    tracer.detach()
    tally.acked += synced_replies(trace)
    tally.violations += list(itertools.islice(replies_before_their_sync(trace), 5))
    if synced_replies(trace) < times:
        tally.violations.append(f"F17 the trace holds {synced_replies(trace)} replies of {times}")


def small_study() -> dict[str, object]:
    return {
        "space": {"parameters": [{"name": "x", "type": "float", "low": 0.0, "high": 1.0}]},
        "objectives": [{"metric": "loss"}],
        "algorithm": {"name": "random", "seed": 1},
    }


Scenario = Callable[[World, Tally, int], Awaitable[None]]

ALL: dict[str, tuple[Scenario, int, int]] = {
    "F1": (f1_server_killed, 400, 6),
    "F1 outage": (f1_outage, 10, 1),
    "F2": (f2_killed_at_a_call, 150, 6),
    "F3": (f3_workers_killed, 350, 12),
    "F4": (f4_database_killed, 100, 3),
    "F5": (f5_zombies, 50, 2),
    "F6": (f6_network, 550, 25),
    "F7 full": (f7_disk, 30, 1),
    "F7 sync": (f7_failed_sync, 10, 1),
    "F8": (f8_many_writers, 60, 4),
    "F10": (f10_rolling_restart, 20, 2),
    "F11": (f11_migration, 30, 1),
    "F13": (f13_poison, 10, 1),
    "F14": (f14_twice, 10_000, 300),
    "F15": (f15_engine, 50, 2),
    "F16": (f16_backup, 10, 1),
    "F17": (f17_power_cut, 1000, 60),
}
"""Name: what to run, how often in a full run, how often in a smoke run."""
KILLS = ("F1", "F2", "F3", "F4", "F10", "F11")
"""The scenarios whose number is that of kills."""
ROUND = {"F1": 40, "F2": 50, "F3": 60, "F4": 34, "F6": 140, "F14": 2500}
"""How often at most in one world; a fresh one begins then, so that looking at all that is stored stays quick."""
