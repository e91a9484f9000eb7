"""The grammar of the command line: every command, its arguments and what they mean. Imports no library."""

import argparse
import sys

from studyhall.commands.command_parser import Commands, Parser, add_command, add_group, add_limit, add_named, duration_s
from studyhall.commands.study_grammar import add_studies, add_trials

OWN_ARGUMENTS = ("serve", "engine", "migrate", "admin-key", "backup", "restore", "worker")
"""Commands that hand their arguments on as they are to a process of their own."""


ANALYSES = (
    "ablation",
    "calibration",
    "contour",
    "convergence",
    "curves",
    "edf",
    "health",
    "history",
    "hypervolume",
    "importance",
    "operators",
    "parallel",
    "pareto",
    "partial_dependence",
    "rank",
    "slice",
    "timeline",
)
"""As in `studyhall.wire.results`, which this module does not import: it would double the time to the first word."""


def parse(arguments: list[str]) -> argparse.Namespace:
    """What a line asks for; `run` names the function that does it. Raises SystemExit 2 when it cannot be understood."""
    if arguments and arguments[0] in OWN_ARGUMENTS and not _names_a_command_of_workers(arguments):
        return argparse.Namespace(run="processes:become", command=arguments[0], rest=arguments[1:])
    parser = build_parser()
    parsed = parser.parse_args(arguments)
    if getattr(parsed, "run", None) is None:
        getattr(parsed, "parser", parser).print_help(sys.stderr)
        raise SystemExit(2)
    return parsed


def _names_a_command_of_workers(arguments: list[str]) -> bool:
    return arguments[0] == "worker" and len(arguments) > 1 and not arguments[1].startswith("-")


def build_parser() -> Parser:
    """The whole grammar; completion scripts are made from it."""
    parser = Parser(prog="studyhall", description=BEGIN, epilog=EPILOG)
    parser.add_argument("--version", action="store_const", const="version:show", dest="run", help="show the version")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_processes(commands)
    add_studies(commands)
    add_trials(commands)
    _add_the_rest(commands)
    return parser


BEGIN = """
POST a search space, get a model. To begin: 'studyhall demo' searches a real model on this machine; 'studyhall up' is a
server that stays, and 'studyhall study create FILE --watch' searches there.
"""
EPILOG = """
The server is found by --url, STUDYHALL_URL or what 'studyhall up' remembered; the key by --key-file, STUDYHALL_KEY,
STUDYHALL_KEY_FILE or the same memory. Exit codes: 0 done, 1 error, 2 wrong use or bad input, 3 versions do not fit,
4 not found, 5 not possible now, 6 server not reachable, 130 interrupted. On a pipe commands print JSON.
"""


def _add_processes(commands: "Commands[Parser]") -> None:
    up = add_command(commands, "up", "run a server, its engine and workers on this machine", "up:run", asks=False)
    up.add_argument("--home", metavar="DIR", help="where everything is kept (default: $STUDYHALL_HOME or ~/.studyhall)")
    up.add_argument("--port", type=int, metavar="N", help="the server's port (default: 8000, or a free one)")
    up.add_argument("--workers", type=int, default=2, metavar="N", help="how many trials run at once (default: 2)")
    demo = add_command(
        commands, "demo", "search an image classifier on this machine, start to end", "demo:run", asks=False
    )
    demo.add_argument("--trials", type=int, default=40, metavar="N", help="how many trials (default: 40)")
    demo.add_argument(
        "--home", default=".studyhall-demo", metavar="DIR", help="where it is kept (default: %(default)s)"
    )
    for name, does in (
        ("serve", "run the server"),
        ("engine", "run engine processes for servers without (PostgreSQL)"),
        ("migrate", "bring the database to this version"),
        ("backup", "write a copy of the database while servers use it"),
        ("restore", "make the database anew from a backup"),
        ("admin-key", "make another admin key, for whoever has lost theirs"),
    ):
        add_command(commands, name, does, "processes:become", asks=False)


