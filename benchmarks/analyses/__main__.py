"""Every analysis of a large study, in processor seconds: `python -m benchmarks.analyses [--trials 10000,100000]`.

Two figures for each: what the server spends on reading the question (on a reader's thread), and what the analyst spends
on the answer. Imports are not counted: the analyst lives on between questions. The study is made over the API.
"""

import argparse
import importlib
import json
import math
import random
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import text

from app.analysis.answering import ANALYSES, answer
from app.api.queries import AnalysisQuery
from app.engine_model import EngineModel
from app.services.analysing import Asked, read_question
from app.services.principal import Principal
from app.services.reading import history
from app.storage.connect import make_engine
from app.storage.database import Database
from benchmarks.service.http_client import Client
from benchmarks.service.studyhall_peer import Studyhall

SPACE = {
    "parameters": [
        {"name": "rate", "type": "float", "low": 1e-6, "high": 1.0, "scale": "log"},
        {"name": "momentum", "type": "float", "low": 0.0, "high": 1.0},
        {"name": "decay", "type": "float", "low": 0.0, "high": 0.1},
        {"name": "drop", "type": "float", "low": 0.0, "high": 0.9},
        {"name": "layers", "type": "int", "low": 1, "high": 8},
        {"name": "width", "type": "int", "low": 8, "high": 512, "scale": "log"},
        {"name": "act", "type": "categorical", "choices": ["relu", "tanh", "gelu"]},
        {"name": "warm", "type": "bool"},
        {"name": "steps", "type": "int", "low": 1, "high": 100, "when": "warm == True"},
    ]
}
OBJECTIVES = [{"metric": "loss"}, {"metric": "gain", "goal": "maximize"}]
QUESTIONS: list[dict[str, str]] = [{"kind": kind} for kind in sorted(ANALYSES)]
QUESTIONS += [{"kind": "importance", "method": "fanova"}]
QUESTIONS += [{"kind": kind, "method": "forest"} for kind in ("ablation", "contour", "partial_dependence")]


def trials(count: int) -> Iterator[dict[str, Any]]:
    """Completed trials, some failed ones among them, each with three measurements."""
    source = random.Random(1)
    for _ in range(count):
        at: dict[str, Any] = {
            "rate": 10 ** source.uniform(-6, 0),
            "momentum": source.random(),
            "decay": source.uniform(0, 0.1),
        }
        at |= {"drop": source.uniform(0, 0.9), "layers": source.randint(1, 8), "width": source.randint(8, 512)}
        at |= {"act": source.choice(["relu", "tanh", "gelu"]), "warm": source.random() < 0.5}
        if at["warm"]:
            at["steps"] = source.randint(1, 100)
        loss = abs(math.log10(at["rate"]) + 3) + at["drop"] ** 2 + (at["act"] == "tanh") + source.gauss(0, 0.05)
        metrics = {"loss": loss, "gain": at["layers"] * at["momentum"] + source.gauss(0, 0.05)}
        if source.random() < 0.05:
            yield {"parameters": at, "state": "failed", "reason": "out of memory"}
            continue
        steps = [{"step": step, "metrics": {"loss": loss * (1 + 1 / step)}} for step in (1, 2, 3)]
        yield {"parameters": at, "state": "completed", "metrics": metrics, "measurements": steps}


def make_study(url: str, folder: Path, count: int) -> str:
    """The id of a new study of so many trials; predictions are written beside the API, which imports none."""
    server = Studyhall("analyses", url, folder)
    server.setup()
    client = Client(server.port, server.key)
    body = {"name": f"of-{count}", "space": SPACE, "objectives": OBJECTIVES, "algorithm": {"name": "random", "seed": 1}}
    study = str(client.ask("POST", "/v1/studies", body)["id"])
    waiting = list(trials(count))
    for start in range(0, count, 500):
        client.ask("POST", f"/v1/studies/{study}/trials", {"trials": waiting[start : start + 500]})
    server.teardown()
    engine = make_engine(url, writes=True, connections=1)
    with engine.begin() as connection:
        predicted = json.dumps({"mean": {"loss": 2.0, "gain": 2.0}, "deviation": {"loss": 1.0, "gain": 2.0}})
        connection.execute(text("UPDATE trials SET predicted = :p WHERE metrics IS NOT NULL"), {"p": predicted})
    engine.dispose()
    return study


def _ignored(*changed: object) -> None:
    """Nobody waits for changes here."""


def measure(url: str, study: str) -> Iterator[tuple[str, float, float, int]]:
    """(kind, seconds to read, seconds to answer, bytes of the answer)."""
    importlib.import_module("sklearn.ensemble")
    database = Database(url, _ignored)
    principal = Principal(key_id="bench", project="default", scope="admin")
    try:
        for asked in QUESTIONS:
            options = AnalysisQuery().model_dump(mode="json") | asked
            kind = options.pop("kind")
            if kind == "parallel":
                options["max_points"] = 100_000
            read = partial(read_question, study_id=study, asked=Asked(kind, options), now=time.time())
            began = time.process_time()
            question, _ = database.read_now(read)
            between = time.process_time()
            body = answer(question, engine_model=EngineModel)
            ended = time.process_time()
            yield f"{kind} {asked.get('method', '')}".strip(), between - began, ended - between, len(body)
        began = time.process_time()
        told, _ = database.read_now(partial(history, principal=principal, name=study, objective=None, max_points=3000))
        yield "history", time.process_time() - began, 0.0, len(told.model_dump_json())
    finally:
        database.close()


def main() -> None:
    """Prints one table for each number of trials."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.analyses", description=__doc__)
    parser.add_argument("--trials", default="10000,100000", help="numbers of trials (default: 10000,100000)")
    for count in map(int, parser.parse_args().trials.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            url = f"sqlite:///{folder}/analyses.db"
            study = make_study(url, Path(folder), count)
            print(f"\n{count} trials\n\n| analysis | read, s | answer, s | KB |\n|---|---|---|---|")
            for name, read_s, answer_s, size in measure(url, study):
                print(f"| {name} | {read_s:.2f} | {answer_s:.2f} | {size / 1000:.0f} |", flush=True)


if __name__ == "__main__":
    main()
