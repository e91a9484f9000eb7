"""The options of `studyhall worker`, which is `python -m workers`."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from studyhall.commands.command_parser import Parser
from studyhall.errors import FieldError, InvalidInput
from studyhall.home import find_server, home_directory
from workers.attempt import Patiences
from workers.child.isolation import NotIsolated, check_isolation
from workers.configuration import AllowList, Configuration, worker_name


def read_command_line(arguments: Sequence[str]) -> Configuration:
    """The configuration that the arguments and the environment describe.

    Raises:
        SystemExit: an option is unknown or does not fit; argparse has said so.
        StudyhallError: no server is known, or a file cannot be read.
    """
    given = _parser().parse_args(arguments)
    _check_executor(given)
    _check_isolation(given.isolation)
    url, key = find_server(given.url, key_file=given.key_file)
    home = home_directory()
    return Configuration(
        url=url,
        key=key,
        name=given.name or worker_name(),
        executor=given.executor,
        address=given.address,
        study=given.study,
        slots=_slots(given.slots or "1"),
        trainables=tuple(given.trainables.split(",")) if given.trainables != "none" else (),
        allow=AllowList.of(given.allow),
        import_from=tuple(_directory(path) for path in given.path),
        preload=tuple(given.preload),
        directory=Path(given.directory or home / "workers").absolute(),
        artifacts=_store(given.artifacts or str(home / "artifacts")),
        checkpoint_every_s=given.checkpoint_s,
        keep_days=given.keep_days,
        data=Path(given.data).absolute(),
        gpus=_gpus(given.gpus),
        gpus_per_trial=given.gpus_per_trial,
        threads=given.threads,
        memory_mb=given.memory_mb,
        labels=dict(_label(text) for text in given.label),
        pass_on=tuple(given.env),
        is_strict=given.isolation == "strict",
        lease_s=given.lease_s,
        exit_when_idle_s=given.exit_when_idle,
        patiences=Patiences(
            grace_s=given.grace_s,
            shutdown_s=min(given.grace_s, Patiences.shutdown_s),
            timeout_s=given.timeout_s,
            outage_s=given.outage_s,
        ),
    )


def _check_executor(given: argparse.Namespace) -> None:
    if given.executor == "ray":
        wrong = [("--slots", given.slots), ("--gpus", given.gpus != "auto")]
        why = "Ray knows what its nodes have: leave this out, and use --threads and --gpus-per-trial for one trial"
    else:
        wrong, why = [("--address", given.address)], "names a Ray cluster: give --executor ray too"
    if faults := [FieldError(option, why) for option, is_given in wrong if is_given]:
        raise InvalidInput("this worker cannot start", errors=faults)


def _check_isolation(kind: str) -> None:
    try:
        if kind == "strict":
            check_isolation()
    except NotIsolated as error:
        why = f"this system cannot keep a trial apart ({error}); leave it out, or run the worker in a container"
        raise InvalidInput("this worker cannot start", errors=[FieldError("--isolation", why)]) from None


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="studyhall worker",
        description="Runs the trials of a Studyhall server on this machine, until Ctrl-C. 'studyhall worker list' shows"
        " those that the server knows, 'studyhall worker change' drains one.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    where = "the server; by default what 'studyhall up' or STUDYHALL_URL says"
    add("--url", help=where)
    add("--key-file", help="a file with the worker's key; by default STUDYHALL_KEY or STUDYHALL_KEY_FILE")
    add("--name", help="how the server shows this worker; by default the host and a random part")
    add("--executor", choices=("local", "ray"), default="local", help=_EXECUTOR)
    add(
        "--address", metavar="HOST:PORT", help="of the Ray cluster; by default what RAY_ADDRESS says, or this machine's"
    )
    add("--study", help="run trials of this study only, by name or id")
    add(
        "--slots",
        metavar="N",
        help="how many trials run at once; 'auto': as many as there are GPUs for, or one for each core (default: 1)",
    )
    add("--gpus", default="auto", metavar="auto|none|IDS", help=_GPUS)
    add("--gpus-per-trial", type=_gpus_per_trial, metavar="N", help=_GPUS_PER_TRIAL)
    add("--threads", type=_count, default=1, metavar="N", help="threads of each trial (default: 1)")
    add("--memory-mb", type=_count, metavar="N", help="what one trial may use (default: 9/10 of the machine)")
    add("--label", action="append", default=[], metavar="NAME=VALUE", help="a label that tasks may ask for")
    code = parser.add_argument_group("what it runs")
    add = code.add_argument
    add("--trainables", default="*", metavar="A,B|none", help="built-in trainables to offer (default: all)")
    add("--allow", action="append", default=[], metavar="package.module:function|package.*|PROGRAM", help=_ALLOW)
    add("--path", action="append", default=[], metavar="DIR", help="a directory to import your packages from")
    add("--preload", action="append", default=[], metavar="MODULE", help="a module to import once, not in each trial")
    add("--env", action="append", default=[], metavar="NAME", help="a variable of this environment that trials see")
    add("--isolation", choices=("process", "strict"), default="process", help=_ISOLATION)
    add("--data", default=".", metavar="DIR", help="where CSV files for the trainables are (default: here)")
    places = parser.add_argument_group("where it keeps things")
    add = places.add_argument
    add("--directory", metavar="DIR", help="scratch, logs and undelivered results (default: ~/.studyhall/workers)")
    add("--artifacts", metavar="DIR|URL", help=_ARTIFACTS)
    add("--keep-days", type=_days, default=Configuration.keep_days, metavar="N", help=_KEEP)
    times = parser.add_argument_group("how long things may take, in seconds")
    add = times.add_argument
    add("--lease-s", type=_seconds, default=Configuration.lease_s, help="a trial's lease (default: %(default)g)")
    add("--grace-s", type=_seconds, default=Patiences.grace_s, help="from asking a trial to stop to terminating it")
    add("--timeout-s", type=_seconds, default=Patiences.timeout_s, help="the longest trial (default: %(default)g)")
    add("--checkpoint-s", type=_seconds, default=60.0, help="between two checkpoints of a trial (default: 60)")
    add(
        "--outage-s", type=_seconds, default=Patiences.outage_s, help="training without a server (default: %(default)g)"
    )
    add("--exit-when-idle", type=_seconds, metavar="SECONDS", help="end after so long without a trial, had or to come")
    return parser


_EXECUTOR = (
    "where trials run: in slots of this machine, or on the nodes of a Ray cluster, as many as there is room for "
    "(default: local)"
)
_ISOLATION = (
    "'strict': no network, no file written outside of its own directory, no signal to processes of others (Linux 5.13 "
    "or newer; default: process)"
)
_GPUS = (
    "the GPUs to share out among the slots: 'auto' is all that this process may see, otherwise indices, UUIDs or "
    "MIG ids, separated by commas (default: auto)"
)
_GPUS_PER_TRIAL = (
    "GPUs of each trial, or the fraction of one; a worker that is told this does not start without a GPU "
    "(default: one, or less if there are more slots than GPUs)"
)


_ALLOW = (
    "code of yours that trials may run: a function, all below a package, or a program; "
    "whoever may create studies can run it here"
)


_ARTIFACTS = (
    "saved models and checkpoints: a directory, or a URL such as s3://bucket/prefix; workers that shall resume each "
    "other's trials share it (default: ~/.studyhall/artifacts)"
)


_KEEP = "how long the logs of trials stay in --directory; the server has its own setting (default: %(default)g)"


def _directory(path: str) -> str:
    if not Path(path).is_dir():
        fault = FieldError("--path", f"there is no directory '{path}' here")
        raise InvalidInput("this worker cannot start", errors=[fault])
    return str(Path(path).absolute())


def _store(place: str) -> str:
    return place if "://" in place else str(Path(place).absolute())


def _slots(text: str) -> int | None:
    if text == "auto":
        return None
    if text.isdecimal() and 1 <= int(text) <= 1024:
        return int(text)
    raise InvalidInput("this worker cannot start", errors=[FieldError("--slots", "a number from 1 to 1024, or 'auto'")])


def _label(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator:
        raise InvalidInput("this worker cannot start", errors=[FieldError("--label", f"'{text}' is not NAME=VALUE")])
    return name, value


def _gpus(text: str) -> tuple[str, ...] | None:
    if text == "auto":
        return None
    return () if text == "none" else tuple(name.strip() for name in text.split(",") if name.strip())


def _gpus_per_trial(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if 0.01 <= value < 1 or (1 <= value <= 64 and value == int(value)):
        return value
    raise argparse.ArgumentTypeError(f"'{text}' is neither a fraction of a GPU from 0.01 nor a number of whole ones")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no number from 1")
    return int(text)


def _days(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value <= 36500:
        raise argparse.ArgumentTypeError(f"'{text}' is no number of days")
    return value


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError(f"'{text}' is no number of seconds")
    return value
