"""The command line: `studyhall --help` tells what it can do.

Exit codes, which stay as they are: 0 done, 1 error, 2 wrong use or bad input, 3 client and server do not fit together,
4 not found, 5 not possible in this state, 6 no server can be reached, 130 interrupted. Errors are one line on standard
error; STUDYHALL_DEBUG=1 shows the traceback.

On a terminal commands print tables and facts; on a pipe, or with --json, JSON; --text prints for people anywhere. What
is a document of its own (a log, CSV, a secret just made) is the same everywhere.

What a command needs is imported when it runs, so that `studyhall --help` and completion answer at once.
"""

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from studyhall.commands.grammar import parse

if TYPE_CHECKING:
    import httpx2


PATIENCE_S = 5.0
"""A person who waits at a prompt wants to know soon that nobody answers."""


def main(
    arguments: Sequence[str] | None = None,
    *,
    transport: "httpx2.BaseTransport | None" = None,
    patience_s: float = PATIENCE_S,
) -> int:
    """Runs one command and answers its exit code.

    Args:
        transport, patience_s: how servers are asked; see `studyhall.transport.Connection`.
    """
    parsed: argparse.Namespace | None = None
    for stream in ("stdout", "stderr"):
        if getattr(sys, stream) is None:  # closed by whoever started this (`>&-`)
            setattr(sys, stream, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w"))
    try:
        parsed = parse(list(sys.argv[1:] if arguments is None else arguments))
        parsed.transport, parsed.patience_s = transport, patience_s
        if "json" in parsed:
            parsed.json = parsed.json or not (parsed.text or parsed.document or sys.stdout.isatty())
        return _run(parsed)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        return 130
    except BrokenPipeError:
        # Who read our output has gone (`| head`); Python would complain about it once more at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # the edge of the process: a person reads what goes wrong
        if os.environ.get("STUDYHALL_DEBUG"):
            raise
        from studyhall.commands.failures import describe, exit_code

        sys.stderr.write(f"studyhall: {describe(error, parsed)}\n")
        return exit_code(error)


def _run(parsed: argparse.Namespace) -> int:
    module, _, name = parsed.run.partition(":")
    command: Callable[..., int | None] = getattr(importlib.import_module(f"studyhall.commands.{module}"), name)
    return command(parsed) or 0
