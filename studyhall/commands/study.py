"""`studyhall study ...`."""

import argparse
import sys
import warnings

from studyhall.commands.asking import client_for, limited
from studyhall.commands.assignments import changed_fields, read_assignments
from studyhall.commands.printing import (
    cell_text,
    end_with_reader,
    print_facts,
    print_json,
    print_json_line,
    print_table,
)
from studyhall.commands.study_file import read_study_file
from studyhall.errors import Conflict, InvalidInput
from studyhall.progress import ProgressLine
from studyhall.study import Study, StudyState
from studyhall.study_handle import StudyHandle
from studyhall.trial import Trial
from studyhall.wire.results import Summary

REPAINT_S = 1.0
"""How often the time that has passed is painted anew, in seconds."""


def create(arguments: argparse.Namespace) -> int:
    """Makes a study from a file."""
    changes = {"name": arguments.name, "if_exists": arguments.if_exists}
    definition = read_study_file(arguments.file, **changes)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        study = client_for(arguments).create_study_from(definition)
    for warning in told:
        sys.stderr.write(f"studyhall: {warning.message}\n")
    if arguments.wait and not arguments.watch:
        for summary in study.summaries():
            _check_goes_on(summary)
        _say(study.refresh(), as_json=arguments.json)
        return _code(study)
    if not arguments.json:
        sys.stdout.write(f"study '{study.name}' is {study.definition.state} ({study.id})\n")
    elif not arguments.watch:
        print_json(study.definition.to_dict())
    return _watch(study, as_json=arguments.json) if arguments.watch else 0


def show_list(arguments: argparse.Namespace) -> None:
    """Lists studies."""
    filters = {"state": arguments.state, "label": arguments.label, "archived": arguments.archived}
    found = client_for(arguments).studies(**filters)
    studies = [study.definition for study in limited(found, arguments.limit)]
    if arguments.json:
        print_json([study.to_dict() for study in studies])
        return
    columns = ("NAME", "STATE", "TRIALS", "RUNNING", "BEST", "ALGORITHM", "CREATED")
    print_table(columns, map(_row, studies), empty="no studies; make one: studyhall study create FILE")


def show(arguments: argparse.Namespace) -> None:
    """Shows one study."""
    handle = _study(arguments)
    study = handle.definition
    if arguments.json:
        print_json(study.to_dict())
    else:
        stands_still = study.task is not None and study.state is StudyState.ACTIVE and not study.trials.running
        print_facts(_facts(study) | {"note": handle.summary().no_worker if stands_still else None})


def watch(arguments: argparse.Namespace) -> int:
    """Shows a study's progress until it ends; 1 when it failed."""
    return _watch(_study(arguments), as_json=arguments.json)


def best(arguments: argparse.Namespace) -> None:
    """Shows the best trial, or the Pareto front."""
    study = _study(arguments)
    several = len(study.definition.objectives) > 1
    first = None if several else study.best()
    trials = study.pareto() if several else [first] if first else []
    if arguments.json:
        print_json([trial.to_dict() for trial in trials])
    elif several:
        columns = ("NUMBER", "ID", "METRICS", "PARAMETERS")
        print_table(columns, [(t.number, t.id, t.metrics, t.parameters) for t in trials], empty="no results yet")
    elif first is None:
        sys.stdout.write("no results yet\n")
    else:
        _print_best(first)


def parameters(arguments: argparse.Namespace) -> None:
    """Lists all parameters that a trial may have, those of an architecture too."""
    found = [parameter.to_dict() for parameter in _study(arguments).parameters()]
    if arguments.json:
        print_json(found)
        return
    rows = [(one.pop("name"), one.pop("type"), one.pop("when", None), one) for one in found]
    print_table(("NAME", "TYPE", "WHEN", "DOMAIN"), rows, empty="no parameters")


def change(arguments: argparse.Namespace) -> None:
    """Changes what may change in a study."""
    study = _study(arguments)
    _say(study.change(**changed_fields(arguments.assignments, study.definition.to_dict())), as_json=arguments.json)


def show_events(arguments: argparse.Namespace) -> None:
    """Prints what has happened, as it happens with --follow."""
    end_with_reader()
    for event in _study(arguments).events(arguments.after, follow=arguments.follow):
        if arguments.json:
            print_json_line(event.to_dict())
        else:
            trial = "" if event.number is None else f"trial {event.number}"
            facts = {name: value for name, value in event.data.items() if value not in (None, {}, [])}
            told = cell_text(facts) if facts else ""
            sys.stdout.write(f"{event.sequence:>6}  {event.kind:<18}  {trial:<11}  {told}".rstrip() + "\n")
            sys.stdout.flush()


def show_changes(arguments: argparse.Namespace) -> None:
    """Prints the sequence number of every study, then of those that change with --follow."""
    end_with_reader()
    for changed in client_for(arguments).changes(follow=arguments.follow):
        for study, sequence in changed.items():
            if arguments.json:
                print_json_line({"study": study, "sequence": sequence})
            else:
                sys.stdout.write(f"{'gone' if sequence is None else sequence:>8}  {study}\n")
        sys.stdout.flush()