def _add_the_rest(commands: "Commands[Parser]") -> None:
    worker = add_group(commands, "worker", "run a worker, or list those the server knows")
    add_command(worker, "list", "list workers", "fleet:show_workers")
    change = add_command(worker, "change", "drain a worker, put it aside, or take it back", "fleet:change_worker")
    change.add_argument("name", metavar="WORKER", help="the worker's name")
    change.add_argument("state", choices=["draining", "quarantined", "online"])
    change.add_argument("--reason", help="kept with the worker")
    change.add_argument("--wait", action="store_true", help="until it runs no trial any more")
    add_command(commands, "algorithms", "list what the server can search with", "fleet:show_algorithms")
    add_command(commands, "trainables", "list what the server's workers can train", "fleet:show_trainables")
    space = add_group(commands, "space", "look at search spaces")
    check = add_command(space, "check", "validate a space, or a study's, and draw samples from it", "space:check")
    check.add_argument("file", metavar="FILE", help="JSON or YAML; - reads standard input")
    check.add_argument("--samples", type=int, default=5, metavar="N", help="how many (default: 5)")
    key = add_group(commands, "key", "make, rotate and revoke keys")
    create = add_command(key, "create", "make a key; its secret is shown once", "key:create", document=True)
    create.add_argument("name", metavar="NAME", help="whose key it is")
    create.add_argument(
        "--scope", choices=["admin", "user", "reader", "worker"], default="user", help="(default: user)"
    )
    create.add_argument("--expires-in", type=duration_s, metavar="TIME", help="12h, 90d ... (default: the server's)")
    create.add_argument("--file", metavar="FILE", help="write the secret there instead, readable by you only")
    add_command(key, "list", "list keys", "key:show_list")
    rotate = add_command(key, "rotate", "make a key in the place of another one", "key:rotate", document=True)
    rotate.add_argument("id", metavar="KEY", help="the old key's id")
    rotate.add_argument(
        "--grace", type=duration_s, default=86400.0, metavar="TIME", help="how long the old one works on (default: 1d)"
    )
    rotate.add_argument("--expires-in", type=duration_s, metavar="TIME", help="12h, 90d ... (default: as the old one)")
    rotate.add_argument("--file", metavar="FILE", help="write the secret there instead, readable by you only")
    revoke = add_command(key, "revoke", "end a key at once", "key:revoke")
    revoke.add_argument("id", metavar="KEY", help="the key's id")
    audit = add_command(commands, "audit", "list who did what: keys, links, deletions, corrections", "key:show_audit")
    audit.add_argument("--limit", type=int, default=100, metavar="N", help="at most so many, 0: all (default: 100)")
    _add_webhooks(commands)
    add_command(commands, "doctor", "check server, key, versions, clock, engines, workers and GPU", "doctor:run")
    analyse = add_command(commands, "analyse", "print what a study's history says", "analyse:run")
    analyse.add_argument("study", metavar="STUDY", help="the study's name or id")
    analyse.add_argument("kind", choices=ANALYSES, metavar="KIND", help=", ".join(ANALYSES))
    analyse.add_argument("--objective", metavar="METRIC", help="which one (default: the first, or all)")
    analyse.add_argument(
        "--method", choices=["ped_anova", "fanova", "model", "forest"], help="how: docs/analyses.md lists them by kind"
    )
    analyse.add_argument("--parameters", nargs="+", metavar="NAME", help="only these")
    analyse.add_argument("--max-points", type=int, default=2000, metavar="N", help="(default: 2000)")
    analyse.add_argument("--csv", action="store_true", help="print CSV")
    add_limit(analyse)
    _add_interchange(commands)
    completion = add_command(commands, "completion", "print a completion script", "completion:show", asks=False)
    completion.add_argument("shell", choices=["bash", "zsh", "fish"])


def _add_webhooks(commands: "Commands[Parser]") -> None:
    webhook = add_group(commands, "webhook", "tell other services what happens")
    create = add_command(webhook, "create", "make a webhook; its secret is shown once", "webhook:create", document=True)
    create.add_argument("address", metavar="ADDRESS", help="where to send to; the server must allow its origin")
    create.add_argument("--study", help="only of this study (default: all)")
    create.add_argument(
        "--kind", action="append", metavar="KIND", help="study.completed, trial.*, * ... (default: ends of studies)"
    )
    create.add_argument("--file", metavar="FILE", help="write the secret there instead, readable by you only")
    add_command(webhook, "list", "list webhooks, and how they fare", "webhook:show_list")
    for name, does in (("test", "send an empty delivery now"), ("delete", "end a webhook")):
        one = add_command(webhook, name, does, f"webhook:{name}")
        one.add_argument("id", metavar="WEBHOOK", help="its id, wh_...")


def _add_interchange(commands: "Commands[Parser]") -> None:
    bring = add_group(commands, "import", "bring in studies of other tools")
    optuna = add_command(
        bring, "optuna", "make a study of one in an Optuna storage, with its trials", "interchange:import_optuna"
    )
    optuna.add_argument("storage", metavar="STORAGE", help="sqlite:///FILE, postgresql://... or a journal file")
    optuna.add_argument("--study", metavar="NAME", help="which one, when there are several")
    optuna.add_argument("--name", help="its name here (default: the same)")
    optuna.add_argument("--dry-run", action="store_true", help="print the definition and make nothing")
    ray = add_command(
        bring, "ray-results", "make a study of Ray Tune's results, with their curves", "interchange:import_ray_results"
    )
    ray.add_argument("directory", metavar="DIR", help="the experiment's, as in ~/ray_results/NAME")
    ray.add_argument("--metric", required=True, help="what it was about")
    ray.add_argument("--mode", choices=["min", "max"], default="min", help="(default: min)")
    ray.add_argument("--space", metavar="FILE", help="its space as 'import ray' reads it (default: what was tried)")
    ray.add_argument("--name", help="the study's name (default: the directory's)")
    ray.add_argument("--dry-run", action="store_true", help="print the definition and make nothing")
    for tool, of in (
        ("wandb", "a W&B sweep's YAML"),
        ("katib", "a Katib experiment's YAML"),
        ("vizier", "a Vizier study's JSON"),
        ("ray", "a Ray Tune space written as JSON or YAML"),
    ):
        one = add_command(
            bring, tool, f"print the study file that is {of}, or make the study", "interchange:import_definition"
        )
        one.add_argument("file", metavar="FILE", help="- reads standard input")
        one.add_argument("--name", help="the study's name")
        one.add_argument("--create", action="store_true", help="make the study at once")
        one.set_defaults(tool=tool)
    send = add_group(commands, "export", "write a study's trials to a file")
    for form, does in (
        ("csv", "write a study's trials as CSV"),
        ("jsonl", "write a study's trials as JSON, one a line"),
        ("parquet", "write a study's trials as a Parquet table"),
        ("optuna", "write a study as a journal that Optuna opens"),
    ):
        one = add_named(send, form, does, "interchange:export", document=True)
        one.add_argument("file", metavar="FILE", nargs="?", help="a new file (default: standard output)")
        one.set_defaults(form=form)
