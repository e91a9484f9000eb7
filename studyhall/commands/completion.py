"""`studyhall completion SHELL`: completion scripts, made from the grammar."""

import argparse
import sys
from collections.abc import Iterator
from typing import NamedTuple

from studyhall.commands.grammar import build_parser

HEADERS = {
    "bash": "# bash completion for studyhall; put this line into ~/.bashrc: source <(studyhall completion bash)",
    "zsh": "# zsh completion for studyhall; put this line into ~/.zshrc: source <(studyhall completion zsh)",
    "fish": "# fish completion for studyhall: studyhall completion fish > ~/.config/fish/completions/studyhall.fish",
}


class Step(NamedTuple):
    """What may come after some words of a command."""

    before: tuple[str, ...]
    commands: dict[str, str]
    options: tuple[str, ...]


def show(arguments: argparse.Namespace) -> None:
    """Prints the script for one shell."""
    steps = list(_steps(build_parser(), ()))
    script = _fish(steps) if arguments.shell == "fish" else _bash(steps)
    if arguments.shell == "zsh":
        script = "autoload -U +X bashcompinit && bashcompinit\n" + script
    sys.stdout.write(f"{HEADERS[arguments.shell]}\n{script}")


def _steps(parser: argparse.ArgumentParser, before: tuple[str, ...]) -> Iterator[Step]:
    # argparse has no public way to walk its tree.
    actions = parser._actions  # noqa: SLF001
    groups = [action for action in actions if isinstance(action, argparse._SubParsersAction)]  # noqa: SLF001
    helps = {choice.dest: choice.help or "" for group in groups for choice in group._choices_actions}  # noqa: SLF001
    options = tuple(name for action in actions for name in action.option_strings if name.startswith("--"))
    yield Step(before, helps, options)
    for group in groups:
        for name, inner in group.choices.items():
            yield from _steps(inner, (*before, name))


def _bash(steps: list[Step]) -> str:
    cases = "\n".join(
        f'    "{" ".join(step.before)}") words="{" ".join([*step.commands, *step.options])}" ;;' for step in steps
    )
    return f"""_studyhall() {{
  local current="${{COMP_WORDS[COMP_CWORD]}}" path="" words="" word
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    case "$word" in -*) ;; *) [ "$(wc -w <<<"$path")" -lt 2 ] && path="${{path:+$path }}$word" ;; esac
  done
  case "$path" in
{cases}
    *) path="${{path%% *}}" ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  [ ${{#COMPREPLY[@]}} -eq 0 ] && COMPREPLY=($(compgen -f -- "$current"))
  return 0
}}
complete -F _studyhall studyhall
"""


def _fish(steps: list[Step]) -> str:
    lines = []
    for step in steps:
        here = _fish_condition(step.before)
        for name, does in step.commands.items():
            lines.append(f"complete -c studyhall -f -n '{here}' -a {name} -d \"{does.replace(chr(34), chr(39))}\"")
        lines += [f"complete -c studyhall -n '{here}' -l {option[2:]}" for option in step.options]
    return "\n".join(lines) + "\n"


def _fish_condition(before: tuple[str, ...]) -> str:
    if not before:
        return "__fish_use_subcommand"
    return "; and ".join(f"__fish_seen_subcommand_from {word}" for word in before)