def predict(arguments: argparse.Namespace) -> None:
    """Prints what the model expects at a point."""
    (found,) = _study(arguments).predict(read_assignments(arguments.assignments))
    if arguments.json:
        print_json(found.to_dict())
    else:
        rows = [(metric, mean, found.deviation[metric]) for metric, mean in found.mean.items()]
        print_table(("OBJECTIVE", "EXPECTED", "DEVIATION"), rows, empty="nothing is expected")


def pause(arguments: argparse.Namespace) -> None:
    """Hands out no more trials for now."""
    study = _study(arguments)
    study.pause(running="save" if arguments.save else "go_on")
    _say(_settled(study, wait=arguments.wait), as_json=arguments.json)


def resume(arguments: argparse.Namespace) -> None:
    """Hands out trials again."""
    _say(_study(arguments).resume(), as_json=arguments.json)


def stop(arguments: argparse.Namespace) -> None:
    """Ends a study."""
    study = _study(arguments)
    study.stop(mode=arguments.mode, reason=arguments.reason)
    _say(_settled(study, wait=arguments.wait), as_json=arguments.json)


def archive(arguments: argparse.Namespace) -> None:
    """Puts an ended study away."""
    _say(_study(arguments).archive(), as_json=arguments.json)


def unarchive(arguments: argparse.Namespace) -> None:
    """Takes an archived study back."""
    _say(_study(arguments).unarchive(), as_json=arguments.json)


def delete(arguments: argparse.Namespace) -> None:
    """Deletes a study, after asking."""
    study = _study(arguments)
    if not arguments.yes:
        _confirm(study.definition)
    study.delete(force=arguments.force)
    if arguments.json:
        print_json({"deleted": study.id})
    else:
        sys.stdout.write(f"study '{study.name}' is deleted\n")


def _study(arguments: argparse.Namespace) -> StudyHandle:
    return client_for(arguments).study(arguments.study)


def _watch(study: StudyHandle, *, as_json: bool) -> int:
    end_with_reader()
    objective = study.definition.objectives[0]
    with ProgressLine(stream=sys.stdout, shown=not as_json) as line:
        told = -1
        for summary in study.summaries(every_s=REPAINT_S):
            line.show(summary, goal=objective, total=summary.planned_trials)
            if as_json and summary.sequence != told:  # a program wants to hear what is new
                print_json_line(summary.to_dict())
            told = summary.sequence
            _check_goes_on(summary)
    if not as_json:
        _say(study.refresh(), as_json=False)
        found = study.best() if len(study.definition.objectives) == 1 else None
        if found:
            _print_best(found)
    return _code(study)


def _check_goes_on(summary: Summary) -> None:
    """Ends a wait that a person has to end: nothing runs, and nothing will before the study is resumed."""
    if summary.state is StudyState.PAUSED and not summary.trials.get("running"):
        raise Conflict(f"study '{summary.name}' is paused and nothing runs: studyhall study resume '{summary.name}'")


def _settled(study: StudyHandle, *, wait: bool) -> Study:
    """The study as it is, or once no trial of it runs any more."""
    if wait:
        for summary in study.summaries():
            if not summary.trials.get("running"):
                break
        return study.refresh()
    return study.definition


def _code(study: StudyHandle) -> int:
    return 1 if study.definition.state is StudyState.FAILED else 0


def _row(study: Study) -> tuple[object, ...]:
    trials = study.trials
    total = f"{trials.finished}/{study.planned_trials}" if study.planned_trials else trials.finished
    value = study.best.value if study.best else None
    return study.name, study.state, total, trials.running, value, study.algorithm.name, study.created_at


def _facts(study: Study) -> dict[str, object]:
    best = f"{study.best.value:.6g} (trial {study.best.number}, {study.best.trial})" if study.best else None
    task = study.task
    return {
        "name": study.name,
        "id": study.id,
        "state": study.state,
        "reason": study.reason,
        "objectives": [f"{objective.goal} {objective.metric}" for objective in study.objectives],
        "best": best,
        "trials": {state: count for state, count in study.trials.to_dict().items() if count},
        "budget": study.budget.to_dict(),
        "algorithm": study.algorithm.name,
        "seed": study.algorithm.seed,
        "stopping": study.stopping.rule,
        "parameters": [parameter.name for parameter in study.space.scalars],
        "task": (task.trainable or task.entry_point or " ".join(task.command or ())) if task else None,
        "labels": study.labels,
        "description": study.description,
        "created": study.created_at,
        "ended": study.ended_at,
        "archived": study.archived_at,
    }


def _print_best(trial: Trial) -> None:
    print_facts({"best trial": f"{trial.number} ({trial.id})", **trial.metrics})
    sys.stdout.write("parameters\n")
    print_facts({f"  {name}": value for name, value in trial.parameters.items()})


def _say(study: Study, *, as_json: bool) -> None:
    if as_json:
        print_json(study.to_dict())
    else:
        why = f" ({study.reason})" if study.reason else ""
        put_away = " and archived" if study.archived_at else ""
        sys.stdout.write(f"study '{study.name}' is {study.state}{why}{put_away}\n")


def _confirm(study: Study) -> None:
    if not sys.stdin.isatty():
        raise InvalidInput("deleting cannot be undone; say --yes")
    sys.stderr.write(f"Delete study '{study.name}' with its {study.trials.total} trials? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise InvalidInput("nothing was deleted")
