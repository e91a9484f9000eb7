"""Where a person's machine keeps what it knows of its server: one directory, ~/.studyhall or $STUDYHALL_HOME.

`studyhall up` keeps its database there and remembers its URL and key in `client.json`; the SDK and the command line
look there last, after their arguments and the environment.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from studyhall.errors import InvalidInput, Unauthenticated, Unreachable
from studyhall.words import Word

CLIENT_FILE = "client.json"
ADMIN_KEY = "key"
WORKER_KEY = "worker-key"


class RememberedServer(Word):
    """The server that this machine's commands talk to when nobody says another."""

    url: str
    key_file: str | None = None


class Address(NamedTuple):
    """Where a server is, and the key to it."""

    url: str
    key: str | None


def home_directory(environment: Mapping[str, str] = os.environ) -> Path:
    """`$STUDYHALL_HOME`, else `~/.studyhall`; it need not exist."""
    chosen = environment.get("STUDYHALL_HOME")
    return Path(chosen).expanduser() if chosen else Path.home() / ".studyhall"


def find_server(
    url: str | None = None,
    key: str | None = None,
    *,
    key_file: str | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Address:
    """The server to talk to: what is given, then STUDYHALL_URL, _KEY and _KEY_FILE, then `client.json`.

    The remembered key goes to the remembered server only, never to another one.

    Raises:
        Unreachable: when no URL is known.
        Unauthenticated: when a named key file cannot be read.
        InvalidInput: when `client.json` is damaged.
    """
    remembered = remembered_server(home_directory(environment))
    url = url or environment.get("STUDYHALL_URL") or (remembered.url if remembered else None)
    if not url:
        raise Unreachable("no server is known; run 'studyhall up', pass its URL or set STUDYHALL_URL")
    if key_file and not key:
        return Address(url, read_key(key_file))
    key = key or environment.get("STUDYHALL_KEY")
    if not key and (named := environment.get("STUDYHALL_KEY_FILE")):
        key = read_key(named)
    if not key and remembered and remembered.key_file and url.rstrip("/") == remembered.url.rstrip("/"):
        key = read_key(remembered.key_file)
    return Address(url, key or None)


def remembered_server(home: Path) -> RememberedServer | None:
    """What `client.json` says, or None without one."""
    try:
        text = (home / CLIENT_FILE).read_bytes()
    except OSError:
        return None
    try:
        return RememberedServer.model_validate_json(text, extra="ignore")
    except ValidationError as error:
        raise InvalidInput(f"{home / CLIENT_FILE} is damaged; delete it and run 'studyhall up' again") from error


def remember_server(home: Path, url: str, key_file: Path) -> None:
    """Writes `client.json`, whole or not at all."""
    write_private(home / CLIENT_FILE, RememberedServer(url=url, key_file=str(key_file)).to_json() + "\n")


def read_key(path: str | Path) -> str:
    """The key in a file, without the white space around it."""
    try:
        return Path(path).expanduser().read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Unauthenticated(
            f"the key file {path} cannot be read: {getattr(error, 'strerror', None) or error}"
        ) from error


def write_private(path: Path, text: str) -> None:
    """Replaces a file that only its owner may read, whole or not at all."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
