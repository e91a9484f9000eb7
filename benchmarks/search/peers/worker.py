"""Runs peers in their environment: `python -m benchmarks.search.peers.worker MODULE:CLASS`, a JSON line in, one out.

    {"new": {"space": …, "objectives": 1, "seed": 0, "budget": 50}}  a game begins
    {"ask": 5}                                                     answers "parameters"
    {"tell": {"parameters": …, "values": [0.1]}}                   values null: it failed

Each answer says how much CPU it took, `cpu_s`, and how much memory the process ever had, `peak_mb`.
"""

import json
import os
import resource
import sys
import time
import traceback
from importlib import import_module
from typing import Any, TextIO

from benchmarks.search.peers.peer import Peer
from studyhall.space import Space


def main() -> None:
    """Answers until its input ends. What libraries print goes to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    module, _, name = sys.argv[1].partition(":")
    kind = getattr(import_module(f"benchmarks.search.peers.{module}"), name)
    knows = {what: getattr(kind, f"knows_{what}") for what in ("conditions", "failures", "several_objectives")}
    _write(answers, {"knows": knows})
    peer: Peer | None = None
    for line in sys.stdin:
        request = json.loads(line)
        started = time.process_time()
        try:
            peer, answer = _answer(kind, peer, request)
        except Exception as error:  # noqa: BLE001 - whatever a library raises ends its game, not the benchmark
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"[:300]}
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        _write(answers, answer | {"cpu_s": time.process_time() - started, "peak_mb": round(peak_mb)})


def _answer(kind: type[Peer], peer: Peer | None, request: dict[str, Any]) -> tuple[Peer | None, dict[str, Any]]:
    if game := request.get("new"):
        return kind(
            Space.model_validate_json(json.dumps(game["space"])), game["objectives"], game["seed"], game["budget"]
        ), {}
    assert peer is not None
    if told := request.get("tell"):
        peer.tell(told["parameters"], None if told["values"] is None else tuple(told["values"]))
        return peer, {}
    return peer, {"parameters": peer.ask(request["ask"])}


def _write(answers: TextIO, answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
