"""`studyhall doctor`: looks at everything a search needs, a line each, and says what to do where something is wrong."""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Final, Literal, NamedTuple

from studyhall.client import Client
from studyhall.commands.asking import client_for
from studyhall.commands.failures import describe
from studyhall.commands.printing import print_json, printable
from studyhall.errors import Forbidden, StudyhallError
from studyhall.home import home_directory, remembered_server
from studyhall.transport import major
from studyhall.wire.server import ServerInfo

CLOCK_S: Final = 5.0
"""Clocks further apart than this make times in logs and lists misleading; leases do not depend on them."""
PROBE_S: Final = 60.0
_SIGNS: Final = {"ok": "ok  ", "note": "note", "wrong": "FAIL"}


class Finding(NamedTuple):
    """One line: what was looked at, how it is, and what to do."""

    subject: str
    sign: Literal["ok", "note", "wrong"]
    fact: str
    advice: str = ""


def run(arguments: argparse.Namespace) -> int:
    """Prints every finding; 1 when something is wrong."""
    findings = list(_findings(arguments))
    if arguments.json:
        print_json([finding._asdict() for finding in findings])
    else:
        for finding in findings:
            advice = f"\n               -> {finding.advice}" if finding.advice else ""
            sys.stdout.write(f"{_SIGNS[finding.sign]}  {finding.subject:<8} {printable(finding.fact)}{advice}\n")
    return 1 if any(finding.sign == "wrong" for finding in findings) else 0


def _findings(arguments: argparse.Namespace) -> Iterator[Finding]:
    yield _python()
    yield _key_file()
    yield _gpu()
    try:
        client = client_for(arguments)
        began = datetime.now(UTC)
        info = client.server()
        ended = datetime.now(UTC)
    except StudyhallError as error:
        yield Finding("server", "wrong", describe(error), _advice(error))
        return
    yield Finding("server", "ok", f"{client.connection.url} answers as version {info.version}")
    yield compare_versions(version("studyhall"), info.version)
    yield compare_clocks(info.now, began, ended)
    yield _database(client, info)
    yield _engines(info)
    yield _workers(client)


def compare_versions(here: str, there: str) -> Finding:
    """Whether client and server fit."""
    if here == there:
        return Finding("version", "ok", f"client and server are {here}")
    if major(here) == major(there):
        return Finding("version", "ok", f"the client is {here}, the server {there}; they fit")
    advice = f"pip install 'studyhall=={major(there)}.*'"
    return Finding("version", "wrong", f"the client is {here}, the server {there}", advice)


def compare_clocks(there: datetime, began: datetime, ended: datetime) -> Finding:
    """How far apart the two clocks are, as far as the time that the answer took lets one know."""
    apart_s = max((began - there).total_seconds(), (there - ended).total_seconds(), 0.0)
    if apart_s <= CLOCK_S:
        return Finding("clock", "ok", "this machine and the server agree")
    advice = "run a time service (chrony, systemd-timesyncd) on both machines"
    return Finding("clock", "note", f"{apart_s:.0f} s apart from the server's", advice)


def _python() -> Finding:
    extras = {"server": "fastapi", "search": "scipy", "postgres": "psycopg", "worker": "torch"}
    there = [extra for extra, package in extras.items() if find_spec(package) is not None]
    python = ".".join(map(str, sys.version_info[:3]))
    return Finding("install", "ok", f"Python {python}, extras: {', '.join(there) or 'none (SDK and command line)'}")


def _key_file() -> Finding:
    try:
        remembered = remembered_server(home_directory())
        if remembered is None or remembered.key_file is None:
            return Finding("home", "ok", f"{home_directory()} remembers no server")
        mode = Path(remembered.key_file).stat().st_mode & 0o077
    except (StudyhallError, OSError) as error:
        return Finding("home", "note", describe(error), "run 'studyhall up' again, or pass --url and --key-file")
    if mode:
        return Finding(
            "home",
            "wrong",
            f"others can read {remembered.key_file}",
            f"chmod 600 {remembered.key_file}, and make new keys",
        )
    return Finding("home", "ok", f"remembers {remembered.url}; its key file is yours alone")


def _gpu() -> Finding:
    if shutil.which("nvidia-smi") is None:
        return Finding("gpu", "ok", "none on this machine; workers here use the processor")
    listed = _output(["nvidia-smi", "-L"])
    if not listed:
        return Finding("gpu", "wrong", "nvidia-smi is there and lists nothing", "look at the driver: run nvidia-smi")
    if find_spec("torch") is None:
        return Finding("gpu", "ok", listed.splitlines()[0].split(" (UUID")[0])
    # In a process of its own: importing torch takes seconds, and a broken driver may hang it.
    seen = _output(
        [sys.executable, "-c", "import torch; print(torch.cuda.device_count() if torch.cuda.is_available() else 0)"]
    )
    if seen.strip() in ("", "0"):
        return Finding(
            "gpu", "wrong", "there is one, and torch cannot use it", "install a torch built for CUDA and this driver"
        )
    return Finding("gpu", "ok", f"torch sees {seen.strip()}: {listed.splitlines()[0].split(' (UUID')[0]}")


def _output(command: list[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=PROBE_S, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _database(client: Client, info: ServerInfo) -> Finding:
    if not client.is_ready():
        return Finding("database", "wrong", f"{info.database} does not answer the server", "look at the server's log")
    if info.writes_waiting > 1000:
        advice = "look at the database's disk; with PostgreSQL more servers share the work"
        return Finding("database", "note", f"{info.database}, {info.writes_waiting} writes wait", advice)
    return Finding("database", "ok", f"{info.database} answers")


def _engines(info: ServerInfo) -> Finding:
    if info.engines is None:
        return Finding(
            "engine", "note", "others run them", "make sure that `studyhall engine` runs on the same database"
        )
    if info.engines == 0:
        return Finding("engine", "wrong", "no engine process lives; chance suggests", "look at the server's log")
    return Finding("engine", "ok", f"{info.engines} beside the server")


def _workers(client: Client) -> Finding:
    try:
        workers = list(islice(client.workers(), 2000))
    except Forbidden:
        return Finding("workers", "note", "this key may not list them", "ask with a key of scope reader or above")
    online = sum(worker.state == "online" for worker in workers)
    aside = [worker.name for worker in workers if worker.state == "quarantined"]
    if aside:
        advice = f"find out why, then: studyhall worker change {aside[0]} online"
        return Finding("workers", "wrong", f"{len(aside)} quarantined: {', '.join(aside[:5])}", advice)
    if not online:
        return Finding("workers", "note", "none online", "start one: studyhall worker (or ask and tell from a script)")
    return Finding("workers", "ok", f"{online} online of {len(workers)} known")


def _advice(error: StudyhallError) -> str:
    return {
        "unreachable": "start one with 'studyhall up', or say where it is: --url or STUDYHALL_URL",
        "unauthenticated": "pass a key: --key-file, STUDYHALL_KEY or STUDYHALL_KEY_FILE",
        "forbidden": "pass a key of scope reader or above",
        "incompatible": "check the address: something else answers there",
    }.get(error.code, "")
