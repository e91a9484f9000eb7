"""`studyhall worker list`, `studyhall algorithms` and `studyhall trainables`: what the server and its fleet can do."""

import argparse
import sys
import time
from typing import Final

from studyhall.commands.asking import client_for
from studyhall.commands.printing import print_json, print_table
from studyhall.errors import NotFound
from studyhall.wire.fleet import MachineUse

LOOK_S: Final = 1.0
"""How often a worker that is waited for is asked about, in seconds."""


def show_workers(arguments: argparse.Namespace) -> None:
    """Lists the workers the server knows."""
    workers = list(client_for(arguments).workers())
    if arguments.json:
        print_json([worker.to_dict() for worker in workers])
        return
    columns = ("NAME", "STATE", "RUNNING", "COMPLETED", "FAILED", "LOAD", "GPUS", "VERSION", "SEEN", "TRAINABLES")
    rows = [
        (
            w.name,
            w.state,
            f"{w.running}/{w.slots}",
            w.completed,
            w.failed if not w.failed else f"{w.failed} ({w.failure_rate or 0:.0%})",
            _load(w.machine),
            _gpus(w.machine),
            w.version,
            w.last_seen_at,
            w.capabilities.trainables,
        )
        for w in workers
    ]
    print_table(columns, rows, empty="no workers; start one: studyhall worker")


def _load(machine: MachineUse | None) -> str | None:
    return None if machine is None else f"{machine.load:g}/{machine.cpus}"


def _gpus(machine: MachineUse | None) -> list[str]:
    """Each with how much of its memory is used, as far as somebody tells."""
    gpus = machine.gpus if machine else ()
    return [
        gpu.name if not gpu.memory_mb else f"{gpu.name} {(gpu.memory_used_mb or 0) / gpu.memory_mb:.0%}" for gpu in gpus
    ]


def change_worker(arguments: argparse.Namespace) -> None:
    """Drains a worker, puts it aside, or takes it back."""
    client = client_for(arguments)
    worker = client.change_worker(arguments.name, arguments.state, reason=arguments.reason)
    while arguments.wait and worker.running:
        time.sleep(LOOK_S)
        found = next((each for each in client.workers() if each.name == worker.name), None)
        if found is None:
            raise NotFound(f"worker {worker.name} is not known any more")
        worker = found
    if arguments.json:
        print_json(worker.to_dict())
    else:
        sys.stdout.write(f"worker {worker.name} is {worker.state}\n")


def show_algorithms(arguments: argparse.Namespace) -> None:
    """Lists the engines and the stopping rules."""
    found = client_for(arguments).algorithms()
    if arguments.json:
        print_json([algorithm.to_dict() for algorithm in found])
    else:
        rows = [(a.kind, a.name, a.summary) for a in found]
        print_table(("KIND", "NAME", "WHAT IT IS FOR"), rows, empty="no algorithms")


def show_trainables(arguments: argparse.Namespace) -> None:
    """Lists the built-in trainables of the fleet."""
    found = client_for(arguments).trainables()
    if arguments.json:
        print_json([trainable.to_dict() for trainable in found])
    else:
        rows = [(t.name, t.metrics, t.summary) for t in found]
        print_table(("NAME", "METRICS", "WHAT IT TRAINS"), rows, empty="no trainables: no worker has registered any")
