"""The grammar of `studyhall study ...` and `studyhall trial ...`."""

from studyhall.commands.command_parser import (
    Commands,
    Parser,
    add_command,
    add_group,
    add_limit,
    add_named,
    add_trial_argument,
    duration_s,
)


def add_studies(commands: "Commands[Parser]") -> None:
    """`study create`, `list`, `watch`, `stop` and their like."""
    study = add_group(commands, "study", "make, watch and end studies")
    create = add_command(study, "create", "make a study from a JSON or YAML file", "study:create")
    create.add_argument("file", metavar="FILE", help="the definition; - reads standard input")
    create.add_argument("--name", help="instead of the file's")
    create.add_argument("--if-exists", choices=["error", "get"], help="what to do when the name is taken")
    create.add_argument("--watch", action="store_true", help="stay and show its progress until it ends")
    create.add_argument("--wait", action="store_true", help="stay in silence until it has ended")
    listing = add_command(study, "list", "list studies", "study:show_list")
    listing.add_argument("--state", help="only those in this state")
    listing.add_argument("--label", metavar="KEY=VALUE", help="only those with this label")
    listing.add_argument("--archived", action="store_true", help="those put away, instead of the others")
    add_limit(listing)
    add_named(study, "show", "show one study", "study:show")
    add_named(study, "parameters", "list all parameters that a trial may have", "study:parameters")
    add_named(study, "watch", "show a study's progress until it ends", "study:watch")
    add_named(study, "best", "show the best trial, or the Pareto front of several objectives", "study:best")
    confirm = add_named(study, "confirm", "run the best trials again with other seeds, and rank them", "confirming:run")
    confirm.add_argument("--top", type=int, default=3, metavar="N", help="how many trials (default: 3)")
    confirm.add_argument("--seeds", type=int, default=3, metavar="N", help="how often each (default: 3)")
    confirm.add_argument("--name", help="of the study that runs them (default: the name and -confirmed)")
    confirm.add_argument("--wait", action="store_true", help="until all of them have ended")
    change = add_named(study, "change", "change what may change in a study", "study:change")
    _add_assignments(
        change, "FIELD=VALUE", "budget.max_trials=200, priority=2, labels.team=vision, labels.old=null ..."
    )
    events = add_named(study, "events", "print what has happened in a study", "study:show_events")
    events.add_argument("--after", type=int, default=0, metavar="SEQ", help="only after this sequence number")
    events.add_argument("--follow", action="store_true", help="wait for more until the study has ended")
    changes = add_command(study, "changes", "print how far every study is", "study:show_changes")
    changes.add_argument("--follow", action="store_true", help="and go on with every study that changes")
    predict = add_named(study, "predict", "print what the model expects at a point of the space", "study:predict")
    _add_assignments(predict, "PARAMETER=VALUE", "lr=0.01 optimizer=adam ...")
    pause = add_named(study, "pause", "hand out no more trials for now", "study:pause")
    pause.add_argument("--save", action="store_true", help="running trials save a checkpoint, and go on after 'resume'")
    pause.add_argument("--wait", action="store_true", help="until no trial runs any more")
    add_named(study, "resume", "hand out trials again", "study:resume")
    stop = add_named(study, "stop", "end a study", "study:stop")
    stop.add_argument(
        "--mode",
        choices=["drain", "graceful", "kill"],
        default="graceful",
        help="drain: running trials end by themselves; graceful: they are asked to; kill: they are cancelled at once",
    )
    stop.add_argument("--reason", help="kept with the study")
    stop.add_argument("--wait", action="store_true", help="until no trial runs any more")
    add_named(study, "archive", "put an ended study away: out of the lists, and read-only", "study:archive")
    add_named(study, "unarchive", "take an archived study back", "study:unarchive")
    share = add_named(study, "share", "make a link with which anyone may look at a study", "share:create")
    share.add_argument("--name", default="", help="whom it is for")
    share.add_argument("--expires-in", type=duration_s, default=7 * 86_400.0, metavar="TIME", help="(default: 7d)")
    add_named(study, "shares", "list the links to a study", "share:show_list")
    unshare = add_named(study, "unshare", "end such a link at once", "share:revoke")
    unshare.add_argument("id", metavar="LINK", help="its id, as 'shares' lists it")
    delete = add_named(study, "delete", "delete a study and all its trials", "study:delete")
    delete.add_argument("--yes", action="store_true", help="do not ask")
    delete.add_argument("--force", action="store_true", help="even while trials are running")
    add_command(
        study, "schema", "print the JSON schema of study files, for editors", "schema:show", asks=False, document=True
    )


