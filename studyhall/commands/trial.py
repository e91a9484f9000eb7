"""`studyhall trial ...`."""

import argparse
import sys
import time
from pathlib import Path
from typing import Final

from studyhall.client import Client
from studyhall.commands.asking import client_for, limited, trial_id, trial_of
from studyhall.commands.assignments import changed_fields, read_assignments
from studyhall.commands.printing import end_with_reader, print_facts, print_json, print_json_line, print_table
from studyhall.errors import Conflict
from studyhall.study import StudyState
from studyhall.study_handle import Sort
from studyhall.trial import Prediction, Trial, TrialState

LOOK_S: Final = 1.0
"""How often a trial that is waited for is asked about, in seconds."""


def show_list(arguments: argparse.Namespace) -> None:
    """Lists a study's trials."""
    study = client_for(arguments).study(arguments.study)
    filters = {"state": arguments.state, "label": arguments.label, "worker": arguments.worker}
    trials = list(limited(study.trials(sort=_sort(arguments), **filters), arguments.limit))
    if arguments.json:
        print_json([trial.to_dict() for trial in trials])
        return
    metrics = [objective.metric for objective in study.definition.objectives]
    columns = ("NUMBER", "ID", "STATE", *(metric.upper() for metric in metrics), "ATTEMPT", "PARAMETERS")
    rows = [
        (t.number, t.id, t.state, *(t.metrics.get(metric) for metric in metrics), t.attempt, t.parameters)
        for t in trials
    ]
    print_table(columns, rows, empty="no trials")


def show(arguments: argparse.Namespace) -> None:
    """Shows one trial, and what it reported."""
    client = client_for(arguments)
    trial = trial_of(client, arguments.id)
    measurements = list(client.measurements(trial.id))
    if arguments.json:
        print_json(trial.to_dict() | {"measurements": [measurement.to_dict() for measurement in measurements]})
        return
    print_facts(_facts(trial))
    if measurements:
        sys.stdout.write("\n")
        names = sorted({name for measurement in measurements for name in measurement.metrics})
        rows = [(m.attempt, m.step, *(m.metrics.get(name) for name in names)) for m in measurements]
        print_table(("ATTEMPT", "STEP", *(name.upper() for name in names)), rows, empty="")


def columns(arguments: argparse.Namespace) -> None:
    """Prints many trials at once, newest first, as columns."""
    study = client_for(arguments).study(arguments.study)
    print_json_line(study.trial_columns(limit=arguments.limit, cursor=arguments.cursor).to_dict())


def explain(arguments: argparse.Namespace) -> None:
    """Tells why a trial was suggested."""
    client = client_for(arguments)
    found = client.explain(trial_id(client, arguments.id))
    if arguments.json:
        print_json(found.to_dict())
        return
    print_facts(
        {
            "trial": found.number,
            "algorithm": found.algorithm,
            "source": found.source,
            "why": found.why,
            "results known": found.results,
            "expected today": "" if found.now is None else _expected(found.now),
        }
    )
    if found.odds:
        sys.stdout.write("\n")
        columns = ("OBJECTIVE", "PREDICTED", "DEVIATION", "BEST THEN", "CHANCE", "BY MEAN", "BY DOUBT", "OUTCOME")
        rows = [(o.metric, o.mean, o.deviation, o.best, o.chance, o.by_mean, o.by_doubt, o.outcome) for o in found.odds]
        print_table(columns, rows, empty="")
    if found.differences:
        sys.stdout.write(f"\nagainst the best other trial, {found.compared_with}\n")
        differences = [(d.parameter, d.value, d.value_of_best, d.mean) for d in found.differences]
        print_table(("PARAMETER", "HERE", "THERE", "EXPECTED CHANGE"), differences, empty="")


def network(arguments: argparse.Namespace) -> None:
    """Draws the network of a trial's parameters, a line for each layer."""
    client = client_for(arguments)
    found = client.network(trial_id(client, arguments.id))
    if arguments.json:
        print_json(found.to_dict())
        return
    sys.stdout.write(f"{found.drawing}\n")


def queue(arguments: argparse.Namespace) -> None:
    """Queues an assignment to try next."""
    labels = {name: str(value) for name, value in read_assignments(arguments.label or ()).items()}
    study = client_for(arguments).study(arguments.study)
    (trial,) = study.queue(read_assignments(arguments.assignments), labels=labels)
    _say(trial, arguments, "is queued")


def add(arguments: argparse.Namespace) -> None:
    """Queues or imports the trials of a file, in portions; each is added whole or not at all."""
    study = client_for(arguments).study(arguments.study)
    added = study.add_file(arguments.file)
    if arguments.json:
        print_json({"study": study.id, "added": added})
    else:
        counted = "1 trial is" if added == 1 else f"{added} trials are"
        sys.stdout.write(f"{counted} added to study '{study.name}'\n")


