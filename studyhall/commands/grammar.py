"""The grammar of the command line: every command, its arguments and what they mean. Imports argparse and no more."""

import argparse
import re
import sys
from typing import NoReturn

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
    "hypervolume",
    "importance",
    "parallel",
    "pareto",
    "partial_dependence",
    "rank",
    "slice",
    "timeline",
)
"""As in `studyhall.wire`, which this module does not import: it would double the time to the first word."""


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"studyhall: {message}; see '{self.prog} --help'\n")


def parse(arguments: list[str]) -> argparse.Namespace:
    """What a line asks for; `run` names the function that does it. Raises SystemExit 2 when it cannot be understood."""
    if arguments and arguments[0] in OWN_ARGUMENTS and arguments[1:2] not in (["list"], ["change"]):
        return argparse.Namespace(run="processes:become", command=arguments[0], rest=arguments[1:])
    parser = build_parser()
    parsed = parser.parse_args(arguments)
    if getattr(parsed, "run", None) is None:
        getattr(parsed, "parser", parser).print_help(sys.stderr)
        raise SystemExit(2)
    return parsed


def build_parser() -> Parser:
    """The whole grammar; completion scripts are made from it."""
    parser = Parser(prog="studyhall", description="POST a search space, get a model.", epilog=EPILOG)
    parser.add_argument("--version", action="store_const", const="version:show", dest="run", help="show the version")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_processes(commands)
    _add_study(commands)
    _add_trial(commands)
    _add_the_rest(commands)
    return parser


EPILOG = """
The server is found by --url, STUDYHALL_URL or what 'studyhall up' remembered; the key by --key-file, STUDYHALL_KEY,
STUDYHALL_KEY_FILE or the same memory. Exit codes: 0 done, 1 error, 2 wrong use or bad input, 3 versions do not fit,
4 not found, 5 not possible now, 6 server not reachable, 130 interrupted.
"""


