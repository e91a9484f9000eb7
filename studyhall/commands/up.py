"""`studyhall up`: a server, its engine and workers for daily use, until Ctrl-C."""

import argparse
import shlex
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Final, NoReturn

from studyhall.commands.children import Child, Stopped, raise_on_signals
from studyhall.commands.local_stack import LocalStack, occupied, unexpected_end
from studyhall.errors import InvalidInput
from studyhall.home import home_directory

RESTARTS: Final = 5
"""How often each worker is started again before its trouble is the person's."""


def run(arguments: argparse.Namespace) -> int:
    """Runs until it is told to stop; 130 after Ctrl-C."""
    if arguments.workers < 0:
        raise InvalidInput("--workers is a number from 0")
    home = Path(arguments.home).expanduser().absolute() if arguments.home else home_directory().absolute()
    with occupied(home, "up"):
        stack = LocalStack(home, workers=arguments.workers, port=arguments.port)
        raise_on_signals()
        try:
            stack.start()
            _introduce(stack, arguments.workers)
            _watch(stack)
        except Stopped as stopped:
            return stopped.exit_code
        finally:
            _say("stopping ...")
            stack.stop()
            _say("stopped; everything is kept in " + str(home))


def _introduce(stack: LocalStack, workers: int) -> None:
    _say(f"server     {stack.url}")
    _say(f"dashboard  {stack.url}/#key={stack.key}")
    _say(f"key        {stack.key}")
    _say(f"workers    {workers}")
    _say(f"home       {stack.home}")
    if stack.home == home_directory().absolute():
        _say("'studyhall study list' and the SDK know this server now. Ctrl-C stops it.")
    else:
        chosen = shlex.quote(str(stack.home))
        _say(f"For 'studyhall study list' and the SDK: export STUDYHALL_HOME={chosen}. Ctrl-C stops it.")


def _watch(stack: LocalStack) -> NoReturn:
    restarts: Counter[str] = Counter()
    while True:
        if child := stack.children.next_end():
            _replace(stack, child, restarts)


def _replace(stack: LocalStack, child: Child, restarts: Counter[str]) -> None:
    if child.name == "server" or restarts[child.name] >= RESTARTS:
        raise unexpected_end(child)
    restarts[child.name] += 1
    _say(f"{child.name} ended with code {child.exit_code} and is started again; its log: {child.log}")
    stack.start_worker(child.name)


def _say(text: str) -> None:
    with suppress(BrokenPipeError):  # nobody reads any more; the service is wanted all the same
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
