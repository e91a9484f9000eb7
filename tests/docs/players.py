"""Plays the blocks of a page in their order, as its reader would: one shell, one Python, one server."""

import gc
import json
import os
import signal
import stat
import subprocess
import sys
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import yaml  # type: ignore[import-untyped] # it ships no types

from studyhall.client import Client
from tests.docs.blocks import Block
from tests.docs.stand_ins import STAND_INS

ANYTHING = "…"
_SELF = {"worker", "program"}


class Shell:
    """A shell that keeps its variables from block to block, and ends with the first command that fails."""

    def __init__(self, directory: Path, environment: dict[str, str]) -> None:
        self.directory = directory
        self._count = 0
        self._errors = (directory / ".errors").open("w+")
        self._process = subprocess.Popen(
            ["bash", "-euo", "pipefail"],
            cwd=directory,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)  # with whatever a page has left running
        self._process.wait()
        self._process.stdout.close()
        self._errors.close()

    def run(self, script: str) -> str:
        """Runs a script and answers what it printed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._count += 1
        end = f"----8<---- {self._count}\n"
        file = self.directory / f".block-{self._count}"
        file.write_text(script)
        self._process.stdin.write(f"source {file} < /dev/null\nwait\nprintf '\\n%s' '{end}'\n")
        self._process.stdin.flush()
        printed: list[str] = []
        for line in self._process.stdout:
            if line == end:
                return "".join(printed)[:-1]  # without the line break that the mark began with
            printed.append(line)
        self._errors.seek(0)
        raise AssertionError(f"{script}\nprinted {''.join(printed)}\nand ended: {self._errors.read()}")


class Player:
    """Plays one page after the other's end; counts what it has played.

    Args:
        shell: where the page's commands run.
        client: of the server that judges what the page only shows.
    """

    def __init__(self, shell: Shell, client: Client) -> None:
        self.played = 0
        self._shell = shell
        self._client = client
        self._python: dict[str, Any] = {"__name__": "page"}
        self._printed = ""
        self._section = 0

    def close(self) -> None:
        """Forgets what the page's Python has made, as the end of its process would: open connections among it."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            self._python.clear()
            gc.collect()

    def play(self, block: Block) -> None:
        """Runs a block, or holds it against what was printed or what the server understands."""
        before = self._printed if block.section == self._section else ""
        self._printed, self._section = "", block.section
        if block.language == "sh":
            self._printed = self._shell.run(block.text)
        elif block.language == "console":
            self._shell.run("\n".join(line[2:] for line in block.text.splitlines() if line.startswith("$ ")))
        elif block.language == "python":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ResourceWarning)  # a name that is given anew lets its connection go
                exec(compile(block.text, f"line {block.line}", "exec"), self._python)  # noqa: S102 -- a page of ours
        elif block.language == "json" and before.strip():
            assert_shown(json.loads(block.text), json.loads(before), f"line {block.line}")
        elif block.language in ("json", "yaml"):
            read = json.loads if block.language == "json" else yaml.safe_load
            self._understand(read(block.text))
        elif block.language == "toml":
            self._read_settings(block.text)
        else:
            raise AssertionError(f"line {block.line}: nobody plays '{block.language}'")
        self.played += 1

    def _understand(self, written: dict[str, Any]) -> None:
        """A space, a task, or a study or a part of one: the server judges."""
        if {"parameters", "architecture"} & set(written):
            self._client.check_space(written)
            return
        if {"trainable", "entry_point", "command"} & set(written):
            written = {"task": written}
        smallest = {
            "space": {"parameters": [{"name": "lr", "type": "float", "low": 0, "high": 1}]},
            "objectives": [{"metric": "loss"}],
        }
        study = self._client.create_study_from(smallest | written | {"name": "a-part-on-a-page"})
        study.delete(force=True)

    def _read_settings(self, text: str) -> None:
        from app.config import load_settings

        file = self._shell.directory / "settings.toml"
        file.write_text(text)
        load_settings({}, config=file)


def assert_shown(shown: Any, printed: Any, at: str = "") -> None:
    """Whether all that the page shows is in what was printed; `…` is anything, at the end of a list any number."""
    if shown == ANYTHING:
        return
    if isinstance(shown, dict):
        assert isinstance(printed, dict), f"{at}: {printed!r}"
        for name, value in shown.items():
            assert name in printed, f"{at}/{name} is not in {sorted(printed)}"
            assert_shown(value, printed[name], f"{at}/{name}")
    elif isinstance(shown, list):
        assert isinstance(printed, list), f"{at}: {printed!r}"
        if shown[-1:] == [ANYTHING]:
            shown, printed = shown[:-1], printed[: len(shown) - 1]
        assert len(shown) == len(printed), f"{at}: {len(printed)} items"
        for index, value in enumerate(shown):
            assert_shown(value, printed[index], f"{at}/{index}")
    else:
        assert shown == printed, f"{at}: {printed!r}"


def write_programs(directory: Path) -> None:
    """Puts the stand-ins, and the real `studyhall`, where a shell finds them."""
    directory.mkdir(exist_ok=True)
    ours = f'exec "{sys.executable}" -P -m tests.docs.stand_ins'
    for name in STAND_INS.keys() - _SELF:
        _write(directory / name, f'{ours} {name} "$@"\n')
    _write(
        directory / "studyhall",
        f"""case "$1" in
          up | serve | engine) {ours} program "$@" ;;
          study) case "$*" in *--watch) set -- "$1" "$2" "$3" ;; esac ;;
          worker) case "$*" in
            worker\\ list*) ;;
            *"--trainables none"*) set -- "$@" --exit-when-idle 5 ;;
            *) shift; {ours} worker "$@" ;;
          esac ;;
        esac
        exec "{sys.executable}" -P -c 'from studyhall.cli import main; raise SystemExit(main())' "$@"
        """,
    )


def _write(file: Path, script: str) -> None:
    file.write_text(f"#!/bin/sh\n{script}")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)


def environment_of(programs: Path, **more: str) -> dict[str, str]:
    """What the shell of a page sees."""
    path = f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    return os.environ | {"PATH": path, "PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"} | more