def _add_processes(commands: "argparse._SubParsersAction[Parser]") -> None:
    up = _command(commands, "up", "run a server, its engine and workers on this machine", "up:run", asks=False)
    up.add_argument("--home", metavar="DIR", help="where everything is kept (default: $STUDYHALL_HOME or ~/.studyhall)")
    up.add_argument("--port", type=int, metavar="N", help="the server's port (default: 8000, or a free one)")
    up.add_argument("--workers", type=int, default=2, metavar="N", help="how many trials run at once (default: 2)")
    demo = _command(
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
        _command(commands, name, f"{does}; 'studyhall {name} --help' tells its options", "processes:become", asks=False)


def _add_study(commands: "argparse._SubParsersAction[Parser]") -> None:
    study = _group(commands, "study", "make, watch and end studies")
    create = _command(study, "create", "make a study from a JSON or YAML file", "study:create")
    create.add_argument("file", metavar="FILE", help="the definition; - reads JSON from standard input")
    create.add_argument("--name", help="instead of the file's")
    create.add_argument("--if-exists", choices=["error", "get"], help="what to do when the name is taken")
    create.add_argument("--watch", action="store_true", help="stay and show its progress until it ends")
    listing = _command(study, "list", "list studies", "study:show_list")
    listing.add_argument("--state", help="only those in this state")
    listing.add_argument("--label", metavar="KEY=VALUE", help="only those with this label")
    _add_limit(listing)
    _named(study, "show", "show one study", "study:show")
    _named(study, "watch", "show a study's progress until it ends", "study:watch")
    _named(study, "best", "show the best trial, or the Pareto front of several objectives", "study:best")
    _named(study, "pause", "hand out no more trials for now", "study:pause")
    _named(study, "resume", "hand out trials again", "study:resume")
    stop = _named(study, "stop", "end a study", "study:stop")
    stop.add_argument(
        "--mode",
        choices=["drain", "graceful", "kill"],
        default="graceful",
        help="drain: running trials end by themselves; graceful: they are asked to; kill: they are cancelled at once",
    )
    stop.add_argument("--reason", help="kept with the study")
    delete = _named(study, "delete", "delete a study and all its trials", "study:delete")
    delete.add_argument("--yes", action="store_true", help="do not ask")
    delete.add_argument("--force", action="store_true", help="even while trials are running")


def _add_trial(commands: "argparse._SubParsersAction[Parser]") -> None:
    trial = _group(commands, "trial", "look at trials, stop or repeat them")
    listing = _named(trial, "list", "list a study's trials", "trial:show_list")
    listing.add_argument("--state", help="only those in this state")
    listing.add_argument("--label", metavar="KEY=VALUE", help="only those with this label")
    listing.add_argument("--worker", help="only those this worker has run")
    listing.add_argument("--sort", choices=["number", "value"], default="number", help="(default: number)")
    listing.add_argument("--reverse", action="store_true", help="the last, or largest, first")
    _add_limit(listing)
    for name, does in (
        ("show", "show one trial and what it reported"),
        ("explain", "tell why a trial was suggested, what it promised and what came of it"),
        ("network", "draw the network that a trial's parameters describe"),
        ("stop", "ask a running trial to end soon; its last measurement stands"),
        ("cancel", "end a trial at once, without a result"),
        ("retry", "queue a finished trial's parameters once more"),
    ):
        one = _command(trial, name, does, f"trial:{name}")
        one.add_argument("id", metavar="TRIAL", help="the trial's id, tr_...")
        if name in ("stop", "cancel"):
            one.add_argument("--reason", help="kept with the trial")
    logs = _command(trial, "logs", "print what a trial's code has printed", "trial:show_log")
    logs.add_argument("id", metavar="TRIAL", help="the trial's id, tr_...")
    logs.add_argument("--attempt", type=int, metavar="N", help="of this attempt (default: the latest)")
    kept = _command(trial, "artifacts", "list the files a trial has kept, or copy them here", "trial:show_artifacts")
    kept.add_argument("id", metavar="TRIAL", help="the trial's id, tr_...")
    kept.add_argument("--save", metavar="DIR", help="copy those of the latest attempt to this directory")
    logs.add_argument("--follow", action="store_true", help="wait for more until the attempt has ended")


def _add_the_rest(commands: "argparse._SubParsersAction[Parser]") -> None:
    worker = _group(commands, "worker", "run a worker, or list those the server knows")
    _command(worker, "list", "list workers", "fleet:show_workers")
    change = _command(worker, "change", "drain a worker, put it aside, or take it back", "fleet:change_worker")
    change.add_argument("name", metavar="WORKER", help="the worker's name")
    change.add_argument("state", choices=["draining", "quarantined", "online"])
    change.add_argument("--reason", help="kept with the worker")
    _command(commands, "algorithms", "list what the server can search with", "fleet:show_algorithms")
    _command(commands, "trainables", "list what the server's workers can train", "fleet:show_trainables")
    space = _group(commands, "space", "look at search spaces")
    check = _command(space, "check", "validate a space, or a study's, and draw samples from it", "space:check")
    check.add_argument("file", metavar="FILE", help="JSON or YAML; - reads JSON from standard input")
    check.add_argument("--samples", type=int, default=5, metavar="N", help="how many (default: 5)")
    key = _group(commands, "key", "make and revoke keys")
    create = _command(key, "create", "make a key; its secret is shown once", "key:create")
    create.add_argument("name", metavar="NAME", help="whose key it is")
    create.add_argument(
        "--scope", choices=["admin", "user", "reader", "worker"], default="user", help="(default: user)"
    )
    create.add_argument("--expires-in", type=duration_s, metavar="TIME", help="12h, 90d ... (default: the server's)")
    create.add_argument("--file", metavar="FILE", help="write the secret there instead, readable by you only")
    _command(key, "list", "list keys", "key:show_list")
    revoke = _command(key, "revoke", "end a key at once", "key:revoke")
    revoke.add_argument("id", metavar="KEY", help="the key's id")
    _command(commands, "doctor", "check server, key, versions, clock, engines, workers and GPU", "doctor:run")
    analyse = _command(commands, "analyse", "print what a study's history says", "analyse:run")
    analyse.add_argument("study", metavar="STUDY", help="the study's name or id")
    analyse.add_argument("kind", choices=ANALYSES, metavar="KIND", help=", ".join(ANALYSES))
    analyse.add_argument("--objective", metavar="METRIC", help="which one (default: the first, or all)")
    analyse.add_argument("--method", choices=["ped_anova", "fanova"], help="of importance (default: ped_anova)")
    analyse.add_argument("--parameters", nargs="+", metavar="NAME", help="only these")
    analyse.add_argument("--max-points", type=int, default=2000, metavar="N", help="(default: 2000)")
    analyse.add_argument("--csv", action="store_true", help="print CSV")
    _add_limit(analyse)
    _add_interchange(commands)
    completion = _command(commands, "completion", "print a completion script", "completion:show", asks=False)
    completion.add_argument("shell", choices=["bash", "zsh", "fish"])


def _add_interchange(commands: "argparse._SubParsersAction[Parser]") -> None:
    bring = _group(commands, "import", "bring in studies of other tools")
    optuna = _command(
        bring, "optuna", "make a study of one in an Optuna storage, with its trials", "interchange:import_optuna"
    )
    optuna.add_argument("storage", metavar="STORAGE", help="sqlite:///FILE, postgresql://... or a journal file")
    optuna.add_argument("--study", metavar="NAME", help="which one, when there are several")
    optuna.add_argument("--name", help="its name here (default: the same)")
    optuna.add_argument("--dry-run", action="store_true", help="print the definition and make nothing")
    for tool, of in (
        ("wandb", "a W&B sweep's YAML"),
        ("katib", "a Katib experiment's YAML"),
        ("vizier", "a Vizier study's JSON"),
        ("ray", "a Ray Tune space written as JSON or YAML"),
    ):
        one = _command(
            bring, tool, f"print the study file that is {of}, or make the study", "interchange:import_definition"
        )
        one.add_argument("file", metavar="FILE", help="- reads JSON from standard input")
        one.add_argument("--name", help="the study's name")
        one.add_argument("--create", action="store_true", help="make the study at once")
        one.set_defaults(tool=tool)
    send = _group(commands, "export", "write a study's trials to a file")
    for form, does in (
        ("csv", "write a study's trials as CSV"),
        ("jsonl", "write a study's trials as JSON, one a line"),
        ("optuna", "write a study as a journal that Optuna opens"),
    ):
        one = _named(send, form, does, "interchange:export")
        one.add_argument("file", metavar="FILE", nargs="?", help="a new file (default: standard output)")
        one.set_defaults(form=form)


def duration_s(text: str) -> float:
    """`90d`, `12h`, `30m` or `45s`, in seconds."""
    found = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if not found:
        raise argparse.ArgumentTypeError("write a duration as 45s, 30m, 12h or 90d")
    return int(found[1]) * {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}[found[2]]


def _group(
    commands: "argparse._SubParsersAction[Parser]", name: str, does: str
) -> "argparse._SubParsersAction[Parser]":
    parser = commands.add_parser(name, help=does, description=_sentence(does))
    parser.set_defaults(parser=parser)
    return parser.add_subparsers(title="commands", metavar="COMMAND")


def _command(
    commands: "argparse._SubParsersAction[Parser]", name: str, does: str, run: str, *, asks: bool = True
) -> Parser:
    """A command; `asks`: it asks a server, so it takes --url, --key-file and --json."""
    parser = commands.add_parser(name, help=does, description=_sentence(does), allow_abbrev=False)
    parser.set_defaults(run=run)
    if asks:
        parser.add_argument("--url", help="the server's address")
        parser.add_argument("--key-file", metavar="FILE", help="where the key is")
        parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _named(commands: "argparse._SubParsersAction[Parser]", name: str, does: str, run: str) -> Parser:
    parser = _command(commands, name, does, run)
    parser.add_argument("study", metavar="STUDY", help="the study's name or id")
    return parser


def _add_limit(parser: Parser) -> None:
    parser.add_argument("--limit", type=int, default=50, metavar="N", help="at most this many (default: 50; 0: all)")


def _sentence(does: str) -> str:
    return does[0].upper() + does[1:] + "."
