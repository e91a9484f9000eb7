"""What a command says and which code it leaves when it cannot do what was asked."""

import argparse
from contextlib import suppress
from itertools import islice
from typing import Final

from studyhall.commands.command_parser import did_you_mean
from studyhall.commands.printing import printable
from studyhall.errors import (
    Conflict,
    Incompatible,
    InvalidInput,
    MalformedRequest,
    NotFound,
    StudyhallError,
    Unauthenticated,
    Unavailable,
    VersionConflict,
)

EXIT_CODES: Final[tuple[tuple[type[Exception], int], ...]] = (
    (InvalidInput, 2),
    (MalformedRequest, 2),
    (Incompatible, 3),
    (NotFound, 4),
    (Conflict, 5),
    (VersionConflict, 5),
    (Unavailable, 6),
    (FileNotFoundError, 2),
    (IsADirectoryError, 2),
    (PermissionError, 2),
)

MOST_NAMES: Final = 200
"""Among so many studies one is looked for that may have been meant."""

_SAID_HERE: Final = (
    ("GET /v1/studies/STUDY/trials lists", "'studyhall trial list STUDY' lists"),
    ("GET /v1/studies lists", "'studyhall study list' lists"),
    ("client.studies() lists", "'studyhall study list' lists"),
    ("GET /v1/keys lists", "'studyhall key list' lists"),
    ("pass if_exists='get'", "pass --if-exists get"),
    ("pass force=true", "pass --force"),
)
"""What the server advises, in the words of the command line."""


def exit_code(error: Exception) -> int:
    """The code of the first class that fits, else 1."""
    return next((code for kind, code in EXIT_CODES if isinstance(error, kind)), 1)


def describe(error: Exception, arguments: argparse.Namespace | None = None) -> str:
    """One line that says what is wrong and what to do next.

    Args:
        arguments: what was asked for; a study that is not there may be one that was misspelt.
    """
    if isinstance(error, Unauthenticated):
        why = "this takes a valid key" if error.message == Unauthenticated().message else error.message
        text = f"{why}; give one with STUDYHALL_KEY, STUDYHALL_KEY_FILE or --key-file"
    elif isinstance(error, NotFound) and (meant := _study_meant(arguments)):
        text = f"there is no study '{getattr(arguments, 'study', '')}'{meant}"
    elif isinstance(error, StudyhallError):
        text = _said_here(str(error))
    elif isinstance(error, OSError):
        text = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    else:
        text = f"unexpected {type(error).__name__}: {error}; run again with STUDYHALL_DEBUG=1 and report what it shows"
    if isinstance(error, Unavailable) and error.request_id:
        text = f"{text} [request {error.request_id}]"  # whoever runs the server finds it in the log
    return printable(text)


def _study_meant(arguments: argparse.Namespace | None) -> str:
    name = getattr(arguments, "study", None) or str(getattr(arguments, "id", "")).rpartition("/")[0]
    if arguments is None or not name or name.startswith("st_"):
        return ""
    from studyhall.commands.asking import client_for

    with suppress(StudyhallError):
        names = [study.name for study in islice(client_for(arguments).studies(), MOST_NAMES)]
        return "" if name in names else did_you_mean(name, names)
    return ""


def _said_here(text: str) -> str:
    for there, here in _SAID_HERE:
        text = text.replace(there, here)
    return text
