"""`studyhall serve | engine | migrate | worker`: becomes the process itself, with its own arguments."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Final, NamedTuple, NoReturn

from studyhall.errors import StudyhallError
from studyhall.home import WORKER_KEY, home_directory


class Program(NamedTuple):
    """What to run, the package it cannot do without, and the extra that brings it."""

    arguments: tuple[str, ...]
    needs: str
    extra: str


PROGRAMS: Final = {
    "serve": Program(("-P", "-m", "app", "serve"), "fastapi", "server,search"),
    "engine": Program(("-P", "-m", "app", "engine"), "numpy", "server,search"),
    "admin-key": Program(("-P", "-m", "app", "admin-key"), "alembic", "server"),
    "migrate": Program(("-P", "-m", "app", "migrate"), "alembic", "server"),
    "backup": Program(("-P", "-m", "app", "backup"), "alembic", "server"),
    "restore": Program(("-P", "-m", "app", "restore"), "alembic", "server"),
    "worker": Program(("-P", "-m", "workers"), "torch", "worker"),
}
"""-P: a user's own package may be called `app`, and the current directory must not come before ours."""


def become(arguments: argparse.Namespace) -> NoReturn:
    """Replaces this process by the one asked for."""
    rest = list(arguments.rest)
    if arguments.command == "worker":
        rest = [*_own_key(rest), *rest]
    program = program_arguments(arguments.command, rest)
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, *program])  # noqa: S606  # no shell is wanted


def program_arguments(command: str, rest: Sequence[str] = ()) -> list[str]:
    """What to give Python to run a command.

    Raises:
        StudyhallError: when the packages it needs are not installed.
    """
    program = PROGRAMS[command]
    if find_spec(program.needs) is None:
        raise StudyhallError(
            f"'studyhall {command}' needs more than is installed here: pip install 'studyhall[{program.extra}]'"
        )
    return [*program.arguments, *rest]


def _own_key(given: Sequence[str]) -> list[str]:
    """The workers' own key of `studyhall up`: a worker that nobody gave a key should not hold the admin's."""
    key = home_directory() / WORKER_KEY
    says_server = any(word.partition("=")[0] in ("--url", "--key-file") for word in given)
    says_server = says_server or any(os.environ.get(f"STUDYHALL_{name}") for name in ("URL", "KEY", "KEY_FILE"))
    return [] if says_server or not key.exists() else ["--key-file", str(key)]
