"""`studyhall trial ...`."""

import argparse
import sys
from pathlib import Path

from studyhall.commands.asking import client_for, limited
from studyhall.commands.printing import print_facts, print_json, print_table
from studyhall.study_handle import Sort
from studyhall.trial import Prediction, Trial


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
    trial = client.trial(arguments.id)
    measurements = list(client.measurements(arguments.id))
    if arguments.json:
        print_json(trial.to_dict() | {"measurements": [measurement.to_dict() for measurement in measurements]})
        return
    print_facts(_facts(trial))
    if measurements:
        sys.stdout.write("\n")
        names = sorted({name for measurement in measurements for name in measurement.metrics})
        rows = [(m.attempt, m.step, *(m.metrics.get(name) for name in names)) for m in measurements]
        print_table(("ATTEMPT", "STEP", *(name.upper() for name in names)), rows, empty="")


def explain(arguments: argparse.Namespace) -> None:
    """Tells why a trial was suggested."""
    found = client_for(arguments).explain(arguments.id)
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
    found = client_for(arguments).network(arguments.id)
    if arguments.json:
        print_json(found.to_dict())
        return
    sys.stdout.write(f"{found.drawing}\n")


def stop(arguments: argparse.Namespace) -> None:
    """Asks a running trial to end soon."""
    _say(client_for(arguments).stop_trial(arguments.id, reason=arguments.reason), arguments, "is asked to stop")


def cancel(arguments: argparse.Namespace) -> None:
    """Ends a trial at once."""
    _say(client_for(arguments).cancel_trial(arguments.id, reason=arguments.reason), arguments, "is cancelled")


def retry(arguments: argparse.Namespace) -> None:
    """Queues a finished trial's parameters once more."""
    _say(client_for(arguments).retry_trial(arguments.id), arguments, f"repeats {arguments.id}")


def show_log(arguments: argparse.Namespace) -> None:
    """Prints what a trial's code has printed."""
    parts = client_for(arguments).log(arguments.id, attempt=arguments.attempt, follow=arguments.follow)
    if arguments.json:
        print_json({"id": arguments.id, "text": "".join(parts)})
        return
    for part in parts:
        sys.stdout.write(printable(part))
        sys.stdout.flush()


def show_artifacts(arguments: argparse.Namespace) -> None:
    """Lists the files a trial has kept, or copies those of the latest attempt that kept any."""
    client = client_for(arguments)
    found = list(client.artifacts(arguments.id))
    if arguments.save is not None:
        found = [artifact for artifact in found if artifact.attempt == found[0].attempt]
        for artifact in found:
            client.save_artifact(arguments.id, artifact, Path(arguments.save) / artifact.name)
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
