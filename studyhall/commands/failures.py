"""What a command says and which code it leaves when it cannot do what was asked."""

from typing import Final

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


_SAID_HERE: Final = (
    ("GET /v1/studies/STUDY/trials lists", "'studyhall trial list STUDY' lists"),
    ("GET /v1/studies lists", "'studyhall study list' lists"),
    ("GET /v1/keys lists", "'studyhall key list' lists"),
    ("pass if_exists='get'", "pass --if-exists get"),
    ("pass force=true", "pass --force"),
)
"""What the server advises, in the words of the command line."""


def exit_code(error: Exception) -> int:
    """The code of the first class that fits, else 1."""
    return next((code for kind, code in EXIT_CODES if isinstance(error, kind)), 1)


def describe(error: Exception) -> str:
    """One line that says what is wrong and what to do next."""
    if isinstance(error, Unauthenticated):
        text = f"{error}; give a key with STUDYHALL_KEY, STUDYHALL_KEY_FILE or --key-file"
    elif isinstance(error, StudyhallError):
        text = _said_here(str(error))
    elif isinstance(error, OSError):
        text = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    else:
        text = f"unexpected {type(error).__name__}: {error}; run again with STUDYHALL_DEBUG=1 and report what it shows"
    if isinstance(error, Unavailable) and error.request_id:
        text = f"{text} [request {error.request_id}]"  # whoever runs the server finds it in the log
    return printable(text)


def _said_here(text: str) -> str:
    for there, here in _SAID_HERE:
        text = text.replace(there, here)
    return text