def attempts(arguments: argparse.Namespace) -> None:
    """Lists who has run a trial."""
    client = client_for(arguments)
    found = list(client.attempts(trial_id(client, arguments.id)))
    if arguments.json:
        print_json([attempt.to_dict() for attempt in found])
        return
    rows = [(a.attempt, a.worker, a.started_at, a.ended_at, a.outcome, a.reason) for a in found]
    print_table(("ATTEMPT", "WORKER", "STARTED", "ENDED", "OUTCOME", "REASON"), rows, empty="nobody has run it yet")


def change(arguments: argparse.Namespace) -> None:
    """Changes notes, labels, whether it counts, or corrects metrics."""
    client = client_for(arguments)
    trial = trial_of(client, arguments.id)
    fields = changed_fields(arguments.assignments, trial.to_dict())
    _say(client.change_trial(trial.id, **fields), arguments, "is changed")


def stop(arguments: argparse.Namespace) -> None:
    """Asks a running trial to end soon."""
    client = client_for(arguments)
    trial = client.stop_trial(trial_id(client, arguments.id), reason=arguments.reason)
    if arguments.wait:
        trial = _ended(client, trial)
    _say(trial, arguments, f"is {trial.state}" if arguments.wait else "is asked to stop")


def cancel(arguments: argparse.Namespace) -> None:
    """Ends a trial at once."""
    client = client_for(arguments)
    _say(client.cancel_trial(trial_id(client, arguments.id), reason=arguments.reason), arguments, "is cancelled")


def retry(arguments: argparse.Namespace) -> int:
    """Queues a finished trial's parameters once more; with --wait, 1 when that failed too."""
    client = client_for(arguments)
    trial = client.retry_trial(trial_id(client, arguments.id))
    if not arguments.wait:
        _say(trial, arguments, f"repeats {arguments.id}")
        return 0
    trial = _ended(client, trial)
    _say(trial, arguments, f"repeated {arguments.id} and is {trial.state}")
    return 1 if trial.state == "failed" else 0


def show_log(arguments: argparse.Namespace) -> None:
    """Prints what a trial's code has printed."""
    end_with_reader()
    client = client_for(arguments)
    parts = client.log(trial_id(client, arguments.id), attempt=arguments.attempt, follow=arguments.follow)
    if arguments.json:
        print_json({"id": arguments.id, "text": "".join(parts)})
        return
    for part in parts:
        sys.stdout.write(printable(part))
        sys.stdout.flush()


def show_artifacts(arguments: argparse.Namespace) -> None:
    """Lists the files a trial has kept, or copies those of the latest attempt that kept any."""
    client = client_for(arguments)
    id = trial_id(client, arguments.id)
    found = list(client.artifacts(id))
    if arguments.save is not None:
        found = [artifact for artifact in found if artifact.attempt == found[0].attempt]
        for artifact in found:
            client.save_artifact(id, artifact, Path(arguments.save) / artifact.name)
    if arguments.json:
        print_json([artifact.to_dict() for artifact in found])
        return
    rows = [(each.name, each.attempt, each.size, each.sha256[:12], each.created_at) for each in found]
    print_table(("NAME", "ATTEMPT", "BYTES", "SHA256", "KEPT"), rows, empty="no artifacts")


def printable(text: str) -> str:
    """A text without what would command a terminal: only lines, tabs and what can be seen."""
    return "".join(char for char in text if char in "\n\t" or char.isprintable())


def _expected(prediction: Prediction) -> str:
    return "; ".join(f"{m} {mean:.6g} ± {prediction.deviation[m]:.3g}" for m, mean in prediction.mean.items())


def _sort(arguments: argparse.Namespace) -> Sort:
    match arguments.sort, arguments.reverse:
        case "value", True:
            return "-value"
        case "value", _:
            return "value"
        case _, True:
            return "-number"
    return "number"


def _ended(client: Client, trial: Trial) -> Trial:
    """The trial once nothing of it changes any more. Raises Conflict when it waits in a study that is paused."""
    while not trial.state.is_final:
        if trial.state is TrialState.WAITING:
            study = client.study(trial.study)
            if study.definition.state is StudyState.PAUSED:
                resume = f"studyhall study resume {study.name}"
                raise Conflict(
                    f"trial {trial.number} ({trial.id}) is queued, but its study is paused; first '{resume}'"
                )
        time.sleep(LOOK_S)
        trial = client.trial(trial.id)
    return trial


def _say(trial: Trial, arguments: argparse.Namespace, what: str) -> None:
    if arguments.json:
        print_json(trial.to_dict())
    else:
        sys.stdout.write(f"trial {trial.number} ({trial.id}) {what}\n")


def _facts(trial: Trial) -> dict[str, object]:
    return {
        "id": trial.id,
        "number": trial.number,
        "state": trial.state,
        "reason": trial.reason,
        "failure": trial.failure,
        "metrics": trial.metrics,
        "parameters": trial.parameters,
        "source": trial.source,
        "why": trial.why,
        "attempt": trial.attempt,
        "worker": trial.worker,
        "last step": trial.step,
        "stop requested": trial.stop_requested,
        "labels": trial.labels,
        "note": trial.note,
        "created": trial.created_at,
        "started": trial.started_at,
        "finished": trial.finished_at,
    }
