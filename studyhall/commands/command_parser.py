"""The words that the grammar of the command line is built from. Imports argparse and no more."""

import argparse
import re
from collections.abc import Iterable
from typing import Any, NoReturn

Commands = argparse._SubParsersAction  # noqa: SLF001  # argparse's name for a group of commands; it has no other

MOST_TOLD = 8
"""So many commands are listed to who names none of them."""


class Help(argparse.HelpFormatter):
    """Names in a column wide enough for all of them, and no line for the word COMMAND, which says nothing."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=32)

    def add_argument(self, action: argparse.Action) -> None:
        """As argparse's, which forgets that commands are indented more than options."""
        super().add_argument(action)
        if isinstance(action, Commands):
            self._action_max_length += 2

    def _format_action(self, action: argparse.Action) -> str:
        text = super()._format_action(action)
        return text.partition("\n")[2] if isinstance(action, Commands) else text


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, and what may have been meant."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options | {"formatter_class": Help})

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"studyhall: {message}; see '{self.prog} --help'\n")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """As argparse's; what the innermost command does not know ends here, where its options are known."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            options = [name for action in self._actions for name in action.option_strings]
            self.error(f"there is no {_kind_of(unknown[0])} '{unknown[0]}'{did_you_mean(unknown[0], options)}")
        return found, unknown

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        # argparse's own words list every choice, and for commands that is a paragraph.
        if action.choices is None or value in action.choices:
            return
        choices = [str(choice) for choice in action.choices]
        if isinstance(action, Commands):
            hint = did_you_mean(value, choices) or (_one_of(choices) if len(choices) <= MOST_TOLD else "")
            raise argparse.ArgumentError(None, f"there is no command '{value}'{hint}")
        hint = did_you_mean(value, choices) or _one_of(choices)
        raise argparse.ArgumentError(action, f"'{value}' is not possible{hint}")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'list'?` for `lst`; nothing when no known word is close."""
    from difflib import get_close_matches

    close = get_close_matches(word.partition("=")[0], list(known), n=1, cutoff=0.6)
    return f"; did you mean '{close[0]}'?" if close else ""


def _one_of(choices: list[str]) -> str:
    return f"; it is one of {', '.join(choices)}"


def _kind_of(word: str) -> str:
    return "option" if word.startswith("-") else "place for"


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
