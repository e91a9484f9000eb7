"""`python -m app serve | engine | migrate | admin-key | backup | restore | settings`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.config import ConfigError, Settings, each_setting, load_settings, misspelt
from studyhall.commands.command_parser import Parser
from studyhall.errors import StudyhallError

BAD_SETTINGS = 2
CANNOT_START = 1


def main(words: Sequence[str] | None = None) -> int:
    """Runs one of the programs; 1: it could not start, 2: it was not told rightly how."""
    arguments = _parser().parse_args(words)
    try:
        return _run(arguments)
    except ConfigError as error:
        print(f"{arguments.command}: {error}", file=sys.stderr)
        return BAD_SETTINGS
    except StudyhallError as error:
        print(f"{arguments.command}: {error}", file=sys.stderr)
        return CANNOT_START


def _run(arguments: argparse.Namespace) -> int:
    if arguments.command == "settings":
        print(_settings_page())
        return 0
    settings = load_settings(_given(arguments), config=arguments.config)
    _check_place(settings)
    if arguments.command == "migrate":
        return _migrate(settings)
    if arguments.command in ("backup", "restore"):
        return _copy(settings, arguments)
    if arguments.command == "admin-key":
        return _make_admin_key(settings, arguments.key_file)
    for variable, meant in misspelt():
        print(
            f"{arguments.command}: {variable} is no setting and changes nothing; did you mean {meant}?", file=sys.stderr
        )
    from app.main import run_engines, serve

    return run_engines(settings) if arguments.command == "engine" else serve(settings)


def _check_place(settings: Settings) -> None:
    from app.storage.connect import sqlite_file
    from app.storage.file_systems import network_file_system

    file = sqlite_file(settings.database_url.get_secret_value())
    if file is not None and (kind := network_file_system(file)) is not None:
        raise ConfigError(
            f"{file} would be on {kind}, a file system over a network, where SQLite loses data: give database_url (or"
            " `studyhall up --home`) a local disk, or use PostgreSQL"
        )


def _migrate(settings: Settings) -> int:
    from app.storage.migrate import upgrade

    upgrade(settings.database_url.get_secret_value())
    return 0


def _make_admin_key(settings: Settings, file: Path | None) -> int:
    from app.main import admin_key
    from studyhall.home import write_private

    secret = admin_key(settings)
    if file is None:
        print(f"key {secret}")
    else:
        write_private(file, f"{secret}\n")
    return 0


def _copy(settings: Settings, arguments: argparse.Namespace) -> int:
    from app.storage.backup import backup, restore

    copy = backup if arguments.command == "backup" else restore
    copy(settings.database_url.get_secret_value(), arguments.file)
    return 0


def _given(arguments: argparse.Namespace) -> dict[str, Any]:
    named = {"host": "host", "port": "port", "key_file": "first_key_file"}
    given = {setting: getattr(arguments, name, None) for name, setting in named.items()}
    return {setting: value for setting, value in given.items() if value is not None}


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m app", description="The server of Studyhall.", allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    serve = _command(commands, "serve", "run the server with its engine processes")
    serve.add_argument("--host", help="the address to listen at (default: 127.0.0.1)")
    serve.add_argument("--port", type=int, help="the port to listen at; 0: any free one (default: 8000)")
    serve.add_argument("--key-file", type=Path, metavar="FILE", help="where the admin key of a new database is written")
    _command(commands, "migrate", "bring the database to this version")
    key = _command(commands, "admin-key", "make another admin key, for whoever has lost theirs")
    key.add_argument("--key-file", type=Path, metavar="FILE", help="write it there instead of printing it")
    for name, does in (
        ("backup", "write a copy of the database while servers use it"),
        ("restore", "make the database anew from such a copy"),
    ):
        one = _command(commands, name, does)
        one.add_argument("file", type=Path, metavar="FILE", help="the copy")
    commands.add_parser("settings", help="list every setting, as Markdown")
    _command(commands, "engine", "run engine processes for servers that have none, on one PostgreSQL database")
    return parser


def _command(commands: Any, name: str, help: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        name, help=help, description=help.capitalize() + ".", allow_abbrev=False
    )
    command.add_argument("--config", type=Path, metavar="FILE", help="settings as TOML")
    return command


def _settings_page() -> str:
    rows = [f"| `{name}` | `{default}` | {description} |" for name, default, description in each_setting()]
    return "\n".join([_ABOUT_SETTINGS, "", "| setting | default | what it does |", "|---|---|---|", *rows])


_ABOUT_SETTINGS = """\
# Settings of the server

From the strongest to the weakest: the command line (`--host`, `--port`, `--key-file`), the environment
(`STUDYHALL_PORT=8001`; the parts of a group after two underscores, `STUDYHALL_LIMITS__BODY_BYTES=2097152`; several
words by commas), a file that the environment names (`STUDYHALL_DATABASE_URL_FILE`), a TOML file (`--config`), and the
default. A secret is never taken from the command line. This page is the output of `python -m app settings`."""


if __name__ == "__main__":
    sys.exit(main())