def add_trials(commands: "Commands[Parser]") -> None:
    """`trial list`, `show`, `queue`, `logs` and their like."""
    trial = add_group(commands, "trial", "look at trials, stop or repeat them")
    listing = add_named(trial, "list", "list a study's trials", "trial:show_list")
    listing.add_argument("--state", help="only those in this state")
    listing.add_argument("--label", metavar="KEY=VALUE", help="only those with this label")
    listing.add_argument("--worker", help="only those this worker has run")
    listing.add_argument("--sort", choices=["number", "value"], default="number", help="(default: number)")
    listing.add_argument("--reverse", action="store_true", help="the last, or largest, first")
    add_limit(listing)
    columns = add_named(
        trial, "columns", "print many trials at once as columns of JSON", "trial:columns", document=True
    )
    columns.add_argument("--limit", type=int, default=10_000, metavar="N", help="the newest ones (default: 10000)")
    columns.add_argument("--cursor", help="go on where an answer ended: its next_cursor")
    queue = add_named(
        trial, "queue", "queue an assignment to try next; what it leaves open is suggested", "trial:queue"
    )
    _add_assignments(queue, "PARAMETER=VALUE", "lr=0.01 optimizer=adam ...", least="*")
    queue.add_argument("--label", action="append", metavar="KEY=VALUE", help="of the trial; may be repeated")
    add = add_named(trial, "add", "queue trials, or import finished ones, from a file", "trial:add")
    add.add_argument(
        "file",
        metavar="FILE",
        help='JSON, one a line: {"parameters": {...}, "state": "completed", "metrics": {...}} (- reads standard input),'
        " or what 'studyhall export' has written",
    )
    for name, does in (
        ("show", "show one trial and what it reported"),
        ("explain", "tell why a trial was suggested, what it promised and what came of it"),
        ("network", "draw the network that a trial's parameters describe"),
        ("attempts", "list who has run a trial, and how each attempt ended"),
        ("stop", "ask a running trial to end soon; its last measurement stands"),
        ("cancel", "end a trial at once, without a result"),
        ("retry", "queue a finished trial's parameters once more"),
    ):
        one = add_command(trial, name, does, f"trial:{name}")
        add_trial_argument(one)
        if name in ("stop", "cancel"):
            one.add_argument("--reason", help="kept with the trial")
        if name in ("stop", "retry"):
            one.add_argument("--wait", action="store_true", help="until it has ended")
    change = add_command(trial, "change", "change notes, labels, whether it counts, or correct metrics", "trial:change")
    add_trial_argument(change)
    _add_assignments(change, "FIELD=VALUE", "note='too hot', labels.seen=yes, excluded=true, metrics.loss=0.3 ...")
    logs = add_command(trial, "logs", "print what a trial's code has printed", "trial:show_log", document=True)
    add_trial_argument(logs)
    logs.add_argument("--attempt", type=int, metavar="N", help="of this attempt (default: the latest)")
    logs.add_argument("--follow", action="store_true", help="wait for more until the attempt has ended")
    kept = add_command(trial, "artifacts", "list the files a trial has kept, or copy them here", "trial:show_artifacts")
    add_trial_argument(kept)
    kept.add_argument("--save", metavar="DIR", help="copy those of the latest attempt to this directory")


def _add_assignments(parser: Parser, metavar: str, examples: str, *, least: str = "+") -> None:
    parser.add_argument("assignments", nargs=least, metavar=metavar, help=f"{examples}; a value is JSON, or else text")
