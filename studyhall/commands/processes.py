"""`studyhall serve | engine | migrate | worker`: becomes the process itself, with its own arguments."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Final, NamedTuple, NoReturn

from studyhall.errors import StudyhallError
from studyhall.home import find_server, home_directory, remembered_server


class Program(NamedTuple):
    """What to run, the package it cannot do without, and the extra that brings it."""

    arguments: tuple[str, ...]
    needs: str
    extra: str


PROGRAMS: Final = {
    "serve": Program(("-P", "-m", "app", "serve"), "fastapi", "server,search"),
    "engine": Program(("-P", "-m", "app", "engine"), "numpy", "server,search"),
    "migrate": Program(("-P", "-m", "app", "migrate"), "alembic", "server"),
    "worker": Program(("-P", "-m", "workers"), "torch", "worker"),
}
"""-P: a user's own package may be called `app`, and the current directory must not come before ours."""


def become(arguments: argparse.Namespace) -> NoReturn:
    """Replaces this process by the one asked for."""
    rest = list(arguments.rest)
    if arguments.command == "worker":
        rest = [*_known_server(rest), *rest]
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


def _known_server(given: Sequence[str]) -> list[str]:
    """The remembered server and key, where the arguments and the environment do not say another."""
    if {"-h", "--help"} & set(given) or any(word.split("=")[0] in ("--url", "--config") for word in given):
        return []
    if os.environ.get("STUDYHALL_URL"):
        return []
    home = home_directory()
    remembered = remembered_server(home)
    if remembered is None:
        find_server()  # says what to do
        return []
    own = home / "worker-key"
    key_file = str(own) if own.exists() else remembered.key_file
    given_key = any(word.split("=")[0] == "--key-file" for word in given) or os.environ.get("STUDYHALL_KEY_FILE")
    return ["--url", remembered.url, *(["--key-file", key_file] if key_file and not given_key else [])]
