"""The words that the grammar of the command line is built from. Imports argparse and no more."""

import argparse
import re
from typing import NoReturn

Commands = argparse._SubParsersAction  # noqa: SLF001  # argparse's name for a group of commands; it has no other


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"studyhall: {message}; see '{self.prog} --help'\n")


def duration_s(text: str) -> float:
    """`90d`, `12h`, `30m` or `45s`, in seconds."""
    found = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if not found:
        raise argparse.ArgumentTypeError("write a duration as 45s, 30m, 12h or 90d")
    return int(found[1]) * {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}[found[2]]


def add_group(commands: "Commands[Parser]", name: str, does: str) -> "Commands[Parser]":
    """A group of commands under one word."""
    parser = commands.add_parser(name, help=does, description=_sentence(does))
    parser.set_defaults(parser=parser)
    return parser.add_subparsers(title="commands", metavar="COMMAND")


def add_command(
    commands: "Commands[Parser]", name: str, does: str, run: str, *, asks: bool = True, document: bool = False
) -> Parser:
    """A command.

    Args:
        asks: it asks a server, so it takes --url, --key-file, --json and --text.
        document: what it prints is a file of its own kind (a log, a CSV), on a pipe too; else a pipe gets JSON.
    """
    parser = commands.add_parser(name, help=does, description=_sentence(does), allow_abbrev=False)
    parser.set_defaults(run=run, document=document)
    if asks:
        parser.add_argument("--url", help="the server's address")
        parser.add_argument("--key-file", metavar="FILE", help="where the key is")
        form = parser.add_mutually_exclusive_group()
        otherwise = "" if document else " (default when standard output is no terminal)"
        form.add_argument("--json", action="store_true", help=f"print JSON{otherwise}")
        form.add_argument("--text", action="store_true", help="print for people, on a pipe too")
    return parser


def add_named(commands: "Commands[Parser]", name: str, does: str, run: str, *, document: bool = False) -> Parser:
    """A command about one study."""
    parser = add_command(commands, name, does, run, document=document)
    parser.add_argument("study", metavar="STUDY", help="the study's name or id")
    return parser


def add_trial_argument(parser: Parser) -> None:
    """The trial a command is about."""
    parser.add_argument("id", metavar="TRIAL", help="the trial: STUDY/NUMBER, or its id, tr_...")


def add_limit(parser: Parser) -> None:
    """How many items a list has at most."""
    parser.add_argument("--limit", type=int, default=50, metavar="N", help="at most this many (default: 50; 0: all)")


def _sentence(does: str) -> str:
    return does[0].upper() + does[1:] + "."
